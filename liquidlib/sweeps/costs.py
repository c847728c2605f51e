"""What a model with a solver costs: operations counted, and time beside an LSTM's."""

import time
from collections.abc import Callable
from functools import lru_cache, partial

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from liquidlib import checks
from liquidlib.models import GRU, LSTM, LTC, CfC, count_parameters
from liquidlib.models.ctrnn import CTRNN
from liquidlib.models.neural_ode import NeuralODE

INPUTS = 2
LONG_ENOUGH = 0.015  # seconds of processor time, below which a call is repeated
POINTS = (  # length, budget, batch
    (4, 4000, 32),
    (16, 4000, 32),
    (64, 4000, 32),
    (16, 1000, 32),
    (16, 16000, 32),
    (16, 4000, 1),
)


class LSTMLoop(nn.Module):
    """An LSTM whose time steps a loop in Python takes, as it does in the models of the book."""

    def __init__(self, input_size: int, hidden_size: int, output_size: int) -> None:
        super().__init__()
        self.cell = nn.LSTMCell(input_size, hidden_size)
        self.readout = nn.Linear(hidden_size, output_size)

    def forward(self, x: Tensor) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """Return the outputs (B, T, O) and the last state."""
        state, states = None, []
        for x_t in x.unbind(1):
            state = self.cell(x_t, state)
            states.append(state[0])
        return self.readout(torch.stack(states, dim=1)), state


class AdaptiveLTC(LTC):
    """An LTC whose equation torchdiffeq's dopri5 solves, to tolerances of 0.001."""

    evaluations = 0

    def _run(
        self, x: Tensor, state: Tensor, timespans: Tensor, mask: Tensor
    ) -> tuple[Tensor, Tensor, dict[str, Tensor]]:
        from torchdiffeq import odeint  # here, so that liquidlib starts without it

        states, ends = [], torch.tensor([0.0, 1.0])
        for sums in self._equations(x, timespans):

            def slope(_: Tensor, v: Tensor, sums: Callable = sums) -> Tensor:
                self.evaluations += 1
                push, rate = sums(v)
                return push - rate * v

            state = odeint(slope, state, ends, rtol=1e-3, atol=1e-3, method="dopri5")[-1]
            states.append(state)
        hidden = torch.stack(states, dim=1)  # (B, T, H)
        return hidden, state, {"state": hidden}


def _cfc(input_size: int, hidden_size: int, output_size: int) -> CfC:
    return CfC(input_size, hidden_size, output_size, backbone_units=hidden_size)


def _neural_ode(tolerance: float, input_size: int, hidden_size: int, output_size: int) -> NeuralODE:
    tolerances = {"rtol": tolerance, "atol": tolerance}
    return NeuralODE(input_size, hidden_size, output_size, units=hidden_size, **tolerances)


CONTESTANTS: dict[str, Callable[[int, int, int], nn.Module]] = {
    "lstm": LSTM,
    "lstm, loop": LSTMLoop,
    "gru": GRU,
    "cfc": _cfc,
    "ctrnn, fused 6": CTRNN,
    "ltc, fused 1": partial(LTC, unfolds=1),
    "ltc, fused 2": partial(LTC, unfolds=2),
    "ltc, fused 6": LTC,
    "ltc, fused 32": partial(LTC, unfolds=32),
    "ltc, rk4 6": partial(LTC, solver="rk4"),
    "ltc, dopri5": AdaptiveLTC,
    "neural ode, 0.001": partial(_neural_ode, 1e-3),
    "neural ode, 0.00001": partial(_neural_ode, 1e-5),
}
"""From a name to what makes the model of given sizes; backbones are as wide as the state."""


def cost(seed: int, model: str, length: int, budget: int, batch: int) -> dict:
    """Count what a model computes, and time it beside an LSTM of the same budget of parameters.

    Inputs are two numbers from a normal distribution each time step, at times of 1. Time is that
    of the processor, by PyTorch on one core; the LSTM is timed before and after the model, in
    the same process.

    Parameters
    ----------
    seed : int
        Of the inputs.
    model : str
        One of `CONTESTANTS`.
    length, batch : int
        T and B.
    budget : int
        Parameters: the number of hidden units is the one that comes closest to so many.

    Returns
    -------
    dict
        ``size``, its hidden units, and ``parameters``. For a time step and a sequence,
        forward: ``operations`` and of these ``exponentials``, see `Counter` (an LSTM's are those
        of its loop); ``calls`` of PyTorch's operations, a time step of the whole batch; and
        ``evaluations`` of the cell or the slope. All these are the same on every machine, or
        nearly so for ``"dopri5"`` and ``"neural ode"``, whose steps hang on rounding. And
        measured: ``forward`` and ``training``, the times of a forward pass and of a training step
        by AdamW as multiples of the LSTM's, and ``milliseconds``, this LSTM's training step.
    """
    checks.choice("model", model, CONTESTANTS)
    size = _size(model, budget)
    network = CONTESTANTS[model](INPUTS, size, 1)
    peer = LSTM(INPUTS, _size("lstm", budget), 1)
    x = torch.randn(batch, length, INPUTS, generator=torch.Generator().manual_seed(seed))
    counter = Counter()
    with torch.no_grad(), counter:
        network(x)
    counted = counter
    if model == "lstm":
        with torch.no_grad(), (counted := Counter()):
            LSTMLoop(INPUTS, size, 1)(x)
    solved = getattr(network, "evaluations", None)
    evaluations = solved / length if solved else _evaluations(network)

    peers, ours = _calls(peer, x), _calls(network, x)
    for call in (*peers, *_calls(network, x[:, :2])):  # what PyTorch does only once
        call()
    times = []
    for timed in (peers, ours, peers):
        times.append([_seconds(call) for call in timed])
    (before, mine, after) = times
    forward, training = (2 * m / (b + a) for b, m, a in zip(before, mine, after, strict=True))
    return {
        "size": size,
        "parameters": count_parameters(network),
        "evaluations": evaluations,
        "operations": counted.operations / (batch * length),
        "exponentials": counted.exponentials / (batch * length),
        "calls": counter.calls / length,
        "forward": forward,
        "training": training,
        "milliseconds": 500 * (before[1] + after[1]),
    }


def grid() -> list[dict]:
    """Return all contestants at all points."""
    return [
        {"model": model, "length": length, "budget": budget, "batch": batch}
        for length, budget, batch in POINTS
        for model in CONTESTANTS
    ]


class Counter(TorchDispatchMode):
    """Counts what PyTorch computes.

    Attributes
    ----------
    operations : int
        A multiplication with the addition after it is one, as is any other arithmetic on one
        number.
    exponentials : int
        Those that need one: sigmoid, tanh, exp, softplus.
    calls : int
        Of PyTorch's operations, whatever they do.
    """

    EXPONENTIAL = ("sigmoid", "tanh", "exp", "softplus")
    ONE_A_NUMBER = ("add", "sub", "rsub", "mul", "div", "neg", "addcmul", "pow", "sqrt", "abs")
    REDUCTION = ("sum", "mean")

    def __init__(self) -> None:
        super().__init__()
        self.operations = self.exponentials = self.calls = 0

    def __torch_dispatch__(
        self, function: Callable, types: tuple, args: tuple = (), kwargs: dict | None = None
    ) -> object:
        """Do what is called for, and count it."""
        result = function(*args, **(kwargs or {}))
        name = function.overloadpacket.__name__.rstrip("_")
        self.calls += 1
        if name in ("mm", "addmm"):
            self.operations += result.numel() * args[-1].shape[0]
        elif name in self.EXPONENTIAL:
            self.operations += result.numel()
            self.exponentials += result.numel()
        elif name in self.ONE_A_NUMBER:
            self.operations += result.numel()
        elif name in self.REDUCTION:
            self.operations += args[0].numel()
        return result


def _evaluations(network: nn.Module) -> int:
    """Return how often a model asks for push and rate in a time step, or computes its cell."""
    return getattr(network, "unfolds", 1) * (4 if getattr(network, "solver", "") == "rk4" else 1)


@lru_cache
def _size(model: str, budget: int) -> int:
    """Return the number of hidden units with which a model comes closest to so many parameters."""
    build = CONTESTANTS[model]

    def has(size: int) -> int:
        return count_parameters(build(INPUTS, size, 1))

    size = 1
    while has(size) < budget:
        size += 1
    return min((size - 1, size), key=lambda s: abs(has(s) - budget)) if size > 1 else 1


def _calls(network: nn.Module, x: Tensor) -> tuple[Callable[[], None], Callable[[], None]]:
    """Return a forward pass and a training step."""
    optimiser = torch.optim.AdamW(network.parameters(), lr=0.0)

    def forward() -> None:
        with torch.no_grad():
            network(x)

    def training() -> None:
        output, _ = network(x)
        optimiser.zero_grad()
        (output**2).mean().backward()
        optimiser.step()

    return forward, training


def _seconds(call: Callable[[], None]) -> float:
    """Return the processor time of a call."""
    start, count, elapsed = time.process_time(), 0, 0.0
    while elapsed < LONG_ENOUGH:
        call()
        count += 1
        elapsed = time.process_time() - start
    return elapsed / count
