"""The audit's grids: what is varied, one list of settings for an experiment a question."""

from collections.abc import Callable, Iterable, Iterator
from inspect import signature
from itertools import product

from liquidlib.sweeps.frozen import frozen
from liquidlib.sweeps.lessons import lesson
from liquidlib.sweeps.online import online
from liquidlib.sweeps.outbreaks import outbreak

_PUBLISHED = {"size": "published", "initial": "published", "steps": 1400}
_HEIGHTS = {"inputs": "value", "horizon": 1, "time": "elapsed"}
_SHORT = 400  # steps, a bit more than a period
_RATES = (0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1)


def _whole(changes: Iterable[dict], experiment: Callable[..., dict] = online) -> list[dict]:
    """Return settings that name every argument, so that the stored table has them all."""
    arguments = signature(experiment).parameters.values()
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


def pairs() -> list[dict]:
    """Return gradient descent, the strongest of the factors, with first weights and inputs."""
    changed = ({"initial": "published"}, _HEIGHTS, {"initial": "published"} | _HEIGHTS)
    return _whole(
        {"model": model, "optimiser": "sgd", "lr": lr, "steps": _SHORT} | change
        for model, change, lr in product(("cfc", "lstm"), changed, (0.01, 0.03, 0.1, 0.3))
    )


def freezes() -> list[dict]:
    """Return what is frozen: models by inputs, parts of models, and runs of twenty periods."""
    whole = product(("cfc", "lstm", "gru", "linear"), ("position", "value"))
    parts = product(("cfc", "lstm", "gru"), ("read-out", "bias"), (0.01, 0.03))
    changes = [{"model": model, "inputs": inputs} for model, inputs in whole]
    changes += [{"model": model, "trained": part, "lr": lr} for model, part, lr in parts]
    changes += [{"model": model, "inputs": "value", "steps": 7200} for model in ("cfc", "lstm")]
    return _whole(changes, frozen)


def outbreaks() -> list[dict]:
    """Return what may make a run let go: Adam's memories, its gain, first weights, mixed memory."""
    ordinary = {"initial": "ordinary"}
    forgetful = {"beta2": 0.95}
    changes = [
        {},
        *({"beta1": 0.0}, {"beta2": 0.9}, forgetful, {"beta2": 0.99}, {"beta2": 0.9999}),
        *({"eps": 1e-6}, {"eps": 1e-4}, {"optimiser": "sgd"}, {"lr": 0.001}),
        *({"gain_limit": 10.0}, {"beta1": 0.0, "gain_limit": 1.0}, {"inputs": "wrapped"}),
        ordinary,
        *(ordinary | change for change in ({"beta1": 0.0}, forgetful, {"beta2": 0.99})),
        ordinary | {"gain_limit": 10.0},
    ]
    mixed, lstm, gru = ({"model": model} for model in ("cfc-mixed", "lstm", "gru"))
    biased = lstm | {"forget_bias": 1.0}
    changes += [mixed, mixed | forgetful, mixed | ordinary, gru, gru | ordinary]
    changes += [lstm, lstm | ordinary, biased, biased | forgetful, biased | ordinary]
    return _whole(changes, outbreak)


_TAUGHT = {"cfc": 32, "lstm": 71, "gru": 82}  # hidden units that make about 21,000 weights each
_TEACHING_RATES = (0.001, 0.003, 0.01, 0.03, 0.1)


def lessons() -> list[dict]:
    """Return what is taught: networks and a line, at the rates that `lesson_rates` found best."""
    return _whole((cell | {"lr": _best_rate(cell)} for cell in _lessons()), lesson)


def _best_rate(cell: dict) -> float:
    told, sampling = cell.get("told", "nothing"), cell.get("sampling", "regular")
    others = {
        ("cfc", "nothing", "regular", 20): 0.003,
        ("gru", "nothing", "regular", 20): 0.01,
        ("lstm", "nothing", "jittered", 1): 0.1,
    }
    usual = {"cfc": 0.01, "lstm": 0.03, "gru": 0.03, "linear": 0.003}[cell["model"]]
    return others.get((cell["model"], told, sampling, cell.get("horizon", 1)), usual)


def lesson_rates() -> list[dict]:
    """Return what the networks of `lessons` choose their learning rates from."""
    changes = [cell for cell in _lessons() if cell["model"] != "linear"]
    rates = ({"lr": lr} for lr in _TEACHING_RATES)
    return _whole((cell | rate for cell, rate in product(changes, rates)), lesson)


def _lessons() -> Iterator[dict]:
    for horizon in (1, 20):
        for model in ("cfc", "lstm", "gru", "linear"):
            yield _taught(model) | {"horizon": horizon}
    for sampling in ("jittered", "dropped"):
        for told in ("gate", "input", "nothing"):
            yield _taught("cfc") | {"told": told, "sampling": sampling}
        for told in ("input", "nothing"):
            yield _taught("lstm") | {"told": told, "sampling": sampling}
        yield _taught("linear") | {"told": "input", "sampling": sampling}


def _taught(model: str) -> dict:
    return {"model": model, "size": _TAUGHT.get(model, 1)}
