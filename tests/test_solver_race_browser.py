"""The race of the solvers in Chromium, on a page of its own, against the same solvers in Python."""

import math
from functools import cache

import bare_page
import numpy as np
import pytest
from scipy.integrate import RK45, solve_ivp
from widget_page import Widget, points

from liquidlib import SolverRace

pytestmark = pytest.mark.browser

SECONDS, SAMPLES = 4, 16
FIXED = {"euler": 1, "fused": 1, "exact": 1, "rk4": 4}  # evaluations a step
RACERS = [*FIXED, "adaptive"]
BUDGETS = [2**k for k in range(2, 12)]


@pytest.fixture
def race_with(visit_widgets, tmp_path):
    """Open a page with a race of the given setting."""

    def visit(width=1000, dark=False, motion="reduce", **setting):
        path = bare_page.write(tmp_path / "page.html", [SolverRace(**setting)])
        page = visit_widgets(path.as_uri(), width, dark, motion)
        box = page.locator('.liquid-widget[data-state="ready"]')
        box.wait_for()
        return Widget(page, box)

    return visit


def number(race, name):
    """Return a number of the table as it is held, not as it is rounded; None for an empty one."""
    value = race.attribute(name, "value")
    return float(value) if value else None


# The same in Python


def neuron(weight, frequency, held):
    """Return push and rate at a time, which belongs to the step that begins at ``start``."""

    def at(t, start):
        if held:
            t = math.floor((start + (t - start) * (1 - 1e-9)) * SAMPLES) / SAMPLES
        push = weight / (1 + math.exp(-5 * (math.sin(2 * math.pi * frequency * t) - 0.5)))
        return push, 1 + push

    return at


@cache
def solution(weight, frequency, held):
    """Return a function from times to the neuron's state, by scipy, piece by piece."""
    at, pieces, v = neuron(weight, frequency, held), [], 0.0
    for k in range(SECONDS * SAMPLES):
        a, b = k / SAMPLES, (k + 1) / SAMPLES

        def slope(t, v, a=a):
            push, rate = at(min(t, a + (1 - 1e-12) / SAMPLES), a)
            return push - rate * v

        pieces.append(
            solve_ivp(slope, (a, b), [v], "DOP853", rtol=1e-13, atol=1e-13, dense_output=True)
        )
        v = pieces[-1].y[0, -1]
    return lambda t: pieces[min(math.floor(t * SAMPLES), len(pieces) - 1)].sol(t)[0]


def march(key, at, steps):
    """Return times and states of equal steps."""
    h, v, states = SECONDS / steps, 0.0, [0.0]
    for n in range(steps):
        t = n * h
        push, rate = at(t, t)
        if key == "euler":
            v = v + h * (push - rate * v)
        elif key == "fused":
            v = (v + h * push) / (1 + h * rate)
        elif key == "exact":
            v = push / rate + (v - push / rate) * math.exp(-h * rate)
        else:
            push2, rate2 = at(t + h / 2, t)
            push4, rate4 = at(t + h, t)
            k1 = push - rate * v
            k2 = push2 - rate2 * (v + h / 2 * k1)
            k3 = push2 - rate2 * (v + h / 2 * k2)
            k4 = push4 - rate4 * (v + h * k3)
            v = v + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
        states.append(v)
    return [n * h for n in range(steps + 1)], states


def dormand_prince(at, tolerance):
    """Return times, states and evaluations of adaptive steps, with scipy's coefficients."""

    def slope(t, v, start):
        push, rate = at(t, start)
        return push - rate * v

    t, v, step, first, evaluations = 0.0, 0.0, 1 / 64, slope(0, 0, 0), 1
    times, states = [t], [v]
    while t < SECONDS:
        h = min(step, SECONDS - t)
        slopes = [first]
        for c, row in zip(RK45.C[1:], RK45.A[1:], strict=True):
            slopes.append(slope(t + c * h, v + h * np.dot(row[: len(slopes)], slopes), t))
        after = v + h * np.dot(RK45.B, slopes)
        slopes.append(slope(t + h, after, t))
        evaluations += 6
        error = abs(h * np.dot(RK45.E, slopes))
        if error <= tolerance:
            t, v, first = (SECONDS if h < step else t + h), after, slopes[-1]
            times.append(t)
            states.append(v)
        step = min(0.25, h * min(5, max(0.2, 0.9 * (tolerance / error) ** 0.2)))
    return times, states, evaluations


def largest_error(setting, times, states):
    true = solution(*setting)
    off = [abs(v - true(t)) for t, v in zip(times, states, strict=True)]
    return max(off) if np.isfinite(off).all() else math.inf


# What is drawn and said


def test_opens_on_a_picture_and_says_what_it_shows(race_with):
    race = race_with()
    shown = race.shot()
    there = {f"{kind}-{key}" for key in RACERS for kind in ("cost", "label")}
    there |= {f"state-{key}" for key in FIXED} | {"solution", "input", "wanted-line"}
    assert there <= shown.keys()
    assert race.text("now") == (
        "With 32 evaluations a second the exact step is closest: off by at most 0.076, 1.9 times "
        "less than the fused solver. Exploded: Euler and RK4. The adaptive solver cannot finish: "
        "its cheapest run takes 97."
    )
    assert race.text("finish") == (
        "Finish line, an error of 0.001: first the adaptive solver with 109, then RK4 with 256, "
        "then Euler with 2048; not with 2048: the fused solver and the exact step."
    )
    told = race.attribute("picture", "aria-label")
    assert race.text("now") in told and race.text("finish") in told


@pytest.mark.parametrize(
    "setting",
    [(100.0, 0.5, False), (10.0, 2.0, False), (50.0, 0.5, True), (200.0, 1.0, False)],
)
def test_numbers_are_those_of_the_solvers_in_python(race_with, setting):
    weight, frequency, held = setting
    race = race_with(weight=weight, frequency=frequency, held=held)
    at = neuron(*setting)
    close = {"rel": 1e-6, "abs": 2e-11}  # the page's own solution is not surer
    for budget in (4, 32, 128, 512):
        race.set("budget", budget)
        for key, each in FIXED.items():
            times, states = march(key, at, SECONDS * budget // each)
            assert number(race, f"steps-{key}") == budget / each
            assert number(race, f"evaluations-{key}") == budget
            error = largest_error(setting, times, states)
            assert number(race, f"error-{key}") == pytest.approx(error, **close), (key, budget)
        tolerance = number(race, "tolerance")
        if tolerance is None:
            assert race.text("error-adaptive") == "no run"
            continue
        times, states, evaluations = dormand_prince(at, tolerance)
        assert number(race, "evaluations-adaptive") == evaluations / SECONDS <= budget
        assert number(race, "steps-adaptive") == (len(times) - 1) / SECONDS
        error = largest_error(setting, times, states)
        assert number(race, "error-adaptive") == pytest.approx(error, **close)
        tighter = dormand_prince(at, tolerance / 10**0.5)[2] / SECONDS
        assert tighter > budget, "the tightest tolerance that the budget pays for"


def errors(race, key, budgets):
    found = []
    for budget in budgets:
        race.set("budget", budget)
        found.append(number(race, f"error-{key}"))
    return np.array(found)


def test_twice_the_evaluations_divide_the_error_by_two_to_the_order(race_with):
    race = race_with(weight=5.0)
    for key, order in {"euler": 1, "fused": 1, "exact": 1, "rk4": 4}.items():
        found = errors(race, key, [128, 256, 512])
        np.testing.assert_allclose(found[:-1] / found[1:], 2**order, rtol=0.15, err_msg=key)


def test_the_exact_step_is_exact_where_the_input_is_held(race_with):
    race = race_with(held=True)
    assert (errors(race, "exact", BUDGETS[2:]) < 1e-9).all(), "from a step a sample on"
    assert race.text("error-exact") == "below 10⁻⁹"
    assert "the exact step is closest: off by less than 10⁻⁹, over " in race.text("now")
    assert number(race, "reach-exact") == SAMPLES
    assert (errors(race, "exact", BUDGETS[:2]) > 0.1).all(), "it cannot hear what it does not read"
    race.slide("wanted", 5)
    assert race.text("finish").startswith("Finish line, an error of 10⁻⁶: first the exact step")
    race.set("weight", 200.0)
    race.set("frequency", 4.0)
    assert (errors(race, "exact", BUDGETS[2:]) < 1e-9).all(), "the solution is sure enough"
    race.part("held").click()
    assert (errors(race, "exact", BUDGETS) > 1e-4).all(), "it is not where the input moves on"


def test_what_explodes_are_explicit_steps_that_are_too_long_for_the_rate(race_with):
    race = race_with()
    seen = set()
    for weight in (10, 100, 200):
        race.set("weight", float(weight))
        at = neuron(weight, 0.5, False)
        rates = np.array([at(t, t)[1] for t in np.linspace(0, SECONDS, 4000)])
        for budget in BUDGETS[1:]:
            race.set("budget", budget)
            says = {key: race.text(f"error-{key}") for key in RACERS}
            for key, each, bound in (("euler", 1, 2), ("rk4", 4, 2.785)):
                product = rates * each / budget  # step times rate
                if (product > 1.5 * bound).mean() > 0.2:
                    assert says[key] == "exploded", (key, weight, budget)
                elif product.max() < bound:
                    assert says[key] != "exploded", (key, weight, budget)
                seen.add((key, says[key] == "exploded"))
            assert "exploded" not in (says["fused"], says["exact"], says["adaptive"])
    assert len(seen) == 4


def test_the_adaptive_solver_keeps_its_error_near_its_tolerance(race_with):
    race = race_with()
    tolerances = []
    for budget in BUDGETS[5:]:
        race.set("budget", budget)
        tolerances.append(number(race, "tolerance"))
        assert number(race, "error-adaptive") < 2 * tolerances[-1]
        assert number(race, "evaluations-adaptive") <= budget
        cuts = race.attribute("cuts").count("M")
        assert cuts == SECONDS * number(race, "steps-adaptive") + 1
    assert tolerances == sorted(tolerances, reverse=True)
    assert tolerances[0] > 1e4 * tolerances[-1]


def test_dots_and_lines_stand_where_the_numbers_are(race_with):
    race = race_with(budget=256)
    decade = (
        float(race.attribute("error-tick -6", "y")) - float(race.attribute("error-tick -3", "y"))
    ) / 3
    zero = float(race.attribute("error-tick 0", "y")) - 4
    left, right = (float(race.attribute(f"cost-tick {k}", "x")) for k in (0, 8))
    for key in RACERS:
        x = left + math.log2(number(race, f"evaluations-{key}") / 4) / 8 * (right - left)
        y = zero - math.log10(number(race, f"error-{key}")) * decade
        assert float(race.attribute(f"dot-{key}", "cx")) == pytest.approx(x, abs=0.1)
        assert float(race.attribute(f"dot-{key}", "cy")) == pytest.approx(y, abs=0.1)
        line = points(race.attribute(f"cost-{key}"))
        assert min(math.hypot(x - p, y - q) for p, q in line) < 0.2, "the dot is on its line"


def test_the_finish_line_moves_the_order(race_with):
    race = race_with(budget=2048)
    for wanted in (0, 2, 4):
        race.slide("wanted", wanted)
        goal = race.get("wanted")
        reached = {key: number(race, f"reach-{key}") for key in RACERS}
        for key in FIXED:
            found = errors(race, key, BUDGETS)
            first = next((b for b, e in zip(BUDGETS, found, strict=True) if e <= goal), None)
            assert reached[key] == first, (key, goal)
        order = sorted((value, key) for key, value in reached.items() if value is not None)
        names = {"adaptive": "the adaptive solver", "rk4": "RK4", "exact": "the exact step"}
        assert f"first {names[order[0][1]]} with {math.ceil(order[0][0])}" in race.text("finish")
        for key, value in reached.items():
            words = "over 2048" if value is None else f"{math.ceil(value)}"
            assert race.text(f"reach-{key}") == words


# The race


def test_race_doubles_the_budget_to_the_end(race_with):
    race = race_with(motion="no-preference")
    whole = race.attribute("cost-fused")
    race.page.evaluate(
        """() => {
            const box = document.querySelector(".liquid-widget"), part = (name) =>
                box.querySelector(`[data-name="${name}"]`);
            window.seen = [];
            box.model.on("change:budget", () => window.seen.push([box.model.get("budget"),
                part("race").textContent, part("cost-fused").getAttribute("d").length,
                part("reach-rk4").textContent]));
        }"""
    )
    race.part("race").click()
    race.page.wait_for_function("() => window.seen.at(-1)?.[0] === 2048", timeout=30_000)
    seen = race.page.evaluate("window.seen")
    assert [budget for budget, *_ in seen] == BUDGETS
    assert {words for _, words, *_ in seen[:-1]} == {"Stop"}
    lengths = [length for _, _, length, _ in seen]
    assert lengths == sorted(lengths) and lengths[0] < lengths[-1], "the line grows"
    assert [reach for *_, reach in seen] == [""] * 6 + ["256"] * 4, "told once it is there"
    assert race.text("race") == "Race"
    assert race.attribute("says", "aria-busy") == "false"
    assert race.attribute("cost-fused") == whole
    assert race.part("budget").input_value() == "9"


@pytest.mark.parametrize("by", ["button", "slider"])
def test_race_is_stopped(race_with, by):
    race = race_with(motion="no-preference")
    race.part("race").click()
    assert (race.text("race"), race.get("budget")) == ("Stop", 4)
    assert race.attribute("says", "aria-busy") == "true"
    if by == "button":
        race.part("race").click()
    else:
        race.slide("budget", 6)
    assert race.text("race") == "Race"
    budget = race.get("budget")
    race.page.wait_for_timeout(1200)
    assert race.get("budget") == budget


def test_with_less_motion_the_race_ends_at_once(race_with):
    race = race_with(motion="reduce")
    race.part("race").click()
    assert (race.text("race"), race.get("budget")) == ("Race", 2048)
    assert race.text("now").startswith("With 2048 evaluations a second the adaptive solver")


# Controls


def test_every_control_answers_to_keys(race_with):
    race = race_with()
    for name, key, press, before, after in [
        ("budget", "budget", "ArrowRight", 32, 64),
        ("weight", "weight", "ArrowLeft", 100, 50),
        ("frequency", "frequency", "ArrowRight", 0.5, 1),
        ("wanted", "wanted", "End", 1e-3, 1e-6),
        ("held", "held", "Space", False, True),
        ("race", "budget", "Enter", 64, 2048),
    ]:
        assert race.get(key) == before
        words = race.text("now") + race.text("finish")
        race.part(name).focus()
        race.page.keyboard.press(press)
        assert race.get(key) == after
        assert race.text("now") + race.text("finish") != words
    assert race.attribute("budget", "aria-valuetext") == "2048 evaluations a second"
    assert race.attribute("wanted", "aria-valuetext") == race.text("wanted-text") == "10⁻⁶"
    nameless = race.box.evaluate(
        """(box) => [...box.querySelectorAll("input, button")].filter((e) =>
            !e.getAttribute("aria-label") && !e.labels?.[0]?.textContent.trim()
            && !e.textContent.trim()).map((e) => e.outerHTML)"""
    )
    assert nameless == []


def test_takes_what_python_sets(race_with):
    race = race_with(budget=16, weight=3.7, frequency=4.0, wanted=0.02, held=True)
    shown = {key: race.text(f"{key}-text") for key in ("budget", "weight", "frequency", "wanted")}
    assert shown == {
        "budget": "16 evaluations a second",
        "weight": "3.7",
        "frequency": "4 Hz",
        "wanted": "0.02",
    }
    assert race.part("held").is_checked()
    before = race.shot()
    race.set("weight", 40.0)
    assert race.text("weight-text") == "40"
    assert race.shot()["solution"] != before["solution"]


@pytest.mark.parametrize("corner", [(1.0, 0.1), (1.0, 4.0), (200.0, 0.1), (200.0, 4.0)])
@pytest.mark.parametrize("held", [False, True])
def test_words_and_numbers_hold_in_the_corners(race_with, corner, held):
    race = race_with(weight=corner[0], frequency=corner[1], held=held)
    for budget in (4, 2048):
        race.set("budget", budget)
        said = race.box.text_content()
        assert not any(word in said for word in ("NaN", "Infinity", "undefined", "null"))
        paths = race.box.locator("svg path").evaluate_all("(all) => all.map((e) => e.outerHTML)")
        assert not any("NaN" in one or "Infinity" in one for one in paths)


# The look


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [360, 900])
def test_fits_its_column_and_follows_the_theme(race_with, width, dark):
    race = race_with(width=width, dark=dark, budget=2048)
    assert race.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    wide = race.box.evaluate(
        """(box) => [...box.querySelectorAll("*")].filter((e) =>
            e.getBoundingClientRect().width && e.getBoundingClientRect().right
            > box.getBoundingClientRect().right + 1).map((e) => e.outerHTML.slice(0, 120))"""
    )
    assert wide == []
    ink = race.part("solution").evaluate("(element) => getComputedStyle(element).stroke")
    assert ink == ("rgb(255, 255, 255)" if dark else "rgb(0, 0, 0)")
    sizes = race.box.evaluate(
        """(box) => [...box.querySelectorAll("svg text")].map(
            (e) => parseFloat(getComputedStyle(e).fontSize))"""
    )
    assert min(sizes) >= 11
