"""The tape that is stepped, on its built page: all it shows is what a machine in Python holds."""

import math
import re

import numpy as np
import pytest
from widget_page import ENGINE

from liquidlib import Machine, Tape

pytestmark = [pytest.mark.browser, pytest.mark.site]

BUTTONS = ("one", "part", "whole", "run", "reset")


class Twin:
    """The same tape on a machine in Python, run as the page runs it."""

    def __init__(self, widget):
        data = bytes(
            widget.box.evaluate(
                """(box) => {
                    const { buffer, byteOffset, byteLength } = box.model.get("tape");
                    return [...new Uint8Array(buffer, byteOffset, byteLength)];
                }"""
            )
        )
        self.steps, self.program = widget.get("window"), widget.get("program")
        self.tape = Tape.from_bytes(data)
        self.machine = Machine(self.tape, self.steps, vm="wasm")
        self.machine.set(**widget.get("settings"))
        width = 1 + sum(self.steps * place[2] for place in self.tape.inputs.values())
        self.fed = np.array(widget.floats("windows"), np.float32).reshape(-1, width)
        self.ended = True

    def one(self):
        """Run one instruction; return its row."""
        if self.ended:
            row, given, at = self.fed[self.machine.steps % len(self.fed)], {}, 0
            for name, (_, _, n) in self.tape.inputs.items():
                given[name], at = row[at : at + n * self.steps], at + n * self.steps
            self.machine.feed(row[-1], **given)
            self.machine.begin(training=True)
        pc = self.machine.at
        self.ended = self.machine.advance(1)
        return next(i for i, row in enumerate(self.program) if row["at"] == pc)

    def whole(self):
        """Run to the end of the training step."""
        self.one()
        while not self.ended:
            self.one()

    def first(self):
        """Run to the state of the first time step."""
        row = self.one()
        while [o["name"] for o in self.program[row]["operands"][:1]] != ["state"]:
            row = self.one()
        return row


def shown(widget):
    """Return the numbers on the page, by address."""
    return {
        int(at): np.float32(value)
        for at, value in widget.box.evaluate(
            """(box) => [...box.querySelectorAll("[data-at]")].map(
                (e) => [e.dataset.at, +e.title])"""
        )
    }


def marked(widget, kind):
    """Return the addresses that are marked as read or as written."""
    found = widget.box.evaluate(
        "(box, kind) => [...box.querySelectorAll(`.heap .${kind}`)].map((e) => +e.dataset.at)", kind
    )
    return set(found)


def current(widget):
    (name,) = widget.box.evaluate(
        "(box) => [...box.querySelectorAll('[aria-current=step]')].map((e) => e.dataset.name)"
    )
    return int(name.removeprefix("row-"))


def assert_same(widget, twin):
    numbers = shown(widget)
    assert len(numbers) > 50
    assert numbers == {at: twin.machine.heap[at] for at in numbers}


@pytest.fixture
def stepper(open_widget):
    return open_widget(ENGINE, "one")


@pytest.fixture
def twin(stepper):
    return Twin(stepper)


def test_the_first_picture_is_the_first_state(stepper, twin):
    row = twin.first()
    assert current(stepper) == row
    assert_same(stepper, twin)
    assert stepper.text("where") == f"Training step 1, instruction {row + 1}"
    assert stepper.text("words").startswith("state = tanh(")
    assert stepper.text("last") == "none yet"


def test_each_instruction_of_a_training_step(stepper, twin):
    twin.first()
    for _ in range(400):
        before = twin.machine.heap.copy()
        row = twin.one()
        stepper.part("one").click()
        assert current(stepper) == row
        assert_same(stepper, twin)
        numbers = shown(stepper)
        changed = {at for at in numbers if before[at] != twin.machine.heap[at]}
        written = marked(stepper, "wrote")
        assert changed <= written
        operands = twin.program[row]["operands"]
        assert bool(written) == bool(operands)
        assert bool(marked(stepper, "read")) == bool(operands)
        box = stepper.part("program").bounding_box()
        line = stepper.part(f"row-{row}").bounding_box()
        assert box["y"] <= line["y"]
        assert line["y"] + line["height"] <= box["y"] + box["height"] + 1
        if twin.ended:
            break
    assert twin.ended
    loss = twin.machine.heap[twin.tape.numbers["loss"]]
    assert f"{loss:.3f}" in stepper.text("words")
    assert stepper.text("last") == f"step 1: {loss:.3f}"
    stepper.part("one").click()
    assert stepper.text("where") == "Training step 2, instruction 1"


def test_the_words_hold_sums_that_come_out(stepper):
    checked = set()
    for _ in range(60):
        stepper.part("one").click()
        op = stepper.part(f"row-{current(stepper)}").locator("code").text_content()
        text = stepper.text("words")
        for sign, plain in {"−": "-", "·": "*", "×": "*", "²": "**2"}.items():
            text = text.replace(sign, plain)
        found = re.fullmatch(r"[^=]+ = (.+) = (-?[\d.e-]+?)(?:, the first of .*)?\.", text)
        if not found or op == "copy" or "…" in found[1]:
            continue
        assert eval(found[1], {"tanh": math.tanh}) == pytest.approx(float(found[2]), abs=0.01), text
        checked.add(op)
    assert checked >= {"matmul", "tanh", "tanh_backward", "sub", "mul", "add"}


def test_one_part_after_the_other(stepper, twin):
    row = twin.first()
    for _ in range(8):
        if twin.ended:
            row = twin.one()
        part = twin.program[row]["part"]
        while not twin.ended and twin.program[following(twin)]["part"] == part:
            row = twin.one()
        stepper.part("part").click()
        assert current(stepper) == row
        assert_same(stepper, twin)
        assert marked(stepper, "wrote") or twin.ended
        if not twin.ended:
            row = following(twin)
    assert stepper.text("where").startswith("Training step 2")


def following(twin):
    return next(i for i, row in enumerate(twin.program) if row["at"] == twin.machine.at)


def test_whole_training_steps(stepper, twin):
    twin.first()
    for k in range(1, 4):
        twin.whole()
        stepper.part("whole").click()
        assert_same(stepper, twin)
        assert current(stepper) == len(twin.program) - 1
        assert stepper.text("where") == f"Training step {k}"
        assert stepper.text("last").startswith(f"step {k}: ")
    assert len(re.findall("[ML]", stepper.attribute("loss"))) == 3


def test_run_and_pause(stepper, twin):
    twin.first()
    stepper.part("run").click()
    assert stepper.text("run") == "Pause"
    assert stepper.part("words").get_attribute("aria-live") == "off"
    assert stepper.part("one").is_disabled() and stepper.part("whole").is_disabled()
    stepper.page.wait_for_function(
        """() => {
            const text = document.querySelector("[data-name=last]").textContent;
            return /step (\\d+)/.exec(text)?.[1] > 40;
        }"""
    )
    assert marked(stepper, "wrote") == marked(stepper, "read") == set()
    stepper.part("run").click()
    assert stepper.text("run") == "Run"
    assert stepper.part("words").get_attribute("aria-live") == "polite"
    picture = stepper.shot()
    steps = int(re.search(r"step (\d+):", stepper.text("last"))[1])
    losses = []
    for _ in range(steps):
        twin.whole()
        losses.append(twin.machine.heap[twin.tape.numbers["loss"]])
    assert_same(stepper, twin)
    assert np.mean(losses[-12:]) < np.mean(losses[:12]), "it learns"
    stepper.page.wait_for_timeout(150)
    assert stepper.shot() == picture, "a pause is a pause"


def test_reset_leads_back_to_the_first_picture(stepper):
    first = (shown(stepper), current(stepper), stepper.text("words"), stepper.shot())
    for name in ("whole", "part", "one", "run"):
        stepper.part(name).click()
    stepper.part("reset").click()
    assert (shown(stepper), current(stepper), stepper.text("words"), stepper.shot()) == first
    assert stepper.text("run") == "Run"


def test_less_motion_is_one_picture_a_second(open_widget):
    widget = open_widget(ENGINE, "one", motion="reduce")
    widget.part("run").click()
    assert widget.text("where") == "Training step 60"
    widget.page.wait_for_function(
        "() => document.querySelector('[data-name=where]').textContent === 'Training step 120'"
    )
    widget.part("run").click()


def test_keys_reach_everything(stepper):
    keyboard = stepper.page.keyboard
    stepper.part("one").focus()
    where = stepper.text("where")
    for name in BUTTONS:
        focused = "document.activeElement.dataset.name"
        assert stepper.page.evaluate(focused) == name
        keyboard.press("Space" if name != "run" else "Enter")
        if name == "run":
            assert stepper.text("run") == "Pause"
            keyboard.press("Enter")
        assert stepper.text("where") != where or name == "reset"
        where = stepper.text("where")
        keyboard.press("Tab")
    assert stepper.page.evaluate(focused) == "program"
    keyboard.press("End")
    stepper.page.wait_for_function(
        "() => document.querySelector('[data-name=program]').scrollTop > 50"
    )


def test_it_asks_for_nothing_and_complains_about_nothing(visit, site_url):
    page = visit(f"{site_url}/{ENGINE}", width=360, dark=True)
    for name in BUTTONS:
        page.locator(f"[data-name={name}]").click()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert page.problems == []


@pytest.mark.parametrize("dark", [False, True])
def test_what_is_marked_can_be_read(open_widget, dark):
    widget = open_widget(ENGINE, "one", dark=dark)
    widget.part("one").click()
    contrast = widget.box.evaluate(
        """(box) => {
            const canvas = document.createElement("canvas");
            const pen = canvas.getContext("2d", { willReadFrequently: true });
            const linear = (v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
            const light = (color, under) => {
                for (const fill of [under, color]) {
                    pen.fillStyle = fill;
                    pen.fillRect(0, 0, 1, 1);
                }
                const { data } = pen.getImageData(0, 0, 1, 1);
                const [r, g, b] = [...data].map((v) => linear(v / 255));
                return 0.2126 * r + 0.7152 * g + 0.0722 * b;
            };
            const page = getComputedStyle(document.body).backgroundColor;
            return [...box.querySelectorAll(".hint b, .heap b, .program li")].map((e) => {
                const style = getComputedStyle(e), ground = style.backgroundColor;
                const pair = [light(ground, page), light(style.color, page)].sort((a, b) => b - a);
                return (pair[0] + 0.05) / (pair[1] + 0.05);
            });
        }"""
    )
    assert min(contrast) > 4.5
