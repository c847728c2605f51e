"""The stored runs of the published curve, as figures and chapters take them."""

from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import numpy as np

from liquidlib.models import count_parameters
from liquidlib.sweeps.result import load_sweep
from liquidlib.training import published
from liquidlib.training.published import published_curve

_COLUMNS = ["name", "initial", "seed", "lr", "noise", "steps"]


@dataclass(frozen=True)
class StoredRun:
    """One stored run; each array has shape (steps,), float32.

    Attributes
    ----------
    name, label : str
        The model's name, and the one that figures print.
    parameters, seed, lr, noise
        As in a `Run`; the seed is that of the initial weights.
    predictions, targets, clean : array
        The model's answers, what training saw, and that without observation noise.
    """

    name: str
    label: str
    parameters: int
    seed: int
    lr: float
    noise: float
    predictions: np.ndarray = field(repr=False)
    targets: np.ndarray = field(repr=False)
    clean: np.ndarray = field(repr=False)

    @property
    def errors(self) -> np.ndarray:
        """Prediction minus the noise-free curve, shape (steps,)."""
        return self.predictions - self.clean


class StoredRuns(list[StoredRun]):
    """The runs of an experiment, with ``meta``: the command and versions that made them."""

    def __init__(self, runs: list[StoredRun], meta: dict) -> None:
        super().__init__(runs)
        self.meta = meta


def load_stored(source: str | Path = "seeds") -> StoredRuns:
    """Return the runs of a stored experiment, with what made them as ``.meta``.

    Parameters
    ----------
    source : str or Path
        As for `load_sweep`, of runs that track the published curve. ``"seeds"``: seven seeds of
        each model, settings as published.
    """
    stored = load_sweep(source)
    if "predictions" not in stored.series or not set(_COLUMNS) <= set(stored.table):
        raise ValueError(f"source must hold runs of the published curve, got {str(source)!r}")
    runs = []
    rows = stored.table[_COLUMNS].itertuples(index=False)
    for row, predictions in zip(rows, stored.series["predictions"], strict=True):
        name, label, parameters = _described(row.name, row.initial)
        curve = published_curve(noise=row.noise)
        samples = curve.samples(curve.window - 1 + row.steps)
        runs.append(
            StoredRun(
                name=name,
                label=label,
                parameters=parameters,
                seed=row.seed,
                lr=row.lr,
                noise=row.noise,
                predictions=predictions[: row.steps],
                targets=samples.observed[curve.window - 1 :].astype(np.float32),
                clean=samples.clean[curve.window - 1 :].astype(np.float32),
            )
        )
    return StoredRuns(runs, stored.meta)


@cache
def _described(name: str, initial: str) -> tuple[str, str, int]:
    model, _ = published(name, 0, initial)
    return model.name, model.label, count_parameters(model)
