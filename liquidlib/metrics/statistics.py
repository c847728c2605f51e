"""What many runs say together: medians, ratios and shares, each with an interval.

A run that never locks on has no step, but it is not left out: it counts as later than all that
do, as ``inf``. Medians and shares take that as it is; means could not.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from liquidlib import checks
from liquidlib.metrics.tracking import lock_on

_RESAMPLES = 9_999


class Survival(NamedTuple):
    """The share of runs that have not locked on, to plot as steps (``where="post"``).

    Attributes
    ----------
    steps : array (k,)
        From 0 to the end; each share holds from its step up to the next.
    share : array (k,)
    low, high : array (k,)
        The bounds of its interval.
    """

    steps: np.ndarray
    share: np.ndarray
    low: np.ndarray
    high: np.ndarray


def lock_ons(runs: Sequence[object], tolerances: Sequence[float] = (0.05, 0.1, 0.2)) -> np.ndarray:
    """Return the step from which each run follows its curve, at each tolerance.

    Parameters
    ----------
    runs : sequence, or array (n, steps)
        Runs, each with ``errors`` (steps,), or the errors themselves.
    tolerances : sequence of float
        `lock_on` takes each. Default: the usual one, its half and its double.

    Returns
    -------
    array (n, tolerances)
        ``inf`` where a run does not lock on.
    """
    steps = [[lock_on(getattr(run, "errors", run), t) for t in tolerances] for run in runs]
    steps = np.array(steps, dtype=float).reshape(len(steps), len(tolerances))  # None gives NaN
    return np.where(np.isnan(steps), np.inf, steps)


def median_interval(
    values: object, confidence: float = 0.95, seed: int = 0
) -> tuple[float, float, float]:
    """Return the median of some runs and the interval in which that of all such runs may lie.

    Percentile bootstrap (Efron 1979), 9,999 resamples.

    Parameters
    ----------
    values : array (n,)
        One a run; ``inf`` counts as later than all, and so medians and bounds may be ``inf``.
    confidence : float
        Between 0 and 1.
    seed : int
        Of the resampling.

    Returns
    -------
    median, low, high : float
    """
    values = _values("values", values)
    medians = np.median(values[_resampled(len(values), seed)], axis=1)
    return float(np.median(values)), *_percentiles(medians, medians, confidence)


def ratio_interval(
    a: object, b: object, confidence: float = 0.95, seed: int = 0
) -> tuple[float, float, float]:
    """Return how many times the median of ``a`` is that of ``b``, and an interval.

    The bootstrap is paired: a resample takes the same seeds of both. The more alike the two are
    from seed to seed, the narrower is the interval (from n = 30 on it is then rather too wide
    than too narrow).

    Where neither median is known (``inf / inf``; also ``0 / 0``), nor is the ratio: it is NaN.
    Such a resample says nothing, and so counts as 0 for the lower bound and as ``inf`` for the
    upper one. A ratio of 0 or ``inf`` that comes from one infinite median tells which is larger,
    not by how much.

    Parameters
    ----------
    a, b : array (n,)
        At least 0; entry k of both comes from the same seed.
    confidence, seed
        As in `median_interval`.

    Returns
    -------
    ratio, low, high : float
    """
    a, b = _values("a", a, low=0), _values("b", b, low=0)
    if a.shape != b.shape:
        raise ValueError(f"b must have the shape of a, {a.shape}, got {b.shape}")
    at = _resampled(len(a), seed)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.median(a) / np.median(b)
        ratios = np.median(a[at], axis=1) / np.median(b[at], axis=1)
    unknown = np.isnan(ratios)
    least, most = np.where(unknown, 0, ratios), np.where(unknown, np.inf, ratios)
    return float(ratio), *_percentiles(least, most, confidence)


def survival(steps: object, end: int, confidence: float = 0.95) -> Survival:
    """Return the share of runs that have not locked on by each step.

    All runs are watched up to the same end, so that Kaplan and Meier's estimate is the plain
    share. Its interval is Wilson's (1927), by SciPy, at each step for itself: unlike Greenwood's it
    holds for few runs, and where all or none have locked on.

    Parameters
    ----------
    steps : sequence
        The step at which each run locked on. Runs that never did (None or ``inf``), or did after
        ``end``, are known only to last beyond it.
    end : int
        The last step watched.
    confidence : float
        Between 0 and 1.

    Returns
    -------
    Survival
    """
    from scipy.stats import binomtest  # takes a second to import

    steps = _values("steps", [np.inf if step is None else step for step in steps], low=0)
    end, n = checks.integer("end", end, at_least=1), len(steps)
    confidence = _confidence(confidence)
    at = np.unique(np.concatenate([[0, end], steps[steps <= end]]))
    left = [int((steps > step).sum()) for step in at]
    bounds = [binomtest(k, n).proportion_ci(confidence, method="wilson") for k in left]
    low, high = np.transpose(bounds)
    return Survival(at, np.array(left) / n, low, high)


def _values(name: str, values: object, low: float = -np.inf) -> np.ndarray:
    """Return values, (n,), of at least ``low``; infinity is one."""
    values = np.asarray(values, dtype=float)
    if values.ndim != 1 or len(values) == 0:
        raise ValueError(f"{name} must have shape (n,) with n >= 1, got {values.shape}")
    if not (values >= low).all():
        first = int(np.flatnonzero(~(values >= low))[0])
        raise ValueError(
            f"{name} must be numbers of at least {low:g} or inf, got {values[first]:g} at "
            f"position {first}"
        )
    return values


def _confidence(confidence: float) -> float:
    if not 0 < confidence < 1:
        raise ValueError(f"confidence must be between 0 and 1, got {confidence!r}")
    return float(confidence)


def _resampled(n: int, seed: int) -> np.ndarray:
    """Return resampled positions, (resamples, n)."""
    generator = np.random.default_rng(checks.integer("seed", seed, at_least=0))
    return generator.integers(n, size=(_RESAMPLES, n))


def _percentiles(least: np.ndarray, most: np.ndarray, confidence: float) -> tuple[float, float]:
    """Return the bounds that leave out equal shares of the resamples.

    They are resamples themselves: between a number and infinity nothing can be interpolated
    (which is why this is not `scipy.stats.bootstrap`).
    """
    outside = int((1 - _confidence(confidence)) / 2 * (_RESAMPLES + 1))
    return float(np.sort(least)[max(outside - 1, 0)]), float(np.sort(most)[-max(outside, 1)])
