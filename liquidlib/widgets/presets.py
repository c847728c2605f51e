"""The models that every playground brings along, lowered ahead: lowering them takes seconds.

``python -m liquidlib.widgets.presets`` lowers them anew, after a change of models or engine.
"""

from collections.abc import Container
from functools import cache
from pathlib import Path

import numpy as np
from torch import nn

from liquidlib import files
from liquidlib.engine import Tape, lower
from liquidlib.models import Linear, SequenceModel, Wiring, count_parameters, initialise, make
from liquidlib.training import published, published_rule

FILE = Path(__file__).parent.parent / "data" / "playground.npz"
WINDOWS = (20, 41, 82, 164)
SIZES = (8, 32, 64)
COLOURS = {"wired_cfc": "sky", "ctrnn": "orange"}  # of those that have none of their own
WIRED = {"wired_cfc": (32,), "ltc": (16,)}  # with an AutoNCP wiring


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
        "colour": COLOURS.get(name := getattr(model, "name", key), name),
        "size": "",
        "parameters": count_parameters(model),
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
    for name, sizes in WIRED.items():
        for size in sizes:
            model = make(name, 1, size, 1, wiring=Wiring.auto_ncp(1, size, 1))
            wiring = f"wiring=Wiring.auto_ncp(1, {size}, 1)"
            python = {"ordinary": f"{type(model).__name__}(1, {size}, 1, {wiring}, seed={{seed}})"}
            _add(presets, tapes, f"{name}-{size}", model, python, size=str(size))
    python = {"ordinary": "CTRNN(1, 32, 1, seed={seed})"}
    _add(presets, tapes, "ctrnn-32", make("ctrnn", 1, 32, 1), python, size="32")
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
    shipped = {p["name"] for p in tape.parameters if p["initial"] is None}
    initial = {name: {"any": rules} for name, rules in _rules(model, python, shipped).items()}
    presets.append(preset(key, model, model.label, python, size=size, initial=initial))


def _rules(
    model: SequenceModel, python: dict, shipped: Container[str] = ()
) -> dict[str, list[list | None]]:
    """Return the distribution of each parameter in the order of the tape, for each choice.

    None stands for a parameter that begins with what the tape ships.
    """
    rules = {}
    for choice in python:
        initialise(model, 0, published_rule if choice == "published" else None)
        rules[choice] = [
            None if name in shipped else [type(r).__name__.lower(), *vars(r).values()]
            for name, r in model.drawn[1].items()
        ]
    return rules


if __name__ == "__main__":
    made, bytes_of = lowered()
    files.save_arrays(
        FILE, {"presets": made}, {k: np.frombuffer(v, np.uint8) for k, v in bytes_of.items()}
    )
