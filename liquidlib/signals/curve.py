"""The curves that a network follows, one window of samples after the other."""

import math
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from liquidlib import checks, philox
from liquidlib.signals.csv_column import read_column

KINDS = ("sine", "cosine", "walk", "csv")


@dataclass(frozen=True)
class Window:
    """What the model is given at one tick, and what it should answer.

    Attributes
    ----------
    x : Tensor (1, T, 1)
        The last T inputs, oldest first.
    timespans : Tensor (1, T)
        The time that belongs to each input, elapsed or absolute.
    mask : Tensor (1, T, 1)
        Ones: all T inputs were seen.
    target : Tensor (1, 1)
        The observed value to predict, which training sees.
    clean : Tensor (1, 1)
        The same without observation noise, which errors are measured against.
    """

    x: Tensor
    timespans: Tensor
    mask: Tensor
    target: Tensor
    clean: Tensor


@dataclass(frozen=True)
class Samples:
    """The first N samples of a curve that arrived; each array has shape (N,), float64.

    Attributes
    ----------
    position : array
        In radians.
    elapsed : array
        Time since the sample before, in nominal steps; 1 for the first sample.
    clean, observed : array
        The curve's value, without and with observation noise.
    """

    position: np.ndarray
    elapsed: np.ndarray
    clean: np.ndarray
    observed: np.ndarray


@dataclass(frozen=True)
class Curve:
    """A curve, sampled along a growing position and cut into windows.

    Iterating gives a `Window` a tick, from the first full one on: without end, or, for a CSV
    column, as long as the data last. The same settings and seed always give the same windows.

    Parameters
    ----------
    kind : {"sine", "cosine", "walk", "csv"}
        ``"walk"`` is a random walk whose steps are uniform within five times ``step``, reflected
        at -1 and 1. ``"csv"`` reads a column of numbers.
    inputs : {"value", "position"}
        Whether ``x`` holds observed values, or, as in the published experiment, positions in
        radians, which grow without bound.
    time : {"elapsed", "absolute"}
        Whether ``timespans`` holds the time since the sample before, in nominal steps (1 where
        sampling is regular), or, as in the published experiment, ``position / 360``.
    window : int
        Samples in a window, T. Default 82, as published.
    horizon : int, optional
        How many samples after the window's last one the target lies. Default 1 for values and 0
        for positions. Values with horizon 0 give a warning: the target is then the last input.
    amplitude : float
        Factor on the curve. Default 1.
    step : float
        Growth of the position from one tick to the next, in radians. Default 2 pi / 360.
    noise : float
        Standard deviation of normal noise on every observed value: value inputs and targets.
    jitter : float
        From 0 to 1: each time step is longer or shorter by a uniform share of up to this. Only
        for sine and cosine, which have a value at any time.
    drop : float
        Probability, below 1, that a sample never arrives. The window then holds the last T that
        did, and elapsed times grow accordingly.
    seed : int
        Of the noise, jitter, drops and walk.
    path, column : str, optional
        For ``"csv"``: the file, and the name of its column (may be left out if it has but one).

    Raises
    ------
    ValueError
        On a value outside what is allowed, and on a window longer than the data.
    FileNotFoundError
        If ``path`` is no file.
    """

    kind: str = "sine"
    inputs: str = "value"
    time: str = "elapsed"
    window: int = 82
    horizon: int | None = None
    amplitude: float = 1.0
    step: float = 2 * math.pi / 360
    noise: float = 0.0
    jitter: float = 0.0
    drop: float = 0.0
    seed: int = 0
    path: str | Path | None = None
    column: str | None = None

    def __post_init__(self) -> None:
        checks.choice("kind", self.kind, KINDS)
        checks.choice("inputs", self.inputs, ("value", "position"))
        checks.choice("time", self.time, ("elapsed", "absolute"))
        checks.integer("window", self.window, at_least=1)
        if self.horizon is None:
            object.__setattr__(self, "horizon", 1 if self.inputs == "value" else 0)
        checks.integer("horizon", self.horizon, at_least=0)
        checks.number("amplitude", self.amplitude)
        checks.number("step", self.step, 0, above=True)
        checks.number("noise", self.noise, 0)
        checks.number("jitter", self.jitter, 0, 1)
        if np.float32(checks.number("drop", self.drop, 0, 1)) == 1:  # as it is compared
            raise ValueError("drop must be below 1, got 1: no sample would ever arrive")
        checks.integer("seed", self.seed, at_least=0)
        if self.jitter and self.kind not in ("sine", "cosine"):
            raise ValueError(f"jitter must be 0 for kind {self.kind!r}, got {self.jitter}")
        if self.inputs == "value" and self.horizon == 0:
            warnings.warn(
                "horizon is 0 with value inputs: the target is the window's last input",
                stacklevel=3,
            )
        if self.kind != "csv":
            if self.path is not None or self.column is not None:
                raise ValueError(f"path and column are for kind 'csv', got kind {self.kind!r}")
            return
        if self.path is None:
            raise ValueError("path must be given for kind 'csv'")
        object.__setattr__(self, "_column", read_column(self.path, self.column))
        n = len(self._arrived(len(self._column)))
        if n < self.window + self.horizon:
            raise ValueError(
                f"window must fit the data: window {self.window} and horizon {self.horizon} "
                f"need {self.window + self.horizon} samples, got {n}"
            )

    def samples(self, n: int) -> Samples:
        """Return the first ``n`` samples that arrived, or for a CSV column all if fewer."""
        ticks = checks.integer("n", n, at_least=1)
        while True:
            if self.kind == "csv":
                ticks = min(ticks, len(self._column))
            arrived = self._arrived(ticks)
            if len(arrived) >= n or (self.kind == "csv" and ticks == len(self._column)):
                break
            ticks *= 2
        shift = philox.uniform(ticks, self.seed, "curve.jitter").astype(float)
        shift[0] = 0.0
        tick = np.arange(ticks) + self.jitter * np.cumsum(shift)
        clean = self.amplitude * self._unit(tick * self.step)
        observed = clean + self.noise * philox.normal(ticks, self.seed, "curve.noise")
        arrived = arrived[:n]
        return Samples(
            position=tick[arrived] * self.step,
            elapsed=np.diff(tick[arrived], prepend=tick[arrived[:1]] - 1.0),
            clean=clean[arrived],
            observed=observed[arrived],
        )

    def windows(self, steps: int, start: int = 0) -> Iterator[Window]:
        """Give ``steps`` windows, the first of them number ``start``.

        Raises
        ------
        ValueError
            If a CSV column holds fewer.
        """
        checks.integer("steps", steps, at_least=1)
        checks.integer("start", start, at_least=0)
        samples = self.samples(start + steps - 1 + self.window + self.horizon)
        held = len(samples.clean) - self.window - self.horizon + 1
        if held < start + steps:
            raise ValueError(f"steps must be at most {held - start} from here, got {steps}")
        values = samples.position if self.inputs == "position" else samples.observed
        times = samples.position / 360 if self.time == "absolute" else samples.elapsed
        x, timespans, observed, clean = (
            torch.from_numpy(a.astype(np.float32))
            for a in (values, times, samples.observed, samples.clean)
        )
        mask = torch.ones(1, self.window, 1)
        for k in range(start, start + steps):
            end = k + self.window
            at = end - 1 + self.horizon
            yield Window(
                x=x[k:end].reshape(1, -1, 1),
                timespans=timespans[k:end].reshape(1, -1),
                mask=mask,
                target=observed[at].reshape(1, 1),
                clean=clean[at].reshape(1, 1),
            )

    def __iter__(self) -> Iterator[Window]:
        start, steps = 0, 1024
        while True:
            if self.kind == "csv":
                held = len(self._arrived(len(self._column))) - self.window - self.horizon + 1
                steps = min(steps, held - start)
                if steps == 0:
                    return
            yield from self.windows(steps, start)
            start += steps

    def _arrived(self, ticks: int) -> np.ndarray:
        """Return the numbers of those among the first ``ticks`` samples that arrive."""
        draws = (philox.uniform(ticks, self.seed, "curve.drop") + 1) / 2  # on [0, 1)
        return np.flatnonzero(draws >= self.drop)

    def _unit(self, position: np.ndarray) -> np.ndarray:
        """Return the curve of amplitude 1 at each position."""
        if self.kind == "sine":
            return np.sin(position)
        if self.kind == "cosine":
            return np.cos(position)
        if self.kind == "csv":
            return self._column[: len(position)]
        moves = philox.uniform(len(position), self.seed, "curve.walk").astype(float)
        moves[0] = 0.0
        free = np.cumsum(5 * self.step * moves)
        return 1 - np.abs((free + 1) % 4 - 2)  # folded at -1 and 1
