"""How the widgets look and fit: themes, widths, labels, focus."""

import pytest
from widget_page import CLOCK, CLOSED, ENGINE, GATE, LANDING, SINE, SOLVERS, WIRING

pytestmark = [pytest.mark.browser, pytest.mark.site]


@pytest.mark.parametrize(
    ("path", "having", "ink"),
    [
        (SINE, "scrub", "signal"),
        (GATE, "gate", "state"),
        (ENGINE, "one", "loss"),
        (CLOCK, "pulse", "exact"),
        (WIRING, "wiring", "input-0"),
        (CLOSED, "ode", "input"),
        (SOLVERS, "race", "solution"),
    ],
)
@pytest.mark.parametrize(
    ("dark", "colour"), [(False, "rgb(0, 0, 0)"), (True, "rgb(255, 255, 255)")]
)
def test_ink_follows_the_theme(open_widget, path, having, ink, dark, colour):
    widget = open_widget(path, having, dark=dark)
    stroke = "(element) => getComputedStyle(element).stroke"
    assert widget.part(ink).evaluate(stroke) == colour
    other = "light" if dark else "dark"
    widget.page.evaluate("(theme) => { document.documentElement.dataset.theme = theme; }", other)
    assert widget.part(ink).evaluate(stroke) != colour


@pytest.mark.parametrize(
    ("path", "having"),
    [
        (SINE, "scrub"),
        (GATE, "gate"),
        (LANDING, "freeze"),
        (ENGINE, "one"),
        (CLOCK, "pulse"),
        (WIRING, "wiring"),
        (CLOSED, "ode"),
        (SOLVERS, "race"),
    ],
)
@pytest.mark.parametrize("width", [360, 800])
def test_widget_fits_its_column(open_widget, path, having, width):
    widget = open_widget(path, having, width=width)
    if having == "scrub":
        widget.slide("scrub", 650)
    wide = widget.box.evaluate(
        """(box) => {
            const right = box.getBoundingClientRect().right + 1;
            return [...box.querySelectorAll("*")].filter((e) => {
                const { width, right: end } = e.getBoundingClientRect();
                return !e.closest("[data-name=frame], .unseen") && width && end > right;
            }).map((e) => e.outerHTML.slice(0, 120));
        }"""
    )
    assert wide == []
    assert widget.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    sizes = widget.box.evaluate(
        """(box) => [...box.querySelectorAll("svg text")].map(
            (e) => parseFloat(getComputedStyle(e).fontSize))"""
    )
    assert min(sizes) >= 11, "text keeps its size"


@pytest.mark.parametrize(
    ("path", "having"),
    [
        (SINE, "scrub"),
        (GATE, "gate"),
        (ENGINE, "one"),
        (CLOCK, "pulse"),
        (CLOSED, "ode"),
        (SOLVERS, "race"),
        (WIRING, "wiring"),
    ],
)
def test_every_control_has_a_name_and_shows_focus(open_widget, path, having):
    widget = open_widget(path, having)
    nameless = widget.box.evaluate(
        """(box) => [...box.querySelectorAll("input, button, select, [role=slider]")].filter((e) =>
            !e.getAttribute("aria-label") && !e.labels?.[0]?.textContent.trim()
            && !(e.tagName === "BUTTON" && e.textContent.trim())).map((e) => e.outerHTML)"""
    )
    assert nameless == []
    first = widget.box.locator("input, button, [role=slider]").first
    plain = first.evaluate("(e) => getComputedStyle(e).outline + getComputedStyle(e).stroke")
    first.focus()
    widget.page.keyboard.press("Tab")
    widget.page.keyboard.press("Shift+Tab")
    focused = first.evaluate("(e) => getComputedStyle(e).outline + getComputedStyle(e).stroke")
    assert focused != plain
