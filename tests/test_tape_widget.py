"""The tape that is stepped, its Python side: what it names, what it shows, what it refuses."""

import json
import math
import re

import numpy as np
import pytest
import torch
from torch import nn

from liquidlib import RNN, CfC, Curve, Linear, Machine, Tape, TapeStepper, lower

SETTINGS = {
    "sgd": {"lr": 0.05, "momentum": 0.5},
    "adamw": {"lr": 0.01, "betas": (0.9, 0.999), "eps": 1e-8, "weight_decay": 0.01},
}
MODELS = {
    "rnn": lambda: RNN(1, 2, 1),
    "cfc": lambda: CfC(1, 2, 1, backbone_units=2),
}


def windows(n=4, window=3):
    return Curve(window=window, step=2 * math.pi / 12).windows(n, start=1)


@pytest.fixture(scope="module", params=[(m, o) for m in MODELS for o in SETTINGS])
def stepper(request):
    model, optimiser = request.param
    tape = lower(MODELS[model](), 3, optimiser)
    return TapeStepper(tape, windows(), **SETTINGS[optimiser]), tape


def places(widget, tape, steps=3):
    """Return the addresses that are drawn."""
    rows = widget.rows
    drawn = {
        row["address"] + t * tape.frame + i
        for row in rows["kept"]
        for t in range(0 if row["zeroth"] else 1, steps + 1)
        for i in range(row["width"])
    }
    drawn |= {a + p["start"] for _, a in rows["regions"] for p in rows["parameters"]}
    drawn |= {n["address"] for n in rows["numbers"]} | set(rows["constants"])
    return drawn | {s["address"] + i for s in rows["scratch"] for i in range(s["width"])}


def test_every_number_that_a_step_changes_is_drawn(stepper):
    widget, tape = stepper
    machine = Machine(tape, vm="wasm")
    machine.set(**SETTINGS[tape.optimiser])
    before = machine.heap.copy()
    for window in windows(3):
        machine.step(window.target.item(), x=window.x.numpy(), timespans=window.timespans.numpy())
    changed = set(np.flatnonzero(machine.heap != before).tolist())
    begins = {row["address"] for row in widget.rows["scratch"]}
    # the optimiser works on whole strips: what is behind the parameters is padding
    padding = {
        start + i
        for start in begins | set(tape.regions.values())
        for i in range(tape.size, 256)
        if start + tape.size not in begins
    }
    assert changed - places(widget, tape) - padding == set()
    assert changed & places(widget, tape), "and something was"


def test_no_place_is_drawn_twice_and_none_lies_outside(stepper):
    widget, tape = stepper
    rows = widget.rows
    drawn = [
        *(row["address"] + tape.frame + i for row in rows["kept"] for i in range(row["width"])),
        *(a + p["start"] for _, a in rows["regions"] for p in rows["parameters"]),
        *(n["address"] for n in rows["numbers"]),
        *rows["constants"],
        *(s["address"] + i for s in rows["scratch"] for i in range(s["width"])),
    ]
    assert len(set(drawn)) == len(drawn)
    assert 0 <= min(drawn) and max(drawn) < tape.heap + 4 * tape.frame


def test_every_instruction_is_said_with_names(stepper):
    widget, tape = stepper
    assert [row["at"] for row in widget.program] == [row["at"] for row in tape.listing()]
    for row in widget.program:
        assert row["says"] and row["part"]
        for operand in row["operands"]:
            assert operand["name"] and operand["name"].partition("[")[0] in row["says"]
    said = [row["says"] for row in widget.program]
    assert any(re.fullmatch(r"loss = (s\d) × \1", line) for line in said)
    assert "prediction += state · readout.weight" in said
    assert any(line.startswith("state = ") for line in said)
    names = [row["name"] for group in ("kept", "scratch") for row in widget.rows[group]]
    assert len(set(names)) == len(names) and all(names)


def test_parameters_are_named_by_their_place():
    tape = lower(RNN(1, 2, 1), 3, "sgd")
    rows = TapeStepper(tape, windows(), lr=1).rows
    machine = Machine(tape)
    by_name = {
        f"{name}[{','.join(map(str, index))}]": weights[index]
        for name, weights in machine.region("parameters").items()
        for index in np.ndindex(weights.shape)
    }
    start = tape.regions["parameters"]
    assert {p["name"]: machine.heap[start + p["start"]] for p in rows["parameters"]} == by_name


def test_the_page_gets_the_windows_in_the_order_in_which_it_feeds_them():
    tape = lower(CfC(1, 2, 1, backbone_units=2), 3)
    given = list(windows(5))
    fed = np.frombuffer(TapeStepper(tape, given, lr=1).windows, np.float32).reshape(5, -1)
    assert list(tape.inputs) == ["x", "timespans"]
    for row, window in zip(fed, given, strict=True):
        expected = torch.cat([window.x.flatten(), window.timespans.flatten(), window.target[0]])
        np.testing.assert_array_equal(row, expected.numpy())


def test_what_is_handed_over_is_the_tape_and_plain_json():
    tape = lower(RNN(1, 2, 1), 3)
    widget = TapeStepper(tape, windows(window=5), **SETTINGS["adamw"])
    assert widget.window == 5, "a tape that loops takes the windows' length"
    assert widget.tape == tape.to_bytes()
    assert bytes(widget.vm[:4]) == b"\0asm"
    json.dumps([widget.program, widget.rows, widget.settings])


def test_a_tape_read_from_its_bytes_is_shown_too():
    tape = Tape.from_bytes(lower(RNN(1, 2, 1), 3, "sgd").to_bytes())
    widget = TapeStepper(tape, windows(), lr=0.1)
    assert all(row["says"] for row in widget.program)


class Plain(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(1, 1)

    def forward(self, x):
        return self.layer(x)


@pytest.mark.parametrize(
    ("tape", "given", "settings", "error", "message"),
    [
        (lambda: b"tape", windows, {}, TypeError, r"tape must be a liquidlib.Tape, got bytes"),
        (lambda: lower(Plain(), 3), windows, {}, ValueError, "tape must loop over time steps"),
        (lambda: lower(Linear(1, window=3), 3), windows, {}, ValueError, "tape must loop"),
        (lambda: lower(RNN(1, 8, 1), 3), windows, {}, ValueError, "at most 64 parameters, got 97"),
        (lambda: lower(RNN(1, 2, 1), 3), list, {}, ValueError, "at least one window, got none"),
        (lambda: lower(RNN(1, 2, 1), 3), windows, {"rate": 1}, ValueError, "got 'rate'"),
        (
            lambda: lower(RNN(2, 2, 1), 3),
            windows,
            {},
            ValueError,
            r"windows\[0\].x must have shape \(1, 3, 2\), got \(1, 3, 1\)",
        ),
        (
            lambda: lower(RNN(1, 2, 1), 3),
            lambda: [*windows(1), *windows(1, window=4)],
            {},
            ValueError,
            r"windows\[1\].x must have shape \(1, 3, 1\), got \(1, 4, 1\)",
        ),
    ],
)
def test_it_says_what_it_cannot_show(tape, given, settings, error, message):
    with pytest.raises(error, match=message):
        TapeStepper(tape(), given(), **settings)
