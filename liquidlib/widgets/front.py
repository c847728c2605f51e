"""What the browser gets: a widget's script, and the style sheet in the book's colours."""

import json
import re
from functools import cache
from importlib.resources import files

_HERE = files("liquidlib.widgets")
_ELSEWHERE = {
    "engine": files("liquidlib.engine") / "engine.js",
    "curve": files("liquidlib.signals") / "curve.js",
    "measures": files("liquidlib.metrics") / "tracking.js",
    "solvers": files("liquidlib.models") / "solvers.js",
}


def script(*names: str) -> str:
    """Return the module of one widget: the shared parts, then ``<name>.js`` for each name.

    ``"engine"`` is the engine's own script, with the page's Machine, ``"solvers"`` that of the
    LTC's solvers.
    """
    return _joined("parts", *names)


def worker() -> str:
    """Return the line that gives a page the source of the playground's worker, ``WORKER``.

    A plain script, since a page that was opened as a file may not start a module as a worker.
    """
    source = _joined("engine", "curve", "measures", "trainer")
    plain = '"use strict";\n' + re.sub(r"^export ", "", source, flags=re.MULTILINE)
    return f"const WORKER = {json.dumps(plain, ensure_ascii=False)};\n"


def _joined(*names: str) -> str:
    parts = [_ELSEWHERE.get(name, _HERE / f"{name}.js") for name in names]
    return "\n".join(part.read_text(encoding="utf-8") for part in parts)


@cache
def style() -> str:
    """Return the style sheet: the colours of the palette as variables, then ``look.css``.

    The book's theme names light or dark on ``<html>``, JupyterLab on ``<body>``; where
    neither does, the reader's system decides.
    """
    palette = json.loads(
        files("liquidlib.plots").joinpath("palette.json").read_text(encoding="utf-8")
    )
    constant = {**palette["models"], **palette["other"]}
    light, dark = (_variables(palette[theme]) for theme in ("light", "dark"))
    return "\n".join(
        [
            f".liquid {{ color-scheme: light; {_variables(constant)} {light} }}",
            f"@media (prefers-color-scheme: dark) {{ .liquid {{ color-scheme: dark; {dark} }} }}",
            'html[data-theme="light"] .liquid, body[data-jp-theme-light="true"] .liquid '
            f"{{ color-scheme: light; {light} }}",
            'html[data-theme="dark"] .liquid, body[data-jp-theme-light="false"] .liquid '
            f"{{ color-scheme: dark; {dark} }}",
            _HERE.joinpath("look.css").read_text(encoding="utf-8"),
        ]
    )


def _variables(colours: dict[str, str]) -> str:
    return " ".join(f"--{name}: {colour};" for name, colour in colours.items())
