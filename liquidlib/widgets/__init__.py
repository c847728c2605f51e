"""Widgets: a playground, a neuron's gate, a solver's steps, recorded runs, a tape, a sweep's map.

All live in two places: in a notebook with a kernel, and in the built page without one.
"""

from liquidlib.widgets.closed_form import ClosedForm
from liquidlib.widgets.gate import Gate
from liquidlib.widgets.playground import Playground
from liquidlib.widgets.solver_race import SolverRace
from liquidlib.widgets.step_size import StepSize
from liquidlib.widgets.sweep_map import SweepMap
from liquidlib.widgets.tape import TapeStepper
from liquidlib.widgets.tracking import Tracking
from liquidlib.widgets.wiring_editor import WiringEditor

__all__ = [
    "ClosedForm",
    "Gate",
    "Playground",
    "SolverRace",
    "StepSize",
    "SweepMap",
    "TapeStepper",
    "Tracking",
    "WiringEditor",
]
