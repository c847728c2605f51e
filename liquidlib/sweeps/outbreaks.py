"""The audit's experiment: a model follows a sine online, with its gain and its gradients."""

import math

import numpy as np
import torch

from liquidlib import checks
from liquidlib.engine import Machine
from liquidlib.metrics import gradient_through_time, lock_on
from liquidlib.models import SequenceModel, count_parameters
from liquidlib.sweeps.contestants import as_arrays, curve_of, network, tape_of

OFF = 0.2  # an error beyond it, once a run has locked on for a while, is an outbreak
CALM = 50  # steps after the lock-on before an error counts as one
BEFORE = 40  # steps before an outbreak that are looked at
BIN = 20  # steps of which error and gain are stored together
BACK = (0, 1, 2, 5, 10, 20, 40, 81)  # samples before the last that gradients are stored of
LOOKED = (0, 100, 400, 1400)  # steps taken before a look at the gradients


def outbreak(
    seed: int,
    model: str = "cfc",
    initial: str = "published",
    inputs: str = "position",
    optimiser: str = "adamw",
    lr: float = 0.01,
    beta1: float = 0.9,
    beta2: float = 0.999,
    eps: float = 1e-8,
    forget_bias: float = 0.0,
    gain_limit: float | None = None,
    steps: int = 1400,
) -> dict:
    """Let a model of 32 units follow the published sine, and record what a step does to it.

    The *gain* of a step is how far it moves the answer, to first order and without momentum, as a
    multiple of what would take away the error:
    ``gain = lr * sum(2 (dy/dw)^2 / (sqrt(v) + eps))`` for AdamW with its running mean ``v`` of
    squared gradients, and without the denominator for gradient descent. *Reach* is
    ``sum(abs(dy/dw))``. The steps are computed by the tape as WebAssembly, the gradients through
    time by PyTorch.

    Parameters
    ----------
    seed : int
        Of the initial weights.
    model : {"cfc", "cfc-mixed", "lstm", "gru", "rnn"}
    initial : {"ordinary", "published"}
    inputs : {"position", "turns", "wrapped", "value"}
        Heights (``"value"``) with elapsed times and horizon 1, the others as published.
    optimiser : {"adamw", "sgd"}
    lr, beta1, beta2, eps : float
        The optimiser's; weight decay is 0.01 as published.
    forget_bias : float
        Added to the bias of an LSTM's forget gate at the beginning.
    gain_limit : float, optional
        After a step with a larger gain than this, the next one is taken at a learning rate that
        would have given that gain. Default: none.
    steps : int

    Returns
    -------
    dict
        ``parameters``; ``lock_10``, the lock-on at tolerance 0.1 (inf: none); ``late``, the mean
        error of the last 200 steps; ``outbreak``, the first step, from 50 after the lock-on,
        with an error beyond 0.2 (inf: none); ``worst``, the largest error from there on (NaN: no
        outbreak); ``gain_before``, the largest gain of the 40 steps before the outbreak, and
        ``reach_before``, their largest reach as a multiple of the median since the lock-on (both
        NaN without one); ``gain_median`` and ``gain_largest``, from 50 steps after the lock-on
        (NaN without one); the ``engine``; ``error``, the mean error of each 20 steps, and
        ``gain``, their largest gain; and ``through_0``, ``through_100``, ``through_400`` and
        ``through_1400``, the gradient through time after so many steps, at `BACK`.
    """
    heights = inputs == "value"
    curve = curve_of(inputs, 1 if heights else 0, "elapsed" if heights else "absolute")
    setting = model, 32, None, initial, "unread"
    student = _student(setting, seed, forget_bias)
    adam = checks.choice("optimiser", optimiser, ("adamw", "sgd")) == "adamw"
    hyper = {"lr": lr, "weight_decay": 0.01}
    if adam:
        hyper |= {"betas": (beta1, beta2), "eps": eps}
    machine = Machine(tape_of(setting, curve.window, optimiser), vm="wasm")
    machine.reset(seed)
    machine.load(student)
    machine.set(**hyper)

    errors, gains, reaches = (np.zeros(steps) for _ in range(3))
    through = {}
    windows = list(curve.windows(steps + 1))
    for step, window in enumerate(windows):
        if step in LOOKED or step == steps:
            machine.store(student)
            through[step] = gradient_through_time(student, window)[::-1]
        if step == steps:
            break
        answer, _ = machine.step(window.target.item(), **as_arrays(window))
        errors[step] = answer - window.clean.item()
        slope = _slope(machine, answer - window.target.item())
        if slope is None:  # no error, no gradient
            gains[step], reaches[step] = gains[step - 1], reaches[step - 1]
            continue
        scale = 1.0
        if adam:
            second = _region(machine, "exp_avg_sq") / (1 - beta2 ** (step + 1))
            scale = np.sqrt(second) + eps
        per_rate = float((2 * slope**2 / scale).sum())
        gains[step] = machine.heap[machine.tape.numbers["lr"]] * per_rate
        reaches[step] = np.abs(slope).sum()
        if gain_limit is not None:
            machine.set(lr=min(lr, gain_limit / per_rate) if per_rate else lr)
    return (
        {"parameters": count_parameters(student), "engine": "tape, wasm"}
        | _measured(errors, gains, reaches)
        | {
            f"through_{looked}": through[min(looked, steps)][list(BACK)].astype(np.float32)
            for looked in LOOKED
        }
    )


def _student(setting: tuple, seed: int, forget_bias: float) -> SequenceModel:
    model = network(*setting, seed)
    if forget_bias:
        if model.name != "lstm":
            raise ValueError(f"forget_bias must be 0 for model {model.name!r}, got {forget_bias}")
        forget = slice(model.hidden_size, 2 * model.hidden_size)  # PyTorch's gates: i, f, g, o
        with torch.no_grad():
            model.lstm.bias_ih_l0[forget] += forget_bias
    return model


def _slope(machine: Machine, error: float) -> np.ndarray | None:
    """Return dy/dw of all weights, from the gradient 2 e dy/dw of the squared error e."""
    return _region(machine, "gradients") / (2 * error) if error else None


def _region(machine: Machine, name: str) -> np.ndarray:
    start = machine.tape.regions[name]
    return machine.heap[start : start + machine.tape.size].astype(float)


def _measured(errors: np.ndarray, gains: np.ndarray, reaches: np.ndarray) -> dict:
    """Return what is stored of a run's errors, gains and reaches, each (steps,)."""
    size, locked = np.abs(errors), lock_on(errors)
    found = dict.fromkeys(("outbreak", "lock_10"), math.inf)
    rest = ("worst", "gain_before", "reach_before", "gain_median", "gain_largest")
    found |= dict.fromkeys(rest, math.nan)
    if locked is not None:
        start = locked + CALM
        found["lock_10"] = locked
        if start < len(gains):
            found["gain_median"] = float(np.median(gains[start:]))
            found["gain_largest"] = float(gains[start:].max())
        off = np.flatnonzero(size[start:] > OFF)
        if len(off):
            first = start + int(off[0])
            before = slice(first - BEFORE, first)
            found |= {
                "outbreak": first,
                "worst": float(size[first:].max()),
                "gain_before": float(gains[before].max()),
                "reach_before": float(reaches[before].max() / np.median(reaches[locked:first])),
            }
    whole = len(size) // BIN * BIN
    binned = size[:whole].reshape(-1, BIN), gains[:whole].reshape(-1, BIN)
    return found | {
        "late": float(size[-200:].mean()),
        "error": binned[0].mean(axis=1).astype(np.float32),
        "gain": binned[1].max(axis=1).astype(np.float32),
    }
