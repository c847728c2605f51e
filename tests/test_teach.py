"""Lessons: sines as described, and a loop that trains on batches of them."""

import math

import numpy as np
import pytest
import torch

from liquidlib import LSTM, Linear, sines, teach


def drawn(n=4000, samples=6, seed=0, **options):
    return sines(n, samples, torch.Generator().manual_seed(seed), **options)


def test_regular_sines_have_one_speed_and_amplitude_each():
    values = drawn(samples=40).values.double()
    # a sine is a recurrence over two samples: y[k+1] = 2 cos(d) y[k] - y[k-1]
    middle = values[:, 1:-1]
    twice_cos = ((values[:, 2:] + values[:, :-2]) * middle).sum(1) / (middle**2).sum(1)
    degrees = torch.rad2deg(torch.acos((twice_cos / 2).clamp(-1, 1)))
    assert 0.9 < degrees.min() and degrees.max() < 8.01
    assert abs(torch.log(degrees).mean() - math.log(8) / 2) < 0.03  # uniform in its logarithm
    assert 1.4 < values.abs().max() <= 1.5


def test_gaps_are_as_described():
    assert (drawn().gaps == 1).all()
    jittered = drawn(sampling="jittered").gaps
    assert 0 <= jittered.min() < 0.01 and 1.99 < jittered.max() <= 2
    assert abs(jittered.mean() - 1) < 0.01
    dropped = drawn(sampling="dropped").gaps
    assert (dropped == dropped.round()).all() and dropped.min() == 1
    for gap in (1, 2, 3, 4):
        assert abs((dropped == gap).double().mean() - 0.5**gap) < 0.01


def test_values_are_those_of_the_times():
    one = drawn(n=1, samples=30, sampling="jittered", degrees=(3, 3), amplitude=(2, 2))
    time = one.gaps.cumsum(1)[0]
    basis = torch.stack([torch.sin(math.radians(3) * time), torch.cos(math.radians(3) * time)], 1)
    solution = torch.linalg.lstsq(basis, one.values[0][:, None])
    assert torch.allclose(basis @ solution.solution, one.values.T, atol=1e-5)
    assert torch.linalg.norm(solution.solution).item() == pytest.approx(2, rel=1e-4)


def test_the_same_generator_gives_the_same_sines():
    assert torch.equal(drawn(seed=4).values, drawn(seed=4).values)
    assert not torch.equal(drawn(seed=4).values, drawn(seed=5).values)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"sampling": "late"}, "sampling must be one of 'regular', 'jittered', 'dropped'"),
        ({"degrees": (0, 8)}, "degrees must be two positive numbers in order"),
        ({"amplitude": (2, 1)}, "amplitude must be two positive numbers in order"),
        ({"samples": 0}, "samples must be a whole number of at least 1"),
        ({"n": 0}, "batch must be a whole number of at least 1"),
    ],
)
def test_sines_name_what_is_wrong(options, message):
    with pytest.raises(ValueError, match=message):
        drawn(**options)


def lesson_of(seed=0, batch=16):
    generator = torch.Generator().manual_seed(seed)

    def lesson():
        values = sines(batch, 21, generator).values
        return values[:, :-1, None], torch.ones(batch, 20), values[:, 1:, None]

    return lesson


def test_a_network_that_is_taught_knows_more_than_the_last_value():
    model = LSTM(1, 16, 1, seed=0)
    losses = teach(model, lesson_of(), 150, lr=0.02, skip=5)
    assert losses.shape == (150,) and losses[-20:].mean() < losses[:20].mean() / 20
    x, timespans, target = lesson_of(seed=9, batch=500)()
    with torch.no_grad():
        output, _ = model(x, timespans=timespans)
    frozen = (output - target)[:, -1].square().mean()
    assert frozen < (x - target)[:, -1].square().mean()


def test_a_step_is_pytorchs():
    ours, theirs = Linear(1, 1, window=4, seed=1), Linear(1, 1, window=4, seed=1)
    teach(ours, lesson_of(), 1, lr=0.1, skip=3)
    optimiser = torch.optim.AdamW(theirs.parameters(), lr=0.1)
    x, timespans, target = lesson_of()()
    loss = (theirs(x, timespans=timespans)[0] - target)[:, 3:].square().mean()
    loss.backward()
    torch.nn.utils.clip_grad_norm_(theirs.parameters(), 1.0)
    optimiser.step()
    for mine, yours in zip(ours.parameters(), theirs.parameters(), strict=True):
        assert torch.equal(mine, yours)


def test_the_same_lessons_give_the_same_losses():
    runs = [teach(LSTM(1, 4, 1, seed=2), lesson_of(3), 5) for _ in range(2)]
    np.testing.assert_array_equal(*runs)


def test_teach_names_what_is_wrong():
    model = LSTM(1, 4, 1)
    with pytest.raises(ValueError, match="steps must be a whole number of at least 1, got 0"):
        teach(model, lesson_of(), 0)
    with pytest.raises(ValueError, match="lr must be a finite number"):
        teach(model, lesson_of(), 1, lr=0)
    with pytest.raises(ValueError, match="skip must be below 20, the samples given, got 20"):
        teach(model, lesson_of(), 1, skip=20)
    with pytest.raises(ValueError, match=r"target must have shape .*= \(16, 20, 1\), got \(16, 20"):
        teach(model, lambda: (*lesson_of()()[:2], torch.zeros(16, 20, 3)), 1)
