"""The widgets' Python side: what they take, what they hand to the page."""

import re
from dataclasses import replace

import numpy as np
import pytest
from traitlets import TraitError

from liquidlib import load_stored, lock_on, published, track
from liquidlib.widgets import (
    ClosedForm,
    Gate,
    SolverRace,
    StepSize,
    SweepMap,
    TapeStepper,
    Tracking,
    WiringEditor,
)


@pytest.fixture(scope="module")
def runs():
    """Two linear runs of 150 steps, noise-free and noisy."""
    return [track(*published("linear", 0, noise=noise), 150) for noise in (0.0, 0.2)]


def floats(data):
    return np.frombuffer(data, np.float32)


# Gate


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        ("g1", 1.5, r"[-1, 1]"),
        ("g2", -1.01, r"[-1, 1]"),
        ("g2", float("nan"), r"[-1, 1]"),
        ("dt", -0.1, r"[0, inf)"),
        ("dt", float("inf"), r"[0, inf)"),
        ("a", float("nan"), r"(-inf, inf)"),
        ("b", float("inf"), r"(-inf, inf)"),
    ],
)
def test_gate_names_the_value_that_is_out_of_range(name, value, allowed):
    message = re.escape(f"{name} must be a finite number in {allowed}, got {value!r}")
    with pytest.raises(TraitError, match=message):
        Gate(**{name: value})
    gate = Gate()
    before = getattr(gate, name)
    with pytest.raises(TraitError, match=message):
        setattr(gate, name, value)
    assert getattr(gate, name) == before


def test_gate_refuses_what_is_no_number():
    with pytest.raises(TraitError, match="g1"):
        Gate(g1="high")


def test_gate_takes_the_bounds():
    gate = Gate(g1=-1, g2=1, a=-3, b=0, dt=0)
    assert [gate.g1, gate.g2, gate.a, gate.b, gate.dt] == [-1, 1, -3, 0, 0]


def test_gate_takes_what_the_page_sends_and_undoes_what_is_not_allowed():
    gate = Gate()
    gate.set_state({"g1": 0.25, "dt": 3.0})
    assert (gate.g1, gate.dt) == (0.25, 3.0)
    with pytest.raises(TraitError):
        gate.set_state({"dt": -1.0})
    assert gate.dt == 3.0


# The step size


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        ("step", 0.0, "[0.001, 8]"),
        ("step", 8.1, "[0.001, 8]"),
        ("step", float("nan"), "[0.001, 8]"),
        ("weight", -0.1, "[0, inf)"),
        ("weight", float("inf"), "[0, inf)"),
    ],
)
def test_step_size_names_the_value_that_is_out_of_range(name, value, allowed):
    message = re.escape(f"{name} must be a finite number in {allowed}, got {value!r}")
    with pytest.raises(TraitError, match=message):
        StepSize(**{name: value})
    widget = StepSize()
    before = getattr(widget, name)
    with pytest.raises(TraitError, match=message):
        widget.set_state({name: value})
    assert getattr(widget, name) == before


def test_step_size_takes_the_bounds_and_what_the_page_sends():
    widget = StepSize(step=8, weight=0)
    assert (widget.step, widget.weight) == (8, 0)
    widget.set_state({"step": 0.001, "weight": 2.5})
    assert (widget.step, widget.weight) == (0.001, 2.5)


# The race of the solvers


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("budget", 48, "budget must be a power of two from 4 to 2048, got 48"),
        ("budget", 4096, "budget must be a power of two from 4 to 2048, got 4096"),
        ("weight", 0.5, "weight must be a finite number in [1, 200], got 0.5"),
        ("weight", float("nan"), "weight must be a finite number in [1, 200], got nan"),
        ("frequency", 5.0, "frequency must be a finite number in [0.1, 4], got 5.0"),
        ("wanted", 0.0, "wanted must be a finite number in [1e-08, 1], got 0.0"),
    ],
)
def test_solver_race_names_the_value_that_is_out_of_range(name, value, message):
    with pytest.raises(TraitError, match=re.escape(message)):
        SolverRace(**{name: value})
    widget = SolverRace()
    before = getattr(widget, name)
    with pytest.raises(TraitError, match=re.escape(message)):
        widget.set_state({name: value})
    assert getattr(widget, name) == before


def test_solver_race_takes_the_bounds_and_what_the_page_sends():
    widget = SolverRace(budget=4, weight=200, frequency=4, wanted=1, held=True)
    assert (widget.budget, widget.weight, widget.frequency) == (4, 200, 4)
    widget.set_state({"budget": 2048, "weight": 1, "wanted": 1e-8, "held": False})
    assert (widget.budget, widget.weight, widget.wanted, widget.held) == (2048, 1, 1e-8, False)


# Tracking: what it shows


def test_tracking_hands_over_the_runs_unchanged(runs):
    widget = Tracking(runs)
    steps = len(runs[0].clean)
    np.testing.assert_array_equal(floats(widget.signal), np.float32(runs[0].clean))
    guesses = floats(widget.predictions).reshape(-1, steps)
    for run, guess, known in zip(runs, guesses, widget.runs, strict=True):
        np.testing.assert_array_equal(guess, np.float32(run.predictions))
        assert known["lock_on"] == lock_on(run.errors)
        assert known["model"] == "linear"
        assert (known["parameters"], known["lr"], known["noise"]) == (83, 0.01, run.noise)
    assert [known["observed"] for known in widget.runs] == [None, 0]
    np.testing.assert_array_equal(floats(widget.observed), np.float32(runs[1].targets))
    assert widget.models == ["Linear, noise 0", "Linear, noise 0.2"]
    assert widget.source == "Synthetic sine. Recorded runs: seed 0; lr 0.01; noise 0, 0.2."


def cut(run, steps):
    names = ("predictions", "targets", "clean")
    return replace(run, **{name: getattr(run, name)[:steps] for name in names})


def test_tracking_takes_runs_that_end_early(runs):
    widget = Tracking([cut(runs[1], 60), runs[0]])
    np.testing.assert_array_equal(floats(widget.signal), runs[0].clean)
    assert [known["steps"] for known in widget.runs] == [60, 150]
    for data, series in ((widget.predictions, "predictions"), (widget.observed, "targets")):
        row = floats(data)[:150]
        np.testing.assert_array_equal(row[:60], getattr(runs[1], series)[:60])
        assert np.isnan(row[60:]).all()
    widget.step = 149


def test_tracking_takes_stored_runs():
    stored = load_stored("seeds")
    widget = Tracking(stored)
    assert len(widget.runs) == len(stored) == len(set(widget.models))
    assert {known["observed"] for known in widget.runs} == {None}
    assert widget.observed == b""


def test_tracking_keeps_a_diverged_run(runs):
    gone = runs[0].predictions.copy()
    gone[100:] = np.nan
    widget = Tracking([replace(runs[0], predictions=gone)])
    assert np.isnan(floats(widget.predictions)[100:]).all()
    assert widget.runs[0]["steps"] == 150


@pytest.mark.parametrize(
    ("changes", "labels"),
    [
        ([{}], ["Linear"]),
        ([{}, {"label": "Other"}], ["Linear", "Other"]),
        ([{}, {"seed": 4294967295}], ["Linear, seed 0", "Linear, seed 4294967295"]),
        ([{}, {"lr": 0.003}], ["Linear, lr 0.01", "Linear, lr 0.003"]),
        (
            [{}, {"seed": 1, "lr": 0.003}, {"label": "Other", "lr": 1.0}],
            ["Linear, seed 0, lr 0.01", "Linear, seed 1, lr 0.003", "Other"],
        ),
    ],
)
def test_tracking_says_what_sets_equal_labels_apart(runs, changes, labels):
    assert Tracking([replace(runs[0], **change) for change in changes]).models == labels


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda runs: [], "runs must hold at least one run, got none"),
        (lambda runs: [runs[0], object()], r"runs\[1\] must have name, label, .*; it lacks name"),
        (
            lambda runs: [runs[0], replace(runs[1], clean=runs[1].clean[:-1])],
            r"runs\[1\].predictions must have shape \(steps,\) = \(149,\), got \(150,\)",
        ),
        (
            lambda runs: [replace(runs[0], predictions=runs[0].predictions[None])],
            r"runs\[0\].predictions must have shape \(steps,\) = \(150,\), got \(1, 150\)",
        ),
        (
            lambda runs: [cut(runs[0], 0)],
            r"runs\[0\].clean must have shape \(steps,\) = \(0,\), got \(0,\)",
        ),
        (
            lambda runs: [runs[0], replace(runs[1], clean=runs[1].clean + 1)],
            r"clean signal: that of runs\[1\] is not the beginning of that of runs\[0\]",
        ),
        (
            lambda runs: [runs[0], runs[0]],
            r"runs must differ in label, seed, lr or noise: runs\[0\] and runs\[1\]",
        ),
    ],
)
def test_tracking_says_what_is_wrong_with_the_runs(runs, change, message):
    with pytest.raises(ValueError, match=message):
        Tracking(change(runs))


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("models", ["GRU"], "models must be among 'Linear, noise 0', 'Linear, noise 0.2', got"),
        ("step", 150, "step must be from 0 to 149, got 150"),
        ("step", -1, "step must be from 0 to 149, got -1"),
    ],
)
def test_tracking_refuses_what_no_run_has(runs, name, value, message):
    widget = Tracking(runs)
    before = getattr(widget, name)
    with pytest.raises(TraitError, match=re.escape(message)):
        setattr(widget, name, value)
    assert getattr(widget, name) == before


# The closed form


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("w_tau", -0.1, "w_tau must be a finite number in [0, 3], got -0.1"),
        ("A", 1.01, "A must be a finite number in [-1, 1], got 1.01"),
        ("x0", float("nan"), "x0 must be a finite number in [-1, 1], got nan"),
        ("amplitude", 7.0, "amplitude must be a finite number in [-6, 6], got 7.0"),
        ("frequency", 0.0, "frequency must be a finite number in [0.1, 6], got 0.0"),
        ("kind", "noise", "kind must be one of 'constant', 'step', 'sine', got 'noise'"),
        ("rest", "1", "rest must be one of '0', 'A', got '1'"),
    ],
)
def test_closed_form_names_the_value_that_is_not_allowed(name, value, message):
    with pytest.raises(TraitError, match=re.escape(message)):
        ClosedForm(**{name: value})
    widget = ClosedForm()
    before = getattr(widget, name)
    with pytest.raises(TraitError, match=re.escape(message)):
        widget.set_state({name: value})
    assert getattr(widget, name) == before


def test_closed_form_takes_the_bounds_and_what_the_page_sends():
    widget = ClosedForm(w_tau=0, A=-1, x0=1, rest="A", kind="step", amplitude=6, frequency=0.1)
    assert (widget.w_tau, widget.A, widget.x0, widget.rest) == (0, -1, 1, "A")
    widget.set_state({"kind": "constant", "amplitude": -2.5})
    assert (widget.kind, widget.amplitude) == ("constant", -2.5)


# What the page gets


@pytest.mark.parametrize(
    ("widget", "bytes_allowed"),
    [
        (ClosedForm, 12_000),
        (Gate, 12_000),
        (SolverRace, 24_000),
        (StepSize, 13_000),
        (SweepMap, 13_000),
        (Tracking, 21_500),
        (TapeStepper, 27_000),
        (WiringEditor, 28_000),
    ],
)
def test_script_is_small_and_keeps_to_itself(widget, bytes_allowed):
    script = str(widget._esm)
    assert len(script.encode()) < bytes_allowed
    assert script.count("export default") == 1
    for forbidden in (r"https?:", r"\beval\b", r"\bFunction\b", r"\bimport\b", r"\bfetch\b"):
        assert not re.search(forbidden, script), forbidden
    assert not re.search(r"https?:|@import|url\(", str(widget._css))


@pytest.mark.parametrize(
    "widget",
    [ClosedForm, Gate, SolverRace, StepSize, SweepMap, Tracking, TapeStepper, WiringEditor],
)
def test_style_is_scoped_and_holds_both_themes(widget):
    css = re.sub(r"/\*.*?\*/", "", str(widget._css), flags=re.S)
    rules = re.sub(r"@(media|container)[^{]*\{", "", css)
    for selector in re.findall(r"([^{}]+)\{", rules):
        assert all(".liquid" in one for one in re.split(r",(?![^(]*\))", selector)), selector
    for theme in ('[data-theme="dark"]', '[data-jp-theme-light="false"]', "prefers-color-scheme"):
        assert theme in css
    assert "#0072B2" in css
