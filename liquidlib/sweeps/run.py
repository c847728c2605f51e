"""One run of a sweep: its name, its files, and what a worker does with it."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from liquidlib.sweeps import result

DEATHS = 3  # after so many a run is given up
DONE, SUSPECT = "done", "suspect"
PLAIN = bool | int | float | str | None


@dataclass(frozen=True)
class SweepRun:
    """One run of a sweep: an experiment at one setting, from one seed.

    Attributes
    ----------
    experiment : str
        The registered name, or ``module:function``.
    setting : dict
    seed : int
    folder : Path
        Where its files are.
    """

    experiment: str
    setting: dict
    seed: int
    folder: Path

    def __str__(self) -> str:
        given = {**self.setting, "seed": self.seed}
        return ", ".join(f"{name}={value!r}" for name, value in given.items())

    @property
    def key(self) -> str:
        """The name of its files: a hash of experiment, setting and seed."""
        what = json.dumps([self.experiment, self.setting, self.seed], sort_keys=True)
        return hashlib.sha256(what.encode()).hexdigest()[:24]

    @property
    def path(self) -> Path:
        """The file of its result."""
        return self.folder / f"{self.key}.npz"

    def starts(self) -> list[Path]:
        """Return its marks: it was started so often and did not end."""
        marks = (self.folder / f"{self.key}.start{n + 1}" for n in range(DEATHS))
        return [mark for mark in marks if mark.exists()]


def work(
    run: SweepRun, function: Callable[..., dict], made_by: dict, alone: bool
) -> tuple[str, str]:
    """Do a run in a worker and write its result.

    A worker that dies leaves a mark of the run behind. A run that has one may have killed its
    worker, or may have been beside one that did: it is done again only ``alone``.

    Parameters
    ----------
    run : SweepRun
    function : callable
        The experiment.
    made_by : dict
        What its file says of the sweep.
    alone : bool
        Whether no other run is at work.

    Returns
    -------
    key : str
        The run's.
    outcome : str
        ``DONE``, ``SUSPECT`` or why it cannot be done.

    Raises
    ------
    OSError
        If a file cannot be written.
    """
    if run.path.exists():  # Dask repeats what was done if a worker dies before it could say so
        return run.key, DONE
    deaths = len(run.starts())
    if deaths == DEATHS:
        return run.key, f"its worker died {deaths} times"
    if deaths and not alone:
        return run.key, SUSPECT
    (run.folder / f"{run.key}.start{deaths + 1}").touch()
    torch.set_num_threads(1)
    try:
        numbers, series = _checked(function(run.seed, **run.setting), run.setting)
    except Exception as error:
        outcome = f"{type(error).__name__}: {error}"
    else:
        row = {"setting": run.setting, "seed": run.seed, "numbers": numbers, "series": series}
        result.write(run.path, made_by, [row])
        outcome = DONE
    for mark in run.starts():
        mark.unlink(missing_ok=True)
    return run.key, outcome


def plain(value: object) -> object:
    """Return a NumPy number as Python's own, and anything else as it is."""
    return value.item() if isinstance(value, np.generic) else value


def _checked(results: object, setting: dict) -> tuple[dict, dict[str, np.ndarray]]:
    """Return the numbers and the series among what an experiment returned."""
    if not isinstance(results, dict):
        raise TypeError(f"an experiment must return a dict, got {type(results).__name__}")
    numbers, series = {}, {}
    for name, value in results.items():
        if not isinstance(name, str) or name in setting or name == "seed":
            raise ValueError(f"results must have names that settings do not have, got {name!r}")
        value = plain(value)
        if isinstance(value, PLAIN):
            numbers[name] = value
        elif isinstance(value, np.ndarray) and value.ndim == 1 and value.dtype.kind == "f":
            series[name] = value.astype(np.float32)
        else:
            raise TypeError(
                f"{name} must be a number, a string, None or a float array (n,), "
                f"got {type(value).__name__}"
            )
    return numbers, series
