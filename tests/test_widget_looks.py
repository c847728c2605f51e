"""How the widgets look and fit: themes, widths, labels, focus."""

import pytest
from widget_page import ENGINE, GATE, LANDING, SINE

pytestmark = [pytest.mark.browser, pytest.mark.site]


@pytest.mark.parametrize(
    ("path", "having", "ink"),
    [(SINE, "play", "signal"), (GATE, "gate", "state"), (ENGINE, "one", "loss")],
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
    ("path", "having"), [(SINE, "play"), (GATE, "gate"), (LANDING, "freeze"), (ENGINE, "one")]
)
@pytest.mark.parametrize("width", [360, 800])
def test_widget_fits_its_column(open_widget, path, having, width):
    widget = open_widget(path, having, width=width)
    if having == "play":
        widget.slide("step", 650)
    wide = widget.box.evaluate(
        """(box) => {
            const right = box.getBoundingClientRect().right + 1;
            return [...box.querySelectorAll("*")].filter((e) => {
                const { width, right: end } = e.getBoundingClientRect();
                return !e.closest("[data-name=window], .unseen") && width && end > right;
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


@pytest.mark.parametrize("width", [360, 1200])
def test_labels_do_not_overlap(open_widget, width):
    widget = open_widget(SINE, "play", width=width)
    for step in (5, 60, 200, 450, 719):
        widget.slide("step", step)
        tops = widget.box.evaluate(
            """(box) => [...box.querySelectorAll("[data-name=labels] text")].map(
                (e) => +e.getAttribute("y"))"""
        )
        gaps = [b - a for a, b in zip(sorted(tops), sorted(tops)[1:], strict=False)]
        assert len(tops) >= 4
        assert min(gaps) >= 15


@pytest.mark.parametrize(("path", "having"), [(SINE, "play"), (GATE, "gate"), (ENGINE, "one")])
def test_every_control_has_a_name_and_shows_focus(open_widget, path, having):
    widget = open_widget(path, having)
    nameless = widget.box.evaluate(
        """(box) => [...box.querySelectorAll("input, button, select, [role=slider]")].filter((e) =>
            !e.getAttribute("aria-label") && !e.labels?.[0]?.textContent.trim()
            && !(e.tagName === "BUTTON" && e.textContent.trim())).map((e) => e.outerHTML)"""
    )
    assert nameless == []
    first = widget.box.locator("button, [role=slider]").first
    plain = first.evaluate("(e) => getComputedStyle(e).outline + getComputedStyle(e).stroke")
    first.focus()
    widget.page.keyboard.press("Tab")
    widget.page.keyboard.press("Shift+Tab")
    focused = first.evaluate("(e) => getComputedStyle(e).outline + getComputedStyle(e).stroke")
    assert focused != plain
