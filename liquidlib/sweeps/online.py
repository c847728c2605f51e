"""The audit's experiment: a model follows a sine online, from one seed."""

import math

import numpy as np
from torch import Tensor, nn

from liquidlib import checks
from liquidlib.engine import Machine
from liquidlib.metrics import lock_on, rolling_accuracy
from liquidlib.models import SequenceModel, count_parameters
from liquidlib.signals import Curve
from liquidlib.sweeps.contestants import as_arrays, curve_of, network, tape_of
from liquidlib.training import track

BIN = 20  # steps of which the stored error is the mean
TOLERANCES = {"lock_05": 0.05, "lock_10": 0.1, "lock_20": 0.2}


def online(
    seed: int,
    model: str = "cfc",
    size: int | str = 32,
    layers: int | None = None,
    initial: str = "ordinary",
    inputs: str = "position",
    horizon: int = 0,
    time: str = "absolute",
    mask: str = "unread",
    state: str = "zero",
    optimiser: str = "adamw",
    lr: float = 0.01,
    beta1: float = 0.9,
    beta2: float = 0.999,
    weight_decay: float = 0.01,
    steps: int = 720,
) -> dict:
    """Let a model follow the published sine online, and say how it did.

    All runs are computed by the tape as WebAssembly, which gives the same bits on every machine,
    but those with a carried state, which PyTorch computes.

    Parameters
    ----------
    seed : int
        Of the initial weights.
    model : {"cfc", "cfc-mixed", "lstm", "gru", "rnn", "linear"}
        ``"cfc-mixed"`` is the CfC with mixed memory.
    size : int or "published"
        Hidden units, or the published model of that name, see `published`.
    layers : int, optional
        Of an LSTM, or of a CfC's backbone. Default: the model's own, 1.
    initial : {"ordinary", "published"}
        PyTorch's default initial weights, or the distributions of the published comparison.
    inputs : {"position", "turns", "wrapped", "value"}
        Positions in radians; in turns; in turns and brought back to [-0.5, 0.5); heights.
    horizon : int
        How many steps after the window's last sample the target lies.
    time : {"absolute", "elapsed"}
        As in `Curve`. Sampling is regular, so that elapsed times are all 1.
    mask : {"unread", "read"}
        Whether a CfC has the mask as a second input. The published one has.
    state : {"zero", "carried"}
        Where each window starts from: zero, or where the window before ended.
    optimiser : {"adamw", "sgd"}
    lr, beta1, beta2, weight_decay : float
        The optimiser's; SGD has no betas, and no momentum.
    steps : int

    Returns
    -------
    dict
        ``parameters``; ``lock_05``, ``lock_10`` and ``lock_20``, the lock-on at these tolerances
        (inf: none); ``worst``, the largest error from 50 steps after ``lock_10`` to the end (NaN
        if it never locked on); ``late``, the mean error of the last 100 steps; ``accuracy``, the
        share of these within 0.005; the ``engine``; and ``error``, the mean error of each 20
        steps.
    """
    setting = model, size, layers, initial, mask
    parameters = count_parameters(network(*setting, seed))
    curve = curve_of(inputs, horizon, time)
    hyper = {"lr": lr, "weight_decay": weight_decay}
    if checks.choice("optimiser", optimiser, ("adamw", "sgd")) == "adamw":
        hyper |= {"betas": (beta1, beta2), "eps": 1e-8}
    if checks.choice("state", state, ("zero", "carried")) == "zero":
        machine = Machine(tape_of(setting, curve.window, optimiser), vm="wasm")
        machine.reset(seed)
        machine.set(**hyper)
        errors, engine = _follow(machine, curve, steps), "tape, wasm"
    else:
        carried = Carried(network(*setting, seed))
        run = track(carried, curve, steps, device="cpu", engine="torch", **hyper)
        errors, engine = run.errors, run.engine
    return {"parameters": parameters, "engine": engine} | _measured(errors)


class Carried(nn.Module):
    """A model that starts each window from the state in which the window before ended."""

    def __init__(self, model: SequenceModel) -> None:
        super().__init__()
        self.model, self.state = model, None

    def forward(self, x: Tensor, timespans: Tensor, mask: Tensor) -> tuple[Tensor, object]:
        """Return what the model does, (B, T, F), and its state."""
        output, state = self.model(x, self.state, timespans, mask)
        self.state = tuple(part.detach() for part in state)
        return output, state


def _follow(machine: Machine, curve: Curve, steps: int) -> np.ndarray:
    """Train a machine online; return prediction minus curve, (steps,)."""
    errors = np.empty(steps, dtype=np.float32)
    for step, window in enumerate(curve.windows(steps)):
        prediction, _ = machine.step(window.target.item(), **as_arrays(window))
        errors[step] = prediction - window.clean.item()
    return errors


def _measured(errors: np.ndarray) -> dict:
    """Return what is stored of a run's errors, (steps,)."""
    size = np.abs(errors.astype(float))
    found = {name: lock_on(errors, tolerance) for name, tolerance in TOLERANCES.items()}
    locked = found["lock_10"]
    later = size[locked + 50 :] if locked is not None else size[:0]
    whole = len(size) // BIN * BIN
    return {
        **{name: math.inf if step is None else step for name, step in found.items()},
        "worst": float(later.max()) if len(later) else math.nan,
        "late": float(size[-100:].mean()),
        "accuracy": float(rolling_accuracy(errors)[-1]),
        "error": size[:whole].reshape(-1, BIN).mean(axis=1).astype(np.float32),
    }
