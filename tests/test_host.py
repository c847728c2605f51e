"""The host of widgets in pages without a kernel, on a page made for the test."""

from __future__ import annotations

import base64
import json
import struct
import sys

import pytest
from conftest import ROOT

sys.path.insert(0, str(ROOT / "book" / "_ext"))
from liquidbook import shared

pytestmark = pytest.mark.browser

COUNTER = """
let views = 0;
window.imports = (window.imports ?? 0) + 1;
function initialize({ model }) { model.started = (model.started ?? 0) + 1; }
function render({ model, el }) {
    el.id = `view-${++views}`;
    const draw = () => {
        const data = model.get("data");
        const values = [0, 4].map((offset) => data.getFloat32(offset, true));
        el.textContent = [model.get("n"), ...values, model.get("nested")[0].byteLength];
    };
    model.on("change:n", draw);
    draw();
}
export default { initialize, render };
"""


def entry(esm: str, module: str = "anywidget", **state) -> dict:
    data = base64.b64encode(struct.pack("<2f", 0.5, -2.0)).decode()
    return {
        "model_module": module,
        "state": {"_esm": esm, "_css": "div { margin: 0 }", "nested": [None], **state},
        "buffers": [
            {"path": ["data"], "data": data, "encoding": "base64"},
            {"path": ["nested", 0], "data": data, "encoding": "base64"},
        ],
    }


@pytest.fixture
def page(browser, tmp_path):
    models = {
        "a": entry(COUNTER, n=1),
        "b": entry(COUNTER, n=2),
        "broken": entry("export default { render() { throw new Error('on purpose') } }"),
        "function": entry("export default () => ({ render({ el }) { el.textContent = 'made' } })"),
        "slider": entry("", module="@jupyter-widgets/controls"),
    }
    views = ["a", "a", "b", "broken", "function", "slider", "unknown"]
    kind = "application/vnd.jupyter.widget"
    state = shared(json.dumps({"version_major": 2, "state": models}))
    host = (ROOT / "book" / "_static" / "host.js").read_text(encoding="utf-8")
    (tmp_path / "page.html").write_text(
        f'<!doctype html><script type="{kind}-state+json">{state}</script>'
        + "".join(
            f'<p><script type="{kind}-view+json">{json.dumps({"model_id": view})}</script></p>'
            for view in views
        )
        + f"<script>{host}</script>",
        encoding="utf-8",
    )
    page = browser.new_page()
    page.goto((tmp_path / "page.html").as_uri())
    page.wait_for_function("document.querySelectorAll('.liquid-widget[data-state]').length === 7")
    yield page
    page.close()


def test_what_widgets_share_stands_in_the_page_once():
    long, short = "x" * 1000, "y" * 10
    models = {n: entry(long, short=short) for n in "abc"}
    text = shared(json.dumps({"state": models}))
    assert text.count(long) == 1 and text.count(short) == 3
    assert "</" not in shared(json.dumps({"state": {"a": entry("</script>" * 100)}}))


def texts(page) -> list[str]:
    return page.locator(".liquid-widget").all_text_contents()


def test_each_view_shows_its_model(page):
    assert texts(page)[:3] == ["1,0.5,-2,8", "1,0.5,-2,8", "2,0.5,-2,8"]
    assert texts(page)[4] == "made"


def test_a_change_reaches_every_view_of_the_model_and_no_other(page):
    page.evaluate("document.querySelector('.liquid-widget').model.set('n', 7)")
    assert texts(page)[:3] == ["7,0.5,-2,8", "7,0.5,-2,8", "2,0.5,-2,8"]


def test_a_module_is_imported_once_and_each_model_started_once(page):
    assert page.evaluate("window.imports") == 1
    started = (
        "[...document.querySelectorAll('.liquid-widget')].slice(0, 3).map((e) => e.model.started)"
    )
    assert page.evaluate(started) == [1, 1, 1]
    assert page.evaluate("document.querySelectorAll('style').length") == 1


def test_what_cannot_work_says_so(page):
    states = "[...document.querySelectorAll('.liquid-widget')].map((e) => e.dataset.state)"
    assert page.evaluate(states)[3:] == ["failed", "ready", "no-kernel", "no-kernel"]
    assert "on purpose" in texts(page)[3]
    assert "needs a running kernel" in texts(page)[5]


def test_the_model_behaves_as_in_jupyterlab(page):
    heard = page.evaluate(
        """() => {
            const { model } = document.querySelector(".liquid-widget");
            const heard = [];
            const any = () => heard.push("any");
            const both = (self, value) => heard.push([self === model, value]);
            model.on("change", any);
            model.on("change:n change:m", both);
            model.set({ n: 5, m: 6 });
            model.set("n", 5);
            model.off("change", any);
            model.off("change:m", both);
            model.set({ n: 8, m: 9 });
            model.save_changes();
            model.send({ kind: "nobody listens" });
            return [heard, model.isStatic, model.get("m")];
        }"""
    )
    assert heard == [[[True, 5], [True, 6], "any", [True, 8]], True, 9]
