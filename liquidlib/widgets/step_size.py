"""The step size of a solver, to push until it breaks."""

import anywidget
import traitlets

from liquidlib import checks
from liquidlib.widgets.front import script, style


class StepSize(anywidget.AnyWidget):
    """One LTC neuron and three solvers: how large a step may be, and what happens beyond.

    The neuron follows ``v' = (0 - v) + w * s(t) * (1 - v)``: a leak of conductance 1 to the
    potential 0, and a synapse of conductance ``w`` and reversal potential 1, which an input pulse
    opens, ``s = 1``, and shuts, ``s = 0``; the capacitance is 1. Drawn are the exact solution and
    what explicit Euler, RK4 and the fused solver make of it in equal steps (the pulse begins and
    ends with a step); below, by which factor a step multiplies an error. What the reader sets comes
    back to the attributes, and an attribute set in Python redraws the widget.

    Parameters
    ----------
    step : float, in [0.001, 8]
        Length of a solver's step, in time constants of the leak; up to the whole picture.
    weight : float, >= 0
        Conductance of the open synapse, in conductances of the leak.

    Raises
    ------
    traitlets.TraitError
        If a value is not a number or out of its range.

    Notes
    -----
    A solver multiplies what separates it from the end value by the same factor in each step, which
    depends on ``z``, the step times the neuron's rate: explicit Euler by ``1 - z``, the fused
    solver by ``1 / (1 + z)``, RK4 by ``1 - z + z**2 / 2 - z**3 / 6 + z**4 / 24``. The solvers are
    those of `LTC`.

    Examples
    --------
    >>> StepSize(step=0.3).weight
    9.0
    """

    _esm = script("solvers", "step_size")
    _css = style()

    step = traitlets.Float(0.22).tag(sync=True)
    weight = traitlets.Float(9.0).tag(sync=True)

    def __init__(self, step: float = 0.22, weight: float = 9.0) -> None:
        super().__init__(step=step, weight=weight)

    @traitlets.validate("step", "weight")
    def _check(self, proposal: dict) -> float:
        name, value = proposal["trait"].name, proposal["value"]
        try:
            if name == "step":
                return checks.number(name, value, 0.001, 8)
            return checks.number(name, value, 0)
        except ValueError as error:  # traitlets undoes a change on its own error only
            raise traitlets.TraitError(str(error)) from None
