"""Does wiring like a worm help? Networks of equal size are taught damped sines, and disturbed."""

import math
from collections.abc import Callable
from itertools import product

import numpy as np
import torch
from torch import Tensor

from liquidlib import checks
from liquidlib.models import (
    GRU,
    LSTM,
    LTC,
    Linear,
    SequenceModel,
    WiredCfC,
    Wiring,
    count_parameters,
)
from liquidlib.training import teach

SAMPLES, BATCH, WARM = 28, 32, 10  # seen of a series, series of a step, answers that do not count
NOISES = {"clean": 0.0, "noisy": 0.1, "noisier": 0.3}  # standard deviations; taught with "noisy"
PULSE, PULSED = 1.5, slice(14, 16)  # what is added to the input, and to which samples
SCORED, SCORED_SEED = 2000, 2**40  # series that nobody was taught with
PHASES = 6  # parts between a zero crossing and a peak
UNFOLDS = 3  # solver steps of an LTC, a sample
SHARES, CUTS = (0.0, 0.1, 0.2, 0.4), 10  # of the synapses that are cut, and how often at random
FEW = 200  # series on which that is scored

# Who takes part ----------------------------------------------------------------------------------


def worm(units: int, seed: int) -> Wiring:
    """Return a neural circuit policy with one input and one motor neuron."""
    return Wiring.auto_ncp(1, units, 1, seed=seed)


def shuffled(units: int, seed: int) -> Wiring:
    """Return the synapses of `worm`, as many of each kind and polarity, at random places."""
    wiring, deal = worm(units, seed), np.random.default_rng(seed)
    sensory, adjacency = (
        deal.permutation(matrix.ravel()).reshape(matrix.shape)
        for matrix in (wiring.sensory, wiring.adjacency)
    )
    return Wiring(sensory, adjacency, wiring.motor_neurons)


CONTESTANTS: dict[str, Callable[[int, int], SequenceModel]] = {  # from units and seed
    "cfc-worm": lambda n, seed: WiredCfC(1, n, 1, wiring=worm(n, seed), seed=seed),
    "cfc-shuffled": lambda n, seed: WiredCfC(1, n, 1, wiring=shuffled(n, seed), seed=seed),
    "cfc-dense": lambda n, seed: WiredCfC(1, n, 1, wiring=Wiring.fully_connected(1, n), seed=seed),
    "ltc-worm": lambda n, seed: LTC(1, n, 1, wiring=worm(n, seed), unfolds=UNFOLDS, seed=seed),
    "ltc-dense": lambda n, seed: LTC(1, n, 1, unfolds=UNFOLDS, seed=seed),
    "gru": lambda n, seed: GRU(1, n, 1, seed=seed),
    "lstm": lambda n, seed: LSTM(1, n, 1, seed=seed),
    "line": lambda n, seed: Linear(1, 1, window=n, seed=seed),
}

# What they are taught ----------------------------------------------------------------------------


def damped(batch: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Draw damped sines: heights and phases in radians, each (batch, SAMPLES + 1).

    Amplitudes of 0.5 to 1.5, which fall by 1 to 4 % a sample, and speeds of 8 to 32 degrees a
    sample, of which the logarithm is uniform.
    """

    def uniform(low: float, high: float) -> Tensor:
        return low + (high - low) * torch.rand(batch, 1, generator=generator)

    at = torch.arange(SAMPLES + 1)
    speed = torch.deg2rad(torch.exp(uniform(math.log(8), math.log(32))))
    phases = uniform(0, 2 * math.pi) + speed * at
    return uniform(0.5, 1.5) * torch.exp(-uniform(0.01, 0.04) * at) * torch.sin(phases), phases


def wired(seed: int, model: str, units: int, lr: float, steps: int = 500) -> dict:
    """Teach a model to foretell damped sines in noise, then score and disturb it.

    It sees 28 heights with noise of 0.1, and answers after each what the next will be. 32 new
    series a step; the answers after the first ten samples count. Then its weights stay as they
    are. Its score is the root mean square distance of its answers on 2,000 new series from the
    curve without noise.

    To disturb it, 1.5 is added to samples 14 and 15 of each of these series.

    Parameters
    ----------
    seed : int
        Of the initial weights, the series and the wiring.
    model : str
        One of `CONTESTANTS`. ``"line"`` is no network: the least-squares filter of the last
        ``units`` samples, fitted to as many series as the others see.
    units : int
        Neurons, without the sensory ones.
    lr : float
        At the beginning, see `teach`.
    steps : int

    Returns
    -------
    dict
        ``parameters``, and ``stored``, how many numbers the model holds, with those that a mask
        hides; the scores ``clean``, ``noisy`` and ``noisier`` with noise of 0, 0.1 and 0.3;
        ``disturbed`` and ``undisturbed``, the score with noise of 0.1 of the answers from sample
        14 on, with and without what is added; the ``engine``; ``pushed`` (14,), how far these
        answers move (root mean square, as a share of what is added); ``by_phase`` (6,), the
        score with noise of 0.1 by where the answer lies between zero crossing and peak, in parts
        of 15 degrees; ``loss`` (10,), the mean loss of each tenth of the training; of a network
        with a wiring, on 200 of the series with noise of 0.1, ``without`` (units,), the score
        without all synapses of a neuron, and ``cut`` (4,), the median score of ten networks that
        lack 0, 10, 20 and 40 % of the synapses.
    """
    checks.choice("model", model, CONTESTANTS)
    network = CONTESTANTS[model](checks.integer("units", units, at_least=1), seed)
    generator = torch.Generator().manual_seed(seed)
    losses = (_fit if model == "line" else teach)(
        network, lambda: lesson(generator), checks.integer("steps", steps, at_least=10), lr, WARM
    )
    found = {
        "parameters": count_parameters(network),
        "stored": sum(parameter.numel() for parameter in network.parameters()),
    }

    unseen = torch.Generator().manual_seed(SCORED_SEED)
    heights, phases = damped(SCORED, unseen)
    noise = torch.randn(heights.shape, generator=unseen)[:, :-1]
    answers = {
        name: _answers(network, heights[:, :-1] + size * noise) for name, size in NOISES.items()
    }
    errors = {name: answer - heights[:, 1:] for name, answer in answers.items()}
    for name, error in errors.items():
        found[name] = _rms(error[:, WARM:])

    pulse = torch.zeros(SAMPLES)
    pulse[PULSED] = PULSE
    moved = _answers(network, heights[:, :-1] + NOISES["noisy"] * noise + pulse) - answers["noisy"]
    after = slice(PULSED.start, None)
    found["disturbed"] = _rms((errors["noisy"] + moved)[:, after])
    found["undisturbed"] = _rms(errors["noisy"][:, after])

    angle = torch.asin(torch.sin(phases[:, 1:]).abs())[:, WARM:]  # 0 at a crossing, pi/2 at a peak
    part = (angle / (math.pi / 2) * PHASES).long().clamp(max=PHASES - 1)
    arrays = {
        "pushed": [_rms(column) / PULSE for column in moved[:, after].unbind(1)],
        "by_phase": [_rms(errors["noisy"][:, WARM:][part == p]) for p in range(PHASES)],
        "loss": [tenth.mean() for tenth in np.array_split(losses, 10)],
        "without": [],
        "cut": [],
    }
    if hasattr(network, "wiring"):
        seen = (heights[:, :-1] + NOISES["noisy"] * noise)[:FEW]
        arrays |= _cut(network, seen, heights[:FEW, 1:], seed)
    return (
        found
        | {"engine": "torch"}
        | {name: np.asarray(values, dtype=np.float32) for name, values in arrays.items()}
    )


def lesson(generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
    """Draw what is taught in a step: x (B, T, 1), timespans (B, T) and target (B, T, 1)."""
    heights, _ = damped(BATCH, generator)
    seen = (heights + NOISES["noisy"] * torch.randn(heights.shape, generator=generator))[..., None]
    return seen[:, :-1], torch.ones(BATCH, SAMPLES), seen[:, 1:]


def _fit(line: Linear, lesson: Callable, steps: int, lr: float, skip: int) -> np.ndarray:
    """Fit a line to as many lessons as others are taught, and return that it has no losses."""
    if line.window > skip + 1:
        raise ValueError(f"units must be at most {skip + 1} for model 'line', got {line.window}")
    lessons = [lesson() for _ in range(steps)]
    seen, asked = (torch.cat([one[i][..., 0] for one in lessons]).double() for i in (0, 2))
    windows = seen.unfold(1, line.window, 1)[:, skip + 1 - line.window :]  # (N, T - skip, n)
    columns = torch.cat([windows, torch.ones_like(windows[..., :1])], dim=-1).flatten(0, 1)
    best = torch.linalg.lstsq(columns, asked[:, skip:].reshape(-1, 1)).solution[:, 0].float()
    with torch.no_grad():
        line.filter.weight.copy_(best[None, :-1])
        line.filter.bias.copy_(best[-1:])
    return np.full(steps, np.nan)


@torch.no_grad()
def _answers(model: SequenceModel, seen: Tensor) -> Tensor:
    """Return what a model answers after each sample, (B, T)."""
    output, _ = model(seen[..., None], timespans=torch.ones_like(seen))
    return output[..., 0]


def _rms(errors: Tensor) -> float:
    return float((errors.double() ** 2).mean().sqrt())


# What is cut afterwards --------------------------------------------------------------------------


def silenced(wiring: Wiring, neuron: int) -> Wiring:
    """Return a wiring without the synapses of a neuron."""
    sensory, adjacency = wiring.sensory.copy(), wiring.adjacency.copy()
    sensory[:, neuron] = adjacency[neuron] = adjacency[:, neuron] = 0
    return _like(wiring, sensory, adjacency)


def thinned(wiring: Wiring, share: float, deal: np.random.Generator) -> Wiring:
    """Return a wiring that lacks a share of its synapses, drawn at random."""
    both = np.concatenate([wiring.sensory, wiring.adjacency])
    there = np.argwhere(both)
    lost = deal.choice(there, size=round(share * len(there)), replace=False)
    both[tuple(lost.T)] = 0
    return _like(wiring, both[: wiring.input_size], both[wiring.input_size :])


def rewired(model: LTC | WiredCfC, wiring: Wiring) -> LTC | WiredCfC:
    """Return a model with the parameters of another one, and a wiring of its own."""
    options = {"unfolds": model.unfolds} if isinstance(model, LTC) else {}
    other = type(model)(
        model.input_size, model.hidden_size, model.output_size, wiring=wiring, **options
    )
    with torch.no_grad():
        for mine, given in zip(other.parameters(), model.parameters(), strict=True):
            mine.copy_(given)
    return other


def _cut(network: LTC | WiredCfC, seen: Tensor, asked: Tensor, seed: int) -> dict[str, list[float]]:
    """Return the scores without each neuron, and with shares of the synapses cut at random."""

    def score(wiring: Wiring) -> float:
        return _rms((_answers(rewired(network, wiring), seen) - asked)[:, WARM:])

    wiring, deal = network.wiring, np.random.default_rng(seed)
    return {
        "without": [score(silenced(wiring, neuron)) for neuron in range(wiring.units)],
        "cut": [
            float(np.median([score(thinned(wiring, share, deal)) for _ in range(CUTS)]))
            for share in SHARES
        ],
    }


def _like(wiring: Wiring, sensory: np.ndarray, adjacency: np.ndarray) -> Wiring:
    return Wiring(sensory, adjacency, wiring.motor_neurons, wiring.command_neurons)


# The grids ---------------------------------------------------------------------------------------

UNITS = {  # that make about 420 parameters; and a line's samples
    "cfc-worm": 20,
    "cfc-shuffled": 20,
    "cfc-dense": 9,
    "ltc-worm": 23,
    "ltc-dense": 9,
    "gru": 10,
    "lstm": 9,
    "line": 10,
}
_SMALLER = {"cfc-worm": (8,), "ltc-worm": (9, 15), "gru": (4, 7), "lstm": (3, 6)}
_BEST = dict.fromkeys(UNITS, 0.1) | {"ltc-worm": 0.03, "ltc-dense": 0.03}
_RATES = (0.01, 0.03, 0.1)


def wirings() -> list[dict]:
    """Return all models of one size, and smaller ones, at the rates that `wiring_rates` chose."""
    sizes = [(model, units) for model, units in UNITS.items()]
    sizes += [(model, units) for model, smaller in _SMALLER.items() for units in smaller]
    return [{"model": model, "units": units, "lr": _BEST[model]} for model, units in sizes]


def wiring_rates() -> list[dict]:
    """Return what the networks of `wirings` choose their learning rates from."""
    return [
        {"model": model, "units": units, "lr": lr}
        for (model, units), lr in product(UNITS.items(), _RATES)
        if model != "line"
    ]
