"""The audit's experiment: a model follows a sine online; its weights are frozen at eight phases."""

import math

import numpy as np

from liquidlib import checks
from liquidlib.engine import Machine, lower
from liquidlib.metrics import lock_on
from liquidlib.models import count_parameters
from liquidlib.sweeps.contestants import as_arrays, curve_of, network

PERIOD, PHASES = 360, 8  # steps of a period; freezes, evenly over one period
STRIDE = 4  # of the windows after a freeze every fourth is answered
TRAINED = {"all": "", "read-out": "readout", "bias": "readout.bias"}


def frozen(
    seed: int,
    model: str = "cfc",
    inputs: str = "position",
    trained: str = "all",
    lr: float = 0.01,
    steps: int = 720,
) -> dict:
    """Let a model follow the published sine online, and freeze it again and again.

    It has 32 units and ordinary first weights. From step ``steps`` on it is frozen eight times,
    45 degrees apart, each time answers the period that follows, thaws, and trains on as if
    nothing had been. All is computed by the tape as WebAssembly.

    Parameters
    ----------
    seed : int
        Of the initial weights.
    model : {"cfc", "cfc-mixed", "lstm", "gru", "rnn", "linear"}
    inputs : {"position", "value"}
        Positions with absolute times and horizon 0, as published; or heights with elapsed times
        and horizon 1.
    trained : {"all", "read-out", "bias"}
        Which parameters are trained: all, those of the read-out, or its bias alone.
    lr : float
        Of AdamW, the other settings as published.
    steps : int

    Returns
    -------
    dict
        ``parameters``, of those the trained ones; ``lock_10``, the lock-on at tolerance 0.1 (inf:
        none); ``late``, the mean error of the last 100 steps before the first freeze; the
        ``engine``; and of each freeze, by the phase of the last target (0, 45, ..., 315 degrees):
        ``rmse`` of the answers in the period after it; ``swing``, how much of the curve's swing
        they make, the slope of their regression on it (1: the curve, 0: none of it); and
        ``held``, their root mean square distance from the last answer before the freeze.
    """
    prefix = TRAINED[checks.choice("trained", trained, TRAINED)]
    checks.choice("inputs", inputs, ("position", "value"))
    positions = inputs == "position"
    curve = curve_of(inputs, 0 if positions else 1, "absolute" if positions else "elapsed")
    student = network(model, 32, None, "ordinary", "unread", seed)
    for name, parameter in student.named_parameters():
        parameter.requires_grad_(name.startswith(prefix))
    machine = Machine(lower(student, curve.window, "adamw"), vm="wasm")
    machine.set(lr=lr, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.01)

    windows = list(curve.windows(steps + 2 * PERIOD))
    errors, found = [], {}
    for step, window in enumerate(windows[: steps + PERIOD]):
        answer, _ = machine.step(window.target.item(), **as_arrays(window))
        errors.append(answer - window.clean.item())
        phase = (step + curve.window - 1 + curve.horizon) % PERIOD
        if step >= steps and phase % (PERIOD // PHASES) == 0:
            ahead = windows[step + 1 : step + 1 + PERIOD : STRIDE]
            found[phase] = _scored(machine, ahead, answer)
    errors = np.array(errors, dtype=np.float32)
    locked = lock_on(errors)
    scores = np.array([found[phase] for phase in sorted(found)], dtype=np.float32)  # (8, 3)
    return {
        "parameters": count_parameters(student),
        "lock_10": math.inf if locked is None else locked,
        "late": float(np.abs(errors[steps - 100 : steps].astype(float)).mean()),
        "engine": "tape, wasm",
        **dict(zip(("rmse", "swing", "held"), scores.T, strict=True)),
    }


def _scored(machine: Machine, windows: list, before: float) -> tuple[float, float, float]:
    """Return what is stored of a freeze."""
    answers = np.array([machine.answer(**as_arrays(window)) for window in windows])
    clean = np.array([window.clean.item() for window in windows])
    away = clean - clean.mean()
    return (
        float(np.sqrt(np.mean((answers - clean) ** 2))),
        float(answers @ away / (away @ away)),
        float(np.sqrt(np.mean((answers - before) ** 2))),
    )
