"""LSTM, the baseline with a memory cell."""

import torch
from torch import Tensor, nn

from liquidlib import checks
from liquidlib.models.torch_layers import TorchLayers


class LSTM(TorchLayers):
    """Long short-term memory: ``torch.nn.LSTM`` under the book's calling convention.

    It cannot use ``timespans`` and ignores them: every step counts the same, however long it
    took. It cannot use a mask either, and raises on one that is not all ones.

    Source: Hochreiter and Schmidhuber (1997); forget gate: Gers, Schmidhuber and Cummins (2000).

    Parameters
    ----------
    input_size, hidden_size, output_size : int
        F, H, and the width of the read-out (None: no read-out).
    layers : int
        Layers over one another. Default 1.
    forget_bias : float
        Added to the forget gate's initial bias, in one of PyTorch's two bias vectors. Default 0,
        as in PyTorch; 1 is what Gers et al. and others advise.
    seed : int
        Of the initial weights: PyTorch's own default, uniform with bound ``1 / sqrt(H)``.

    Notes
    -----
    The state is ``(h, c)``, each (layers, B, H). ``record`` takes ``"state"``, the last layer's
    h. There is no gate that time drives, so there is no ``"gate"``.
    """

    name = "lstm"
    label = "LSTM"
    layer_type = nn.LSTM

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        output_size: int | None = None,
        *,
        layers: int = 1,
        forget_bias: float = 0.0,
        seed: int = 0,
    ) -> None:
        self.forget_bias = checks.number("forget_bias", forget_bias)  # drawing the weights adds it
        super().__init__(input_size, hidden_size, output_size, layers=layers, seed=seed)

    def reset_parameters(self, seed: int) -> None:
        """Draw all parameters anew, then add the forget bias."""
        super().reset_parameters(seed)
        forget = slice(self.hidden_size, 2 * self.hidden_size)  # PyTorch's gates: i, f, g, o
        with torch.no_grad():
            for layer in range(self.layers):
                getattr(self.lstm, f"bias_ih_l{layer}")[forget] += self.forget_bias

    def initial_state(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return zeros, two (layers, B, H)."""
        zeros = super().initial_state(x)
        return zeros, zeros

    def state_shapes(self, batch: int) -> tuple[tuple[int, ...], ...]:
        """Return the shape of each tensor of the state."""
        return super().state_shapes(batch) * 2
