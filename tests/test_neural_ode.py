"""The neural ODE: equations with known solutions, its tolerances, and what it cannot do."""

import subprocess
import sys

import numpy as np
import pytest
import torch
from conftest import ROOT
from torch import nn

from liquidlib import NeuralODE, Unsupported, count_parameters, lower, track
from liquidlib.signals import Curve

F, H = 3, 5
FIXED = [("euler", 1), ("rk4", 4)]
LOOSE_TO_TIGHT = (1e-2, 1e-4, 1e-6, 1e-8)


def sequence(batch, steps, seed=0):
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(batch, steps, F, generator=generator, dtype=torch.float64)
    return x, 3 * torch.rand(batch, steps, generator=generator, dtype=torch.float64)


def start(batch):
    return torch.linspace(-1, 1, batch * H, dtype=torch.float64).reshape(batch, H)


def ode(**options):
    return NeuralODE(F, H, **({"units": 8, "seed": 1} | options)).double()


def linear(**options):
    """Return a model whose slope is linear in the state and the input, and both matrices."""
    model = NeuralODE(F, H, **options).double()
    model.slope = nn.Linear(F + H, H, dtype=torch.float64)
    generator = torch.Generator().manual_seed(3)
    turn = torch.randn(H, H, generator=generator, dtype=torch.float64)
    driven = torch.randn(H, F, generator=generator, dtype=torch.float64)
    turn = (turn - turn.T) / 2 - 0.3 * torch.eye(H)  # it turns, and decays
    with torch.no_grad():
        model.slope.weight.copy_(torch.cat([driven, turn], dim=1))
        model.slope.bias.zero_()
    return model, turn, driven


def solved(turn, driven, x, h, time):
    """Return the solution of h' = turn h + driven x after a time; x (F,), h (H,)."""
    forced = torch.linalg.solve(turn, driven @ x)
    return torch.linalg.matrix_exp(turn * time) @ (h + forced) - forced


# Known solutions ----------------------------------------------------------------------------------


def test_a_linear_slope_gives_the_matrix_exponential():
    model, turn, driven = linear(rtol=1e-10, atol=1e-10)
    x, timespans = sequence(4, 6)
    output, _ = model(x, start(4), timespans)
    for i in range(4):
        h = start(4)[i]
        for t in range(6):
            h = solved(turn, driven, x[i, t], h, timespans[i, t])
            torch.testing.assert_close(output[i, t], h, rtol=0, atol=1e-8)


@pytest.mark.parametrize(("solver", "order"), FIXED)
def test_the_order_of_convergence(solver, order):
    x, _ = sequence(1, 1)
    errors = []
    for unfolds in (16, 32, 64):
        model, turn, driven = linear(solver=solver, unfolds=unfolds)
        exact = solved(turn, driven, x[0, 0], start(1)[0], 1.0)
        _, last = model(x, start(1), torch.ones(1, 1, dtype=torch.float64))
        errors.append((last[0] - exact).abs().max().item())
    orders = np.log2(errors[:-1]) - np.log2(errors[1:])
    np.testing.assert_allclose(orders, order, atol=0.2)


def test_a_tighter_tolerance_lowers_the_error_and_costs_evaluations():
    x, timespans = sequence(1, 1)
    timespans = 4 + timespans
    errors, evaluations = [], []
    for tolerance in LOOSE_TO_TIGHT:
        model, turn, driven = linear(rtol=tolerance, atol=tolerance)
        exact = solved(turn, driven, x[0, 0], start(1)[0], timespans[0, 0])
        _, last = model(x, start(1), timespans)
        errors.append((last[0] - exact).abs().max().item())
        evaluations.append(model.evaluations)
    assert errors == sorted(errors, reverse=True) and len(set(errors)) == len(errors)
    assert evaluations == sorted(set(evaluations))
    for error, tolerance in zip(errors, LOOSE_TO_TIGHT, strict=True):
        assert error <= 10 * tolerance


def test_a_longer_time_costs_evaluations():
    x, _ = sequence(1, 1)
    counts = []
    for time in (0.1, 3.0, 30.0):
        model, _, _ = linear()
        model(x, start(1), torch.full((1, 1), time, dtype=torch.float64))
        counts.append(model.evaluations)
    assert counts == sorted(set(counts))


# The slope ----------------------------------------------------------------------------------------


def test_the_slope_is_the_documented_one():
    model = ode(solver="euler", unfolds=1)
    x, timespans = sequence(4, 1)
    h = start(4)
    first, _, last = model.slope
    inside = torch.tanh(torch.cat([x[:, 0], h], dim=1) @ first.weight.T + first.bias)
    expected = h + timespans * (inside @ last.weight.T + last.bias)
    torch.testing.assert_close(model(x, h, timespans)[1], expected)


@pytest.mark.parametrize("solver", ["dopri5", "rk4", "euler"])
def test_no_time_leaves_the_state_alone(solver):
    model = ode(solver=solver)
    x, timespans = sequence(4, 6)
    _, last = model(x, start(4), torch.zeros_like(timespans))
    assert torch.equal(last, start(4))
    timespans[1] = 0.0  # and for one sample of a batch
    _, last = model(x, start(4), timespans)
    assert torch.equal(last[1], start(4)[1]) and (last[0] != start(4)[0]).all()


def test_where_no_time_elapses_the_gradient_by_the_time_is_the_slope():
    model = ode(rtol=1e-9, atol=1e-9)
    x, _ = sequence(2, 1)
    slope = model.slope(torch.cat([x[:, 0], start(2)], dim=1)).sum(1)
    for times in ([[0.0], [0.0]], [[0.0], [1.0]]):
        timespans = torch.tensor(times, dtype=torch.float64, requires_grad=True)
        model(x, start(2), timespans)[1].sum().backward()
        torch.testing.assert_close(timespans.grad[0, 0], slope[0])


@pytest.mark.parametrize("tolerance", [1e-4, 1e-8])
def test_two_time_steps_with_one_input_are_one_of_both_their_times(tolerance):
    model = ode(rtol=tolerance, atol=tolerance)
    x, timespans = sequence(4, 2)
    _, twice = model(x[:, :1].expand(4, 2, F), start(4), timespans)
    _, once = model(x[:, :1], start(4), timespans.sum(1, keepdim=True))
    difference = (twice - once).abs().max()
    assert 0 < difference <= 30 * tolerance


@pytest.mark.parametrize("tolerance", [1e-3, 1e-6])
def test_a_sample_is_solved_in_a_batch_as_well_as_alone(tolerance):
    """The steps are those of the most demanding sample, however many others need fewer."""
    x, timespans = sequence(9, 4)
    timespans[1:] *= 0.01
    exact = ode(rtol=1e-11, atol=1e-11)(x, start(9), timespans)[0]
    model = ode(rtol=tolerance, atol=tolerance)
    alone = model(x[:1], start(9)[:1], timespans[:1])[0] - exact[:1]
    together = model(x, start(9), timespans)[0] - exact
    assert together.abs().max() <= 2 * alone.abs().max()


def test_gradients_by_weights_against_finite_differences():
    model = ode(rtol=1e-10, atol=1e-10, units=3)
    x, timespans = sequence(2, 2)
    names, held = zip(*model.named_parameters(), strict=True)

    def run(h, *weights):
        return torch.func.functional_call(
            model, dict(zip(names, weights, strict=True)), (x, h, timespans)
        )[0]

    assert torch.autograd.gradcheck(run, (start(2).requires_grad_(), *held))


# Counts -------------------------------------------------------------------------------------------


def test_evaluations_are_counted_until_they_are_set_to_0():
    x, timespans = sequence(2, 3)
    model = ode(solver="rk4", unfolds=5)
    assert model.evaluations == 0
    model(x, timespans=timespans)
    assert model.evaluations == 3 * 5 * 4
    model.step(x[:, 0])
    assert model.evaluations == 4 * 5 * 4
    model.evaluations = 0
    NeuralODE(F, H, solver="euler", unfolds=5).double()(x)
    assert model.evaluations == 0
    adaptive = ode()
    adaptive(x, timespans=timespans)
    once = adaptive.evaluations
    adaptive(x, timespans=timespans)
    assert adaptive.evaluations == 2 * once >= 2 * 3 * 8  # 2 for the first step's length, 6 a step


@pytest.mark.parametrize("sizes", [(1, 32, 1), (4, 7, None), (2, 1, 3)])
@pytest.mark.parametrize("units", [1, 128])
def test_the_count_is_the_formula(sizes, units):
    inputs, hidden, output = sizes
    readout = 0 if output is None else (hidden + 1) * output
    expected = (inputs + hidden + 1) * units + (units + 1) * hidden + readout
    assert count_parameters(NeuralODE(*sizes, units=units)) == expected
    if units == 128:
        assert count_parameters(NeuralODE(*sizes)) == expected


# The engine and the package -----------------------------------------------------------------------


def test_the_engine_refuses_steps_that_depend_on_values_and_says_so():
    said = "^NeuralODE takes as many solver steps as the values ask for, and a tape is one list"
    with pytest.raises(Unsupported, match=said):
        lower(NeuralODE(1, 4, 1))
    with pytest.raises(Unsupported, match=said):
        track(NeuralODE(1, 4, 1), Curve(window=5), 3, engine="tape")
    assert track(NeuralODE(1, 4, 1), Curve(window=5), 3, device="cpu").engine == "torch"

    class Around(nn.Module):
        def __init__(self):
            super().__init__()
            self.inside = NeuralODE(1, 4, 1)

        def forward(self, x, timespans):
            return self.inside.unchecked(x, timespans, torch.ones_like(x))

    with pytest.raises(Unsupported, match="depends on the values, not only on the shapes"):
        lower(Around(), 3)


@pytest.mark.parametrize("solver", ["rk4", "euler"])
def test_with_steps_of_a_fixed_length_it_lowers(solver):
    model = NeuralODE(1, 4, 1, solver=solver)
    assert not model.adaptive and lower(model, 5).loops


def test_torchdiffeq_is_loaded_by_the_first_adaptive_run():
    code = (
        "import sys, torch, liquidlib\n"
        "model = liquidlib.NeuralODE(1, 2)\n"
        "print('torchdiffeq' in sys.modules)\n"
        "model(torch.zeros(1, 1, 1))\n"
        "print('torchdiffeq' in sys.modules)"
    )
    command = [sys.executable, "-c", code]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert run.stdout.split() == ["False", "True"]
