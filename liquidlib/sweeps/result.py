"""What a sweep gives back, and how it is kept in one file."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from liquidlib import files
from liquidlib.sweeps.experiments import EXPERIMENTS

if TYPE_CHECKING:  # a reader of one stored file need not wait for pandas on import
    import pandas as pd

_SERIES = "series_"  # before a series' name in the file, where "meta" is taken


@dataclass(frozen=True)
class Sweep:
    """The runs of a sweep, in the order of the grid and, within a setting, of the seeds.

    Attributes
    ----------
    table : pandas.DataFrame
        One row a run: a column for each name of the settings, ``seed``, and a column for each
        number, string or None that the experiment returned.
    series : dict of array
        For each array that the experiment returned, float32 (runs, n); the rows are the table's.
        What is shorter than the longest, or was not returned, ends in NaN.
    meta : dict
        ``experiment``; ``versions``; ``command``, which makes the file again (None if no
        registered experiment makes it); ``seeds``; ``engine``, if the runs name theirs;
        ``missing``, a dict from each run that was given up to why.
    """

    table: pd.DataFrame = field(repr=False)
    series: dict[str, np.ndarray] = field(repr=False)
    meta: dict

    def __len__(self) -> int:
        return len(self.table)


def load_sweep(source: str | Path) -> Sweep:
    """Read a finished sweep.

    Parameters
    ----------
    source : str or Path
        The name of a registered experiment, whose results ship with liquidlib, or a file that
        `sweep` wrote.

    Returns
    -------
    Sweep

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it is damaged or was written by something else.
    """
    import pandas as pd

    meta, runs, series = _load(stored_path(source) if source in EXPERIMENTS else source)
    rows = [run["setting"] | {"seed": run["seed"]} | run["numbers"] for run in runs]
    return Sweep(pd.DataFrame(rows), series, meta)


def stored_path(experiment: str) -> Path:
    """Return where a registered experiment's results ship with liquidlib."""
    return Path(__file__).parent.parent / "data" / f"{experiment}.npz"


def read(path: str | Path) -> tuple[dict, list[dict]]:
    """Return a sweep's description and its runs, as `write` takes them."""
    meta, runs, series = _load(path)
    for at, run in enumerate(runs):
        run["series"] = {name: series[name][at, :n] for name, n in run.pop("lengths").items()}
    return meta, runs


def write(path: str | Path, meta: dict, runs: list[dict]) -> None:
    """Write runs to one file, atomically.

    Parameters
    ----------
    path : str or Path
    meta : dict
    runs : list of dict
        Each with ``setting``, ``seed``, ``numbers`` and ``series``, a dict of float32 (n,).
    """
    rows, longest = [], {}
    for run in runs:
        lengths = {name: len(values) for name, values in run["series"].items()}
        rows.append(
            {key: run[key] for key in ("setting", "seed", "numbers")} | {"lengths": lengths}
        )
        longest |= {name: max(n, longest.get(name, 0)) for name, n in lengths.items()}
    arrays = {}
    for name, n in longest.items():
        padded = arrays[_SERIES + name] = np.full((len(runs), n), np.nan, np.float32)
        for row, run in zip(padded, runs, strict=True):
            values = run["series"].get(name, ())
            row[: len(values)] = values
    files.save_arrays(path, meta | {"runs": rows}, arrays)


def _load(path: str | Path) -> tuple[dict, list[dict], dict[str, np.ndarray]]:
    meta, arrays = files.load_arrays(path)
    if "runs" not in meta:
        raise ValueError(f"path must be a file saved by liquidlib.sweep, got {str(path)!r}")
    return meta, meta.pop("runs"), {k.removeprefix(_SERIES): v for k, v in arrays.items()}
