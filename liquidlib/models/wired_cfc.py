"""WiredCfC: small CfCs in layers, in which each neuron sees what a wiring lets it see."""

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import linear
from torch.nn.utils import skip_init

from liquidlib.models.cfc import CfC
from liquidlib.models.initial import Distribution, Uniform
from liquidlib.models.sequence import SequenceModel
from liquidlib.models.wirings import Wiring, for_model


class MaskedLinear(nn.Linear):
    """A linear layer of which only a part of the weights counts.

    Attributes
    ----------
    mask : Tensor (out_features, in_features)
        1 where a weight counts, 0 where it does not.
    """

    mask: Tensor

    @classmethod
    def of(cls, mask: Tensor) -> "MaskedLinear":
        """Return a layer with a mask, and weights yet to be drawn."""
        layer = skip_init(cls, *reversed(mask.shape))
        layer.register_buffer("mask", mask)
        return layer

    def forward(self, x: Tensor) -> Tensor:
        """Return (..., out_features)."""
        return linear(x, self.weight * self.mask, self.bias)


class WiredCfC(SequenceModel):
    """CfC along a wiring: the closed-form network with the synapses of a neural circuit policy.

    Every layer of the wiring is a small `CfC` without a backbone. In a time step a signal passes
    through all layers: a neuron sees the inputs, the new states of the layers before its own and
    the last states of its own and later ones, each where it has a synapse. It always sees
    its own last state, without which it would have no memory. What it cannot see, none of its
    heads sees, the time heads included.

    Source: ncps, from the authors of Hasani et al. (2022), where a wired CfC is less strict, see
    ``like_ncps``.

    Parameters
    ----------
    input_size, hidden_size, output_size : int
        F, H, and the width of the read-out of the motor neurons (None: no read-out).
    wiring : Wiring, optional
        Of F sensory neurons and H others. Which synapses there are counts, their polarity does
        not. Default: ``Wiring.auto_ncp`` with ``output_size`` motor neurons, without a read-out
        with 3 of 10 neurons.
    mode : {"default", "no_gate", "pure"}
        See `CfC`.
    like_ncps : bool
        Whether only the two targets obey the wiring, as in ncps, and only from one layer to the
        next: they see all of their own layer, and the time heads all of it and of the layer
        before. Default False.
    seed : int
        Of the initial weights: uniform with bound ``1 / sqrt(n)``, where ``n`` is how many inputs
        and states a head sees, on average over its layer.

    Attributes
    ----------
    wiring : Wiring
    cells : nn.ModuleList of CfC
        One a layer, in the order of ``wiring.layers``. Each reads the inputs, the states of the
        other layers in that order, and its own; its ``heads`` are masked.

    Notes
    -----
    The state is one tensor (B, H), numbered as the wiring is. ``record`` takes ``"state"`` and,
    but in mode "pure", ``"gate"``.

    There are ``4 (S + K + L + H)`` parameters besides the read-out, for ``S`` sensory synapses,
    ``K`` others, and ``L`` neurons without a synapse on themselves; in mode "pure" ``S + K + L +
    3H``.

    Examples
    --------
    >>> import torch
    >>> from liquidlib import Wiring, WiredCfC
    >>> model = WiredCfC(2, 12, 1, wiring=Wiring.auto_ncp(2, 12, 1))
    >>> output, state = model(torch.zeros(3, 5, 2), timespans=torch.full((3, 5), 0.1))
    >>> output.shape, state.shape
    (torch.Size([3, 5, 1]), torch.Size([3, 12]))
    """

    name = "wired_cfc"
    label = "CfC, wired"
    uses_timespans = True
    uses_mask = False

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        output_size: int | None = None,
        *,
        wiring: Wiring | None = None,
        mode: str = "default",
        like_ncps: bool = False,
        seed: int = 0,
    ) -> None:
        super().__init__(input_size, hidden_size, output_size)
        if wiring is None:
            motors = output_size or max(1, 3 * hidden_size // 10)
            if hidden_size < motors + 3:
                least = f"{motors + 3}, 3 more than there are motor neurons"
                raise ValueError(f"hidden_size must be at least {least}, got {hidden_size}")
            wiring = Wiring.auto_ncp(input_size, hidden_size, motors)
        self.wiring = for_model(wiring, input_size, hidden_size)
        self.mode, self.like_ncps = mode, bool(like_ncps)
        sees = _as_in_ncps if like_ncps else _as_wired
        self.cells = nn.ModuleList()
        for at, layer in enumerate(wiring.layers):
            cell = CfC(
                input_size + hidden_size - len(layer), len(layer), mode=mode, backbone_layers=0
            )
            heads = cell.heads.out_features // len(layer)
            mask = np.concatenate([sees(wiring, at, head) for head in range(heads)], axis=1).T
            cell.heads = MaskedLinear.of(torch.tensor(mask, dtype=torch.get_default_dtype()))
            self.cells.append(cell)
        self.records = self.cells[0].records
        if output_size is not None:
            self.readout = skip_init(nn.Linear, wiring.motor_neurons, output_size)
        self.reset_parameters(seed)

    def initial(self, name: str, parameter: Tensor) -> Distribution:
        """Return PyTorch's default for a layer, but for what a head sees in place of its width."""
        if name.startswith("readout."):
            return super().initial(name, parameter)
        _, at, inside = name.split(".", 2)
        cell = self.cells[int(at)]
        if inside.startswith("heads."):
            return Uniform(float(cell.heads.mask.sum(1).mean()) ** -0.5)
        return cell.initial(inside, parameter)

    def masks(self) -> dict[str, Tensor]:
        """Return which weights of the heads count."""
        return {f"cells.{at}.heads.weight": cell.heads.mask for at, cell in enumerate(self.cells)}

    def initial_state(self, x: Tensor) -> Tensor:
        """Return zeros (B, H)."""
        return x.new_zeros(x.shape[0], self.hidden_size)

    def state_shapes(self, batch: int) -> tuple[tuple[int, ...], ...]:
        """Return the shape of each tensor of the state."""
        return ((batch, self.hidden_size),)

    def update(self, x: Tensor, h: Tensor, timespans: Tensor) -> tuple[Tensor, Tensor | None]:
        """Return the next state (B, H) and the gate (B, H); None for the gate in mode "pure".

        Parameters
        ----------
        x : Tensor (B, F)
        h : Tensor (B, H)
        timespans : Tensor (B, 1)
        """
        states = [h[:, layer.start : layer.stop] for layer in self.wiring.layers]
        gates = []
        for at, cell in enumerate(self.cells):
            seen = torch.cat([x, *states[:at], *states[at + 1 :]], dim=-1)
            states[at], gate = cell.update(seen, states[at], timespans)
            gates.append(gate)
        h = torch.cat(states[::-1], dim=-1)  # the numbers begin with the last layer
        return h, None if self.mode == "pure" else torch.cat(gates[::-1], dim=-1)

    def _read_out(self, hidden: Tensor) -> Tensor:
        return self.readout(hidden[..., : self.wiring.motor_neurons])

    def _run(
        self, x: Tensor, state: Tensor, timespans: Tensor, mask: Tensor
    ) -> tuple[Tensor, Tensor, dict[str, Tensor]]:
        states, gates = [], []
        for x_t, timespans_t in zip(x.unbind(1), timespans[:, :, None].unbind(1), strict=True):
            state, gate = self.update(x_t, state, timespans_t)
            states.append(state)
            gates.append(gate)
        hidden = torch.stack(states, dim=1)  # (B, T, H)
        recorded = {"state": hidden}
        if "gate" in self.records:
            recorded["gate"] = torch.stack(gates, dim=1)
        return hidden, state, recorded


def _as_wired(wiring: Wiring, at: int, head: int) -> np.ndarray:
    """Return what a layer's neurons see: truth values (F + H, n), each for a neuron a column.

    The rows are the inputs, the other layers and the layer itself.
    """
    layer = wiring.layers[at]
    own = wiring.adjacency[np.ix_(layer, layer)] != 0
    return np.concatenate([*_outside(wiring, at), own | np.eye(len(layer), dtype=bool)])


def _as_in_ncps(wiring: Wiring, at: int, head: int) -> np.ndarray:
    """Return the same as it is in ncps, where heads 2 and 3 are those of the time."""
    layer = wiring.layers[at]
    outside = [
        part | (head >= 2) if i == at else np.zeros_like(part)  # what comes before the layer
        for i, part in enumerate(_outside(wiring, at))
    ]
    return np.concatenate([*outside, np.ones((len(layer), len(layer)), dtype=bool)])


def _outside(wiring: Wiring, at: int) -> list[np.ndarray]:
    """Return the synapses from the inputs and from the other layers, one matrix each."""
    layer = wiring.layers[at]
    others = [wiring.adjacency[np.ix_(o, layer)] for o in wiring.layers if o != layer]
    return [part != 0 for part in (wiring.sensory[:, layer], *others)]
