"""liquidlib's own engine: the training step as a tape."""

from torch import nn

from liquidlib.engine import Machine, loops, lower
from liquidlib.models import SequenceModel
from liquidlib.signals import Window


class TapeEngine:
    """Takes AdamW training steps with a `Machine`.

    Parameters
    ----------
    model : nn.Module
        On the CPU. Its weights are taken now and given back by `close`.
    window : Window
        One of those to come: what counts is its length.
    vm : {"auto", "native", "wasm"}
        As in `Machine`.
    lr, betas, eps, weight_decay
        As in `track`.

    Attributes
    ----------
    name : str
        ``"tape, native"`` or ``"tape, wasm"``.

    Raises
    ------
    Unsupported
        If the model cannot be lowered.
    """

    def __init__(
        self,
        model: nn.Module,
        window: Window,
        vm: str,
        lr: float,
        betas: tuple[float, float],
        eps: float,
        weight_decay: float,
    ) -> None:
        self._model = model
        self._machine = Machine(lower(model, window.x.shape[1]), vm=vm)
        self._machine.load(model)
        self._machine.set(lr=lr, betas=betas, eps=eps, weight_decay=weight_decay)
        self.name = f"tape, {self._machine.vm}"

    @staticmethod
    def fits(model: nn.Module) -> bool:
        """Whether lowering a model takes less than a second, as where the tape loops."""
        return loops(model)

    def step(self, window: Window) -> tuple[float, float]:
        """Answer one window and learn from it; return the prediction, and the loss before."""
        if isinstance(self._model, SequenceModel):
            self._model._checked_mask(window.mask, window.x)
        return self._machine.step(
            window.target.item(),
            x=window.x.numpy(),
            timespans=window.timespans.numpy(),
            mask=window.mask.numpy(),
        )

    def close(self) -> None:
        """Give the model its weights back."""
        self._machine.store(self._model)
