"""The models that every playground brings along, lowered ahead: lowering them takes seconds.

``python -m liquidlib.widgets.presets`` lowers them anew, after a change of models or engine.
"""

from functools import cache
from pathlib import Path

import numpy as np
from torch import nn

from liquidlib import files
from liquidlib.engine import Tape, lower
from liquidlib.models import Linear, SequenceModel, initialise, make
from liquidlib.training import published, published_rule

FILE = Path(__file__).parent.parent / "data" / "playground.npz"
WINDOWS = (20, 41, 82, 164)
SIZES = (8, 32, 64)


def preset(key: str, model: nn.Module, label: str, python: dict, **more: object) -> dict:
    """Return what the page must know of a model, but for its tapes.

    Parameters
    ----------
    key : str
        Its name in settings and addresses.
    model : nn.Module
    label : str
    python : dict
        For each of the initial weights that it can have the expression that makes it, with
        ``{seed}`` and ``{window}`` to be filled in.
    **more
        ``size``, to choose among models of one label; ``initial``, for ``"ordinary"`` and
        ``"published"`` the distribution of each parameter; ``windows``, if it can only read those.
    """
    return {
        "key": key,
        "label": label,
        "colour": getattr(model, "name", key),
        "size": "",
        "parameters": sum(p.numel() for p in model.parameters() if p.requires_grad),
        "python": python,
        "initial": {},
        "windows": None,
    } | more


def load() -> tuple[list[dict], dict[str, bytes]]:
    """Return the stored presets, and their tapes by ``key`` or ``key/window``."""
    meta, arrays = files.load_arrays(FILE)
    return meta["presets"], {name: array.tobytes() for name, array in arrays.items()}


@cache
def load_once() -> tuple[list[dict], dict[str, bytes]]:
    """Return what `load` gives, from memory after the first time."""
    return load()


def lowered() -> tuple[list[dict], dict[str, bytes]]:
    """Return the presets and their tapes, lowered now."""
    presets, tapes = [], {}
    for name in ("cfc", "lstm", "gru"):
        for size in SIZES:
            model = make(name, 1, size, 1)
            made = type(model).__name__
            python = {"ordinary": f"{made}(1, {size}, 1, seed={{seed}})"}
            if name != "gru":  # the published comparison has none
                python["published"] = f"initialise({made}(1, {size}, 1), {{seed}}, published_rule)"
            _add(presets, tapes, f"{name}-{size}", model, python, size=str(size))
        if name != "gru":
            model, _ = published(name, 0, "ordinary")
            python = {
                initial: f'published("{name}", {{seed}}, "{initial}")[0]'
                for initial in ("ordinary", "published")
            }
            _add(presets, tapes, f"{name}-published", model, python, size="published")
    python = {
        "ordinary": "Linear(1, 1, window={window}, seed={seed})",
        "published": "initialise(Linear(1, 1, window={window}), {seed}, published_rule)",
    }
    for window in WINDOWS:
        model = Linear(1, 1, window=window)
        tapes[f"linear/{window}"] = lower(model, window).to_bytes()
    model = Linear(1, 1)
    rules = {str(window): _rules(Linear(1, 1, window=window), python) for window in WINDOWS}
    initial = {
        name: {window: rules[window][name] for window in rules}
        for name in ("ordinary", "published")
    }
    presets.append(
        preset("linear", model, "Linear", python, initial=initial, windows=list(WINDOWS))
    )
    return presets, tapes


def _add(
    presets: list[dict],
    tapes: dict[str, bytes],
    key: str,
    model: SequenceModel,
    python: dict,
    size: str,
) -> None:
    tape: Tape = lower(model)
    tapes[key] = tape.to_bytes()
    initial = {name: {"any": rules} for name, rules in _rules(model, python).items()}
    presets.append(preset(key, model, model.label, python, size=size, initial=initial))


def _rules(model: SequenceModel, python: dict) -> dict[str, list]:
    """Return the distribution of each parameter in the order of the tape, for each choice."""
    rules = {}
    for choice in python:
        initialise(model, 0, published_rule if choice == "published" else None)
        found = model.drawn[1].values()
        rules[choice] = [[type(r).__name__.lower(), *vars(r).values()] for r in found]
    return rules


if __name__ == "__main__":
    made, bytes_of = lowered()
    files.save_arrays(
        FILE, {"presets": made}, {k: np.frombuffer(v, np.uint8) for k, v in bytes_of.items()}
    )
