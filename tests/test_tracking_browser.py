"""The player of recorded runs in Chromium, on a page of its own: every control, what is drawn."""

import json
from dataclasses import replace

import bare_page
import numpy as np
import pytest
from widget_page import SECOND_VIEW, Widget, changed, points

from liquidlib import GRU, LSTM, CfC, Curve, Linear, Tracking, lock_on, rolling_accuracy, track

pytestmark = pytest.mark.browser

POSITION = {"inputs": "position", "time": "absolute", "horizon": 0}
CFC, LINEAR, NOISY, SHORT, GONE = "cfc-0", "linear-1", "linear-2", "lstm-3", "gru-4"
KEYS = [CFC, LINEAR, NOISY, SHORT, GONE]


def run(model, steps=500, **curve):
    return track(model, Curve(**POSITION, **curve), steps, lr=0.003)


@pytest.fixture(scope="module")
def runs():
    """Five short runs: noisy the third, shorter the fourth, diverged at step 250 the last."""
    gone = run(GRU(1, 4, 1))
    predictions = gone.predictions.copy()
    predictions[250:] = np.nan
    return [
        run(CfC(1, 8, 1)),
        run(Linear(1, 1)),
        run(Linear(1, 1), noise=0.2),
        run(LSTM(1, 4, 1), 200),
        replace(gone, predictions=predictions),
    ]


@pytest.fixture
def play_runs(visit_widgets, tmp_path):
    """Open a page with a player of runs."""

    def visit(runs, width=1000, dark=False, motion="no-preference"):
        path = bare_page.write(tmp_path / "page.html", [Tracking(runs)])
        page = visit_widgets(path.as_uri(), width, dark, motion)
        box = page.locator('.liquid-widget[data-state="ready"]')
        box.wait_for()
        return Widget(page, box)

    return visit


@pytest.fixture
def tracking(play_runs, runs):
    return play_runs(runs)


def at(tracking):
    return int(tracking.part("scrub").input_value())


def test_opens_on_a_picture(tracking):
    shown = tracking.shot()
    lines = {"signal", "ahead"} | {f"{kind}-{key}" for key in KEYS for kind in ("guess", "error")}
    assert lines | {f"label-{key}" for key in KEYS} <= shown.keys()
    assert all(len(points(shown[name])) > 3 for name in lines)
    assert tracking.text("scrub-text") == "step 120 of 499"
    assert "Recorded runs" in tracking.box.text_content()
    labels = tracking.box.locator(".run label").all_text_contents()
    assert [label.strip() for label in labels] == [
        "CfC", "Linear, noise 0", "Linear, noise 0.2", "LSTM", "GRU",
    ]  # fmt: skip


def test_lines_are_those_of_the_runs(tracking, runs):
    tracking.slide("scrub", 400)
    for key, known in ((CFC, runs[0]), (LINEAR, runs[1])):
        drawn = [1.4 - 2.8 * y / 210 for _, y in points(tracking.attribute(f"guess-{key}"))]
        np.testing.assert_allclose(drawn, known.predictions[401 - len(drawn) : 401], atol=2e-3)
        assert len(drawn) > 300
        errors = [1 - 4 * (y - 22) / 130 for _, y in points(tracking.attribute(f"error-{key}"))]
        means = np.abs(known.errors[:400]).reshape(-1, 5).mean(axis=1)
        np.testing.assert_allclose(errors, np.log10(np.clip(means, 1e-3, 10)), atol=4e-3)


def test_numbers_are_those_of_the_runs(tracking, runs):
    for step in (20, 199, 240, 499):
        tracking.slide("scrub", step)
        for i, known in enumerate(runs):
            if step < known.steps and np.isfinite(known.predictions[step]):
                errors = known.errors[: step + 1]
                error = np.abs(errors[-50:]).mean()
                assert float(tracking.text(f"error-{i}")) == pytest.approx(error, abs=6e-5)
                share = rolling_accuracy(errors)[-1]
                assert tracking.text(f"share-{i}") == f"{100 * share:.0f} %"
                assert tracking.text(f"count-{i}") == f"{known.parameters:,}"


def test_shows_the_models_that_are_checked(tracking):
    for i, key in enumerate(KEYS):
        tracking.part(f"on-{i}").uncheck()
        for kind in ("guess", "error", "label"):
            assert not tracking.has(f"{kind}-{key}")
        assert tracking.text(f"error-{i}") == ""
    assert tracking.get("models") == []
    for i, key in enumerate(KEYS):
        tracking.part(f"on-{i}").press("Space")
        assert len(points(tracking.attribute(f"guess-{key}"))) > 3
    assert tracking.get("models") == [known["label"] for known in tracking.get("runs")]


def test_noisy_samples_are_drawn_where_a_noisy_run_is(tracking, runs):
    places = [y for _, y in points(tracking.attribute("seen"))]
    np.testing.assert_allclose(
        [1.4 - 2.8 * y / 210 for y in places], runs[2].targets[: len(places)], atol=2e-3
    )
    assert len(places) == 121
    tracking.part("on-2").uncheck()
    assert not tracking.has("seen")


def test_plays_from_the_start_and_pauses(tracking):
    before = tracking.shot()
    still = tracking.get("step")
    tracking.part("play").click()
    assert tracking.text("play") == "Pause"
    tracking.page.wait_for_timeout(400)
    early = at(tracking)
    assert early < still, "the first picture is a still; Play begins at the beginning"
    tracking.page.wait_for_timeout(600)
    assert at(tracking) > early
    tracking.part("play").click()
    assert tracking.text("play") == "Play"
    after, step = tracking.shot(), tracking.get("step")
    assert changed(before, after) >= {"signal", "now"} | {f"guess-{key}" for key in KEYS}
    tracking.page.wait_for_timeout(300)
    assert tracking.shot() == after
    tracking.part("play").click()
    tracking.page.wait_for_timeout(300)
    tracking.part("play").click()
    assert tracking.get("step") > step, "goes on from where it paused"
    tracking.part("restart").click()
    assert tracking.get("step") == 0
    assert tracking.text("scrub-text") == "step 0 of 499"


def test_choosing_while_it_plays_does_not_move_the_playhead(tracking):
    tracking.slide("scrub", 300)
    tracking.part("play").click()
    tracking.page.wait_for_timeout(300)
    before = at(tracking)
    assert before > 300
    tracking.part("on-0").uncheck()
    assert at(tracking) >= before
    tracking.part("play").click()
    assert tracking.get("step") >= before
    assert not tracking.has(f"guess-{CFC}")


def test_stops_at_the_end_and_plays_again(tracking):
    tracking.slide("scrub", 489)
    tracking.part("play").click()
    tracking.page.wait_for_function(
        "(button) => button.textContent === 'Play'", arg=tracking.part("play").element_handle()
    )
    assert tracking.get("step") == 499
    tracking.part("play").click()
    tracking.page.wait_for_timeout(300)
    tracking.part("play").click()
    assert tracking.get("step") < 100


def test_is_scrubbed(tracking):
    drawn = set()
    for step in (0, 47, 300, 450):
        tracking.slide("scrub", step)
        assert tracking.get("step") == step
        assert tracking.text("scrub-text") == f"step {step} of 499"
        drawn.add(json.dumps(tracking.shot(), sort_keys=True))
    tracking.part("scrub").focus()
    for key, step in (("ArrowLeft", 449), ("ArrowRight", 450), ("Home", 0)):
        tracking.page.keyboard.press(key)
        assert tracking.get("step") == step
        drawn.add(json.dumps(tracking.shot(), sort_keys=True))
    assert len(drawn) == 5
    tracking.part("errors").scroll_into_view_if_needed()
    box = tracking.part("errors").bounding_box()
    mouse, y = tracking.page.mouse, box["y"] + box["height"] - 60
    mouse.move(box["x"] + 0.3 * box["width"], y)
    assert tracking.get("step") == 0
    mouse.down()
    there = tracking.get("step")
    assert there > 0
    mouse.move(box["x"] + 0.6 * box["width"], y)
    mouse.up()
    further = tracking.get("step")
    assert further > there
    mouse.move(box["x"] + 0.4 * box["width"], y)
    assert tracking.get("step") == further


def test_marks_a_lock_on_when_it_is_passed(tracking, runs):
    locked = {key: lock_on(known.errors) for key, known in zip(KEYS, runs, strict=True)}
    assert locked[CFC] is not None
    assert locked[NOISY] is None
    for i, (key, step) in enumerate(locked.items()):
        if step is None:
            tracking.slide("scrub", 199)
            assert not tracking.has(f"mark-{key}")
            assert tracking.text(f"lock-{i}") == "not yet"
            continue
        tracking.slide("scrub", step - 1)
        assert not tracking.has(f"mark-{key}")
        assert tracking.text(f"lock-{i}") == "not yet"
        tracking.slide("scrub", step)
        assert tracking.has(f"dot-{key}")
        assert tracking.has(f"locked-{key}")
        label = tracking.get("runs")[i]["label"]
        assert tracking.text(f"mark-label-{key}") == f"{label} locked on, step {step}"
        assert tracking.text(f"lock-{i}") == f"step {step}"


def test_a_shorter_run_ends_before_the_others(tracking):
    tracking.slide("scrub", 199)
    assert float(tracking.text("error-3")) > 0
    length = len(points(tracking.attribute(f"guess-{SHORT}")))
    tracking.slide("scrub", 250)
    assert len(points(tracking.attribute(f"guess-{SHORT}"))) == length
    assert len(points(tracking.attribute(f"guess-{CFC}"))) == length + 51
    assert not tracking.has(f"label-{SHORT}")
    assert tracking.text("error-3") == "ended at step 199"
    assert tracking.text("share-3") == ""
    assert tracking.text("event-label-0") == "LSTM ends"
    assert "LSTM: ended at step 199" in tracking.text("status")


def test_says_diverged(tracking):
    tracking.slide("scrub", 249)
    assert float(tracking.text("error-4")) > 0
    length = len(points(tracking.attribute(f"guess-{GONE}")))
    tracking.slide("scrub", 300)
    assert tracking.text("lock-4") == "diverged, step 250"
    assert tracking.text("error-4") == tracking.text("share-4") == ""
    assert len(points(tracking.attribute(f"guess-{GONE}"))) == length
    assert "GRU: diverged" in tracking.text("status")


def test_redraws_when_python_sets_a_value(tracking):
    before = tracking.shot()
    tracking.set("step", 400)
    assert tracking.text("scrub-text") == "step 400 of 499"
    tracking.set("models", ["CfC"])
    assert [name for name in tracking.shot() if name.startswith("guess-")] == [f"guess-{CFC}"]
    assert changed(before, tracking.shot())


def test_leaves_nothing_behind(tracking):
    tracking.box.evaluate(SECOND_VIEW, "(box) => box.model")
    copy = Widget(tracking.page, tracking.page.locator("#copy"))
    copy.part("play").click()
    copy.page.wait_for_timeout(200)
    copy.box.evaluate("(box) => box.leave()")
    assert copy.box.inner_html() == ""
    tracking.slide("scrub", 77)
    assert tracking.text("scrub-text") == "step 77 of 499"


def test_values_far_from_zero_get_an_axis_of_their_own(play_runs, runs):
    moved = {name: 20 + 5 * getattr(runs[0], name) for name in ("clean", "targets", "predictions")}
    tracking = play_runs([replace(runs[0], **moved)])
    ticks = {name for name in tracking.shot() if name.startswith("y ")}
    assert ticks == {"y 15", "y 20", "y 25"}
    drawn = [27 - 14 * y / 210 for _, y in points(tracking.attribute("signal"))]
    np.testing.assert_allclose(drawn, moved["clean"][: len(drawn)], atol=0.01)


def test_jumps_where_less_motion_is_wanted(play_runs, runs):
    tracking = play_runs(runs, motion="reduce")
    assert "jumps of 60 steps" in tracking.part("reduced").inner_text()
    tracking.part("play").click()
    steps = set()
    for _ in range(25):
        steps.add(at(tracking))
        tracking.page.wait_for_timeout(100)
    tracking.part("play").click()
    assert {0, 60} <= steps <= {0, 60, 120, 180}


def test_speaks_when_it_rests(tracking):
    tracking.slide("scrub", 240)
    for words in (tracking.part("chart").get_attribute("aria-label"), tracking.text("status")):
        assert "tep 240" in words
        assert "CfC: mean error 0." in words
    before = tracking.text("status")
    tracking.part("play").click()
    tracking.page.wait_for_timeout(300)
    assert tracking.text("status") == before
    tracking.part("play").click()
    assert tracking.text("status") != before


# Looks


@pytest.mark.parametrize("width", [360, 800, 1200])
def test_fits_its_column_and_labels_do_not_overlap(play_runs, runs, width):
    tracking = play_runs(runs, width=width)
    for step in (5, 60, 120, 205, 499):
        tracking.slide("scrub", step)
        wide = tracking.box.evaluate(
            """(box) => {
                const right = box.getBoundingClientRect().right + 1;
                return [...box.querySelectorAll("*")].filter((e) => {
                    const { width, left, right: end } = e.getBoundingClientRect();
                    return !e.closest("[data-name=frame], .unseen") && width
                        && (end > right || left < 0);
                }).map((e) => e.outerHTML.slice(0, 120));
            }"""
        )
        assert wide == []
        assert tracking.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        tops = tracking.box.evaluate(
            """(box) => [...box.querySelectorAll('text[data-name^="label-"]')].map(
                (e) => +e.getAttribute("y"))"""
        )
        assert len(tops) >= 3
        assert min(np.diff(sorted(tops))) >= 15


@pytest.mark.parametrize("dark", [False, True])
def test_ink_follows_the_theme(play_runs, runs, dark):
    tracking = play_runs(runs, dark=dark)
    colour = tracking.part("signal").evaluate("(e) => getComputedStyle(e).stroke")
    assert colour == ("rgb(255, 255, 255)" if dark else "rgb(0, 0, 0)")


def test_every_control_has_a_name_and_keys_reach_it(tracking):
    nameless = tracking.box.evaluate(
        """(box) => [...box.querySelectorAll("input, button")].filter((e) =>
            !e.getAttribute("aria-label") && !e.labels?.[0]?.textContent.trim()
            && !(e.tagName === "BUTTON" && e.textContent.trim())).map((e) => e.outerHTML)"""
    )
    assert nameless == []
    tracking.part("play").focus()
    for name in ("restart", "scrub", *(f"on-{i}" for i in range(len(KEYS)))):
        tracking.page.keyboard.press("Tab")
        assert tracking.part(name).evaluate("(e) => e === document.activeElement")
        assert tracking.part(name).evaluate("(e) => getComputedStyle(e).outlineStyle") == "solid"
