"""Online training: look at a window, answer, be told, learn, move on by one sample."""

import platform
from collections.abc import Callable, Sequence
from contextlib import closing
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
from liquidlib.signals import Curve
from liquidlib.training.run import Run
from liquidlib.training.tape_engine import TapeEngine
from liquidlib.training.torch_engine import TorchEngine

DEVICES = ("auto", "cuda", "mps", "cpu")
ENGINES = ("auto", "torch", "tape", "wasm")
Callback = Callable[[int, float, float, float], bool | None]


def track(
    model: nn.Module,
    curve: Curve,
    steps: int,
    lr: float = 0.01,
    betas: tuple[float, float] = (0.9, 0.999),
    eps: float = 1e-8,
    weight_decay: float = 0.01,
    device: str = "auto",
    engine: str = "auto",
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
        ``"auto"`` takes the first of the others that is there, and the CPU for the tape.
    engine : {"auto", "torch", "tape", "wasm"}
        What computes the steps. ``"torch"`` is PyTorch, on a CUDA device with the step captured
        as a CUDA graph. ``"tape"`` is liquidlib's own engine: the step compiled to a small
        program, on the CPU only; ``"wasm"`` is the same as WebAssembly, slower, and gives the same
        bits on every machine. ``"auto"`` takes the tape on the CPU for the models that it can run,
        else PyTorch. Results of different engines differ by rounding.
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

    Raises
    ------
    NotImplementedError
        If the tape was asked for and cannot run the model.
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
    if checks.choice("engine", engine, ENGINES) in ("tape", "wasm"):
        if device not in ("auto", "cpu"):
            raise ValueError(
                f"engine={engine!r} runs only with device='cpu', got device={device!r}"
            )
        on = torch.device("cpu")
    settings = {"lr": lr, "betas": tuple(betas), "eps": eps, "weight_decay": weight_decay}

    model.to(on)
    if on.type == "cuda":
        torch.cuda.reset_peak_memory_stats()
    queued = on.type == "cuda" and callback is None  # nobody needs a step's numbers at once
    rows = []
    was_training = model.training
    model.train()
    with (
        torch.random.fork_rng(),
        closing(_start(engine, model, curve, on, settings)) as runner,
        tqdm(total=steps, disable=not progress, unit="step") as bar,
    ):
        torch.manual_seed(seed)
        for step, window in enumerate(curve.windows(steps)):
            begin = _now(queued)
            prediction, loss = runner.step(window)
            if not queued:
                prediction, loss = float(prediction), float(loss)
            end = _now(queued)
            target, clean = window.target.item(), window.clean.item()
            rows.append((prediction, target, clean, loss, begin, end))
            bar.update()
            if callback is not None and callback(step, prediction, target, clean) is False:
                break
    model.train(was_training)

    predictions, targets, cleans, losses, begins, ends = zip(*rows, strict=True)
    return Run(
        name=getattr(model, "name", type(model).__name__.lower()),
        label=getattr(model, "label", type(model).__name__),
        parameters=count_parameters(model),
        **settings,
        seed=seed,
        curve=_settings(curve),
        device=str(on),
        engine=runner.name,
        predictions=_numbers(predictions),
        targets=_numbers(targets),
        clean=_numbers(cleans),
        losses=_numbers(losses),
        step_times=np.array([_seconds(*pair) for pair in zip(begins, ends, strict=True)]),
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


def _start(
    engine: str, model: nn.Module, curve: Curve, device: torch.device, settings: dict
) -> TorchEngine | TapeEngine:
    """Return an engine for the model; ``"auto"`` gives the tape where it can, else PyTorch."""
    is_asked = engine in ("tape", "wasm")
    if is_asked or (engine == "auto" and device.type == "cpu" and TapeEngine.fits(model)):
        vm = "wasm" if engine == "wasm" else "auto"
        try:
            return TapeEngine(model, next(curve.windows(1)), vm, **settings)
        except NotImplementedError:  # liquidlib.engine.Unsupported is one
            if is_asked:
                raise
    return TorchEngine(model, device, **settings)


def _now(queued: bool) -> float | torch.cuda.Event:
    """Return the time here or, where steps are only queued, a mark that the device will reach."""
    if not queued:
        return perf_counter()
    mark = torch.cuda.Event(enable_timing=True)
    mark.record()
    return mark


def _seconds(begin: float | torch.cuda.Event, end: float | torch.cuda.Event) -> float:
    return end - begin if isinstance(begin, float) else begin.elapsed_time(end) / 1000


def _numbers(values: Sequence[float] | Sequence[Tensor]) -> np.ndarray:
    """Return one number a step, (steps,); tensors leave their device together."""
    if isinstance(values[0], Tensor):
        values = torch.stack(values).cpu()
    return np.array(values, dtype=np.float32)


def _settings(curve: Curve) -> dict:
    """Return what differs from the defaults, as JSON can hold it."""
    given = {f.name: getattr(curve, f.name) for f in fields(Curve)}
    default = {f.name: f.default for f in fields(Curve)} | {"horizon": None}
    return {
        name: str(value) if isinstance(value, Path) else value
        for name, value in given.items()
        if value != default[name]
    }
