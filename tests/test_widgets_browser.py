"""The widgets on the built pages, in Chromium: every control is moved, and the picture follows."""

import json
import re

import pytest

pytestmark = [pytest.mark.browser, pytest.mark.site]

GATE = "book/chapters/02_gate.html"
SINE = "book/chapters/04_sine.html"
LANDING = "book/index.html"


# Draws the widget once more, as #copy, with the model that the given function makes.
SECOND_VIEW = """async (box, makeModel) => {
    const widget = document.createElement("div");
    widget.id = "copy";
    box.after(widget);
    const url = URL.createObjectURL(new Blob([box.model.get("_esm")], { type: "text/javascript" }));
    const module = await import(url);
    const model = (0, eval)(makeModel)(box, widget);
    widget.leave = module.default.render({ model, el: widget });
}"""


@pytest.fixture
def open_widget(browser, site_url):
    """Open a page; return its first widget that has the part ``having``, as a `Widget`."""
    contexts = []

    def open_page(path, having, width=1200, dark=False, motion="no-preference"):
        context = browser.new_context(
            viewport={"width": width, "height": 1000},
            color_scheme="dark" if dark else "light",
            reduced_motion=motion,
            has_touch=width < 500,
        )
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(20_000)
        page.problems = []
        page.on("pageerror", lambda error: page.problems.append(str(error)))
        page.goto(f"{site_url}/{path}")
        box = page.locator('.liquid-widget[data-state="ready"]')
        box = box.filter(has=page.locator(f'[data-name="{having}"]')).first
        box.wait_for()
        box.scroll_into_view_if_needed()
        return Widget(page, box)

    yield open_page
    for context in contexts:
        assert all(page.problems == [] for page in context.pages)
        context.close()


class Widget:
    """One widget on a page, its parts by their data-name."""

    def __init__(self, page, box):
        self.page, self.box = page, box

    def part(self, name):
        return self.box.locator(f'[data-name="{name}"]')

    def has(self, name):
        return self.part(name).count() == 1

    def get(self, key):
        return self.box.evaluate("(box, key) => box.model.get(key)", key)

    def set(self, key, value):
        self.box.evaluate("(box, [key, value]) => box.model.set(key, value)", [key, value])

    def floats(self, key):
        """Return a binary trait of the model as a list of numbers."""
        return self.box.evaluate(
            """(box, key) => {
                const view = box.model.get(key);
                const places = [...Array(view.byteLength / 4).keys()];
                return places.map((i) => view.getFloat32(4 * i, true));
            }""",
            key,
        )

    def attribute(self, name, key="d"):
        return self.part(name).get_attribute(key)

    def text(self, name):
        return self.part(name).text_content()

    def slide(self, name, value):
        """Move a range input to a value, as a finger does."""
        self.part(name).evaluate(
            """(input, value) => {
                input.value = value;
                input.dispatchEvent(new Event("input", { bubbles: true }));
            }""",
            value,
        )

    def shot(self):
        """Return all that is drawn: every path, every dot and every label."""
        return self.box.evaluate(
            """(box) => {
                const drawn = [...box.querySelectorAll("svg [data-name]:not(g, svg)")];
                return Object.fromEntries(drawn.map((e) => {
                    const place = ["d", "cx", "cy", "x", "y"].map((key) => e.getAttribute(key));
                    return [e.dataset.name, place.join() + e.textContent];
                }));
            }"""
        )

    def drag(self, name, right, down):
        """Drag a part by so many pixels."""
        box = self.part(name).bounding_box()
        x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
        self.page.mouse.move(x, y)
        self.page.mouse.down()
        self.page.mouse.move(x + right / 2, y + down / 2)
        self.page.mouse.move(x + right, y + down)
        self.page.mouse.up()


def changed(before, after):
    return {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}


def points(d):
    return [tuple(map(float, pair)) for pair in re.findall(r"[ML](-?[\d.]+) (-?[\d.]+)", d)]


# The gate

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


@pytest.fixture(params=[SINE, LANDING])
def tracking(request, open_widget):
    return open_widget(request.param, "play")


@pytest.fixture
def sine(open_widget):
    return open_widget(SINE, "play")


def test_tracking_opens_on_a_picture(tracking):
    shown = tracking.shot()
    names = {"signal"} | {
        f"{kind}-{run}" for run in rows(tracking) for kind in ("prediction", "error", "label")
    }
    assert names <= shown.keys()
    assert all(len(points(shown[name])) > 3 for name in names if not name.startswith("label"))
    assert tracking.part("live").is_hidden(), "nobody trains without a kernel"
    assert "recorded runs" in tracking.box.text_content()


def rows(widget):
    return [
        name.removeprefix("row-")
        for name in widget.box.evaluate(
            "(box) => [...box.querySelectorAll('.run')].map((row) => row.dataset.name)"
        )
    ]


@pytest.mark.parametrize("key", ["lr", "noise"])
def test_tracking_choices_change_what_is_drawn(tracking, key):
    tracking.slide("step", 300)
    buttons = tracking.part(key).locator("input")
    assert buttons.count() >= 3
    seen = set()
    for i in range(buttons.count()):
        buttons.nth(i).check(force=True)
        assert tracking.get(key) == float(buttons.nth(i).get_attribute("value"))
        seen.add(json.dumps([tracking.attribute(f"prediction-{run}") for run in rows(tracking)]))
        noisy = tracking.get("noise") > 0
        assert (tracking.box.locator("path.samples").count() > 0) == noisy
    assert len(seen) == buttons.count(), "each choice draws other runs"
    before = tracking.shot()
    buttons.last.focus()
    tracking.page.keyboard.press("ArrowLeft")
    assert tracking.get(key) == float(buttons.nth(buttons.count() - 2).get_attribute("value"))
    assert changed(before, tracking.shot()) >= {f"prediction-{run}" for run in rows(tracking)}


def test_tracking_shows_the_models_that_are_checked(tracking):
    names = rows(tracking)
    assert len(names) >= 3
    for name in names:
        tracking.part(f"show-{name}").uncheck()
        for kind in ("prediction", "error", "label"):
            assert not tracking.has(f"{kind}-{name}")
        assert tracking.text(f"now-{name}") == ""
    assert tracking.get("models") == []
    for name in names:
        tracking.part(f"show-{name}").press("Space")
        assert len(points(tracking.attribute(f"prediction-{name}"))) > 3
    assert len(tracking.get("models")) == len(names)


def test_tracking_plays_from_the_start_and_pauses(tracking):
    before = tracking.shot()
    still = tracking.get("step")
    tracking.part("play").click()
    assert tracking.text("play") == "Pause"
    tracking.page.wait_for_timeout(400)
    early = int(tracking.part("step").input_value())
    assert early < still, "the first picture is a still; Play begins at the beginning"
    tracking.page.wait_for_timeout(600)
    assert int(tracking.part("step").input_value()) > early
    tracking.part("play").click()
    assert tracking.text("play") == "Play"
    after, step = tracking.shot(), tracking.get("step")
    assert changed(before, after) >= {"signal", "now"} | {f"prediction-{n}" for n in rows(tracking)}
    tracking.page.wait_for_timeout(300)
    assert tracking.shot() == after
    tracking.part("play").click()
    tracking.page.wait_for_timeout(300)
    tracking.part("play").click()
    assert tracking.get("step") > step, "goes on from where it paused"
    tracking.part("restart").click()
    assert tracking.get("step") == 0
    assert tracking.text("step-text").startswith("step 0 of")


def test_tracking_stops_at_the_end_and_plays_again(sine):
    last = int(sine.part("step").get_attribute("max"))
    sine.slide("step", last - 10)
    sine.part("play").click()
    sine.page.wait_for_function(
        "(button) => button.textContent === 'Play'", arg=sine.part("play").element_handle()
    )
    assert sine.get("step") == last
    sine.part("play").click()
    sine.page.wait_for_timeout(300)
    sine.part("play").click()
    assert sine.get("step") < 100


def test_tracking_is_scrubbed(tracking):
    drawn = set()
    for step in (0, 47, 300, 700):
        tracking.slide("step", step)
        assert tracking.get("step") == step
        assert tracking.text("step-text").startswith(f"step {step} of")
        drawn.add(json.dumps(tracking.shot(), sort_keys=True))
    tracking.part("step").focus()
    for key, step in (("ArrowLeft", 699), ("ArrowRight", 700), ("Home", 0)):
        tracking.page.keyboard.press(key)
        assert tracking.get("step") == step
        drawn.add(json.dumps(tracking.shot(), sort_keys=True))
    assert len(drawn) == 5
    tracking.part("plot").scroll_into_view_if_needed()
    box = tracking.part("plot").bounding_box()
    tracking.page.mouse.move(box["x"] + 0.3 * box["width"], box["y"] + box["height"] - 60)
    tracking.page.mouse.down()
    there = tracking.get("step")
    assert there > 0
    tracking.page.mouse.move(box["x"] + 0.6 * box["width"], box["y"] + box["height"] - 60)
    tracking.page.mouse.up()
    assert tracking.get("step") > there


def test_tracking_marks_a_lock_on_when_it_is_passed(sine):
    known = [
        run
        for run in sine.get("runs")
        if (run["lr"], run["noise"]) == (sine.get("lr"), sine.get("noise"))
    ]
    assert any(run["lock_on"] is not None for run in known)
    for run in known:
        name, step = run["model"], run["lock_on"]
        if step is None:
            sine.slide("step", 719)
            assert not sine.has(f"mark-{name}")
            assert sine.text(f"lock-{name}") == "not locked on"
            continue
        sine.slide("step", step - 1)
        assert not sine.has(f"mark-{name}")
        assert sine.text(f"lock-{name}") == "not locked on"
        sine.slide("step", step)
        assert sine.has(f"locked-{name}")
        assert sine.text(f"mark-label-{name}") == f"{run['label']} locked on, step {step}"
        assert sine.text(f"lock-{name}") == f"locked on, step {step}"


def test_tracking_states_the_error_of_the_recorded_run(sine):
    signal, predictions = sine.floats("signal"), sine.floats("predictions")
    for i, run in enumerate(sine.get("runs")):
        if (run["lr"], run["noise"]) == (sine.get("lr"), sine.get("noise")):
            sine.slide("step", 200)
            error = abs(predictions[i * len(signal) + 200] - signal[200])
            shown = float(sine.text(f"now-{run['model']}").removeprefix("error "))
            assert shown == pytest.approx(error, abs=1e-4, rel=0.06)


def test_tracking_says_diverged_and_leaves_a_gap(sine):
    run = sine.get("runs")[0]
    sine.box.evaluate(
        SECOND_VIEW,
        """(box, widget) => {
            const predictions = new DataView(box.model.get("predictions").buffer.slice(0));
            for (let i = 100; i < 150; i++) predictions.setFloat32(4 * i, NaN, true);
            const { lr, noise } = box.model.get("runs")[0];
            const values = { ...box.model.state, predictions, lr, noise, step: 120 };
            return { isStatic: true, get: (key) => values[key], on() {}, off() {},
                set: (key, value) => { values[key] = value; }, save_changes() {} };
        }""",
    )
    copy = Widget(sine.page, sine.page.locator("#copy"))
    assert copy.text(f"now-{run['model']}") == "diverged"
    copy.slide("step", 180)
    assert copy.attribute(f"prediction-{run['model']}").count("M") == 2
    assert copy.text(f"now-{run['model']}").startswith("error ")
    copy.box.evaluate("(box) => box.leave()")
    assert copy.box.inner_html() == ""


def test_tracking_redraws_when_python_sets_a_value(sine):
    before = sine.shot()
    sine.set("step", 400)
    assert sine.text("step-text").startswith("step 400 of")
    sine.set("models", sine.get("models")[:1])
    assert len([name for name in sine.shot() if name.startswith("prediction-")]) == 1
    assert changed(before, sine.shot())


def test_tracking_jumps_where_less_motion_is_wanted(open_widget):
    widget = open_widget(SINE, "play", motion="reduce")
    assert "jumps of 60 steps" in widget.part("reduced").inner_text()
    widget.part("play").click()
    steps = set()
    for _ in range(25):
        steps.add(int(widget.part("step").input_value()))
        widget.page.wait_for_timeout(100)
    widget.part("play").click()
    assert {0, 60} <= steps <= {0, 60, 120, 180}


def test_tracking_speaks_when_it_rests(sine):
    sine.slide("step", 250)
    for words in (sine.part("plot").get_attribute("aria-label"), sine.text("status")):
        assert "tep 250" in words
        assert "CfC: error" in words


def test_live_row_works_with_a_kernel(sine):
    """A stand-in for the kernel: answers as `Tracking` does in Python."""
    sine.box.evaluate(
        SECOND_VIEW,
        """(box, widget) => {
            const heard = new Set(), ready = { kind: "ready", models: ["CfC", "Linear"] };
            widget.sent = [];
            widget.say = (content, buffers = []) => heard.forEach((hear) => hear(content, buffers));
            widget.left = () => heard.size === 0;
            return {
                get: (key) => box.model.get(key), set() {}, save_changes() {},
                on(event, callback) { if (event === "msg:custom") heard.add(callback); },
                off(event, callback) { heard.delete(callback); },
                send(content) {
                    widget.sent.push(content);
                    if (content.kind === "hello") widget.say(ready);
                },
            };
        }""",
    )
    copy = Widget(sine.page, sine.page.locator("#copy"))

    def say(content, rows=None):
        copy.box.evaluate(
            """(box, [content, rows]) => box.say(content,
                rows ? [new DataView(new Float32Array(rows.flat()).buffer)] : [])""",
            [content, rows],
        )

    copy.part("live").wait_for(state="visible")
    copy.part("live-model").select_option("Linear")
    copy.part("live-lr").fill("0.02")
    copy.part("live-noise").fill("0.1")
    copy.part("run").click()
    assert copy.box.evaluate("(box) => box.sent.at(-1)") == {
        "kind": "run", "model": "Linear", "lr": 0.02, "noise": 0.1,
    }  # fmt: skip
    row = {
        "label": "Linear",
        "model": "linear",
        "lr": 0.02,
        "noise": 0.1,
        "seed": 0,
        "parameters": 83,
    }
    say({"kind": "start", "row": row, "steps": 100})
    assert copy.part("stop").is_enabled()
    assert copy.part("progress").is_visible()
    chunk = [[0.1 * i for i in range(10)], [0.2] * 10, [0.3] * 10]
    say({"kind": "steps", "first": 0, "lock_on": None, "rate": 50.4}, chunk)
    first = copy.attribute("prediction-live")
    assert copy.text("live-text") == "10 steps, 50 a second"
    assert "trained here" in copy.text("live-row")
    say({"kind": "steps", "first": 10, "lock_on": 4, "rate": 51}, chunk)
    assert len(points(copy.attribute("prediction-live"))) == 20 > len(points(first))
    assert copy.has("mark-live")
    copy.part("stop").click()
    assert copy.box.evaluate("(box) => box.sent.at(-1)") == {"kind": "stop"}
    say({"kind": "end"})
    assert copy.part("stop").is_disabled()
    copy.part("live-shown").uncheck()
    assert not copy.has("prediction-live")
    assert copy.part("rows").is_visible()
    say({"kind": "error", "text": "lr must be positive"})
    assert "lr must be positive" in copy.text("live-text")
    copy.box.evaluate("(box) => box.leave()")
    assert copy.box.evaluate("(box) => box.left() && box.innerHTML === ''")


# Both


@pytest.mark.parametrize(
    ("path", "having", "ink"), [(SINE, "play", "signal"), (GATE, "gate", "state")]
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


@pytest.mark.parametrize(("path", "having"), [(SINE, "play"), (GATE, "gate"), (LANDING, "play")])
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


@pytest.mark.parametrize(("path", "having"), [(SINE, "play"), (GATE, "gate")])
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
