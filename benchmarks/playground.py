"""How soon the playground shows a picture, and how smoothly: ``python benchmarks/playground.py``.

On localhost, in Chromium, at the default settings. From the widget's `render` to the first picture,
which needs the worker's first answers; then, while it trains, the time between two pictures.
"""

import functools
import http.server
import sys
import tempfile
import threading
from pathlib import Path
from statistics import median

from chromium import chromium

from liquidlib import Playground

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
import bare_page

REPEATS = 9
TIMED = """() => new Promise((done) => {
  const seen = () => document.querySelector("[data-name^=guess-]");
  const at = () => done(performance.now() - globalThis.begun);
  if (seen()) return at();
  const watch = new MutationObserver(() => { if (seen()) { watch.disconnect(); at(); } });
  watch.observe(document.body, { childList: true, subtree: true });
})"""
# The host's first step, reading the embedded state, is where `begun` is taken.
BEGIN = """const parse = JSON.parse;
JSON.parse = (...given) => { globalThis.begun ??= performance.now(); return parse(...given); };"""
FRAMES = """() => new Promise((done) => {
  const times = [];
  document.addEventListener("liquid-steps", () => times.push(performance.now()));
  document.querySelector("[data-name=play]").click();
  setTimeout(() => {
    const gaps = times.slice(1).map((time, i) => time - times[i]).sort((a, b) => a - b);
    done([gaps[gaps.length >> 1], gaps[Math.floor(0.95 * gaps.length)]]);
  }, 4000);
})"""


def main() -> None:
    """Print what was measured."""
    with tempfile.TemporaryDirectory() as folder, chromium() as page:
        bare_page.write(Path(folder) / "page.html", [Playground()])
        handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=folder)
        handler.log_message = lambda *_: None
        with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
            threading.Thread(target=server.serve_forever, daemon=True).start()
            page.add_init_script(BEGIN)
            first = []
            for _ in range(REPEATS):
                page.goto(f"http://127.0.0.1:{server.server_port}/page.html")
                first.append(page.evaluate(TIMED))
            middle, most = page.evaluate(FRAMES)
            server.shutdown()
    print(f"first picture after {median(first):.0f} ms (from {min(first):.0f} to {max(first):.0f})")
    print(f"between two pictures {middle:.1f} ms, in 95 of 100 cases at most {most:.1f} ms")


if __name__ == "__main__":
    main()
