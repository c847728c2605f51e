"""CfC, the closed-form continuous-time network."""

import torch
from torch import Tensor, nn
from torch.nn.utils import skip_init

from liquidlib import checks
from liquidlib.models.initial import Constant, Normal, Uniform
from liquidlib.models.sequence import SequenceModel


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


class CfC(SequenceModel):
    r"""Closed-form continuous-time network.

    A shared backbone reads the input and the state, ``z = backbone([x, h])``. Heads on it give
    two targets and a gate between them, which the elapsed time :math:`\Delta` drives:

    .. math:: s = \sigma(a(z)\,\Delta + b(z)), \qquad
              h' = (1 - s) \odot \tanh g_1(z) + s \odot \tanh g_2(z).

    Mode ``"no_gate"`` leaves out the complement, :math:`h' = \tanh g_1 + s \odot \tanh g_2`.
    Mode ``"pure"`` is the closed-form solution itself, with one head :math:`g`:
    :math:`h' = A - A \odot e^{-\Delta(|w_\tau| + |g|)} \odot g`.

    Source: Hasani et al. (2022), "Closed-form continuous-time neural networks", Nature Machine
    Intelligence 4, 992-1003: the gated model with three heads on a shared backbone, in the form of
    the authors' PyTorch code, which gives the gate two heads and ``a`` its sign.

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
        Whether the cell reads ``[x, mask]`` in place of ``x``. Default False.
    seed : int
        Of the initial weights: PyTorch's own default for linear layers, ``A`` at 1 and
        ``w_tau`` at 0.

    Attributes
    ----------
    heads : nn.Linear
        The heads stacked into one matrix of 4H rows, in the order g1, g2, a, b (H rows in
        mode "pure").

    Notes
    -----
    The state is one tensor (B, H). ``record`` takes ``"state"`` and, but in mode "pure",
    ``"gate"``, the ``s`` above.

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
        seed: int = 0,
    ) -> None:
        super().__init__(input_size, hidden_size, output_size)
        self.mode = checks.choice("mode", mode, MODES)
        self.activation = checks.choice("activation", activation, ACTIVATIONS)
        self.mask_input = bool(mask_input)
        self.records = ("state",) if mode == "pure" else ("state", "gate")

        layers = checks.integer("backbone_layers", backbone_layers, at_least=0)
        units = checks.integer("backbone_units", backbone_units, at_least=1)
        width = (2 * input_size if mask_input else input_size) + hidden_size
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

    def initial(self, name: str, parameter: Tensor) -> Uniform | Normal | Constant:
        """Return PyTorch's default for a layer; ``w_tau`` starts at 0 and ``A`` at 1."""
        if name in ("w_tau", "A"):
            return Constant(1.0 if name == "A" else 0.0)
        return super().initial(name, parameter)

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
        x : Tensor (B, F), or (B, 2F) with ``mask_input``
        h : Tensor (B, H)
        timespans : Tensor (B, 1)
        """
        z = torch.cat([x, h], dim=-1)
        for layer in self.backbone:
            z = ACTIVATIONS[self.activation](layer(z))
        heads = self.heads(z)
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
        self, x: Tensor, state: Tensor, timespans: Tensor, mask: Tensor
    ) -> tuple[Tensor, Tensor, dict[str, Tensor]]:
        if self.mask_input:
            x = torch.cat([x, mask], dim=-1)  # (B, T, 2F)
        states, gates = [], []
        for x_t, timespans_t in zip(x.unbind(1), timespans[:, :, None].unbind(1), strict=True):
            state, gate = self.update(x_t, state, timespans_t)  # (B, H)
            states.append(state)
            gates.append(gate)
        hidden = torch.stack(states, dim=1)  # (B, T, H)
        recorded = {"state": hidden}
        if "gate" in self.records:
            recorded["gate"] = torch.stack(gates, dim=1)
        return hidden, state, recorded
