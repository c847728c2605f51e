"""Plots: one style, one palette, and the figures of a run."""

from liquidlib.plots.runs import label_ends, plot_run, plot_runs
from liquidlib.plots.style import COLOURS, themed_svg, use_style
from liquidlib.plots.wiring import plot_wiring

__all__ = [
    "COLOURS",
    "label_ends",
    "plot_run",
    "plot_runs",
    "plot_wiring",
    "themed_svg",
    "use_style",
]
