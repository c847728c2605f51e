"""Models on input with gaps: what the model reads, what is held, and what does not matter."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from liquidlib import GRU, LTC, CfC, Masked, NeuralODE, WiredCfC, Wiring, count_parameters, lower
from liquidlib import initialise as redraw

F, H, OUT = 2, 5, 3
INNER = {
    "cfc": lambda n: CfC(n, H, OUT, backbone_units=6, seed=1),
    "cfc, mixed memory": lambda n: CfC(n, H, OUT, backbone_units=6, mixed_memory=True, seed=1),
    "cfc, no read-out": lambda n: CfC(n, H, backbone_layers=0, seed=1),
    "cfc, wired": lambda n: WiredCfC(n, H, OUT, wiring=Wiring.random(n, H, 2), seed=1),
    "ltc": lambda n: LTC(n, H, OUT, seed=1),
    "ltc, wired": lambda n: LTC(n, H, OUT, wiring=Wiring.auto_ncp(n, H, 2), seed=1),
    "gru": lambda n: GRU(n, H, OUT, seed=1),
}
CASES = [(name, since) for name in INNER for since in (True, False)]
every = pytest.mark.parametrize(("name", "since"), CASES)


def build(name, since):
    return Masked(INNER[name]((3 if since else 2) * F), since=since).double()


def sequence(batch, steps, seed=0, seen=0.4):
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(batch, steps, F, generator=generator, dtype=torch.float64)
    timespans = 2 * torch.rand(batch, steps, generator=generator, dtype=torch.float64)
    mask = torch.rand(batch, steps, F, generator=generator, dtype=torch.float64) < seen
    return x, timespans, mask.double()


def filled(x, timespans, mask):
    """Return last values and times since, by hand: (B, T, F) each."""
    last, since = torch.zeros_like(x), torch.zeros_like(x)
    for b in range(x.shape[0]):
        for f in range(F):
            value, time = 0.0, 0.0
            for t in range(x.shape[1]):
                time += timespans[b, t].item()
                if mask[b, t, f]:
                    value, time = x[b, t, f].item(), 0.0
                last[b, t, f], since[b, t, f] = value, time
    return last, since


def close(actual, expected):
    torch.testing.assert_close(actual, expected, rtol=1e-10, atol=1e-12)


# What is read -------------------------------------------------------------------------------------


@every
def test_a_mask_of_ones_is_the_model_on_what_was_seen(name, since):
    model = build(name, since)
    x, timespans, _ = sequence(4, 6)
    parts = [x, torch.zeros_like(x), torch.ones_like(x)] if since else [x, torch.ones_like(x)]
    expected, _ = model.model(torch.cat(parts, dim=-1), timespans=timespans)
    for mask in (None, torch.ones_like(x)):
        assert torch.equal(model(x, timespans=timespans, mask=mask)[0], expected)


@every
def test_it_reads_last_values_times_since_and_mask_and_holds_the_read_out(name, since):
    model = build(name, since)
    x, timespans, mask = sequence(4, 9)
    last, times = filled(x, timespans, mask)
    parts = [last, times, mask] if since else [last, mask]
    inner, _ = model.model(torch.cat(parts, dim=-1), timespans=timespans)
    output, _, recorded = model(x, None, timespans, mask, record=("state",))
    nothing = model.model._output(torch.zeros(1, 1, H, dtype=torch.float64))[0, 0]
    gaps = before = 0
    for b in range(4):
        now = nothing
        for t in range(9):
            seen = bool(mask[b, t].any())
            now = inner[b, t] if seen else now
            close(output[b, t], now)
            gaps, before = gaps + (not seen), before + (now is nothing)
    assert gaps > 3 and before > 0
    hidden = model.model(torch.cat(parts, dim=-1), timespans=timespans, record=("state",))[2]
    assert torch.equal(recorded["state"], hidden["state"])  # the state itself goes on


@every
@settings(deadline=None, max_examples=10)
@given(seed=st.integers(0, 999), scale=st.sampled_from([1.0, 1e6]))
def test_what_was_not_seen_does_not_matter(name, since, seed, scale):
    model = build(name, since)
    x, timespans, mask = sequence(2, 5, seed)
    other = torch.where(mask != 0, x, scale * torch.randn_like(x))
    one, another = (model(given, None, timespans, mask) for given in (x, other))
    assert torch.equal(one[0], another[0])
    for first, second in zip(one[1], another[1], strict=True):
        assert torch.equal(first, second)


@every
def test_no_gradient_goes_to_what_was_not_seen(name, since):
    model = build(name, since)
    x, timespans, mask = sequence(2, 6)
    mask[:, -1] = 1  # something is seen in the end
    x.requires_grad_()
    model(x, None, timespans, mask)[0].sum().backward()
    assert (x.grad[mask == 0] == 0).all() and (x.grad[:, -1] != 0).all()


def test_the_times_since_matter_though_the_model_takes_no_timespans():
    x, timespans, mask = sequence(2, 6)
    for since in (True, False):
        model = build("gru", since)
        assert model.uses_timespans == since
        one, other = (model(x, None, time, mask)[0] for time in (timespans, 2 * timespans))
        assert torch.equal(one, other) != since


def test_without_times_since_the_cell_still_gets_the_elapsed_time():
    model = build("cfc", False)
    x, timespans, mask = sequence(2, 6)
    one, other = (model(x, None, time, mask)[0] for time in (timespans, 2 * timespans))
    assert model.uses_timespans and not torch.allclose(one, other)


# The convention -----------------------------------------------------------------------------------


@every
@pytest.mark.parametrize("cut", [1, 3, 6])
def test_chunks_and_steps_equal_one_run(name, since, cut):
    model = build(name, since)
    x, timespans, mask = sequence(3, 7)
    whole, last = model(x, None, timespans, mask)
    first, state = model(x[:, :cut], None, timespans[:, :cut], mask[:, :cut])
    second, state = model(x[:, cut:], state, timespans[:, cut:], mask[:, cut:])
    close(torch.cat([first, second], dim=1), whole)
    close(state, last)
    stepped, now = [], None
    for t in range(7):
        output, now = model.step(x[:, t], now, timespans[:, t], mask[:, t])
        stepped.append(output)
    close(torch.stack(stepped, dim=1), whole)
    close(now, last)


@every
@pytest.mark.parametrize("batch", [4, H])
def test_a_batch_equals_its_samples_one_by_one(name, since, batch):
    model = build(name, since)
    given = sequence(batch, 6)
    together, _ = model(given[0], None, *given[1:])
    for i in range(batch):
        x, timespans, mask = (part[i : i + 1] for part in given)
        close(model(x, None, timespans, mask)[0], together[i : i + 1])


@every
def test_the_output_is_causal(name, since):
    model = build(name, since)
    x, timespans, mask = sequence(2, 6)
    mask[:, 4] = 1
    later, hidden = x.clone(), mask.clone()
    later[:, 4:] += 1
    hidden[:, 5] = 1 - hidden[:, 5]
    before, after = model(x, None, timespans, mask)[0], model(later, None, timespans, hidden)[0]
    assert torch.equal(before[:, :4], after[:, :4])
    assert not torch.allclose(before[:, 4], after[:, 4])


@every
def test_gradients_against_finite_differences(name, since):
    model = build(name, since)
    x, timespans, mask = sequence(2, 4, seen=0.6)
    x.requires_grad_(), timespans.requires_grad_(model.uses_timespans)

    def run(x, timespans):
        output, state = model(x, None, timespans, mask)
        return output, *state

    assert torch.autograd.gradcheck(run, (x, timespans))


@every
def test_shapes_and_records(name, since):
    model = build(name, since)
    x, timespans, mask = sequence(3, 4)
    output, state, recorded = model(x, None, timespans, mask, record=model.records)
    assert output.shape == (3, 4, model.output_size or H)
    assert tuple(part.shape for part in state) == model.state_shapes(3)
    assert [part.shape for part in state[-3:]] == [(3, F), (3, F), (3, H)]
    assert model.records == model.model.records == tuple(recorded)
    assert model.label == f"{model.model.label}, masked"


@every
def test_weights_and_their_count_are_those_of_the_model(name, since):
    model, plain = build(name, since), INNER[name]((3 if since else 2) * F).double()
    assert count_parameters(model) == count_parameters(plain)
    redraw(model, 9), redraw(plain, 9)
    for (key, p), q in zip(model.named_parameters(), plain.parameters(), strict=True):
        assert torch.equal(p, q), key
    untouched = INNER[name]((3 if since else 2) * F).double()
    assert any(
        not torch.equal(p, q)
        for p, q in zip(plain.parameters(), untouched.parameters(), strict=True)
    )


@pytest.mark.parametrize("name", ["cfc", "ltc"])
def test_it_lowers_and_the_tape_loops(name):
    inner = {"cfc": CfC, "ltc": LTC}[name](3, 4, 1)
    assert lower(Masked(inner), 5).loops


# Errors -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: Masked(CfC(4, H)), ValueError, "model must have input_size 3F, .* got 4"),
        (lambda: Masked(CfC(3, H), since=False), ValueError, "must have input_size 2F, .* got 3"),
        (lambda: Masked(CfC), TypeError, "model must be a SequenceModel, got type"),
        (lambda: Masked(torch.nn.GRU(3, 4)), TypeError, "model must be a SequenceModel, got GRU"),
        (lambda: Masked(CfC(3, H, mask_input=True)), ValueError, "model must not take a mask its"),
        (lambda: Masked(Masked(CfC(9, H))), ValueError, "model must not take a mask itself"),
    ],
)
def test_what_does_not_fit_is_named(call, error, message):
    with pytest.raises(error, match=message):
        call()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"mask": torch.full((2, 4, F), 0.5)}, "mask must hold only 0"),
        ({"mask": torch.ones(2, 4)}, r"mask must have shape \(B, T, F\) = \(2, 4, 2\)"),
        ({"x": torch.full((2, 4, F), torch.nan)}, "x must be finite"),
        ({"x": torch.zeros(2, 4, 3 * F)}, r"x must have shape \(B, T, F\) = \(any, any, 2\)"),
        ({"state": torch.zeros(2, H)}, "state must hold 4 tensors, got 1"),
    ],
)
def test_bad_input_is_named(change, message):
    model = Masked(CfC(3 * F, H, 1))
    with pytest.raises(ValueError, match=message):
        model(**({"x": torch.zeros(2, 4, F)} | change))


def test_a_model_with_adaptive_steps_stays_one():
    assert Masked(NeuralODE(3, H)).adaptive and not Masked(NeuralODE(3, H, solver="rk4")).adaptive
