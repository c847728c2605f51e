"""The stored experiments: a slice is run again, and what the book says of them holds."""

import numpy as np
import pytest
import torch

from liquidlib import load_stored, lock_on
from liquidlib.sweeps import experiments, stored
from liquidlib.sweeps.experiments import EXPERIMENTS, Setting

SLICE = 40  # steps


@pytest.fixture(scope="module")
def seeds():
    runs = {}
    for run in load_stored("seeds"):
        runs.setdefault(run.label, []).append(run)
    return runs


@pytest.mark.parametrize("experiment", EXPERIMENTS)
def test_a_stored_experiment_is_whole_and_names_what_made_it(experiment):
    runs = load_stored(experiment)
    settings = EXPERIMENTS[experiment]()
    assert len(runs) == len(settings)
    assert [Setting(**row) for row in runs.meta["settings"]] == settings
    assert runs.meta["command"] == f"python -m liquidlib.sweeps {experiment}"
    assert {"torch", "python", "liquidlib"} <= runs.meta["versions"].keys()
    for run, setting in zip(runs, settings, strict=True):
        assert (run.seed, run.lr, run.noise) == (setting.seed, setting.lr, setting.noise)
        assert len(run.predictions) == len(run.clean) == len(run.targets) == setting.steps
        assert np.isfinite(run.predictions).all()


def run_again(setting, steps):
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    predictions = stored.run_setting(setting, steps=steps)
    torch.set_num_threads(threads)
    return predictions


def chaotic(setting):
    """Return whether rounding may decide where a run goes.

    Where gradients vanish, Adam's first steps take the sign of what rounding leaves of them. So
    it is for CfC and LSTM, which are therefore compared by what holds on every processor: the
    first prediction, and when runs lock on.
    """
    return setting.name != "linear"


@pytest.mark.parametrize("experiment", EXPERIMENTS)
@pytest.mark.parametrize("at", [0, -1, 10, -10, 20, 26])
def test_a_slice_run_again_gives_the_stored_numbers(experiment, at):
    setting, run = EXPERIMENTS[experiment]()[at], load_stored(experiment)[at]
    steps = 1 if chaotic(setting) else SLICE
    again = run_again(setting, steps)
    np.testing.assert_allclose(again, run.predictions[:steps], atol=1e-3)
    np.testing.assert_allclose(again[0], run.predictions[0], atol=1e-5)


@pytest.mark.parametrize("at", [1, 2, 14, 19])
def test_runs_made_again_lock_on_where_the_stored_ones_do(at):
    setting, run = EXPERIMENTS["seeds"]()[at], load_stored("seeds")[at]
    assert (setting.name, setting.initial) in [("cfc", "published"), ("lstm", "ordinary")]
    assert 10 <= lock_on(run_again(setting, 150) - run.clean[:150]) <= 100


def test_the_gaussian_lstm_run_again_does_not_lock_on():
    setting = EXPERIMENTS["seeds"]()[7]
    assert (setting.name, setting.initial) == ("lstm", "published")
    clean = load_stored("seeds")[7].clean[:120]
    assert lock_on(run_again(setting, 120) - clean) is None


def test_all_seeds_of_the_linear_model_run_again_whole():
    for setting, run in zip(EXPERIMENTS["seeds"](), load_stored("seeds"), strict=True):
        if setting.name == "linear":
            again = run_again(setting, setting.steps)
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


def test_an_interrupted_experiment_goes_on_where_it_stopped(tmp_path, monkeypatch):
    settings = [Setting("linear", "published", seed, 0.01, 0.0, steps=30) for seed in range(3)]
    monkeypatch.setitem(experiments.EXPERIMENTS, "seeds", lambda: settings)
    ran, real = [], stored.run_setting

    def interrupted(setting):
        if setting.seed == 2 and ran.count(2) == 0:
            ran.append(2)
            raise KeyboardInterrupt
        ran.append(setting.seed)
        return real(setting)

    monkeypatch.setattr(stored, "run_setting", interrupted)
    path = tmp_path / "seeds.npz"
    with pytest.raises(KeyboardInterrupt):
        stored.store("seeds", path)
    assert len(load_stored("seeds", path)) == 2
    stored.store("seeds", path)
    assert ran == [0, 1, 2, 2] and len(load_stored("seeds", path)) == 3
    for setting, run in zip(settings, load_stored("seeds", path), strict=True):
        np.testing.assert_array_equal(real(setting), run.predictions)
    settings.pop()
    with pytest.raises(ValueError, match="path must be new or begun with these"):
        stored.store("seeds", path)


def test_unknown_experiments_and_missing_files_are_named(tmp_path):
    with pytest.raises(ValueError, match="experiment must be one of 'seeds', 'grid', got 'x'"):
        load_stored("x")
    with pytest.raises(FileNotFoundError, match="path must be a saved file"):
        load_stored("seeds", tmp_path / "none.npz")
