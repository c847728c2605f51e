"""Widgets: a playground, the gate of one neuron, recorded runs, a tape to step, a sweep's map.

All live in two places: in a notebook with a kernel, and in the built page without one.
"""

from liquidlib.widgets.gate import Gate
from liquidlib.widgets.playground import Playground
from liquidlib.widgets.sweep_map import SweepMap
from liquidlib.widgets.tape import TapeStepper
from liquidlib.widgets.tracking import Tracking

__all__ = ["Gate", "Playground", "SweepMap", "TapeStepper", "Tracking"]
