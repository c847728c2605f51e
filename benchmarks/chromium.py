"""How many training steps a second Chromium takes: ``python benchmarks/chromium.py``.

One page, one thread, batch 1, windows of 82 steps, AdamW. The repeats go round all models in turn,
so that a slow moment of the machine meets all of them.
"""

import base64
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files
from statistics import median

from playwright.sync_api import Page, sync_playwright

from liquidlib import GRU, LSTM, LTC, PRESETS, CfC, count_parameters, lower, published

WINDOW = 82
MODELS = {
    "CfC 32, backbone 1 × 64": lambda: CfC(1, 32, 1, backbone_units=64),
    "CfC 64, backbone 1 × 64": lambda: CfC(1, 64, 1, backbone_units=64),
    "CfC, published": lambda: published("cfc", seed=0)[0],
    "LSTM 32": lambda: LSTM(1, 32, 1),
    "GRU 32": lambda: GRU(1, 32, 1),
    "LSTM, published": lambda: published("lstm", seed=0)[0],
    "LTC 16, 6 unfolds": lambda: LTC(1, 16, 1),
}
LOAD = """async ({ script, wasm, tapes, settings, window }) => {
  const bytes = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
  const url = URL.createObjectURL(new Blob([script], { type: "text/javascript" }));
  const { compile, Machine } = await import(url);
  const vm = await compile(bytes(wasm));
  const machines = tapes.map((tape) => new Machine(vm, bytes(tape)));
  for (const machine of machines) machine.set(settings);
  const x = new Float32Array(window), timespans = x.map(() => 1), mask = timespans;
  let tick = 0;
  const step = (machine) => {
    tick += 1;
    for (let t = 0; t < window; t++) x[t] = Math.sin((tick + t) * Math.PI / 180);
    machine.step(Math.sin((tick + window) * Math.PI / 180), { x, timespans, mask });
  };
  // Steps a second of one machine, over at least so many milliseconds.
  globalThis.rate = ([which, least]) => {
    let steps = 0, taken = 0;
    for (const begin = performance.now(); taken < least; taken = performance.now() - begin)
      for (let k = 0; k < 10; k++, steps++) step(machines[which]);
    return 1000 * steps / taken;
  };
}"""


@contextmanager
def chromium() -> Iterator[Page]:
    """Open an empty page: in the Chromium on the PATH, else in Playwright's own."""
    names = ("chromium", "chromium-browser", "google-chrome")
    path = next(filter(None, map(shutil.which, names)), None)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser.new_page()
        browser.close()


def measure(n: int = 9) -> list[dict]:
    """Return a row for each model: ``steps_per_second`` is the best and the median of n repeats."""
    engine = files("liquidlib.engine")
    models = {name: build() for name, build in MODELS.items()}
    given = {
        "script": engine.joinpath("engine.js").read_text(encoding="utf-8"),
        "wasm": _text(engine.joinpath("vm.wasm").read_bytes()),
        "tapes": [_text(lower(model, WINDOW).to_bytes()) for model in models.values()],
        "settings": {**PRESETS["published"], "lr": 1e-3},
        "window": WINDOW,
    }
    with chromium() as page:
        page.evaluate(LOAD, given)
        for which in range(len(models)):  # until the browser has compiled for speed
            page.evaluate("rate", [which, 1000])
        rounds = [[page.evaluate("rate", [k, 300]) for k in range(len(models))] for _ in range(n)]
    return [
        {
            "model": name,
            "window": WINDOW,
            "parameters": count_parameters(model),
            "steps_per_second": {"best": max(rates), "median": median(rates)},
            "n": n,
        }
        for (name, model), rates in zip(models.items(), zip(*rounds, strict=True), strict=True)
    ]


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()


if __name__ == "__main__":
    print(f"{'steps/s in Chromium, one thread':<33}{'parameters':>10}{'best':>8}{'median':>8}")
    for row in measure():
        best, middle = row["steps_per_second"].values()
        print(f"{row['model']:<33}{row['parameters']:>10,}{best:>8,.0f}{middle:>8,.0f}")
