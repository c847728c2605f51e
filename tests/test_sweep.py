"""Sweeps: what ended is kept and not repeated, what dies is found out and named."""

import json
import logging
import os
import resource
import signal
import subprocess
import sys
import time

import joblib
import numpy as np
import pandas as pd
import pytest
import sweep_runs
from conftest import ROOT
from sweep_runs import calls

from liquidlib import Sweep, load_sweep, sweep
from liquidlib.sweeps import result
from liquidlib.sweeps.experiments import EXPERIMENTS


@pytest.fixture
def here():
    """Run in threads of this process: what matters is not who works, and they start at once."""
    with joblib.parallel_config(backend="threading"):
        yield


@pytest.fixture
def run(tmp_path):
    """Sweep with two workers and no bar; the folder of logs is a setting of each experiment."""

    def call(experiment, seeds, path="sweep.npz", jobs=2, **grid):
        grid = {"folder": [str(tmp_path)]} | grid
        return sweep(experiment, grid, seeds, path=tmp_path / path, jobs=jobs, progress=False)

    return call


def same(a, b):
    ours = [x.table.drop(columns=["once", "always"], errors="ignore") for x in (a, b)]
    pd.testing.assert_frame_equal(*ours)
    assert a.series.keys() == b.series.keys()
    for name in a.series:
        np.testing.assert_array_equal(a.series[name], b.series[name])


def files_of(folder):
    return sorted(path.name for path in folder.iterdir())


# What comes out ------------------------------------------------------------------------------


def test_a_product_in_the_order_of_grid_and_seeds(here, run, tmp_path):
    out = run(sweep_runs.plain, [0, 3, 1], lr=[0.2, 0.1], kind=["a", None])
    table = out.table
    assert list(table)[:4] == ["folder", "lr", "kind", "seed"]
    assert table.seed.tolist() == [0, 3, 1] * 4
    assert table.lr.tolist() == [0.2] * 6 + [0.1] * 6
    assert table.kind_seen.tolist()[:3] == ["a"] * 3 and table.kind_seen.isna().sum() == 6
    np.testing.assert_allclose(table.score, table.lr * table.seed)
    assert table.step[:3].fillna(-1).tolist() == [0, -1, 10]  # None is a gap
    assert out.series["y"].shape == (12, 5) and out.series["y"].dtype == np.float32
    for seed, row in zip(table.seed, out.series["y"], strict=True):
        expected = np.random.default_rng(seed).normal(size=5).astype(np.float32)
        np.testing.assert_array_equal(row, expected)
    assert len(out) == 12 and isinstance(out, Sweep)
    assert out.meta["experiment"] == "sweep_runs:plain" and out.meta["seeds"] == [0, 3, 1]
    assert out.meta["engine"] == "none" and out.meta["missing"] == {}
    assert {"liquidlib", "torch", "python"} <= out.meta["versions"].keys()
    assert files_of(tmp_path) == ["calls-0", "calls-1", "calls-3", "sweep.npz"]
    same(out, load_sweep(tmp_path / "sweep.npz"))


def test_a_list_of_settings(here, tmp_path):
    grid = [{"folder": str(tmp_path), "lr": lr} for lr in np.array([0.5, 0.25])]
    out = sweep(sweep_runs.plain, grid, range(2), path=tmp_path / "a.npz", progress=False)
    assert out.table.lr.tolist() == [0.5, 0.5, 0.25, 0.25]
    assert out.table.seed.tolist() == [0, 1, 0, 1]


def test_series_of_different_lengths_end_in_nan(here, run):
    out = run(sweep_runs.lengths, [2, 0])
    expected = [[2, 2, 2], [0, np.nan, np.nan]]
    np.testing.assert_array_equal(out.series["y"], np.array(expected, np.float32))
    np.testing.assert_array_equal(out.series["z"], [[1, 1], [np.nan, np.nan]])
    out = run(sweep_runs.lengths, [2, 0, 4])
    assert out.series["y"].shape == (3, 5) and np.isnan(out.series["y"]).sum() == 6
    assert out.table.number.tolist() == [2, 0, 4]


# Going on ------------------------------------------------------------------------------------


def test_a_finished_sweep_grows_and_repeats_nothing(here, run, tmp_path):
    run(sweep_runs.plain, range(2), lr=[0.1])
    first = (tmp_path / "sweep.npz").stat()
    run(sweep_runs.plain, range(2), lr=[0.1])
    assert (tmp_path / "sweep.npz").stat() == first
    out = run(sweep_runs.plain, range(4), lr=[0.1])
    assert [calls(tmp_path, seed) for seed in range(4)] == [1, 1, 1, 1]
    assert out.table.seed.tolist() == [0, 1, 2, 3] and out.meta["seeds"] == [0, 1, 2, 3]
    out = run(sweep_runs.plain, range(4), lr=[0.3, 0.1])
    assert [calls(tmp_path, seed) for seed in range(4)] == [2, 2, 2, 2]
    assert out.table.lr.tolist() == [0.3] * 4 + [0.1] * 4
    same(out, run(sweep_runs.plain, range(4), "fresh.npz", lr=[0.3, 0.1]))
    with pytest.raises(ValueError, match="grid and seeds must hold what path has already"):
        run(sweep_runs.plain, range(3), lr=[0.3, 0.1])


def test_a_folder_left_behind_is_gathered(here, run, tmp_path):
    run(sweep_runs.plain, range(2))
    (tmp_path / "sweep.npz.runs").mkdir()  # as after a crash between the two
    (tmp_path / "sweep.npz.runs" / ".abc.npz.half").write_bytes(b"half")
    run(sweep_runs.plain, range(2))
    assert not (tmp_path / "sweep.npz.runs").exists() and calls(tmp_path, 0) == 1


@pytest.mark.parametrize("damage", ["cut", "changed", "empty", "foreign"])
def test_a_damaged_run_file_is_done_again(here, run, tmp_path, damage):
    whole = interrupted(here, run, tmp_path)
    file = sorted((tmp_path / "sweep.npz.runs").glob("*.npz"))[0]
    data = bytearray(file.read_bytes())
    if damage == "cut":
        data = data[: len(data) // 2]
    elif damage == "changed":
        for at in range(60, len(data) - 200, 7):
            data[at] ^= 0xFF
    else:
        data = b"" if damage == "empty" else b"not a result"
    file.write_bytes(data)
    (tmp_path / "mended").touch()
    out = run(sweep_runs.failing, range(4))
    assert [calls(tmp_path, seed) for seed in (0, 2, 3)] in ([2, 1, 1], [1, 2, 1], [1, 1, 2])
    same(out, whole)


def interrupted(here, run, tmp_path):
    """Leave a folder as an interrupt does, with three of four runs; return the whole sweep."""
    write = result.write

    def stop_at_the_gathering(path, meta, runs):
        if "command" in meta:
            raise KeyboardInterrupt
        write(path, meta, runs)

    (tmp_path / "mended").touch()
    whole = run(sweep_runs.failing, range(4), "whole.npz")
    for path in [*tmp_path.glob("calls-*"), tmp_path / "mended"]:
        path.unlink()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(result, "write", stop_at_the_gathering)
        with pytest.raises(KeyboardInterrupt):
            run(sweep_runs.failing, range(4))
    return whole


def test_other_versions_or_experiments_do_not_mix(here, run, tmp_path, monkeypatch):
    interrupted(here, run, tmp_path)
    monkeypatch.setitem(sweep.__globals__, "versions", lambda: {"torch": "0.1"})
    with pytest.raises(ValueError, match=r"begun with versions .*0\.1.*, got"):
        run(sweep_runs.failing, range(4))
    with pytest.raises(ValueError, match="path must be new or begun with versions"):
        run(sweep_runs.failing, range(4), "whole.npz")
    monkeypatch.undo()
    for path in ("sweep.npz", "whole.npz"):
        with pytest.raises(ValueError, match="begun with experiment sweep_runs:given, got"):
            run(sweep_runs.given, range(4), path)
    assert len(list((tmp_path / "sweep.npz.runs").iterdir())) == 3


# What goes wrong -----------------------------------------------------------------------------


def test_a_run_that_raises_is_named_and_costs_no_other(here, run, tmp_path):
    message = r"1 of 4 runs were given up.*, seed=1: ZeroDivisionError: one over nothing$"
    with pytest.raises(RuntimeError, match=message):
        run(sweep_runs.failing, range(4))
    out = load_sweep(tmp_path / "sweep.npz")
    assert out.table.seed.tolist() == [0, 2, 3]
    assert list(out.meta["missing"].values()) == ["ZeroDivisionError: one over nothing"]
    (tmp_path / "mended").touch()
    out = run(sweep_runs.failing, range(4))
    assert out.table.seen.tolist() == [0, 1, 2, 3] and out.meta["missing"] == {}
    assert [calls(tmp_path, seed) for seed in range(4)] == [1, 2, 1, 1]


def test_if_all_runs_raise_there_is_no_file(here, run, tmp_path):
    with pytest.raises(RuntimeError, match=r"12 of 12 runs were given up.*; and 7 more$"):
        run(sweep_runs.returns, range(12), what=["list"])
    assert files_of(tmp_path) == []


@pytest.mark.slow
def test_a_worker_killed_once_changes_nothing(run, tmp_path):
    (tmp_path / "logs").mkdir()
    out = run(sweep_runs.deadly, range(6), once=[2])
    assert calls(tmp_path, 2) == 2
    assert all(calls(tmp_path, seed) in (1, 2) for seed in range(6))
    calm = run(sweep_runs.deadly, range(6), "calm.npz", once=[-1])
    same(out, calm)


@pytest.mark.slow
def test_a_run_that_always_kills_its_worker_is_given_up_after_three(run, tmp_path):
    message = r"1 of 6 runs were given up.*, seed=3: its worker died 3 times$"
    with pytest.raises(RuntimeError, match=message):
        run(sweep_runs.deadly, range(6), jobs=1, once=[-1], always=[3])
    assert [calls(tmp_path, seed) for seed in range(6)] == [1, 1, 1, 3, 1, 1]
    assert load_sweep(tmp_path / "sweep.npz").table.square.tolist() == [0, 1, 4, 16, 25]
    assert not (tmp_path / "sweep.npz.runs").exists()


def begin(code, tmp_path):
    """Start a Python of its own process group, as a terminal does."""
    before = f"""
import signal, sys
sys.path.insert(0, {str(ROOT / "tests")!r})
signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored below a shell's background job
"""
    code = before + code
    return subprocess.Popen(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


@pytest.mark.slow
def test_an_interrupted_sweep_goes_on_where_it_stopped(here, run, tmp_path):
    code = f"""
import sweep_runs
from liquidlib import sweep
sweep(sweep_runs.patient, {{"folder": [{str(tmp_path)!r}]}}, range(6), path="sweep.npz", jobs=2)
"""
    process = begin(code, tmp_path)
    end = time.monotonic() + 60
    while sum(calls(tmp_path, seed) for seed in range(6)) < 4 and time.monotonic() < end:
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGINT)
    _, errors = process.communicate(timeout=30)
    assert process.returncode != 0 and "KeyboardInterrupt" in errors
    kept = files_of(tmp_path / "sweep.npz.runs")
    assert len(kept) == 2 and all(name.endswith(".npz") for name in kept)
    (tmp_path / "go").touch()
    out = run(sweep_runs.patient, range(6))
    assert out.table.seen.tolist() == list(range(6))
    assert [calls(tmp_path, seed) for seed in range(4)] == [1, 1, 2, 2]


@pytest.mark.slow
def test_a_full_disk_gives_one_message_and_keeps_what_was_finished(here, run, tmp_path):
    code = f"""
import resource, sweep_runs
from liquidlib import sweep
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
grid = {{"folder": [{str(tmp_path)!r}]}}
sweep(sweep_runs.large, grid, range(6), path="sweep.npz", jobs=1, progress=False)
"""
    _, errors = begin(code, tmp_path).communicate(timeout=60)
    message = errors.strip().splitlines()
    assert message[-1].startswith("OSError: [Errno 27] the sweep stopped: File too large; what was")
    assert errors.count("Traceback") == 1
    kept = files_of(tmp_path / "sweep.npz.runs")
    assert len(kept) == 3 and all(name.endswith(".npz") for name in kept)
    assert "sweep.npz" not in files_of(tmp_path)
    assert len(run(sweep_runs.large, range(6))) == 6
    assert [calls(tmp_path, seed) for seed in range(6)] == [1, 1, 1, 2, 1, 1]


def test_a_disk_that_is_full_at_the_gathering_loses_nothing(here, run, tmp_path):
    grid = {"bulky": [0], "n": [10_000]}  # about 37 kB a run
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, before[1]))
    try:
        with pytest.raises(OSError, match="the sweep stopped: File too large"):
            run(sweep_runs.large, range(4), **grid)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert len(files_of(tmp_path / "sweep.npz.runs")) == 4
    assert not [name for name in files_of(tmp_path) if name.startswith((".", "sweep.npz."))][1:]
    assert len(run(sweep_runs.large, range(4), **grid)) == 4
    assert [calls(tmp_path, seed) for seed in range(4)] == [1, 1, 1, 1]


@pytest.mark.slow
def test_dask_goes_on_when_workers_are_killed(run, tmp_path):
    import dask
    from distributed import Client, LocalCluster

    # On a busy machine a worker takes longer to come back than the cluster waits by default.
    patient = dask.config.set({"distributed.deploy.lost-worker-timeout": "5 minutes"})
    cluster = LocalCluster(
        n_workers=2,
        threads_per_worker=1,
        processes=True,
        dashboard_address=":0",
        silence_logs=logging.CRITICAL,
    )
    with patient, cluster, Client(cluster), joblib.parallel_config(backend="dask"):
        out = run(sweep_runs.deadly, range(6), once=[2])
        assert calls(tmp_path, 2) == 2
        with pytest.raises(RuntimeError, match="seed=3: its worker died 3 times"):
            run(sweep_runs.deadly, [3, 7, 8], "b.npz", once=[-1], always=[3])
    assert calls(tmp_path, 3) == 1 + 3
    assert load_sweep(tmp_path / "b.npz").table.square.tolist() == [49, 64]
    with joblib.parallel_config(backend="threading"):
        same(out, run(sweep_runs.deadly, range(6), "calm.npz", once=[-1]))


# What is asked for ---------------------------------------------------------------------------


def test_the_command_makes_a_registered_experiment(tmp_path, monkeypatch):
    command = [sys.executable, "-m", "liquidlib.sweeps", "--help"]
    shown = subprocess.run(command, cwd=ROOT, capture_output=True, text=True).stdout
    assert "seeds: seven seeds" in " ".join(shown.split())
    registered = type(EXPERIMENTS["seeds"])(
        sweep_runs.plain, {"folder": [str(tmp_path)]}, range(2), "two"
    )
    monkeypatch.setitem(EXPERIMENTS, "two", registered)
    with joblib.parallel_config(backend="threading"):
        for seeds, command in ((range(2), "python -m liquidlib.sweeps two"), (range(3), None)):
            path = tmp_path / f"{len(seeds)}.npz"
            out = sweep("two", registered.grid, seeds, path=path, progress=False)
            assert out.meta["experiment"] == "two" and out.meta["command"] == command


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"experiment": "x"}, "experiment must be one of 'seeds'"),
        ({"experiment": lambda seed: {}}, "experiment must be a registered name or a function"),
        ({"experiment": 3}, "experiment must be a registered name or a function"),
        ({"grid": {"a": "bc"}}, "grid must give 'a' a list of values, got 'bc'"),
        ({"grid": {"a": []}}, "grid must have at least one setting"),
        ({"grid": {"seed": [1]}}, "grid must have names of arguments, 'seed' aside, got 'seed'"),
        ({"grid": [{"a": (1, 2)}]}, r"grid must hold numbers, strings and None, got \(1, 2\)"),
        ({"grid": {"a": [1, 1]}}, "grid and seeds must name each run once"),
        ({"seeds": [0.5]}, "seeds must be a whole number"),
        ({"seeds": []}, "seeds must have at least one"),
        ({"jobs": 0}, "jobs must be a whole number of at least 1"),
    ],
)
def test_bad_arguments_are_named(tmp_path, arguments, message):
    good = {"experiment": sweep_runs.given, "grid": {"a": [1]}, "seeds": [0], "jobs": 1}
    with pytest.raises(ValueError, match=message):
        sweep(**(good | arguments), path=tmp_path / "x.npz")
    assert files_of(tmp_path) == []


@pytest.mark.parametrize("what", ["list", "matrix", "ints", "seed", "setting"])
def test_bad_results_are_named(here, tmp_path, what):
    with pytest.raises(RuntimeError, match=r"what='.*, seed=0: (TypeError|ValueError): .* must "):
        sweep(sweep_runs.returns, {"what": [what]}, [0], path=tmp_path / "x.npz", progress=False)


def test_what_is_no_sweep_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="path must be a saved file"):
        load_sweep(tmp_path / "none.npz")
    np.savez(tmp_path / "other.npz", meta=np.array(json.dumps({})))
    with pytest.raises(ValueError, match=r"path must be a file saved by liquidlib\.sweep"):
        load_sweep(tmp_path / "other.npz")
