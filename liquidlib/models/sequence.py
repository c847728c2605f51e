"""The calling convention that every sequence model of the book shares."""

from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from liquidlib import checks
from liquidlib.models.initial import Distribution, fan_in_uniform, initialise

State = Any  # a tensor or a tuple of tensors; each model says which


class SequenceModel(nn.Module):
    """A model that reads a sequence one time step after the other.

    ``model(x, state, timespans, mask)`` reads a whole sequence, ``model.step`` one time step; the
    sequence is that step repeated, so a sequence read in chunks with the state carried over
    gives what one run gives.

    Parameters
    ----------
    input_size : int
        Number of input features, F.
    hidden_size : int
        Number of hidden units, H.
    output_size : int, optional
        Width of the linear read-out. Default None: no read-out, the output is the hidden state.

    Attributes
    ----------
    name, label : str
        The name in the table of models, and the one that figures print.
    uses_timespans : bool
        Whether elapsed times change what the model computes.
    uses_mask : bool
        Whether the model can be told which inputs were seen.
    recurrent : bool
        Whether the model is one time step repeated; if not, it reads its window at once.
    adaptive : bool
        Whether the values decide how many operations a time step takes. The engine cannot lower
        such a model: a tape is one list of instructions for all values.
    records : tuple of str
        What ``record`` can ask for.
    """

    name: str
    label: str
    uses_timespans: ClassVar[bool]
    uses_mask: ClassVar[bool]
    recurrent: ClassVar[bool] = True
    adaptive: bool = False
    records: tuple[str, ...] = ("state",)

    def __init__(self, input_size: int, hidden_size: int, output_size: int | None = None) -> None:
        super().__init__()
        self.input_size = checks.integer("input_size", input_size, at_least=1)
        self.hidden_size = checks.integer("hidden_size", hidden_size, at_least=1)
        self.output_size = output_size
        if output_size is not None:
            checks.integer("output_size", output_size, at_least=1)

    # What a model fills in -----------------------------------------------------------------

    def initial_state(self, x: Tensor) -> State:
        """Return the state before the first step, zeros, for inputs like ``x`` (B, ...)."""
        raise NotImplementedError

    def state_shapes(self, batch: int) -> tuple[tuple[int, ...], ...]:
        """Return the shape of each tensor of the state."""
        raise NotImplementedError

    def _run(
        self, x: Tensor, state: State, timespans: Tensor, mask: Tensor
    ) -> tuple[Tensor, State, dict[str, Tensor]]:
        """Return hidden states (B, T, H), the last state and what was recorded, (B, T, H) each."""
        raise NotImplementedError

    def initial(self, name: str, parameter: Tensor) -> Distribution:
        """Return the distribution that a parameter starts from: PyTorch's default for Linear."""
        return fan_in_uniform(self, name)

    def masks(self) -> dict[str, Tensor]:
        """Return the mask of each parameter of which a part does not count, by its name."""
        return {}

    # What a caller uses --------------------------------------------------------------------

    def forward(
        self,
        x: Tensor,
        state: State = None,
        timespans: Tensor | None = None,
        mask: Tensor | None = None,
        record: tuple[str, ...] = (),
    ) -> tuple[Tensor, State] | tuple[Tensor, State, dict[str, Tensor]]:
        """Read a sequence.

        Parameters
        ----------
        x : Tensor (B, T, F)
            Inputs; B and T at least 1.
        state : optional
            State to start from, as an earlier call returned it. Default None: zeros.
        timespans : Tensor (B, T), optional
            What multiplies the gate's time head at each step: the time elapsed since the step
            before, not negative. Default None: ones.
        mask : Tensor (B, T, F), optional
            1 where an input was seen, 0 where it was not. Default None: ones.
        record : tuple of str
            Any of ``self.records``, such as ``("state", "gate")``.

        Returns
        -------
        output : Tensor (B, T, output_size), or (B, T, H) without a read-out
        state
            After the last step.
        recorded : dict of Tensor (B, T, H)
            Only if ``record`` is not empty.
        """
        batch, steps, _ = checks.tensor("x", x, "B, T, F", (None, None, self.input_size)).shape
        if timespans is None:
            timespans = x.new_ones(batch, steps)
        checks.tensor("timespans", timespans, "B, T", (batch, steps))
        if (timespans < 0).any():
            raise ValueError(f"timespans must not be negative, got {timespans.min().item():g}")
        mask = self._checked_mask(mask, x)
        state = self.initial_state(x) if state is None else self._checked_state(state, batch)
        if isinstance(record, str):
            raise TypeError(f"record must be a tuple of names such as ('state',), got {record!r}")
        for name in record:
            checks.choice("record", name, self.records)

        hidden, state, recorded = self._run(x, state, timespans, mask)  # (B, T, H)
        output = self._output(hidden)
        if record:
            return output, state, {name: recorded[name] for name in record}
        return output, state

    def step(
        self,
        x: Tensor,
        state: State = None,
        timespans: Tensor | None = None,
        mask: Tensor | None = None,
    ) -> tuple[Tensor, State]:
        """Advance by one time step.

        Parameters
        ----------
        x : Tensor (B, F)
        state : optional
            As for a sequence.
        timespans : Tensor (B,), optional
        mask : Tensor (B, F), optional

        Returns
        -------
        output : Tensor (B, output_size), or (B, H) without a read-out
        state
        """
        batch, _ = checks.tensor("x", x, "B, F", (None, self.input_size)).shape
        if timespans is not None:
            timespans = checks.tensor("timespans", timespans, "B", (batch,))[:, None]
        if mask is not None:
            mask = checks.tensor("mask", mask, "B, F", (batch, self.input_size))[:, None]
        output, state = self(x[:, None], state, timespans, mask)
        return output[:, 0], state

    def unchecked(self, x: Tensor, timespans: Tensor, mask: Tensor) -> tuple[Tensor, State]:
        """Read a sequence from zeros past the checks, which look at values.

        For what knows shapes only, such as a trace, and for what must not wait for a GPU.
        """
        hidden, state, _ = self._run(x, self.initial_state(x), timespans, mask)
        return self._output(hidden), state

    # Shared parts --------------------------------------------------------------------------

    def reset_parameters(self, seed: int) -> None:
        """Draw all parameters anew from ``seed``, from their ordinary distributions."""
        initialise(self, seed, self.initial)

    def _output(self, hidden: Tensor) -> Tensor:
        return hidden if self.output_size is None else self._read_out(hidden)

    def _read_out(self, hidden: Tensor) -> Tensor:
        return self.readout(hidden)

    def _sees_mask(self) -> bool:
        return self.uses_mask

    def _checked_mask(self, mask: Tensor | None, x: Tensor) -> Tensor:
        if mask is None:
            return torch.ones_like(x)
        checks.tensor("mask", mask, "B, T, F", tuple(x.shape))
        if not ((mask == 0) | (mask == 1)).all():
            raise ValueError("mask must hold only 0 (not seen) and 1 (seen)")
        if not self._sees_mask() and not mask.all():
            why = "built with mask_input=False" if self.uses_mask else "a model without a mask"
            raise ValueError(f"mask must be None or all ones: this {type(self).__name__} is {why}")
        return mask

    def _checked_state(self, state: State, batch: int) -> State:
        parts = state if isinstance(state, tuple) else (state,)
        shapes = self.state_shapes(batch)
        if len(parts) != len(shapes):
            raise ValueError(f"state must hold {len(shapes)} tensors, got {len(parts)}")
        for part, shape in zip(parts, shapes, strict=True):
            if not isinstance(part, Tensor) or tuple(part.shape) != shape:
                given = tuple(part.shape) if isinstance(part, Tensor) else type(part).__name__
                raise ValueError(f"state must have shape {shape} for this batch, got {given}")
        return state


def is_plain(model: nn.Module) -> bool:
    """Return whether calling a model does what its `unchecked` does, and nothing else.

    That is a `SequenceModel` without a ``forward`` of its own and without hooks on it.
    """
    return (
        isinstance(model, SequenceModel)
        and type(model).forward is SequenceModel.forward
        and "forward" not in vars(model)
        and not model._forward_hooks
        and not model._forward_pre_hooks
    )
