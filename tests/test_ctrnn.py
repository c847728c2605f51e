"""The CT-RNN: its equation, its limits, and its solvers on a decay that is known."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn.functional import softplus

from liquidlib import CTRNN, count_parameters
from liquidlib.models.solvers import SOLVERS

F, H = 3, 5


def sequence(batch, steps, seed=0):
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(batch, steps, F, generator=generator, dtype=torch.float64)
    return x, 3 * torch.rand(batch, steps, generator=generator, dtype=torch.float64)


def start(batch):
    return torch.linspace(-1, 1, batch * H, dtype=torch.float64).reshape(batch, H)


def taus(model):
    return softplus(model.tau)


def spread(model):
    """Give each neuron a time constant of its own, from 0.5 to 2."""
    with torch.no_grad():
        model.tau.copy_(torch.log(torch.expm1(torch.linspace(0.5, 2, model.hidden_size))))
    return model


def leaking(**options):
    """A model that hears nothing: its states decay."""
    model = spread(CTRNN(F, H, **options).double())
    with torch.no_grad():
        for layer in (model.from_input, model.from_state):
            for p in layer.parameters():
                p.zero_()
    return model


def test_the_equation_is_the_documented_one():
    model = spread(CTRNN(F, H, solver="euler", unfolds=1).double())
    x, timespans = sequence(4, 1)
    h, step = start(4), timespans
    w, b, u = model.from_input.weight, model.from_input.bias, model.from_state.weight
    target = torch.tanh(x[:, 0] @ w.T + h @ u.T + b)
    expected = h + step * (target - h) / taus(model)
    torch.testing.assert_close(model(x, h, timespans)[1], expected)


def test_a_neuron_that_hears_nothing_decays_with_its_own_time_constant():
    model = leaking(solver="rk4", unfolds=40)
    x, timespans = sequence(4, 6)
    elapsed = timespans.cumsum(1)[..., None]
    output, _ = model(x, start(4), timespans)
    torch.testing.assert_close(
        output, start(4)[:, None] * torch.exp(-elapsed / taus(model)), rtol=0, atol=1e-6
    )


@pytest.mark.parametrize(("solver", "order"), [("fused", 1), ("euler", 1), ("rk4", 4)])
def test_the_order_of_convergence(solver, order):
    x, _ = sequence(1, 1)
    timespan = torch.ones(1, 1, dtype=torch.float64)
    errors = []
    for unfolds in (8, 16, 32):
        model = leaking(solver=solver, unfolds=unfolds)
        exact = start(1) * torch.exp(-1 / taus(model))
        errors.append((model(x, start(1), timespan)[1] - exact).abs().max().item())
    orders = np.log2(errors[:-1]) - np.log2(errors[1:])
    np.testing.assert_allclose(orders, order, atol=0.2)


@pytest.mark.parametrize("solver", SOLVERS)
def test_no_time_leaves_the_state_alone(solver):
    model = CTRNN(F, H, solver=solver).double()
    x, _ = sequence(4, 6)
    _, last = model(x, start(4), torch.zeros(4, 6, dtype=torch.float64))
    assert torch.equal(last, start(4))


def test_in_endless_time_a_state_reaches_a_rest_of_the_equation():
    model = CTRNN(F, H, unfolds=1, seed=2).double()
    x, _ = sequence(1, 1)
    h = start(1)
    for _ in range(200):
        _, h = model(x, h, torch.full((1, 1), 1e9, dtype=torch.float64))
    target = torch.tanh(model.from_input(x[:, 0]) + model.from_state(h))
    torch.testing.assert_close(h, target, rtol=0, atol=1e-8)


@settings(deadline=None, max_examples=40)
@given(
    size=st.integers(1, 6),
    scale=st.floats(0.1, 30),
    tau=st.floats(1e-3, 100),
    longest=st.floats(0, 1e4),
    seed=st.integers(0, 99),
)
def test_the_fused_solver_keeps_the_state_between_its_targets(size, scale, tau, longest, seed):
    model = CTRNN(F, size, seed=seed).double()
    with torch.no_grad():
        for p in (model.from_input.weight, model.from_state.weight):
            p.mul_(scale)
        model.tau.fill_(np.log(np.expm1(min(tau, 30))))
    x, timespans = sequence(2, 8, seed)
    output, _ = model(scale * x, timespans=longest * timespans)
    assert output.abs().max() <= 1 + 1e-12


def test_explicit_euler_leaves_that_range_where_a_step_is_long():
    x, timespans = sequence(1, 8)
    model = CTRNN(F, H, solver="euler").double()
    with torch.no_grad():
        model.tau.fill_(np.log(np.expm1(0.05)))
    assert model(x, timespans=timespans)[0].abs().max() > 100


def test_the_time_constants_start_at_1_and_stay_positive():
    model = CTRNN(F, H)
    torch.testing.assert_close(taus(model), torch.ones(H))
    optimiser = torch.optim.SGD([model.tau], lr=100.0)
    taus(model).sum().backward()
    optimiser.step()
    assert (taus(model) > 0).all() and (taus(model) < 1e-3).all()


@pytest.mark.parametrize("sizes", [(1, 32, 1), (4, 7, None), (2, 1, 3)])
def test_the_count_is_the_formula(sizes):
    inputs, hidden, output = sizes
    readout = 0 if output is None else (hidden + 1) * output
    expected = hidden * (inputs + hidden + 2) + readout
    assert count_parameters(CTRNN(*sizes)) == expected
