"""LTC, the liquid time-constant network: neurons whose clock their inputs set."""

from collections.abc import Callable, Iterator

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import softplus
from torch.nn.utils import skip_init

from liquidlib import checks
from liquidlib.models.initial import Constant, Distribution, SoftplusUniform, Uniform
from liquidlib.models.sequence import SequenceModel
from liquidlib.models.solvers import SOLVERS, Sums
from liquidlib.models.wirings import Wiring, for_model

RANGES = {
    "leak": (0.001, 1.0),
    "leak_potential": (-0.2, 0.2),
    "capacitance": (0.4, 0.6),
    "weight": (0.001, 1.0),
    "steepness": (3.0, 8.0),
    "midpoint": (0.3, 0.8),
}
"""What each parameter is drawn from, uniformly."""
POSITIVE = ("leak", "capacitance", "weight")
"""What is held as the number whose softplus it is."""


class Synapses(nn.Module):
    r"""Synapses from one set of neurons to another: each opens with the potential before it.

    The conductance of a synapse is :math:`w\,\sigma(\gamma(v - \mu))`, and it pulls the neuron
    behind it towards its reversal potential :math:`E`. Only those of the wiring conduct.

    Attributes
    ----------
    weight, steepness, midpoint, reversal : Parameter (N, H)
        :math:`w` before its softplus, :math:`\gamma, \mu, E`; a row for each neuron before the
        synapses, a column for each behind.
    mask : Tensor (N, H)
        1 where there is a synapse, 0 where there is none.
    """

    def __init__(self, polarity: np.ndarray) -> None:
        super().__init__()
        for name in ("weight", "steepness", "midpoint", "reversal"):
            self.register_parameter(name, nn.Parameter(torch.empty(polarity.shape)))
        self.register_buffer("mask", torch.empty(polarity.shape).copy_(torch.tensor(polarity != 0)))

    def weights(self) -> Tensor:
        """Return the largest conductance of each synapse (N, H), 0 where there is none."""
        return self.mask * softplus(self.weight)

    def sums(self, capacitance: Tensor) -> Callable[[Tensor], Tensor]:
        """Return what sums over the synapses, as push and rate of the neurons behind them.

        The function takes potentials (B, N) and returns (B, 2, H): the sum of the conductances
        times their reversal potentials, and that of the conductances, both over the capacitance
        (H,).
        """
        weight = self.weights() / capacitance
        weight = torch.stack([weight * self.reversal, weight])[None]  # (1, 2, N, H)
        slope = self.steepness[None, None]  # (1, 1, N, H)
        offset = -slope * self.midpoint

        def sums(before: Tensor) -> Tensor:
            before = before.reshape(len(before), 1, -1, 1)
            gate = torch.sigmoid(torch.addcmul(offset, slope, before))  # (B, 1, N, H)
            return (gate * weight).sum(-2)

        return sums


class LTC(SequenceModel):
    r"""Liquid time-constant network.

    A neuron is a leaky capacitor, with synapses from the inputs and from neurons. A synapse opens
    with the potential before it, and pulls the neuron behind it towards its own reversal
    potential :math:`E`:

    .. math:: C \dot v = g (v_g - v) + \sum w\,\sigma(\gamma (v_{pre} - \mu))\,(E - v).

    So the rate at which a neuron forgets, :math:`(g + \sum w \sigma) / C`, is set by what it
    hears. The elapsed time :math:`\Delta` is solved in ``unfolds`` equal steps, for which the
    input stays as it is. :math:`\Delta = 0` leaves the state alone.

    Source: Hasani et al. (2021), "Liquid time-constant networks", AAAI, algorithm 1 for the
    solver; an equation with a synapse for each pair of neurons, initial ranges and the mapping of
    the inputs as in the authors' code and in their package ncps.

    Parameters
    ----------
    input_size, hidden_size, output_size : int
        F, H, and the width of the read-out of the motor neurons (None: no read-out).
    solver : {"fused", "euler", "rk4"}
        Default ``"fused"``, the authors', which is stable however long the step. The explicit
        ones are not, see `liquidlib.models.solvers`.
    unfolds : int
        Solver steps in a time step. Default 6, as in the authors' code.
    wiring : Wiring, optional
        Of F sensory neurons and H others. Default: ``Wiring.fully_connected`` of the model's
        seed, where every neuron is a motor neuron.
    seed : int
        Of the initial weights. They are uniform: ``g`` and ``w`` in (0.001, 1), ``C`` in (0.4,
        0.6), ``v_g`` in (-0.2, 0.2), ``gamma`` in (3, 8), ``mu`` in (0.3, 0.8); ``E`` is the
        wiring's polarity, inputs are scaled by 1 and shifted by 0.

    Attributes
    ----------
    wiring : Wiring
    leak, leak_potential, capacitance : Parameter (H,)
        ``g`` and ``C`` before their softplus.
    sensory_synapses, synapses : Synapses
        From the inputs and from the neurons.
    input_scale, input_shift : Parameter (F,)

    Notes
    -----
    The state is one tensor (B, H), the potentials. ``record`` takes ``"state"``.

    ``g``, ``C`` and ``w`` are positive by a softplus, and it is their positive values that are
    drawn from the ranges above. ncps draws the numbers before the softplus from the same
    ranges, so that its ``w`` and ``g`` begin in (0.69, 1.31) and its ``C`` in (0.91, 1.04).

    A wired model has ``4 (S + K) + 3H + 2F`` parameters besides its read-out, for ``S`` sensory
    synapses and ``K`` others: `count_parameters` counts what conducts, though the matrices are
    whole.

    Examples
    --------
    >>> import torch
    >>> from liquidlib import LTC, Wiring
    >>> model = LTC(2, 12, 1, wiring=Wiring.auto_ncp(2, 12, 1))
    >>> output, state = model(torch.zeros(3, 5, 2), timespans=torch.full((3, 5), 0.1))
    >>> output.shape, state.shape
    (torch.Size([3, 5, 1]), torch.Size([3, 12]))
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
        *,
        solver: str = "fused",
        unfolds: int = 6,
        wiring: Wiring | None = None,
        seed: int = 0,
    ) -> None:
        super().__init__(input_size, hidden_size, output_size)
        self.solver = checks.choice("solver", solver, SOLVERS)
        self.unfolds = checks.integer("unfolds", unfolds, at_least=1)
        self._wired = wiring is not None
        self.wiring = (
            for_model(wiring, input_size, hidden_size)
            if self._wired
            else Wiring.fully_connected(input_size, hidden_size, seed=seed)
        )
        for name in ("leak", "leak_potential", "capacitance"):
            self.register_parameter(name, nn.Parameter(torch.empty(hidden_size)))
        for name in ("input_scale", "input_shift"):
            self.register_parameter(name, nn.Parameter(torch.empty(input_size)))
        self.sensory_synapses = Synapses(self.wiring.sensory)
        self.synapses = Synapses(self.wiring.adjacency)
        if output_size is not None:
            self.readout = skip_init(nn.Linear, self.wiring.motor_neurons, output_size)
        self.reset_parameters(seed)

    def initial(self, name: str, parameter: Tensor) -> Distribution:
        """Return the distribution that a parameter starts from."""
        if name.startswith("readout."):
            return super().initial(name, parameter)
        kind = name.rpartition(".")[2]
        if kind in RANGES:
            low, high = RANGES[kind]
            uniform = SoftplusUniform if kind in POSITIVE else Uniform
            return uniform((high - low) / 2, (high + low) / 2)
        return Constant(1.0 if kind == "input_scale" else 0.0)

    def reset_parameters(self, seed: int) -> None:
        """Draw all parameters anew; the reversal potentials are the wiring's polarities."""
        super().reset_parameters(seed)
        if not self._wired:
            self.wiring = Wiring.fully_connected(self.input_size, self.hidden_size, seed=seed)
        with torch.no_grad():
            self.sensory_synapses.reversal.copy_(torch.tensor(self.wiring.sensory))
            self.synapses.reversal.copy_(torch.tensor(self.wiring.adjacency))

    def masks(self) -> dict[str, Tensor]:
        """Return which numbers of each synapse's parameters count."""
        return {
            f"{name}.{kind}": synapses.mask
            for name, synapses in (
                ("sensory_synapses", self.sensory_synapses),
                ("synapses", self.synapses),
            )
            for kind, _ in synapses.named_parameters()
        }

    def initial_state(self, x: Tensor) -> Tensor:
        """Return zeros (B, H)."""
        return x.new_zeros(x.shape[0], self.hidden_size)

    def state_shapes(self, batch: int) -> tuple[tuple[int, ...], ...]:
        """Return the shape of each tensor of the state."""
        return ((batch, self.hidden_size),)

    def time_constants(self, x: Tensor, state: Tensor) -> Tensor:
        r"""Return each neuron's time constant of the moment, :math:`C / (g + \sum w \sigma)`.

        Parameters
        ----------
        x : Tensor (B, F)
        state : Tensor (B, H)

        Returns
        -------
        Tensor (B, H)
            In the unit of the timespans.
        """
        (sums,) = self._equations(x[:, None], x.new_ones(len(x), 1))
        _, rate = sums(state)
        return 1 / rate

    def _read_out(self, hidden: Tensor) -> Tensor:
        return self.readout(hidden[..., : self.wiring.motor_neurons])

    def _equations(self, x: Tensor, steps: Tensor) -> Iterator[Sums]:
        """Yield for each time step what gives push and rate of a state, per solver step.

        ``x`` is (B, T, F), ``steps`` (B, T) holds the length of the solver's steps.
        """
        capacitance = softplus(self.capacitance)
        leak = softplus(self.leak) / capacitance  # the rate without any synapse
        heard = (self.input_scale * x + self.input_shift).flatten(0, 1)  # (B T, F)
        heard = self.sensory_synapses.sums(capacitance)(heard).unflatten(0, steps.shape)
        outside = heard + torch.stack([leak * self.leak_potential, leak])  # (B, T, 2, H)
        inside = self.synapses.sums(capacitance)
        steps = steps[:, :, None, None]
        for outside_t, step in zip((steps * outside).unbind(1), steps.unbind(1), strict=True):

            def sums(v: Tensor, outside_t: Tensor = outside_t, step: Tensor = step) -> tuple:
                push, rate = torch.addcmul(outside_t, step, inside(v)).unbind(1)  # (B, H) each
                return push, rate

            yield sums

    def _run(
        self, x: Tensor, state: Tensor, timespans: Tensor, mask: Tensor
    ) -> tuple[Tensor, Tensor, dict[str, Tensor]]:
        solve, states = SOLVERS[self.solver], []
        for sums in self._equations(x, timespans / self.unfolds):
            for _ in range(self.unfolds):
                state = solve(sums, state)
            states.append(state)
        hidden = torch.stack(states, dim=1)  # (B, T, H)
        return hidden, state, {"state": hidden}
