"""The closed form's widget in Chromium, on a page of its own: its numbers are Python's."""

import re

import bare_page
import numpy as np
import pytest
from widget_page import Widget, changed, points

from liquidlib import ClosedForm, closed_form, ltc_neuron

pytestmark = pytest.mark.browser

TIMES = np.linspace(0, 10, 401)
SETTINGS = [
    {},
    {"rest": "A"},
    {"kind": "constant", "amplitude": -2.0, "A": -0.5, "x0": 1.0, "w_tau": 2.0},
    {"kind": "step", "amplitude": 5.0, "rest": "A", "x0": 0.25, "A": -1.0, "w_tau": 0.0},
    {"kind": "step", "amplitude": -3.0, "w_tau": 0.1},
    {"frequency": 6.0, "amplitude": 6.0, "rest": "A", "w_tau": 0.3},
]


def expected(widget):
    """Return potentials, what the formula says, and the bound, at the picture's points."""

    def drive(t):
        size = widget.amplitude
        steps = -size if t < 5 else size
        sine = size * np.sin(widget.frequency * t)
        return {"constant": size, "step": steps, "sine": sine}[widget.kind]

    given = {"w_tau": widget.w_tau, "A": widget.A, "x0": widget.x0}
    rest = widget.A if widget.rest == "A" else 0.0
    x = ltc_neuron(TIMES, drive, **given, rest=rest)
    bound = abs(widget.x0 - widget.A) * np.exp(-widget.w_tau * TIMES)
    return x, closed_form(TIMES, drive, **given), bound


@pytest.fixture
def show(visit_widgets, tmp_path):
    """Open a page with a widget of these settings; return both."""

    def open_page(width=1000, dark=False, **settings):
        widget = ClosedForm(**settings)
        path = bare_page.write(tmp_path / "page.html", [widget])
        page = visit_widgets(path.as_uri(), width, dark)
        box = page.locator('.liquid-widget[data-state="ready"]')
        box.wait_for()
        return Widget(page, box), widget

    return open_page


def numbers(page):
    said = page.text("said").replace("\N{MINUS SIGN}", "-")
    return [float(n) for n in re.findall(r"-?\d+\.\d+", said)]


@pytest.mark.parametrize("settings", SETTINGS)
def test_the_numbers_are_those_of_python(show, settings):
    page, widget = show(**settings)
    x, formula, bound = expected(widget)
    error = np.abs(x - formula)
    said = numbers(page)
    # a solver that hears a jump within its step is off by a little
    assert said[0] == pytest.approx(error.max(), abs=0.003)
    assert error[np.argmin(np.abs(TIMES - said[1]))] == pytest.approx(error.max(), abs=0.003)
    assert said[2:4] == pytest.approx([formula[0], x[0]], abs=0.0006)
    end = said[-2:] if "within" in page.text("said") else said[-3:-1]
    assert end == pytest.approx([formula[-1], x[-1]], abs=0.003)
    beyond = error > bound + 1e-4
    assert ("beyond" in page.text("said")) == beyond.any()
    if beyond.any():
        assert said[-1] == pytest.approx(TIMES[np.argmax(beyond)], abs=0.03)


@pytest.mark.parametrize("settings", SETTINGS)
def test_the_lines_are_those_of_python(show, settings):
    page, widget = show(**settings)
    x, formula, bound = expected(widget)
    zero, one = (float(page.attribute(f"tick x {v}", "y")) for v in (0, 1))
    for name, values in (("ode", x), ("formula", formula)):
        drawn = np.array(points(page.attribute(name)))
        assert len(drawn) == len(TIMES)
        heights = (drawn[:, 1] + 4 - zero) / (one - zero)
        np.testing.assert_allclose(heights, values, atol=0.004)
    drawn, floor = np.array(points(page.attribute("bound"))), float(page.attribute("tick e 0", "y"))
    heights = floor - 4 - drawn[:, 1]
    np.testing.assert_allclose(heights / heights[0], bound / bound[0], atol=0.002)


@pytest.mark.parametrize(
    ("key", "value", "still"),
    [
        ("w_tau", 2, {"input"}),
        ("A", 0.2, {"input"}),
        ("x0", 0.5, {"input"}),
        ("amplitude", -1, {"level", "bound"}),
        ("frequency", 5, {"level", "bound"}),
    ],
)
@pytest.mark.parametrize("by", ["keyboard", "value"])
def test_a_slider_changes_the_picture_and_python(show, key, value, still, by):
    page, _ = show()
    before, said, old = page.shot(), page.text("said"), page.get(key)
    if by == "keyboard":
        page.part(key).focus()
        page.page.keyboard.press("ArrowLeft" if key == "A" else "ArrowRight")
    else:
        page.slide(key, value)
    moved = changed(before, page.shot())
    assert moved >= {"formula", "error"} and not moved & still
    assert page.get(key) != old and page.text("said") != said


def test_the_choices_change_the_picture_and_python(show):
    page, _ = show()
    before, said = page.shot(), page.text("said")
    page.part("rest").select_option("A")
    assert page.get("rest") == "A" and "within" in page.text("said") and page.text("said") != said
    moved = changed(before, page.shot())
    assert moved >= {"ode", "error"} and not moved & {"formula", "input", "bound"}
    assert page.part("frequency").is_enabled()
    for kind in ("constant", "step"):
        before = page.shot()
        page.part("kind").select_option(kind)
        assert page.get("kind") == kind and page.part("frequency").is_disabled()
        assert changed(before, page.shot()) >= {"input", "ode", "formula"}


@pytest.mark.parametrize("width", [360, 900])
@pytest.mark.parametrize("dark", [False, True])
def test_it_fits_and_follows_the_theme(show, width, dark):
    page, _ = show(width, dark)
    assert page.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    colour = page.part("input").evaluate("(e) => getComputedStyle(e).stroke")
    assert colour == ("rgb(255, 255, 255)" if dark else "rgb(0, 0, 0)")
    assert page.part("ode").evaluate("(e) => getComputedStyle(e).stroke") == "rgb(0, 158, 115)"
    nameless = page.box.evaluate(
        """(box) => [...box.querySelectorAll("input, select")].filter(
            (e) => !e.labels?.[0]?.textContent.trim()).length"""
    )
    assert nameless == 0
    assert page.part("picture").get_attribute("aria-label") == page.text("said")
