"""The wiring editor's Python side: what it takes, what comes back from the page."""

import re

import numpy as np
import pytest
import torch
from traitlets import TraitError

from liquidlib import LTC, CfC, Wiring, WiringEditor


def test_it_hands_over_the_model():
    model = LTC(2, 8, 1, wiring=Wiring.auto_ncp(2, 8, 1), seed=3)
    with torch.no_grad():
        model.synapses.reversal.mul_(-0.5)  # as if training had changed them
    editor = WiringEditor(model, np.zeros((5, 2)), timespan=0.5)
    np.testing.assert_array_equal(editor.sensory, model.wiring.sensory)
    np.testing.assert_array_equal(editor.adjacency, -model.wiring.adjacency)
    assert len(editor.synapses) == model.wiring.sensory_synapses + model.wiring.synapses
    assert {one["pull"] for one in editor.synapses if one["from"] >= 2} == {0.5}
    assert editor.clock == {"unfolds": 6, "timespan": 0.5}
    assert [neuron["kind"] for neuron in editor.neurons].count("command") == 2
    assert editor.wiring.neurons == model.wiring.neurons


def test_wiring_is_the_edited_one():
    editor = WiringEditor()
    before = editor.wiring
    adjacency = np.array(editor.adjacency)
    adjacency[6, 2], adjacency[0, 0] = 0, -1
    editor.set_state({"adjacency": adjacency.tolist()})  # as the page sends it
    np.testing.assert_array_equal(editor.wiring.adjacency, adjacency)
    np.testing.assert_array_equal(editor.wiring.sensory, before.sensory)
    assert editor.wiring.neurons == before.neurons

    editor.set_state({"silent": ["neuron 1", "sensory 0"]})
    assert editor.silent == ["sensory 0", "neuron 1"]
    wiring = editor.wiring
    assert not wiring.adjacency[1].any()
    assert not wiring.adjacency[:, 1].any()
    assert not wiring.sensory[0].any()
    assert wiring.sensory[1].any()
    adjacency[1] = adjacency[:, 1] = 0
    np.testing.assert_array_equal(wiring.adjacency, adjacency)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("sensory", [[1] * 12], "sensory must be 2 lists of 12 numbers, each -1, 0 or 1, got"),
        ("sensory", [[2] * 12, [0] * 12], "sensory must be 2 lists of 12 numbers"),
        ("adjacency", [[1], [1, 0]], "adjacency must be 12 lists of 12 numbers"),
        ("silent", ["neuron 12"], "silent must hold names from 'sensory 0' to 'neuron 11', got"),
        ("step", 160, "step must be from 0 to 159, got 160"),
        ("step", -1, "step must be from 0 to 159, got -1"),
    ],
)
def test_it_refuses_what_the_model_cannot_have(name, value, message):
    editor = WiringEditor()
    before = getattr(editor, name)
    with pytest.raises(TraitError, match=re.escape(message)):
        editor.set_state({name: value})
    assert getattr(editor, name) == before


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((CfC(2, 8),), TypeError, "model must be a liquidlib.LTC, got CfC"),
        ((LTC(2, 33),), ValueError, "model must have hidden_size of at most 32, got 33"),
        ((LTC(9, 2),), ValueError, "model must have input_size of at most 8, got 9"),
        ((LTC(2, 5),), ValueError, "model must have outputs of at most 4, got 5"),
        ((LTC(2, 4, solver="rk4"),), ValueError, "model.solver must be one of 'fused', got 'rk4'"),
        ((LTC(3, 4),), ValueError, "inputs must be given for a model with input_size 3"),
        ((None, np.zeros(5)), ValueError, "inputs must have shape (T, F) = (any, 2), got (5,)"),
        ((None, np.zeros((0, 2))), ValueError, "inputs must have shape (T, F) = (any, 2)"),
        ((None, np.zeros((1001, 2))), ValueError, "inputs must have at most 1000 steps, got 1001"),
        ((None, [[0, np.nan]]), ValueError, "inputs must be finite, got NaN or infinity"),
        ((None, None, -1), ValueError, "timespan must be a finite number in [0, inf), got -1"),
    ],
)
def test_it_names_the_argument_that_does_not_fit(arguments, error, message):
    with pytest.raises(error, match=re.escape(message)):
        WiringEditor(*arguments)


def test_the_default_inputs_fit_one_input_or_two():
    for features in (1, 2):
        editor = WiringEditor(LTC(features, 3))
        inputs = np.frombuffer(editor.inputs).reshape(-1, features)
        assert len(inputs) == 160
        assert np.ptp(inputs, axis=0).min() >= 1
