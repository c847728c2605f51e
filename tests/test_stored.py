"""The stored experiments: a slice is run again, and what the book says of them holds."""

import joblib
import numpy as np
import pytest
import sweep_runs
import torch

from liquidlib import load_stored, load_sweep, lock_on, sweep
from liquidlib.sweeps.experiments import EXPERIMENTS, tracked

SLICE = 40  # steps
GRID, SEEDS = EXPERIMENTS["seeds"].grid, EXPERIMENTS["seeds"].seeds
RUNS = [(setting, seed) for setting in GRID for seed in SEEDS]


@pytest.fixture(scope="module")
def seeds():
    runs = {}
    for run in load_stored("seeds"):
        runs.setdefault(run.label, []).append(run)
    return runs


@pytest.mark.parametrize("experiment", EXPERIMENTS)
def test_a_stored_experiment_is_whole_and_names_what_made_it(experiment):
    stored = load_sweep(experiment)
    registered = EXPERIMENTS[experiment]
    rows = [setting | {"seed": seed} for setting in registered.grid for seed in registered.seeds]
    table = stored.table[list(rows[0])].astype(object)
    assert table.where(table.notna(), None).to_dict("records") == rows
    assert stored.meta["experiment"] == experiment and stored.meta["missing"] == {}
    assert stored.meta["command"] == f"python -m liquidlib.sweeps {experiment}"
    assert {"torch", "python", "liquidlib"} <= stored.meta["versions"].keys()


def test_stored_runs_are_those_of_the_sweep():
    runs = load_stored("seeds")
    assert runs.meta == load_sweep("seeds").meta and runs.meta["engine"] == "torch"
    for run, (setting, seed) in zip(runs, RUNS, strict=True):
        assert (run.seed, run.lr, run.noise) == (seed, setting["lr"], setting["noise"])
        assert len(run.predictions) == len(run.clean) == len(run.targets) == setting["steps"]
        assert np.isfinite(run.predictions).all()


def run_again(setting, seed, steps):
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    predictions = tracked(seed, **setting | {"steps": steps})["predictions"]
    torch.set_num_threads(threads)
    return predictions


def chaotic(setting):
    """Return whether rounding may decide where a run goes.

    Where gradients vanish, Adam's first steps take the sign of what rounding leaves of them. So
    it is for CfC and LSTM, which are therefore compared by what holds on every processor: the
    first prediction, and when runs lock on.
    """
    return setting["name"] != "linear"


@pytest.mark.parametrize("at", [0, -1, 10, -10, 20, 26])
def test_a_slice_run_again_gives_the_stored_numbers(at):
    (setting, seed), run = RUNS[at], load_stored("seeds")[at]
    steps = 1 if chaotic(setting) else SLICE
    again = run_again(setting, seed, steps)
    np.testing.assert_allclose(again, run.predictions[:steps], atol=1e-3)
    np.testing.assert_allclose(again[0], run.predictions[0], atol=1e-5)


@pytest.mark.parametrize("at", [1, 2, 14, 19])
def test_runs_made_again_lock_on_where_the_stored_ones_do(at):
    (setting, seed), run = RUNS[at], load_stored("seeds")[at]
    assert (setting["name"], setting["initial"]) in [("cfc", "published"), ("lstm", "ordinary")]
    assert 10 <= lock_on(run_again(setting, seed, 150) - run.clean[:150]) <= 100


def test_the_gaussian_lstm_run_again_does_not_lock_on():
    setting, seed = RUNS[7]
    assert (setting["name"], setting["initial"]) == ("lstm", "published")
    clean = load_stored("seeds")[7].clean[:120]
    assert lock_on(run_again(setting, seed, 120) - clean) is None


def test_all_seeds_of_the_linear_model_run_again_whole():
    for (setting, seed), run in zip(RUNS, load_stored("seeds"), strict=True):
        if setting["name"] == "linear":
            again = run_again(setting, seed, setting["steps"])
            assert lock_on(again - run.clean) == lock_on(run.errors)


def test_the_cfc_locks_on_between_30_and_100(seeds):
    steps = [lock_on(run.errors) for run in seeds["CfC"]]
    assert len(steps) == 7 and 30 <= np.median(steps) <= 100


def test_the_gaussian_lstm_rarely_locks_on(seeds):
    steps = [lock_on(run.errors[:700]) for run in seeds["LSTM, N(0, 0.5²)"]]
    assert len(steps) == 7 and sum(step is not None and step < 300 for step in steps) <= 1


def test_an_ordinary_lstm_locks_on_as_the_cfc_does(seeds):
    steps = [lock_on(run.errors) for run in seeds["LSTM"]]
    assert len(steps) == 7 and np.median(steps) < 100


def test_the_linear_model_locks_on_then_shakes(seeds):
    for run in seeds["Linear"]:
        assert lock_on(run.errors) < 100
        size = np.abs(run.errors)
        assert size[600:].mean() > size[50:100].mean()


def test_what_holds_no_stored_runs_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="path must be a saved file"):
        load_stored(tmp_path / "none.npz")
    with pytest.raises(FileNotFoundError, match="path must be a saved file, got 'x'"):
        load_stored("x")
    with joblib.parallel_config(backend="threading"):
        sweep(sweep_runs.given, {"a": [1]}, [0], path=tmp_path / "other.npz", progress=False)
    with pytest.raises(ValueError, match="source must hold runs of the published curve"):
        load_stored(tmp_path / "other.npz")
