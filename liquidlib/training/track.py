"""Online training: look at a window, answer, be told, learn, move on by one sample."""

import platform
from collections.abc import Callable
from dataclasses import fields
from importlib.metadata import version
from pathlib import Path
from time import perf_counter

import numpy as np
import torch
from torch import Tensor, nn
from tqdm import tqdm

from liquidlib import checks
from liquidlib.models import count_parameters
from liquidlib.signals import Curve, Window
from liquidlib.training.run import Run

DEVICES = ("auto", "cuda", "mps", "cpu")
Callback = Callable[[int, float, float, float], bool | None]


def training_step(
    model: nn.Module, optimiser: torch.optim.Optimizer, window: Window
) -> tuple[Tensor, Tensor]:
    """Answer one window, then learn from it.

    Returns
    -------
    prediction : Tensor (1, 1)
        The last output, from before the update.
    loss : Tensor ()
        Mean squared error of it.
    """
    output, _ = model(window.x, timespans=window.timespans, mask=window.mask)  # (1, T, 1)
    prediction = checks.one_output(output)[:, -1]
    loss = ((prediction - window.target) ** 2).mean()
    optimiser.zero_grad()
    loss.backward()
    optimiser.step()
    return prediction.detach(), loss.detach()


def track(
    model: nn.Module,
    curve: Curve,
    steps: int,
    lr: float = 0.01,
    betas: tuple[float, float] = (0.9, 0.999),
    eps: float = 1e-8,
    weight_decay: float = 0.01,
    device: str = "auto",
    seed: int = 0,
    progress: bool = False,
    callback: Callback | None = None,
) -> Run:
    """Train a model online on a curve, one AdamW update a step, as in the published loop.

    Each step: one window, one forward pass from the zero state, the last output is the
    prediction, one backward pass of its squared error, one update, and the window moves on by
    one sample. Step 0 is the first full window; the published counts include the 82 ticks that
    fill it, and so are larger by 82.

    Parameters
    ----------
    model : nn.Module
        One of liquidlib's, or any that follows their calling convention. It is trained in place
        and stays on ``device``.
    curve : Curve
    steps : int
    lr, betas, eps, weight_decay
        AdamW's settings (Loshchilov and Hutter 2019). The defaults are the published test's;
        ``**PRESETS["tutorial"]`` gives those of the published tutorial.
    device : {"auto", "cuda", "mps", "cpu"}
        ``"auto"`` takes the first of the others that is there.
    seed : int
        Of PyTorch's generator during the run, for modules that draw numbers, such as dropout.
        The generator is put back afterwards.
    progress : bool
        Whether to show a bar.
    callback : callable, optional
        ``callback(step, prediction, target, clean)`` is called after each step. Returning False
        ends the run, which then holds the steps so far.

    Returns
    -------
    Run
    """
    if not isinstance(curve, Curve):
        raise TypeError(f"curve must be a liquidlib.Curve, got {type(curve).__name__}")
    steps = checks.integer("steps", steps, at_least=1)
    checks.number("lr", lr, 0, above=True)
    for beta in betas:
        checks.number("betas", beta, 0, 1)
    checks.number("eps", eps, 0)
    checks.number("weight_decay", weight_decay, 0)
    checks.integer("seed", seed, at_least=0)
    on = pick_device(device)

    model.to(on)
    optimiser = torch.optim.AdamW(
        model.parameters(), lr=lr, betas=betas, eps=eps, weight_decay=weight_decay
    )
    if on.type == "cuda":
        torch.cuda.reset_peak_memory_stats()
    rows = []
    was_training = model.training
    model.train()
    with torch.random.fork_rng(), tqdm(total=steps, disable=not progress, unit="step") as bar:
        torch.manual_seed(seed)
        for step, window in enumerate(curve.windows(steps)):
            begin = perf_counter()
            prediction, loss = training_step(model, optimiser, _to(window, on))
            prediction, loss = prediction.item(), loss.item()
            seconds = perf_counter() - begin
            target, clean = window.target.item(), window.clean.item()
            rows.append((prediction, target, clean, loss, seconds))
            bar.update()
            if callback is not None and callback(step, prediction, target, clean) is False:
                break
    model.train(was_training)

    predictions, targets, cleans, losses, times = np.array(rows).T
    return Run(
        name=getattr(model, "name", type(model).__name__.lower()),
        label=getattr(model, "label", type(model).__name__),
        parameters=count_parameters(model),
        lr=lr,
        betas=tuple(betas),
        eps=eps,
        weight_decay=weight_decay,
        seed=seed,
        curve=_settings(curve),
        device=str(on),
        predictions=predictions.astype(np.float32),
        targets=targets.astype(np.float32),
        clean=cleans.astype(np.float32),
        losses=losses.astype(np.float32),
        step_times=times,
        gpu_peak_bytes=torch.cuda.max_memory_allocated() if on.type == "cuda" else None,
        versions=versions(),
    )


def versions() -> dict[str, str]:
    """Return the versions that a stored result names."""
    return {
        "liquidlib": version("liquidlib"),
        "torch": str(torch.__version__),
        "python": platform.python_version(),
    }


def pick_device(device: str) -> torch.device:
    """Return the device of that name; ``"auto"`` gives CUDA, else MPS, else the CPU."""
    checks.choice("device", device, DEVICES)
    there = {
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
        "cpu": True,
    }
    if device == "auto":
        device = next(name for name, is_there in there.items() if is_there)
    if not there[device]:
        found = [name for name, is_there in there.items() if is_there]
        raise ValueError(f"device must be one of {found} on this machine, got {device!r}")
    return torch.device(device)


def _to(window: Window, device: torch.device) -> Window:
    return Window(*(getattr(window, f.name).to(device) for f in fields(Window)))


def _settings(curve: Curve) -> dict:
    """Return what differs from the defaults, as JSON can hold it."""
    given = {f.name: getattr(curve, f.name) for f in fields(Curve)}
    default = {f.name: f.default for f in fields(Curve)} | {"horizon": None}
    return {
        name: str(value) if isinstance(value, Path) else value
        for name, value in given.items()
        if value != default[name]
    }
