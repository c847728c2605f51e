"""The audit's sweeps: slices are run again, and what the book says of them holds."""

import math

import numpy as np
import pytest
import torch

from liquidlib import (
    LSTM,
    Curve,
    Machine,
    freeze_test,
    load_sweep,
    median_interval,
    published,
    sines,
    track,
)
from liquidlib.sweeps import frozen, lessons, online, outbreaks
from liquidlib.sweeps.contestants import as_arrays, curve_of, tape_of
from liquidlib.sweeps.experiments import EXPERIMENTS
from liquidlib.sweeps.online import BIN, Carried

AUDIT = [name for name, experiment in EXPERIMENTS.items() if experiment.run is online.online]
MEASURES = ["parameters", "lock_05", "lock_10", "lock_20", "worst", "late", "accuracy"]


def setting_of(name, row):
    experiment = EXPERIMENTS[name]
    return experiment.grid[row // len(experiment.seeds)]


def seed_of(name, row):
    return EXPERIMENTS[name].seeds[row % len(EXPERIMENTS[name].seeds)]


@pytest.mark.parametrize("name", [*AUDIT, "freezes", "outbreaks", "lessons"])
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


def row_of(name, seed, **change):
    """Return a setting of a sweep, and its row with a seed."""
    grid, seeds = EXPERIMENTS[name].grid, list(EXPERIMENTS[name].seeds)
    settings = [number for number, s in enumerate(grid) if change.items() <= s.items()]
    return grid[settings[0]], settings[0] * len(seeds) + seeds.index(seed)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("seed", "change"),
    [
        (5, {"model": "lstm", "inputs": "value"}),
        (0, {"model": "linear", "inputs": "position"}),
        (9, {"model": "gru", "trained": "bias", "lr": 0.03}),
    ],
)
def test_a_frozen_run_gives_the_stored_bits(seed, change):
    stored = load_sweep("freezes")
    setting, row = row_of("freezes", seed, **change)
    again = frozen.frozen(seed, **setting)
    for measure in ("parameters", "lock_10", "late"):
        assert again[measure] == pytest.approx(stored.table[measure][row], rel=1e-12)
    for measure in ("rmse", "swing", "held"):
        np.testing.assert_allclose(again[measure], stored.series[measure][row], rtol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("seed", "change"),
    [
        (3, {"model": "cfc", "beta1": 0.0}),
        (11, {"model": "cfc-mixed", "initial": "ordinary"}),
        (7, {"model": "lstm", "forget_bias": 1.0}),
        (39, {"optimiser": "sgd"}),
    ],
)
def test_the_beginning_of_a_recorded_run_gives_the_stored_bits(seed, change):
    stored = load_sweep("outbreaks")
    setting, row = row_of("outbreaks", seed, **change)
    again = outbreaks.outbreak(seed, **setting | {"steps": 5 * outbreaks.BIN})
    assert again["parameters"] == stored.table.parameters[row]
    np.testing.assert_array_equal(again["error"], stored.series["error"][row, :5])
    np.testing.assert_allclose(again["gain"], stored.series["gain"][row, :5], rtol=1e-4)
    for steps in (0, 100):  # by PyTorch
        through = stored.series[f"through_{steps}"][row]
        np.testing.assert_allclose(again[f"through_{steps}"], through, rtol=0.02, atol=1e-12)


@pytest.mark.slow
@pytest.mark.parametrize("change", [{"model": "linear"}, {"model": "lstm", "horizon": 20}])
def test_a_lesson_gives_the_stored_scores(change):
    stored = load_sweep("lessons")
    setting, row = row_of("lessons", 4, **change)
    again = lessons.lesson(4, **setting)
    assert again["parameters"] == stored.table.parameters[row]
    close = {"rtol": 0.02, "atol": 2e-5} if setting["model"] == "linear" else {"rtol": 0.5}
    scores = ["new", "larger", "published"]
    np.testing.assert_allclose(
        [again[score] for score in scores], stored.table.loc[row, scores].astype(float), **close
    )
    # what rounding does to the first lessons is little
    np.testing.assert_allclose(again["loss"][0], stored.series["loss"][row, 0], rtol=1e-2)


def test_each_network_is_taught_at_the_rate_that_other_seeds_chose():
    rates, lessons = (EXPERIMENTS[name] for name in ("lesson_rates", "lessons"))
    assert not set(rates.seeds) & set(lessons.seeds)
    table = load_sweep("lesson_rates").table
    cell = ["model", "told", "sampling", "horizon"]
    medians = table.groupby([*cell, "lr"]).new.median().reset_index()
    best = medians.loc[medians.groupby(cell).new.idxmin()].set_index(cell).lr
    for setting in lessons.grid:
        if setting["model"] != "linear":
            assert setting["lr"] == best[tuple(setting[name] for name in cell)]


# The experiments -------------------------------------------------------------------------------


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
    plain = next(curve_of("position", 0, "absolute").windows(1, start=400))
    turns, wrapped, value = (
        next(curve_of(name, 1, "elapsed").windows(1, start=400))
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


@pytest.mark.parametrize(
    ("experiment", "options", "message"),
    [
        (frozen.frozen, {"inputs": "turns"}, "inputs must be one of 'position', 'value'"),
        (frozen.frozen, {"trained": "heads"}, "trained must be one of 'all', 'read-out', 'bias'"),
        (outbreaks.outbreak, {"inputs": "x"}, "inputs must be one of"),
        (outbreaks.outbreak, {"optimiser": "x"}, "optimiser must be one of"),
        (outbreaks.outbreak, {"forget_bias": 1.0}, "forget_bias must be 0 for model 'cfc', got 1"),
        (lessons.lesson, {"told": "x"}, "told must be one of 'gate', 'input', 'nothing'"),
        (lessons.lesson, {"sampling": "x"}, "sampling must be one of"),
        (lessons.lesson, {"horizon": 0}, "horizon must be a whole number of at least 1"),
        (lessons.lesson, {"model": "gru", "told": "gate"}, "told must be 'input' or 'nothing'"),
    ],
)
def test_the_other_experiments_name_what_is_wrong(experiment, options, message):
    with pytest.raises(ValueError, match=message):
        experiment(0, **{"steps": 60} | options)


def test_a_freeze_is_scored_against_the_period_that_follows():
    class Constant:
        """A machine that always gives the same answer."""

        def answer(self, **given):
            return 0.5

    windows = list(curve_of("position", 0, "absolute").windows(360))[:: frozen.STRIDE]
    rmse, swing, held = frozen._scored(Constant(), windows, 0.25)
    assert rmse == pytest.approx(math.sqrt(0.5 + 0.5**2), rel=1e-4)
    assert swing == pytest.approx(0, abs=1e-5) and held == 0.25


def test_only_what_is_named_is_trained_before_a_freeze():
    counts = {
        trained: frozen.frozen(0, "gru", trained=trained, steps=100)["parameters"]
        for trained in frozen.TRAINED
    }
    assert counts == {"all": 3393, "read-out": 33, "bias": 1}


def test_outbreaks_are_found_as_documented():
    errors, gains, reaches = np.zeros(300), np.ones(300), np.full(300, 2.0)
    errors[200], gains[190], reaches[199] = 0.5, 40, 20
    found = outbreaks._measured(errors, gains, reaches)
    assert (found["lock_10"], found["outbreak"], found["worst"]) == (0, 200, 0.5)
    assert (found["gain_before"], found["reach_before"]) == (40, 10)
    assert (found["gain_median"], found["gain_largest"]) == (1, 40)
    assert found["gain"][9] == 40 and found["late"] == pytest.approx(0.5 / 200)
    calm = outbreaks._measured(np.zeros(300), gains, reaches)
    assert calm["outbreak"] == math.inf and math.isnan(calm["gain_before"])
    lost = outbreaks._measured(np.ones(300), gains, reaches)
    assert lost["lock_10"] == math.inf and math.isnan(lost["gain_largest"])


def test_the_gain_tells_how_far_a_step_moves_the_answer():
    """Gradient descent moves it by gain times the error; that is how the gain is meant."""
    setting = ("gru", 32, None, "ordinary", "unread")
    curve = curve_of("position", 0, "absolute")
    window = next(curve.windows(1))
    given = as_arrays(window)
    machine = Machine(tape_of(setting, curve.window, "sgd"), vm="wasm")
    machine.set(lr=1e-4, weight_decay=0.0)
    answer, _ = machine.step(window.target.item(), **given)
    error = answer - window.target.item()
    slope = outbreaks._slope(machine, error)
    gain = 1e-4 * float((2 * slope**2).sum())
    assert (answer - machine.answer(**given)) / error == pytest.approx(gain, rel=0.02)


def test_what_a_lesson_gives_and_asks():
    drawn = sines(3, 45, torch.Generator().manual_seed(0), sampling="jittered")
    for told, features in (("gate", 1), ("input", 2), ("nothing", 1)):
        x, timespans, target = lessons.given(drawn, told, horizon=5)
        assert x.shape == (3, 40, features) and target.shape == (3, 40, 1)
        assert torch.equal(x[..., 0], drawn.values[:, :40])
        assert torch.equal(target[..., 0], drawn.values[:, 5:])
        assert torch.equal(timespans, drawn.gaps[:, 1:41]) == (told == "gate")
    assert torch.equal(lessons.given(drawn, "input", 5)[0][..., 1], drawn.gaps[:, 1:41])


def test_published_sines_are_those_of_a_freeze_test():
    frozen_test = freeze_test(LSTM(1, 4, 1), Curve(window=lessons.SAMPLES), 360)
    ours = lessons.published_sines(1).values[:, -1].numpy()
    np.testing.assert_allclose(ours, frozen_test.clean, atol=1e-6)


def test_a_line_knows_a_regular_sine():
    """Two samples are enough: the fit is exact, whatever phase, speed and amplitude."""
    found = lessons.lesson(0, "linear", steps=100)
    assert max(found[name] for name in ("new", "larger", "published")) < 1e-3
    assert found["persistence"] > 0.03 and found["parameters"] == 41


def test_grids_name_every_argument_and_hold_no_setting_twice():
    for grid in (EXPERIMENTS[name].grid for name in EXPERIMENTS if name != "seeds"):
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
