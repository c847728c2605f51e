"""What has to be tuned in an LTC: solver, unfolds, size and learning rate, beside CfC and LSTM."""

import math
from functools import lru_cache
from itertools import product

import torch
from torch import Tensor

from liquidlib import checks
from liquidlib.engine import Machine, Tape, lower
from liquidlib.models import SequenceModel, count_parameters, make
from liquidlib.signals import sines
from liquidlib.sweeps.lessons import given

SAMPLES = 16  # of a sequence
DEGREES = (10.0, 40.0)  # a nominal step
SCORED, SCORED_SEED = 400, 2**40  # sequences that nobody was trained on
ASKED = {"fused": 1, "euler": 1, "rk4": 4}  # how often a solver's step asks for push and rate


def ltc_tuning(
    seed: int,
    model: str = "ltc",
    size: int = 8,
    solver: str | None = "fused",
    unfolds: int | None = 6,
    backbone: int | None = None,
    lr: float = 0.01,
    steps: int = 1000,
) -> dict:
    """Train a model to foretell jittered sines.

    It sees 16 heights of a sine, at gaps of 0 to 2 nominal steps, each with the time until the
    next one, and answers what comes next. A new sequence a step, of which the last answer
    counts. AdamW without decay, the learning rate falls to 0 along half a cosine. The tape as
    WebAssembly computes the training, PyTorch the score.

    Parameters
    ----------
    seed : int
        Of the initial weights and of the sequences.
    model : {"ltc", "cfc", "lstm"}
        The LSTM is told the time as a second input, the others by ``timespans``.
    size : int
        Hidden units.
    solver, unfolds : str, int
        Of an LTC; None for the others.
    backbone : int
        Units of a CfC's backbone of one layer; None for the others.
    lr : float
        At the beginning.
    steps : int

    Returns
    -------
    dict
        ``parameters``; ``evaluations``, how often push and rate are asked for in a time step (1
        for the others, whose cell is computed once); ``error``, the root mean square error of the
        last answers on 400 sequences that it has not seen, the same for all (inf: no number), and
        ``persistence``, that of saying the last height again; the ``engine``.
    """
    told = "input" if model == "lstm" else "gate"
    network = trained(seed, (model, size, solver, unfolds, backbone), lr, steps)
    x, _, target = unseen(told)
    return {
        "parameters": count_parameters(network),
        "evaluations": ASKED[solver] * unfolds if model == "ltc" else 1,
        "error": score(network, told),
        "persistence": _rms(x[:, -1, 0] - target[:, -1, 0]),
        "engine": "tape, wasm",
    }


def trained(seed: int, setting: tuple, lr: float, steps: int) -> SequenceModel:
    """Return a trained model; ``setting`` is model, size, solver, unfolds and backbone."""
    network, told = _network(*setting, seed), "input" if setting[0] == "lstm" else "gate"
    machine = Machine(_tape(setting), vm="wasm")
    machine.load(network)
    machine.set(betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0)
    x, timespans, target = _sequences(steps, seed, told)
    for step in range(steps):
        machine.set(lr=lr * (1 + math.cos(math.pi * step / steps)) / 2)
        machine.step(target[step, -1].item(), x=x[step].numpy(), timespans=timespans[step].numpy())
    machine.store(network)
    return network


def unseen(told: str) -> tuple[Tensor, Tensor, Tensor]:
    """Return x (B, T, F), timespans (B, T) and target (B, T, 1) to score a model on."""
    return _sequences(SCORED, SCORED_SEED, told)


@torch.no_grad()
def score(model: SequenceModel, told: str = "gate") -> float:
    """Return the root mean square error of a model's last answers; inf where it is no number."""
    x, timespans, target = unseen(told)
    output, _ = model(x, timespans=timespans)
    return _rms((output - target)[:, -1, 0])


def grid() -> list[dict]:
    """Return 42 settings of the LTC, 18 of the CfC and 6 of the LSTM.

    What explodes with 8 units is not tried with 16, where neurons are faster.
    """
    settings = []
    for size, lr in product((8, 16), (0.003, 0.01, 0.03)):
        shared = {"size": size, "lr": lr}
        for solver, unfolds in product(("fused", "rk4", "euler"), (1, 2, 6)):
            if size == 16 and solver != "fused" and unfolds < 6:
                continue
            settings.append({"model": "ltc", "solver": solver, "unfolds": unfolds} | shared)
        for backbone in (8, 16, 32):
            settings.append({"model": "cfc", "backbone": backbone} | shared)
        settings.append({"model": "lstm"} | shared)
    usual = {"model": "", "size": 0, "solver": None, "unfolds": None, "backbone": None, "lr": 0.0}
    return [usual | setting | {"steps": 1000} for setting in settings]


def _network(
    model: str, size: int, solver: str | None, unfolds: int | None, backbone: int | None, seed: int
) -> SequenceModel:
    checks.choice("model", model, ("ltc", "cfc", "lstm"))
    options = {
        "ltc": {"solver": solver, "unfolds": unfolds},
        "cfc": {"backbone_units": backbone},
        "lstm": {},
    }[model]
    return make(model, 2 if model == "lstm" else 1, size, 1, seed=seed, **options)


@lru_cache(maxsize=2)
def _tape(setting: tuple) -> Tape:
    return lower(_network(*setting, seed=0), SAMPLES)


def _sequences(count: int, seed: int, told: str) -> tuple[Tensor, Tensor, Tensor]:
    """Return x (B, T, F), timespans (B, T) and target (B, T, 1)."""
    generator = torch.Generator().manual_seed(seed)
    drawn = sines(count, SAMPLES + 1, generator, sampling="jittered", degrees=DEGREES)
    return given(drawn, told, horizon=1)


def _rms(errors: Tensor) -> float:
    score = float((errors.double() ** 2).mean().sqrt())
    return score if math.isfinite(score) else math.inf
