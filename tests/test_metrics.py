"""Lock-on, rolling accuracy, jitter and the freeze test, on cases worked by hand."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from liquidlib import Curve, Linear, freeze_test, jitter, lock_on, rolling_accuracy

SERIES = st.lists(st.floats(-1, 1), min_size=1, max_size=200)


def test_lock_on_by_hand():
    errors = np.r_[np.ones(30), np.zeros(100)]
    assert lock_on(errors) == 28  # 2 of 50 outside: 96 % inside
    assert lock_on(errors, share=1.0) == 30
    assert lock_on(-errors, tolerance=2.0) == 0
    assert lock_on(errors, hold=101, share=1.0) is None
    assert lock_on(np.ones(200)) is None
    assert lock_on(np.zeros(49)) is None and lock_on(np.zeros(50)) == 0
    assert lock_on(np.full(60, 0.1)) is None  # the tolerance itself is outside


def test_what_is_not_finite_is_not_locked_on():
    errors = np.zeros(120)
    errors[:60] = np.nan
    assert lock_on(errors, share=1.0) == 60
    assert rolling_accuracy(np.full(5, np.inf)).tolist() == [0.0] * 5


@given(SERIES, st.floats(0.05, 1), st.integers(1, 60), st.floats(0.05, 1))
def test_lock_on_equals_its_definition(errors, tolerance, hold, share):
    inside = np.abs(errors) < tolerance
    expected = None
    for k in range(len(errors) - hold + 1):
        if inside[k : k + hold].sum() >= share * hold:
            expected = k
            break
    assert lock_on(errors, tolerance, hold, share) == expected


@given(SERIES, st.integers(1, 60))
def test_rolling_measures_equal_their_definitions(errors, window):
    accuracy, shake = rolling_accuracy(errors, 0.3, window), jitter(errors, window)
    assert len(accuracy) == len(shake) == len(errors) and np.isnan(shake[0])
    for k in range(len(errors)):
        last = np.abs(errors[max(k - window + 1, 0) : k + 1])
        assert accuracy[k] == pytest.approx((last <= 0.3).mean())
        if k:
            moves = np.diff(errors[max(k - window, 0) : k + 1])
            assert shake[k] == pytest.approx(np.sqrt((moves**2).mean()), abs=1e-7)


def test_a_steady_error_has_no_jitter():
    assert jitter(np.full(80, 0.7))[1:].max() == 0
    assert jitter([0.0, 1.0, 0.0, 1.0])[-1] == 1


@pytest.mark.parametrize("measure", [lock_on, rolling_accuracy, jitter])
@pytest.mark.parametrize("errors", [[], [[0.0]], 0.0])
def test_bad_errors_are_named(measure, errors):
    with pytest.raises(ValueError, match="errors must have shape"):
        measure(errors)


def test_bad_settings_are_named():
    with pytest.raises(ValueError, match="errors must be finite, got nan at position 1"):
        jitter([0.0, np.nan])
    with pytest.raises(ValueError, match="tolerance must be"):
        lock_on([0.0], tolerance=0)
    with pytest.raises(ValueError, match="hold must be"):
        lock_on([0.0], hold=0)
    with pytest.raises(ValueError, match="share must be"):
        lock_on([0.0], share=1.1)
    with pytest.raises(ValueError, match="window must be"):
        rolling_accuracy([0.0], window=0)
    with pytest.raises(ValueError, match="window must be"):
        jitter([0.0], window=0)


def two_taps(step):
    """Return the linear model that knows a sine: y[k+1] = 2 cos(step) y[k] - y[k-1]."""
    model = Linear(1, window=2)
    with torch.no_grad():
        model.filter.weight.copy_(torch.tensor([[-1.0, 2 * np.cos(step)]]))
        model.filter.bias.zero_()
    return model


def test_a_model_that_knows_the_sine_passes_frozen():
    curve = Curve(window=2)
    model = two_taps(curve.step)
    weights = [p.clone() for p in model.parameters()]
    outcome = freeze_test(model, curve, start=100)
    assert outcome.rmse()["model"] < 1e-5
    assert outcome.rmse()["best constant"] == pytest.approx(np.sqrt(0.5), abs=1e-3)
    persistence = 2 * np.sin(curve.step / 2) * np.sqrt(0.5)
    assert outcome.rmse()["persistence"] == pytest.approx(persistence, rel=1e-3)
    assert len(outcome.errors) == 360 and model.training
    assert all(torch.equal(p, q) for p, q in zip(model.parameters(), weights, strict=True))


def test_a_constant_model_is_no_better_than_the_best_constant():
    model = two_taps(0)
    with torch.no_grad():
        model.filter.weight.zero_()
    outcome = freeze_test(model, Curve(window=2), steps=720)
    assert outcome.rmse()["model"] == pytest.approx(outcome.rmse()["best constant"], abs=1e-6)


@pytest.mark.parametrize(("inputs", "horizon"), [("value", 1), ("value", 3), ("position", 0)])
def test_persistence_is_what_was_seen_last(inputs, horizon):
    curve = Curve(inputs=inputs, horizon=horizon, window=2, noise=0.1)
    outcome = freeze_test(two_taps(1), curve, steps=5, start=7)
    at = 7 + 2 - 1 + horizon
    seen = curve.samples(40).observed[at - max(horizon, 1) :][:5]
    np.testing.assert_array_equal(outcome.persistence, seen)
    np.testing.assert_allclose(outcome.clean, curve.samples(40).clean[at : at + 5], atol=1e-7)


def test_freeze_test_names_bad_settings():
    with pytest.raises(ValueError, match="steps must be"):
        freeze_test(two_taps(1), Curve(window=2), steps=0)
    with pytest.raises(ValueError, match="start must be"):
        freeze_test(two_taps(1), Curve(window=2), start=-1)
    with pytest.raises(ValueError, match="start must be at least 1"):
        freeze_test(two_taps(1), Curve(inputs="position", window=1), steps=2)


def test_one_large_error_does_not_hide_the_jitter_after_it():
    errors = np.concatenate([[1e8], np.tile([1e-3, -1e-3], 100)])
    assert jitter(errors, 20)[-1] == pytest.approx(2e-3)
