"""The map of a sweep, Python's side: its numbers, its order, what it refuses."""

import json
import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from traitlets import TraitError

from liquidlib import Sweep, SweepMap, load_sweep, median_interval

INF, NAN = np.inf, np.nan
MEASURES = {"lock-on": "lock", "error": "error"}
STEPS = {  # model, lr, initial: the lock-ons of its seeds
    ("gru", 0.1, "own"): [7, 9, 8],
    ("gru", 0.01, "own"): [INF, INF, 30],
    ("cfc", 0.1, "own"): [3, 4, INF],
    ("cfc", 0.01, "old"): [INF, INF],
}
ERRORS = {("gru", 0.01, "own"): [NAN, NAN, 0.25], ("cfc", 0.01, "old"): [NAN, NAN]}


def made(**columns):
    """Return a sweep of the runs above, with further columns."""
    runs = [
        {"model": model, "lr": lr, "initial": initial, "layers": None, "seed": seed, "lock": step}
        | {"error": ERRORS.get((model, lr, initial), [0.5] * 9)[seed], "engine": "torch"}
        for (model, lr, initial), steps in STEPS.items()
        for seed, step in enumerate(steps)
    ]
    return Sweep(pd.DataFrame(runs).assign(**columns), {}, {})


def numbers(widget, *at):
    (cell,) = [cell for cell in widget.cells if cell["at"] == list(at)]
    return cell["numbers"]


def test_numbers_are_those_of_the_runs():
    widget = SweepMap(made(), measures=MEASURES)
    assert numbers(widget, 0, 0, 0) == [[8, 7, 9, 3, 0, 0], [0.5, 0.5, 0.5, 3, 0, 0]]
    assert numbers(widget, 0, 1, 0) == [[None, 30, None, 3, 2, 0], [0.25, 0.25, 0.25, 3, 0, 2]]
    assert numbers(widget, 1, 0, 0)[0] == [4, 3, None, 3, 1, 0]
    assert numbers(widget, 1, 1, 1) == [[None, None, None, 2, 2, 0], [None, None, None, 2, 0, 2]]
    assert all(type(one) is int for one in numbers(widget, 0, 0, 0)[0])


def test_numbers_of_a_stored_sweep():
    sweep = load_sweep("rates")
    table = sweep.table
    widget = SweepMap(sweep, measures={"lock-on": "lock_10", "worst": "worst"})
    assert len(widget.cells) == 70
    models, rates, initials = (table[name].unique() for name in ("model", "lr", "initial"))
    for cell in widget.cells:
        i, j, k = cell["at"]
        runs = table[(table.model == models[i]) & (table.lr == rates[j])]
        runs = runs[runs.initial == initials[k]]
        for column, (*three, seeds, never, without) in zip(
            ("lock_10", "worst"), cell["numbers"], strict=True
        ):
            there = runs[column].dropna()
            wanted = median_interval(there) if len(there) else (INF,) * 3
            assert tuple(INF if one is None else one for one in three) == wanted
            assert [seeds, never] == [40, np.isinf(there).sum()]
            assert without == 40 - len(there)


def test_order_is_that_of_the_table_and_of_the_measures():
    widget = SweepMap(made(), measures=dict(reversed(MEASURES.items())))
    assert [one["words"] for one in widget.settings] == [
        ["gru", "cfc"],
        ["0.1", "0.01"],
        ["own", "old"],
    ]
    assert widget.measures == ["error", "lock-on"]
    assert widget.measure == "error"
    turned = SweepMap(made(), "initial", "model", ["lr"], measures=MEASURES)
    assert [one["label"] for one in turned.settings] == ["initial", "model", "lr"]
    assert numbers(turned, 0, 1, 0) == numbers(SweepMap(made(), measures=MEASURES), 1, 0, 0)


def test_a_setting_without_runs_has_no_cell():
    widget = SweepMap(made(), measures=MEASURES)
    assert [cell["at"] for cell in widget.cells] == [[0, 0, 0], [0, 1, 0], [1, 0, 0], [1, 1, 1]]
    assert widget.at == [0, 0, 0]


def test_labels_are_words_for_values_and_for_names():
    labels = {"gru": "GRU", "lr": "learning rate", 0.01: "slow"}
    rows, columns, choice = SweepMap(made(), measures=MEASURES, labels=labels).settings
    assert rows == {"label": "model", "words": ["GRU", "cfc"], "says": ["GRU", "model cfc"]}
    assert columns["words"] == ["0.1", "slow"]
    assert columns["says"] == ["learning rate 0.1", "slow"]
    assert choice["says"] == ["initial own", "initial old"]


def test_address_is_asked_for_each_cell():
    asked = []

    def address(setting):
        asked.append(setting)
        return None if setting["model"] == "cfc" else f"#play?lr={setting['lr']}"

    widget = SweepMap(made(), measures=MEASURES, address=address)
    assert [cell["address"] for cell in widget.cells] == [
        "#play?lr=0.1",
        "#play?lr=0.01",
        None,
        None,
    ]
    assert asked[0] == {"model": "gru", "lr": 0.1, "initial": "own", "layers": None}


def test_what_the_page_gets_is_plain_json():
    widget = SweepMap(load_sweep("rates"), measures={"lock-on": "lock_10", "worst": "worst"})
    for name in ("settings", "measures", "cells", "measure", "at"):
        value = getattr(widget, name)
        assert json.loads(json.dumps(value, allow_nan=False)) == value


def test_refuses_what_is_no_sweep():
    with pytest.raises(TypeError, match="sweep must be a Sweep, got DataFrame"):
        SweepMap(made().table, measures=MEASURES)
    with pytest.raises(TypeError, match="address must return a string or None, got 3"):
        SweepMap(made(), measures=MEASURES, address=lambda setting: 3)


SETTINGS = "'model', 'lr', 'initial', 'layers'"


@pytest.mark.parametrize(
    ("columns", "given", "message"),
    [
        ({}, {"rows": "size"}, f"rows must be one of {SETTINGS}, got 'size'"),
        ({}, {"columns": "seed"}, f"columns must be one of {SETTINGS}, got 'seed'"),
        ({}, {"choose": ["lock"]}, f"choose must be one of {SETTINGS}, got 'lock'"),
        ({}, {"rows": "lr"}, "must all differ, got ['lr', 'lr', 'initial']"),
        ({"layers": [1] * 10 + [2]}, {}, "must tell all settings apart: 'layers' also differs"),
        (
            {},
            {"measures": {"lock-on": "late"}},
            "measures['lock-on'] must be one of 'lock', 'error', 'engine', got 'late'",
        ),
        (
            {},
            {"measures": {"by": "engine"}},
            "measures['by'] must name a column of numbers, got 'engine'",
        ),
        ({"lock": -1.0}, {}, "measures['lock-on'] must name numbers of at least 0, got 'lock'"),
        ({}, {"measures": {}}, "measures must hold at least one measure, got none"),
    ],
)
def test_says_what_is_wrong(columns, given, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        SweepMap(made(**columns), **{"measures": MEASURES} | given)


def test_refuses_an_empty_sweep():
    empty = replace(made(), table=made().table[:0])
    with pytest.raises(ValueError, match="sweep must hold at least one run, got none"):
        SweepMap(empty, measures=MEASURES)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("measure", "late", "measure must be one of 'lock-on', 'error', got 'late'"),
        ("at", [0, 2, 0], "at must be whole numbers from 0 below [2, 2, 2], got [0, 2, 0]"),
        ("at", [0, 0], "at must be whole numbers from 0 below [2, 2, 2], got [0, 0]"),
    ],
)
def test_refuses_what_is_not_on_the_map(name, value, message):
    widget = SweepMap(made(), measures=MEASURES)
    before = getattr(widget, name)
    with pytest.raises(TraitError, match=re.escape(message)):
        setattr(widget, name, value)
    assert getattr(widget, name) == before
