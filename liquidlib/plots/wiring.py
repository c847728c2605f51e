"""A wiring as a drawing: neurons as dots, synapses as arrows."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Circle, FancyArrowPatch, Patch

from liquidlib.models import Wiring
from liquidlib.plots.style import COLOURS

_WIDTH, _HEIGHT, _DOT = 7.2, 3.6, 0.055  # inches; the last is a dot's radius
_MIDDLE = 4.6  # of a ring, in inches from the left
_LINES = {1: ("excites", "sky", "-"), -1: ("inhibits", "orange", (0, (3, 1.5)))}


def plot_wiring(wiring: Wiring) -> Figure:
    """Draw a wiring: sensory neurons on the left, the others layer by layer or in a ring.

    Parameters
    ----------
    wiring : Wiring
        One with layers is drawn in columns, any other in a ring.

    Returns
    -------
    Figure
        Motor neurons are filled. What excites is sky-blue, what inhibits is orange and dashed.
        ``wiring.describe()`` says it in words.
    """
    figure, axes = plt.subplots(figsize=(_WIDTH, _HEIGHT))
    axes.set(xlim=(0, _WIDTH), ylim=(0, _HEIGHT), aspect="equal")
    axes.set_axis_off()
    graph, places = wiring.graph(), _places(wiring)
    for before, behind, polarity in graph.edges(data="polarity"):
        rings = not wiring.command_neurons and before.startswith("neuron")
        axes.add_patch(_line(places[before], places[behind], polarity, rings))
    for kind in ("sensory", "inter", "command", "motor"):
        dots = np.array([places[name] for name, k in graph.nodes(data="kind") if k == kind])
        if len(dots):
            face = COLOURS["ink"] if kind == "motor" else COLOURS["rule"]
            size = (144 * _DOT) ** 2
            axes.scatter(*dots.T, s=size, c=face, edgecolors=COLOURS["ink"], lw=0.8, zorder=3)
    for x, said in _names(wiring).items():
        axes.text(x, _HEIGHT, said, ha="center", va="top", fontsize=9)
    for i, (said, colour, dashes) in enumerate(_LINES.values()):
        x = 0.4 + 1.1 * i
        axes.plot([x, x + 0.3], [0.1, 0.1], color=COLOURS[colour], linestyle=dashes)
        axes.text(x + 0.38, 0.1, said, va="center", fontsize=9)
    return figure


def _columns(wiring: Wiring) -> dict[float, tuple[str, range]]:
    """Return the height of each column: what stands there, from the left."""
    kinds = [("sensory", range(wiring.input_size)), *reversed(wiring.neurons.items())]
    if not wiring.command_neurons:
        kinds = kinds[:1]
    return {0.6 + 2.0 * i: column for i, column in enumerate(kinds)}


def _names(wiring: Wiring) -> dict[float, str]:
    """Return what is written above, and where."""
    names = {x: f"{len(numbers)} {kind}" for x, (kind, numbers) in _columns(wiring).items()}
    if not wiring.command_neurons:
        kinds = [f"{len(n)} {kind}" for kind, n in reversed(wiring.neurons.items()) if n]
        names[_MIDDLE] = ", ".join(kinds)
    return names


def _places(wiring: Wiring) -> dict[str, np.ndarray]:
    """Return where each node of the graph stands, in inches."""
    low, high = 0.45, _HEIGHT - 0.35
    places = {}
    for x, (kind, numbers) in _columns(wiring).items():
        name = "sensory" if kind == "sensory" else "neuron"
        heights = high - (np.arange(len(numbers)) + 0.5) / len(numbers) * (high - low)
        places |= {f"{name} {i}": np.array([x, y]) for i, y in zip(numbers, heights, strict=True)}
    if not wiring.command_neurons:
        turns = 2 * np.pi * np.arange(wiring.units) / wiring.units
        ring = np.stack([_MIDDLE + 1.7 * np.cos(turns), (low + high) / 2 + 1.3 * np.sin(turns)], 1)
        places |= {f"neuron {i}": place for i, place in enumerate(ring)}
    return places


def _line(begin: np.ndarray, end: np.ndarray, polarity: int, rings: bool) -> Patch:
    """Return the arrow of a synapse; one from a neuron to itself is a loop above it."""
    _, colour, dashes = _LINES[polarity]
    look = {"color": COLOURS[colour], "linestyle": dashes, "linewidth": 0.9, "alpha": 0.8}
    if (begin == end).all():
        return Circle((begin[0], begin[1] + 2 * _DOT), 2 * _DOT, fill=False, **look)
    bend = 0.12 if rings else 0.4 if begin[0] == end[0] else 0.0  # around the dots between
    return FancyArrowPatch(
        begin,
        end,
        connectionstyle=f"arc3,rad={bend}",
        arrowstyle="-|>,head_length=2.5,head_width=1.4",
        shrinkA=72 * _DOT,
        shrinkB=72 * _DOT,
        **look,
    )
