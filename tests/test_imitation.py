"""The sweep of imitation: a slice is run again, and what the chapter says of it holds."""

import numpy as np
import pytest
import torch

from liquidlib import closed_form, load_sweep, median_interval
from liquidlib.sweeps import imitation
from liquidlib.sweeps.experiments import EXPERIMENTS
from liquidlib.sweeps.imitation import NETWORKS, NEURON, SAMPLES, UNTRAINED, imitate


@pytest.fixture(scope="module")
def table():
    return load_sweep("imitation").table


def row(table, **setting):
    for name, value in setting.items():
        table = table[table[name] == value]
    assert len(table) == 1
    return table.iloc[0]


def middle(table, model, measure="new", rest="zero"):
    return median_interval(table[(table.model == model) & (table.rest == rest)][measure])


@pytest.mark.parametrize("model", NETWORKS)
def test_there_are_ten_seeds_and_other_ones_for_the_learning_rate(table, model):
    assert len(table[(table.model == model) & (table.rest == "zero")]) == 10
    chosen = load_sweep("imitation_rates").table
    assert not set(chosen.seed) & set(table.seed)
    medians = chosen[chosen.model == model].groupby("lr").new.median()
    assert len(medians) == 4 and medians.idxmin() == imitation.BEST[model]


def test_the_cfcs_have_as_many_weights(table):
    weights = {m: row(table, model=m, seed=0, rest="zero").parameters for m in NETWORKS}
    assert weights["default"] == weights["no_gate"]
    assert abs(weights["pure"] / weights["default"] - 1) < 0.01
    assert weights["ltc"] == 4 * 1 + 3 * 1 + 2 * 1 + 2


@pytest.mark.parametrize("model", UNTRAINED)
@pytest.mark.parametrize("rest", imitation.RESTS)
def test_a_formula_gives_the_stored_scores(table, model, rest):
    again = imitate(3, model, rest=rest, lr=0.0)
    stored = row(table, model=model, rest=rest, seed=3)
    for measure in ("new", "longer", "constant"):
        assert again[measure] == pytest.approx(stored[measure], rel=1e-6)


@pytest.mark.slow
def test_a_network_gives_the_stored_scores(table):
    stored = row(table, model="default", rest="zero", seed=4)
    again = imitate(4, "default", lr=stored.lr)
    assert again["parameters"] == stored.parameters
    assert again["new"] == pytest.approx(stored.new, rel=0.2)  # rounding grows in training


def test_the_lesson_is_what_the_neuron_does():
    """The moments are those of the gaps, and the formula there is `closed_form`."""
    x, timespans, target = imitation.scored("new", "zero")
    assert x.shape == target.shape == (1000, SAMPLES, 1) and timespans.shape == (1000, SAMPLES)
    assert timespans.min() >= 0.1 - 1e-6 and timespans.max() <= 1 + 1e-6
    answers = imitation.untrained("formula", "zero", x[:3, :, 0].double(), timespans[:3].double())
    for answer, heard, gaps in zip(answers, x[:3, :, 0], timespans[:3], strict=True):
        times = gaps.double().cumsum(0).numpy()
        drive = dict(zip(times, heard.double().numpy(), strict=True)).__getitem__
        np.testing.assert_allclose(answer, closed_form(times, drive, **NEURON), atol=1e-9)


def test_the_held_rule_is_exact_for_inputs_that_stay_as_they_are():
    inputs, gaps = torch.full((2, 30), 0.7).double(), torch.full((2, 30), 0.3).double()
    f = 1 / (1 + np.exp(-0.7))
    end, times = f / (0.5 + f), 0.3 * np.arange(1, 31)
    expected = end * (1 - np.exp(-(0.5 + f) * times))
    held = imitation.untrained("held", "zero", inputs, gaps)
    np.testing.assert_allclose(held, np.stack([expected] * 2), atol=1e-7)


def test_what_is_refused():
    with pytest.raises(ValueError, match=r"model must be one of 'default', .* got 'gru'"):
        imitate(0, "gru")
    with pytest.raises(ValueError, match="rest must be one of 'zero', 'A', got '0'"):
        imitate(0, "formula", rest="0")
    assert EXPERIMENTS["imitation"].run is imitate


# What the chapter says


def test_every_cfc_follows_the_neuron_better_than_the_formula(table):
    formula = row(table, model="formula", rest="zero", seed=0)
    assert formula.new > formula.constant
    for model in ("default", "no_gate", "pure"):
        assert (table[(table.model == model) & (table.rest == "zero")].new < formula.new / 5).all()
