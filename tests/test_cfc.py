"""The CfC: its formula, its limits, and its equality with the ncps package."""

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
        (torch.nn.Linear(1, 1), TypeError, "must be an ncps.torch.CfC, got Linear"),
        (ncps.torch.CfC(3, ncps.wirings.AutoNCP(8, 2)), ValueError, "no wiring"),
        (ncps.torch.CfC(3, 8, mixed_memory=True), ValueError, "no mixed memory"),
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
