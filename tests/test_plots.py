"""Figures: they draw what the runs hold, in the book's colours, with ink that follows the theme."""

import matplotlib
import numpy as np
import pytest
from matplotlib import pyplot as plt

from liquidlib import COLOURS, load_stored, plot_run, plot_runs, use_style
from liquidlib.plots import label_ends, themed_svg


@pytest.fixture(autouse=True)
def style():
    with matplotlib.rc_context():
        matplotlib.use("agg")
        use_style()
        yield
    plt.close("all")


@pytest.fixture(scope="module")
def runs():
    stored = load_stored("seeds")
    return [stored[0], stored[7], stored[21]]


def line_of(axes, colour, length):
    found = [
        line.get_ydata()
        for line in axes.lines
        if line.get_color() == colour and len(line.get_ydata()) == length
    ]
    assert len(found) == 1, colour
    return found[0]


def test_several_runs_are_drawn_each_in_its_colour(runs):
    above, below = plot_runs(runs, smooth=1).axes
    for run in runs:
        drawn = line_of(above, COLOURS[run.name], run.predictions.size)
        np.testing.assert_array_equal(drawn, run.predictions)
        drawn = line_of(below, COLOURS[run.name], run.predictions.size)
        np.testing.assert_allclose(drawn, np.abs(run.errors), atol=1e-5)
    np.testing.assert_array_equal(line_of(above, COLOURS["ink"], 720), runs[0].clean)
    said = " ".join(text.get_text() for text in above.texts + below.texts)
    assert "87,553 parameters" in said and "not locked on" in said and "locked on, step" in said


def test_one_run_is_drawn_with_its_jitter(runs):
    figure = plot_run(runs[2])
    assert [axes.get_ylabel() for axes in figure.axes] == ["value", "error", "jitter of 50"]


def test_labels_do_not_touch(runs):
    figure, axes = plt.subplots()
    axes.plot([0, 1], [0, 1])
    label_ends(axes, [(1, 0.5, name, COLOURS["ink"]) for name in "abcd"])
    figure.canvas.draw()
    boxes = [text.get_window_extent() for text in axes.texts]
    for box, other in zip(boxes, boxes[1:], strict=False):
        assert not box.overlaps(other)


def test_ink_follows_the_theme_and_model_colours_do_not(runs):
    svg = themed_svg(plot_runs(runs))
    assert "prefers-color-scheme:dark" in svg and "var(--ink)" in svg
    for name in ("ink", "quiet", "rule"):
        assert COLOURS[name] not in svg.lower()
    assert COLOURS["cfc"].lower() in svg.lower()
    assert svg == themed_svg(plot_runs(runs)), "the same figure must give the same file"


def test_bad_settings_are_named(runs):
    with pytest.raises(ValueError, match="number of runs must be"):
        plot_runs([])
    with pytest.raises(ValueError, match="smooth must be"):
        plot_runs(runs, smooth=0)
