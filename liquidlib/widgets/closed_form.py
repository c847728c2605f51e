"""The CfC paper's formula over the neuron's own curve, and how far it is off."""

import anywidget
import traitlets

from liquidlib import checks
from liquidlib.widgets.front import script, style

RANGES = {"w_tau": (0, 3), "A": (-1, 1), "x0": (-1, 1), "amplitude": (-6, 6), "frequency": (0.1, 6)}
CHOICES = {"kind": ("constant", "step", "sine"), "rest": ("0", "A")}


class ClosedForm(anywidget.AnyWidget):
    """A liquid neuron's equation and the closed form of the CfC paper, over ten units of time.

    The page solves the neuron's equation by Runge-Kutta, draws the formula over it, and below
    both the error with the bound of the paper's lemma 1. What the reader sets comes back to the
    attributes, and an attribute set in Python redraws the widget.

    Parameters
    ----------
    w_tau : float, in [0, 3]
        Rate of the leak, per unit of time.
    A, x0 : float, in [-1, 1]
        Reversal potential of the synapse, and start.
    rest : {"0", "A"}
        Where the leak pulls: to 0 as in the paper's equation (1), or to ``A`` as in its lemma 1.
    kind : {"constant", "step", "sine"}
        The input: ``amplitude`` throughout; minus it and from time 5 on plus it; or a sine.
    amplitude : float, in [-6, 6]
    frequency : float, in [0.1, 6]
        Of the sine, in radians per unit of time.

    Raises
    ------
    traitlets.TraitError
        If a value is not among those.

    Notes
    -----
    The same as `ltc_neuron` and `closed_form`. Hasani et al. 2022, "Closed-form continuous-time
    neural networks".

    Examples
    --------
    >>> ClosedForm(kind="step", amplitude=3).rest
    '0'
    """

    _esm = script("solvers", "closed_form")
    _css = style()

    w_tau = traitlets.Float(0.5).tag(sync=True)
    A = traitlets.Float(1.0).tag(sync=True)
    x0 = traitlets.Float(-1.0).tag(sync=True)
    rest = traitlets.Unicode("0").tag(sync=True)
    kind = traitlets.Unicode("sine").tag(sync=True)
    amplitude = traitlets.Float(3.0).tag(sync=True)
    frequency = traitlets.Float(1.5).tag(sync=True)

    def __init__(
        self,
        w_tau: float = 0.5,
        A: float = 1.0,
        x0: float = -1.0,
        rest: str = "0",
        kind: str = "sine",
        amplitude: float = 3.0,
        frequency: float = 1.5,
    ) -> None:
        super().__init__(
            w_tau=w_tau,
            A=A,
            x0=x0,
            rest=rest,
            kind=kind,
            amplitude=amplitude,
            frequency=frequency,
        )

    @traitlets.validate(*RANGES, *CHOICES)
    def _check(self, proposal: dict) -> float | str:
        name, value = proposal["trait"].name, proposal["value"]
        try:
            if name in CHOICES:
                return checks.choice(name, value, CHOICES[name])
            return checks.number(name, value, *RANGES[name])
        except ValueError as error:  # traitlets undoes a change on its own error only
            raise traitlets.TraitError(str(error)) from None
