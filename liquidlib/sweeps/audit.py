"""The audit's grids: what is varied, one list of settings for `online` a question."""

from collections.abc import Iterable, Iterator
from inspect import signature
from itertools import product

from liquidlib.sweeps.online import online

_PUBLISHED = {"size": "published", "initial": "published", "steps": 1400}
_HEIGHTS = {"inputs": "value", "horizon": 1, "time": "elapsed"}
_SHORT = 400  # steps, a bit more than a period
_RATES = (0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1)


def _whole(changes: Iterable[dict]) -> list[dict]:
    """Return settings that name every argument, so that the stored table has them all."""
    arguments = signature(online).parameters.values()
    usual = {a.name: a.default for a in arguments if a.default is not a.empty}
    return [usual | change for change in changes]


def reproduction() -> list[dict]:
    """Return the published comparison: the three models, and what its source leaves open."""
    tutorial = {"beta2": 0.95, "weight_decay": 0.0}
    changes = (
        {"model": "cfc"},
        {"model": "cfc"} | tutorial,
        {"model": "lstm"},
        {"model": "lstm", "state": "carried"},
        {"model": "linear"},
    )
    return _whole(_PUBLISHED | change for change in changes)


def weights() -> list[dict]:
    """Return the published sizes: initial weights by learning rate by inputs."""
    return _whole(
        {"model": model, "size": "published", "initial": initial, "lr": lr, "steps": _SHORT}
        | inputs
        for model, initial, inputs, lr in product(
            ("cfc", "lstm"), ("published", "ordinary"), ({}, _HEIGHTS), (0.001, 0.01)
        )
    )


def rates() -> list[dict]:
    """Return five models of 32 units, or 82 weights, at seven learning rates each."""
    return _whole(
        {"model": model, "initial": initial, "lr": lr, "steps": _SHORT}
        for model, initial, lr in product(
            ("cfc", "cfc-mixed", "lstm", "gru", "linear"), ("ordinary", "published"), _RATES
        )
    )


def factors() -> list[dict]:
    """Return CfC and LSTM of 32 units with one factor changed, each at four learning rates."""
    return _whole(
        {"model": model, "lr": lr, "steps": _SHORT} | change
        for model in ("cfc", "lstm")
        for change in _changes(model)
        for lr in ((0.01, 0.03, 0.1, 0.3) if "optimiser" in change else (0.001, 0.003, 0.01, 0.03))
    )


def _changes(model: str) -> Iterator[dict]:
    for initial in ("ordinary", "published"):
        for inputs in ({}, {"inputs": "turns"}, {"inputs": "wrapped"}, _HEIGHTS):
            yield {"initial": initial} | inputs
    yield from ({"horizon": 1}, {"horizon": 20}, _HEIGHTS | {"horizon": 20})
    yield from ({"size": 8}, {"size": 64})
    yield from ({"beta1": 0.0}, {"beta2": 0.9}, {"beta2": 0.99}, {"weight_decay": 0.0})
    yield {"optimiser": "sgd"}
    if model == "cfc":
        yield from ({"layers": 0}, {"layers": 2}, {"time": "elapsed"}, {"mask": "read"})
    else:
        yield from ({"layers": 2}, {"size": 71})  # 71: as many weights as the CfC
