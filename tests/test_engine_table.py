"""The engine's stored benchmark: it is whole, and what does not depend on the machine holds."""

import json
import sys

import numpy as np
import pytest
import torch
from conftest import HTML, ROOT

from liquidlib import Machine, NoCompiler, count_parameters, models

sys.path.insert(0, str(ROOT / "benchmarks"))
import cases
import engine

STORED = json.loads(engine.FILE.read_text(encoding="utf-8"))
ROWS = {(row["model"], row["size"]): row for row in STORED["models"]}
# The other long tapes take most of a minute to lower.
LONG = ("torch.nn.LSTM", "torch.nn.GRU", "ncps.torch.CfC")
AGAIN = [case for case in cases.cases() if case.name not in LONG]


@pytest.fixture(autouse=True)
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def test_it_names_what_made_it():
    assert STORED["command"] == "python benchmarks/engine.py"
    named = {"liquidlib", "torch", "python", "ncps", "wasmtime", "compiler", "processor"}
    assert STORED["versions"].keys() == named
    assert (STORED["seed"], STORED["rounds"]) == (cases.SEED, engine.ROUNDS)


def test_every_case_has_a_row_and_every_model_a_case_or_a_refusal():
    assert [*ROWS] == [(case.name, case.size) for case in cases.cases()]
    refused = {row["what"] for row in STORED["refused"]}
    for info in models():
        shown = refused if info.model.adaptive else {name for name, _ in ROWS}
        assert info.model.label in shown


def test_every_row_is_exact():
    assert all(row["deviation"] <= 1e-5 for row in STORED["models"])


@pytest.mark.parametrize("case", AGAIN, ids=lambda case: f"{case.name} {case.size}")
def test_a_case_lowers_to_what_is_stored_and_computes_what_pytorch_does(case):
    stored = ROWS[case.name, case.size]
    row, model, tape = cases.described(case)
    assert row.pop("tape_kb") == pytest.approx(stored["tape_kb"], rel=0.02)  # other zlibs
    assert row == {name: stored[name] for name in row}
    assert row["loops"] == getattr(model, "recurrent", False)
    assert row["parameters"] == count_parameters(model)
    for vm in ("native", "wasm"):
        try:
            Machine(tape, vm=vm)
        except NoCompiler:
            continue
        assert engine.deviation(model, tape, vm) <= 1e-5


def test_the_ratios_compare_equal_networks():
    sides = [engine.NATIVE, engine.WASM, engine.NCPS, engine.OURS, engine.NN_LSTM]
    pairs = [(row["model"], row["by"]) for row in STORED["ratios"]]
    assert pairs == [(model, by) for model in engine.RATIOS for by in sides]
    for at, (hidden_size, options) in enumerate(engine.RATIOS.values()):
        rows = STORED["ratios"][at * len(sides) :][: len(sides)]
        parameters = count_parameters(cases.ncps_cfc(hidden_size, **options))
        assert {row["parameters"] for row in rows[:-1]} == {parameters}
        assert rows[-1]["parameters"] == count_parameters(cases.lstm_of(parameters))
        assert rows[-1]["parameters"] == pytest.approx(parameters, rel=0.02)
        for row in rows:
            fastest = rows[0]["steps"]["best"]
            assert row["native_times"]["best"] == pytest.approx(
                fastest / row["steps"]["best"], rel=1e-3
            )


def test_the_targets_are_those_of_the_stored_rows():
    assert engine.targets(STORED) == STORED["targets"]
    asked = [row["asked"].rpartition(" ")[0] for row in STORED["targets"]]
    times, steps, sizes = ["≥ 40", "≥ 25", "≥ 10", "≥ 5", "≥ 1.5"], ["≥ 1,200", "≥ 850", "≥ 250"], 3
    shares = ["≤ 0.7", "≤ 1.0", *["≤ 0.5"] * 5]
    assert asked[:-sizes] == times + steps + shares
    for row in STORED["targets"]:
        sign, bound = row["asked"].split()[:2]
        bound = float(bound.replace(",", ""))
        holds = row["median"] <= bound if sign == "≤" else row["median"] >= bound
        assert (row["met"] == "yes") == holds


def test_both_peers_are_the_same_network():
    for peer, row in zip(engine.PEERS, STORED["peers"], strict=True):
        by, parameters = engine.sides(peer)
        losses = [step() for step in by.values()]  # later they differ: ncps has no softplus
        np.testing.assert_allclose(*losses, rtol=1e-4, err_msg=f"{peer.model} {peer.size}")
        told = {"model", "size", "batch", "steps"}
        assert {name: row[name] for name in told} == {name: getattr(peer, name) for name in told}
        assert row["parameters"] == parameters


def test_what_is_refused_is_still_refused_in_these_words():
    assert engine.refused() == STORED["refused"]


@pytest.mark.site
def test_the_page_shows_every_row():
    from bs4 import BeautifulSoup

    page = BeautifulSoup((HTML / "book" / "engine.html").read_text(encoding="utf-8"), "html.parser")
    tables = [len(table.select("tbody tr")) for table in page.select("article table")]
    names = ("ratios", "models", "models", "peers", "refused", "chromium", "targets")
    assert tables == [len(STORED[name]) for name in names]
