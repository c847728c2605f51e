"""A tutorial's sketch, rebuilt from what is said of it and mended one fault after another."""

from collections.abc import Iterable
from itertools import product

import torch
from torch import Tensor, nn

from liquidlib import checks
from liquidlib.models import LTC, CfC, Linear, count_parameters
from liquidlib.signals import sines
from liquidlib.sweeps.lessons import given

FAULTS = ("list", "optimiser", "activation", "state", "time")  # in the order of mending
MENDED = " ".join(FAULTS)
MODELS = ("sketch", "cfc", "ltc", "line")
SAMPLES, BATCH, SKIP = 12, 64, 4  # of a sequence, sequences of a step, answers not counted
SCORED, SCORED_SEED = 4000, 2**40  # sines that nobody was trained on
DEGREES = (4.0, 16.0)  # a nominal step


def sketch(
    seed: int,
    model: str = "sketch",
    mended: str = MENDED,
    lr: float = 0.03,
    steps: int = 300,
) -> dict:
    """Train the sketch, or a model of liquidlib's, on jittered sines, and score it on new ones.

    It sees twelve heights at irregular times, and answers after each what the next will be.
    64 new sines a step; the answers after the first four samples count. Its score is the root
    mean square error of its last answer on 4,000 sines that it has not seen.

    Parameters
    ----------
    seed : int
        Of the first weights and of the sines.
    model : {"sketch", "cfc", "ltc", "line"}
        The networks have about 320 weights each. ``"line"`` is the least-squares fit of the last
        answer to all heights and gaps, on as many sines as the others see.
    mended : str
        Which faults of the sketch are mended, with spaces between: ``list`` (the solver reads an
        empty one), ``optimiser`` (the loop never calls it), ``activation`` (missing between the
        two maps), ``state`` (the solver moves none), ``time`` (nothing is told the gaps: a
        solver takes them as timespans, a network without a state as a second input). The other
        models have none of the faults and are all mended.
    lr : float
        Adam's; it stays as it is.
    steps : int

    Returns
    -------
    dict
        ``parameters``; ``raised``, the error that ended the training, or None; and then, where
        it ended well, ``new``, the score; ``moved``, the largest change of any weight; and
        ``persistence``, what saying the last height again scores.
    """
    checks.choice("model", model, MODELS)
    words = [checks.choice("mended", word, FAULTS) for word in mended.split()]
    if model != "sketch" and set(words) != set(FAULTS):
        raise ValueError(f"mended must be {MENDED!r} for model {model!r}, got {mended!r}")
    stateless = model == "line" or "state" not in words
    told = "input" if stateless and "time" in words else "gate"
    generator = torch.Generator().manual_seed(seed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = build(words) if model == "sketch" else peer(model, seed)
    found = {"parameters": count_parameters(network), "raised": None, "engine": "torch"}
    before = _weights(network)
    try:
        if model == "line":
            fit(network, lesson(BATCH * steps, generator, told))
        else:
            optimiser = torch.optim.Adam(network.parameters(), lr=lr)
            batches = (lesson(BATCH, generator, told) for _ in range(steps))
            train(network, batches, optimiser, "optimiser" in words)
    except IndexError as error:
        return found | {"raised": f"{type(error).__name__}: {error}"}
    x, timespans, target = lesson(SCORED, torch.Generator().manual_seed(SCORED_SEED), told)
    with torch.no_grad():
        output, _ = network(x, timespans=timespans)
    return found | {
        "new": _rms((output - target)[:, -1]),
        "moved": float((_weights(network) - before).abs().max()),
        "persistence": _rms((x[..., :1] - target)[:, -1]),
    }


def rates() -> list[dict]:
    """Return what those that are trained choose their learning rates from."""
    trained = [(model, mended) for model, mended, lr in _contestants() if lr]
    choices = product(trained, (0.003, 0.01, 0.03, 0.1, 0.3))
    return [_setting(model, mended, lr) for (model, mended), lr in choices]


def ladder() -> list[dict]:
    """Return the faults mended one after another, then all but one; and whom that leads to."""
    return [_setting(model, mended, lr or 0.03) for model, mended, lr in _contestants()]


def _contestants() -> list[tuple[str, str, float | None]]:
    """Return model, what is mended, and the rate that `rates` found best, if any is used."""
    return [
        ("sketch", "", None),
        ("sketch", "list", None),
        ("sketch", "list optimiser", 0.003),
        ("sketch", "list optimiser activation", 0.003),
        ("sketch", "list optimiser activation state", 0.1),
        ("sketch", MENDED, 0.1),
        ("sketch", "list optimiser activation time", 0.01),
        ("sketch", "list optimiser state time", 0.1),
        ("sketch", "list activation state time", None),
        ("cfc", MENDED, 0.03),
        ("ltc", MENDED, 0.03),
        ("line", MENDED, None),
    ]


def _setting(model: str, mended: str, lr: float) -> dict:
    return {"model": model, "mended": mended, "lr": lr, "steps": 300}


# The sketch ----------------------------------------------------------------------------------


def build(mended: list[str]) -> nn.Module:
    """Return the sketch, with those of its faults that are named mended."""
    activation = "activation" in mended
    if "state" in mended:
        return ODESolver(LiquidNeuralNetwork(1, 8, 16, activation), "time" in mended)
    inputs, width = (2, 80) if "time" in mended else (1, 107)
    return WeightSolver(two_maps(inputs, width, 1, activation), "list" in mended)


def two_maps(inputs: int, width: int, outputs: int, activation: bool) -> nn.Sequential:
    """Return two linear maps, with a leaky ReLU between them or with nothing."""
    between = [nn.LeakyReLU()] if activation else []
    return nn.Sequential(nn.Linear(inputs, width), *between, nn.Linear(width, outputs))


class WeightSolver(nn.Module):
    """A solver that is to move the weights of a network, by slopes that nobody has put in a list.

    With the list mended it leaves the weights alone, and gives what the network answers.
    """

    def __init__(self, network: nn.Module, list_mended: bool, dt: float = 0.1) -> None:
        super().__init__()
        self.network, self.list_mended, self.dt = network, list_mended, dt

    def forward(self, x: Tensor, timespans: Tensor) -> tuple[Tensor, None]:
        """Return the answers (B, T, 1) to x (B, T, F)."""
        slopes = []
        if not self.list_mended:
            for weight in self.network.parameters():
                weight.data += self.dt * slopes.pop()
        return self.network(x), None


class LiquidNeuralNetwork(nn.Module):
    r"""The equation of a liquid state, :math:`\dot v = f A - (1/\tau + f)\,v`.

    ``f`` is the sigmoid of two maps of input and state.
    """

    def __init__(self, input_size: int, hidden_size: int, width: int, activation: bool) -> None:
        super().__init__()
        self.hidden_size = hidden_size
        self.layers = two_maps(input_size + hidden_size, width, hidden_size, activation)
        self.leak = nn.Parameter(torch.zeros(hidden_size))  # the logarithm of 1 / tau
        self.target = nn.Parameter(torch.linspace(-1, 1, hidden_size))  # A
        self.read_out = nn.Linear(hidden_size, 1)

    def forward(self, x: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """Return what pushes each neuron and the rate at which it forgets, (B, H) each."""
        f = torch.sigmoid(self.layers(torch.cat([x, state], dim=-1)))
        return f * self.target, self.leak.exp() + f


class ODESolver(nn.Module):
    """A solver that moves a state: one semi-implicit Euler step a sample."""

    def __init__(self, network: LiquidNeuralNetwork, told: bool) -> None:
        super().__init__()
        self.network, self.told = network, told

    def forward(self, x: Tensor, timespans: Tensor) -> tuple[Tensor, Tensor]:
        """Return the answers (B, T, 1) to x (B, T, F), and the last state (B, H)."""
        dt = timespans if self.told else torch.ones_like(timespans)
        state, states = x.new_zeros(len(x), self.network.hidden_size), []
        for x_t, dt_t in zip(x.unbind(1), dt.unbind(1), strict=True):
            push, rate = self.network(x_t, state)
            state = (state + dt_t[:, None] * push) / (1 + dt_t[:, None] * rate)
            states.append(state)
        return self.network.read_out(torch.stack(states, dim=1)), state


def train(
    model: nn.Module,
    batches: Iterable[tuple[Tensor, Tensor, Tensor]],
    optimiser: torch.optim.Optimizer,
    calls_optimiser: bool,
) -> None:
    """Train as the sketch does, whose loop computes gradients and never calls its optimiser."""
    for x, timespans, target in batches:
        output, _ = model(x, timespans=timespans)
        loss = ((output - target)[:, SKIP:] ** 2).mean()
        optimiser.zero_grad()
        loss.backward()
        if calls_optimiser:
            optimiser.step()


# What it is taught, and whom it is compared with ---------------------------------------------


def lesson(batch: int, generator: torch.Generator, told: str) -> tuple[Tensor, Tensor, Tensor]:
    """Return x (B, T, F), timespans (B, T) and target (B, T, 1) of new jittered sines."""
    drawn = sines(batch, SAMPLES + 1, generator, sampling="jittered", degrees=DEGREES)
    return given(drawn, told, horizon=1)


def peer(model: str, seed: int) -> nn.Module:
    """Return a network of liquidlib's with as many weights as the mended sketch, or the line."""
    if model == "cfc":
        return CfC(1, 6, 1, backbone_units=9, seed=seed)
    if model == "ltc":
        return LTC(1, 8, 1, seed=seed)
    return Linear(2, 1, window=SAMPLES)


def fit(line: Linear, batch: tuple[Tensor, Tensor, Tensor]) -> None:
    """Give a line the weights whose last answers are best in the least-squares sense."""
    x, _, target = batch
    columns = torch.cat([x.flatten(1), torch.ones(len(x), 1)], dim=1).double()
    best = torch.linalg.lstsq(columns, target[:, -1].double()).solution[:, 0].float()
    with torch.no_grad():
        line.filter.weight.copy_(best[None, :-1])
        line.filter.bias.copy_(best[-1:])


def _weights(network: nn.Module) -> Tensor:
    return nn.utils.parameters_to_vector(network.parameters()).detach().clone()


def _rms(errors: Tensor) -> float:
    return float((errors.double() ** 2).mean().sqrt())
