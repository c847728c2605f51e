"""The experiment of imitation: networks learn what one liquid neuron does."""

from functools import cache

import numpy as np
import torch
from torch import Tensor, nn

from liquidlib import checks
from liquidlib.models import LTC, CfC, Wiring, count_parameters
from liquidlib.models.scalar import ltc_neuron
from liquidlib.training import teach

NEURON = {"w_tau": 0.5, "A": 1.0, "x0": 0.0}
RESTS = {"zero": 0.0, "A": NEURON["A"]}
GRID = 0.05  # units of time, between the moments at which a neuron may be seen
SAMPLES, BATCH = 20, 32  # of a sequence, and sequences of a step
GAPS = {"new": (2, 20), "longer": (20, 40)}  # in grid points; "new" as in training
DRAWN, SCORED, SCORED_SEED = 2_000, 1_000, 2**40  # neurons to learn from, and to be scored on
NETWORKS = ("default", "no_gate", "pure", "ltc")
UNTRAINED = ("formula", "restarted", "held")
BEST = {"default": 0.03, "no_gate": 0.03, "pure": 0.03, "ltc": 0.1}  # by `imitation_rates`
UNITS = {"default": 32, "no_gate": 32, "pure": 75}  # of the backbone, for equal parameters


def imitate(
    seed: int, model: str = "default", rest: str = "zero", lr: float = 0.01, steps: int = 300
) -> dict:
    """Teach a network to follow one liquid neuron, then score it on inputs that it has not met.

    The neuron has ``w_tau = 0.5`` and ``A = 1``, starts at 0 and hears the sum of two sines. 20
    times, after gaps of 0.1 to 1, the network is told its input and the time that has passed, and
    answers with its potential. 32 sequences a step. PyTorch computes it all.

    Parameters
    ----------
    seed : int
        Of the initial weights and of the inputs.
    model : {"default", "no_gate", "pure", "ltc", "formula", "restarted", "held"}
        A `CfC` of 8 units in this mode; an `LTC` of one neuron with one synapse; or what learns
        nothing and is told the neuron's numbers: the closed form from time 0 on, the same from
        each sample to the next, or the exact solution for an input that stays as it is until the
        next sample.
    rest : {"zero", "A"}
        Where the neuron's leak pulls: to 0, as in the paper's equation (1), or to ``A``, as in
        its lemma 1.
    lr : float
        At the beginning, see `teach`.
    steps : int

    Returns
    -------
    dict
        ``parameters``; the root mean square errors ``new`` and ``longer`` (gaps of 1 to 2) over
        1,000 sequences; ``constant``, that of the best constant on the new ones; the ``engine``.
    """
    checks.choice("model", model, NETWORKS + UNTRAINED)
    checks.choice("rest", rest, RESTS)
    network = None
    if model in NETWORKS:
        generator = np.random.default_rng(seed)
        seen = potentials(DRAWN, rest, generator, end=SAMPLES * GAPS["new"][1])
        network = network_of(model, seed)
        teach(network, lambda: lesson(*seen, "new", BATCH, generator), steps, lr)
    found = {"parameters": 2 if network is None else count_parameters(network)}
    for name in GAPS:
        x, timespans, target = scored(name, rest)
        if network is None:
            answers = untrained(model, rest, x[..., 0].double(), timespans.double())[..., None]
        else:
            with torch.no_grad():
                answers, _ = network(x, timespans=timespans)
        found[name] = float(((answers - target).double() ** 2).mean().sqrt())
        if name == "new":
            found["constant"] = float(target.std(correction=0))
    return found | {"engine": "torch"}


def network_of(model: str, seed: int) -> nn.Module:
    """Return one of `NETWORKS` with its initial weights."""
    if model == "ltc":
        return LTC(1, 1, 1, wiring=Wiring(sensory=[[1]], adjacency=[[0]]), seed=seed)
    return CfC(1, 8, 1, mode=model, backbone_units=UNITS[model], seed=seed)


def potentials(
    count: int, rest: str, generator: np.random.Generator, end: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return inputs and potentials of ``count`` neurons at each grid point, (count, end + 1)."""
    amplitude = generator.uniform(0, 3, (count, 2))
    phase = generator.uniform(0, 2 * np.pi, (count, 2))
    speed = np.exp(generator.uniform(np.log(0.2), np.log(2), (count, 2)))  # radians a unit of time

    def drive(t: float) -> np.ndarray:
        return (amplitude * np.sin(speed * t + phase)).sum(-1)

    times = GRID * np.arange(end + 1)
    inputs = np.stack([drive(t) for t in times], axis=-1)
    return inputs, ltc_neuron(times, drive, **NEURON, rest=RESTS[rest])


def lesson(
    inputs: np.ndarray, values: np.ndarray, gaps: str, batch: int, generator: np.random.Generator
) -> tuple[Tensor, Tensor, Tensor]:
    """Return some neurons as seen after gaps: input (B, T, 1), timespans (B, T), x (B, T, 1)."""
    rows = generator.permutation(len(inputs))[:batch, None]
    passed = generator.integers(*GAPS[gaps], (batch, SAMPLES), endpoint=True)
    x, target = (series[rows, passed.cumsum(axis=1)][..., None] for series in (inputs, values))
    return tuple(torch.tensor(part, dtype=torch.float32) for part in (x, GRID * passed, target))


@cache
def scored(gaps: str, rest: str) -> tuple[Tensor, Tensor, Tensor]:
    """Return the `lesson` that nobody has learned from, on which all are scored."""
    generator = np.random.default_rng(SCORED_SEED)
    seen = potentials(SCORED, rest, generator, end=SAMPLES * GAPS[gaps][1])
    return lesson(*seen, gaps, SCORED, generator)


def untrained(rule: str, rest: str, inputs: Tensor, timespans: Tensor) -> Tensor:
    """Return what one of `UNTRAINED` answers, (B, T)."""
    w_tau, A = NEURON["w_tau"], NEURON["A"]
    f = torch.sigmoid(inputs)
    start = torch.full_like(f[:, 0], NEURON["x0"])
    if rule == "formula":
        since_start = timespans.cumsum(dim=1)
        return (start[:, None] - A) * torch.exp(-(w_tau + f) * since_start) * (1 - f) + A
    answers, x = [], start
    decays = torch.exp(-(w_tau + f) * timespans)
    ends = (w_tau * RESTS[rest] + f * A) / (w_tau + f)
    for decay, f_t, end in zip(decays.unbind(1), f.unbind(1), ends.unbind(1), strict=True):
        if rule == "held":
            x = (x - end) * decay + end
        else:
            x = (x - A) * decay * (1 - f_t) + A
        answers.append(x)
    return torch.stack(answers, dim=1)


def rates() -> list[dict]:
    """Return the settings that a learning rate is chosen from: four for each network."""
    return [{"model": model, "lr": lr} for model in NETWORKS for lr in (0.003, 0.01, 0.03, 0.1)]


def imitations() -> list[dict]:
    """Return the settings of the comparison, each network with its best learning rate."""
    networks = [{"model": model, "rest": "zero", "lr": lr} for model, lr in BEST.items()]
    networks.append({"model": "default", "rest": "A", "lr": BEST["default"]})
    return networks + [
        {"model": model, "rest": rest, "lr": 0.0} for rest in RESTS for model in UNTRAINED
    ]
