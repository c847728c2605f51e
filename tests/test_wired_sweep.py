"""The sweep of wirings: what it compares, what is stored, and what the book says of it."""

import math

import numpy as np
import pytest
import torch

from liquidlib import (
    CfC,
    Wiring,
    count_parameters,
    load_sweep,
    match_parameters,
    ratio_interval,
)
from liquidlib.sweeps import wired
from liquidlib.sweeps.experiments import EXPERIMENTS

NETWORKS = [name for name in wired.CONTESTANTS if name != "line"]
WIRED = [name for name in NETWORKS if name not in ("gru", "lstm")]


def runs(sweep, measure, model, units=None):
    """Return a measure of a model's runs, by seed."""
    rows = (sweep.table.model == model) & (sweep.table.units == (units or wired.UNITS[model]))
    found = sweep.series if measure in sweep.series else sweep.table
    return np.asarray(found[measure])[rows.to_numpy()].astype(float)


# Who takes part ----------------------------------------------------------------------------------


def test_the_contestants_have_equal_parameters():
    counts = {
        name: [
            count_parameters(wired.CONTESTANTS[name](wired.UNITS[name], seed)) for seed in range(10)
        ]
        for name in NETWORKS
    }
    for name, counted in counts.items():
        assert abs(np.median(counted) / 420 - 1) < 0.055, (name, counted)
        assert all(abs(count / 420 - 1) < 0.08 for count in counted), (name, counted)


@pytest.mark.parametrize("name", ["gru", "lstm"])
def test_sizes_are_those_that_match_the_budget(name):
    assert wired.UNITS[name] == match_parameters(name, 420, 1, 1)


@pytest.mark.parametrize("name", ["cfc-worm", "ltc-worm"])
def test_so_are_those_of_the_worms(name):
    model = "wired_cfc" if name == "cfc-worm" else "ltc"
    size = match_parameters(model, 420, 1, 1, wiring=lambda units: wired.worm(units, 0))
    assert wired.UNITS[name] == size


@pytest.mark.parametrize("seed", range(5))
def test_shuffled_has_the_synapses_of_the_worm_at_other_places(seed):
    worm, dealt = wired.worm(20, seed), wired.shuffled(20, seed)
    for ours, theirs in ((dealt.sensory, worm.sensory), (dealt.adjacency, worm.adjacency)):
        for polarity in (-1, 0, 1):
            assert (ours == polarity).sum() == (theirs == polarity).sum()
        assert (ours != theirs).any()
    assert dealt.motor_neurons == worm.motor_neurons == 1 and len(dealt.layers) == 1


def test_the_dense_cfc_is_one_without_a_backbone():
    dense = wired.CONTESTANTS["cfc-dense"](9, 0)
    plain = CfC(1, 9, 1, backbone_layers=0)
    assert count_parameters(dense) == count_parameters(plain)
    with torch.no_grad():
        plain.heads.weight.copy_(dense.cells[0].heads.weight)
        plain.heads.bias.copy_(dense.cells[0].heads.bias)
        plain.readout.weight.copy_(dense.readout.weight)
        plain.readout.bias.copy_(dense.readout.bias)
    x = torch.randn(2, 5, 1)
    torch.testing.assert_close(dense(x)[0], plain(x)[0])


# What is taught and cut --------------------------------------------------------------------------


def test_damped_sines_are_as_documented():
    heights, phases = wired.damped(400, torch.Generator().manual_seed(0))
    assert heights.shape == phases.shape == (400, wired.SAMPLES + 1)
    speed = torch.rad2deg(phases.diff(dim=1))
    assert 8 <= speed.min() and speed.max() <= 32.01
    torch.testing.assert_close(speed, speed[:, :1].expand_as(speed), rtol=1e-3, atol=0)
    fallen = (heights / torch.sin(phases)).abs()
    share = fallen[:, 1:] / fallen[:, :-1]
    sure = torch.sin(phases).abs().clamp(min=0) > 0.2
    sure = sure[:, 1:] & sure[:, :-1]
    assert math.exp(-0.041) < share[sure].min() and share[sure].max() < math.exp(-0.0099)


def test_a_lesson_asks_for_the_next_sample():
    x, timespans, target = wired.lesson(torch.Generator().manual_seed(0))
    assert x.shape == target.shape == (wired.BATCH, wired.SAMPLES, 1)
    assert torch.equal(x[:, 1:], target[:, :-1]) and (timespans == 1).all()


@pytest.mark.parametrize("name", WIRED)
def test_a_rewired_model_is_the_same_but_for_what_is_cut(name):
    model = wired.CONTESTANTS[name](wired.UNITS[name], 0)
    x = torch.randn(3, 6)
    answers = wired._answers(model, x)
    assert torch.equal(wired._answers(wired.rewired(model, model.wiring), x), answers)
    deaf = wired.rewired(model, wired.silenced(model.wiring, 0))  # the motor neuron
    cut = wired._answers(deaf, x)
    assert not torch.equal(cut, answers)
    if name.endswith("worm"):  # it hears nothing: the answer does not depend on the input
        torch.testing.assert_close(cut, cut[:1].expand_as(cut))
    mute = wired.silenced(model.wiring, 3)
    assert not mute.adjacency[3].any() and not mute.adjacency[:, 3].any()
    assert not mute.sensory[:, 3].any()


def test_thinning_takes_the_share_that_is_asked_for():
    wiring = Wiring.auto_ncp(2, 12, 1)
    total = wiring.synapses + wiring.sensory_synapses
    for share in wired.SHARES:
        thin = wired.thinned(wiring, share, np.random.default_rng(0))
        assert thin.synapses + thin.sensory_synapses == total - round(share * total)
        kept = thin.adjacency != 0
        assert (thin.adjacency[kept] == wiring.adjacency[kept]).all()
        assert thin.layers == wiring.layers


def test_what_a_run_returns():
    found = wired.wired(0, "ltc-dense", 3, 0.03, steps=10)
    assert found["pushed"].shape == (wired.SAMPLES - wired.PULSED.start,)
    assert found["by_phase"].shape == (6,) and found["loss"].shape == (10,)
    assert found["without"].shape == (3,) and found["cut"].shape == (4,)
    assert found["parameters"] == found["stored"] == 4 * (3 + 9) + 3 * 3 + 2 + 4
    worm = wired.wired(0, "cfc-worm", 8, 0.03, steps=10)
    assert worm["stored"] > worm["parameters"]
    gru = wired.wired(0, "gru", 2, 0.03, steps=10)
    assert gru["without"].size == gru["cut"].size == 0


def test_a_push_does_not_move_what_came_before_and_a_line_forgets_it():
    found = wired.wired(0, "line", 4, 0.03, steps=30)
    assert found["pushed"][0] > 0.1
    assert (found["pushed"][2 + 3 :] == 0).all()  # two samples, and three that still see one


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"model": "x"}, "model must be one of 'cfc-worm'"),
        ({"units": 0}, "units must be a whole number of at least 1"),
        ({"steps": 5}, "steps must be a whole number of at least 10"),
        ({"model": "line", "units": 12}, "units must be at most 11 for model 'line', got 12"),
    ],
)
def test_what_is_wrong_is_named(change, message):
    with pytest.raises(ValueError, match=message):
        wired.wired(0, **{"model": "gru", "units": 2, "lr": 0.03, "steps": 10} | change)


# What is stored ----------------------------------------------------------------------------------


def test_each_network_is_taught_at_the_rate_that_other_seeds_chose():
    rates, final = (EXPERIMENTS[name] for name in ("wiring_rates", "wirings"))
    assert not set(rates.seeds) & set(final.seeds) and len(final.seeds) >= 10
    table = load_sweep("wiring_rates").table
    medians = table.groupby(["model", "lr"]).noisy.median().reset_index()
    best = medians.loc[medians.groupby("model").noisy.idxmin()].set_index("model").lr
    for setting in final.grid:
        if setting["model"] != "line":
            assert setting["lr"] == best[setting["model"]]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("model", "units"), [("line", 10), ("lstm", 3), ("gru", 4), ("cfc-dense", 9)]
)
def test_a_run_again_gives_the_stored_scores(model, units):
    stored, seed = load_sweep("wirings"), 6
    (setting,) = (
        s for s in EXPERIMENTS["wirings"].grid if (s["model"], s["units"]) == (model, units)
    )
    again = wired.wired(seed, **setting)
    assert again["parameters"] == runs(stored, "parameters", model, units)[seed]
    close = 1e-3 if model == "line" else 0.3  # training spreads what rounding does
    for measure in ("clean", "noisy", "noisier", "disturbed"):
        assert again[measure] == pytest.approx(runs(stored, measure, model, units)[seed], rel=close)
    if model != "line":  # the first lessons are the same
        loss = runs(stored, "loss", model, units)[seed]
        assert again["loss"][0] == pytest.approx(loss[0], rel=1e-2)


# What the book says ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("measure", "better", "worse"),
    [
        ("noisy", "gru", "cfc-worm"),
        ("noisy", "gru", "ltc-worm"),
        ("noisy", "cfc-dense", "cfc-worm"),
        ("noisy", "ltc-dense", "ltc-worm"),
        ("noisy", "line", "ltc-worm"),
        ("noisier", "gru", "cfc-worm"),
        ("disturbed", "ltc-worm", "ltc-dense"),
        ("disturbed", "cfc-worm", "cfc-dense"),
    ],
)
def test_who_is_better(measure, better, worse):
    stored = load_sweep("wirings")
    _, _, high = ratio_interval(runs(stored, measure, better), runs(stored, measure, worse))
    assert high < 1


def test_the_worm_is_back_first_and_has_idle_neurons():
    stored = load_sweep("wirings")
    tenth = {
        name: np.median((runs(stored, "pushed", name)[:, 2:] >= 0.1).sum(axis=1))
        for name in NETWORKS
    }
    assert max(tenth["cfc-worm"], tenth["ltc-worm"]) < min(tenth["gru"], tenth["lstm"]) - 2
    for cell in ("cfc", "ltc"):
        idle = {}
        for kind in ("worm", "dense"):
            name = f"{cell}-{kind}"
            without = runs(stored, "without", name)[:, : wired.UNITS[name]]
            intact = runs(stored, "cut", name)[:, :1]
            idle[kind] = np.median((without < 1.05 * intact).mean(axis=1))
        assert idle["dense"] == 0 < 0.2 < idle["worm"]


def test_small_ltcs_wired_like_a_worm_may_learn_nothing():
    stored = load_sweep("wirings")
    heights, _ = wired.damped(wired.SCORED, torch.Generator().manual_seed(wired.SCORED_SEED))
    nothing = float(heights[:, 1 + wired.WARM :].square().mean().sqrt())
    lost = runs(stored, "noisy", "ltc-worm", 9) > 0.95 * nothing
    assert 2 <= lost.sum() < len(lost)
    for name in NETWORKS:
        assert (runs(stored, "noisy", name) < 0.5 * nothing).all()
