"""The registered experiments: what one run does, its grid and its seeds."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from liquidlib.sweeps import audit, costs, imitation, ltc_swaps, ltc_tuning, sketch, solver_errors
from liquidlib.sweeps.frozen import frozen
from liquidlib.sweeps.lessons import lesson
from liquidlib.sweeps.online import online
from liquidlib.sweeps.outbreaks import outbreak
from liquidlib.sweeps.wired import wired, wiring_rates, wirings
from liquidlib.training import published, track


@dataclass(frozen=True)
class Experiment:
    """What ``python -m liquidlib.sweeps NAME`` runs.

    Attributes
    ----------
    run : callable
        ``run(seed, **setting)`` returns a dict of numbers, strings, None and 1-D float arrays.
    grid : dict or list of dict
        As `liquidlib.sweep` takes it.
    seeds : iterable of int
    description : str
        One line.
    """

    run: Callable[..., dict]
    grid: dict | list[dict]
    seeds: Iterable[int]
    description: str


def tracked(seed: int, name: str, initial: str, lr: float, noise: float, steps: int) -> dict:
    """Track the published curve by PyTorch on the CPU; `published` makes the model.

    Returns
    -------
    dict
        ``predictions``, float32 (steps,), and the ``engine``.
    """
    model, curve = published(name, seed, initial, noise=noise)
    run = track(model, curve, steps, lr, device="cpu", engine="torch", seed=seed)
    return {"predictions": run.predictions, "engine": run.engine}


_MODELS = (
    ("cfc", "published"),
    ("lstm", "published"),
    ("lstm", "ordinary"),
    ("linear", "published"),
)

EXPERIMENTS = {
    "seeds": Experiment(
        tracked,
        grid=[
            {"name": name, "initial": initial, "lr": 0.01, "noise": 0.0, "steps": 720}
            for name, initial in _MODELS
        ],
        seeds=range(7),
        description="seven seeds of each published model, two periods",
    ),
    "reproduction": Experiment(
        online,
        grid=audit.reproduction(),
        seeds=range(30),
        description="the published comparison, four periods",
    ),
    "weights": Experiment(
        online,
        grid=audit.weights(),
        seeds=range(30),
        description="the published sizes: initial weights by learning rate by inputs",
    ),
    "rates": Experiment(
        online,
        grid=audit.rates(),
        seeds=range(40),
        description="five small models at seven learning rates",
    ),
    "factors": Experiment(
        online,
        grid=audit.factors(),
        seeds=range(40),
        description="small CfC and LSTM with one factor changed, at four learning rates",
    ),
    "pairs": Experiment(
        online,
        grid=audit.pairs(),
        seeds=range(40),
        description="gradient descent with first weights and inputs changed as well",
    ),
    "freezes": Experiment(
        frozen,
        grid=audit.freezes(),
        seeds=range(30),
        description="small models that follow a sine online, frozen at eight phases",
    ),
    "outbreaks": Experiment(
        outbreak,
        grid=audit.outbreaks(),
        seeds=range(40),
        description="small models that follow a sine online, with gains and gradients",
    ),
    "lesson_rates": Experiment(
        lesson,
        grid=audit.lesson_rates(),
        seeds=range(1000, 1003),
        description="networks that are taught many sines, at five learning rates",
    ),
    "lessons": Experiment(
        lesson,
        grid=audit.lessons(),
        seeds=range(30),
        description="networks that are taught many sines, then scored with frozen weights",
    ),
    "ltc_tuning": Experiment(
        ltc_tuning.ltc_tuning,
        grid=ltc_tuning.grid(),
        seeds=(*range(10), 1000, 1001, 1002),
        description="LTCs with three solvers, a CfC and an LSTM, at three learning rates",
    ),
    "ltc_swaps": Experiment(
        ltc_swaps.ltc_swap,
        grid=ltc_swaps.grid(),
        seeds=range(10),
        description="LTCs that are trained with one solver and run with others",
    ),
    "solver_errors": Experiment(
        solver_errors.solver_error,
        grid=solver_errors.grid(),
        seeds=range(10),
        description="how exactly five solvers follow the equation of random LTCs",
    ),
    "costs": Experiment(
        costs.cost,
        grid=costs.grid(),
        seeds=range(10),
        description="operations and times of models with and without a solver",
    ),
    "imitation_rates": Experiment(
        imitation.imitate,
        grid=imitation.rates(),
        seeds=range(1000, 1002),
        description="networks that learn to follow one liquid neuron, at four learning rates",
    ),
    "imitation": Experiment(
        imitation.imitate,
        grid=imitation.imitations(),
        seeds=range(10),
        description="networks that learn to follow one liquid neuron, and formulas",
    ),
    "wiring_rates": Experiment(
        wired,
        grid=wiring_rates(),
        seeds=range(1000, 1003),
        description="wired and dense networks of equal size, at three learning rates",
    ),
    "wirings": Experiment(
        wired,
        grid=wirings(),
        seeds=range(10),
        description="wired and dense networks that foretell damped sines, disturbed and cut",
    ),
    "sketch_rates": Experiment(
        sketch.sketch,
        grid=sketch.rates(),
        seeds=range(1000, 1003),
        description="a tutorial's sketch and its peers at five learning rates",
    ),
    "sketch": Experiment(
        sketch.sketch,
        grid=sketch.ladder(),
        seeds=range(20),
        description="a tutorial's sketch, mended one fault after another",
    ),
}
