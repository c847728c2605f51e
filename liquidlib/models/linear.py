"""Linear, the baseline without any state of its own."""

import torch
from torch import Tensor, nn
from torch.nn.utils import skip_init

from liquidlib import checks
from liquidlib.models.sequence import SequenceModel


class Linear(SequenceModel):
    """A causal linear filter: each output is a weighted sum of the last ``window`` inputs.

    Before the first input there are zeros. It cannot use ``timespans`` and ignores them; it
    cannot use a mask and raises on one that is not all ones.

    Parameters
    ----------
    input_size : int
        F.
    hidden_size : int
        A linear filter has no hidden units: this is the width of its output where
        ``output_size`` is None. Default 1.
    output_size : int, optional
        Width of the output.
    window : int
        How many inputs back the filter reaches, the present one included. Default 82, as in
        the published experiment.
    seed : int
        Of the initial weights: PyTorch's own default for a linear layer of ``window * F`` inputs.

    Notes
    -----
    The state is one tensor (B, window - 1, F), the last inputs. ``record`` takes ``"state"``, the
    output itself, since nothing else is computed.
    """

    name = "linear"
    label = "Linear"
    uses_timespans = False
    uses_mask = False
    recurrent = False

    def __init__(
        self,
        input_size: int,
        hidden_size: int = 1,
        output_size: int | None = None,
        *,
        window: int = 82,
        seed: int = 0,
    ) -> None:
        super().__init__(input_size, hidden_size, output_size)
        self.window = checks.integer("window", window, at_least=1)
        width = hidden_size if output_size is None else output_size
        self.filter = skip_init(nn.Linear, window * input_size, width)  # oldest input first
        self.reset_parameters(seed)

    def initial_state(self, x: Tensor) -> Tensor:
        """Return zeros (B, window - 1, F)."""
        return x.new_zeros(x.shape[0], self.window - 1, self.input_size)

    def state_shapes(self, batch: int) -> tuple[tuple[int, ...], ...]:
        """Return the shape of each tensor of the state."""
        return ((batch, self.window - 1, self.input_size),)

    def _read_out(self, hidden: Tensor) -> Tensor:
        return hidden

    def _run(
        self, x: Tensor, state: Tensor, timespans: Tensor, mask: Tensor
    ) -> tuple[Tensor, Tensor, dict[str, Tensor]]:
        padded = torch.cat([state, x], dim=1)  # (B, window - 1 + T, F)
        windows = padded.unfold(1, self.window, 1)  # (B, T, F, window)
        output = self.filter(windows.transpose(2, 3).flatten(2))  # (B, T, width)
        return output, padded[:, padded.shape[1] - self.window + 1 :], {"state": output}
