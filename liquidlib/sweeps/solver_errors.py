"""How exactly a solver follows an LTC's equation, and how much it computes for that."""

import math
from collections.abc import Callable, Iterator

import numpy as np
import torch
from torch import Tensor

from liquidlib import checks
from liquidlib.models import LTC
from liquidlib.models.solvers import SOLVERS, Sums

UNITS, INPUTS, SAMPLES = 8, 2, 4
UNFOLDS = (1, 2, 4, 8, 16, 32, 64)
TOLERANCES = (1e-1, 1e-2, 1e-3, 1e-4, 1e-5, 1e-6, 1e-7, 1e-8)
REFERENCE = 1e-12  # tolerance of what counts as the solution


def exponential(sums: Sums, v: Tensor) -> Tensor:
    """Return the state after a step of exponential Euler, of order 1.

    If push and rate stay as they are at its beginning, the solution is known in closed form:
    ``target + (v - target) exp(-rate)`` with the target ``push / rate``. It is exact for neurons
    that hear of nothing but an input that stands still.
    """
    push, rate = sums(v)
    target = push / rate
    return target + (v - target) * torch.exp(-rate)


STEPS = SOLVERS | {"exponential": exponential}


@torch.no_grad()
def solver_error(seed: int, solver: str = "fused", gap: float = 1.0) -> dict:
    """Solve the equation of a random LTC with a solver, coarsely and finely.

    The LTC has 8 neurons, its ordinary first weights and two inputs. These are drawn uniformly
    from -1 to 1, four times in a row, and stay for the gap. All in 64 bits.

    Parameters
    ----------
    seed : int
        Of weights and inputs.
    solver : {"fused", "euler", "rk4", "exponential", "dopri5"}
        The last one, by torchdiffeq, finds its steps by itself: it begins anew at each change of
        the inputs, with a relative and an absolute tolerance of the same size.
    gap : float
        The time between two changes of the inputs.

    Returns
    -------
    dict
        ``rate``, the mean rate of the neurons times the gap: how many time constants go by until
        the inputs change; ``evaluations``, how often push and rate are asked for in a gap, and
        ``error``, the root mean square difference from the solution over all gaps and neurons
        (inf: no number), both for each of `UNFOLDS`, or of `TOLERANCES` with ``"dopri5"``.
    """
    checks.choice("solver", solver, [*STEPS, "dopri5"])
    generator = torch.Generator().manual_seed(seed)
    x = 2 * torch.rand(1, SAMPLES, INPUTS, generator=generator, dtype=torch.float64) - 1
    model = LTC(INPUTS, UNITS, seed=seed).double()
    true, _ = _adaptive(_sums(model, x, gap), REFERENCE)
    if solver == "dopri5":
        runs = [_adaptive(_sums(model, x, gap), tolerance) for tolerance in TOLERANCES]
    else:
        runs = [_fixed(_sums(model, x, gap / n), STEPS[solver], n) for n in UNFOLDS]
    rates = [sums(v[None])[1] for sums, v in zip(_sums(model, x, gap), true, strict=True)]
    return {
        "rate": float(torch.stack(rates).mean()),
        "evaluations": np.array([evaluations for _, evaluations in runs]),
        "error": np.array([_rms(states - true) for states, _ in runs]),
    }


def grid() -> list[dict]:
    """Return all solvers at three gaps."""
    solvers = [*STEPS, "dopri5"]
    return [{"solver": solver, "gap": gap} for gap in (0.1, 1.0, 10.0) for solver in solvers]


def _sums(model: LTC, x: Tensor, step: float) -> Iterator[Sums]:
    """Return push and rate of each gap, for steps of a length."""
    return model._equations(x, torch.full((1, SAMPLES), step, dtype=torch.float64))


def _fixed(gaps: Iterator[Sums], step: Callable, unfolds: int) -> tuple[Tensor, float]:
    """Return the states after each gap (T, H) and the evaluations that a gap took."""
    count, states, v = 0, [], torch.zeros(1, UNITS, dtype=torch.float64)
    for sums in gaps:

        def counted(v: Tensor, sums: Sums = sums) -> tuple[Tensor, Tensor]:
            nonlocal count
            count += 1
            return sums(v)

        for _ in range(unfolds):
            v = step(counted, v)
        states.append(v[0])
    return torch.stack(states), count / SAMPLES


def _adaptive(gaps: Iterator[Sums], tolerance: float) -> tuple[Tensor, float]:
    from torchdiffeq import odeint  # here, so that liquidlib starts without it

    count, states, v = 0, [], torch.zeros(1, UNITS, dtype=torch.float64)
    for sums in gaps:

        def slope(_: Tensor, v: Tensor, sums: Sums = sums) -> Tensor:
            nonlocal count
            count += 1
            push, rate = sums(v)
            return push - rate * v

        ends = torch.tensor([0.0, 1.0], dtype=torch.float64)
        options = {"step_t": ends[1:]}  # the last step ends there, nothing is interpolated
        v = odeint(
            slope, v, ends, rtol=tolerance, atol=tolerance, method="dopri5", options=options
        )[-1]
        states.append(v[0])
    return torch.stack(states), count / SAMPLES


def _rms(errors: Tensor) -> float:
    error = float((errors**2).mean().sqrt())
    return error if math.isfinite(error) else math.inf
