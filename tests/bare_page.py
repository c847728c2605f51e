"""A page that holds nothing but widgets, with the book's host: no built book is needed."""

import base64
import json
import sys
from pathlib import Path

from conftest import ROOT

sys.path.insert(0, str(ROOT / "book" / "_ext"))
from liquidbook import shared

KIND = "application/vnd.jupyter.widget"


def write(path: Path, widgets: list, before: str = "") -> Path:
    """Write a page with the state of some widgets, as the book's pages hold it."""
    models = {}
    for number, widget in enumerate(widgets):
        state, buffers = {}, []
        for key, value in widget.get_state().items():
            if isinstance(value, (bytes, memoryview)):
                data = base64.b64encode(value).decode()
                buffers.append({"path": [key], "data": data, "encoding": "base64"})
            elif key not in ("layout", "tabbable", "tooltip"):
                state[key] = value
        models[f"m{number}"] = {"model_module": "anywidget", "state": state, "buffers": buffers}
    state = shared(json.dumps({"version_major": 2, "state": models}))
    views = "".join(
        f'<script type="{KIND}-view+json">{json.dumps({"model_id": name})}</script>'
        for name in models
    )
    host = (ROOT / "book" / "_static" / "host.js").read_text(encoding="utf-8")
    path.write_text(
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>bare</title>'
        '<meta name="viewport" content="width=device-width"><style>body { margin: 16px }'
        "@media (prefers-color-scheme: dark) { body { background: #121212 } }</style></head>"
        f'<body>{before}<script type="{KIND}-state+json">{state}</script>{views}'
        f"<script>{host}</script></body></html>",
        encoding="utf-8",
    )
    return path
