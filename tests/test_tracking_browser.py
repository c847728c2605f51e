"""The tracking on the built pages: every control is moved, and the picture follows."""

import json

import pytest
from widget_page import SECOND_VIEW, SINE, Widget, changed, points

pytestmark = [pytest.mark.browser, pytest.mark.site]


@pytest.fixture
def tracking(open_widget):
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


def test_tracking_stops_at_the_end_and_plays_again(tracking):
    last = int(tracking.part("step").get_attribute("max"))
    tracking.slide("step", last - 10)
    tracking.part("play").click()
    tracking.page.wait_for_function(
        "(button) => button.textContent === 'Play'", arg=tracking.part("play").element_handle()
    )
    assert tracking.get("step") == last
    tracking.part("play").click()
    tracking.page.wait_for_timeout(300)
    tracking.part("play").click()
    assert tracking.get("step") < 100


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


def test_tracking_marks_a_lock_on_when_it_is_passed(tracking):
    known = [
        run
        for run in tracking.get("runs")
        if (run["lr"], run["noise"]) == (tracking.get("lr"), tracking.get("noise"))
    ]
    assert any(run["lock_on"] is not None for run in known)
    for run in known:
        name, step = run["model"], run["lock_on"]
        if step is None:
            tracking.slide("step", 719)
            assert not tracking.has(f"mark-{name}")
            assert tracking.text(f"lock-{name}") == "not locked on"
            continue
        tracking.slide("step", step - 1)
        assert not tracking.has(f"mark-{name}")
        assert tracking.text(f"lock-{name}") == "not locked on"
        tracking.slide("step", step)
        assert tracking.has(f"locked-{name}")
        assert tracking.text(f"mark-label-{name}") == f"{run['label']} locked on, step {step}"
        assert tracking.text(f"lock-{name}") == f"locked on, step {step}"


def test_tracking_states_the_error_of_the_recorded_run(tracking):
    signal, predictions = tracking.floats("signal"), tracking.floats("predictions")
    for i, run in enumerate(tracking.get("runs")):
        if (run["lr"], run["noise"]) == (tracking.get("lr"), tracking.get("noise")):
            tracking.slide("step", 200)
            error = abs(predictions[i * len(signal) + 200] - signal[200])
            shown = float(tracking.text(f"now-{run['model']}").removeprefix("error "))
            assert shown == pytest.approx(error, abs=1e-4, rel=0.06)


def test_tracking_says_diverged_and_leaves_a_gap(tracking):
    run = tracking.get("runs")[0]
    tracking.box.evaluate(
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
    copy = Widget(tracking.page, tracking.page.locator("#copy"))
    assert copy.text(f"now-{run['model']}") == "diverged"
    copy.slide("step", 180)
    assert copy.attribute(f"prediction-{run['model']}").count("M") == 2
    assert copy.text(f"now-{run['model']}").startswith("error ")
    copy.box.evaluate("(box) => box.leave()")
    assert copy.box.inner_html() == ""


def test_tracking_redraws_when_python_sets_a_value(tracking):
    before = tracking.shot()
    tracking.set("step", 400)
    assert tracking.text("step-text").startswith("step 400 of")
    tracking.set("models", tracking.get("models")[:1])
    assert len([name for name in tracking.shot() if name.startswith("prediction-")]) == 1
    assert changed(before, tracking.shot())


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


def test_tracking_speaks_when_it_rests(tracking):
    tracking.slide("step", 250)
    for words in (tracking.part("plot").get_attribute("aria-label"), tracking.text("status")):
        assert "tep 250" in words
        assert "CfC: error" in words


def test_live_row_works_with_a_kernel(tracking):
    """A stand-in for the kernel: answers as `Tracking` does in Python."""
    tracking.box.evaluate(
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
    copy = Widget(tracking.page, tracking.page.locator("#copy"))

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
