"""What the models that wrap one of PyTorch's recurrent layers share."""

from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn.utils import skip_init

from liquidlib import checks
from liquidlib.models.initial import Distribution, Uniform
from liquidlib.models.sequence import SequenceModel


class TorchLayers(SequenceModel):
    """One of PyTorch's recurrent layers under the book's calling convention.

    A model names it in ``layer_type`` and finds it in the attribute of its own name, such as
    ``model.gru``. The state is one tensor (layers, B, H), unless the model says otherwise. Each
    model documents its own parameters.
    """

    layer_type: ClassVar[type[nn.RNNBase]]
    uses_timespans = False
    uses_mask = False

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        output_size: int | None = None,
        *,
        layers: int = 1,
        seed: int = 0,
    ) -> None:
        super().__init__(input_size, hidden_size, output_size)
        self.layers = checks.integer("layers", layers, at_least=1)
        empty = self.layer_type(input_size, hidden_size, layers, batch_first=True, device="meta")
        self.add_module(type(self).name, empty.to_empty(device=torch.get_default_device()))
        if output_size is not None:
            self.readout = skip_init(nn.Linear, hidden_size, output_size)
        self.reset_parameters(seed)

    def initial(self, name: str, parameter: Tensor) -> Distribution:
        """Return PyTorch's default: uniform within ``1 / sqrt(H)`` in the recurrent layers."""
        if name.startswith("readout."):
            return super().initial(name, parameter)
        return Uniform(1 / self.hidden_size**0.5)

    def initial_state(self, x: Tensor) -> Any:
        """Return zeros (layers, B, H)."""
        return x.new_zeros(self.layers, x.shape[0], self.hidden_size)

    def state_shapes(self, batch: int) -> tuple[tuple[int, ...], ...]:
        """Return the shape of each tensor of the state."""
        return ((self.layers, batch, self.hidden_size),)

    def _run(
        self, x: Tensor, state: Any, timespans: Tensor, mask: Tensor
    ) -> tuple[Tensor, Any, dict[str, Tensor]]:
        hidden, state = getattr(self, type(self).name)(x, state)  # (B, T, H)
        return hidden, state, {"state": hidden}
