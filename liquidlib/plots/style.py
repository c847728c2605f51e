"""One style for every figure: thin axes, one palette, and ink that follows the page's theme.

Figures are drawn as SVG on a transparent ground. Ink is written as a variable that the picture's
own style sheet sets, black on a light page and white on a dark one.
"""

import io
import json
from importlib.resources import files

import matplotlib as mpl
from matplotlib.figure import Figure

_PALETTE = json.loads(files("liquidlib.plots").joinpath("palette.json").read_text("utf-8"))
_INKS = {"ink": "#010101", "quiet": "#5c5c5d", "rule": "#cfcfd0"}  # found again in the SVG

COLOURS: dict[str, str] = {**_PALETTE["models"], **_PALETTE["other"], **_INKS}
"""The book's colours (after Okabe and Ito): a model's by its name, then ink, quiet and rule."""

_RC = {
    "figure.figsize": (7.2, 3.2),
    "figure.constrained_layout.use": True,
    "figure.facecolor": "none",
    "savefig.facecolor": "none",
    "axes.facecolor": "none",
    "axes.edgecolor": COLOURS["quiet"],
    "axes.labelcolor": COLOURS["ink"],
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlelocation": "left",
    "axes.titlesize": 10,
    "axes.labelsize": 10,
    "axes.prop_cycle": mpl.cycler(
        color=[COLOURS[name] for name in ("cfc", "orange", "ltc", "sky", "lstm", "gru")]
    ),
    "font.size": 10,
    "text.color": COLOURS["ink"],
    "xtick.color": COLOURS["quiet"],
    "ytick.color": COLOURS["quiet"],
    "xtick.labelsize": 9,
    "ytick.labelsize": 9,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "grid.color": COLOURS["rule"],
    "grid.linewidth": 0.5,
    "lines.linewidth": 1.5,
    "legend.frameon": False,
    "svg.hashsalt": "liquidlib",
}


def use_style() -> None:
    """Draw all further figures in the book's style; in a notebook, show them as themed SVG."""
    mpl.rcParams.update(_RC)
    try:
        from IPython import get_ipython
    except ImportError:
        return
    if (shell := get_ipython()) is None or not hasattr(shell, "kernel"):
        return
    import matplotlib_inline.backend_inline as inline

    inline.set_matplotlib_formats("svg")
    shell.display_formatter.formatters["image/svg+xml"].for_type(Figure, themed_svg)


def themed_svg(figure: Figure) -> str:
    """Return a figure as SVG whose ink follows the page: dark on light, light on dark."""
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", bbox_inches="tight", metadata={"Date": None})
    svg = buffer.getvalue()
    for name, colour in _INKS.items():
        svg = svg.replace(colour, f"var(--{name})")
    light, dark = (
        "".join(f"--{name}:{_PALETTE[theme][name]};" for name in _INKS)
        for theme in ("light", "dark")
    )
    sheet = f"<style>:root{{{light}}}@media (prefers-color-scheme:dark){{:root{{{dark}}}}}</style>"
    head, opening, rest = svg.partition("<defs>")
    return head + sheet + opening + rest
