"""The playground's Python side: its settings, its models, and how much the page gets."""

import base64
import gzip
import re
import zlib

import numpy as np
import pytest
import torch
from torch import nn
from traitlets import TraitError

import liquidlib
from liquidlib import (
    CfC,
    Curve,
    Linear,
    Machine,
    Playground,
    Tape,
    Unsupported,
    count_parameters,
    published,
)
from liquidlib.engine.wasm import BINARY
from liquidlib.widgets import presets


class Mine(nn.Module):
    """A model that nobody else has; its tape does not loop."""

    def __init__(self):
        super().__init__()
        self.out = nn.Linear(2, 1)

    def forward(self, x, timespans=None, mask=None):
        return self.out(torch.cat([x, x * x], dim=2)), None


class Sorting(Mine):
    """One that the engine has no instruction for."""

    def forward(self, x, timespans=None, mask=None):
        return super().forward(x.sort(dim=1).values)


def tape(widget, name):
    data = zlib.decompress(widget.packed)
    at, length = widget.places[name]
    return data[at : at + length]


# Settings


@pytest.mark.parametrize(
    ("setting", "value", "message"),
    [
        ("lr", 0, "lr must be a finite number in [1e-05, 1000], got 0"),
        ("lr", float("nan"), "lr must be a finite number"),
        ("lr", "0.1", "lr must be a finite number"),
        ("seed", 1.5, "seed must be a whole number"),
        ("seed", -1, "seed must be a finite number in [0, 4.29497e+09], got -1"),
        ("horizon", 41, "horizon must be a finite number in [0, 40], got 41"),
        ("window", 81, "window must be one of 20, 41, 82, 164, got 81"),
        ("curve", "square", "curve must be one of 'sine'"),
        ("drawn", "A" * 71, "drawn must be 72 of A-Z a-z 0-9 - _"),
        ("drawn", "é" * 72, "drawn must be 72 of A-Z a-z 0-9 - _"),
        ("models", ["cfc-32", "cfc-33"], "models must be one of 'cfc-8'"),
        ("models", "cfc-32", "models must be a list of keys, got 'cfc-32'"),
        ("inside", "cfc-33", "inside must be one of ''"),
        ("rate", 1, "settings must be one of 'models', 'lr'"),
    ],
)
def test_settings_are_checked_when_made_and_when_set(setting, value, message):
    widget = Playground()
    before = widget.settings
    with pytest.raises(TraitError, match=re.escape(message)):
        widget.settings = before | {setting: value}
    assert widget.settings == before
    with pytest.raises((TraitError, ValueError), match=re.escape(message)):
        if setting == "models":
            widget.set_state({"settings": before | {setting: value}})
        else:
            Playground(**{setting: value})


def test_settings_left_out_are_at_their_defaults():
    widget = Playground(lr=0.5, models=["linear", "cfc-8"])
    assert widget.settings["lr"] == 0.5
    assert widget.settings["models"] == ["linear", "cfc-8"]
    assert widget.settings["inputs"] == "position"
    widget.settings = {"noise": 0.1}
    assert (widget.settings["noise"], widget.settings["lr"]) == (0.1, 0.001)
    assert Playground(inputs="value").settings["horizon"] == Curve().horizon == 1
    assert Playground(inputs="value", horizon=5).settings["horizon"] == 5
    assert widget.first == widget.first | {"lr": 0.5, "noise": 0.0}, "where addresses begin"


def test_every_setting_in_range_is_one_that_a_curve_takes():
    for name in ("amplitude", "noise", "jitter", "drop"):
        limits = Playground().allowed[name]
        for value in (limits["low"], limits["high"]):
            assert getattr(Curve(**{name: value}), name) == value


@pytest.mark.parametrize("name", ["", "1st", "a b", "a?b", "é", None])
def test_name_fits_an_address(name):
    with pytest.raises(ValueError, match="name must be a letter"):
        Playground(name=name)


# Models


def test_presets_are_stored_as_they_are_lowered_now():
    """Should this fail after a change of models or engine: python -m liquidlib.widgets.presets."""
    stored, tapes = presets.load()
    fresh, fresh_tapes = presets.lowered()
    assert stored == fresh
    assert tapes.keys() == fresh_tapes.keys()
    window = next(Curve(inputs="position", time="absolute").windows(1))
    for name, data in tapes.items():
        if name.partition("/")[2] not in ("", "82"):
            continue
        given = {n: getattr(window, n).numpy() for n in ("x", "timespans", "mask")}
        answers = []
        for one in (data, fresh_tapes[name]):
            machine = Machine(Tape.from_bytes(one), vm="wasm")
            machine.set(lr=0.01, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.01)
            answers.append([machine.step(0.5, **given) for _ in range(3)])
        np.testing.assert_allclose(*answers, rtol=1e-6, err_msg=name)


@pytest.mark.parametrize("initial", ["ordinary", "published"])
@pytest.mark.parametrize("name", ["cfc", "lstm", "linear"])
def test_initial_weights_of_a_preset_are_those_of_the_published_comparison(name, initial):
    entries, tapes = presets.load()
    key = name if name == "linear" else f"{name}-published"
    rules = next(one for one in entries if one["key"] == key)["initial"][initial]
    lowered = Tape.from_bytes(tapes["linear/82" if name == "linear" else key])
    for parameter, rule in zip(lowered.parameters, rules.get("any") or rules["82"], strict=True):
        parameter["initial"] = rule
    machine = Machine(lowered, vm="wasm")
    machine.reset(3)
    model, _ = published(name, 3, initial)
    for parameter, view in machine.region("parameters").items():
        wanted = dict(model.named_parameters())[parameter].detach().numpy()
        np.testing.assert_allclose(view, wanted, atol=1e-6, err_msg=parameter)


@pytest.mark.parametrize("key", ["wired_cfc-32", "ltc-16", "ctrnn-32"])
def test_a_preset_begins_with_the_weights_of_the_model_it_names(key):
    entries, tapes = presets.load()
    entry = next(one for one in entries if one["key"] == key)
    lowered = Tape.from_bytes(tapes[key])
    rules = entry["initial"]["ordinary"]["any"]
    for parameter, rule in zip(lowered.parameters, rules, strict=True):
        parameter["initial"] = rule
    machine = Machine(lowered, vm="wasm")
    machine.reset(3)
    model = eval(entry["python"]["ordinary"].format(seed=3), vars(liquidlib))
    assert entry["parameters"] == count_parameters(model)
    for parameter, view in machine.region("parameters").items():
        wanted = dict(model.named_parameters())[parameter].detach().numpy()
        np.testing.assert_allclose(view, wanted, atol=1e-6, err_msg=parameter)


def test_own_models_are_lowered_and_come_first():
    model = CfC(1, 4, 1, seed=5)
    widget = Playground(models={"My CfC": model, "My <b>square</b>": Mine()}, window=41)
    own = widget.settings["models"]
    labels = {one["key"]: one["label"] for one in widget.presets}
    assert [labels[key] for key in own] == ["My CfC", "My <b>square</b>"]
    assert "cfc-32" in labels, "the presets are there, too"
    machine = Machine(Tape.from_bytes(tape(widget, own[0])), vm="wasm")
    weights = machine.region("parameters")["readout.weight"]
    np.testing.assert_allclose(weights, model.readout.weight.detach().numpy(), atol=1e-7)
    entry = next(one for one in widget.presets if one["key"] == own[1])
    assert entry["windows"] == [41]
    assert Tape.from_bytes(tape(widget, f"{own[1]}/41")).window == 41
    assert len(Playground().presets) < len(widget.presets), "they stay with their playground"


def test_models_may_be_a_list_of_keys_and_modules():
    widget = Playground(models=["gru-8", Linear(1, 1)])
    assert widget.settings["models"][0] == "gru-8"
    assert widget.presets[-1]["label"] == "Linear"


def test_what_cannot_be_trained_is_refused():
    with pytest.raises(TypeError, match=r"models must hold keys or torch.nn.Modules, got a int"):
        Playground(models=[3])
    with pytest.raises(Unsupported, match="sort"):
        Playground(models=[Sorting()])
    with pytest.raises(TraitError, match="models must be one of 'cfc-8'"):
        Playground(models=["cfc-33"])


# What the page gets


def test_page_gets_at_most_60_kilobytes():
    widget = Playground()
    parts = [str(widget._esm), str(widget._css), repr(widget.presets)]
    parts.append(base64.b64encode(widget.packed).decode())
    assert sum(len(gzip.compress(part.encode())) for part in parts) < 60_000
    assert tape(widget, "vm") == BINARY.read_bytes()


def test_script_keeps_to_itself():
    script = str(Playground._esm)
    assert script.count("export default") == 1
    for forbidden in (r"https?:", r"\beval\b", r"\bFunction\b", r"\bimport\(", r"\bfetch\b"):
        assert not re.search(forbidden, script), forbidden


@pytest.mark.parametrize("name", ["playground", "trainer", "session", "chart"])
def test_each_file_can_be_read_in_a_sitting(name):
    text = (presets.FILE.parent.parent / "widgets" / f"{name}.js").read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 300
