"""Networks that learn to follow a curve while the reader watches and turns every setting."""

import re
import zlib
from collections.abc import Mapping, Sequence
from copy import deepcopy

import anywidget
import traitlets
from torch import nn

from liquidlib import checks
from liquidlib.engine import loops, lower
from liquidlib.engine.wasm import BINARY
from liquidlib.widgets.front import script, style, worker
from liquidlib.widgets.presets import load_once, preset

# What each setting may be: one of a list, a number from low to high, or a whole one.
ALLOWED = {
    "lr": {"low": 1e-5, "high": 1000.0},
    "seed": {"low": 0, "high": 2**32 - 1, "whole": True},
    "initial": {"one_of": ["ordinary", "published"]},
    "inputs": {"one_of": ["position", "value"]},
    "curve": {"one_of": ["sine", "cosine", "walk", "drawn"]},
    "frequency": {"low": 0.1, "high": 10.0},
    "amplitude": {"low": 0.0, "high": 3.0},
    "noise": {"low": 0.0, "high": 1.0},
    "jitter": {"low": 0.0, "high": 1.0},
    "drop": {"low": 0.0, "high": 0.9},
    "horizon": {"low": 0, "high": 40, "whole": True},
    "window": {"one_of": [20, 41, 82, 164]},
    "beta1": {"low": 0.0, "high": 0.999},
    "beta2": {"low": 0.0, "high": 0.9999},
    "weight_decay": {"low": 0.0, "high": 1.0},
    "speed": {"one_of": [0.25, 0.5, 1, 2, 5, 10, 1000]},
}
FIRST = {
    "models": ["cfc-32", "lstm-32", "linear"],
    "lr": 0.001,
    "seed": 0,
    "initial": "ordinary",
    "inputs": "position",
    "curve": "sine",
    "drawn": "",
    "frequency": 1.0,
    "amplitude": 1.0,
    "noise": 0.0,
    "jitter": 0.0,
    "drop": 0.0,
    "horizon": 0,
    "window": 82,
    "beta1": 0.9,
    "beta2": 0.999,
    "weight_decay": 0.01,
    "speed": 1,
    "inside": "",
}
POINTS = 72  # of a drawn curve, over 360 steps
_COLOURS = "orange", "sky", "ltc", "gru", "cfc", "lstm"


class Playground(anywidget.AnyWidget):
    """Networks that learn to follow a curve, trained in the page itself.

    Every model sees the same window at the same step, answers, and is corrected: the loop of
    `track`, with the same numbers. The reader trains, freezes the weights, kicks the curve and
    turns every setting. Neither a kernel nor a network is needed: the page holds the engine and
    the models' tapes. In a static page the settings stand in its address, so that prose can link
    to them, as in ``#play?lr=0.01&models=cfc-32,gru-32``.

    Parameters
    ----------
    models : sequence of str or nn.Module, or dict of nn.Module, optional
        What is trained at first: keys of presets, such as ``"cfc-32"``, or models of your own,
        which are lowered here (see `lower` for what they take and give) and begin with the weights
        that they hold; a dict gives them their labels. The presets can be chosen besides. Default:
        CfC and LSTM of 32 units and Linear.
    name : str
        What addresses call it. Two on one page need two names.
    **settings
        Those of `settings` that are not to be at their defaults.

    Attributes
    ----------
    settings : dict
        ``models`` (list of keys), ``lr``, ``seed`` (of weights and curve), ``initial``
        (``"ordinary"`` or ``"published"`` weights), ``inputs`` (``"position"``, with absolute
        times as in the published comparison, or ``"value"``, with elapsed times), ``curve``
        (``"sine"``, ``"cosine"``, ``"walk"``, ``"drawn"``), ``drawn`` (72 characters, one for each
        fifth step), ``frequency`` (periods in 360 steps), ``amplitude``, ``noise``, ``jitter``,
        ``drop``, ``horizon``, ``window``, ``beta1``, ``beta2``, ``weight_decay``, ``speed``
        (steps a frame; 1000: as many as fit), ``inside`` (key of the model whose state is shown,
        or ``""``). To change one: ``widget.settings = widget.settings | {"lr": 0.01}``.
    presets : list of dict
        What is known of each model.
    packed : bytes
        The VM and the tapes, deflated; ``places`` says where each lies.

    Raises
    ------
    TypeError
        If a model is neither a key nor an nn.Module.
    Unsupported
        If the engine cannot run a model.
    traitlets.TraitError
        If a setting is unknown or out of its range.

    Examples
    --------
    >>> Playground(models=["cfc-8", "linear"], lr=0.01).settings["lr"]
    0.01
    """

    _esm = worker() + script(
        "address", "python", "chart", "strips", "pen", "controls", "table", "session", "playground"
    )
    _css = style()

    name = traitlets.Unicode().tag(sync=True)
    presets = traitlets.List(traitlets.Dict()).tag(sync=True)
    packed = traitlets.Bytes().tag(sync=True)
    places = traitlets.Dict().tag(sync=True)
    allowed = traitlets.Dict(ALLOWED).tag(sync=True)
    points = traitlets.Int(POINTS).tag(sync=True)
    first = traitlets.Dict().tag(sync=True)
    settings = traitlets.Dict().tag(sync=True)

    def __init__(
        self,
        models: Sequence[str | nn.Module] | Mapping[str, nn.Module] | None = None,
        name: str = "play",
        **settings: object,
    ) -> None:
        if not isinstance(name, str) or not re.fullmatch(r"[A-Za-z][\w-]*", name, re.ASCII):
            raise ValueError(f"name must be a letter, then letters, digits, - or _, got {name!r}")
        presets, tapes = load_once()
        presets, tapes = list(presets), {"vm": BINARY.read_bytes(), **tapes}
        given = FIRST | settings
        if settings.get("inputs") == "value" and "horizon" not in settings:
            given["horizon"] = 1  # as Curve's default
        if models is not None:
            given["models"] = _chosen(models, presets, tapes, given["window"])
        places, at = {}, 0
        for key, data in tapes.items():
            places[key] = [at, len(data)]
            at += len(data)
        super().__init__(
            name=name,
            presets=presets,
            packed=zlib.compress(b"".join(tapes.values()), 9),
            places=places,
            first=given,
            settings=given,
        )

    @traitlets.validate("settings")
    def _check(self, proposal: dict) -> dict:
        given = proposal["value"]
        try:
            for key in given:
                checks.choice("settings", key, FIRST)
            return {key: self._checked(key, given.get(key, FIRST[key])) for key in FIRST}
        except (ValueError, TypeError) as error:  # traitlets undoes a change on its own error only
            raise traitlets.TraitError(str(error)) from None

    def _checked(self, key: str, value: object) -> object:
        keys = [known["key"] for known in self.presets]
        if key == "models":
            if isinstance(value, str) or not isinstance(value, Sequence):
                raise TypeError(f"models must be a list of keys, got {value!r}")
            return [checks.choice("models", one, keys) for one in dict.fromkeys(value)]
        if key == "inside":
            return checks.choice("inside", value, ["", *keys])
        if key == "drawn":
            if not isinstance(value, str) or not re.fullmatch(f"([\\w-]{{{POINTS}}})?", value, 256):
                raise ValueError(f"drawn must be {POINTS} of A-Z a-z 0-9 - _, got {value!r}")
            return value
        known = ALLOWED[key]
        if "one_of" in known:
            return checks.choice(key, value, known["one_of"])
        number = checks.number(key, value, known["low"], known["high"])
        return checks.integer(key, value, at_least=0) if known.get("whole") else number


def _chosen(
    models: Sequence[str | nn.Module] | Mapping[str, nn.Module],
    presets: list[dict],
    tapes: dict[str, bytes],
    window: int,
) -> list[str]:
    """Return the keys of the models chosen; add those that are no presets, lowered."""
    if isinstance(models, (str, nn.Module)):
        models = [models]
    named = models.items() if isinstance(models, Mapping) else [(None, one) for one in models]
    keys = []
    for label, model in named:
        if isinstance(model, str):
            keys.append(model)
            continue
        if not isinstance(model, nn.Module):
            raise TypeError(
                f"models must hold keys or torch.nn.Modules, got a {type(model).__name__}"
            )
        key = f"own-{len(tapes)}"
        label = label or getattr(model, "label", type(model).__name__)
        entry = preset(key, model, label, {"ordinary": f"...  # {label}, your own"})
        entry["family"] = key
        if entry["colour"] not in ("cfc", "lstm", "gru", "rnn", "ltc", "linear"):
            entry["colour"] = _COLOURS[len(keys) % len(_COLOURS)]
        if not loops(model):
            entry["windows"] = [window]
        held = deepcopy(model)
        vars(held).pop("drawn", None)  # a tape without a seed ships the weights as they are
        tapes[f"{key}/{window}" if entry["windows"] else key] = lower(held, window).to_bytes()
        presets.append(entry)
        keys.append(key)
    return keys
