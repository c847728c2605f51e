"""Is the equation solved at all? LTCs trained with one solver, then run with others."""

import numpy as np

from liquidlib.models import count_parameters
from liquidlib.sweeps.ltc_tuning import score, trained

SWAPS = (("fused", 1), ("fused", 2), ("fused", 6), ("fused", 32), ("fused", 128), ("rk4", 6))
"""Solver and unfolds of each entry of ``swapped``; 128 fused steps all but solve the equation."""


def ltc_swap(
    seed: int, size: int = 8, solver: str = "fused", unfolds: int = 1, lr: float = 0.01
) -> dict:
    """Train an LTC as `ltc_tuning` does, for 1,000 steps; then exchange its solver.

    Parameters
    ----------
    seed, size, solver, unfolds, lr
        As in `ltc_tuning`.

    Returns
    -------
    dict
        ``parameters``; the score ``error`` with the solver that it was trained with, and
        ``swapped``, its scores with those of `SWAPS`, with the same weights; the ``engine``.
    """
    network = trained(seed, ("ltc", size, solver, unfolds, None), lr, steps=1000)
    found = {"parameters": count_parameters(network), "error": score(network)}
    swapped = []
    for network.solver, network.unfolds in SWAPS:
        swapped.append(score(network))
    return found | {"engine": "tape, wasm", "swapped": np.array(swapped)}


def grid() -> list[dict]:
    """Return what can be trained, at the learning rates that `ltc_tuning` chose."""
    rates = {
        (8, "fused", 1): 0.03,
        (8, "fused", 2): 0.01,
        (8, "fused", 6): 0.01,
        (8, "rk4", 6): 0.01,
        (8, "euler", 6): 0.03,
        (16, "fused", 1): 0.03,
        (16, "fused", 2): 0.03,
        (16, "fused", 6): 0.01,
    }
    return [
        {"size": size, "solver": solver, "unfolds": unfolds, "lr": lr}
        for (size, solver, unfolds), lr in rates.items()
    ]
