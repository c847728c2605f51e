"""The page's Curve and measures, run in Chromium, against Python's."""

import base64
import math
import warnings
from pathlib import Path

import numpy as np
import pytest

import liquidlib
from liquidlib import Curve, jitter, lock_on, rolling_accuracy

pytestmark = pytest.mark.browser

SOURCES = [
    (Path(liquidlib.__file__).parent / name).read_text(encoding="utf-8")
    for name in ("signals/curve.js", "metrics/tracking.js")
]
LOAD = """async (sources) => {
    const address = (text) => URL.createObjectURL(new Blob([text], { type: "text/javascript" }));
    for (const text of sources) Object.assign(globalThis, await import(address(text)));
    globalThis.make = ({ seed = 0, ...rest }) =>  // as text: a seed may have 64 bits
        new Curve({ seed: typeof seed === "string" ? BigInt(seed) : seed, ...rest });
    globalThis.encoded = (floats) => {
        const bytes = new Uint8Array(floats.buffer, floats.byteOffset, floats.byteLength);
        let text = "";
        for (let i = 0; i < bytes.length; i += 4096)
            text += String.fromCharCode(...bytes.subarray(i, i + 4096));
        return btoa(text);
    };
    globalThis.windows = (curve, numbers) => {
        const all = Array.from(numbers, (k) => curve.window(k)), T = curve.settings.window;
        const joined = (key) => {
            const floats = new Float32Array(T * all.length);
            all.forEach((window, i) => floats.set(window[key], i * T));
            return floats;
        };
        return {
            ...Object.fromEntries(["x", "timespans", "mask"].map((key) => [key, joined(key)])),
            target: Float32Array.from(all, (window) => window.target),
            clean: Float32Array.from(all, (window) => window.clean),
        };
    };
    globalThis.sent = (arrays) =>
        Object.fromEntries(Object.entries(arrays).map(([name, a]) => [name, encoded(a)]));
    globalThis.count = (n, first = 0) => Array.from({ length: n }, (_, k) => first + k);
}"""


@pytest.fixture(scope="module")
def page(browser):
    page = browser.new_context().new_page()
    page.evaluate(LOAD, SOURCES)
    yield page
    page.context.close()


def received(arrays):
    return {k: np.frombuffer(base64.b64decode(a), np.float32) for k, a in arrays.items()}


def run(page, script, given=None):
    """Return the float32 arrays that a script makes, which may name what is ``given``."""
    return received(page.evaluate(f"(given) => sent({script})", given))


def expected(options, steps, start=0):
    """Return Python's windows as flat arrays."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # horizon 0 with value inputs
        curve = Curve(**options)
    windows = list(curve.windows(steps, start))
    names = ("x", "timespans", "mask", "target", "clean")
    return {n: np.concatenate([getattr(w, n).numpy().ravel() for w in windows]) for n in names}


def assert_same(ours, theirs, options):
    """Check that the page's arrays are Python's.

    Times and positions are sums and products, which IEEE 754 fixes: they are equal in every bit.
    Sine, cosine and logarithm may differ in the last bits of float64, from browser to browser and
    from one build of numpy to the next. Rounded to float32 that shows about once in 10^8 numbers,
    as one unit in the last place; where curve and noise cancel, the float64 error itself is left.
    """
    position = options.get("inputs") == "position"
    for name in theirs:
        if name in ("timespans", "mask") or (name == "x" and position):
            np.testing.assert_array_equal(ours[name], theirs[name], name)
        else:
            np.testing.assert_allclose(
                ours[name],
                theirs[name],
                rtol=2**-23,
                atol=1e-15 * (abs(options.get("amplitude", 1)) + options.get("noise", 0)),
                err_msg=name,
            )


def some_options(seed):
    """Return settings drawn at random; jitter only where it is allowed."""
    rng = np.random.default_rng(seed)
    pick = lambda *values: values[rng.integers(len(values))]  # noqa: E731
    options = {
        "kind": pick("sine", "cosine", "walk"),
        "inputs": pick("value", "value", "position"),
        "time": pick("elapsed", "absolute"),
        "window": pick(1, 5, 5, 82),
        "horizon": pick(0, 1, 1, 20),
        "amplitude": pick(1.0, 0.3, -2.0),
        "step": pick(2 * math.pi / 360, 0.1, 1.0),
        "noise": pick(0.0, 0.1, 0.7),
        "drop": pick(0.0, 0.1, 0.6),
        "seed": pick(0, 7, 2**32 + 5, 2**64 - 1),
    }
    if options["kind"] != "walk":
        options["jitter"] = pick(0.0, 0.3, 1.0)
    return options


CASES = [
    {},
    {"inputs": "position", "time": "absolute"},  # as published
    {"inputs": "position", "time": "absolute", "noise": 0.1, "jitter": 0.5, "drop": 0.2},
    {"kind": "walk", "noise": 0.1, "drop": 0.3},
    *map(some_options, range(28)),
]


def for_page(options):
    return {**options, "seed": str(options.get("seed", 0))}


@pytest.mark.parametrize("options", CASES, ids=lambda options: "-".join(map(str, options.values())))
def test_windows_are_pythons(page, options):
    ours = run(page, "windows(make(given), count(2000))", for_page(options))
    assert_same(ours, expected(options, 2000), options)


def test_the_table_of_settings_leaves_nothing_out():
    for name in ("kind", "inputs", "time", "window", "horizon", "noise", "jitter", "drop", "seed"):
        assert len({options.get(name) for options in CASES}) > 1, name
    assert {5, 82} <= {o.get("window", 82) for o in CASES if o.get("jitter") and o.get("drop")}
    assert any(o["window"] == 1 and o["horizon"] == 20 for o in CASES[4:])
    assert any(o["inputs"] == "value" and o["horizon"] == 0 for o in CASES[4:])


@pytest.mark.parametrize("n", [1, 7, 90])
def test_drawn_values_are_a_column_that_repeats(page, tmp_path, n):
    values = np.random.default_rng(n).uniform(-1, 1, n)
    path = tmp_path / "drawn.csv"
    path.write_text("y\n" + "\n".join(map(repr, np.resize(values, 2500).tolist())))
    options = {"window": 5, "horizon": 3, "amplitude": 0.7, "noise": 0.2, "drop": 0.1, "seed": 3}
    given = {**options, "kind": "drawn", "values": values.tolist()}
    ours = run(page, "windows(make(given), count(2000))", given)
    assert_same(ours, expected({**options, "kind": "csv", "path": path}, 2000), options)


LIVELY = {"window": 5, "noise": 0.2, "jitter": 0.4, "drop": 0.2, "seed": 11}


def test_windows_may_be_asked_for_in_any_order(page):
    numbers = [4000, 3999, 3000, 0, 5000, 1, 0]
    ours = run(page, "windows(make(given[0]), given[1])", [LIVELY, numbers])
    theirs = expected(LIVELY, 5001)
    rows = {name: theirs[name].reshape(5001, -1)[numbers].ravel() for name in theirs}
    assert_same(ours, rows, LIVELY)


def test_a_long_run_keeps_neither_its_samples_nor_its_time_a_step(page):
    sizes, times = page.evaluate(
        """(given) => {
            const curve = make(given), sizes = new Set(), times = [], first = curve.window(0);
            const kept = first.x.slice();
            for (let part = 0; part < 10; part++) {
                const start = performance.now();
                for (let k = 10000 * part; k < 10000 * (part + 1); k++)
                    sizes.add(curve.window(k).x.buffer.byteLength);
                times.push(performance.now() - start);
            }
            if (String(first.x) !== String(kept)) throw new Error("a window was overwritten");
            return [[...sizes], times];
        }""",
        LIVELY,
    )
    assert len(sizes) == 1 and sizes[0] < 10_000
    assert min(times[5:]) < 5 * min(times[:5])
    theirs = expected(LIVELY, 1, 99_999)
    assert_same(run(page, "windows(make(given), [99999])", LIVELY), theirs, LIVELY)


def test_it_runs_in_a_worker(page):
    ours = page.evaluate(
        """async ([source, given]) => {
            // A classic worker that imports: a module worker cannot start from a blob on file://.
            const type = { type: "text/javascript" };
            const text = `(async () => {
                const blob = new Blob([${JSON.stringify(source)}], ${JSON.stringify(type)});
                const { Curve } = await import(URL.createObjectURL(blob));
                postMessage(new Curve(${JSON.stringify(given)}).window(70));
            })()`;
            const worker = new Worker(URL.createObjectURL(new Blob([text], type)));
            const answer = await new Promise((resolve, reject) => {
                worker.onmessage = ({ data }) => resolve(data);
                worker.onerror = ({ message }) => reject(new Error(message));
            });
            worker.terminate();
            return [...answer.x, answer.target, answer.clean];
        }""",
        [SOURCES[0], LIVELY],
    )
    theirs = expected(LIVELY, 1, 70)
    flat = np.concatenate([theirs[name] for name in ("x", "target", "clean")])
    np.testing.assert_allclose(ours, flat, rtol=2**-23)


# Changes while a run goes on


def before_and_after(page, options, change, shown=100, steps=300):
    """Return windows of the same curve without and with a change made after ``shown`` windows."""
    still = run(page, f"windows(make(given), count({steps}))", options)
    changed = run(
        page,
        f"""(() => {{
            const curve = make(given);
            for (const k of count({shown})) curve.window(k);
            curve.{change};
            return windows(curve, count({steps}));
        }})()""",
        options,
    )
    return still, changed


@pytest.mark.parametrize("change", ["change({ step: 0.5, noise: 1, drop: 0.5 })", "kick(2)"])
def test_a_change_begins_after_what_was_shown(page, change):
    options = {**LIVELY, "horizon": 3}
    still, changed = before_and_after(page, options, change)
    for name in still:
        rows = still[name].reshape(300, -1), changed[name].reshape(300, -1)
        np.testing.assert_array_equal(rows[0][:100], rows[1][:100])
    assert changed["target"][100] != still["target"][100], "the first target not shown before"


def test_a_new_step_goes_on_from_the_position(page):
    options = {"inputs": "position", "window": 1, "step": 0.1}
    _, changed = before_and_after(page, options, "change({ step: 0.25 })")
    moved = np.diff(changed["x"])
    np.testing.assert_allclose(moved[:99], 0.1, rtol=1e-4)
    np.testing.assert_allclose(moved[99:], 0.25, rtol=1e-4)
    np.testing.assert_allclose(changed["clean"], np.sin(changed["x"]), atol=1e-5)


def test_new_jitter_goes_on_from_the_time(page):
    options = {"window": 1, "horizon": 0, "jitter": 0.9, "seed": 4}
    _, changed = before_and_after(page, options, "change({ jitter: 0.2 })")
    assert 0.1 < np.abs(changed["timespans"][:100] - 1).max() <= 0.9
    assert 0.1 < np.abs(changed["timespans"][100:] - 1).max() <= 0.2 + 1e-6


def test_new_noise_and_amplitude_change_nothing_else(page):
    options = {"window": 1, "horizon": 0, "noise": 0.1}
    still, noisy = before_and_after(page, options, "change({ noise: 0.3 })")
    np.testing.assert_array_equal(noisy["clean"], still["clean"])
    noise = [run["x"] - run["clean"] for run in (still, noisy)]
    np.testing.assert_allclose(noise[1][100:], 3 * noise[0][100:], atol=1e-6)
    _, doubled = before_and_after(page, options, "change({ amplitude: 2 })")
    np.testing.assert_array_equal(doubled["clean"][100:], 2 * still["clean"][100:])


def test_a_change_before_the_first_window_is_as_good_as_a_setting(page):
    changed = {**LIVELY, "step": 0.3, "jitter": 0.1, "noise": 0.5, "kind": "cosine"}
    ours = run(
        page,
        """(() => {
            const curve = make(given[0]), { kind, step, jitter, noise } = given[1];
            curve.change({ jitter: 0.7, step: 2 });
            curve.change({ kind, step, jitter, noise });
            return windows(curve, count(300));
        })()""",
        [LIVELY, changed],
    )
    assert_same(ours, expected(changed, 300), changed)


DRAWN = {"kind": "drawn", "values": [0.1, 0.5, -0.2, -0.7]}


@pytest.mark.parametrize("kind", ["sine", "cosine", "walk"])
def test_a_kick_by_half_a_period_turns_the_curve_over(page, kind):
    options = {"kind": kind, "inputs": "position", "time": "absolute", "window": 3, "noise": 0.1}
    still, kicked = before_and_after(page, options, "kick(Math.PI)", shown=98)
    for name in ("x", "timespans"):
        np.testing.assert_array_equal(kicked[name], still[name])
    np.testing.assert_array_equal(kicked["clean"][:98], still["clean"][:98])
    np.testing.assert_allclose(kicked["clean"][98:], -still["clean"][98:], atol=1e-6)


def test_a_drawn_curve_is_kicked_by_a_share_of_its_values(page):
    options = {**DRAWN, "window": 1, "horizon": 0}
    for radians, jump in [("Math.PI / 2", 1), ("-Math.PI / 2", 3), ("2 * Math.PI", 4)]:
        still, kicked = before_and_after(page, options, f"kick({radians})")
        np.testing.assert_array_equal(kicked["x"][100:-jump], still["x"][100 + jump :])


def test_the_kind_may_change(page):
    options = {"window": 1, "horizon": 0}
    _, changed = before_and_after(
        page, options, "change({ kind: 'drawn', values: [0.5, 0.25, 0, -1] })"
    )
    np.testing.assert_array_equal(changed["x"][100:], np.resize([0.5, 0.25, 0, -1], 200))
    _, back = before_and_after(page, {**options, **DRAWN}, "change({ kind: 'sine' })")
    assert_same({"x": back["x"][100:]}, {"x": expected(options, 300)["x"][100:]}, options)


def test_going_back_gives_what_was_shown_and_a_new_change_forgets_the_later_ones(page):
    shown, again, other, plain = page.evaluate(
        """(given) => {
            const shown = (curve, n) => count(n).map((k) => {
                const { x, timespans, target, clean } = curve.window(k);
                return [...x, ...timespans, target, clean].join();
            });
            const curve = make(given);
            curve.change({ jitter: 0.1 });
            curve.window(50);
            curve.change({ step: 0.3 });
            curve.change({ step: 0.05, noise: 0.4 });
            curve.window(900);
            curve.kick(1);
            curve.change({ jitter: 0.8, drop: 0.4 });
            const first = shown(curve, 4000), second = shown(curve, 4000);
            curve.window(0);
            curve.change({ kind: "walk", jitter: 0 });
            const other = shown(curve, 4000);
            const plain = make(given);
            plain.change({ jitter: 0.1 });
            plain.window(0);
            plain.change({ kind: "walk", jitter: 0 });
            return [first, second, other, shown(plain, 4000)];
        }""",
        LIVELY,
    )
    assert shown == again
    assert other == plain and other[0] == shown[0] and other[100] != shown[100]


def test_the_settings_of_a_changed_curve_make_one_that_starts_with_them(page):
    now, afresh = page.evaluate(
        """(given) => {
            const curve = make(given);
            curve.window(50);
            curve.change({ kind: "drawn", values: [1, 2], jitter: 0 });
            const afresh = new Curve(curve.settings);
            return [curve.settings, afresh.settings];
        }""",
        LIVELY,
    )
    assert now == afresh
    assert (now["kind"], now["horizon"], now["window"], now["noise"]) == ("drawn", 1, 5, 0.2)


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("new Curve({ kind: 'csv' })", "kind must be one of 'sine', 'cosine', 'walk', 'drawn', "),
        ("new Curve({ windw: 5 })", "a setting must be one of 'kind', 'inputs', "),
        ("new Curve({ toString: 5 })", "a setting must be one of 'kind', 'inputs', "),
        ("new Curve({ inputs: 'both' })", "inputs must be one of 'value', 'position', got 'both'"),
        ("new Curve({ time: null })", "time must be one of 'elapsed', 'absolute', got null"),
        ("new Curve({ window: 0 })", "window must be a whole number of at least 1, got 0"),
        ("new Curve({ window: '5' })", "window must be a whole number of at least 1, got '5'"),
        ("new Curve({ horizon: -1 })", "horizon must be a whole number of at least 0, got -1"),
        ("new Curve({ amplitude: NaN })", "amplitude must be a finite number in (-inf, inf), got"),
        ("new Curve({ step: 0 })", "step must be a finite number in (0, inf), got 0"),
        ("new Curve({ noise: -0.1 })", "noise must be a finite number in [0, inf), got -0.1"),
        ("new Curve({ jitter: 1.5 })", "jitter must be a finite number in [0, 1], got 1.5"),
        ("new Curve({ jitter: JSON.parse('{\"toString\":1}') })", "in [0, 1], got an object"),
        ("new Curve({ drop: 1 })", "drop must be below 1, got 1"),
        ("new Curve({ seed: -1 })", "seed must be a whole number of at least 0, got -1"),
        ("new Curve({ seed: 1n << 64n })", "seed must be from 0 to below 2**64, got 18446744073"),
        ("new Curve({ kind: 'walk', jitter: 0.1 })", "jitter must be 0 for kind 'walk', got 0.1"),
        ("new Curve({ values: [1] })", "values must be null for kind 'sine'"),
        ("new Curve({ kind: 'drawn' })", "values must be an array of at least one number for kind"),
        ("new Curve({ kind: 'drawn', values: [] })", "values must be an array of at least one"),
        ("new Curve({ kind: 'drawn', values: { length: 9 } })", "values must be an array"),
        ("new Curve({ kind: 'drawn', values: [1, null] })", "values[1] must be a finite number"),
        ("new Curve().window(-1)", "k must be a whole number of at least 0, got -1"),
        ("new Curve().window()", "k must be a whole number of at least 0, got undefined"),
        ("new Curve().kick(NaN)", "radians must be a finite number in (-inf, inf), got NaN"),
        ("new Curve().change({ window: 9 })", "a setting to change must be one of 'kind', "),
        ("new Curve().change({ noise: -1 })", "noise must be a finite number in [0, inf), got -1"),
        ("new Curve({ jitter: 0.1 }).change({ kind: 'walk' })", "jitter must be 0 for kind 'walk'"),
        ("lockOn([])", "errors must be at least one number"),
        ("lockOn([1], { hold: 0 })", "hold must be a whole number of at least 1, got 0"),
        ("lockOn([1], { share: 0 })", "share must be a number in (0, 1], got 0"),
        ("rollingAccuracy([1], { tolerance: 0 })", "tolerance must be a finite number in (0, inf)"),
        ("jitter([1], { window: 1.5 })", "window must be a whole number of at least 1, got 1.5"),
    ],
)
def test_what_is_not_allowed_is_named(page, script, message):
    said = page.evaluate(
        f"""() => {{
            try {{
                {script};
            }} catch (error) {{
                return error.message;
            }}
        }}"""
    )
    assert message in (said or "no error")


# The measures


def some_errors(seed, n=400):
    """Return errors that shrink and grow again, some exactly on a tolerance, some not finite."""
    rng = np.random.default_rng(seed)
    scale = np.exp(3 * np.cos(np.linspace(0, rng.uniform(4, 20), n)) - rng.uniform(1, 4))
    errors = scale * rng.normal(size=n)
    errors[rng.integers(n, size=40)] = rng.choice([0.1, -0.1, 0.005, -0.005, 0.0], 40)
    return errors


def measured(page, script, errors):
    """Return what a script makes of the errors."""
    return page.evaluate(f"(errors) => {script}", [float(error) for error in errors])


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize(
    ("options", "given"),
    [
        ({}, "{}"),
        ({"hold": 7, "share": 0.7}, "{ hold: 7, share: 0.7 }"),
        ({"hold": 10, "share": 0.5}, "{ hold: 10, share: 0.5 }"),  # the share is met exactly
    ],
)
def test_lock_on_is_pythons_for_every_prefix(page, seed, options, given):
    errors = some_errors(seed)
    if seed % 2:  # inside from the start: nothing is known before there are `hold` errors
        errors[:60] = 0.0
    errors[::37] = np.nan
    script = (
        f"(() => {{ const lock = new LockOn({given}); return errors.map((e) => lock.push(e)); }})()"
    )
    theirs = [lock_on(errors[:n], **options) for n in range(1, len(errors) + 1)]
    assert measured(page, script, errors) == theirs
    assert measured(page, f"lockOn(errors, {given})", errors) == theirs[-1]


def test_some_of_these_errors_lock_on_and_some_do_not():
    steps = [lock_on(some_errors(seed), hold=7, share=0.7) for seed in range(8)]
    assert any(steps) and len(set(steps)) > 4
    assert None in [lock_on(some_errors(seed)[:100]) for seed in range(8)]


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("window", [1, 9, 100])
def test_rolling_accuracy_is_pythons(page, seed, window):
    errors = some_errors(seed)
    errors[::51] = np.inf
    ours = measured(page, f"rollingAccuracy(errors, {{ window: {window} }})", errors)
    np.testing.assert_array_equal(ours, rolling_accuracy(errors, window=window))
    for n in (1, 5, 150):  # an entry does not depend on what comes later
        np.testing.assert_array_equal(ours[:n], rolling_accuracy(errors[:n], window=window))


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("window", [1, 9, 50])
def test_jitter_is_pythons(page, seed, window):
    errors = some_errors(seed)
    ours = measured(page, f"jitter(errors, {{ window: {window} }})", errors)
    theirs = jitter(errors, window=window)
    assert math.isnan(ours[0])
    # Python subtracts running sums, the page sums afresh.
    np.testing.assert_allclose(ours[1:], theirs[1:], rtol=1e-9, atol=1e-7)


def test_the_measures_recover_after_a_run_that_blew_up(page):
    errors = [1e200, np.inf, -np.inf, np.nan, *(0.001 * (-1) ** k for k in range(200))]
    assert measured(page, "jitter(errors, { window: 20 })", errors)[-1] == pytest.approx(0.002)
    assert measured(page, "rollingAccuracy(errors)", errors)[-1] == 1
    assert measured(page, "lockOn(errors)", errors) == 2
