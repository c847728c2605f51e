"""The CfC paper's formula against the neuron that it approximates, in the paper's scalar case.

Source: Hasani et al. (2022), "Closed-form continuous-time neural networks", Nature Machine
Intelligence 4: the equation (1), theorem 1, and lemma 1 with its two statements on sharpness.
"""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from liquidlib import LTC, CfC, Wiring, closed_form, ltc_neuron
from liquidlib.models import scalar

TIMES = np.linspace(0, 6, 25)
SLACK = 1e-7  # of the solver


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


levels = st.floats(-3, 3)
rates = st.floats(0, 4)


@st.composite
def drives(draw):
    """Return an input: two sines on a level, of any size, speed and phase."""
    level, *rest = (draw(st.floats(-4, 4)) for _ in range(3))
    speeds = [draw(st.floats(0, 8)) for _ in rest]
    phases = [draw(st.floats(0, 7)) for _ in rest]
    parts = list(zip(rest, speeds, phases, strict=True))
    return lambda t: level + sum(size * np.sin(speed * t + phase) for size, speed, phase in parts)


def integral(drive, times):
    """Return the integral of sigmoid(I) from 0 to each time, by Gauss and Legendre."""
    nodes, weights = np.polynomial.legendre.leggauss(200)
    return np.array([np.sum(weights * sigmoid(drive(t * (nodes + 1) / 2))) * t / 2 for t in times])


# The solver


@given(rates, levels, levels, levels, st.floats(-5, 5))
@settings(max_examples=30, deadline=None)
def test_a_constant_input_gives_the_exponential(w_tau, A, x0, rest, size):
    f = sigmoid(size)
    end = (w_tau * rest + f * A) / (w_tau + f)
    x = ltc_neuron(TIMES, lambda t: size, w_tau=w_tau, A=A, x0=x0, rest=rest)
    assert_allclose(x, end + (x0 - end) * np.exp(-(w_tau + f) * TIMES), atol=SLACK)


@given(drives(), rates, levels, levels)
@settings(max_examples=30, deadline=None)
def test_the_integral_solution_is_exact_if_the_leak_pulls_to_a(drive, w_tau, A, x0):
    x = ltc_neuron(TIMES, drive, w_tau=w_tau, A=A, x0=x0, rest=A)
    exact = A + (x0 - A) * np.exp(-w_tau * TIMES - integral(drive, TIMES))
    assert_allclose(x, exact, atol=SLACK)


def test_the_solver_is_of_fourth_order(monkeypatch):
    def drive(t):
        return 4 * np.sin(3 * t)

    exact = 1 - 2 * np.exp(-3 - integral(drive, [6.0]))
    errors = []
    for step in (0.4, 0.2, 0.1):
        monkeypatch.setattr(scalar, "STEP", step)
        x = ltc_neuron([6.0], drive, w_tau=0.5, A=1.0, x0=-1.0, rest=1.0)
        errors.append(abs(x - exact).item())
    orders = np.log2(np.array(errors[:-1]) / errors[1:])
    assert (orders > 3.5).all(), orders


def before_softplus(value):
    return np.log(np.expm1(value))


@pytest.mark.parametrize("rest", [0.0, 0.6])
def test_it_is_the_scalar_ltc(rest):
    """Our `LTC` of one neuron and one synapse, with as small steps, follows the same curve."""
    w_tau, A, x0 = 0.7, -0.8, 0.3
    model = LTC(1, 1, wiring=Wiring(sensory=[[1]], adjacency=[[0]]), solver="rk4").double()
    synapse = model.sensory_synapses
    with torch.no_grad():
        for parameter, value in (
            (model.leak, before_softplus(w_tau)),
            (model.leak_potential, rest),
            (model.capacitance, before_softplus(1.0)),
            (synapse.weight, before_softplus(1.0)),
            (synapse.steepness, 1.0),
            (synapse.midpoint, 0.0),
            (synapse.reversal, A),
        ):
            parameter.fill_(value)
    dt, steps = 0.01, 400
    inputs = 3 * np.sin(1.3 * (np.arange(steps) + 0.5) * dt)  # at the middle of each step
    x, _ = model(
        torch.tensor(inputs)[None, :, None],
        state=torch.tensor([[x0]], dtype=torch.float64),
        timespans=torch.full((1, steps), dt, dtype=torch.float64),
    )
    times = dt * np.arange(1, steps + 1)
    ours = ltc_neuron(times, lambda t: 3 * np.sin(1.3 * t), w_tau=w_tau, A=A, x0=x0, rest=rest)
    assert_allclose(x[0, :, 0].detach().numpy(), ours, atol=1e-5)


# The formula and its bound


@given(drives(), rates, levels, levels)
@settings(max_examples=50, deadline=None)
def test_lemma_1_holds_if_the_leak_pulls_to_a(drive, w_tau, A, x0):
    x = ltc_neuron(TIMES, drive, w_tau=w_tau, A=A, x0=x0, rest=A)
    error = np.abs(x - closed_form(TIMES, drive, w_tau=w_tau, A=A, x0=x0))
    assert (error <= abs(x0 - A) * np.exp(-w_tau * TIMES) + SLACK).all()


def test_lemma_1_does_not_hold_for_the_equation_that_the_paper_begins_with():
    given = {"w_tau": 0.5, "A": 1.0, "x0": -1.0}
    x = ltc_neuron([40.0], lambda t: 1.0, **given)
    error = np.abs(x - closed_form([40.0], lambda t: 1.0, **given))
    bound = 2 * np.exp(-0.5 * 40)
    assert error > 0.4 and bound < 1e-8


@given(drives(), rates, levels, levels)
@settings(max_examples=50, deadline=None)
def test_our_bound_holds_for_the_equation_that_the_paper_begins_with(drive, w_tau, A, x0):
    x = ltc_neuron(TIMES, drive, w_tau=w_tau, A=A, x0=x0)
    error = np.abs(x - closed_form(TIMES, drive, w_tau=w_tau, A=A, x0=x0))
    kept = np.exp(-w_tau * TIMES)
    assert (error <= abs(x0 - A) * kept + abs(A) * (1 - kept) + SLACK).all()


@given(drives(), rates, levels, levels)
@settings(max_examples=50, deadline=None)
def test_the_guess_a_keeps_the_same_bound(drive, w_tau, A, x0):
    x = ltc_neuron(TIMES, drive, w_tau=w_tau, A=A, x0=x0, rest=A)
    assert (np.abs(x - A) <= abs(x0 - A) * np.exp(-w_tau * TIMES) + SLACK).all()


@pytest.mark.parametrize(
    ("before", "after", "limit"),
    [(-12.0, 12.0, lambda t: 1.0), (12.0, -12.0, lambda t: np.exp(-t) - 1)],
)
def test_a_jump_just_before_the_end_comes_near_the_lemmas_extremes(before, after, limit):
    w_tau, t = 0.5, 3.0
    times = [t - 1e-4, t]
    drive = lambda now: before if now < times[0] else after  # noqa: E731
    given = {"w_tau": w_tau, "A": 0.0, "x0": 1.0}
    x = ltc_neuron(times, drive, **given, rest=0.0)
    error = (x - closed_form(times, drive, **given))[-1]
    assert error == pytest.approx(np.exp(-w_tau * t) * limit(t), abs=1e-3)


# Its limits


@given(rates, levels, levels, st.floats(-4, 4))
@settings(max_examples=50, deadline=None)
def test_the_formula_starts_at_the_start_only_if_the_synapse_is_shut(w_tau, A, x0, size):
    start = closed_form([0.0], lambda t: size, w_tau=w_tau, A=A, x0=x0)
    assert_allclose(start, x0 + (A - x0) * sigmoid(size), atol=1e-12)
    shut = closed_form([0.0], lambda t: -40.0, w_tau=w_tau, A=A, x0=x0)
    assert_allclose(shut, x0, atol=1e-12)


@given(st.floats(0.5, 4), levels, levels, st.floats(-4, 4))
@settings(max_examples=10, deadline=None)
def test_formula_and_neuron_end_at_different_levels(w_tau, A, x0, size):
    f = sigmoid(size)
    given = {"w_tau": w_tau, "A": A, "x0": x0}
    assert_allclose(closed_form([50.0], lambda t: size, **given), A, atol=1e-8)
    x = ltc_neuron([50.0], lambda t: size, **given)
    assert_allclose(x, A * f / (w_tau + f), atol=1e-8)


def test_the_factor_is_exact_by_itself_for_an_input_that_rises_from_far_below():
    """exp(-integral of f) is f(-I) for a ramp of slope 1; so the exponential is one too many."""

    def ramp(t):
        return t - 20.0

    times = np.array([10.0, 20.0, 25.0])
    x = ltc_neuron(times, ramp, w_tau=0.0, A=0.0, x0=1.0, rest=0.0)
    assert_allclose(x, sigmoid(-ramp(times)), rtol=1e-6)
    formula = closed_form(times, ramp, w_tau=0.0, A=0.0, x0=1.0)
    assert_allclose(formula, x * np.exp(-sigmoid(ramp(times)) * times), rtol=1e-6)


def test_the_pure_mode_is_the_formula_from_zero_with_one_head_for_both_of_its_parts():
    model = CfC(2, 5, mode="pure").double()
    with torch.no_grad():
        model.w_tau.uniform_(-1, 1, generator=torch.Generator().manual_seed(0))
        model.A.uniform_(-1, 1, generator=torch.Generator().manual_seed(1))
    generator = torch.Generator().manual_seed(2)
    x, h = (torch.randn(7, n, generator=generator, dtype=torch.float64) for n in (2, 5))
    dt = torch.rand(7, 1, generator=generator, dtype=torch.float64)
    z = 1.7159 * torch.tanh(0.666 * model.backbone[0](torch.cat([x, h], dim=-1)))
    head = model.heads(z)
    rate, factor, x0 = model.w_tau.abs() + head.abs(), head, 0
    formula = (x0 - model.A) * torch.exp(-rate * dt) * factor + model.A
    torch.testing.assert_close(model.update(x, h, dt)[0], formula)


# Many at once, and what is refused


def test_many_neurons_are_solved_as_one_by_one():
    rng = np.random.default_rng(0)
    w_tau, A, x0, size = rng.uniform(0.1, 1, (4, 3, 2))
    together = [
        ltc_neuron(TIMES, lambda t: size * np.cos(t), w_tau=w_tau, A=A, x0=x0),
        closed_form(TIMES, lambda t: size * np.cos(t), w_tau=w_tau, A=A, x0=x0),
    ]
    for function, all_of_them in zip((ltc_neuron, closed_form), together, strict=True):
        assert all_of_them.shape == (3, 2, len(TIMES))
        for i in np.ndindex(3, 2):
            drive = lambda t, i=i: size[i] * np.cos(t)  # noqa: E731
            one = function(TIMES, drive, w_tau=w_tau[i], A=A[i], x0=x0[i])
            assert_allclose(all_of_them[i], one, rtol=1e-12)


@pytest.mark.parametrize("function", [ltc_neuron, closed_form])
@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"times": [1.0, 1.0]}, "times must be 1-D, not negative and increasing"),
        ({"times": [-1.0, 1.0]}, "times must be"),
        ({"times": []}, "times must be"),
        ({"w_tau": -0.1}, "w_tau must be finite and not negative, got"),
        ({"A": np.nan}, "A must be finite, got"),
        ({"x0": np.inf}, "x0 must be finite, got"),
    ],
)
def test_what_is_refused(function, change, message):
    given = {"times": [0.0, 1.0], "w_tau": 0.5, "A": 1.0, "x0": 0.0} | change
    with pytest.raises(ValueError, match=message):
        function(given.pop("times"), lambda t: 0.0, **given)
