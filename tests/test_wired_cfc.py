"""The wired CfC: what a neuron sees, and its equality with ncps."""

import copy
from dataclasses import replace

import ncps.torch
import ncps.wirings
import numpy as np
import pytest
import torch

from liquidlib import LTC, CfC, WiredCfC, Wiring, count_parameters, from_ncps

F, H = 3, 10
MODES = ["default", "no_gate", "pure"]
DTYPES = [(torch.float32, 2e-6), (torch.float64, 1e-12)]
WIRINGS = {
    "AutoNCP": lambda: ncps.wirings.AutoNCP(H, 3),
    "NCP": lambda: ncps.wirings.NCP(5, 4, 2, 2, 2, 3, 2),
    "random": lambda: ncps.wirings.Random(8, 2, 0.6),
    "fully connected": lambda: ncps.wirings.FullyConnected(6),
}


def peer(wiring, mode="default", dtype=torch.float64, **options):
    with torch.random.fork_rng():
        torch.manual_seed(3)
        made = ncps.torch.CfC(F, WIRINGS[wiring](), mode=mode, **options)
        for name, p in made.named_parameters():
            if name.endswith(("A", "w_tau")):
                torch.nn.init.uniform_(p, -1, 1)
        return made.to(dtype)


def inputs(batch, steps, dtype=torch.float64):
    generator = torch.Generator().manual_seed(5)
    x = torch.randn(batch, steps, F, generator=generator, dtype=torch.float64)
    timespans = 2 * torch.rand(batch, steps, generator=generator, dtype=torch.float64)
    return x.to(dtype), timespans.to(dtype)


def start(batch, units, dtype=torch.float64):
    return torch.linspace(-1, 1, batch * units, dtype=dtype).reshape(batch, units)


def in_order(wiring):
    """Return the neurons in the order of ncps's state, layer by layer."""
    return [i for layer in wiring.layers for i in layer]


# Equal to ncps ------------------------------------------------------------------------------------


@pytest.mark.parametrize(("dtype", "tolerance"), DTYPES)
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    ("wiring", "proj"), [*((name, None) for name in WIRINGS), ("AutoNCP", 1), ("NCP", 4)]
)
def test_equals_ncps_sample_by_sample_with_unequal_elapsed_times(
    wiring, proj, mode, dtype, tolerance
):
    theirs = peer(wiring, mode, dtype, proj_size=proj)
    ours = from_ncps(theirs)
    order = in_order(ours.wiring)
    x, timespans = inputs(4, 7, dtype)
    state = start(4, ours.hidden_size, dtype)
    output, last = ours(x, state, timespans)
    for i in range(4):
        one = slice(i, i + 1)
        expected, expected_last = theirs(x[one], state[one][:, order], timespans[one])
        torch.testing.assert_close(output[one], expected, rtol=tolerance, atol=tolerance)
        torch.testing.assert_close(
            last[one][:, order], expected_last, rtol=tolerance, atol=tolerance
        )


@pytest.mark.parametrize("mode", MODES)
def test_learns_as_ncps_does(mode):
    theirs = peer("AutoNCP", mode, proj_size=2)
    ours = from_ncps(theirs)
    held = {"lr": 0.01, "weight_decay": 0.1, "eps": 1e-4}
    optimisers = [torch.optim.AdamW(m.parameters(), **held) for m in (ours, theirs)]
    x, timespans = inputs(1, 6)
    for _ in range(3):
        for model, optimiser in zip((ours, theirs), optimisers, strict=True):
            optimiser.zero_grad()
            state = torch.zeros(1, H, dtype=torch.float64)
            output, _ = model(x, state, timespans)
            ((output - 0.3) ** 2).mean().backward()
            optimiser.step()
        wanted = from_ncps(theirs).state_dict()
        torch.testing.assert_close(dict(ours.state_dict()), dict(wanted), rtol=1e-10, atol=1e-12)


def test_the_read_out_that_ncps_has_not_is_not_trained():
    ours = from_ncps(peer("AutoNCP"))
    assert not any(p.requires_grad for p in ours.readout.parameters())
    assert ours.output_size == 3
    assert from_ncps(peer("random")).output_size is None  # every neuron is its output


def test_proj_size_on_a_wiring_without_layers_is_refused():
    """It cannot run in ncps either: the projection expects the motor neurons, and gets all."""
    with pytest.raises(ValueError, match="module must have no proj_size where it cannot run"):
        from_ncps(peer("random", proj_size=1))


def test_the_wiring_is_taken_over_even_if_it_grew_afterwards():
    wiring = ncps.wirings.AutoNCP(H, 3)
    theirs = ncps.torch.CfC(F, wiring)
    before = copy.deepcopy(wiring)
    ncps.torch.CfC(F, wiring)
    assert wiring.synapse_count > before.synapse_count
    ours = from_ncps(theirs).wiring
    layers = ours.layers
    for a, b in [(layers[0], layers[1]), (layers[1], layers[2])]:
        block = np.ix_(a, b)
        np.testing.assert_array_equal(
            ours.adjacency[block] != 0, before.adjacency_matrix[block] != 0
        )
    np.testing.assert_array_equal(ours.sensory != 0, before.sensory_adjacency_matrix != 0)


# What a neuron sees -------------------------------------------------------------------------------


def reach(wiring):
    """Return what a time step carries to each neuron: from the inputs (F, H), the states (H, H)."""
    adjacency = (wiring.adjacency != 0) | np.eye(wiring.units, dtype=bool)
    from_x, from_h = wiring.sensory != 0, np.zeros((wiring.units,) * 2, dtype=bool)
    done = []
    for layer in wiring.layers:
        for j in layer:
            for i in np.flatnonzero(adjacency[:, j]):
                if i in done:
                    from_x[:, j] |= from_x[:, i]
                    from_h[:, j] |= from_h[:, i]
                else:
                    from_h[i, j] = True
        done += layer
    return from_x, from_h


def skipping():
    """A wiring of layers with synapses backwards, past a layer, and from inputs to all layers."""
    adjacency = np.zeros((6, 6))
    for before, behind in [(4, 2), (5, 3), (2, 0), (3, 1), (0, 4), (5, 0), (1, 3), (4, 5)]:
        adjacency[before, behind] = 1
    return Wiring([[0, 1, 0, 0, 1, 0], [0, 0, 1, 0, 0, -1], [0] * 6], adjacency, 2, 2)


SEEN = [Wiring.auto_ncp(F, H, 2), Wiring.random(F, H), Wiring.fully_connected(F, 4), skipping()]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("wiring", SEEN)
def test_a_time_step_carries_signals_along_synapses_alone(wiring, mode):
    model = WiredCfC(F, wiring.units, wiring=wiring, mode=mode).double()
    x, timespans = inputs(1, 1)
    h, jacobian = start(1, wiring.units), torch.autograd.functional.jacobian
    by_input = jacobian(lambda x: model(x, h, timespans)[1], x)[0, :, 0, 0].T
    by_state = jacobian(lambda h: model(x, h, timespans)[1], h)[0, :, 0].T
    from_x, from_h = reach(wiring)
    np.testing.assert_array_equal(by_input != 0, from_x)
    np.testing.assert_array_equal(by_state != 0, from_h)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("like_ncps", [False, True])
def test_what_a_neuron_cannot_see_neither_counts_nor_learns(mode, like_ncps):
    wiring = Wiring.auto_ncp(F, H, 2)
    model = WiredCfC(F, H, 1, wiring=wiring, mode=mode, like_ncps=like_ncps).double()
    x, timespans = inputs(2, 5)
    output, _ = model(x, timespans=timespans)
    output.sum().backward()
    for name, mask in model.masks().items():
        weight = model.get_parameter(name)
        assert (weight.grad[mask == 0] == 0).all() and (weight.grad[mask != 0] != 0).all()
        with torch.no_grad():
            weight[mask == 0] = 7.0
    assert torch.equal(model(x, timespans=timespans)[0], output)


def test_all_heads_see_the_same_but_in_ncps():
    wiring = Wiring.auto_ncp(F, H, 2)
    for like_ncps in (False, True):
        for cell in WiredCfC(F, H, wiring=wiring, like_ncps=like_ncps).cells:
            g1, g2, a, b = cell.heads.mask.chunk(4)
            assert torch.equal(g1, g2) and torch.equal(a, b)
            assert torch.equal(g1, a) != like_ncps


def test_with_all_synapses_it_is_a_cfc_without_a_backbone():
    wiring = Wiring.fully_connected(F, H)
    wired = WiredCfC(F, H, 2, wiring=wiring).double()
    plain = CfC(F, H, 2, backbone_layers=0).double()
    plain.heads.load_state_dict(
        {k: wired.cells[0].heads.state_dict()[k] for k in ("weight", "bias")}
    )
    plain.readout.load_state_dict(wired.readout.state_dict())
    x, timespans = inputs(4, 6)
    given = wired(x, start(4, H), timespans, record=("state", "gate"))
    torch.testing.assert_close(given, plain(x, start(4, H), timespans, record=("state", "gate")))
    assert count_parameters(wired) == count_parameters(plain)


def test_one_wiring_wires_both_models_the_same():
    """After as many time steps as there are layers, both have heard of the same inputs."""
    wiring = Wiring.auto_ncp(F, H, 2, sparsity=0.8)
    x, _ = inputs(1, 4)
    for unfolds in (1, 6):
        heard = []
        for model in (
            LTC(F, H, 1, wiring=wiring, unfolds=unfolds).double(),
            WiredCfC(F, H, 1, wiring=wiring).double(),
        ):
            by_input = torch.autograd.functional.jacobian(lambda x, m=model: m(x)[1], x)
            heard.append((by_input != 0).any(2)[0, :, 0].numpy())
        np.testing.assert_array_equal(*heard)


# Weights and counts -------------------------------------------------------------------------------


def relabelled(model, order):
    """Return a wired CfC whose neuron i is neuron order[i] of another; each stays in its layer."""
    wiring = model.wiring
    wired = replace(
        wiring, sensory=wiring.sensory[:, order], adjacency=wiring.adjacency[np.ix_(order, order)]
    )
    other = WiredCfC(F, H, model.output_size, wiring=wired, mode=model.mode).double()
    now, then = in_order(wiring), [order[i] for i in in_order(wiring)]
    state = model.state_dict()
    for at, layer in enumerate(wiring.layers):
        rows = [order[i] - layer.start for i in layer]
        seen = [i for i in then if i not in layer] + [order[i] for i in layer]
        was = [i for i in now if i not in layer] + [*layer]
        columns = [*range(F), *(F + was.index(i) for i in seen)]
        heads = model.cells[at].heads.out_features // len(layer)
        stacked = [head * len(layer) + row for head in range(heads) for row in rows]
        prefix = f"cells.{at}.heads."
        state[prefix + "weight"] = state[prefix + "weight"][stacked][:, columns]
        state[prefix + "bias"] = state[prefix + "bias"][stacked]
        state[prefix + "mask"] = other.state_dict()[prefix + "mask"]
        for name in ("A", "w_tau"):
            if f"cells.{at}.{name}" in state:
                state[f"cells.{at}.{name}"] = state[f"cells.{at}.{name}"][rows]
    motors = order[: wiring.motor_neurons]
    state["readout.weight"] = state["readout.weight"][:, motors]
    other.load_state_dict(state)
    return other


@pytest.mark.parametrize("mode", MODES)
def test_relabelling_neurons_leaves_outputs_alone(mode):
    wiring, order = Wiring.auto_ncp(F, H, 2), [1, 0, 4, 2, 3, 9, 5, 8, 6, 7]
    model = WiredCfC(F, H, 2, wiring=wiring, mode=mode).double()
    x, timespans = inputs(4, 7)
    output, last = model(x, start(4, H), timespans)
    given, given_last = relabelled(model, order)(x, start(4, H)[:, order], timespans)
    torch.testing.assert_close(given, output)
    torch.testing.assert_close(given_last, last[:, order])


@pytest.mark.parametrize("wiring", SEEN)
def test_counts_are_of_synapses(wiring):
    lonely = np.count_nonzero(np.diag(wiring.adjacency) == 0)
    synapses, units = wiring.sensory_synapses + wiring.synapses, wiring.units
    gated, pure = (WiredCfC(F, units, 1, wiring=wiring, mode=m) for m in ("default", "pure"))
    read_out = wiring.motor_neurons + 1
    assert count_parameters(gated) == 4 * (synapses + lonely + units) + read_out
    assert count_parameters(pure) == synapses + lonely + 3 * units + read_out


def test_masks_are_buffers():
    model = WiredCfC(F, H, 1)
    assert {name.rpartition(".")[2] for name, _ in model.named_buffers()} == {"mask"}
    assert not any("mask" in name for name, _ in model.named_parameters())


def test_first_weights_are_scaled_by_what_a_head_sees():
    model = WiredCfC(F, H, 1)
    for cell in model.cells:
        bound = cell.heads.mask.sum(1).mean().item() ** -0.5
        assert 0.7 * bound < cell.heads.weight.abs().max() <= bound


def test_the_default_wiring_is_an_ncp():
    for output_size, motors in [(1, 1), (4, 4), (None, 3)]:
        wiring = WiredCfC(F, H, output_size).wiring
        assert wiring.motor_neurons == motors
        expected = Wiring.auto_ncp(F, H, motors)
        np.testing.assert_array_equal(wiring.adjacency, expected.adjacency)
