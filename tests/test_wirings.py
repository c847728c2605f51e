"""Wirings: equal to those of ncps by the same rules and seeds, and what they say of themselves."""

import dataclasses
import re

import matplotlib.pyplot as plt
import ncps.wirings
import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from liquidlib import Wiring, plot_wiring

SEEDS = st.integers(0, 2**32 - 1)


def assert_equal(ours, theirs, inputs):
    theirs.build(inputs)
    np.testing.assert_array_equal(ours.adjacency, theirs.adjacency_matrix)
    np.testing.assert_array_equal(ours.sensory, theirs.sensory_adjacency_matrix)
    assert (ours.input_size, ours.units) == (theirs.input_dim, theirs.units)
    assert ours.motor_neurons == theirs.output_dim
    assert ours.synapses == theirs.synapse_count
    assert ours.sensory_synapses == theirs.sensory_synapse_count
    assert len(ours.layers) == theirs.num_layers
    for i, layer in enumerate(ours.layers):
        assert [*layer] == theirs.get_neurons_of_layer(i)
    for kind, neurons in ours.neurons.items():
        assert all(theirs.get_type_of_neuron(i) == kind for i in neurons)
    graph = ours.graph()
    names = {f"neuron {i}": f"neuron_{i}" for i in range(ours.units)}
    names |= {f"sensory {i}": f"sensory_{i}" for i in range(inputs)}
    expected = theirs.get_graph()
    assert {(names[a], names[b]) for a, b in graph.edges} == set(expected.edges)
    for a, b, polarity in graph.edges(data="polarity"):
        edge = expected.edges[names[a], names[b]]
        assert edge["polarity"] == {1: "excitatory", -1: "inhibitory"}[polarity]
    for name, kind in graph.nodes(data="kind"):
        assert expected.nodes[names[name]]["neuron_type"] == kind


# Equal to ncps ------------------------------------------------------------------------------------


@settings(deadline=None, max_examples=40)
@given(
    inputs=st.integers(1, 8),
    units=st.integers(1, 20),
    loops=st.booleans(),
    data=st.data(),
    seed=SEEDS,
)
def test_fully_connected_is_that_of_ncps(inputs, units, loops, data, seed):
    outputs = data.draw(st.none() | st.integers(1, units))
    ours = Wiring.fully_connected(inputs, units, outputs, self_connections=loops, seed=seed)
    assert_equal(ours, ncps.wirings.FullyConnected(units, outputs, seed, loops), inputs)
    assert ours.synapses == units * (units if loops else units - 1)


@settings(deadline=None, max_examples=40)
@given(
    inputs=st.integers(1, 8),
    units=st.integers(1, 20),
    sparsity=st.floats(0, 1, exclude_max=True),
    data=st.data(),
    seed=SEEDS,
)
def test_random_is_that_of_ncps(inputs, units, sparsity, data, seed):
    outputs = data.draw(st.none() | st.integers(1, units))
    ours = Wiring.random(inputs, units, outputs, sparsity=sparsity, seed=seed)
    assert_equal(ours, ncps.wirings.Random(units, outputs, sparsity, seed), inputs)
    assert ours.synapses == round(units**2 * (1 - sparsity))


@settings(deadline=None, max_examples=40)
@given(data=st.data())
def test_ncp_is_that_of_ncps(data):
    inputs, inters, commands, motors = (data.draw(st.integers(1, 12)) for _ in range(4))
    chosen = {
        "sensory_fanout": data.draw(st.integers(1, inters)),
        "inter_fanout": data.draw(st.integers(1, commands)),
        "recurrent_command_synapses": data.draw(st.integers(0, 20)),
        "motor_fanin": data.draw(st.integers(1, commands)),
        "seed": data.draw(SEEDS),
    }
    ours = Wiring.ncp(inputs, inters, commands, motors, **chosen)
    assert_equal(ours, ncps.wirings.NCP(inters, commands, motors, **chosen), inputs)


@settings(deadline=None, max_examples=40)
@given(data=st.data())
def test_auto_ncp_is_that_of_ncps(data):
    units = data.draw(st.integers(4, 40))
    outputs = data.draw(st.integers(1, units - 3))
    inputs = data.draw(st.integers(1, 20))
    sparsity = data.draw(st.floats(0.1, 1.0))
    seed = data.draw(SEEDS)
    ours = Wiring.auto_ncp(inputs, units, outputs, sparsity=sparsity, seed=seed)
    assert_equal(ours, ncps.wirings.AutoNCP(units, outputs, sparsity, seed), inputs)


def test_the_defaults_are_those_of_ncps():
    assert_equal(Wiring.fully_connected(3, 6), ncps.wirings.FullyConnected(6), 3)
    assert_equal(Wiring.random(3, 6), ncps.wirings.Random(6, sparsity_level=0.5), 3)
    assert_equal(Wiring.auto_ncp(3, 19, 3), ncps.wirings.AutoNCP(19, 3), 3)


# What an NCP is -----------------------------------------------------------------------------------


@settings(deadline=None, max_examples=50)
@given(units=st.integers(5, 40), inputs=st.integers(1, 8), sparsity=st.floats(0.1, 0.95))
def test_an_ncp_is_layered_and_nobody_is_left_out(units, inputs, sparsity):
    wiring = Wiring.auto_ncp(inputs, units, 2, sparsity=sparsity)
    next_one = {"sensory": ["inter"], "inter": ["command"], "command": ["command", "motor"]}
    graph = wiring.graph()
    kinds = graph.nodes(data="kind")
    for before, after in graph.edges:
        assert kinds[after] in next_one[kinds[before]]
    for name, kind in kinds:
        assert kind == "sensory" or graph.in_degree(name) > 0
        assert kind == "motor" or graph.out_degree(name) > 0


# What it says and shows ---------------------------------------------------------------------------


def test_the_description_counts_what_is_there():
    wiring = Wiring.auto_ncp(4, 19, 3)
    text = wiring.describe()
    graph = wiring.graph()
    up = sum(polarity == 1 for *_, polarity in graph.edges(data="polarity"))
    command = wiring.neurons["command"]
    back = np.count_nonzero(wiring.adjacency[command.start : command.stop, command])
    assert text == (
        "4 sensory neurons and 19 others: 10 inter neurons, 6 command neurons, 3 motor neurons. "
        f"{graph.number_of_edges()} of 437 possible synapses, {wiring.sensory_synapses} from "
        f"sensory neurons and {wiring.synapses} between the others; {up} excite and "
        f"{graph.number_of_edges() - up} inhibit. Signals pass from sensory to inter to command to "
        f"motor neurons; between command neurons there are {back} synapses."
    )


def test_a_description_names_who_hears_nothing():
    text = Wiring([[0, 1]], [[0, 0], [0, 1]]).describe()
    assert text == (
        "1 sensory neuron and 2 others: 2 motor neurons. 2 of 6 possible synapses, 1 from sensory "
        "neurons and 1 between the others; 2 excite and 0 inhibit. 1 neuron without any synapse "
        "from others."
    )


def test_the_graph_is_one_of_networkx():
    graph = Wiring.fully_connected(2, 3, 1).graph()
    assert isinstance(graph, nx.DiGraph)
    assert graph.nodes["neuron 0"] == {"kind": "motor", "number": 0}
    assert graph.nodes["sensory 1"] == {"kind": "sensory", "number": 1}
    assert graph.number_of_edges() == 3 * 2 + 3 * 3


@pytest.mark.parametrize(
    "wiring",
    [
        Wiring.auto_ncp(4, 19, 3),
        Wiring.fully_connected(1, 1),
        Wiring.random(3, 8, 2),
        Wiring([[0]], [[0]]),
    ],
)
def test_a_drawing_has_a_dot_for_each_neuron_and_a_line_for_each_synapse(wiring):
    figure = plot_wiring(wiring)
    (axes,) = figure.axes
    dots = sum(len(c.get_offsets()) for c in axes.collections)
    assert dots == wiring.input_size + wiring.units
    assert len(axes.patches) == wiring.sensory_synapses + wiring.synapses
    plt.close(figure)


# Own and bad ones ---------------------------------------------------------------------------------


def test_a_wiring_cannot_be_changed_and_keeps_no_hold_of_what_it_was_made_from():
    own = np.ones((2, 2))
    wiring = Wiring([[1, -1]], own)
    own[0, 0] = -1
    assert wiring.adjacency[0, 0] == 1
    with pytest.raises(ValueError, match="read-only"):
        wiring.adjacency[0, 0] = 0
    with pytest.raises(dataclasses.FrozenInstanceError):
        wiring.motor_neurons = 1


NCP = {
    "input_size": 2,
    "inter_neurons": 4,
    "command_neurons": 3,
    "motor_neurons": 1,
    "sensory_fanout": 2,
    "inter_fanout": 2,
    "recurrent_command_synapses": 2,
    "motor_fanin": 2,
}


@pytest.mark.parametrize(
    ("make", "call", "message"),
    [
        (
            Wiring,
            {"sensory": [[1]], "adjacency": [1]},
            "adjacency must have shape (H, H)",
        ),
        (
            Wiring,
            {"sensory": [[1]], "adjacency": [[1, 1]]},
            "adjacency must have shape (H, H)",
        ),
        (
            Wiring,
            {"sensory": [[1]], "adjacency": [[0, 0], [0, 0]]},
            "sensory must have shape (F, H) = (any, 2), got (1, 1)",
        ),
        (Wiring, {"sensory": [[0.5]], "adjacency": [[1]]}, "sensory must hold only -1, 0 and 1"),
        (
            Wiring,
            {"sensory": [[1]], "adjacency": [[1]], "motor_neurons": 2},
            "motor_neurons must be at most 1, got 2",
        ),
        (
            Wiring,
            {"sensory": [[1]], "adjacency": [[1]], "command_neurons": 1},
            "command_neurons must be at most 0, got 1",
        ),
        (
            Wiring.fully_connected,
            {"input_size": 0, "units": 3},
            "input_size must be a whole",
        ),
        (Wiring.fully_connected, {"input_size": 1, "units": 0}, "units must be a whole number"),
        (
            Wiring.fully_connected,
            {"input_size": 1, "units": 3, "output_size": 4},
            "output_size must be at most 3, got 4",
        ),
        (Wiring.random, {"input_size": 1, "units": 3, "seed": -1}, "seed must be a whole number"),
        (
            Wiring.random,
            {"input_size": 1, "units": 3, "sparsity": 1.5},
            "sparsity must be a finite number in [0, 1]",
        ),
        (
            Wiring.random,
            {"input_size": 1, "units": 3, "sparsity": 1},
            "sparsity must be below 1, got 1",
        ),
        (Wiring.ncp, NCP | {"motor_neurons": 0}, "motor_neurons must be a whole number of at"),
        (Wiring.ncp, NCP | {"sensory_fanout": 5}, "sensory_fanout must be at most 4, got 5"),
        (Wiring.ncp, NCP | {"inter_fanout": 4}, "inter_fanout must be at most 3, got 4"),
        (Wiring.ncp, NCP | {"motor_fanin": 0}, "motor_fanin must be a whole number of at least 1"),
        (
            Wiring.ncp,
            NCP | {"recurrent_command_synapses": -1},
            "recurrent_command_synapses",
        ),
        (Wiring.ncp, NCP | {"seed": 2**32}, "seed must be at most 4294967295, got 4294967296"),
        (
            Wiring.auto_ncp,
            {"input_size": 1, "units": 6, "output_size": 4},
            "output_size must be less than units - 2 = 4, got 4",
        ),
        (
            Wiring.auto_ncp,
            {"input_size": 1, "units": 6, "output_size": 1, "sparsity": 0.05},
            "sparsity must be a finite number in [0.1, 1], got 0.05",
        ),
    ],
)
def test_bad_settings_are_named(make, call, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        make(**call)
