"""The gate on its built page: every control is moved, and the picture follows."""

import re

import pytest
from widget_page import GATE, changed, points

pytestmark = [pytest.mark.browser, pytest.mark.site]


MOVES = {
    "g1": {"target-g1", "state", "g1-handle", "dt-handle"},
    "g2": {"target-g2", "state", "g2-handle", "dt-handle"},
    "a": {"gate", "complement", "state", "gate-dot", "complement-dot", "dt-handle"},
    "b": {"gate", "complement", "state", "gate-dot", "complement-dot", "dt-handle"},
    "dt": {"now", "gate-dot", "complement-dot", "dt-handle"},
}
STILL = {"g1": {"gate"}, "g2": {"gate"}, "a": {"target-g1"}, "b": {"target-g1"}, "dt": {"state"}}


@pytest.fixture
def gate(open_widget):
    return open_widget(GATE, "gate")


@pytest.mark.parametrize("key", MOVES)
@pytest.mark.parametrize("by", ["keyboard", "value"])
def test_gate_slider_moves_the_picture(gate, key, by):
    before, value, words = gate.shot(), gate.get(key), gate.text(f"{key}-text")
    result = gate.box.locator(".formula").text_content()
    if by == "keyboard":
        gate.part(key).focus()
        for _ in range(3):
            gate.page.keyboard.press("ArrowRight")
    else:
        gate.slide(key, {"g1": 0.5, "g2": -0.3, "a": -1, "b": 1, "dt": 7}[key])
    moved = changed(before, gate.shot())
    assert moved >= MOVES[key]
    assert not moved & STILL[key]
    assert gate.get(key) != value
    assert gate.text(f"{key}-text") != words
    assert gate.box.locator(".formula").text_content() != result


@pytest.mark.parametrize(("key", "right", "down"), [("g1", 0, -60), ("g2", 0, 60), ("dt", 150, 0)])
@pytest.mark.parametrize("by", ["handle", "grip"])
def test_gate_is_dragged(gate, key, right, down, by):
    before, value = gate.shot(), gate.get(key)
    gate.drag(f"{key}-{by}", right, down)
    assert changed(before, gate.shot()) >= MOVES[key]
    assert (gate.get(key) > value) == (right - down > 0)
    place = gate.part(f"{key}-handle").bounding_box()
    gate.drag(f"{key}-handle", 2000 * (right > 0), 2000 if down > 0 else -2000)
    assert gate.get(key) == {"g1": 1, "g2": -1, "dt": 10}[key], "dragging ends at the bounds"
    assert gate.part(f"{key}-handle").bounding_box() != place


@pytest.mark.parametrize("key", ["g1", "g2", "dt"])
def test_gate_handles_answer_to_keys(gate, key):
    handle = gate.part(f"{key}-handle")
    assert handle.get_attribute("role") == "slider"
    assert handle.get_attribute("aria-label")
    value = gate.get(key)
    handle.focus()
    unit = 0.1 if key == "dt" else 0.05
    low, high = (0, 10) if key == "dt" else (-1, 1)
    for press, expected in [
        ("ArrowUp", value + unit),
        ("ArrowLeft", value),
        ("PageDown", max(low, value - 5 * unit)),
        ("Home", low),
        ("End", high),
    ]:
        gate.page.keyboard.press(press)
        assert gate.get(key) == pytest.approx(expected)
        assert float(handle.get_attribute("aria-valuenow")) == pytest.approx(expected)
        assert handle.get_attribute("aria-valuetext")


def test_gate_draws_the_equation(gate):
    for key, value in {"g1": -0.4, "g2": 0.9, "a": 0.7, "b": -1.5, "dt": 2.5}.items():
        gate.set(key, value)
    s = 1 / (1 + 2.718281828459045 ** -(0.7 * 2.5 - 1.5))
    assert float(gate.text("s-text")) == pytest.approx(s, abs=0.005)
    assert float(gate.text("h-text")) == pytest.approx(-0.4 * (1 - s) + s * 0.9, abs=0.006)
    lower, upper = points(gate.attribute("gate")), points(gate.attribute("complement"))
    sums = [p[1] + q[1] for p, q in zip(lower, upper, strict=True)]
    assert max(sums) - min(sums) < 0.3, "σ and 1 − σ mirror each other"
    targets = sorted(
        float(re.search(r" (-?[\d.]+)H", gate.attribute(f"target-g{i}"))[1]) for i in (1, 2)
    )
    state = [y for _, y in points(gate.attribute("state"))]
    assert targets[0] - 0.1 <= min(state) <= max(state) <= targets[1] + 0.1
    assert gate.text("complement-label") == "1 − σ"


def test_gate_axis_grows_with_the_elapsed_time(gate):
    gate.set("dt", 20)
    assert gate.part("dt-handle").get_attribute("aria-valuemax") == "20"
    assert gate.part("dt").input_value() == "20"


# The tracking
