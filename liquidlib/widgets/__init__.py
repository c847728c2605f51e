"""Widgets: the gate of one neuron, and runs that follow a signal online.

Both live in two places: in a notebook with a kernel, and in the built page without one.
"""

from liquidlib.widgets.gate import Gate
from liquidlib.widgets.tracking import Tracking

__all__ = ["Gate", "Tracking"]
