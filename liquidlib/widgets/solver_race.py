"""Solvers in a race: what an error costs, counted in evaluations of the neuron's equation."""

import anywidget
import traitlets

from liquidlib import checks
from liquidlib.widgets.front import script, style

BUDGETS = [2**k for k in range(2, 12)]
_RANGES = {"weight": (1, 200), "frequency": (0.1, 4), "wanted": (1e-8, 1)}


class SolverRace(anywidget.AnyWidget):
    r"""One LTC neuron, five ways to solve it, and one budget for all: evaluations of its equation.

    The neuron is that of `StepSize`, and hears a sine for 4 seconds:

    .. math:: \dot v = (0 - v) + w\,s(t)\,(1 - v), \qquad s(t) = \sigma(5\,(\sin 2\pi f t - 0.5)),

    with time in seconds, and ``v = 0`` at the start. An evaluation is one look at what pushes the
    neuron and at its rate ``1 + w s``; explicit Euler, the fused solver and the exact step take one
    a step, RK4 four, Dormand-Prince six. Drawn are what they make of it with the same budget, over
    the solution, and the largest error at the end of a step against the evaluations spent. "Race"
    doubles the budget from 4 to 2048 a second. What the reader sets comes back to the attributes,
    and an attribute set in Python redraws the widget.

    Parameters
    ----------
    budget : int
        Evaluations a second of the neuron's time: a power of two from 4 to 2048.
    weight : float, in [1, 200]
        Conductance of the open synapse, in conductances of the leak. The rate reaches almost
        ``1 + weight`` a second: the larger, the stiffer.
    frequency : float, in [0.1, 4]
        Of the input, in hertz.
    wanted : float, in [1e-8, 1]
        The largest error allowed: the finish line of the race.
    held : bool
        Whether the neuron hears 16 samples a second, each held until the next, as it would from a
        sequence. Default False: it hears the sine itself.

    Raises
    ------
    traitlets.TraitError
        If a value is out of its range.

    Notes
    -----
    Steps of equal length are a power of two in a second, so that samples begin with a step. The
    exact step takes the input at its beginning for the whole step. Where the input is held, with a
    step a sample or more, it is exact; it is a closed form of this one neuron, not a trained CfC.

    Dormand-Prince, of order 5 with an error estimate of order 4, chooses its steps by itself, up to
    a quarter of a second, for a tolerance of the estimated error of a step. Of the tolerances
    ``10 ** -1, 10 ** -1.5, ..., 10 ** -9.5`` it gets the tightest that its budget pays for, with
    the steps that it takes again: known only afterwards. It is not told where samples begin.

    The solution is that of RK4 with 8192 steps a second; errors below 1e-9 are not told apart. A
    solver "exploded" if it is off by more than 1, the neuron's whole range.

    Sources: the fused and the explicit solvers as in `LTC`; Dormand and Prince (1980), "A family of
    embedded Runge-Kutta formulae", J. Comput. Appl. Math. 6, the pair RK5(4)7M.

    Examples
    --------
    >>> SolverRace(weight=10).budget
    32
    """

    _esm = script("solvers", "dormand_prince", "solver_race")
    _css = style()

    budget = traitlets.Int(32).tag(sync=True)
    weight = traitlets.Float(100.0).tag(sync=True)
    frequency = traitlets.Float(0.5).tag(sync=True)
    wanted = traitlets.Float(0.001).tag(sync=True)
    held = traitlets.Bool(False).tag(sync=True)

    def __init__(
        self,
        budget: int = 32,
        weight: float = 100.0,
        frequency: float = 0.5,
        wanted: float = 0.001,
        held: bool = False,
    ) -> None:
        super().__init__(
            budget=budget, weight=weight, frequency=frequency, wanted=wanted, held=held
        )

    @traitlets.validate("budget")
    def _check_budget(self, proposal: dict) -> int:
        if proposal["value"] not in BUDGETS:
            raise traitlets.TraitError(
                f"budget must be a power of two from 4 to 2048, got {proposal['value']!r}"
            )
        return proposal["value"]

    @traitlets.validate(*_RANGES)
    def _check(self, proposal: dict) -> float:
        name = proposal["trait"].name
        try:
            return checks.number(name, proposal["value"], *_RANGES[name])
        except ValueError as error:  # traitlets undoes a change on its own error only
            raise traitlets.TraitError(str(error)) from None
