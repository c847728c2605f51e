"""The map of a sweep in Chromium, on a page of its own: what is drawn, said, chosen and linked."""

import re
from dataclasses import replace

import bare_page
import numpy as np
import pytest
from widget_page import SECOND_VIEW, Widget

from liquidlib import Playground, SweepMap, load_sweep

pytestmark = pytest.mark.browser

MODELS = {
    "cfc": "CfC",
    "cfc-mixed": "CfC with mixed memory",
    "lstm": "LSTM",
    "gru": "GRU",
    "linear": "Linear",
}
WIDTHS = {"linear": "linear"} | {name: f"{name}-32" for name in MODELS if name != "linear"}
LABELS = MODELS | {
    "lr": "learning rate",
    "initial": "first weights",
    "ordinary": "ordinary first weights",
    "published": "published first weights",
}
MEASURES = {"lock-on": "lock_10", "error at the end": "late", "largest error": "worst"}


def link(setting):
    if setting["model"] != "gru":
        return f"#play?lr={setting['lr']:g}&models={WIDTHS[setting['model']]}"


@pytest.fixture(scope="module")
def rates():
    """The stored sweep, without a cell: GRU at 0.1 from published weights."""
    sweep = load_sweep("rates")
    gone = (sweep.table.model == "gru") & (sweep.table.lr == 0.1)
    gone &= sweep.table.initial == "published"
    sweep = replace(sweep, table=sweep.table[~gone])
    return SweepMap(sweep, measures=MEASURES, labels=LABELS, address=link)


@pytest.fixture
def visit_map(rates, visit_widgets, tmp_path):
    """Open a page with the map first."""

    def visit(*others, width=1000, dark=False):
        path = bare_page.write(tmp_path / "page.html", [rates, *others])
        page = visit_widgets(path.as_uri(), width, dark)
        boxes = page.locator('.liquid-widget[data-state="ready"]')
        boxes.nth(len(others)).wait_for()
        return Widget(page, boxes.first)

    return visit


@pytest.fixture
def rate_map(visit_map):
    return visit_map()


def drawn(widget):
    """Return the cells' texts, (rows, columns)."""
    texts = widget.box.locator('[role="gridcell"]').all_text_contents()
    return [texts[i : i + 7] for i in range(0, 35, 7)]


def fills(widget):
    """Return the cells' colours, red green blue from 0 to 1, (35, 3)."""
    colours = widget.box.evaluate(
        """(box) => [...box.querySelectorAll('[role="gridcell"] rect')].map(
            (rect) => getComputedStyle(rect).fill)"""
    )
    found = [[float(one) for one in re.findall(r"[\d.]+", c.replace("srgb", ""))] for c in colours]
    found = np.array([one[:3] for one in found])
    return found if found.max() <= 1 else found / 255


def luminance(colours):
    linear = np.where(colours <= 0.04045, colours / 12.92, ((colours + 0.055) / 1.055) ** 2.4)
    return linear @ [0.2126, 0.7152, 0.0722]


def test_cells_hold_the_medians(rate_map):
    table = load_sweep("rates").table
    table = table[table.initial == "ordinary"]
    medians = table.groupby(["model", "lr"])["lock_10"].median()
    for row, model in zip(drawn(rate_map), MODELS, strict=True):
        assert [np.inf if one == "never" else float(one) for one in row] == list(medians[model])
    headers = rate_map.box.locator('[role="rowheader"]').all_text_contents()
    assert headers == list(MODELS.values())
    headers = rate_map.box.locator('[role="columnheader"]').all_text_contents()
    assert headers == ["0.0001", "0.0003", "0.001", "0.003", "0.01", "0.03", "0.1"]
    assert rate_map.text("columns-title") == "learning rate"


def test_choices_change_what_is_drawn(rate_map):
    before, legend = drawn(rate_map), rate_map.text("scale")
    rate_map.part("choice-0").select_option(label="published first weights")
    after = drawn(rate_map)
    assert after != before
    assert after[3][6] == "", "no runs"
    assert rate_map.get("at") == [0, 0, 1]
    assert "published first weights: lock-on 59.5" in rate_map.text("says")
    assert rate_map.text("scale") == legend, "one scale for all choices"
    rate_map.part("measure").select_option(label="largest error")
    assert rate_map.get("measure") == "largest error"
    assert drawn(rate_map)[4][5:] == ["\u2013", "\u2013"]
    assert rate_map.text("scale") != legend
    assert rate_map.part("never").is_hidden()
    rate_map.set("measure", "lock-on")
    rate_map.set("at", [0, 0, 0])
    assert drawn(rate_map) == before
    assert rate_map.part("choice-0").input_value() == "0"


def test_keys_move_through_the_grid(rate_map):
    rate_map.part("choice-0").focus()
    rate_map.page.keyboard.press("Tab")
    for key, place in [
        ("ArrowUp", (0, 0)),
        ("ArrowRight", (0, 1)),
        ("ArrowDown", (1, 1)),
        ("End", (1, 6)),
        ("ArrowRight", (1, 6)),
        ("ArrowLeft", (1, 5)),
        ("ArrowUp", (0, 5)),
        ("Home", (0, 0)),
    ]:
        rate_map.page.keyboard.press(key)
        cell = rate_map.part("cell-{}-{}".format(*place))
        assert cell.evaluate("(e) => e === document.activeElement")
        assert cell.evaluate("(e) => getComputedStyle(e.firstChild).strokeWidth") == "4px"
        assert rate_map.get("at")[:2] == list(place)
        stops = rate_map.box.locator('[role="gridcell"][tabindex="0"]')
        assert stops.count() == 1
        assert stops.get_attribute("aria-selected") == "true"
    rate_map.page.keyboard.press("Tab")
    assert rate_map.part("link").evaluate("(e) => e === document.activeElement")


def test_line_says_the_numbers_of_the_cell(rate_map):
    wanted = "CfC, learning rate 0.001, ordinary first weights: lock-on 24.5 ("
    rate_map.part("cell-0-2").click()
    assert rate_map.text("says").startswith(wanted)
    assert re.search(r"\([\d.]+ to [\d.]+\), 40 seeds$", rate_map.text("says"))
    rate_map.part("cell-2-1").hover()
    assert rate_map.text("says").endswith("lock-on never, 40 seeds, 37 of them never")
    rate_map.part("cell-2-0").hover()
    assert rate_map.text("says").endswith("lock-on never, 40 seeds")
    rate_map.page.mouse.move(5, 5)
    assert rate_map.text("says").startswith(wanted), "back to the selected cell"
    rate_map.part("measure").select_option(label="largest error")
    rate_map.part("cell-2-1").click()
    assert rate_map.text("says").endswith("40 seeds, 37 of them without a number")
    rate_map.part("cell-2-0").click()
    assert rate_map.text("says").endswith("largest error no number, 40 seeds")
    rate_map.part("choice-0").select_option(label="published first weights")
    rate_map.part("cell-3-6").click()
    assert rate_map.text("says").endswith(
        "GRU, learning rate 0.1, published first weights: no runs"
    )


def test_every_cell_and_control_has_a_name(rate_map):
    cells = rate_map.box.locator('[role="gridcell"]')
    names = cells.evaluate_all("(all) => all.map((e) => e.getAttribute('aria-label'))")
    assert len(set(names)) == 35
    assert names[2] == "CfC, learning rate 0.001: 24.5"
    assert rate_map.attribute("grid", "aria-label") == "lock-on by model and learning rate"
    assert rate_map.attribute("says", "aria-live") == "polite"
    for name in ("measure", "choice-0"):
        assert rate_map.part(name).evaluate("(e) => e.labels[0].textContent")


def test_link_sets_a_playground(visit_map):
    rate_map = visit_map(Playground(models=["cfc-8"]))
    rate_map.part("cell-3-2").click()
    assert rate_map.part("link").is_hidden(), "a cell without an address"
    rate_map.part("cell-2-4").click()
    assert rate_map.attribute("link", "href") == "#play?lr=0.01&models=lstm-32"
    rate_map.part("link").click()
    play = rate_map.page.locator(".liquid-widget").nth(1)
    rate_map.page.wait_for_function(
        """(box) => {
            const { lr, models } = box.model.get("settings");
            return lr === 0.01 && models.join() === "lstm-32";
        }""",
        arg=play.element_handle(),
    )
    assert rate_map.get("at") == [2, 4, 0], "the cell stays selected"


@pytest.mark.parametrize("dark", [False, True])
def test_numbers_are_legible_on_their_colours(visit_map, dark):
    rate_map = visit_map(dark=dark)
    for measure in MEASURES:
        rate_map.part("measure").select_option(label=measure)
        texts = rate_map.box.evaluate(
            """(box) => [...box.querySelectorAll('[role="gridcell"] text')].map(
                (text) => getComputedStyle(text).fill.match(/[\\d.]+/g).map((one) => one / 255))"""
        )
        pair = np.stack([luminance(np.array(texts)), luminance(fills(rate_map))])
        contrast = (pair.max(0) + 0.05) / (pair.min(0) + 0.05)
        assert contrast.min() >= 4.5
    ink = rate_map.part("row-0").evaluate("(e) => getComputedStyle(e).fill")
    assert ink == ("rgb(255, 255, 255)" if dark else "rgb(0, 0, 0)")


def test_colours_fade_as_medians_grow(rate_map):
    light = luminance(fills(rate_map))
    medians = [np.inf if one == "never" else float(one) for row in drawn(rate_map) for one in row]
    order = np.argsort(medians, kind="stable")
    assert (np.diff(light[order]) >= -1e-6).all()
    assert len(np.unique(light.round(4))) == len(set(medians))


@pytest.mark.parametrize("width", [360, 800, 1200])
def test_fits_its_column_and_texts_do_not_overlap(visit_map, width):
    rate_map = visit_map(width=width)
    for measure in MEASURES:
        rate_map.part("measure").select_option(label=measure)
        assert rate_map.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        wide = rate_map.box.evaluate(
            """(box) => {
                const right = box.getBoundingClientRect().right + 1;
                return [...box.querySelectorAll("*")].filter((e) => !e.closest("svg")
                    && e.getBoundingClientRect().right > right).map((e) => e.outerHTML);
            }"""
        )
        assert wide == []
        texts = rate_map.box.evaluate(
            """(box) => [...box.querySelectorAll("svg text")].filter((e) => e.textContent
                && getComputedStyle(e).visibility === "visible").map((e) => {
                const { left, right, top, bottom } = e.getBoundingClientRect();
                return [left, right, top, bottom, parseFloat(getComputedStyle(e).fontSize)];
            })"""
        )
        assert min(size for *_, size in texts) >= 11
        for i, (left, right, top, bottom, _) in enumerate(texts):
            for other in texts[:i]:
                apart = right <= other[0] or other[1] <= left
                assert apart or bottom <= other[2] + 3 or other[3] <= top + 3


def test_scrolls_inside_where_columns_do_not_fit(visit_map):
    rate_map = visit_map(width=240)
    rate_map.part("measure").select_option(label="error at the end")
    scroll = rate_map.part("scroll")
    assert scroll.evaluate("(e) => e.scrollWidth > e.clientWidth")
    assert rate_map.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    rate_map.part("cell-0-0").press("End")
    assert scroll.evaluate("(e) => e.scrollLeft") > 0, "focus brings its cell into view"


def test_leaves_nothing_behind(rate_map):
    rate_map.box.evaluate(SECOND_VIEW, "(box) => box.model")
    copy = Widget(rate_map.page, rate_map.page.locator("#copy"))
    copy.part("cell-1-1").click()
    assert rate_map.attribute("cell-1-1", "aria-selected") == "true"
    copy.box.evaluate("(box) => box.leave()")
    assert copy.box.inner_html() == ""
    rate_map.part("cell-2-2").click()
    assert rate_map.text("says").startswith("LSTM, learning rate 0.001")
