"""Widgets: a playground, the gate of one neuron, runs that follow a signal, a tape to step.

All live in two places: in a notebook with a kernel, and in the built page without one.
"""

from liquidlib.widgets.gate import Gate
from liquidlib.widgets.playground import Playground
from liquidlib.widgets.tape import TapeStepper
from liquidlib.widgets.tracking import Tracking

__all__ = ["Gate", "Playground", "TapeStepper", "Tracking"]
