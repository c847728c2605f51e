"""Figures of online runs: one alone, or several models over one another."""

from collections.abc import Sequence
from typing import Protocol

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from liquidlib import checks
from liquidlib.metrics import jitter, lock_on
from liquidlib.plots.style import COLOURS

TOLERANCE = 0.1


class Tracked(Protocol):
    """What a figure needs of a run: a `Run` has it, and so has a stored one."""

    name: str
    label: str
    parameters: int
    predictions: np.ndarray
    targets: np.ndarray
    clean: np.ndarray
    errors: np.ndarray


def plot_runs(runs: Sequence[Tracked], smooth: int = 20) -> Figure:
    """Draw several runs over one another: what they predicted, and how far off they were.

    Parameters
    ----------
    runs : sequence of Run
        On the same curve, of the same or of different length.
    smooth : int
        The error drawn is the mean of its size over this many steps back. Default 20.

    Returns
    -------
    Figure
        Above, the curve in ink and each model's predictions; below, the errors on a logarithmic
        scale, with the lock-on step marked at tolerance 0.1.
    """
    checks.integer("number of runs", len(runs), at_least=1)
    checks.integer("smooth", smooth, at_least=1)
    figure, (above, below) = plt.subplots(2, 1, figsize=(7.2, 4.6), sharex=True)
    _draw_predictions(above, runs)
    ends = []
    for run in runs:
        error = _running_mean(np.abs(run.errors), smooth)
        below.plot(error, color=_colour(run), linewidth=1.2)
        step = lock_on(run.errors, TOLERANCE)
        said = "not locked on" if step is None else f"locked on, step {step}"
        if step is not None:
            below.plot(step, error[step], "o", color=_colour(run), markersize=5)
        ends.append((len(error) - 1, error[-1], f"{run.label}: {said}", _colour(run)))
    below.axhline(TOLERANCE, color=COLOURS["quiet"], linewidth=0.6, linestyle=(0, (4, 3)))
    below.set(yscale="log", xlabel="step", ylabel=f"error, mean of {smooth}")
    label_ends(below, ends)
    return figure


def plot_run(run: Tracked) -> Figure:
    """Draw one run: its predictions, the size of its errors, and their jitter.

    Returns
    -------
    Figure
    """
    figure, axes = plt.subplots(3, 1, figsize=(7.2, 5.4), sharex=True)
    _draw_predictions(axes[0], [run])
    axes[1].plot(np.abs(run.errors), color=_colour(run), linewidth=0.8)
    axes[1].axhline(TOLERANCE, color=COLOURS["quiet"], linewidth=0.6, linestyle=(0, (4, 3)))
    axes[1].set(yscale="log", ylabel="error")
    step = lock_on(run.errors, TOLERANCE)
    if step is not None:
        axes[1].axvline(step, color=COLOURS["quiet"], linewidth=0.6)
        axes[1].text(
            step, 1, f" locked on, step {step}", transform=axes[1].get_xaxis_transform(), va="top"
        )
    axes[2].plot(jitter(run.errors), color=_colour(run), linewidth=1.2)
    axes[2].set(xlabel="step", ylabel="jitter of 50")
    return figure


def label_ends(axes: Axes, ends: Sequence[tuple[float, float, str, str]]) -> None:
    """Write a label at the right end of each line, moved apart where they would touch.

    Parameters
    ----------
    axes : Axes
        Its limits are taken as they are.
    ends : sequence of (x, y, text, colour)
    """
    size = plt.rcParams["font.size"]
    apart = size * 1.25 / (axes.get_window_extent().height * 72 / axes.figure.dpi)
    wanted = [
        axes.transAxes.inverted().transform(axes.transData.transform((x, y)))[1]
        for x, y, _, _ in ends
    ]
    order = np.argsort(wanted)
    placed = np.array(wanted)[order]
    for i in range(1, len(placed)):
        placed[i] = max(placed[i], placed[i - 1] + apart)
    placed -= max(0.0, placed[-1] - 1.0)
    for i in reversed(range(len(placed) - 1)):
        placed[i] = min(placed[i], placed[i + 1] - apart)
    for height, at in zip(placed, order, strict=True):
        _, _, text, colour = ends[at]
        axes.annotate(
            text,
            (1.01, height),
            xycoords="axes fraction",
            color=colour,
            va="center",
            annotation_clip=False,
        )


def _draw_predictions(axes: Axes, runs: Sequence[Tracked]) -> None:
    longest = max(runs, key=lambda run: len(run.clean))
    if not np.array_equal(longest.targets, longest.clean):
        axes.plot(longest.targets, ".", color=COLOURS["quiet"], markersize=1.5, alpha=0.5)
    axes.plot(longest.clean, color=COLOURS["ink"], linewidth=1.8, zorder=3)
    ends = [(len(longest.clean) - 1, longest.clean[-1], "curve", COLOURS["ink"])]
    for run in runs:
        axes.plot(run.predictions, color=_colour(run), linewidth=1.2)
        label = f"{run.label}, {run.parameters:,} parameters"
        ends.append((len(run.predictions) - 1, run.predictions[-1], label, _colour(run)))
    reach = 1.6 * np.abs(longest.clean).max()
    axes.set(ylim=(-reach, reach), ylabel="value")
    label_ends(axes, ends)


def _colour(run: Tracked) -> str:
    return COLOURS.get(run.name, COLOURS["orange"])


def _running_mean(values: np.ndarray, window: int) -> np.ndarray:
    total = np.concatenate([[0.0], np.cumsum(values, dtype=float)])
    end = np.arange(1, len(values) + 1)
    begin = np.maximum(end - window, 0)
    return (total[end] - total[begin]) / (end - begin)
