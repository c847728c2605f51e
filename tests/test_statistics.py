"""Medians, ratios and shares of many runs: by hand, against SciPy, and by simulation."""

from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import CensoredData, ecdf

from liquidlib import lock_on, lock_ons, median_interval, ratio_interval, survival

INF = np.inf
STEPS = st.lists(st.one_of(st.integers(0, 300), st.just(INF)), min_size=1, max_size=30)


def test_lock_ons_are_those_of_each_run_at_each_tolerance():
    errors = np.ones((3, 120))
    errors[0, 20:] = 0.15
    errors[1, 40:] = 0.01
    steps = lock_ons(errors)
    assert steps.tolist() == [[INF, INF, 18], [38, 38, 38], [INF, INF, INF]]
    runs = [SimpleNamespace(errors=row) for row in errors]
    np.testing.assert_array_equal(lock_ons(runs), steps)
    np.testing.assert_array_equal(lock_ons(runs, [0.1])[:, 0], steps[:, 1])
    assert lock_ons(errors, [0.2])[0, 0] == lock_on(errors[0], 0.2)
    assert lock_ons([]).shape == (0, 3)


def test_the_interval_of_one_value_is_that_value():
    assert median_interval([7.0]) == (7, 7, 7)
    assert median_interval([3, 3, 3, 3]) == (3, 3, 3)


def test_the_interval_of_three_by_hand():
    """A resample's median is the lowest of three with probability 7/27, more than 2.5 %."""
    assert median_interval([2, 1, 3]) == (2, 1, 3)
    # One-sided 25 %: the lowest has 7/27 = 26 %, so an interval of 50 % still reaches it, and one
    # of 45 % (27.5 % on each side) does not.
    assert median_interval([2, 1, 3], confidence=0.50) == (2, 1, 3)
    assert median_interval([2, 1, 3], confidence=0.45) == (2, 2, 2)


def test_a_run_that_never_locks_on_is_later_than_all():
    assert median_interval([1, 2, INF])[0] == 2
    assert median_interval([1, 2, INF])[2] == INF
    assert median_interval([1, INF, INF]) == (INF, 1, INF)
    assert median_interval([INF, INF]) == (INF, INF, INF)
    assert median_interval([4, INF])[0] == INF  # half of them never
    few, dropped = [10.0] * 20 + [50.0] * 19 + [INF] * 4, [10.0] * 20 + [50.0] * 19
    assert median_interval(few)[0] == 50 and median_interval(dropped)[0] == 10


@given(STEPS, st.integers(0, 5))
def test_intervals_hold_the_estimate_and_repeat(values, seed):
    median, low, high = median_interval(values, seed=seed)
    assert low <= median <= high and median == np.median(values)
    assert median_interval(values, seed=seed) == (median, low, high)
    wide = median_interval(values, confidence=0.99, seed=seed)
    assert wide[1] <= low and high <= wide[2]


@given(STEPS)
def test_order_does_not_matter_to_what_never_happened(values):
    """Any step beyond all others gives the same as never, other than its own value."""
    values = np.array(values, dtype=float)
    late = np.where(np.isinf(values), 1e6, values)
    np.testing.assert_array_equal(
        np.array(median_interval(values)) < 1e5, np.array(median_interval(late)) < 1e5
    )


@pytest.mark.parametrize("never", [0, 0.2])
def test_the_median_interval_covers_the_truth_in_about_95_of_100(never):
    """Lock-on steps of 30 runs from a skewed distribution, a share of which is never."""
    generator = np.random.default_rng(1)
    quantile = 0.5 / (1 - never)  # of those that lock on, where half of all have
    truth = -np.log(1 - quantile)
    hits = []
    for trial in range(150):
        steps = generator.exponential(size=30)
        steps[generator.random(30) < never] = INF
        _, low, high = median_interval(steps, seed=trial)
        hits.append(low <= truth <= high)
    assert 0.88 <= np.mean(hits) <= 0.99


def test_ratios_by_hand():
    assert ratio_interval([6, 6, 6], [2, 2, 2]) == (3, 3, 3)
    assert ratio_interval([3, 6, 9], [1, 2, 3]) == (3, 3, 3)  # paired: each seed has the same
    low, high = ratio_interval([3, 6, 9], [3, 1, 2])[1:]
    assert low < 3 < high


def test_ratios_with_runs_that_never_lock_on():
    assert ratio_interval([INF, INF], [2, 2]) == (INF, INF, INF)
    assert ratio_interval([2, 2], [INF, INF]) == (0, 0, 0)
    ratio, low, high = ratio_interval([INF, INF, INF], [INF, INF, INF])
    assert np.isnan(ratio) and (low, high) == (0, INF)  # nothing is known
    ratio, low, high = ratio_interval([4, 4, INF], [2, 2, INF])
    assert ratio == 2 and (low, high) == (0, INF)  # a resample of infinities says nothing
    ratio, low, high = ratio_interval([4] * 30 + [INF], [2] * 31)
    assert (ratio, low, high) == (2, 2, 2)
    assert np.isnan(ratio_interval([0, 0], [0, 0])[0])


def pairs(generator, alike):
    """Return what 30 seeds gave for two models, whose medians are as 3 to 1."""
    luck = alike * generator.normal(size=30)  # shared by both models of a seed
    a, b = np.exp(luck + generator.normal(size=(2, 30)))
    return 3 * a, b


def test_the_ratio_interval_covers_the_truth_in_about_95_of_100():
    generator = np.random.default_rng(2)
    bounds = [ratio_interval(*pairs(generator, 0.5), seed=trial)[1:] for trial in range(150)]
    assert 0.88 <= np.mean([low <= 3 <= high for low, high in bounds]) <= 0.99


def test_the_ratio_interval_gains_from_pairs():
    generator, gains = np.random.default_rng(4), []
    for trial in range(10):
        a, b = pairs(generator, alike=3)
        paired, shuffled = (ratio_interval(a, x, seed=trial) for x in (b, generator.permutation(b)))
        gains.append((paired[2] / paired[1]) / (shuffled[2] / shuffled[1]))
    assert np.median(gains) < 0.5


def test_survival_by_hand():
    steps, share, low, high = survival([10, 30, 10, None], end=100)
    assert steps.tolist() == [0, 10, 30, 100]
    assert share.tolist() == [1, 0.5, 0.25, 0.25]
    assert (low <= share).all() and (share <= high).all()
    assert low[0] < 1 and high[0] == 1
    everyone = survival([0, 5], end=20)
    assert everyone.share.tolist() == [0.5, 0, 0] and everyone.high[-1] > 0
    assert survival([None, INF], end=9).share.tolist() == [1, 1]
    assert survival([3, 12], end=9).share.tolist() == [1, 0.5, 0.5]  # 12 is after the end


@given(STEPS)
def test_survival_is_kaplan_and_meiers(steps):
    end = 250
    watched = np.minimum(steps, end)
    never = np.array(steps) > end
    oracle = ecdf(CensoredData(uncensored=watched[~never], right=watched[never])).sf
    ours = survival(steps, end)
    np.testing.assert_allclose(ours.share, oracle.evaluate(ours.steps), atol=1e-12)


def test_the_survival_band_covers_the_truth_in_about_95_of_100():
    generator = np.random.default_rng(3)
    at = 0.7
    hits = []
    for _ in range(150):
        steps, _, low, high = survival(generator.exponential(size=30), end=5)
        k = np.searchsorted(steps, at, side="right") - 1
        hits.append(low[k] <= np.exp(-at) <= high[k])
    assert 0.88 <= np.mean(hits) <= 0.99


@pytest.mark.parametrize("values", [[], [[1.0]], 1.0])
def test_bad_shapes_are_named(values):
    with pytest.raises(ValueError, match=r"values must have shape \(n,\) with n >= 1"):
        median_interval(values)


def test_bad_values_are_named():
    with pytest.raises(ValueError, match=r"values must be numbers .* got nan at position 1"):
        median_interval([1.0, np.nan])
    with pytest.raises(ValueError, match="b must be numbers of at least 0 or inf, got -1"):
        ratio_interval([1.0], [-1.0])
    with pytest.raises(ValueError, match=r"b must have the shape of a, \(2,\), got \(1,\)"):
        ratio_interval([1.0, 2.0], [1.0])
    with pytest.raises(ValueError, match="confidence must be between 0 and 1, got 1"):
        median_interval([1.0], confidence=1)
    with pytest.raises(ValueError, match="seed must be"):
        median_interval([1.0], seed=-1)
    with pytest.raises(ValueError, match="end must be"):
        survival([1], end=0)
    with pytest.raises(ValueError, match="tolerance must be"):
        lock_ons([np.zeros(60)], [0])
