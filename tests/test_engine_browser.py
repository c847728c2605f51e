"""The engine in Chromium: the same bits as in Python, and nothing else needed from the page."""

import base64
import json
from functools import partial
from importlib.resources import files

import numpy as np
import pytest
import torch
from torch import nn

from liquidlib import CfC, Curve, Machine, Normal, Tape, initialise, lower, make, models, track

pytestmark = pytest.mark.browser

HERE = files("liquidlib.engine")
STEPS = 200
SETTINGS = {"lr": 1e-3, "betas": (0.9, 0.999), "eps": 1e-8, "weight_decay": 0.01}
# Imports engine.js as a widget does. In a page and in a worker.
LOAD = """
  globalThis.bytes = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
  globalThis.load = async (script) =>
    import(URL.createObjectURL(new Blob([script], { type: "text/javascript" })));
  globalThis.open = async ({ script, wasm }) => {
    globalThis.engine = await load(script);
    globalThis.vm = await engine.compile(bytes(wasm));
  };
  globalThis.heapOf = ({ heap }) => [...new Uint32Array(heap.buffer, heap.byteOffset, heap.length)];
  globalThis.train = ({ tape, settings, targets, windows }) => {
    const machine = new engine.Machine(vm, bytes(tape));
    machine.set(settings);
    return [targets.map((target, k) => machine.step(target, windows[k])), heapOf(machine)];
  };
"""


class Foreign(nn.Module):
    """Its tape does not loop, draws from a normal, and ships a buffer and two parameters."""

    def __init__(self):
        super().__init__()
        self.lstm, self.out = nn.LSTM(1, 8, batch_first=True), nn.Linear(8, 1)
        self.register_buffer("scale", torch.tensor([1.0, 0.5, 2.0, 1.5, 1.0, 0.5, 2.0, 1.5]))
        initialise(self, 3, lambda name, _: Normal(0.3))
        with torch.no_grad():
            self.out.weight += 0.1
            self.out.bias += 0.2

    def forward(self, x, timespans=None, mask=None):
        return self.out(self.scale * self.lstm(x)[0]), None


MODELS = {
    info.name: partial(make, info.name, 1, 8, 1, seed=3)
    for info in models()
    if not info.model.adaptive
} | {
    "cfc with mask": partial(CfC, 1, 8, 1, mask_input=True, seed=3),
    "cfc with memory": partial(CfC, 1, 8, 1, mixed_memory=True, seed=3),
    "nn.LSTM": Foreign,
}


def text(data: bytes) -> str:
    return base64.b64encode(data).decode()


ENGINE = {
    "script": HERE.joinpath("engine.js").read_text(encoding="utf-8"),
    "wasm": text(HERE.joinpath("vm.wasm").read_bytes()),
}


def inputs(window) -> dict:
    return {name: getattr(window, name).numpy() for name in ("x", "timespans", "mask")}


def job(tape: Tape, curve: Curve, steps: int = STEPS) -> dict:
    """What the page needs for a run: all of it fits into JSON."""
    windows = list(curve.windows(steps))
    return {
        "tape": text(tape.to_bytes()),
        "settings": SETTINGS,
        "targets": [window.target.item() for window in windows],
        "windows": [
            {name: array.ravel().tolist() for name, array in inputs(window).items()}
            for window in windows
        ],
    }


def in_python(tape: Tape, curve: Curve, steps: int = STEPS) -> list:
    """The same run; results and heap as the page returns them."""
    machine = Machine(tape, curve.window, vm="wasm")
    machine.set(**SETTINGS)
    results = [list(machine.step(w.target.item(), **inputs(w))) for w in curve.windows(steps)]
    return [results, machine.heap.view(np.uint32).tolist()]


@pytest.fixture(scope="module")
def page(browser):
    page, problems = browser.new_page(), []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("console", lambda message: problems.append(message.text))
    page.evaluate(f"() => {{ {LOAD} }}")
    page.evaluate("(engine) => open(engine)", ENGINE)
    yield page
    page.close()
    assert problems == []


@pytest.fixture(scope="module")
def tapes():
    """Two small ones, one that loops and one that does not."""
    return {name: lower(MODELS[name](), 4) for name in ("cfc", "nn.LSTM")}


@pytest.fixture(scope="module")
def cfc(tapes):
    """A tape, its curve, and what a run of 20 steps gives."""
    curve = Curve(window=4, jitter=0.5)
    return tapes["cfc"], curve, in_python(tapes["cfc"], curve, 20)


@pytest.mark.parametrize("name", MODELS)
def test_a_run_in_chromium_gives_the_bits_of_one_in_python(page, name):
    model, curve = MODELS[name](), Curve(window=8, jitter=0.5)
    tape = lower(model, 8)
    results, heap = page.evaluate("train", job(tape, curve))
    expected, expected_heap = in_python(tape, curve)
    assert results == expected
    assert heap == expected_heap  # weights, gradients, moments and all in between
    run = track(model, curve, STEPS, device="cpu", engine="torch", **SETTINGS)
    predictions, losses = np.transpose(results)
    np.testing.assert_allclose(losses, run.losses, rtol=0, atol=1e-5)
    np.testing.assert_allclose(predictions, run.predictions, rtol=0, atol=1e-5)


@pytest.mark.parametrize("seed", [0, 5, 2**53 + 1, 2**64 - 1])
@pytest.mark.parametrize("name", ["cfc", "nn.LSTM"])
def test_a_seed_gives_the_parameters_that_it_gives_in_python(page, tapes, name, seed):
    tape = tapes[name]
    assert {(p["initial"] or [None])[0] for p in tape.parameters} == (
        {"uniform"} if name == "cfc" else {"normal", None}
    )
    machine = Machine(tape, vm="wasm")
    machine.reset(seed)
    got, moments, own = page.evaluate(
        """({ tape, seed }) => {
          const machine = new engine.Machine(vm, bytes(tape)), own = heapOf(machine);
          for (const moments of Object.values(machine.region("exp_avg"))) moments.fill(1);
          machine.reset(BigInt(seed));
          const told = (region) =>
            Object.entries(machine.region(region)).map(([name, view]) => [name, [...view]]);
          machine.reset(engine.parse(bytes(tape)).seed);
          const restored = heapOf(machine);
          machine.reset(BigInt(seed));
          return [told("parameters"), told("exp_avg"), String(own) === String(restored)];
        }""",
        {"tape": text(tape.to_bytes()), "seed": str(seed)},
    )
    assert dict(got) == {n: p.ravel().tolist() for n, p in machine.region("parameters").items()}
    assert dict(moments) == {n: [0] * p.size for n, p in machine.region("parameters").items()}
    assert own, "resetting to the tape's own seed restores the whole heap"


def test_a_model_that_was_drawn_from_a_large_seed_keeps_it(page):
    tape = lower(make("cfc", 1, 4, 1, seed=2**64 - 1), 4)
    heap = page.evaluate(
        "(tape) => heapOf(new engine.Machine(vm, bytes(tape)))", text(tape.to_bytes())
    )
    assert heap == Machine(tape, vm="wasm").heap.view(np.uint32).tolist()


@pytest.mark.parametrize("window", [1, 3, 30])
def test_another_window(page, cfc, window):
    tape, curve = cfc[0], Curve(window=window, jitter=0.5)
    machine = Machine(tape, window, vm="wasm")
    machine.set(**SETTINGS)
    given = job(tape, curve, 3)
    answer, recorded, pairs = page.evaluate(
        """({ tape, settings, targets, windows }) => {
          const machine = new engine.Machine(vm, engine.parse(bytes(tape)), windows[0].x.length);
          machine.set(settings);
          const answer = machine.answer(windows[0]);
          const recorded = Object.keys(machine.tape.records).map((name) =>
            [name, machine.recorded(name).map((row) => [...row])]);
          return [answer, recorded, targets.map((target, k) => machine.step(target, windows[k]))];
        }""",
        given,
    )
    windows = list(curve.windows(3))
    assert answer == machine.answer(**inputs(windows[0]))
    assert dict(recorded) == {n: machine.recorded(n).tolist() for n in ("state", "gate")}
    assert np.shape(dict(recorded)["gate"]) == (window, 8)
    assert pairs == [list(machine.step(w.target.item(), **inputs(w))) for w in windows]


def test_one_instruction_at_a_time_is_a_step(page, cfc):
    tape, curve, _ = cfc
    whole, apart, places, counted = page.evaluate(
        """({ tape, settings, targets: [target], windows: [window] }) => {
          const [one, other] = [0, 1].map(() => new engine.Machine(vm, bytes(tape)));
          for (const machine of [one, other]) machine.set(settings);
          one.step(target, window);
          other.feed(window, target);
          other.begin(true);
          const places = [];
          do places.push(other.at); while (!other.advance(1));
          return [heapOf(one), heapOf(other), places, other.steps];
        }""",
        job(tape, curve, 1),
    )
    assert whole == apart and counted == 1
    starts = [row["at"] for row in tape.listing()]
    assert places[0] == {"pc": 0, "bases": [0, 0, 0]}
    assert {place["pc"] for place in places} == set(starts), "it stands at instructions only"
    assert {place["bases"][1] for place in places} == {tape.frame * k for k in range(5)}


def test_what_is_wrong_is_named(page, tapes):
    tape, unrolled = (text(tape.to_bytes()) for tape in tapes.values())
    messages = page.evaluate(
        """async ({ tape, unrolled, wasm }) => {
          const said = [], data = bytes(tape), { Machine } = engine;
          const wrong = async (act) => {
            try { said.push(`nothing, gave ${await act()}`); }
            catch (error) { said.push(error.message); }
          };
          const machine = new Machine(vm, data), four = [1, 2, 3, 4];
          await wrong(() => engine.compile("vm.wasm"));
          await wrong(() => engine.compile(data));
          await wrong(() => engine.parse(undefined));
          await wrong(() => engine.parse(bytes(wasm)));
          await wrong(() => engine.parse(data.subarray(0, 500)));
          await wrong(() => engine.parse(data.subarray(0, data.length - 4)));
          await wrong(() => new Machine(engine.compile(bytes(wasm)), data));
          for (const window of [0, 2.5, "4", 1e9]) await wrong(() => new Machine(vm, data, window));
          await wrong(() => new Machine(vm, bytes(unrolled), 3));
          for (const seed of [-1, 2 ** 53, 2n ** 64n, 0.5, "five", undefined])
            await wrong(() => machine.reset(seed));
          await wrong(() => machine.region("momentum"));
          await wrong(() => machine.recorded("cell"));
          await wrong(() => machine.set({ momentum: 0.9 }));
          await wrong(() => machine.set({ loss: 0 }));
          await wrong(() => machine.set({ lr: "0.1" }));
          await wrong(() => machine.set({ betas: [0.9] }));
          await wrong(() => machine.step(1, { x: four }));
          await wrong(() => machine.step(1, { x: [1, 2, 3], timespans: four }));
          await wrong(() => machine.step(1));
          await wrong(() => machine.step(NaN, { x: four, timespans: four }));
          for (const n of [0, -1, 1.5]) await wrong(() => machine.advance(n));
          return said;
        }""",
        {"tape": tape, "unrolled": unrolled, **ENGINE},
    )
    bytes_like = "must be an ArrayBuffer or a view of one, got"
    whole = "must be a whole number of at least 1, got"
    seeds = "seed must be a whole number from 0 to 2**64 - 1, from 2**53 on a BigInt, got"
    beginnings = [
        f"wasm {bytes_like} vm.wasm",
        "wasm must be vm.wasm, in a page that may compile it: WebAssembly.compile(): ",
        f"tape {bytes_like} undefined",
        *["tape must be a tape's bytes, got others ("] * 3,
        "module must be what `await compile(wasm)` gives, got [object Promise]",
        *[f"window {whole} {given}" for given in ("0", "2.5", "4")],
        "window must be one whose numbers fit into memory, got 1000000000",
        "window must be 4 for this tape, which does not loop, got 3",
        *[f"{seeds} {given}" for given in (-1, 2**53, 2**64, 0.5, "five", "undefined")],
        "name must be among parameters, gradients, exp_avg, exp_avg_sq, got momentum",
        "name must be among state, gate, got cell",
        "settings must be among lr, one_minus_beta1, one_minus_beta2, eps, weight_decay, "
        "got momentum",
        "settings must be among lr, one_minus_beta1, one_minus_beta2, eps, weight_decay, got loss",
        "lr must be a finite number, got 0.1",
        "one_minus_beta2 must be a finite number, got undefined",
        "timespans must be 4 numbers, 1 a time step, got undefined",
        "x must be 4 numbers, 1 a time step, got 3",
        "x must be 4 numbers, 1 a time step, got undefined",
        "target must be a finite number, got NaN",
        *[f"instructions {whole} {given}" for given in (0, -1, 1.5)],
    ]
    assert len(messages) == len(beginnings)
    for message, beginning in zip(messages, beginnings, strict=True):
        assert message.startswith(beginning)


def test_bytes_come_as_widgets_have_them_and_are_compiled_once(page, cfc):
    tape, curve, expected = cfc
    given = job(tape, curve, 20) | ENGINE
    results, same, other, heaps = page.evaluate(
        """async ({ tape, wasm, script, ...given }) => {
          const moved = (data) => { // a DataView that begins at no multiple of four
            const whole = new Uint8Array(data.length + 8);
            whole.set(data, 3);
            return new DataView(whole.buffer, 3, data.length);
          };
          const second = await load(script); // another widget's copy of the module
          const compiled = await Promise.all(
            [bytes(wasm), bytes(wasm).buffer, moved(bytes(wasm))].map(second.compile));
          const edited = bytes(wasm); // of equal length: the last letters of the last section
          const empty = [0, 97, 115, 109, 1, 0, 0, 0];
          const a = await engine.compile(new Uint8Array([...empty, 0, 2, 1, 97]));
          const b = await engine.compile(new Uint8Array([...empty, 0, 2, 1, 98]));
          const custom = (module) => WebAssembly.Module.customSections(module, "b").length;
          const machines = [bytes(tape), bytes(tape).buffer, moved(bytes(tape))]
            .map((data) => new second.Machine(compiled[0], data));
          const { settings, targets, windows } = given;
          machines.forEach((machine) => machine.set(settings));
          const results = machines.map((machine) => // in turn: one does not touch another
            targets.map((target, k) => machine.step(target, windows[k])));
          return [results, compiled.every((module) => module === vm), [custom(a), custom(b)],
            machines.map(heapOf)];
        }""",
        given,
    )
    assert results == [expected[0]] * 3 and heaps == [expected[1]] * 3
    assert same, "every widget of a page takes the one compiled module"
    assert other == [0, 1], "modules of equal length are told apart"


def test_memory_does_not_grow(page):
    tape = text(lower(make("rnn", 1, 2, 1, seed=1), 2).to_bytes())
    session = page.context.new_cdp_session(page)

    def held() -> int:
        session.send("HeapProfiler.collectGarbage")
        return session.send("Runtime.getHeapUsage")["usedSize"]

    page.evaluate(
        """(tape) => {
          globalThis.tiny = new engine.Machine(vm, bytes(tape));
          tiny.set({ lr: 1e-3, betas: [0.9, 0.999], eps: 1e-8, weight_decay: 0 });
          globalThis.go = (steps) => {
            for (let k = 0; k < steps; k++)
              tiny.step(Math.sin((k + 2) / 9), { x: [Math.sin(k / 9), Math.sin((k + 1) / 9)] });
            return tiny.vm.memory.buffer.byteLength;
          };
        }""",
        tape,
    )
    size, before = page.evaluate("go(1000)"), held()
    assert page.evaluate("go(100_000)") == size
    assert held() - before < 100_000  # one byte a step
    assert page.evaluate("tiny.steps") == 101_000


def test_in_a_worker(page, cfc):
    tape, curve, expected = cfc
    result = page.evaluate(
        """([code, given]) => new Promise((resolve, reject) => {
          const hear = "onmessage = ({ data }) => open(data).then(() => postMessage(train(data)));";
          const script = new Blob([code, hear], { type: "text/javascript" });
          const worker = new Worker(URL.createObjectURL(script));
          worker.onmessage = ({ data }) => resolve(data);
          worker.onerror = (event) => reject(new Error(event.message));
          worker.postMessage(given);
        })""",
        [LOAD, job(tape, curve, 20) | ENGINE],
    )
    assert result == expected


@pytest.mark.parametrize("allowed", [True, False])
def test_from_a_file_under_a_strict_policy(browser, tmp_path, cfc, allowed):
    """Scripts inline and from blobs, WebAssembly, but no code from strings."""
    tape, curve, expected = cfc
    given = json.dumps(job(tape, curve, 20) | ENGINE).replace("<", "\\u003c")
    policy = "default-src 'none'; script-src 'unsafe-inline' blob:"
    policy += " 'wasm-unsafe-eval'" * allowed
    path = tmp_path / "page.html"
    path.write_text(
        f"""<!doctype html><meta charset="utf-8">
        <meta http-equiv="Content-Security-Policy" content="{policy}">
        <script type="module">{LOAD}
          let code = "runs";
          try {{ new Function("return 1")(); }} catch {{ code = "is refused"; }}
          const given = {given};
          const run = open(given).then(() => train(given)).catch((error) => error.message);
          globalThis.result = run.then((run) => [code, run]);
        </script>""",
        encoding="utf-8",
    )
    page, problems = browser.new_page(), []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.goto(path.as_uri())
    code, run = page.evaluate("result")
    page.close()
    assert problems == [] and code == "is refused"
    if allowed:
        assert run == expected
    else:
        assert run.startswith("wasm must be vm.wasm, in a page that may compile it: ")
