"""LTC, the network whose closed form the CfC is: a model that the book's package does not hold."""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from liquidlib import SequenceModel, Uniform

# What each parameter is drawn from, uniformly. Weight, leak and capacitance pass a softplus.
RANGES = {
    "leak": (0.001, 1.0),
    "leak_potential": (-0.2, 0.2),
    "capacitance": (0.4, 0.6),
    "weight": (0.001, 1.0),
    "steepness": (3.0, 8.0),
    "midpoint": (0.3, 0.8),
    "reversal": (-1.0, 1.0),  # the sign of it: 1 or -1
}


class LTC(SequenceModel):
    r"""Liquid time-constant network, every neuron wired to every other one.

    Each synapse opens with the potential before it, and pulls the neuron behind it towards its
    own reversal potential :math:`E`:

    .. math:: C \dot v = g (v_g - v) + \sum w\, \sigma(\gamma (v_{pre} - \mu))\, (E - v).

    A time step is ``unfolds`` semi-implicit Euler steps of :math:`\delta = \Delta` / ``unfolds``,
    :math:`v \leftarrow (C v + \delta (g v_g + \sum w \sigma E)) / (C + \delta (g + \sum w
    \sigma))`, which a time span of 0 leaves as it is.

    Source: Hasani et al. (2021), "Liquid time-constant networks", AAAI; initial ranges as in the
    authors' code. ``w``, ``C`` and ``g`` are positive by a softplus.

    Parameters
    ----------
    input_size, hidden_size, output_size : int
        F, H, and the width of the read-out (None: no read-out).
    unfolds : int
        Solver steps in a time step. Default 6, as in the authors' code.
    seed : int
        Of the initial weights.

    Notes
    -----
    The state is one tensor (B, H), the potentials.
    """

    name = "ltc"
    label = "LTC"
    uses_timespans = True
    uses_mask = False

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        output_size: int | None = None,
        unfolds: int = 6,
        seed: int = 0,
    ) -> None:
        super().__init__(input_size, hidden_size, output_size)
        self.unfolds = unfolds
        for name in ("leak", "leak_potential", "capacitance"):
            self.register_parameter(name, nn.Parameter(torch.empty(hidden_size)))
        for synapse, width in (("input_", input_size), ("", hidden_size)):
            for name in ("weight", "steepness", "midpoint", "reversal"):
                shape = (hidden_size, width)  # behind the synapse, before it
                self.register_parameter(synapse + name, nn.Parameter(torch.empty(shape)))
        if output_size is not None:
            self.readout = nn.Linear(hidden_size, output_size)
        self.reset_parameters(seed)

    def initial(self, name: str, parameter: Tensor) -> Uniform:
        """Return the uniform distribution of the parameter's range."""
        if name.startswith("readout."):
            return super().initial(name, parameter)
        low, high = RANGES[name.removeprefix("input_")]
        return Uniform((high - low) / 2, centre=(high + low) / 2)

    def reset_parameters(self, seed: int) -> None:
        """Draw all parameters anew; of the reversal potentials only the signs."""
        super().reset_parameters(seed)
        with torch.no_grad():
            for name, parameter in self.named_parameters():
                if name.endswith("reversal"):
                    parameter.copy_(torch.where(parameter < 0, -1.0, 1.0))

    def initial_state(self, x: Tensor) -> Tensor:
        """Return zeros (B, H)."""
        return x.new_zeros(x.shape[0], self.hidden_size)

    def state_shapes(self, batch: int) -> tuple[tuple[int, ...], ...]:
        """Return the shape of each tensor of the state."""
        return ((batch, self.hidden_size),)

    def synapses(self, kind: str) -> Callable[[Tensor], tuple[Tensor, Tensor]]:
        """Return what gives, for the potentials before the synapses, their two sums.

        One is of all conductances, one of each times its reversal potential, both (B, H).
        """
        weight, steepness, midpoint, reversal = (
            getattr(self, kind + name) for name in ("weight", "steepness", "midpoint", "reversal")
        )
        weight = softplus(weight)

        def sums(before: Tensor) -> tuple[Tensor, Tensor]:
            gate = torch.sigmoid(steepness * (before[:, None] - midpoint))  # (B, H, width)
            conductance = weight * gate
            return conductance.sum(-1), (conductance * reversal).sum(-1)

        return sums

    def _run(
        self, x: Tensor, state: Tensor, timespans: Tensor, mask: Tensor
    ) -> tuple[Tensor, Tensor, dict[str, Tensor]]:
        leak, capacitance = softplus(self.leak), softplus(self.capacitance)
        sense, connect = self.synapses("input_"), self.synapses("")
        states = []
        for x_t, timespan in zip(x.unbind(1), timespans[:, :, None].unbind(1), strict=True):
            delta = timespan / self.unfolds
            opened, current = sense(x_t)  # once a time step
            opened, current = leak + opened, leak * self.leak_potential + current
            for _ in range(self.unfolds):
                conductance, drive = connect(state)
                state = (capacitance * state + delta * (current + drive)) / (
                    capacitance + delta * (opened + conductance)
                )
            states.append(state)
        hidden = torch.stack(states, dim=1)  # (B, T, H)
        return hidden, state, {"state": hidden}
