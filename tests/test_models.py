"""The calling convention, which holds for every model in the table."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from liquidlib import Wiring, count_parameters, initialise, make, models

F, H, OUT = 3, 5, 2
NCP, SPARSE = Wiring.auto_ncp(F, H, 2), Wiring.random(F, H, 1, sparsity=0.6)
OPTIONS = [
    ("cfc", {}),
    ("cfc", {"mode": "no_gate", "backbone_layers": 0}),
    ("cfc", {"mode": "pure", "backbone_layers": 2, "activation": "silu"}),
    ("cfc", {"mask_input": True, "activation": "tanh"}),
    ("cfc", {"mixed_memory": True}),
    ("cfc", {"mixed_memory": True, "mode": "no_gate", "mask_input": True}),
    ("cfc", {"mixed_memory": True, "mode": "pure", "backbone_layers": 0}),
    ("wired_cfc", {"wiring": NCP}),
    ("wired_cfc", {"wiring": SPARSE, "mode": "no_gate"}),
    ("wired_cfc", {"wiring": NCP, "mode": "pure", "like_ncps": True}),
    ("ltc", {}),
    ("ltc", {"wiring": NCP}),
    ("ltc", {"wiring": SPARSE, "solver": "euler", "unfolds": 10}),
    ("ltc", {"wiring": SPARSE, "solver": "rk4", "unfolds": 8}),
    ("ctrnn", {}),
    ("ctrnn", {"solver": "euler", "unfolds": 10}),
    ("ctrnn", {"solver": "rk4", "unfolds": 3}),
    ("neural_ode", {"units": 6, "rtol": 1e-9, "atol": 1e-9}),
    ("neural_ode", {"units": 6, "solver": "rk4", "unfolds": 2}),
    ("neural_ode", {"units": 6, "solver": "euler", "unfolds": 3}),
    ("lstm", {"layers": 2}),
    ("lstm", {"forget_bias": 1.0}),
    ("gru", {}),
    ("gru", {"layers": 2}),
    ("rnn", {}),
    ("rnn", {"layers": 3}),
    ("linear", {"window": 4}),
]
every = pytest.mark.parametrize(("name", "options"), OPTIONS)


def build(name, options, output_size=OUT):
    return make(name, F, H, output_size, **options).double()


def sequence(batch, steps, seed=0):
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(batch, steps, F, generator=generator, dtype=torch.float64)
    timespans = 3 * torch.rand(batch, steps, generator=generator, dtype=torch.float64)
    return x, timespans


def test_every_model_in_the_table_is_tested():
    assert {row.name for row in models()} == {name for name, _ in OPTIONS}


@every
@pytest.mark.parametrize("output_size", [None, 1, 4])
def test_shapes(name, options, output_size):
    model = build(name, options, output_size)
    for batch, steps in [(1, 1), (2, 7), (H, 3)]:
        x, timespans = sequence(batch, steps)
        output, state, recorded = model(x, timespans=timespans, record=model.records)
        assert output.shape == (batch, steps, output_size or H)
        assert recorded.keys() == set(model.records)
        if name != "linear":
            assert all(part.shape == (batch, steps, H) for part in recorded.values())
        again, _ = model.step(x[:, 0], state, timespans[:, 0])
        assert again.shape == (batch, output_size or H)


@every
@pytest.mark.parametrize("batch", [4, H])
def test_a_batch_equals_its_samples_one_by_one(name, options, batch):
    model = build(name, options)
    x, timespans = sequence(batch, 6)
    together, _ = model(x, timespans=timespans)
    alone = torch.cat([model(x[i : i + 1], None, timespans[i : i + 1])[0] for i in range(batch)])
    # An adaptive solver takes the steps that the most demanding sample of the batch needs.
    near = {"rtol": 0, "atol": 1e-7} if model.adaptive else {"rtol": 1e-10, "atol": 1e-12}
    torch.testing.assert_close(together, alone, **near)


@every
@settings(deadline=None, max_examples=15)
@given(steps=st.integers(1, 9), cut=st.integers(0, 8), batch=st.integers(1, 3))
def test_chunks_and_steps_equal_one_run(name, options, steps, cut, batch):
    model = build(name, options)
    x, timespans = sequence(batch, steps)
    whole, last = model(x, timespans=timespans)
    cut = min(max(cut, 1), steps)
    first, state = model(x[:, :cut], timespans=timespans[:, :cut])
    if cut < steps:
        second, state = model(x[:, cut:], state, timespans[:, cut:])
        first = torch.cat([first, second], dim=1)
    torch.testing.assert_close(first, whole, rtol=1e-10, atol=1e-12)
    stepped, now = [], None
    for t in range(steps):
        output, now = model.step(x[:, t], now, timespans[:, t])
        stepped.append(output)
    torch.testing.assert_close(torch.stack(stepped, dim=1), whole, rtol=1e-10, atol=1e-12)
    for end in (state, now):
        torch.testing.assert_close(end, last, rtol=1e-10, atol=1e-12)


@every
def test_the_output_is_causal(name, options):
    model = build(name, options)
    x, timespans = sequence(2, 6)
    later = x.clone()
    later[:, 4:] += 1
    before, after = model(x, timespans=timespans)[0], model(later, timespans=timespans)[0]
    assert torch.equal(before[:, :4], after[:, :4])
    assert not torch.allclose(before[:, 4:], after[:, 4:])


@every
def test_the_table_tells_the_truth_about_timespans(name, options):
    model = build(name, options)
    x, timespans = sequence(2, 6)
    same = torch.equal(model(x, timespans=timespans)[0], model(x, timespans=2 * timespans)[0])
    assert same != model.uses_timespans


@every
def test_a_recurrent_model_remembers_what_a_window_has_lost(name, options):
    model = build(name, options)
    x, _ = sequence(2, 6)
    other = x.clone()
    other[:, 0] += 1
    same = torch.equal(model(x)[0][:, -1], model(other)[0][:, -1])
    assert same != model.recurrent


@every
def test_no_timespans_are_ones_and_no_mask_is_ones(name, options):
    model = build(name, options)
    x, timespans = sequence(2, 6)
    plain, _ = model(x)
    given_ones, _ = model(x, None, torch.ones_like(timespans), torch.ones_like(x))
    assert torch.equal(plain, given_ones)


@every
def test_a_mask_is_used_or_refused(name, options):
    model = build(name, options)
    x, _ = sequence(2, 6)
    mask = torch.ones_like(x)
    mask[0, 2, 1] = 0
    if options.get("mask_input"):
        assert not torch.equal(model(x, mask=mask)[0], model(x)[0])
    else:
        with pytest.raises(ValueError, match="mask must be None or all ones"):
            model(x, mask=mask)


@every
def test_gradients_against_finite_differences(name, options):
    model = build(name, options)
    x, timespans = sequence(2, 3)
    x.requires_grad_()
    timespans.requires_grad_(model.uses_timespans)
    assert torch.autograd.gradcheck(lambda a, b: model(a, timespans=b)[0], (x, timespans))


@every
def test_weights_come_from_the_seed_alone(name, options):
    torch.manual_seed(1)
    before = torch.random.get_rng_state()
    first, second = (make(name, F, H, OUT, seed=7, **options) for _ in range(2))
    assert torch.equal(torch.random.get_rng_state(), before)
    other = make(name, F, H, OUT, seed=8, **options)
    for (key, p), q in zip(first.named_parameters(), second.parameters(), strict=True):
        assert torch.equal(p, q), key
    assert any(
        not torch.equal(p, q) for p, q in zip(first.parameters(), other.parameters(), strict=True)
    )
    with torch.no_grad():
        for p in second.parameters():
            p.fill_(float("nan"))
    initialise(second, 7)
    for p, q in zip(first.parameters(), second.parameters(), strict=True):
        assert torch.equal(p, q)


def ltc_parameters(wiring):
    synapses = np.count_nonzero(wiring.sensory) + np.count_nonzero(wiring.adjacency)
    return 4 * synapses + 3 * H + 2 * F + (wiring.motor_neurons + 1) * OUT


def wired_cfc_parameters(options):
    wiring, heads = options.get("wiring", NCP), 1 if options.get("mode") == "pure" else 4
    sees = np.count_nonzero(wiring.sensory) + np.count_nonzero(wiring.adjacency + 2 * np.eye(H))
    if options.get("like_ncps"):
        between = [wiring.adjacency[np.ix_(a, b)] for a, b in pairwise(wiring.layers)]
        own = sum(len(layer) ** 2 for layer in wiring.layers)
        sees = sum(map(np.count_nonzero, [wiring.sensory, *between])) + own
    tau_and_a = 2 * H if heads == 1 else 0
    return heads * (sees + H) + tau_and_a + (wiring.motor_neurons + 1) * OUT


@every
def test_parameter_counts(name, options):
    layers, units = options.get("backbone_layers", 1), 128
    width = F * (2 if options.get("mask_input") else 1) + H
    sizes = [width] + [units] * layers
    heads = 1 if options.get("mode") == "pure" else 4
    expected = {
        "cfc": sum((n + 1) * m for n, m in zip(sizes, sizes[1:], strict=False))
        + (sizes[-1] + 1) * heads * H
        + (2 * H if heads == 1 else 0)
        + (4 * H * (width + 1) if options.get("mixed_memory") else 0)
        + (H + 1) * OUT,
        "wired_cfc": wired_cfc_parameters(options),
        "ltc": ltc_parameters(options.get("wiring", Wiring.fully_connected(F, H))),
        "ctrnn": H * (F + H + 2) + (H + 1) * OUT,
        "neural_ode": (F + H + 1) * 6 + (6 + 1) * H + (H + 1) * OUT,
        "linear": (options.get("window", 82) * F + 1) * OUT,
    }
    inputs = [F] + [H] * (options.get("layers", 1) - 1)  # of each of PyTorch's layers
    for torch_s, blocks in [("lstm", 4), ("gru", 3), ("rnn", 1)]:
        expected[torch_s] = sum(blocks * H * (n + H + 2) for n in inputs) + (H + 1) * OUT
    assert count_parameters(make(name, F, H, OUT, **options)) == expected[name]


NAN = torch.full((2, 4, F), float("nan"), dtype=torch.float64)


@every
@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        ({"x": torch.zeros(2, 4)}, ValueError, r"x must have shape \(B, T, F\) = \(any, any, 3\)"),
        ({"x": torch.zeros(2, 0, F)}, ValueError, "x must have shape"),
        ({"x": torch.zeros(2, 4, F + 1)}, ValueError, r"got \(2, 4, 4\)"),
        ({"x": torch.zeros(2, 4, F, dtype=int)}, TypeError, "x must be a floating-point tensor"),
        ({"x": [[[0.0] * F]]}, TypeError, "x must be a floating-point tensor, got list"),
        ({"x": NAN}, ValueError, "x must be finite"),
        ({"timespans": torch.zeros(4)}, ValueError, r"timespans must have shape \(B, T\) = \(2, 4"),
        ({"timespans": -torch.ones(2, 4)}, ValueError, "timespans must not be negative, got -1"),
        ({"timespans": NAN[:, :, 0]}, ValueError, "timespans must be finite"),
        ({"mask": torch.ones(2, 4)}, ValueError, r"mask must have shape \(B, T, F\) = \(2, 4, 3"),
        ({"mask": torch.full((2, 4, F), 0.5)}, ValueError, "mask must hold only 0"),
        ({"state": torch.zeros(9, 9)}, ValueError, "state must"),
        ({"state": "zeros"}, ValueError, "state must"),
        ({"record": ("cell",)}, ValueError, "record must be one of 'state'"),
        ({"record": "state"}, TypeError, "record must be a tuple"),
    ],
)
def test_bad_input_is_named(name, options, call, error, message):
    model = build(name, options)
    with pytest.raises(error, match=message):
        model(**({"x": torch.zeros(2, 4, F, dtype=torch.float64)} | call))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            {"name": "rnn9"},
            "name must be one of 'cfc', 'wired_cfc', 'ltc', 'ctrnn', 'neural_ode', 'lstm', 'gru', "
            "'rnn', 'linear', got",
        ),
        ({"input_size": 0}, "input_size must be a whole number of at least 1, got 0"),
        ({"hidden_size": 2.5}, "hidden_size must be a whole number"),
        ({"output_size": 0}, "output_size must be"),
        ({"mode": "fast"}, "mode must be one of 'default', 'no_gate', 'pure'"),
        ({"activation": "selu"}, "activation must be one of"),
        ({"backbone_layers": -1}, "backbone_layers must be"),
        ({"seed": -1}, "seed must be"),
        ({"name": "wired_cfc", "mode": "fast"}, "mode must be one of"),
        ({"name": "wired_cfc", "hidden_size": 3}, "hidden_size must be at least 4, 3 more"),
        (
            {"name": "wired_cfc", "wiring": SPARSE, "input_size": 2},
            "wiring must have input_size = 2",
        ),
        ({"name": "ltc", "wiring": NCP, "hidden_size": 4}, "hidden_size = 4 others, got 3 and 5"),
        ({"name": "ltc", "solver": "dopri5"}, "solver must be one of 'fused', 'euler', 'rk4', got"),
        ({"name": "ltc", "unfolds": 0}, "unfolds must be a whole number of at least 1, got 0"),
        ({"name": "ltc", "seed": -1}, "seed must be"),
        ({"name": "ctrnn", "solver": "dopri5"}, "solver must be one of 'fused', 'euler', 'rk4', g"),
        ({"name": "ctrnn", "unfolds": 1.5}, "unfolds must be a whole number of at least 1, got"),
        ({"name": "neural_ode", "solver": "fused"}, "solver must be one of 'dopri5', 'rk4', 'eul"),
        ({"name": "neural_ode", "rtol": 0}, r"rtol must be a finite number in \(0, inf\), got 0"),
        ({"name": "neural_ode", "atol": -1e-3}, r"atol must be a finite number in \(0, inf\), go"),
        ({"name": "neural_ode", "units": 0}, "units must be a whole number of at least 1, got 0"),
        ({"name": "neural_ode", "unfolds": 0}, "unfolds must be a whole number of at least 1"),
        ({"name": "lstm", "layers": 0}, "layers must be"),
        ({"name": "gru", "layers": 1.5}, "layers must be"),
        ({"name": "rnn", "layers": True}, "layers must be"),
        ({"name": "lstm", "forget_bias": float("nan")}, "forget_bias must be a finite number"),
        ({"name": "linear", "window": 0}, "window must be"),
    ],
)
def test_bad_settings_are_named(call, message):
    with pytest.raises(ValueError, match=message):
        make(**({"name": "cfc", "input_size": F, "hidden_size": H} | call))


@pytest.mark.parametrize("name", ["ltc", "wired_cfc"])
def test_a_wiring_is_a_wiring(name):
    with pytest.raises(TypeError, match=r"wiring must be a liquidlib\.Wiring, got int"):
        make(name, F, H, wiring=19)


@pytest.mark.parametrize("layers", [1, 3])
@pytest.mark.parametrize(
    ("name", "layer_type"),
    [("lstm", torch.nn.LSTM), ("gru", torch.nn.GRU), ("rnn", torch.nn.RNN)],
)
def test_pytorch_s_layers_with_the_same_weights_give_the_same(name, layer_type, layers):
    model = build(name, {"layers": layers})
    oracle = layer_type(F, H, layers).double()  # reads (T, B, F)
    oracle.load_state_dict(getattr(model, name).state_dict())
    x, _ = sequence(4, 7)
    earlier, _ = sequence(4, 2, seed=1)
    _, theirs = oracle(earlier.transpose(0, 1))
    _, ours = model(earlier)
    for state, their_state in [(None, None), (ours, theirs)]:
        output, last, recorded = model(x, state, record=("state",))
        expected, expected_last = oracle(x.transpose(0, 1), their_state)
        torch.testing.assert_close(recorded["state"], expected.transpose(0, 1))
        torch.testing.assert_close(output, model.readout(expected.transpose(0, 1)))
        torch.testing.assert_close(last, expected_last)


@pytest.mark.parametrize("name", ["lstm", "gru", "rnn"])
def test_pytorch_s_layers_start_from_pytorch_s_distribution(name):
    bound = H**-0.5
    largest = max(p.abs().max().item() for p in getattr(make(name, F, H), name).parameters())
    assert 0.8 * bound < largest <= bound


def test_the_gru_is_the_documented_one():
    model = build("gru", {}, None)
    x, _ = sequence(4, 1)
    h = torch.linspace(-1, 1, 4 * H, dtype=torch.float64).reshape(4, H)
    layer = model.gru
    from_x = (x[:, 0] @ layer.weight_ih_l0.T + layer.bias_ih_l0).chunk(3, dim=-1)
    from_h = (h @ layer.weight_hh_l0.T + layer.bias_hh_l0).chunk(3, dim=-1)
    r, z = (torch.sigmoid(a + b) for a, b in zip(from_x[:2], from_h[:2], strict=True))
    n = torch.tanh(from_x[2] + r * from_h[2])
    torch.testing.assert_close(model(x, h[None])[0][:, 0], (1 - z) * n + z * h)


def test_the_rnn_is_the_documented_one():
    model = build("rnn", {}, None)
    x, _ = sequence(4, 1)
    h = torch.linspace(-1, 1, 4 * H, dtype=torch.float64).reshape(4, H)
    layer = model.rnn
    from_x = x[:, 0] @ layer.weight_ih_l0.T + layer.bias_ih_l0
    expected = torch.tanh(from_x + h @ layer.weight_hh_l0.T + layer.bias_hh_l0)
    torch.testing.assert_close(model(x, h[None])[0][:, 0], expected)


def test_the_forget_bias_is_added_once():
    plain, biased = make("lstm", F, H, seed=3), make("lstm", F, H, seed=3, forget_bias=1.5)
    forget = slice(H, 2 * H)
    difference = biased.lstm.bias_ih_l0 - plain.lstm.bias_ih_l0
    assert torch.allclose(difference[forget], torch.tensor(1.5)) and difference.sum() == 1.5 * H
    assert torch.equal(biased.lstm.bias_hh_l0, plain.lstm.bias_hh_l0)


def test_the_linear_filter_sees_zeros_before_the_start():
    model = make("linear", 1, 1, window=3)
    with torch.no_grad():
        model.filter.weight.copy_(torch.tensor([[1.0, 10.0, 100.0]]))
        model.filter.bias.zero_()
    output, _ = model(torch.tensor([[[1.0], [2.0], [3.0], [4.0]]]))
    assert output.flatten().tolist() == [100.0, 210.0, 321.0, 432.0]
