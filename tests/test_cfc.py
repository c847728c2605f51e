"""The CfC: its formula, its limits, and its equality with the ncps package."""

import copy

import ncps.torch
import ncps.wirings
import pytest
import torch

from liquidlib import CfC, from_ncps

MODES = ["default", "no_gate", "pure"]
DTYPES = [(torch.float32, 1e-5), (torch.float64, 1e-10)]


def peer(mode, dtype=torch.float64, seed=0, **options):
    """Return an ncps CfC; what ncps overwrites in mode pure gets random values of its own."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return ncps.torch.CfC(3, 8, mode=mode, **options).to(dtype)


def inputs(batch, steps, dtype=torch.float64):
    generator = torch.Generator().manual_seed(5)
    x = torch.randn(batch, steps, 3, generator=generator, dtype=torch.float64)
    timespans = 2 * torch.rand(batch, steps, generator=generator, dtype=torch.float64)
    return x.to(dtype), timespans.to(dtype)


@pytest.mark.parametrize(("dtype", "tolerance"), DTYPES)
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"proj_size": 2},
        {"backbone_layers": 0},
        {"backbone_layers": 3, "backbone_units": 16, "activation": "gelu"},
        {"activation": "tanh"},
        {"activation": "relu"},
        {"activation": "silu", "proj_size": 1},
    ],
    ids=str,
)
def test_equals_ncps_at_batch_one_with_unequal_elapsed_times(mode, options, dtype, tolerance):
    theirs = peer(mode, dtype, **options)
    ours = from_ncps(theirs)
    x, timespans = inputs(1, 11, dtype)
    state = torch.full((1, 8), 0.3, dtype=dtype)
    expected, expected_state = theirs(x, state, timespans)
    output, last = ours(x, state, timespans)
    torch.testing.assert_close(output, expected, rtol=tolerance, atol=tolerance)
    torch.testing.assert_close(last, expected_state, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("batch", [4, 8])
def test_a_batch_equals_ncps_sample_by_sample(mode, batch):
    theirs = peer(mode)
    ours = from_ncps(theirs)
    x, timespans = inputs(batch, 6)
    output, _ = ours(x, timespans=timespans)
    state = torch.zeros(1, 8, dtype=torch.float64)
    for i in range(batch):
        expected, _ = theirs(x[i : i + 1], state, timespans[i : i + 1])
        torch.testing.assert_close(output[i : i + 1], expected, rtol=1e-10, atol=1e-10)


def test_gradients_equal_those_of_ncps():
    theirs = peer("default", proj_size=1)
    ours = from_ncps(theirs)
    x, timespans = inputs(1, 6)
    ours(x, timespans=timespans)[0].sum().backward()
    theirs(x, torch.zeros(1, 8, dtype=torch.float64), timespans)[0].sum().backward()
    cell = theirs.rnn_cell
    stacked = [head.weight.grad for head in (cell.ff1, cell.ff2, cell.time_a, cell.time_b)]
    torch.testing.assert_close(ours.heads.weight.grad, torch.cat(stacked))
    torch.testing.assert_close(ours.backbone[0].weight.grad, cell.backbone[0].weight.grad)


@pytest.mark.parametrize(
    ("module", "error", "message"),
    [
        (
            torch.nn.Linear(1, 1),
            TypeError,
            "must be an ncps.torch.CfC or ncps.torch.LTC, got Linear",
        ),
        (
            ncps.torch.CfC(3, ncps.wirings.AutoNCP(8, 2), mixed_memory=True),
            ValueError,
            "no mixed memory beside a wiring",
        ),
        (ncps.torch.LTC(3, 4, mixed_memory=True), ValueError, "no mixed memory"),
        (
            ncps.torch.CfC(3, 8, backbone_layers=2, backbone_dropout=0.5),
            ValueError,
            "no backbone dropout",
        ),
    ],
)
def test_what_cannot_be_taken_over_is_refused(module, error, message):
    with pytest.raises(error, match=message):
        from_ncps(module)


def heads(model, x, h):
    z = torch.cat([x, h], dim=-1)
    for layer in model.backbone:
        z = 1.7159 * torch.tanh(0.666 * layer(z))
    return model.heads(z).chunk(4, dim=-1)


def test_the_state_goes_from_one_target_to_the_other():
    model = CfC(3, 8).double()
    x, _ = inputs(4, 1)
    h = torch.zeros(4, 8, dtype=torch.float64)
    g1, g2, a, b = heads(model, x[:, 0], h)

    def state_after(dt):
        return model(x, h, torch.full((4, 1), dt, dtype=torch.float64))[1]

    at_once = torch.tanh(g1) * torch.sigmoid(-b) + torch.tanh(g2) * torch.sigmoid(b)
    torch.testing.assert_close(state_after(0.0), at_once)
    at_last = torch.where(a > 0, torch.tanh(g2), torch.tanh(g1))
    torch.testing.assert_close(state_after(1e9), at_last)


def test_pure_starts_at_a_minus_a_g_and_ends_at_a():
    model = CfC(3, 8, mode="pure").double()
    with torch.no_grad():
        model.A.uniform_(-1, 1, generator=torch.Generator().manual_seed(0))
    x, _ = inputs(4, 1)
    h = torch.zeros(4, 8, dtype=torch.float64)
    g = model.heads(1.7159 * torch.tanh(0.666 * model.backbone[0](torch.cat([x[:, 0], h], -1))))
    for dt, expected in [(0.0, model.A - model.A * g), (1e9, model.A.expand(4, 8))]:
        timespans = torch.full((4, 1), dt, dtype=torch.float64)
        torch.testing.assert_close(model(x, h, timespans)[1], expected)


def test_the_default_state_lies_between_its_targets():
    model = CfC(3, 8).double()
    x, timespans = inputs(6, 20)
    _, _, recorded = model(10 * x, timespans=50 * timespans, record=("state", "gate"))
    assert recorded["state"].abs().max() <= 1
    assert 0 <= recorded["gate"].min() and recorded["gate"].max() <= 1


def test_equal_elapsed_times_fold_into_the_offset():
    """With one elapsed time throughout, the time head is not used as one."""
    model, folded = CfC(3, 8, 1).double(), CfC(3, 8, 1).double()
    x, _ = inputs(2, 9)
    timespans = torch.full((2, 9), 0.7, dtype=torch.float64)
    a, b = slice(16, 24), slice(24, 32)
    with torch.no_grad():
        for part in (folded.heads.weight, folded.heads.bias):
            part[b] += 0.7 * part[a]
            part[a] = 0
    torch.testing.assert_close(
        model(x, timespans=timespans)[0], folded(x, timespans=timespans)[0], rtol=0, atol=1e-12
    )
    unequal = timespans * torch.linspace(0, 2, 9, dtype=torch.float64)
    assert not torch.allclose(model(x, timespans=unequal)[0], folded(x, timespans=unequal)[0])


def test_pure_has_no_gate_to_record():
    with pytest.raises(ValueError, match="record must be one of 'state', got 'gate'"):
        CfC(3, 8, mode="pure")(torch.zeros(1, 1, 3), record=("gate",))


# Mixed memory -------------------------------------------------------------------------------------

OF_NCPS = pytest.mark.parametrize(
    "options", [{}, {"proj_size": 2}, {"backbone_layers": 0}, {"backbone_layers": 2}], ids=str
)


def start(batch, dtype=torch.float64):
    generator = torch.Generator().manual_seed(6)
    return tuple(torch.rand(2, batch, 8, generator=generator, dtype=torch.float64).to(dtype))


def by_ncps(theirs, x, timespans, state):
    """Return what an ncps model gives for a batch: it takes timespans right as (B, T, H) alone."""
    return theirs(x, state, timespans[:, :, None].expand(-1, -1, 8))


def by_our_names(theirs, numbers):
    """Return numbers, one tensor a parameter of an ncps model, under the names of ours."""
    holder = copy.deepcopy(theirs)
    with torch.no_grad():
        for parameter, tensor in zip(holder.parameters(), numbers, strict=True):
            parameter.copy_(tensor)
    return dict(from_ncps(holder).named_parameters())


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-6), (torch.float64, 1e-12)])
@pytest.mark.parametrize("batch", [1, 4, 8])
@pytest.mark.parametrize("mode", MODES)
@OF_NCPS
def test_mixed_memory_equals_ncps(mode, options, batch, dtype, tolerance):
    theirs = peer(mode, dtype, mixed_memory=True, **options)
    x, timespans = inputs(batch, 11, dtype)
    state = start(batch, dtype)
    given = from_ncps(theirs)(x, state, timespans)
    expected = by_ncps(theirs, x, timespans, state)
    torch.testing.assert_close(given, expected, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("mode", MODES)
@OF_NCPS
def test_mixed_memory_learns_as_ncps_does(mode, options):
    theirs = peer(mode, mixed_memory=True, **options)
    ours = from_ncps(theirs)
    settings = {"lr": 0.01, "weight_decay": 0.1, "eps": 1e-4}
    optimisers = [torch.optim.AdamW(m.parameters(), **settings) for m in (ours, theirs)]
    x, timespans = inputs(4, 6)
    for _ in range(3):
        leaves = [[t.clone().requires_grad_() for t in (x, timespans, *start(4))] for _ in "ab"]
        (a, dt, *state), (their_a, their_dt, *their_state) = leaves
        runs = ours(a, tuple(state), dt), by_ncps(theirs, their_a, their_dt, tuple(their_state))
        for (output, last), optimiser in zip(runs, optimisers, strict=True):
            optimiser.zero_grad()
            ((output - 0.3) ** 2).mean().add(last[1].sum()).backward()
        for leaf, their_leaf in zip(*leaves, strict=True):
            torch.testing.assert_close(leaf.grad, their_leaf.grad, rtol=1e-10, atol=1e-12)
        wanted = by_our_names(theirs, [p.grad for p in theirs.parameters()])
        for name, p in ours.named_parameters():
            torch.testing.assert_close(p.grad, wanted[name].detach(), rtol=1e-10, atol=1e-12)
        for optimiser in optimisers:
            optimiser.step()
        wanted = from_ncps(theirs).state_dict()
        torch.testing.assert_close(dict(ours.state_dict()), dict(wanted), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("mode", MODES)
def test_gradients_by_the_weights_with_mixed_memory(mode):
    model = CfC(1, 2, 1, mode=mode, backbone_units=3, mixed_memory=True).double()
    with torch.no_grad():
        for p in model.parameters():
            p += 0.1  # |w_tau| has a corner at 0
    names, weights = zip(*model.named_parameters(), strict=True)
    x, timespans = (t[:, :, :1] if t.dim() == 3 else t for t in inputs(2, 3))

    def run(*weights):
        named = dict(zip(names, weights, strict=True))
        output, (_, c) = torch.func.functional_call(model, named, (x, None, timespans))
        return output, c

    assert torch.autograd.gradcheck(run, weights)


def test_the_memory_s_gates_are_the_documented_ones():
    model = CfC(3, 8, mixed_memory=True).double()
    x, timespans = inputs(4, 1)
    h, c = start(4)
    parts = torch.cat([x[:, 0], h], -1) @ model.memory.weight.T + model.memory.bias
    i, f, u, o = parts.split(8, dim=-1)
    new = torch.sigmoid(f + 1) * c + torch.sigmoid(i) * torch.tanh(u)
    expected, _ = model.update(x[:, 0], torch.sigmoid(o) * torch.tanh(new), timespans)
    torch.testing.assert_close(model(x, (h, c), timespans)[1], (expected, new))


@pytest.mark.parametrize(("forget", "steps"), [(0.0, 7), (-1.0, 7), (40.0, 300)])
def test_an_lstm_without_weights_only_forgets(forget, steps):
    """The 1 of the forget gate is not a weight: without any, a step keeps a share of s(1)."""
    model = CfC(3, 8, mixed_memory=True).double()
    with torch.no_grad():
        model.memory.weight.zero_()
        model.memory.bias.zero_()
        model.memory.bias[8:16] = forget
    x, timespans = inputs(4, steps)
    h, c = start(4)
    _, (_, last) = model(x, (h, c), timespans)
    share = torch.tensor(forget + 1, dtype=torch.float64).sigmoid()
    torch.testing.assert_close(last, share**steps * c, rtol=1e-10, atol=0)


def test_with_its_output_gate_shut_every_step_starts_from_zero():
    model = CfC(3, 8, mixed_memory=True).double()
    with torch.no_grad():
        model.memory.bias[24:] = -1e4
    x, timespans = inputs(4, 6)
    _, _, recorded = model(x, start(4), timespans, record=("state",))
    zeros = torch.zeros(4, 8, dtype=torch.float64)
    for t in range(6):
        expected, _ = model.update(x[:, t], zeros, timespans[:, t : t + 1])
        torch.testing.assert_close(recorded["state"][:, t], expected)


@pytest.mark.parametrize("dt", [0.0, 0.5, 1e9])
def test_the_elapsed_time_of_a_step_reaches_the_state_and_not_the_memory(dt):
    model = CfC(3, 8, mixed_memory=True).double()
    x, timespans = inputs(4, 1)
    before = start(4)
    h, c = model.remember(x[:, 0], *before)
    timespans = torch.full_like(timespans, dt)
    g1, g2, a, b = heads(model, x[:, 0], h)
    s = torch.sigmoid(a * dt + b)
    expected = (1 - s) * torch.tanh(g1) + s * torch.tanh(g2), c
    torch.testing.assert_close(model(x, before, timespans)[1], expected)


@pytest.mark.parametrize("mode", MODES)
def test_a_mask_is_more_input_for_the_memory_too(mode):
    masked = CfC(3, 8, 1, mode=mode, mask_input=True, mixed_memory=True, seed=2).double()
    plain = CfC(6, 8, 1, mode=mode, mixed_memory=True, seed=2).double()
    x, timespans = inputs(4, 6)
    mask = (x > 0).double()
    given = masked(x, start(4), timespans, mask)
    torch.testing.assert_close(given, plain(torch.cat([x, mask], -1), start(4), timespans))
    assert not torch.equal(given[1][1], masked(x, start(4), timespans)[1][1])


def test_mixed_memory_adds_to_a_cfc_and_changes_nothing_else():
    plain, mixed = CfC(3, 8, 1, seed=4), CfC(3, 8, 1, mixed_memory=True, seed=4)
    added = mixed.state_dict().keys() - plain.state_dict().keys()
    assert added == {"memory.weight", "memory.bias"}
    for name, p in plain.named_parameters():
        assert torch.equal(p, mixed.get_parameter(name))
    bound = 8**-0.5
    for p in mixed.memory.parameters():
        assert 0.8 * bound < p.abs().max() <= bound
    assert (plain.label, mixed.label, CfC.label) == ("CfC", "CfC, mixed memory", "CfC")


@pytest.mark.parametrize(
    ("state", "message"),
    [
        (torch.zeros(2, 8), "state must hold 2 tensors, got 1"),
        ((torch.zeros(2, 8),) * 3, "state must hold 2 tensors, got 3"),
        ((torch.zeros(2, 8), torch.zeros(1, 8)), r"shape \(2, 8\) for this batch, got \(1, 8\)"),
        ((torch.zeros(2, 8), None), r"shape \(2, 8\) for this batch, got NoneType"),
    ],
)
def test_a_state_without_its_memory_is_named(state, message):
    with pytest.raises(ValueError, match=message):
        CfC(3, 8, mixed_memory=True)(torch.zeros(2, 1, 3), state)
