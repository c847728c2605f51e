"""CfC, the closed-form continuous-time network."""

from collections.abc import Callable, Iterable

import torch
from torch import Tensor, nn
from torch.nn.utils import skip_init

from liquidlib import checks
from liquidlib.models.initial import Constant, Distribution, Uniform
from liquidlib.models.sequence import SequenceModel, State


def lecun_tanh(z: Tensor) -> Tensor:
    """Return ``1.7159 * tanh(0.666 z)`` (LeCun et al. 1998, "Efficient BackProp")."""
    return 1.7159 * torch.tanh(0.666 * z)


ACTIVATIONS = {
    "tanh": torch.tanh,
    "lecun_tanh": lecun_tanh,
    "relu": torch.relu,
    "gelu": nn.functional.gelu,
    "silu": nn.functional.silu,
}
MODES = ("default", "no_gate", "pure")

Layer = Callable[[Tensor], Tensor]


def transposed(layer: nn.Linear) -> Layer:
    """Return what a layer does, its weights transposed once and not at every time step."""
    bias, weight = layer.bias, layer.weight.t()
    return lambda z: torch.addmm(bias, z, weight)


class CfC(SequenceModel):
    r"""Closed-form continuous-time network.

    A shared backbone reads the input and the state, ``z = backbone([x, h])``. Heads on it give
    two targets and a gate between them, which the elapsed time :math:`\Delta` drives:

    .. math:: s = \sigma(a(z)\,\Delta + b(z)), \qquad
              h' = (1 - s) \odot \tanh g_1(z) + s \odot \tanh g_2(z).

    Mode ``"no_gate"`` leaves out the complement, :math:`h' = \tanh g_1 + s \odot \tanh g_2`.
    Mode ``"pure"`` is the closed-form solution itself, with one head :math:`g`:
    :math:`h' = A - A \odot e^{-\Delta(|w_\tau| + |g|)} \odot g`.

    With ``mixed_memory`` an LSTM comes first in every step. Its memory :math:`c` hears of the
    elapsed time through :math:`h` alone, and the CfC starts from the state :math:`\tilde h` that
    the LSTM gives:

    .. math:: c' = \sigma(f + 1) \odot c + \sigma(i) \odot \tanh u, \qquad
              \tilde h = \sigma(o) \odot \tanh c', \qquad
              h' = \mathrm{CfC}(x, \tilde h, \Delta),

    where ``i, f, u, o`` are the four parts of ``memory([x, h])``. The 1, which keeps the forget
    gate open at first, belongs to the equation and not to the weights.

    Source: Hasani et al. (2022), "Closed-form continuous-time neural networks", Nature Machine
    Intelligence 4, 992-1003: the gated model with three heads on a shared backbone, in the form of
    the authors' PyTorch code, which gives the gate two heads and ``a`` its sign. Mixed memory:
    Lechner and Hasani (2020), "Learning long-term dependencies in irregularly-sampled time
    series", in the form of the same code; the authors' TensorFlow code differs, there the CfC
    reads the LSTM's output in place of ``x`` and keeps its own state.

    Parameters
    ----------
    input_size, hidden_size, output_size : int
        F, H, and the width of the read-out (None: no read-out).
    mode : {"default", "no_gate", "pure"}
    backbone_units, backbone_layers : int
        Width and depth of the backbone, 128 and 1 as in the ncps package. With 0 layers the
        heads read ``[x, h]`` directly.
    activation : {"lecun_tanh", "tanh", "relu", "gelu", "silu"}
        Of the backbone.
    mask_input : bool
        Whether the cell reads ``[x, mask]`` in place of ``x``, and so does the LSTM. What stands
        in the gaps of x is the caller's choice; `Masked` fills them with the last values. Default
        False.
    mixed_memory : bool
        Whether an LSTM comes first in every step: ``4H (F + H + 1)`` parameters more, with
        ``mask_input`` ``4H (2F + H + 1)``. Default False.
    seed : int
        Of the initial weights: PyTorch's own default for linear layers, ``A`` at 1, ``w_tau``
        at 0. ``memory`` is uniform with bound ``1 / sqrt(H)``, PyTorch's default for an LSTM
        (ncps draws it from Xavier's distribution and, what reads ``h``, orthogonal).

    Attributes
    ----------
    heads : nn.Linear
        The heads stacked into one matrix of 4H rows, in the order g1, g2, a, b (H rows in
        mode "pure").
    memory : nn.Linear
        The LSTM in one matrix of 4H rows, in the order i, f, u, o. Only with ``mixed_memory``.

    Notes
    -----
    The state is one tensor (B, H), or with ``mixed_memory`` ``(h, c)``, each (B, H). ``record``
    takes ``"state"``, the h, and, but in mode "pure", ``"gate"``, the ``s`` above.

    Examples
    --------
    >>> import torch
    >>> from liquidlib import CfC
    >>> model = CfC(input_size=2, hidden_size=8, output_size=1)
    >>> output, state = model(torch.zeros(3, 5, 2), timespans=torch.full((3, 5), 0.1))
    >>> output.shape, state.shape
    (torch.Size([3, 5, 1]), torch.Size([3, 8]))
    """

    name = "cfc"
    label = "CfC"
    uses_timespans = True
    uses_mask = True

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        output_size: int | None = None,
        *,
        mode: str = "default",
        backbone_units: int = 128,
        backbone_layers: int = 1,
        activation: str = "lecun_tanh",
        mask_input: bool = False,
        mixed_memory: bool = False,
        seed: int = 0,
    ) -> None:
        super().__init__(input_size, hidden_size, output_size)
        self.mode = checks.choice("mode", mode, MODES)
        self.activation = checks.choice("activation", activation, ACTIVATIONS)
        self.mask_input = bool(mask_input)
        self.mixed_memory = bool(mixed_memory)
        self.records = ("state",) if mode == "pure" else ("state", "gate")

        layers = checks.integer("backbone_layers", backbone_layers, at_least=0)
        units = checks.integer("backbone_units", backbone_units, at_least=1)
        width = (2 * input_size if mask_input else input_size) + hidden_size
        if mixed_memory:
            self.label = "CfC, mixed memory"
            self.memory = skip_init(nn.Linear, width, 4 * hidden_size)
        widths = [width] + [units] * layers
        self.backbone = nn.ModuleList(
            skip_init(nn.Linear, n, m) for n, m in zip(widths[:-1], widths[1:], strict=True)
        )
        heads = 1 if mode == "pure" else 4
        self.heads = skip_init(nn.Linear, widths[-1], heads * hidden_size)
        if mode == "pure":
            self.w_tau = nn.Parameter(torch.zeros(hidden_size))
            self.A = nn.Parameter(torch.ones(hidden_size))
        if output_size is not None:
            self.readout = skip_init(nn.Linear, hidden_size, output_size)
        self.reset_parameters(seed)

    def initial(self, name: str, parameter: Tensor) -> Distribution:
        """Return PyTorch's default for a layer; ``w_tau`` starts at 0 and ``A`` at 1."""
        if name.startswith("memory."):
            return Uniform(1 / self.hidden_size**0.5)
        if name in ("w_tau", "A"):
            return Constant(1.0 if name == "A" else 0.0)
        return super().initial(name, parameter)

    def initial_state(self, x: Tensor) -> State:
        """Return zeros (B, H), two of them with ``mixed_memory``."""
        zeros = x.new_zeros(x.shape[0], self.hidden_size)
        return (zeros, zeros) if self.mixed_memory else zeros

    def state_shapes(self, batch: int) -> tuple[tuple[int, ...], ...]:
        """Return the shape of each tensor of the state."""
        return ((batch, self.hidden_size),) * (2 if self.mixed_memory else 1)

    def remember(self, x: Tensor, h: Tensor, c: Tensor) -> tuple[Tensor, Tensor]:
        """Return what the LSTM makes of state and memory before the update, each (B, H).

        Parameters
        ----------
        x : Tensor (B, F), or (B, 2F) with ``mask_input``
        h, c : Tensor (B, H)
        """
        i, f, u, o = self.memory(torch.cat([x, h], dim=-1)).chunk(4, dim=-1)
        c = torch.sigmoid(f + 1) * c + torch.sigmoid(i) * torch.tanh(u)
        return torch.sigmoid(o) * torch.tanh(c), c

    def update(self, x: Tensor, h: Tensor, timespans: Tensor) -> tuple[Tensor, Tensor | None]:
        """Return the next state (B, H) and the gate (B, H); None for the gate in mode "pure".

        Parameters
        ----------
        x : Tensor (B, F), or (B, 2F) with ``mask_input``
        h : Tensor (B, H)
            With ``mixed_memory`` what `remember` gives.
        timespans : Tensor (B, 1)
        """
        return self._update(x, h, timespans, self.backbone, self.heads)

    def _update(
        self, x: Tensor, h: Tensor, timespans: Tensor, backbone: Iterable[Layer], heads: Layer
    ) -> tuple[Tensor, Tensor | None]:
        z = torch.cat([x, h], dim=-1)
        for layer in backbone:
            z = ACTIVATIONS[self.activation](layer(z))
        heads = heads(z)
        if self.mode == "pure":
            decay = torch.exp(-timespans * (self.w_tau.abs() + heads.abs()))
            return self.A - self.A * decay * heads, None
        g1, g2, a, b = heads.chunk(4, dim=-1)
        s = torch.sigmoid(a * timespans + b)
        if self.mode == "no_gate":
            return torch.tanh(g1) + s * torch.tanh(g2), s
        return (1 - s) * torch.tanh(g1) + s * torch.tanh(g2), s

    def _sees_mask(self) -> bool:
        return self.mask_input

    def _run(
        self, x: Tensor, state: State, timespans: Tensor, mask: Tensor
    ) -> tuple[Tensor, State, dict[str, Tensor]]:
        if self.mask_input:
            x = torch.cat([x, mask], dim=-1)  # (B, T, 2F)
        h, c = state if self.mixed_memory else (state, None)
        backbone, heads = [transposed(layer) for layer in self.backbone], transposed(self.heads)
        states, gates = [], []
        for x_t, timespans_t in zip(x.unbind(1), timespans[:, :, None].unbind(1), strict=True):
            if self.mixed_memory:
                h, c = self.remember(x_t, h, c)
            h, gate = self._update(x_t, h, timespans_t, backbone, heads)  # (B, H)
            states.append(h)
            gates.append(gate)
        hidden = torch.stack(states, dim=1)  # (B, T, H)
        recorded = {"state": hidden}
        if "gate" in self.records:
            recorded["gate"] = torch.stack(gates, dim=1)
        return hidden, (h, c) if self.mixed_memory else h, recorded
