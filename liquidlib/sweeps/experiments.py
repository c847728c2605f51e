"""The stored experiments: many runs of the published set-up, each named by its settings."""

from dataclasses import dataclass
from itertools import product

STEPS = 720  # two periods


@dataclass(frozen=True)
class Setting:
    """One run: `published` makes the model and the curve, `track` trains it."""

    name: str
    initial: str
    seed: int
    lr: float
    noise: float
    steps: int = STEPS


_MODELS = (
    ("cfc", "published"),
    ("lstm", "published"),
    ("lstm", "ordinary"),
    ("linear", "published"),
)


def _seeds() -> list[Setting]:
    """Seven seeds of each model, settings as published."""
    return [
        Setting(name, initial, seed, lr=0.01, noise=0.0)
        for (name, initial), seed in product(_MODELS, range(7))
    ]


def _grid() -> list[Setting]:
    """One seed of each model at each of four learning rates and three noises."""
    return [
        Setting(name, initial, seed=0, lr=lr, noise=noise)
        for (name, initial), lr, noise in product(
            _MODELS, (0.001, 0.003, 0.01, 0.03), (0.0, 0.05, 0.2)
        )
    ]


EXPERIMENTS = {"seeds": _seeds, "grid": _grid}
