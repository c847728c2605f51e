"""Checks of what a caller passes in: one clear message that names the argument.

Every message says which argument is wrong, what was given and what is allowed.
"""

from collections.abc import Iterable
from numbers import Integral, Real

import numpy as np
import torch


def choice(name: str, value: object, allowed: Iterable[str]) -> str:
    """Return ``value`` if it is one of ``allowed``."""
    allowed = list(allowed)
    if value not in allowed:
        raise ValueError(f"{name} must be one of {', '.join(map(repr, allowed))}, got {value!r}")
    return value


def integer(name: str, value: object, at_least: int) -> int:
    """Return ``value`` as an int if it is a whole number of at least ``at_least``."""
    if isinstance(value, bool) or not isinstance(value, Integral) or value < at_least:
        raise ValueError(f"{name} must be a whole number of at least {at_least}, got {value!r}")
    return int(value)


def number(
    name: str, value: object, low: float = -np.inf, high: float = np.inf, *, above: bool = False
) -> float:
    """Return ``value`` as a float if it is finite and within ``[low, high]``.

    With ``above`` the lower end itself is not allowed.
    """
    ok = isinstance(value, Real) and not isinstance(value, bool) and np.isfinite(value)
    if not ok or not low <= value <= high or (above and value == low):
        interval = f"{'(' if above or low == -np.inf else '['}{low:g}, {high:g}"
        interval += ")" if high == np.inf else "]"
        raise ValueError(f"{name} must be a finite number in {interval}, got {value!r}")
    return float(value)


def array(name: str, values: object, at_least: int = 1) -> np.ndarray:
    """Return ``values`` as a finite float array of one dimension, ``(N,)``."""
    values = np.asarray(values, dtype=float)
    if values.ndim != 1 or len(values) < at_least:
        raise ValueError(f"{name} must have shape (N,) with N >= {at_least}, got {values.shape}")
    if not np.isfinite(values).all():
        first = int(np.flatnonzero(~np.isfinite(values))[0])
        raise ValueError(f"{name} must be finite, got {values[first]} at position {first}")
    return values


def tensor(name: str, value: object, letters: str, shape: tuple[int | None, ...]) -> torch.Tensor:
    """Return ``value`` if it is a finite floating-point tensor of the given shape.

    ``letters`` names the dimensions for the message, as in ``"B, T, F"``; a ``None`` in
    ``shape`` stands for any size of at least 1.
    """
    if not isinstance(value, torch.Tensor) or not value.is_floating_point():
        given = f"{value.dtype}" if isinstance(value, torch.Tensor) else type(value).__name__
        raise TypeError(f"{name} must be a floating-point tensor, got {given}")
    fits = value.ndim == len(shape) and all(
        n >= 1 and (m is None or n == m) for n, m in zip(value.shape, shape, strict=True)
    )
    if not fits:
        wanted = ", ".join("any" if m is None else str(m) for m in shape)
        comma = "," if len(shape) == 1 else ""
        raise ValueError(
            f"{name} must have shape ({letters}{comma}) = ({wanted}{comma}), "
            f"got {tuple(value.shape)}"
        )
    if not torch.isfinite(value).all():
        raise ValueError(f"{name} must be finite, got NaN or infinity")
    return value


def one_output(output: torch.Tensor) -> torch.Tensor:
    """Return ``output`` if the model that gave it has one output a step, (1, T, 1)."""
    if output.shape[-1] != 1:
        raise ValueError(f"model must have output_size 1, got an output {tuple(output.shape)}")
    return output
