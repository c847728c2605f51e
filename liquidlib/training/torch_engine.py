"""PyTorch's engine: the training step as it stands or, on a CUDA device, as one CUDA graph."""

import warnings
from collections.abc import Callable
from copy import deepcopy
from dataclasses import fields

import torch
from torch import Tensor, nn

from liquidlib.models.sequence import is_plain
from liquidlib.signals import Window
from liquidlib.training import cuda_graph
from liquidlib.training.step import training_step

WARM_UP = 3
"""Steps before the capture; PyTorch advises "a few" (CUDA semantics, Whole-network capture)."""
_ROWS = 1024
_READ = ("x", "timespans", "mask", "target")


class TorchEngine:
    """Takes AdamW training steps with PyTorch.

    On a CUDA device the fourth step is captured as a CUDA graph, which that step and all later
    ones replay: one launch a step in place of hundreds. Python in the model's ``forward`` runs
    for the last time during the capture. A model that cannot be captured is trained step by step
    as on the CPU, with a warning that says why.

    Parameters
    ----------
    model : nn.Module
        On ``device``.
    device : torch.device
    lr, betas, eps, weight_decay
        As in `track`.

    Attributes
    ----------
    name : str
        ``"torch"``, or ``"torch, CUDA graph"`` once steps are replayed.
    """

    def __init__(
        self,
        model: nn.Module,
        device: torch.device,
        lr: float,
        betas: tuple[float, float],
        eps: float,
        weight_decay: float,
    ) -> None:
        on_cuda = device.type == "cuda"
        self.name = "torch"
        self._model, self._device = model, device
        self._optimiser = torch.optim.AdamW(
            model.parameters(),
            lr=lr,
            betas=betas,
            eps=eps,
            weight_decay=weight_decay,
            capturable=on_cuda,  # the step count is on the device, too
        )
        self._waits = WARM_UP if on_cuda else None  # steps before the capture; None: no capture
        self._side = torch.cuda.Stream(device) if on_cuda else None
        self._graph = None
        self._table, self._row = torch.empty(_ROWS, 2, device=device), 0

    def step(self, window: Window) -> tuple[Tensor, Tensor]:
        """Answer one window, on any device, and learn from it.

        Returns
        -------
        prediction, loss : Tensor ()
            On the device, not waited for. Later steps leave them as they are.
        """
        if self._waits is not None:
            if self._waits:
                self._waits -= 1
                with cuda_graph.beside(self._side):
                    return self._rehearse(window) if self._waits == 0 else self._plain(window)
            self._waits = None
            self._capture(window)
        if self._graph is not None and self._fits(window):
            return self._replay(window)
        return self._plain(window)

    def close(self) -> None:
        """Free the graph; the weights are in the model at all times."""
        self._graph = None

    def _plain(self, window: Window) -> tuple[Tensor, Tensor]:
        return self._kept(
            _pair(*training_step(self._model, self._optimiser, _to(window, self._device)))
        )

    def _rehearse(self, window: Window) -> tuple[Tensor, Tensor]:
        """Take a step in which waiting for the device, which no graph can hold, is an error.

        To fail here is harmless; a capture that fails over it upsets PyTorch's allocator.
        """
        window = _to(window, self._device)
        before = deepcopy((self._model.state_dict(), self._optimiser.state_dict()))
        try:
            with cuda_graph.rehearsal(self._device):
                pair = _pair(*training_step(_unchecked(self._model), self._optimiser, window))
        except Exception as error:
            self._model.load_state_dict(before[0])
            self._optimiser.load_state_dict(before[1])
            self._give_up(error)
            return self._plain(window)
        return self._kept(pair)

    def _capture(self, window: Window) -> None:
        """Record the step. Nothing is computed meanwhile, so ``window`` is still to be learnt."""
        static = _to(window, self._device, copy=True)
        read = _unchecked(self._model)
        self._optimiser.zero_grad()  # so that backward() puts the gradients in the graph's memory
        try:
            self._graph, self._pair = cuda_graph.record(
                lambda: _pair(*training_step(read, self._optimiser, static)), self._side
            )
        except Exception as error:
            self._give_up(error)
        else:
            self._static, self.name = static, "torch, CUDA graph"

    def _replay(self, window: Window) -> tuple[Tensor, Tensor]:
        for name in _READ:
            getattr(self._static, name).copy_(getattr(window, name), non_blocking=True)
        self._graph.replay()
        return self._kept(self._pair)

    def _fits(self, window: Window) -> bool:
        """Whether the graph may take a window: of its shapes, and one that no check would stop.

        Any other goes to the model itself, which knows what to do with it or names what is wrong.
        """
        same = all(getattr(window, n).shape == getattr(self._static, n).shape for n in _READ)
        spans = window.timespans
        usual = window.x.isfinite().all() and ((spans >= 0) & spans.isfinite()).all()
        return bool(same and usual and (window.mask == 1).all())

    def _kept(self, pair: Tensor) -> tuple[Tensor, Tensor]:
        """Return copies, in a table: a tensor a step would take 512 bytes of the GPU each."""
        if self._row == _ROWS:
            self._table, self._row = torch.empty_like(self._table), 0
        row = self._table[self._row].copy_(pair)
        self._row += 1
        return row[0], row[1]

    def _give_up(self, error: Exception) -> None:
        self._waits = None
        cause = (str(error).splitlines() or [type(error).__name__])[0]
        warnings.warn(
            f"{type(self._model).__name__} cannot be captured as a CUDA graph and is trained step "
            f"by step, more slowly: {cause}",
            stacklevel=5,  # where track was called
        )


def _unchecked(model: nn.Module) -> Callable[..., tuple[Tensor, object]]:
    """Return the model without the checks of its input, each of which waits for the device."""
    return model.unchecked if is_plain(model) else model


def _to(window: Window, device: torch.device, copy: bool = False) -> Window:
    return Window(*(getattr(window, f.name).to(device, copy=copy) for f in fields(Window)))


def _pair(prediction: Tensor, loss: Tensor) -> Tensor:
    return torch.stack((prediction.reshape(()), loss))  # (2,)
