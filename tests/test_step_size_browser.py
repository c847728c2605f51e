"""The step size on a page of its own: what is drawn and said are the solvers' own numbers."""

import re

import bare_page
import numpy as np
import pytest
import torch
from widget_page import SECOND_VIEW, Widget, changed, points

from liquidlib import StepSize
from liquidlib.models.solvers import SOLVERS

pytestmark = pytest.mark.browser

FACTORS = {
    "euler": lambda z: 1 - z,
    "rk4": lambda z: 1 - z + z**2 / 2 - z**3 / 6 + z**4 / 24,
    "fused": lambda z: 1 / (1 + z),
}
SETTINGS = [(0.22, 9.0), (0.05, 0.0), (0.1, 19.0), (0.3, 9.0), (0.5, 2.5), (0.13, 14.0)]


@pytest.fixture
def open_page(visit_widgets, tmp_path):
    def visit(width=900, dark=False, **settings):
        path = bare_page.write(tmp_path / "page.html", [StepSize(**settings)])
        page = visit_widgets(path.as_uri(), width, dark)
        box = page.locator('.liquid-widget[data-state="ready"]').first
        box.wait_for()
        return Widget(page, box)

    return visit


@pytest.fixture
def widget(open_page):
    return open_page()


def opened(step):
    """Return whether the synapse is open in each step: from about 1 to about 5, up to 8."""
    begin, end = np.floor(np.array([1, 5]) / step + 0.5)
    numbers = np.arange(int(8 / step + 1e-9))
    return (numbers >= begin) & (numbers < end)


def followed(name, step, weight):
    """Return a solver's states, by the LTC's own solvers."""
    v = torch.zeros(1, 1, dtype=torch.float64)
    states = [v.item()]
    for s in opened(step):
        push, rate = torch.tensor([[step * weight * s]]), torch.tensor([[step * (1 + weight * s)]])
        v = SOLVERS[name](lambda v, push=push, rate=rate: (push, rate), v)
        states.append(v.item())
    return np.array(states)


def solved(step, weight):
    """Return the exact state at the end of each step."""
    v, states = 0.0, [0.0]
    for s in opened(step):
        rate = 1 + weight * s
        v = weight * s / rate + (v - weight * s / rate) * np.exp(-rate * step)
        states.append(v)
    return np.array(states)


def drawn(widget, name):
    """Return times and states of a line, read off its pixels."""
    at = {
        tick: [float(widget.attribute(f"{of} {tick}", key)) for tick in ticks]
        for of, key, ticks, tick in (
            ("tick", "x", (0, 8), "time"),
            ("state-tick", "y", (0, 1), "state"),
        )
    }
    x, y = np.array(points(widget.attribute(name))).T
    (left, right), (zero, one) = at["time"], np.array(at["state"]) - 4
    return 8 * (x - left) / (right - left), (y - zero) / (one - zero)


@pytest.mark.parametrize(("step", "weight"), SETTINGS)
def test_lines_are_what_the_solvers_of_the_ltc_make(widget, step, weight):
    widget.set("step", step)
    widget.set("weight", weight)
    moments = step * np.arange(len(opened(step)) + 1)
    for name in FACTORS:
        times, states = drawn(widget, name)
        expected = followed(name, step, weight)
        np.testing.assert_allclose(times, moments, atol=0.01)
        shown = np.abs(expected) < 50  # others are drawn far outside
        np.testing.assert_allclose(states[shown], expected[shown], atol=0.01)
        assert (np.abs(states[~shown]) > 40).all()
    times, states = drawn(widget, "exact")
    assert len(times) == 801
    there = np.interp(moments[moments <= 8], times, states)
    np.testing.assert_allclose(there, solved(step, weight)[moments <= 8], atol=0.02)


@pytest.mark.parametrize(("step", "weight"), SETTINGS)
def test_words_say_the_numbers(widget, step, weight):
    widget.set("step", step)
    widget.set("weight", weight)
    z = step * (1 + weight)
    assert float(widget.text("z-text")) == pytest.approx(z, abs=0.0051)
    for name, factor in FACTORS.items():
        says = widget.text(f"{name}-says").replace("\u2212", "-")
        said = re.fullmatch(
            r"error × (-?[\d.]+) a step: ([a-z, ]+); largest ([\d.]+|above 1000)"
            r"(, outside the picture)?",
            says,
        )
        assert said, says
        assert float(said[1]) == pytest.approx(factor(z), abs=0.0051)
        expected = "stable" if abs(factor(z)) < 1 else "explodes"
        if abs(factor(z)) == 1:
            expected = "never comes to rest"
        elif expected == "stable" and factor(z) < 0:
            expected = "stable, in a zigzag"
        assert said[2] == expected
        states = followed(name, step, weight)
        error = np.abs(states - solved(step, weight)).max()
        if error >= 1000:
            assert said[3] == "above 1000"
        else:
            assert float(said[3]) == pytest.approx(error, rel=0.051)
        assert bool(said[4]) == bool((states > 1.35).any() or (states < -0.35).any())


def test_markers_stand_on_the_curves(widget):
    """Each dot lies where its solver's curve is above the product of step and rate."""
    for step in (0.02, 0.1, 0.2, 0.22):
        widget.set("step", step)
        place = widget.part("open").get_attribute("d")
        x = float(re.match(r"M([\d.]+)", place)[1])
        for name in FACTORS:
            curve = np.array(points(widget.attribute(f"{name}-factor")))
            y = float(widget.attribute(f"{name}-dot", "cy"))
            assert y == pytest.approx(np.interp(x, *curve.T), abs=0.6)
            assert float(widget.attribute(f"{name}-dot", "cx")) == pytest.approx(x, abs=0.1)
    limit = float(re.match(r"M\S+ ([\d.]+)", widget.attribute("limit"))[1])
    left, right = (float(widget.attribute(f"z-tick {z}", "x")) for z in (0, 4))
    for name, expected in (("euler", 2.0), ("rk4", 2.785)):
        x, y = np.array(points(widget.attribute(f"{name}-factor"))).T
        crossing = x[np.flatnonzero(y < limit - 0.2)[0]]
        assert 4 * (crossing - left) / (right - left) == pytest.approx(expected, abs=0.03)
    widget.set("weight", 40.0)
    assert widget.text("open-label") == "open, 9.0 →"


@pytest.mark.parametrize("key", ["step", "weight"])
@pytest.mark.parametrize("by", ["keyboard", "value"])
def test_sliders_move_the_picture(widget, key, by):
    before, value = widget.shot(), widget.get(key)
    if by == "keyboard":
        widget.part(key).focus()
        for _ in range(3):
            widget.page.keyboard.press("ArrowRight")
    else:
        widget.slide(key, {"step": 0.4, "weight": 3}[key])
    moved = changed(before, widget.shot())
    assert moved >= {"exact", "euler", "rk4", "fused", "open", "euler-dot"}
    assert not moved & {"euler-factor", "rk4-factor", "fused-factor", "limit"}
    assert widget.get(key) != value
    assert ("shut" in moved) == (key == "step"), "the rate at rest is the leak's"


def test_what_leaves_the_picture_is_clipped(open_page):
    widget = open_page(step=0.4, weight=15.0)
    _, states = drawn(widget, "euler")
    assert np.abs(states).max() > 10
    clip = widget.part("lines").get_attribute("clip-path")
    frame = widget.box.locator(re.match(r"url\((#.*)\)", clip)[1]).locator("rect")
    top, height = (float(frame.get_attribute(key)) for key in ("y", "height"))
    one, zero = (float(widget.attribute(f"state-tick {v}", "y")) - 4 for v in (1, 0))
    assert top < one < zero < top + height
    assert "outside the picture" in widget.text("euler-says")
    assert "outside the picture" not in widget.text("fused-says")


def test_a_value_beyond_the_slider_widens_it(open_page):
    widget = open_page(step=2.0, weight=50.0)
    assert (widget.part("step").input_value(), widget.part("weight").input_value()) == ("2", "50")
    assert widget.text("fused-says").startswith("error × 0.01 a step: stable")


@pytest.mark.parametrize("width", [360, 800])
@pytest.mark.parametrize("dark", [False, True])
def test_fits_and_follows_the_theme(open_page, width, dark):
    widget = open_page(width, dark)
    assert widget.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    wide = widget.box.evaluate(
        """(box) => {
            const right = box.getBoundingClientRect().right + 1;
            return [...box.querySelectorAll("*")].filter(
                (e) => e.getBoundingClientRect().right > right).map((e) => e.outerHTML);
        }"""
    )
    assert wide == []
    ink = widget.part("exact").evaluate("(e) => getComputedStyle(e).stroke")
    assert ink == ("rgb(255, 255, 255)" if dark else "rgb(0, 0, 0)")
    colours = {
        name: widget.part(name).evaluate("(e) => getComputedStyle(e).stroke") for name in FACTORS
    }
    assert colours["fused"] == "rgb(0, 158, 115)" and len(set(colours.values())) == 3


def test_every_control_and_the_picture_have_a_name(widget):
    for key in ("step", "weight"):
        assert widget.part(key).evaluate("(e) => e.labels[0].textContent")
    name = widget.attribute("picture", "aria-label")
    assert "2.20" in name and "explicit Euler explodes" in name and "fused stable" in name


def test_leaves_nothing_behind(widget):
    widget.box.evaluate(SECOND_VIEW, "(box) => box.model")
    copy = Widget(widget.page, widget.page.locator("#copy"))
    copy.slide("step", 0.3)
    assert widget.text("z-text") == "3.00"
    copy.box.evaluate("(box) => box.leave()")
    assert copy.box.inner_html() == ""
    widget.slide("step", 0.1)
    assert widget.text("z-text") == "1.00"
