"""The audit's experiment: a model is taught many sines, and scored with its weights frozen."""

import math
from functools import partial

import numpy as np
import torch
from torch import Tensor, nn

from liquidlib import checks
from liquidlib.models import Linear, count_parameters, make
from liquidlib.signals import Curve, Sines, sines
from liquidlib.training import teach

SAMPLES, BATCH = 40, 32  # of a sequence, and sequences of a step
SCORED, SCORED_SEED = 4000, 2**40  # sines that nobody was trained on
OTHERS = {
    "new": {},
    "larger": {"amplitude": (1.5, 3.0)},
    "faster": {"degrees": (8.0, 16.0)},
}
TOLD = ("gate", "input", "nothing")
EDGES = {"jittered": (0, 0.4, 0.8, 1.2, 1.6, 2), "dropped": (0.5, 1.5, 2.5, 3.5, 4.5, math.inf)}


def lesson(
    seed: int,
    model: str = "cfc",
    size: int = 32,
    told: str = "nothing",
    sampling: str = "regular",
    horizon: int = 1,
    lr: float = 0.003,
    steps: int = 800,
) -> dict:
    """Teach a model sines of any phase, speed and amplitude, then score it on new ones.

    It sees 40 heights, and answers after each of them what the height will be ``horizon``
    samples later. 32 new sines a step; the answers after the first ten samples count. Its score
    is the root mean square error of its last answer on 4,000 sines that it has not seen, with
    the weights as they are at the end. PyTorch computes it all.

    Parameters
    ----------
    seed : int
        Of the initial weights and of the sines.
    model : {"cfc", "lstm", "gru", "rnn", "linear"}
        ``"linear"`` is no network: the least-squares fit of the last answer, to as many sines as
        the others see.
    size : int
        Hidden units.
    told : {"gate", "input", "nothing"}
        Where the model is told the time from each sample to the next: as ``timespans``, as a
        second input, or nowhere.
    sampling : {"regular", "jittered", "dropped"}
        As in `sines`.
    horizon : int
    lr : float
        At the beginning, see `teach`.
    steps : int

    Returns
    -------
    dict
        ``parameters``; the scores ``new`` (sines as in training), ``larger`` (amplitudes of 1.5
        to 3), ``faster`` (8 to 16 degrees a step) and ``published`` (360 windows of the
        published sine, regularly sampled); ``persistence``, what saying the last height again
        scores on the new ones; the ``engine``; ``by_gap``, the score on the new ones by the time
        from the last sample to the one after it, in five parts, see `EDGES` (none if regular);
        and ``loss``, the mean loss of each twentieth of the training.
    """
    checks.choice("told", told, TOLD)
    checks.integer("horizon", horizon, at_least=1)
    draw = partial(sines, samples=SAMPLES + horizon, sampling=sampling)
    generator = torch.Generator().manual_seed(seed)
    if model == "linear":
        network = _fitted(draw(BATCH * steps, generator=generator), told, horizon)
        losses = np.full(20, np.nan)
    else:
        network = make(model, 2 if told == "input" else 1, size, 1, seed=seed)
        if told == "gate" and not network.uses_timespans:
            raise ValueError(f"told must be 'input' or 'nothing' for model {model!r}, got 'gate'")
        losses = teach(
            network,
            lambda: given(draw(BATCH, generator=generator), told, horizon),
            steps,
            lr,
            skip=SAMPLES // 4,
        )
    found = {"parameters": count_parameters(network)}
    for name, change in OTHERS.items():
        unseen = draw(SCORED, generator=torch.Generator().manual_seed(SCORED_SEED), **change)
        errors = _errors(network, unseen, told, horizon)
        found[name] = _rms(errors)
        if name == "new":
            values = unseen.values
            found["persistence"] = _rms(values[:, SAMPLES - 1] - values[:, -1])
            by_gap = _by_gap(errors, unseen.gaps[:, SAMPLES].contiguous(), EDGES.get(sampling))
    found["published"] = _rms(_errors(network, published_sines(horizon), told, horizon))
    parts = [part.mean() for part in np.array_split(losses, 20)]
    arrays = {"by_gap": by_gap, "loss": parts}
    return (
        found
        | {"engine": "torch"}
        | {name: np.asarray(values, dtype=np.float32) for name, values in arrays.items()}
    )


def given(drawn: Sines, told: str, horizon: int) -> tuple[Tensor, Tensor, Tensor]:
    """Return what a model is given: x (B, T, F), timespans (B, T) and target (B, T, 1).

    The time that belongs to a sample is the one until the next sample, so that with horizon 1
    the state has come to the moment that is asked for.
    """
    samples = drawn.values.shape[1] - horizon
    x = drawn.values[:, :samples, None]
    until_next = drawn.gaps[:, 1 : samples + 1]
    if told == "input":
        x = torch.cat([x, until_next[..., None]], dim=-1)
    timespans = until_next if told == "gate" else torch.ones_like(until_next)
    return x, timespans, drawn.values[:, horizon:, None]


def published_sines(horizon: int) -> Sines:
    """Return one period of the published sine, a sequence for each window."""
    curve = Curve(horizon=horizon, window=SAMPLES)
    heights = torch.from_numpy(curve.samples(359 + SAMPLES + horizon).clean.astype(np.float32))
    values = heights.unfold(0, SAMPLES + horizon, 1)  # (360, N)
    return Sines(values, torch.ones_like(values))


def _fitted(drawn: Sines, told: str, horizon: int) -> nn.Module:
    """Return the linear model that answers best in the least-squares sense."""
    x, _, target = given(drawn, told, horizon)
    columns = torch.cat([x.flatten(1), torch.ones(len(x), 1)], dim=1).double()
    best = torch.linalg.lstsq(columns, target[:, -1].double()).solution[:, 0].float()
    model = Linear(x.shape[2], 1, window=SAMPLES)
    with torch.no_grad():
        model.filter.weight.copy_(best[None, :-1])
        model.filter.bias.copy_(best[-1:])
    return model


@torch.no_grad()
def _errors(model: nn.Module, drawn: Sines, told: str, horizon: int) -> Tensor:
    """Return the errors of the last answers, (B,)."""
    x, timespans, target = given(drawn, told, horizon)
    output, _ = model(x, timespans=timespans)
    return (output - target)[:, -1, 0]


def _rms(errors: Tensor) -> float:
    return float((errors.double() ** 2).mean().sqrt())


def _by_gap(errors: Tensor, gaps: Tensor, edges: tuple | None) -> list[float]:
    if edges is None:
        return []
    parts = torch.bucketize(gaps, torch.tensor(edges[1:-1], dtype=gaps.dtype))
    return [_rms(errors[parts == part]) for part in range(len(edges) - 1)]
