"""The signals: curves and data, and the windows cut from them."""

from liquidlib.signals.csv_column import read_column
from liquidlib.signals.curve import Curve, Samples, Window
from liquidlib.signals.sines import Sines, sines

__all__ = ["Curve", "Samples", "Sines", "Window", "read_column", "sines"]
