"""A tape as bytes and as a listing to read."""

import gzip
import json

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from liquidlib import Machine, Tape, lower, make, models, published
from liquidlib.engine.opcodes import OPCODES
from liquidlib.engine.tape import layout

F, H, T = 2, 5, 6
NAMES = [row.name for row in models() if not row.model.adaptive]
PARTS = ("forward", "answer", "learn", "backward", "gather", "scalars", "update", "end")
MAGIC = b"liquidlib tape 1"
by_name = pytest.mark.parametrize("name", NAMES)


@pytest.fixture(scope="module")
def tapes():
    return {name: lower(make(name, F, H, 1, seed=2**63 + 5), T) for name in NAMES}


def window(seed=0):
    draw = np.random.default_rng(seed).standard_normal
    x, timespans = draw((T, F)), np.abs(draw(T))
    return {"x": x, "timespans": timespans, "mask": np.ones((T, F))}


def put_together(head, body=b""):
    line = json.dumps(head).encode()
    return MAGIC + len(line).to_bytes(4, "little") + line + body


# Bytes -----------------------------------------------------------------------------------------


@by_name
def test_a_tape_comes_back_from_its_bytes_and_runs_the_same(tapes, name):
    tape = tapes[name]
    loaded = Tape.from_bytes(tape.to_bytes())
    assert loaded.to_bytes() == tape.to_bytes()
    assert loaded.loops == tape.loops == (name != "linear")
    assert (loaded.model, loaded.label, loaded.seed) == (name, tape.label, 2**63 + 5)
    machines = [Machine(each, vm="wasm") for each in (tape, loaded)]
    for machine in machines:
        machine.set(lr=0.01, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.01)
        for seed in range(3):
            machine.step(0.5, **window(seed))
        machine.reset(7)
        machine.step(0.5, **window())
    np.testing.assert_array_equal(machines[0].heap, machines[1].heap)


def test_what_is_shipped_comes_back():
    class Scaled(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = torch.nn.Linear(F, 1)
            self.register_buffer("scale", torch.tensor([0.5, 3.0]))

        def forward(self, x):
            return self.layer(x * self.scale)

    torch.manual_seed(0)
    model = Scaled()
    tape = lower(model, T, "sgd", input_size=F)
    loaded = Tape.from_bytes(tape.to_bytes())
    assert tape.values.tolist() == [0.5, 3.0, *model.layer.weight[0].tolist(), model.layer.bias]
    np.testing.assert_array_equal(loaded.values, tape.values)
    answers = [Machine(each, vm="wasm").answer(**window()) for each in (tape, loaded)]
    x = torch.from_numpy(window()["x"]).float()[None]
    assert answers[0] == answers[1] == pytest.approx(model(x)[0, -1, 0].item(), abs=1e-5)


def test_the_bytes_are_the_same_however_often_a_model_is_lowered():
    first, second = (lower(make("cfc", F, H, 1, seed=1), T).to_bytes() for _ in range(2))
    assert first == second


def test_constants_that_are_not_finite_are_written_in_words():
    class Masked(torch.nn.Linear):
        def forward(self, x):
            y = super().forward(x)
            return torch.where(y > -9.0, y, float("-inf"))

    tape = lower(Masked(1, 1), 3)
    data = tape.to_bytes()
    assert b'"-Infinity"' in data
    assert Tape.from_bytes(data).constants == tape.constants


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"no tape",
        MAGIC,
        MAGIC + b"\xff\xff\xff\xff",
        put_together([]),
        put_together(5),
        put_together({}),
        put_together({"program": 0, "values": 0}),
        put_together({"program": -1, "values": 0}),
        put_together({"program": "many", "values": 0}),
        MAGIC + (4).to_bytes(4, "little") + b"\xff\xfe{}",
    ],
)
def test_other_bytes_are_named(data):
    with pytest.raises(ValueError, match="data must be a tape's bytes, got others"):
        Tape.from_bytes(data)


def test_another_version_is_named(tapes):
    data = tapes["rnn"].to_bytes()
    with pytest.raises(ValueError, match="data must be a tape's bytes"):
        Tape.from_bytes(data.replace(MAGIC, b"liquidlib tape 2"))
    size = int.from_bytes(data[len(MAGIC) : len(MAGIC) + 4], "little")
    begin = len(MAGIC) + 4
    head, body = json.loads(data[begin : begin + size]), data[begin + size :]
    assert Tape.from_bytes(put_together(head, body)).program.size  # so far a tape
    for other in (
        {k: v for k, v in head.items() if k != "heap"},
        head | {"another": 1},
        head | {"seed": "seven"},
    ):
        with pytest.raises(ValueError, match="data must be a tape's bytes"):
            Tape.from_bytes(put_together(other, body))


@settings(deadline=None)
@given(share=st.floats(0, 1, exclude_max=True))
def test_bytes_cut_short_are_named(tapes, share):
    data = tapes["rnn"].to_bytes()
    with pytest.raises(ValueError, match="data must be a tape's bytes"):
        Tape.from_bytes(data[: int(share * len(data))])
    with pytest.raises(ValueError, match="data must be a tape's bytes"):
        Tape.from_bytes(data + b"\0")


@pytest.mark.parametrize("optimiser", ["adamw", "sgd"])
@pytest.mark.parametrize("name", ["cfc", "lstm", "gru", "rnn"])
def test_a_tape_of_the_published_size_takes_at_most_6_kb(name, optimiser):
    if name in ("cfc", "lstm"):
        model, _ = published(name, seed=0)
    else:
        model = make(name, 1, 256, 1, layers=2)
    tape = lower(model, optimiser=optimiser)
    assert len(gzip.compress(tape.to_bytes(), mtime=0)) <= 6_000


# The listing -----------------------------------------------------------------------------------


@by_name
def test_the_listing_covers_the_program(tapes, name):
    tape = tapes[name]
    rows, at = tape.listing(), 0
    for row in rows:
        sizes, operands = layout(row["op"])
        assert row["at"] == at and tape.program[at] == OPCODES[row["op"]]
        assert (len(row["sizes"]), len(row["operands"])) == (sizes, operands)
        numbers = list(row["sizes"])
        for operand in row["operands"]:
            base = ("heap", "frame", "strip").index(operand["base"])
            numbers += [operand["address"] * 4 + base, *operand["strides"]]
        assert tape.program[at + 1 : at + 1 + len(numbers)].tolist() == numbers
        at += 1 + len(numbers)
    assert at == len(tape.program) and rows[-1]["op"] == "end"
    assert [row["op"] for row in rows].count("end") == 1
    parts = [PARTS.index(row["part"]) for row in rows]
    assert parts == sorted(parts)


@by_name
def test_the_listing_names_what_lies_where(tapes, name):
    tape = tapes[name]
    written, named = set(), set()
    for row in tape.listing():
        operands = [operand["name"] for operand in row["operands"]]
        written |= set(operands[:1])
        named |= set(operands)
        if row["part"] == "update" and operands:
            assert all(o["name"] for o in row["operands"] if o["base"] == "strip")
    parameters = {p["name"] for p in tape.parameters}
    assert parameters | {"x", "target", "loss", "prediction"} <= named
    assert {f"d {parameter}" for parameter in parameters} <= written
    assert {"parameters", "exp_avg", "exp_avg_sq"} <= written
    assert {"lr", "eps", "weight_decay", "step"} <= named
    if tape.loops:
        states = {"state before"} if len(tape.states) == 1 else {"state 0 before", "state 1 before"}
        assert {"state", "d hidden"} <= written and states <= named
    if name == "cfc":
        assert "timespans" in named and "gate" in written


def test_a_place_has_the_name_of_what_a_machine_shows_there(tapes):
    """The first time step's frame is where `inputs` and `records` point."""
    tape = tapes["cfc"]
    machine = Machine(tape, vm="wasm")
    machine.answer(**window())
    operands = [operand for row in tape.listing() for operand in row["operands"]]
    for name, expected in (("x", window()["x"][0]), ("gate", machine.recorded("gate")[0])):
        addresses = [o["address"] for o in operands if (o["base"], o["name"]) == ("frame", name)]
        begin = tape.frame + min(addresses)
        np.testing.assert_allclose(machine.heap[begin : begin + len(expected)], expected, rtol=1e-6)


def test_a_loaded_tape_is_listed_without_its_notes(tapes):
    for tape in tapes.values():
        rows, loaded = tape.listing(), Tape.from_bytes(tape.to_bytes()).listing()
        assert [(row["at"], row["op"]) for row in rows] == [
            (row["at"], row["op"]) for row in loaded
        ]
        assert {row["note"] for row in loaded} == {""} and any(row["note"] for row in rows)


def test_a_tape_says_what_it_is(tapes):
    assert repr(tapes["linear"]).startswith("<Tape of Linear: 165 parameters, adamw, a window of 6")
    assert "any window" in repr(tapes["cfc"])
    with pytest.raises(ValueError, match="op must be one of"):
        layout("jump")
