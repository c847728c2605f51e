"""Plots: one style, one palette, and the figures of a run."""

from liquidlib.plots.runs import label_ends, plot_run, plot_runs
from liquidlib.plots.style import COLOURS, themed_svg, use_style

__all__ = ["COLOURS", "label_ends", "plot_run", "plot_runs", "themed_svg", "use_style"]
