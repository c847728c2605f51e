"""Gradients through time: what autograd finds on the way is what a nudge of the state does."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from liquidlib import Curve, Linear, gradient_through_time, make

NAMES = [("cfc", {}), ("cfc", {"mixed_memory": True}), ("lstm", {"layers": 2}), ("gru", {})]


def window_of(length):
    window = next(Curve(window=length).windows(1, start=5))
    parts = {name: getattr(window, name).double() for name in ("x", "timespans", "mask")}
    return replace(window, **parts)


@pytest.mark.parametrize(("name", "options"), NAMES)
def test_it_is_the_slope_of_the_answer_over_the_state(name, options):
    model, window = make(name, 1, 4, 1, seed=3, **options).double(), window_of(7)
    found = gradient_through_time(model, window)
    assert found.shape == (7,) and (found > 0).all()
    x, timespans = window.x, window.timespans
    for t in (0, 3, 6):
        state = model.initial_state(x)
        if t:
            _, state = model(x[:, :t], timespans=timespans[:, :t])
        parts = state if isinstance(state, tuple) else (state,)

        def answer(*parts, t=t):
            given = parts if len(parts) > 1 else parts[0]
            return model(x[:, t:], given, timespans=timespans[:, t:])[0][0, -1, 0]

        slopes = []
        for number, part in enumerate(parts):
            for place in np.ndindex(*part.shape):
                ends = []
                for nudge in (1e-5, -1e-5):
                    moved = [p.detach().clone() for p in parts]
                    moved[number][place] += nudge
                    ends.append(answer(*moved).item())
                slopes.append((ends[0] - ends[1]) / 2e-5)
        assert found[t] == pytest.approx(np.linalg.norm(slopes), rel=2e-4)


def test_a_model_is_left_as_it_was():
    model = make("gru", 1, 4, 1).double()
    gradient_through_time(model, window_of(5))
    assert all(p.grad is None and p.requires_grad for p in model.parameters())


def test_it_asks_for_a_recurrent_model_with_one_output():
    with pytest.raises(TypeError, match="model must be a recurrent SequenceModel, got Linear"):
        gradient_through_time(Linear(1, 1, window=5), window_of(5))
    with pytest.raises(TypeError, match="model must be a recurrent SequenceModel, got GRU"):
        gradient_through_time(torch.nn.GRU(1, 4), window_of(5))
    with pytest.raises(ValueError, match="model must have output_size 1"):
        gradient_through_time(make("gru", 1, 4, 2).double(), window_of(5))
