"""The stored experiments: a slice is run again, and what the book says of them holds."""

import numpy as np
import pytest
import torch

from liquidlib import load_stored, lock_on
from liquidlib.sweeps import experiments, stored
from liquidlib.sweeps.experiments import EXPERIMENTS, Setting

SLICE = 40  # steps: at learning rate 0.01 rounding grows with time, so a slice, not the whole


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


@pytest.mark.parametrize("experiment", EXPERIMENTS)
@pytest.mark.parametrize("at", [0, -1, 10, -10])
def test_a_slice_run_again_gives_the_stored_numbers(experiment, at):
    setting, run = EXPERIMENTS[experiment]()[at], load_stored(experiment)[at]
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    again = stored.run_setting(setting, steps=SLICE)
    torch.set_num_threads(threads)
    np.testing.assert_allclose(again, run.predictions[:SLICE], atol=2e-2)
    np.testing.assert_allclose(again[:10], run.predictions[:10], atol=1e-4)


def test_all_seeds_of_the_linear_model_run_again_whole():
    for setting, run in zip(EXPERIMENTS["seeds"](), load_stored("seeds"), strict=True):
        if setting.name == "linear":
            again = stored.run_setting(setting)
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
