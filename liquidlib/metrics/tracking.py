"""How well a run follows its curve: lock-on, rolling accuracy, jitter."""

import numpy as np

from liquidlib import checks


def _errors(errors: object) -> np.ndarray:
    errors = np.asarray(errors, dtype=float)
    if errors.ndim != 1 or len(errors) == 0:
        raise ValueError(f"errors must have shape (N,) with N >= 1, got {errors.shape}")
    return errors


def lock_on(
    errors: object, tolerance: float = 0.1, hold: int = 50, share: float = 0.95
) -> int | None:
    """Return the step from which a run follows its curve.

    It is the first step from which at least ``share`` of the next ``hold`` errors, that step's
    included, are smaller than ``tolerance``. Steps count from the first full window; add 82 to
    compare with the published counts.

    Parameters
    ----------
    errors : array (N,)
        Prediction minus curve. What is not finite counts as outside the tolerance.
    tolerance : float
    hold : int
    share : float
        From 0 to 1.

    Returns
    -------
    int or None
        None if the run never locks on, or is shorter than ``hold``.
    """
    errors = _errors(errors)
    checks.number("tolerance", tolerance, 0, above=True)
    checks.integer("hold", hold, at_least=1)
    checks.number("share", share, 0, 1, above=True)
    inside = np.concatenate([[0], np.cumsum(np.abs(errors) < tolerance)])
    held = inside[hold:] - inside[:-hold] if len(errors) >= hold else np.array([])
    steps = np.flatnonzero(held >= share * hold)
    return int(steps[0]) if len(steps) else None


def rolling_accuracy(errors: object, tolerance: float = 0.005, window: int = 100) -> np.ndarray:
    """Return the share of the last ``window`` predictions within ``tolerance``, shape (N,).

    Before there are ``window`` of them, the share of those so far. The defaults are those of the
    published trainer.

    Parameters
    ----------
    errors : array (N,)
        What is not finite counts as outside the tolerance.
    tolerance : float
    window : int
    """
    errors = _errors(errors)
    checks.number("tolerance", tolerance, 0, above=True)
    checks.integer("window", window, at_least=1)
    inside = np.concatenate([[0], np.cumsum(np.abs(errors) <= tolerance)])
    end = np.arange(1, len(errors) + 1)
    begin = np.maximum(end - window, 0)
    return (inside[end] - inside[begin]) / (end - begin)


def jitter(errors: object, window: int = 50) -> np.ndarray:
    """Return the root mean square of the errors' first differences, shape (N,).

    Entry k covers the last ``window`` differences up to step k, or those so far; entry 0, where
    there is none, is NaN.

    Parameters
    ----------
    errors : array (N,)
        Finite.
    window : int
    """
    errors = checks.array("errors", errors)
    checks.integer("window", window, at_least=1)
    # Each window is summed afresh: a difference of running sums would lose all that comes after one
    # large error. NaN stands where there is no difference yet.
    squares = np.concatenate([np.full(window, np.nan), np.diff(errors) ** 2])
    windows = np.lib.stride_tricks.sliding_window_view(squares, window)  # (N, window)
    count = np.minimum(np.arange(len(errors)), window)
    total = np.nansum(windows, axis=1)
    return np.sqrt(np.divide(total, count, out=np.full(len(errors), np.nan), where=count > 0))
