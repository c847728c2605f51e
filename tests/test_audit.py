"""The audit's sweeps: slices are run again, and what the book says of them holds."""

import math

import numpy as np
import pytest
import torch

from liquidlib import LSTM, Curve, load_sweep, median_interval, published, track
from liquidlib.sweeps import audit, online
from liquidlib.sweeps.experiments import EXPERIMENTS
from liquidlib.sweeps.online import BIN, Carried

AUDIT = [name for name, experiment in EXPERIMENTS.items() if experiment.run is online.online]
MEASURES = ["parameters", "lock_05", "lock_10", "lock_20", "worst", "late", "accuracy"]


def setting_of(name, row):
    experiment = EXPERIMENTS[name]
    return experiment.grid[row // len(experiment.seeds)]


def seed_of(name, row):
    return EXPERIMENTS[name].seeds[row % len(EXPERIMENTS[name].seeds)]


@pytest.mark.parametrize("name", AUDIT)
def test_a_sweep_has_thirty_seeds_or_more(name):
    assert len(EXPERIMENTS[name].seeds) >= 30


@pytest.mark.slow
@pytest.mark.parametrize("name", AUDIT)
@pytest.mark.parametrize("part", [0, 0.21, 0.37, 0.58, 0.83, 0.999])
def test_the_beginning_of_a_run_gives_the_stored_bits(name, part):
    stored = load_sweep(name)
    row = int(part * len(stored))
    again = online.online(seed_of(name, row), **setting_of(name, row) | {"steps": 2 * BIN})
    assert again["parameters"] == stored.table.parameters[row]
    assert again["engine"] == stored.table.engine[row]
    first = stored.series["error"][row, :2]
    if again["engine"] == "tape, wasm":
        np.testing.assert_array_equal(again["error"], first)
    else:  # by PyTorch, and chaotic: the size stays
        assert 0.2 < np.mean(again["error"]) / np.mean(first) < 5


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("reproduction", {"model": "linear"}),
        ("reproduction", {"model": "cfc", "beta2": 0.95}),
        ("rates", {"model": "gru", "lr": 0.003}),
        ("rates", {"model": "cfc-mixed", "lr": 0.01, "initial": "published"}),
        ("factors", {"model": "lstm", "optimiser": "sgd", "lr": 0.1}),
        ("factors", {"model": "cfc", "inputs": "wrapped", "lr": 0.03}),
    ],
)
def test_a_whole_run_gives_the_stored_bits(name, change):
    stored = load_sweep(name)
    row = next(
        row
        for row in range(len(stored))
        if change.items() <= setting_of(name, row).items() and seed_of(name, row) == 11
    )
    again = online.online(11, **setting_of(name, row))
    np.testing.assert_array_equal(again["error"], stored.series["error"][row])
    for measure in MEASURES:
        np.testing.assert_equal(again[measure], stored.table[measure][row])


def test_track_gives_the_bits_of_the_sweep():
    row = 7
    run = track(*published("cfc", 7), 2 * BIN, engine="wasm")
    stored = load_sweep("reproduction").series["error"][row, :2]
    np.testing.assert_allclose(np.abs(run.errors).reshape(2, -1).mean(1), stored, rtol=1e-6)


# The experiment --------------------------------------------------------------------------------


def test_a_run_is_measured_as_documented():
    errors = np.full(300, 0.004, dtype=np.float32)
    errors[:60] = 1
    errors[200] = 0.5
    found = online._measured(errors)
    assert (found["lock_05"], found["lock_10"], found["lock_20"]) == (58, 58, 58)  # 95 % of 50
    assert found["worst"] == 0.5
    assert found["late"] == pytest.approx((99 * 0.004 + 0.5) / 100)
    assert found["accuracy"] == pytest.approx(0.99)
    assert len(found["error"]) == 300 // BIN and found["error"][0] == 1
    never = online._measured(np.ones(300, dtype=np.float32))
    assert never["lock_20"] == math.inf and math.isnan(never["worst"])


def test_inputs_are_given_as_named():
    plain = next(online._curve("position", 0, "absolute").windows(1, start=400))
    turns, wrapped, value = (
        next(online._curve(name, 1, "elapsed").windows(1, start=400))
        for name in ("turns", "wrapped", "value")
    )
    torch.testing.assert_close(turns.x * (2 * math.pi), plain.x)
    assert wrapped.x.min() >= -0.5 and wrapped.x.max() < 0.5
    torch.testing.assert_close(
        torch.sin(wrapped.x * 2 * math.pi), -torch.sin(plain.x), atol=1e-4, rtol=0
    )
    torch.testing.assert_close(value.x, torch.sin(plain.x), atol=1e-5, rtol=0)
    assert (value.timespans == 1).all()


def test_a_carried_state_goes_on_where_the_window_before_ended():
    model, curve = LSTM(1, 4, 1), Curve(window=5)
    carried = Carried(model)
    first, second = curve.windows(2)
    with torch.no_grad():
        carried(first.x, first.timespans, first.mask)
        given, _ = carried(second.x, second.timespans, second.mask)
        _, state = model(first.x, timespans=first.timespans)
        wanted, _ = model(second.x, state, second.timespans)
        zero, _ = model(second.x, timespans=second.timespans)
    torch.testing.assert_close(given, wanted)
    assert not torch.allclose(given, zero)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"model": "x"}, "name must be one of"),
        ({"initial": "x"}, "initial must be one of"),
        ({"inputs": "x"}, "inputs must be one of"),
        ({"mask": "x"}, "mask must be one of"),
        ({"state": "x"}, "state must be one of"),
        ({"optimiser": "x"}, "optimiser must be one of"),
        ({"time": "x"}, "time must be one of"),
    ],
)
def test_unknown_names_are_named(options, message):
    with pytest.raises(ValueError, match=message):
        online.online(0, **{"steps": 60} | options)


def test_grids_name_every_argument_and_hold_no_setting_twice():
    for grid in (audit.reproduction(), audit.weights(), audit.rates(), audit.factors()):
        assert len({tuple(setting.items()) for setting in grid}) == len(grid)
        assert len({tuple(setting) for setting in grid}) == 1


# What the book says ----------------------------------------------------------------------------


def test_the_published_order_comes_out_again():
    table = load_sweep("reproduction").table

    def of(**setting):
        rows = np.logical_and.reduce([table[k] == v for k, v in setting.items()])
        return table[rows]

    cfc, linear = of(model="cfc", beta2=0.999), of(model="linear")
    lstm = of(model="lstm", state="zero")
    assert 40 < median_interval(cfc.lock_10)[0] < 80
    assert median_interval(linear.lock_10)[0] < 60
    assert lstm.lock_10.min() > 5 * cfc.lock_10.max()
    assert 5 <= (cfc.worst > 0.2).sum() <= 20
    assert (of(beta2=0.95).worst > 0.2).sum() > 20
