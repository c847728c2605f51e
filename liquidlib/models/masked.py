"""Masked: any model on input of which a part was not seen."""

from typing import Any

import torch
from torch import Tensor

from liquidlib.models.initial import Distribution
from liquidlib.models.sequence import SequenceModel


class Masked(SequenceModel):
    r"""A model on input with gaps: what was not seen keeps its last value.

    Around any model of the table, such as a `CfC` or an `LTC`, this remembers for each feature the
    last value that was seen and the time :math:`s` since then, both 0 at first:

    .. math:: \bar x' = m \odot x + (1 - m) \odot \bar x, \qquad
              s' = (1 - m) \odot (s + \Delta).

    The model reads :math:`[\bar x', s', m]` in place of x, in every time step, and the elapsed
    time :math:`\Delta` as ever. Where nothing was seen, the output of the last time step in which
    something was is held; before the first such step it is the read-out of zeros.

    What stands in x where the mask is 0 is never read: any finite number will do.

    This differs from ``mask_input`` of a `CfC`, which hands the mask to the cell beside x and
    leaves x, the gaps included, as the caller filled them.

    Source: the authors' PyTorch code of Hasani et al. (2022), "Closed-form continuous-time neural
    networks", for the PhysioNet data: there the output is 0 before the first that is seen, and it
    is held only where one output a sequence is asked for.

    Parameters
    ----------
    model : SequenceModel
        With 3F input features, without ``since`` 2F. It must not take a mask itself.
    since : bool
        Whether the model reads the times since the features were seen. Default True.

    Attributes
    ----------
    model : SequenceModel
    input_size : int
        F, the features of x and of the mask.

    Notes
    -----
    The state is a tuple: the tensors of the model's own state, the last values (B, F), the times
    since (B, F), and the held hidden state (B, H). ``record`` takes what the model's does, which
    is not held.

    Examples
    --------
    >>> import torch
    >>> from liquidlib import CfC, Masked
    >>> model = Masked(CfC(input_size=3 * 2, hidden_size=8, output_size=1))
    >>> x, seen = torch.zeros(3, 5, 2), torch.rand(3, 5, 2) < 0.5
    >>> output, state = model(x, timespans=torch.full((3, 5), 0.1), mask=seen.float())
    >>> output.shape
    torch.Size([3, 5, 1])
    """

    name = "masked"
    uses_mask = True

    def __init__(self, model: SequenceModel, *, since: bool = True) -> None:
        if not isinstance(model, SequenceModel):
            raise TypeError(f"model must be a SequenceModel, got {type(model).__name__}")
        if model._sees_mask():
            raise ValueError("model must not take a mask itself, got one with mask_input=True")
        parts = 3 if since else 2
        if model.input_size % parts:
            raise ValueError(
                f"model must have input_size {parts}F, for {'values, times' if since else 'values'}"
                f" and mask of F features, got {model.input_size}"
            )
        super().__init__(model.input_size // parts, model.hidden_size, model.output_size)
        self.model, self.since = model, bool(since)
        self.label = f"{model.label}, masked"
        self.records, self.recurrent, self.adaptive = model.records, model.recurrent, model.adaptive
        self.uses_timespans = model.uses_timespans or self.since

    def initial(self, name: str, parameter: Tensor) -> Distribution:
        """Return the distribution that a parameter of the model starts from."""
        return self.model.initial(name.removeprefix("model."), parameter)

    def reset_parameters(self, seed: int) -> None:
        """Draw all parameters of the model anew from ``seed``."""
        self.model.reset_parameters(seed)

    def masks(self) -> dict[str, Tensor]:
        """Return which numbers of the model's parameters count."""
        return {f"model.{name}": mask for name, mask in self.model.masks().items()}

    def initial_state(self, x: Tensor) -> tuple[Tensor, ...]:
        """Return the model's own, and zeros."""
        own = self.model.initial_state(x.new_zeros(x.shape[0], 1, self.model.input_size))
        zeros = (x.new_zeros(shape) for shape in self._shapes(x.shape[0]))
        return (*(own if isinstance(own, tuple) else (own,)), *zeros)

    def state_shapes(self, batch: int) -> tuple[tuple[int, ...], ...]:
        """Return the shape of each tensor of the state."""
        return (*self.model.state_shapes(batch), *self._shapes(batch))

    def _shapes(self, batch: int) -> list[tuple[int, int]]:
        """Return the shapes of the last values, the times since and the held hidden state."""
        return [(batch, self.input_size), (batch, self.input_size), (batch, self.hidden_size)]

    def _read_out(self, hidden: Tensor) -> Tensor:
        return self.model._read_out(hidden)

    def _run(
        self, x: Tensor, state: Any, timespans: Tensor, mask: Tensor
    ) -> tuple[Tensor, Any, dict[str, Tensor]]:
        *own, last, since, held = state
        steps = []
        for t, seen in enumerate(mask.unbind(1)):  # (B, F)
            last = torch.where(seen != 0, x[:, t], last)
            since = (1 - seen) * (since + timespans[:, t, None])
            steps.append(torch.cat([last, since, seen] if self.since else [last, seen], dim=-1))
        read = torch.stack(steps, dim=1)  # (B, T, 3F)

        is_tuple = len(own) > 1
        own = tuple(own) if is_tuple else own[0]
        hidden, own, recorded = self.model._run(read, own, timespans, torch.ones_like(read))

        outputs = []
        any_seen = mask.sum(dim=-1, keepdim=True) != 0  # (B, T, 1)
        for now, seen in zip(hidden.unbind(1), any_seen.unbind(1), strict=True):
            held = torch.where(seen, now, held)
            outputs.append(held)
        own = own if is_tuple else (own,)
        return torch.stack(outputs, dim=1), (*own, last, since, held), recorded
