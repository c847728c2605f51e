"""The LTC: its equation, its limits and bounds, its solvers, and its equality with ncps."""

import math
from dataclasses import replace

import ncps.torch
import ncps.wirings
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn.functional import softplus

from liquidlib import LTC, Wiring, count_parameters, from_ncps, initialise
from liquidlib.models.solvers import SOLVERS

F, H = 3, 10
DTYPES = [(torch.float32, 2e-6), (torch.float64, 1e-12)]
WIRINGS = {
    "units": lambda: 6,
    "fully connected": lambda: ncps.wirings.FullyConnected(6, 2, self_connections=False),
    "random": lambda: ncps.wirings.Random(8, 2, 0.6),
    "NCP": lambda: ncps.wirings.NCP(5, 3, 2, 2, 2, 3, 2),
    "AutoNCP": lambda: ncps.wirings.AutoNCP(H, 3),
}


def peer(wiring="AutoNCP", dtype=torch.float64, epsilon=0.0, **options):
    """Return an ncps LTC, unless asked otherwise without what it adds to its denominators."""
    with torch.random.fork_rng():
        torch.manual_seed(3)
        made = ncps.torch.LTC(F, WIRINGS[wiring](), epsilon=epsilon, **options).to(dtype)
        with torch.no_grad():  # the mappings begin as if they were not there
            for name in ("input_w", "input_b", "output_w", "output_b"):
                if hasattr(made.rnn_cell, name):
                    getattr(made.rnn_cell, name).add_(torch.rand(1).to(dtype))
    return made


def inputs(batch, steps, dtype=torch.float64, features=F):
    generator = torch.Generator().manual_seed(5)
    x = torch.randn(batch, steps, features, generator=generator, dtype=torch.float64)
    timespans = 2 * torch.rand(batch, steps, generator=generator, dtype=torch.float64)
    return x.to(dtype), timespans.to(dtype)


def start(batch, units, dtype=torch.float64):
    return torch.linspace(-1, 1, batch * units, dtype=dtype).reshape(batch, units)


# Equal to ncps ------------------------------------------------------------------------------------


@pytest.mark.parametrize(("dtype", "tolerance"), DTYPES)
@pytest.mark.parametrize("implicit", [True, False])
@pytest.mark.parametrize("wiring", WIRINGS)
def test_equals_ncps_sample_by_sample_with_unequal_elapsed_times(
    wiring, implicit, dtype, tolerance
):
    theirs = peer(wiring, dtype, implicit_param_constraints=implicit)
    ours = from_ncps(theirs)
    x, timespans = inputs(4, 11, dtype)
    state = start(4, ours.hidden_size, dtype)
    output, last = ours(x, state, timespans)
    for i in range(4):
        one = slice(i, i + 1)
        expected, expected_last = theirs(x[one], state[one], timespans[one])
        torch.testing.assert_close(output[one], expected, rtol=tolerance, atol=tolerance)
        torch.testing.assert_close(last[one], expected_last, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("wiring", WIRINGS)
def test_what_ncps_adds_to_its_denominators_is_all_the_difference(wiring):
    theirs = peer(wiring, epsilon=1e-8)
    ours = from_ncps(theirs)
    x, timespans = inputs(1, 11)
    state = start(1, ours.hidden_size)
    expected, _ = theirs(x, state, timespans)
    torch.testing.assert_close(ours(x, state, timespans)[0], expected, rtol=0, atol=1e-7)


@pytest.mark.parametrize("unfolds", [1, 2, 9])
@pytest.mark.parametrize("mapping", ["affine", "linear", None])
def test_equals_ncps_with_other_unfolds_and_mappings(unfolds, mapping):
    options = {"ode_unfolds": unfolds, "input_mapping": mapping, "output_mapping": mapping}
    for wiring in ("AutoNCP", "units"):
        theirs = peer(wiring, **options)
        ours = from_ncps(theirs)
        x, timespans = inputs(1, 5)
        state = start(1, ours.hidden_size)
        expected = theirs(x, state, timespans)
        torch.testing.assert_close(ours(x, state, timespans), expected, rtol=1e-12, atol=1e-12)
        assert ours.input_scale.requires_grad == (mapping is not None)
        assert ours.input_shift.requires_grad == (mapping == "affine")
        if mapping or wiring == "AutoNCP":
            assert ours.readout.weight.requires_grad == (mapping is not None)
            assert ours.readout.bias.requires_grad == (mapping == "affine")
        else:
            assert ours.output_size is None


@pytest.mark.parametrize("mapping", ["affine", "linear"])
def test_learns_as_ncps_does(mapping):
    """With one motor neuron, for which our read-out is ncps's."""
    theirs = ncps.torch.LTC(
        F,
        ncps.wirings.AutoNCP(H, 1),
        epsilon=0,
        input_mapping=mapping,
        output_mapping=mapping,
    ).double()
    ours = from_ncps(theirs)
    held = {"lr": 0.01, "weight_decay": 0.1, "eps": 1e-4}
    optimisers = [torch.optim.AdamW(m.parameters(), **held) for m in (ours, theirs)]
    x, timespans = inputs(1, 6)
    for _ in range(3):
        for model, optimiser in zip((ours, theirs), optimisers, strict=True):
            optimiser.zero_grad()
            output, _ = model(x, start(1, H), timespans)
            ((output - 0.3) ** 2).mean().backward()
        for name, mine in (("w", "weight"), ("mu", "midpoint"), ("erev", "reversal")):
            for of, synapses in (("", ours.synapses), ("sensory_", ours.sensory_synapses)):
                expected = getattr(theirs.rnn_cell, of + name).grad
                torch.testing.assert_close(getattr(synapses, mine).grad, expected)
        for optimiser in optimisers:
            optimiser.step()
        wanted = from_ncps(theirs).state_dict()
        torch.testing.assert_close(dict(ours.state_dict()), dict(wanted), rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("wiring", WIRINGS)
def test_the_wiring_is_taken_over(wiring):
    theirs = peer(wiring)
    ours, built = from_ncps(theirs).wiring, theirs.rnn_cell._wiring
    np.testing.assert_array_equal(ours.adjacency, built.adjacency_matrix)
    np.testing.assert_array_equal(ours.sensory, built.sensory_adjacency_matrix)
    assert ours.motor_neurons == built.output_dim and len(ours.layers) == built.num_layers


def test_a_wiring_that_grew_afterwards_is_not_the_model_s():
    wiring = ncps.wirings.AutoNCP(H, 3)
    theirs = ncps.torch.LTC(F, wiring)
    before = from_ncps(theirs).wiring
    ncps.torch.LTC(F, wiring)  # draws more synapses, ncps 1.0.1
    assert wiring.synapse_count > before.synapses
    np.testing.assert_array_equal(from_ncps(theirs).wiring.adjacency, before.adjacency)


@pytest.mark.parametrize("name", ["w", "sensory_w", "gleak", "cm"])
def test_explicit_constraints_that_do_not_hold_are_named(name):
    theirs = peer(implicit_param_constraints=False)
    cell = theirs.rnn_cell
    with torch.no_grad():
        getattr(cell, name)[:] = 0.0
    if name not in ("cm",):
        x, timespans = inputs(1, 5)
        expected, _ = theirs(x, start(1, H), timespans)
        torch.testing.assert_close(from_ncps(theirs)(x, start(1, H), timespans)[0], expected)
    with torch.no_grad():
        getattr(cell, name)[:] = -0.1
    with pytest.raises(ValueError, match="module must have no negative weight, leak or capac"):
        from_ncps(theirs)


def test_a_wiring_of_other_layers_is_refused():
    class Backwards(ncps.wirings.AutoNCP):
        def get_neurons_of_layer(self, layer):
            return super().get_neurons_of_layer(2 - layer)

    with pytest.raises(ValueError, match="module must have no layers but those of an NCP"):
        from_ncps(ncps.torch.LTC(F, Backwards(H, 3)))


# The equation -------------------------------------------------------------------------------------


def by_hand(model, x, v, time):
    """Return push and rate of each neuron, synapse by synapse; x (F,), v (H,)."""
    push, rate = np.zeros(H), np.zeros(H)
    x = (model.input_scale * x + model.input_shift).tolist()
    leak, capacitance = softplus(model.leak), softplus(model.capacitance)
    for j in range(H):
        total = leak[j].item()
        toward = total * model.leak_potential[j].item()
        for synapses, before, wired in (
            (model.sensory_synapses, x, model.wiring.sensory),
            (model.synapses, v.tolist(), model.wiring.adjacency),
        ):
            for i, potential in enumerate(before):
                if wired[i, j]:
                    g, mu = synapses.steepness[i, j].item(), synapses.midpoint[i, j].item()
                    w = softplus(synapses.weight[i, j]).item()
                    opened = w / (1 + math.exp(-g * (potential - mu)))
                    total += opened
                    toward += opened * synapses.reversal[i, j].item()
        push[j], rate[j] = toward / capacitance[j].item(), total / capacitance[j].item()
    return push * time, rate * time


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("wiring", [None, Wiring.auto_ncp(F, H, 2), Wiring.random(F, H)])
def test_the_equation_is_the_documented_one(solver, wiring):
    model = LTC(F, H, wiring=wiring, solver=solver, unfolds=1, seed=4).double()
    with torch.no_grad():
        model.input_scale.mul_(1.3)
        model.input_shift.add_(0.2)
    x, _ = inputs(1, 1)
    v = start(1, H)
    timespan = torch.tensor([[0.07]], dtype=torch.float64)

    def sums(v):
        push, rate = by_hand(model, x[0, 0], v[0], 0.07)
        return torch.tensor(push)[None], torch.tensor(rate)[None]

    expected = SOLVERS[solver](sums, v)
    torch.testing.assert_close(model(x, v, timespan)[1], expected, rtol=1e-10, atol=1e-12)
    _, rate = by_hand(model, x[0, 0], v[0], 1.0)
    torch.testing.assert_close(model.time_constants(x[:, 0], v)[0], torch.tensor(1 / rate))


@pytest.mark.parametrize("solver", SOLVERS)
def test_no_time_leaves_the_state_alone(solver):
    model = LTC(F, H, solver=solver).double()
    x, _ = inputs(4, 6)
    state = start(4, H)
    _, last = model(x, state, torch.zeros(4, 6, dtype=torch.float64))
    assert torch.equal(last, state)


def test_in_endless_time_a_neuron_reaches_what_it_is_pulled_to():
    """Of a neuron that hears inputs alone, this is where the equation comes to rest."""
    wiring = Wiring(np.ones((F, H)), np.zeros((H, H)))
    model = LTC(F, H, wiring=wiring).double()
    x, _ = inputs(4, 1)
    _, last = model(x, start(4, H), torch.full((4, 1), 1e12, dtype=torch.float64))
    for i in range(4):
        push, rate = by_hand(model, x[i, 0], start(4, H)[i], 1.0)
        torch.testing.assert_close(last[i], torch.tensor(push / rate))


@pytest.mark.parametrize(("solver", "order"), [("fused", 1), ("euler", 1), ("rk4", 4)])
def test_a_neuron_without_synapses_leaks_as_it_should(solver, order):
    wiring = Wiring(np.zeros((F, H)), np.zeros((H, H)))
    x, _ = inputs(2, 3)
    timespans = torch.tensor([[0.5, 0.0, 1.1], [0.2, 0.3, 0.4]], dtype=torch.float64)
    state = start(2, H)
    errors = []
    for unfolds in (40, 80):
        model = LTC(F, H, wiring=wiring, solver=solver, unfolds=unfolds).double()
        rate = softplus(model.leak) / softplus(model.capacitance)
        rest = model.leak_potential
        expected = rest + (state - rest) * torch.exp(-rate * timespans.sum(1, keepdim=True))
        errors.append((model(x, state, timespans)[1] - expected).abs().max().item())
    assert math.log2(errors[0] / errors[1]) == pytest.approx(order, abs=0.1)


# Bounds -------------------------------------------------------------------------------------------


@st.composite
def random_models(draw):
    """LTCs of any wiring and of weights far from the first ones."""
    seed = draw(st.integers(0, 2**31))
    kind = draw(st.sampled_from(["full", "random", "ncp"]))
    wiring = {
        "full": lambda: Wiring.fully_connected(F, H, seed=seed),
        "random": lambda: Wiring.random(F, H, sparsity=0.7, seed=seed),
        "ncp": lambda: Wiring.auto_ncp(F, H, 2, seed=seed),
    }[kind]()
    model = LTC(F, H, wiring=wiring, unfolds=draw(st.integers(1, 8)), seed=seed).double()
    scale = draw(st.floats(0, 5))
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for p in model.parameters():
            p += scale * torch.randn(p.shape, generator=generator, dtype=torch.float64)
    reach = draw(st.sampled_from([0.1, 1.0, 100.0]))
    x = reach * torch.randn(2, 4, F, generator=generator, dtype=torch.float64)
    timespans = reach * torch.rand(2, 4, generator=generator, dtype=torch.float64)
    state = 3 * torch.randn(2, H, generator=generator, dtype=torch.float64)
    return model, x, timespans, state


def reversals(model):
    """Return E of each neuron's synapses (N, H), NaN where there is none."""
    both = (model.sensory_synapses, model.synapses)
    values = torch.cat([s.reversal.detach().where(s.mask != 0, torch.nan) for s in both])
    return values.numpy()


@settings(deadline=None, max_examples=60)
@given(random_models())
def test_a_state_stays_between_its_reversal_potentials_leak_and_start(drawn):
    model, x, timespans, state = drawn
    hidden, _ = model(x, state, timespans)
    ends = np.concatenate([reversals(model), model.leak_potential.detach().numpy()[None]])
    low = torch.minimum(torch.tensor(np.nanmin(ends, 0)), state)[:, None]
    high = torch.maximum(torch.tensor(np.nanmax(ends, 0)), state)[:, None]
    slack = 1e-9 * (1 + high - low)
    assert (hidden >= low - slack).all() and (hidden <= high + slack).all()


@settings(deadline=None, max_examples=60)
@given(random_models())
def test_a_time_constant_stays_within_the_published_bounds(drawn):
    """Theorem 1: tau / (1 + tau W) <= tau_sys <= tau."""
    model, x, _, state = drawn
    found = model.time_constants(x[:, 0], state)
    capacitance = softplus(model.capacitance)
    tau = capacitance / softplus(model.leak)
    total = (
        model.sensory_synapses.weights().sum(0) + model.synapses.weights().sum(0)
    ) / capacitance
    assert (found <= tau * (1 + 1e-9)).all()
    assert (found >= tau / (1 + tau * total) * (1 - 1e-9)).all()


def test_explicit_steps_can_leave_the_bounds_and_explode():
    x, _ = inputs(1, 60)
    timespans = torch.full((1, 60), 9.0, dtype=torch.float64)
    largest = {}
    for solver in SOLVERS:
        model = LTC(F, H, solver=solver, unfolds=1).double()
        largest[solver] = model(x, timespans=timespans)[0].abs().max().item()
    assert largest["fused"] <= 1
    assert not largest["euler"] <= 1e3 and not largest["rk4"] <= 1e3  # NaN in the end


# Solvers ------------------------------------------------------------------------------------------


def growth(v):
    """The logistic equation, v' = v - v v; from v0 it is 1 / (1 + (1 / v0 - 1) exp(-t))."""
    return v, v


def decay_of_square(v):
    """v' = -v v; from v0 it is v0 / (1 + v0 t)."""
    return torch.zeros_like(v), v


EQUATIONS = {
    "growth": (growth, lambda v, t: 1 / (1 + (1 / v - 1) * math.exp(-t))),
    "decay of square": (decay_of_square, lambda v, t: v / (1 + v * t)),
}


@pytest.mark.parametrize("equation", EQUATIONS)
@pytest.mark.parametrize(("solver", "order"), [("fused", 1), ("euler", 1), ("rk4", 4)])
def test_a_solver_has_its_order(solver, order, equation):
    sums, solution = EQUATIONS[equation]
    begin = torch.tensor([[0.2], [0.9], [1.7]], dtype=torch.float64)
    errors = []
    for steps in (20, 40, 80):
        v = begin
        for _ in range(steps):
            v = SOLVERS[solver](lambda v, n=steps: tuple(part * 2 / n for part in sums(v)), v)
        errors.append((v - solution(begin, 2.0)).abs().max().item())
    if equation == "decay of square" and solver == "fused":
        assert max(errors) < 1e-12  # v / (1 + v t) is its very step
        return
    for coarse, fine in zip(errors, errors[1:], strict=False):
        assert math.log2(coarse / fine) == pytest.approx(order, abs=0.25)


def test_solvers_agree_in_small_steps():
    x, timespans = inputs(4, 2)
    exact = LTC(F, H, solver="rk4", unfolds=100, seed=1).double()
    expected, _ = exact(x, timespans=timespans / 4)
    for solver in ("fused", "euler"):
        model = LTC(F, H, solver=solver, unfolds=500, seed=1).double()
        given, _ = model(x, timespans=timespans / 4)
        torch.testing.assert_close(given, expected, rtol=0, atol=3e-3)


# Wiring, weights, counts --------------------------------------------------------------------------


def relabelled(model, order):
    """Return an LTC whose neuron i is neuron order[i] of another."""
    wiring = model.wiring
    wired = replace(
        wiring, sensory=wiring.sensory[:, order], adjacency=wiring.adjacency[np.ix_(order, order)]
    )
    other = LTC(F, H, model.output_size, wiring=wired).to(model.leak)
    state = model.state_dict()
    for name, tensor in state.items():
        if name.startswith("sensory_synapses."):
            state[name] = tensor[:, order]
        elif name.startswith("synapses."):
            state[name] = tensor[order][:, order]
        elif name in ("leak", "leak_potential", "capacitance"):
            state[name] = tensor[order]
        elif name == "readout.weight":
            state[name] = tensor[:, order[: wiring.motor_neurons]]
    other.load_state_dict(state)
    return other


@pytest.mark.parametrize(
    ("wiring", "order"),
    [
        (Wiring.auto_ncp(F, H, 2), [1, 0, 4, 2, 3, 9, 5, 8, 6, 7]),
        (Wiring.random(F, H), [3, 9, 0, 1, 7, 2, 8, 4, 6, 5]),
    ],
)
def test_relabelling_neurons_leaves_outputs_alone(wiring, order):
    model = LTC(F, H, 2, wiring=wiring).double()
    x, timespans = inputs(4, 7)
    output, last = model(x, start(4, H), timespans)
    given, given_last = relabelled(model, order)(x, start(4, H)[:, order], timespans)
    torch.testing.assert_close(given, output)
    torch.testing.assert_close(given_last, last[:, order])


def test_what_is_not_wired_neither_conducts_nor_learns():
    wiring = Wiring.auto_ncp(F, H, 2)
    model = LTC(F, H, 1, wiring=wiring).double()
    x, timespans = inputs(2, 5)
    output, _ = model(x, timespans=timespans)
    output.sum().backward()
    for name, mask in model.masks().items():
        parameter = model.get_parameter(name)
        assert (parameter.grad[mask == 0] == 0).all() and (parameter.grad[mask != 0] != 0).any()
        with torch.no_grad():
            parameter[mask == 0] = 7.0
    assert torch.equal(model(x, timespans=timespans)[0], output)


@pytest.mark.parametrize("wiring", [Wiring.auto_ncp(F, H, 2), Wiring.random(F, H)])
def test_one_solver_step_carries_a_signal_over_one_synapse(wiring):
    model = LTC(F, H, wiring=wiring, unfolds=1).double()
    x, timespans = inputs(1, 1)
    by_state = torch.autograd.functional.jacobian(lambda v: model(x, v, timespans)[1], start(1, H))
    by_input = torch.autograd.functional.jacobian(lambda x: model(x, start(1, H), timespans)[1], x)
    np.testing.assert_array_equal(
        by_state[0, :, 0].T != 0, (wiring.adjacency != 0) | np.eye(H, dtype=bool)
    )
    np.testing.assert_array_equal(by_input[0, :, 0, 0].T != 0, wiring.sensory != 0)


def test_masks_are_buffers_and_count():
    wiring = Wiring.auto_ncp(F, H, 2)
    model = LTC(F, H, 1, wiring=wiring)
    buffers = dict(model.named_buffers())
    assert buffers.keys() == {"sensory_synapses.mask", "synapses.mask"}
    synapses = wiring.sensory_synapses + wiring.synapses
    assert count_parameters(model) == 4 * synapses + 3 * H + 2 * F + 3
    np.testing.assert_array_equal(model.synapses.mask, wiring.adjacency != 0)


def test_first_weights_lie_in_the_published_ranges():
    model = LTC(4, 64, seed=9)
    ranges = {
        "weight": (softplus(model.synapses.weight), 0.001, 1.0),
        "sensory weight": (softplus(model.sensory_synapses.weight), 0.001, 1.0),
        "leak": (softplus(model.leak), 0.001, 1.0),
        "capacitance": (softplus(model.capacitance), 0.4, 0.6),
        "leak potential": (model.leak_potential, -0.2, 0.2),
        "steepness": (model.synapses.steepness, 3.0, 8.0),
        "midpoint": (model.synapses.midpoint, 0.3, 0.8),
    }
    for name, (numbers, low, high) in ranges.items():
        assert low - 1e-6 <= numbers.min() and numbers.max() <= high + 1e-6, name
        assert numbers.mean().item() == pytest.approx((low + high) / 2, abs=0.15 * (high - low)), (
            name
        )
    # ncps draws before the softplus: what its neurons compute with lies elsewhere
    theirs = ncps.torch.LTC(4, 64).rnn_cell
    assert softplus(theirs.w).min() > 0.69 and softplus(theirs.cm).min() > 0.91


def test_the_polarity_is_the_wiring_s_or_drawn_from_the_seed():
    wiring = Wiring.random(F, H)
    wired = LTC(F, H, wiring=wiring, seed=1)
    np.testing.assert_array_equal(wired.synapses.reversal.detach(), wiring.adjacency)
    np.testing.assert_array_equal(wired.sensory_synapses.reversal.detach(), wiring.sensory)
    initialise(wired, 2)
    np.testing.assert_array_equal(wired.synapses.reversal.detach(), wiring.adjacency)
    free = LTC(F, H, seed=1)
    drawn = Wiring.fully_connected(F, H, seed=1)
    np.testing.assert_array_equal(free.synapses.reversal.detach(), drawn.adjacency)
    initialise(free, 2)
    other = Wiring.fully_connected(F, H, seed=2).adjacency
    np.testing.assert_array_equal(free.synapses.reversal.detach(), other)
    np.testing.assert_array_equal(free.wiring.adjacency, other)
    assert (other != drawn.adjacency).any()


def test_the_read_out_reads_the_motor_neurons():
    model = LTC(F, H, 4, wiring=Wiring.auto_ncp(F, H, 2)).double()
    x, timespans = inputs(2, 3)
    output, _, recorded = model(x, timespans=timespans, record=("state",))
    torch.testing.assert_close(output, model.readout(recorded["state"][..., :2]))
