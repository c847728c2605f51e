"""A sweep: an experiment run at many settings, from many seeds, on many processors."""

import shutil
import sys
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing
from itertools import product
from pathlib import Path

from tqdm import tqdm

from liquidlib import checks, files
from liquidlib.sweeps import result
from liquidlib.sweeps.experiments import EXPERIMENTS
from liquidlib.sweeps.run import DEATHS, DONE, PLAIN, SUSPECT, SweepRun, plain, work
from liquidlib.training.track import versions

_NAMED = 5  # runs that an error names


def sweep(
    experiment: str | Callable[..., dict],
    grid: dict | list[dict],
    seeds: Iterable[int],
    *,
    path: str | Path,
    jobs: int | None = None,
    progress: bool = True,
) -> result.Sweep:
    """Run an experiment at each setting of a grid from each seed, and keep the results in a file.

    Each run that ends is kept at once, in a file of its own in the folder ``<path>.runs``; when
    all have ended they are gathered in ``path`` and the folder goes. Called again after an
    interrupt, a crash or a full disk, `sweep` goes on with the runs that are missing; called
    again with more settings or seeds, it adds theirs to ``path``. A run file that is damaged
    counts as missing. Changes to the experiment's code are not noticed: give it another name or
    another ``path``. Nor is a second sweep that works on the same ``path`` at the same time.

    If a worker dies, the runs that were in flight are done again, alone. A run whose worker died
    three times is given up, and so is one that raises an error; all others are finished first.

    Parameters
    ----------
    experiment : str or callable
        The name of a registered experiment, or a function at the top of an importable module:
        ``experiment(seed, **setting)`` returns a dict of numbers, strings, None and float arrays
        (n,). An ``"engine"`` in it goes to the sweep's ``meta``, too.
    grid : dict or list of dict
        Names and their values, of which the product is taken, or a list of settings. Values are
        numbers, strings and None.
    seeds : iterable of int
    path : str or Path
        An npz file.
    jobs : int, optional
        Worker processes, of one thread each. Default: the processors that this process may use.
    progress : bool
        Whether to show a bar with the time left.

    Returns
    -------
    Sweep
        In the order of the grid and then the seeds.

    Raises
    ------
    ValueError
        If ``path`` was begun with another experiment, other versions or a grid that has runs
        which this one has not.
    RuntimeError
        If runs were given up; it names the first five, and why; the file's ``meta["missing"]``
        names all. The others are in ``path``. Called again, `sweep` tries those that are missing.
    OSError
        If a file cannot be written, as on a full disk. What was finished is kept.

    Notes
    -----
    Runs go to joblib's workers, or by the same call to those of a Dask cluster::

        client = distributed.Client("tcp://scheduler:8786")
        with joblib.parallel_config(backend="dask"):
            sweep(experiment, grid, seeds, path="/shared/sweep.npz")

    The cluster decides how many run at a time, not ``jobs``. Its workers need liquidlib, the
    experiment's module, and ``path`` on a file system that all share. A worker that is lost costs
    only the runs it had begun; while the cluster has no workers, the sweep waits for some. (A
    `LocalCluster` drops workers that need longer than ``distributed.deploy.lost-worker-timeout``,
    15 s, to come back.)

    Examples
    --------
    >>> sweep("seeds", {"name": ["linear"], "initial": ["published"], "lr": [0.01, 0.02],
    ...       "noise": [0.0], "steps": [200]}, range(10), path="rates.npz")  # doctest: +SKIP
    """
    import joblib

    name, function = _named(experiment)
    settings, seeds = _settings(grid), _seeds(seeds)
    path = Path(path)
    jobs = joblib.cpu_count() if jobs is None else checks.integer("jobs", jobs, at_least=1)
    folder = path.with_name(f"{path.name}.runs")
    planned = [SweepRun(name, setting, seed, folder) for setting in settings for seed in seeds]
    runs = {run.key: run for run in planned}
    if len(runs) < len(planned):
        raise ValueError("grid and seeds must name each run once, got one twice")
    made_by = {"experiment": name, "versions": versions()}

    stored = _of_this_sweep(path, made_by, runs) if path.exists() else {}
    kept = _kept(folder, made_by, runs)
    if list(stored) == list(runs) and not folder.exists():
        return result.load_sweep(path)
    failed = {}
    try:
        missing = [run for key, run in runs.items() if key not in stored | kept]
        if missing:
            folder.mkdir(parents=True, exist_ok=True)
            with tqdm(
                total=len(runs),
                initial=len(runs) - len(missing),
                disable=not progress,
                unit="run",
            ) as bar:
                try:
                    failed = _run_all(missing, function, made_by, jobs, bar)
                finally:
                    _clear(folder)
            kept = _kept(folder, made_by, runs)
        finished = stored | kept
        if finished:
            rows = [finished[key] for key in runs if key in finished]
            meta = made_by | {
                "command": _command(name, settings, seeds),
                "seeds": seeds,
                "missing": {str(runs[key]): why for key, why in failed.items()},
            }
            if engines := {row["numbers"].get("engine") for row in rows} - {None}:
                meta["engine"] = ", ".join(sorted(engines))
            result.write(path, meta, rows)
    except OSError as error:
        raise OSError(
            error.errno,
            f"the sweep stopped: {error.strerror or error}; what was finished is kept in "
            f"{str(folder)!r}, the same call goes on from there",
        ) from None
    shutil.rmtree(folder, ignore_errors=True)
    if failed:
        named = [f"{runs[key]}: {why}" for key, why in failed.items()]
        more = f"; and {len(named) - _NAMED} more" if len(named) > _NAMED else ""
        raise RuntimeError(
            f"{len(failed)} of {len(runs)} runs were given up, the others are in {str(path)!r}: "
            + "; ".join(named[:_NAMED])
            + more
        )
    return result.load_sweep(path)


# What was done before ------------------------------------------------------------------------


def _of_this_sweep(path: Path, made_by: dict, runs: dict[str, SweepRun]) -> dict[str, dict]:
    """Return what a file holds, by key; an error if it is not this sweep's."""
    meta, rows = result.read(path)
    for what, ours in made_by.items():
        if meta.get(what) != ours:
            raise ValueError(
                f"path must be new or begun with {what} {ours}, got {str(path)!r} "
                f"with {meta.get(what)}"
            )
    found = {}
    for row in rows:
        run = SweepRun(made_by["experiment"], row["setting"], row["seed"], path.parent)
        if run.key not in runs:
            raise ValueError(
                f"grid and seeds must hold what path has already, got none with {run} "
                f"for {str(path)!r}"
            )
        found[run.key] = row
    return found


def _kept(folder: Path, made_by: dict, runs: dict[str, SweepRun]) -> dict[str, dict]:
    """Return the runs that are in files of their own, by key, and put away what is no result."""
    _clear(folder)
    found = {}
    for file in sorted(folder.glob("*.npz")):
        try:
            files.load_arrays(file)
        except ValueError:  # it was cut off or changed: the run is done again
            file.unlink()
        else:
            found |= _of_this_sweep(file, made_by, runs)
    return found


def _clear(folder: Path) -> None:
    """Remove the marks of runs that did not end, and files that were not written whole."""
    for pattern in ("*.start*", ".*.npz.*"):
        for file in folder.glob(pattern):
            file.unlink(missing_ok=True)


# Running -------------------------------------------------------------------------------------


def _run_all(
    waiting: list[SweepRun], function: Callable[..., dict], made_by: dict, jobs: int, bar: tqdm
) -> dict[str, str]:
    """Do all runs; return why, by key, for those that could not be done."""
    failed, fruitless = {}, 0
    while waiting:
        suspects = [run for run in waiting if run.starts()]
        batch, alone = (suspects[:1], True) if suspects else (waiting, False)
        begun = sum(len(run.starts()) for run in batch)
        outcomes, broken = {}, None
        try:
            with closing(_on_workers(jobs, batch, function, made_by, alone)) as ended:
                for key, outcome in ended:
                    outcomes[key] = outcome
                    bar.update(outcome != SUSPECT)
        except BrokenProcessPool as error:
            broken = error
        outcomes |= {run.key: DONE for run in batch if run.path.exists()}
        left = [run for run in waiting if outcomes.get(run.key, SUSPECT) == SUSPECT]
        failed |= {key: why for key, why in outcomes.items() if why not in (DONE, SUSPECT)}
        bar.update(bar.total - len(left) - bar.n)
        moved = len(left) < len(waiting) or sum(len(run.starts()) for run in batch) > begun
        fruitless = 0 if moved else fruitless + 1
        if fruitless == DEATHS:
            raise RuntimeError(
                "the sweep stopped, as its workers die before they begin a run; what was finished "
                f"is kept in {str(batch[0].folder)!r}"
            ) from broken
        waiting = left
    return failed


def _on_workers(jobs: int, batch: list[SweepRun], *arguments: object) -> Iterator[tuple[str, str]]:
    """Yield what `work` returns for each run, as it comes, from joblib's workers or from Dask's."""
    import joblib
    from joblib.parallel import get_active_backend

    client = getattr(get_active_backend()[0], "client", None)
    if client is not None:
        yield from _on_dask(client, batch, *arguments)
        return
    # With n_jobs=1 joblib would run them in this process, which must outlive them. So there are
    # always two workers, and for jobs=1 one of them waits.
    parallel = joblib.Parallel(
        n_jobs=max(jobs, 2),
        pre_dispatch=1 if jobs == 1 else "2*n_jobs",
        batch_size=1,
        return_as="generator_unordered",
    )
    with closing(parallel(joblib.delayed(work)(run, *arguments) for run in batch)) as ended:
        yield from ended


def _on_dask(client: object, batch: list[SweepRun], *arguments: object) -> Iterator:
    """Yield what `work` returns for each run from a Dask cluster.

    Not by `joblib.Parallel`: as of joblib 1.6 it waits for ever for a run that the scheduler has
    given up as its workers died, and calls the runs in this process if only one worker is left.
    """
    from distributed import KilledWorker, as_completed

    futures = [client.submit(work, run, *arguments, pure=False) for run in batch]
    try:
        for future in as_completed(futures):
            try:
                yield future.result()
            except KilledWorker:  # run.starts() tells whether it had begun
                pass
    finally:
        client.cancel(futures)


# What was asked for --------------------------------------------------------------------------


def _named(experiment: str | Callable[..., dict]) -> tuple[str, Callable[..., dict]]:
    """Return an experiment's name and function."""
    if isinstance(experiment, str):
        checks.choice("experiment", experiment, EXPERIMENTS)
        return experiment, EXPERIMENTS[experiment].run
    module, name = (getattr(experiment, a, None) for a in ("__module__", "__qualname__"))
    there = getattr(sys.modules.get(module), str(name), None) is experiment
    if not callable(experiment) or module == "__main__" or not there:
        raise ValueError(
            "experiment must be a registered name or a function at the top of an importable "
            f"module, got {experiment!r}"
        )
    return f"{module}:{name}", experiment


def _settings(grid: dict | list[dict]) -> list[dict]:
    """Return the settings of a grid, in order."""
    if isinstance(grid, dict):
        for name, values in grid.items():
            if isinstance(values, str) or not isinstance(values, Iterable):
                raise ValueError(f"grid must give {name!r} a list of values, got {values!r}")
        grid = [dict(zip(grid, values, strict=True)) for values in product(*grid.values())]
    settings = [{name: plain(value) for name, value in setting.items()} for setting in grid]
    if not settings:
        raise ValueError("grid must have at least one setting, got none")
    for setting in settings:
        for name, value in setting.items():
            if not isinstance(name, str) or not name.isidentifier() or name == "seed":
                raise ValueError(f"grid must have names of arguments, 'seed' aside, got {name!r}")
            if not isinstance(value, PLAIN):
                raise ValueError(
                    f"grid must hold numbers, strings and None, got {value!r} for {name!r}"
                )
    return settings


def _seeds(seeds: Iterable[int]) -> list[int]:
    seeds = [checks.integer("seeds", seed, at_least=0) for seed in seeds]
    if not seeds:
        raise ValueError("seeds must have at least one, got none")
    return seeds


def _command(name: str, settings: list[dict], seeds: list[int]) -> str | None:
    """Return the command that makes just these runs, if they are a registered experiment's."""
    registered = EXPERIMENTS.get(name)
    if registered and (_settings(registered.grid), list(registered.seeds)) == (settings, seeds):
        return f"python -m liquidlib.sweeps {name}"
    return None
