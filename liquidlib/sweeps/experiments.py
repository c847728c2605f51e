"""The registered experiments: what one run does, its grid and its seeds."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from liquidlib.sweeps import audit
from liquidlib.sweeps.frozen import frozen
from liquidlib.sweeps.lessons import lesson
from liquidlib.sweeps.online import online
from liquidlib.sweeps.outbreaks import outbreak
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
}
