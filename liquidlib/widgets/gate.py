"""The gate of one CfC neuron, to take hold of."""

import anywidget
import traitlets

from liquidlib import checks
from liquidlib.widgets.front import script, style


class Gate(anywidget.AnyWidget):
    """The update of one CfC neuron: two targets, a gate, and the elapsed time between them.

    Drawn over the elapsed time: the new state ``h' = g1 * (1 - s) + s * g2`` between its two
    targets, and below it the gate ``s = sigmoid(a * dt + b)`` with its complement ``1 - s``.
    Targets, elapsed time and the gate's weights can be dragged; what the reader sets comes
    back to the attributes, and an attribute set in Python redraws the widget.

    Parameters
    ----------
    g1, g2 : float, in [-1, 1]
        The two targets: outputs of tanh heads in the CfC.
    a, b : float
        Outputs of the gate's two heads: time weight (per unit of time) and offset.
    dt : float, >= 0
        Elapsed time, in the units of the timespans.

    Raises
    ------
    traitlets.TraitError
        If a value is not a number or out of its range.

    Notes
    -----
    Hasani et al. 2022, "Closed-form continuous-time neural networks", in the form of the
    authors' code (mode "default"). What some texts call the inverse sigmoid is the
    complement ``1 - s``, not the logit.

    Examples
    --------
    >>> Gate(g1=-1.0, dt=2.0).dt
    2.0
    """

    _esm = script("gate")
    _css = style()

    g1 = traitlets.Float(-0.8).tag(sync=True)
    g2 = traitlets.Float(0.8).tag(sync=True)
    a = traitlets.Float(1.0).tag(sync=True)
    b = traitlets.Float(-2.0).tag(sync=True)
    dt = traitlets.Float(1.0).tag(sync=True)

    def __init__(
        self, g1: float = -0.8, g2: float = 0.8, a: float = 1.0, b: float = -2.0, dt: float = 1.0
    ) -> None:
        super().__init__(g1=g1, g2=g2, a=a, b=b, dt=dt)

    @traitlets.validate("g1", "g2", "a", "b", "dt")
    def _check(self, proposal: dict) -> float:
        name = proposal["trait"].name
        low, high = {"g1": (-1, 1), "g2": (-1, 1), "dt": (0, float("inf"))}.get(
            name, (-float("inf"), float("inf"))
        )
        try:
            return checks.number(name, proposal["value"], low, high)
        except ValueError as error:  # traitlets undoes a change on its own error only
            raise traitlets.TraitError(str(error)) from None
