"""The widgets' Python side: what they take, what they hand to the page, and live training."""

import re
from dataclasses import replace

import numpy as np
import pytest
from traitlets import TraitError

from liquidlib import load_stored, lock_on, published, track
from liquidlib.widgets import Gate, TapeStepper, Tracking

SECONDS = 60  # the longest a test waits for the training thread


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


# Tracking: what it shows


def test_tracking_hands_over_the_runs_unchanged(runs):
    widget = Tracking(runs)
    steps = len(runs[0].clean)
    np.testing.assert_array_equal(floats(widget.signal), np.float32(runs[0].clean))
    guesses = floats(widget.predictions).reshape(-1, steps)
    seen = floats(widget.observed).reshape(-1, steps)
    for run, guess, known in zip(runs, guesses, widget.runs, strict=True):
        np.testing.assert_array_equal(guess, np.float32(run.predictions))
        np.testing.assert_array_equal(seen[known["observed"]], np.float32(run.targets))
        assert known["lock_on"] == lock_on(run.errors)
        assert (known["label"], known["model"]) == ("Linear", "linear")
        assert (known["parameters"], known["lr"], known["noise"]) == (83, 0.01, run.noise)
    assert widget.models == ["Linear"]
    assert (widget.lr, widget.noise) == (0.01, 0.0)


def test_tracking_shows_the_stored_grid():
    grid = load_stored("grid")
    widget = Tracking()
    steps = len(grid[0].clean)
    assert len(widget.runs) == len(grid) >= 27
    assert len(widget.signal) == 4 * steps
    assert len(widget.predictions) == 4 * steps * len(grid)
    for key in ("lr", "noise", "label"):
        assert len({run[key] for run in widget.runs}) >= 3
    assert len({run["observed"] for run in widget.runs}) == len({run.noise for run in grid})
    assert widget.models == list(dict.fromkeys(run.label for run in grid))
    assert "published set-up, one seed" in widget.source


def test_tracking_keeps_a_diverged_run(runs):
    gone = runs[0].predictions.copy()
    gone[100:] = np.nan
    widget = Tracking([replace(runs[0], predictions=gone)])
    assert np.isnan(floats(widget.predictions)[100:]).all()


def test_tracking_tells_seeds_apart(runs):
    widget = Tracking([runs[0], replace(runs[0], seed=1)])
    assert widget.models == ["Linear, seed 0", "Linear, seed 1"]
    assert "seeds 0, 1" in widget.source


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda runs: [], "runs must hold at least one run, got none"),
        (lambda runs: [runs[0], object()], r"runs\[1\] must have name, label, .*; it lacks name"),
        (
            lambda runs: [runs[0], replace(runs[1], clean=runs[1].clean[:-1])],
            r"runs\[1\].clean must have shape \(steps,\) = \(150,\), got \(149,\)",
        ),
        (
            lambda runs: [replace(runs[0], predictions=runs[0].predictions[None])],
            r"runs\[0\].predictions must have shape \(steps,\) = \(150,\), got \(1, 150\)",
        ),
        (
            lambda runs: [runs[0], replace(runs[1], clean=runs[1].clean + 1)],
            r"runs must share the clean signal: that of runs\[1\] differs from runs\[0\]",
        ),
        (
            lambda runs: [runs[0], runs[0]],
            r"runs must differ in label, lr, noise or seed: runs\[1\] and runs\[0\]",
        ),
    ],
)
def test_tracking_says_what_is_wrong_with_the_runs(runs, change, message):
    with pytest.raises(ValueError, match=message):
        Tracking(change(runs))


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("lr", 0.5, "lr must be one of 0.01, got 0.5"),
        ("noise", 0.1, "noise must be one of 0, 0.2, got 0.1"),
        ("models", ["GRU"], "models must be among 'Linear', got 'GRU'"),
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


# Tracking: live training. The page's messages arrive as ipywidgets hands them over.


class Page:
    """Stands for the page: sends messages to a widget and keeps what comes back."""

    def __init__(self, widget):
        self.widget, self.heard = widget, []
        widget.send = lambda content, buffers=(): self.heard.append((content, list(buffers)))

    def send(self, **content):
        self.widget._handle_custom_msg(content, [])

    def wait(self):
        self.widget._thread.join(SECONDS)
        assert not self.widget._thread.is_alive()

    def kinds(self):
        return [content["kind"] for content, _ in self.heard]

    def series(self):
        """Return clean, observed and prediction, (3, steps), of the steps sent so far."""
        chunks = [(c["first"], b) for c, b in self.heard if c["kind"] == "steps"]
        parts = [np.frombuffer(buffers[0], np.float32).reshape(3, -1) for _, buffers in chunks]
        sizes = np.cumsum([0] + [part.shape[1] for part in parts])
        assert [first for first, _ in chunks] == list(sizes[:-1])
        return np.concatenate(parts, axis=1)


@pytest.fixture
def page(runs):
    page = Page(Tracking(runs))
    yield page
    page.widget.close()


def test_live_says_that_a_kernel_is_there(page):
    page.send(kind="hello")
    assert page.heard[0][0]["kind"] == "ready"
    assert "Linear" in page.heard[0][0]["models"]


def test_live_run_streams_the_published_run(page, runs):
    page.send(kind="run", model="Linear", lr=0.01, noise=0.2)
    page.wait()
    assert page.kinds()[0] == "start"
    assert page.kinds()[-1] == "end"
    row = page.heard[0][0]["row"]
    assert (row["label"], row["model"], row["parameters"]) == ("Linear", "linear", 83)
    clean, observed, predictions = page.series()
    np.testing.assert_allclose(predictions, runs[1].predictions, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(observed, runs[1].targets, atol=1e-6)
    np.testing.assert_allclose(clean, runs[1].clean, atol=1e-6)
    last = [content for content, _ in page.heard if content["kind"] == "steps"][-1]
    assert last["lock_on"] == lock_on(predictions - clean)
    assert last["rate"] > 0
    np.testing.assert_array_equal(page.widget.run.predictions, predictions)


def test_live_run_stops(page):
    page.send(kind="run", model="CfC", lr=0.01, noise=0)
    page.send(kind="stop")
    page.wait()
    assert page.kinds()[-1] == "end"
    assert 1 <= page.widget.run.steps < 150
    assert page.series().shape == (3, page.widget.run.steps)


def test_live_run_ends_when_another_begins(page):
    page.send(kind="run", model="CfC", lr=0.01, noise=0)
    first = page.widget._thread
    page.send(kind="run", model="Linear", lr=0.003, noise=0)
    assert not first.is_alive()
    page.wait()
    assert page.kinds().count("start") == page.kinds().count("end") == 2
    assert (page.widget.run.name, page.widget.run.lr) == ("linear", 0.003)
    assert page.widget.run.steps == 150


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"lr": -1}, "lr must be a finite number in (0, inf), got -1"),
        ({"lr": None}, "lr must be a finite number in (0, inf), got None"),
        ({"noise": -0.1}, "noise must be a finite number in [0, inf), got -0.1"),
        ({"model": "GRU"}, "model must be one of"),
    ],
)
def test_live_run_reports_what_went_wrong(page, change, message):
    page.send(**({"kind": "run", "model": "Linear", "lr": 0.01, "noise": 0} | change))
    page.wait()
    assert page.kinds() == ["error"]
    assert message in page.heard[0][0]["text"]
    assert page.widget.run is None


def test_closing_ends_the_live_run(page):
    page.send(kind="run", model="CfC", lr=0.01, noise=0)
    page.widget.close()
    assert not page.widget._thread.is_alive()


# What the page gets


@pytest.mark.parametrize(
    ("widget", "bytes_allowed"), [(Gate, 12_000), (Tracking, 21_000), (TapeStepper, 27_000)]
)
def test_script_is_small_and_keeps_to_itself(widget, bytes_allowed):
    script = str(widget._esm)
    assert len(script.encode()) < bytes_allowed
    assert script.count("export default") == 1
    for forbidden in (r"https?:", r"\beval\b", r"\bFunction\b", r"\bimport\b", r"\bfetch\b"):
        assert not re.search(forbidden, script), forbidden
    assert not re.search(r"https?:|@import|url\(", str(widget._css))


@pytest.mark.parametrize("widget", [Gate, Tracking, TapeStepper])
def test_style_is_scoped_and_holds_both_themes(widget):
    css = re.sub(r"/\*.*?\*/", "", str(widget._css), flags=re.S)
    rules = re.sub(r"@(media|container)[^{]*\{", "", css)
    for selector in re.findall(r"([^{}]+)\{", rules):
        assert all(".liquid" in one for one in re.split(r",(?![^(]*\))", selector)), selector
    for theme in ('[data-theme="dark"]', '[data-jp-theme-light="false"]', "prefers-color-scheme"):
        assert theme in css
    assert "#0072B2" in css
