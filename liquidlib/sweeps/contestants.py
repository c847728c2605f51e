"""The models and curves of the audit's experiments, by the names that their settings have."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from liquidlib import checks
from liquidlib.engine import Tape, lower
from liquidlib.models import SequenceModel, initialise, make
from liquidlib.signals import Curve, Window
from liquidlib.training import published, published_rule

INPUTS: dict[str, Callable[[Tensor], Tensor]] = {  # what becomes of the inputs
    "position": lambda x: x,
    "turns": lambda x: x / (2 * math.pi),
    "wrapped": lambda x: torch.remainder(x / (2 * math.pi), 1) - 0.5,
    "value": lambda x: x,
}


@dataclass(frozen=True)
class Rescaled(Curve):
    """A curve whose inputs are given as ``rule`` says, one of `INPUTS`."""

    rule: str = "position"

    def windows(self, steps: int, start: int = 0) -> Iterator[Window]:
        """Give ``steps`` windows, the first of them number ``start``."""
        for window in super().windows(steps, start):
            yield replace(window, x=INPUTS[self.rule](window.x))


def curve_of(inputs: str, horizon: int, time: str) -> Curve:
    """Return the published sine with inputs of a kind, one of `INPUTS`."""
    kind = "value" if checks.choice("inputs", inputs, INPUTS) == "value" else "position"
    return Rescaled(inputs=kind, horizon=horizon, time=time, rule=inputs)


def network(
    name: str, size: int | str, layers: int | None, initial: str, mask: str, seed: int
) -> SequenceModel:
    """Return a model with its initial weights."""
    checks.choice("initial", initial, ("ordinary", "published"))
    if size == "published":
        return published(name, seed, initial)[0]
    options = {"mixed_memory": True} if name == "cfc-mixed" else {}
    name = "cfc" if name == "cfc-mixed" else name
    if checks.choice("mask", mask, ("unread", "read")) == "read":
        options["mask_input"] = True
    if layers is not None:
        options["backbone_layers" if name == "cfc" else "layers"] = layers
    model = make(name, 1, size, 1, seed=seed, **options)
    return initialise(model, seed, published_rule) if initial == "published" else model


@lru_cache(maxsize=8)
def tape_of(setting: tuple, window: int, optimiser: str) -> Tape:
    """Return the training step of `network` at a setting, lowered; a seed is for the machine."""
    return lower(network(*setting, seed=0), window, optimiser)


def as_arrays(window: Window) -> dict[str, np.ndarray]:
    """Return what a `Machine` is fed of a window."""
    return {name: getattr(window, name).numpy() for name in ("x", "timespans", "mask")}
