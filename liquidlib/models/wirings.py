"""Wirings: which neuron has a synapse on which, and whether it excites or inhibits.

A wiring is a plain description without weights. The same one wires an `LTC` and a `WiredCfC`.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import networkx as nx
import numpy as np

from liquidlib import checks


@dataclass(frozen=True, eq=False)
class Wiring:
    """Which synapses there are, between neurons and from the inputs, the *sensory neurons*.

    The neurons are numbered with the motor neurons first, then the command neurons, then the inter
    neurons. `fully_connected`, `random`, `ncp` and `auto_ncp` make wirings by the rules of the
    ncps package, from the same seed the same ones; matrices of your own will do as well.

    Parameters
    ----------
    sensory : array (F, H)
        Row ``i``, column ``j``: 1 if input ``i`` excites neuron ``j``, -1 if it inhibits it, 0 if
        there is no synapse.
    adjacency : array (H, H)
        The same from neuron ``i`` to neuron ``j``.
    motor_neurons : int
        How many neurons a read-out reads. Default: all.
    command_neurons : int
        Default 0: no layers.

    Notes
    -----
    A wiring never changes, whatever model uses it. (An ncps wiring grows with its models: each
    one built on it draws more sensory synapses, and an NCP more of all kinds.)

    Examples
    --------
    >>> from liquidlib import Wiring
    >>> wiring = Wiring.auto_ncp(input_size=4, units=19, output_size=3)
    >>> {kind: len(neurons) for kind, neurons in wiring.neurons.items()}
    {'motor': 3, 'command': 6, 'inter': 10}
    >>> wiring.sensory_synapses, wiring.synapses
    (20, 45)
    """

    sensory: np.ndarray
    adjacency: np.ndarray
    motor_neurons: int | None = None
    command_neurons: int = 0

    def __post_init__(self) -> None:
        adjacency = _polarities("adjacency", self.adjacency)
        units = len(adjacency)
        motors = units if self.motor_neurons is None else self.motor_neurons
        checked = {
            "sensory": _polarities("sensory", self.sensory, units),
            "adjacency": adjacency,
            "motor_neurons": _from_to("motor_neurons", motors, 1, units),
            "command_neurons": _from_to("command_neurons", self.command_neurons, 0, units - motors),
        }
        for name, value in checked.items():
            object.__setattr__(self, name, value)

    # What there is ---------------------------------------------------------------------------

    @property
    def input_size(self) -> int:
        """Number of sensory neurons, F."""
        return self.sensory.shape[0]

    @property
    def units(self) -> int:
        """Number of neurons without the sensory ones, H."""
        return self.adjacency.shape[0]

    @property
    def neurons(self) -> dict[str, range]:
        """The numbers of the neurons of each kind: motor, command, inter."""
        command, inter = self.motor_neurons, self.motor_neurons + self.command_neurons
        return {
            "motor": range(command),
            "command": range(command, inter),
            "inter": range(inter, self.units),
        }

    @property
    def layers(self) -> tuple[range, ...]:
        """The neurons of each layer, in the order in which a signal passes through them.

        Inter, command and motor neurons, or, without command neurons, all in one layer.
        """
        if not self.command_neurons:
            return (range(self.units),)
        return tuple(reversed(self.neurons.values()))

    @property
    def sensory_synapses(self) -> int:
        """Number of synapses from sensory neurons."""
        return int(np.count_nonzero(self.sensory))

    @property
    def synapses(self) -> int:
        """Number of synapses between neurons."""
        return int(np.count_nonzero(self.adjacency))

    def describe(self) -> str:
        """Return the wiring in words, a few sentences of plain text."""
        kinds = [_many(len(n), f"{kind} neuron") for kind, n in self.neurons.items() if n]
        total = self.sensory_synapses + self.synapses
        possible = self.sensory.size + self.adjacency.size
        exciting = int((self.sensory > 0).sum() + (self.adjacency > 0).sum())
        said = [
            f"{_many(self.input_size, 'sensory neuron')} and {_many(self.units, 'other')}: "
            f"{', '.join(reversed(kinds))}.",
            f"{total:,} of {possible:,} possible synapses, {self.sensory_synapses:,} from sensory "
            f"neurons and {self.synapses:,} between the others; {exciting:,} excite and "
            f"{total - exciting:,} inhibit.",
        ]
        if self.command_neurons:
            command = self.neurons["command"]
            among = np.count_nonzero(self.adjacency[np.ix_(command, command)])
            said.append(
                "Signals pass from sensory to inter to command to motor neurons; between command "
                f"neurons there are {_many(among, 'synapse')}."
            )
        heard = (self.sensory != 0).any(axis=0) | (self.adjacency != 0).any(axis=0)
        if not heard.all():
            said.append(f"{_many(np.sum(~heard), 'neuron')} without any synapse from others.")
        return " ".join(said)

    def graph(self) -> nx.DiGraph:
        """Return the wiring as a graph.

        Nodes are ``"sensory 0"``, ... and ``"neuron 0"``, ..., with their ``kind`` and ``number``;
        edges have a ``polarity`` of 1 or -1.
        """
        graph = nx.DiGraph()
        for i in range(self.input_size):
            graph.add_node(f"sensory {i}", kind="sensory", number=i)
        for kind, numbers in self.neurons.items():
            for i in numbers:
                graph.add_node(f"neuron {i}", kind=kind, number=i)
        for name, matrix in (("sensory", self.sensory), ("neuron", self.adjacency)):
            for i, j in np.argwhere(matrix):
                graph.add_edge(f"{name} {i}", f"neuron {j}", polarity=int(matrix[i, j]))
        return graph

    # How one is made -------------------------------------------------------------------------

    @classmethod
    def fully_connected(
        cls,
        input_size: int,
        units: int,
        output_size: int | None = None,
        *,
        self_connections: bool = True,
        seed: int = 1111,
    ) -> "Wiring":
        """Return a wiring with all synapses, of which about two thirds excite.

        Parameters
        ----------
        input_size, units, output_size : int
            Sensory neurons, other neurons, and how many of these are motor neurons (None: all).
        self_connections : bool
            Whether a neuron has a synapse on itself. Default True, as in ncps.
        seed : int
            Of the polarities. Default 1111, as in ncps.
        """
        inputs = checks.integer("input_size", input_size, at_least=1)
        units = checks.integer("units", units, at_least=1)
        draw = np.random.default_rng(checks.integer("seed", seed, at_least=0))
        adjacency = np.ones((units, units), dtype=int)
        if not self_connections:
            np.fill_diagonal(adjacency, 0)
        adjacency[adjacency != 0] = draw.choice(_MOSTLY_UP, size=np.count_nonzero(adjacency))
        sensory = draw.choice(_MOSTLY_UP, size=(inputs, units))
        return cls(sensory, adjacency, _outputs(output_size, units))

    @classmethod
    def random(
        cls,
        input_size: int,
        units: int,
        output_size: int | None = None,
        *,
        sparsity: float = 0.5,
        seed: int = 1111,
    ) -> "Wiring":
        """Return a wiring with synapses anywhere, of which about two thirds excite.

        Parameters
        ----------
        input_size, units, output_size : int
            Sensory neurons, other neurons, and how many of these are motor neurons (None: all).
        sparsity : float
            Share of the synapses that are left out, of both kinds, in [0, 1). Default 0.5, as in
            `auto_ncp`; in ncps 0.
        seed : int
            Default 1111, as in ncps.
        """
        inputs = checks.integer("input_size", input_size, at_least=1)
        units = checks.integer("units", units, at_least=1)
        sparsity = checks.number("sparsity", sparsity, 0, 1)
        if sparsity == 1:
            raise ValueError("sparsity must be below 1, got 1")
        draw = np.random.default_rng(checks.integer("seed", seed, at_least=0))
        matrices = []
        for rows, drawn_for_each in ((units, 1), (inputs, 2)):  # ncps draws the sensory ones twice
            matrix = np.zeros((rows, units), dtype=int)
            count = int(np.round(rows * units * (1 - sparsity)))
            places = draw.choice(np.argwhere(matrix == 0), size=count, replace=False)
            for i, j in places:
                for _ in range(drawn_for_each):
                    matrix[i, j] = draw.choice(_MOSTLY_UP)
            matrices.append(matrix)
        adjacency, sensory = matrices
        return cls(sensory, adjacency, _outputs(output_size, units))

    @classmethod
    def ncp(
        cls,
        input_size: int,
        inter_neurons: int,
        command_neurons: int,
        motor_neurons: int,
        *,
        sensory_fanout: int,
        inter_fanout: int,
        recurrent_command_synapses: int,
        motor_fanin: int,
        seed: int = 22222,
    ) -> "Wiring":
        """Return a neural circuit policy: four layers, modelled on a circuit of *C. elegans*.

        Each sensory neuron picks inter neurons, each inter neuron picks command neurons, and each
        motor neuron picks the command neurons it listens to. A neuron that nobody picked is wired
        afterwards to as many as its likes have on average. Half of the synapses excite.

        Source: Lechner et al. (2020), "Neural circuit policies enabling auditable autonomy",
        Nature Machine Intelligence 2, 642-652, in the form of the authors' package ncps.

        Parameters
        ----------
        input_size, inter_neurons, command_neurons, motor_neurons : int
            Neurons of each layer.
        sensory_fanout : int
            Inter neurons that a sensory neuron picks.
        inter_fanout : int
            Command neurons that an inter neuron picks.
        recurrent_command_synapses : int
            How often a synapse between two random command neurons is drawn; one drawn twice is
            there once.
        motor_fanin : int
            Command neurons that a motor neuron picks.
        seed : int
            Below 2**32. Default 22222, as in ncps.
        """
        counts = {
            "input_size": input_size,
            "inter_neurons": inter_neurons,
            "command_neurons": command_neurons,
            "motor_neurons": motor_neurons,
        }
        inputs, inters, commands, motors = (
            checks.integer(name, count, at_least=1) for name, count in counts.items()
        )
        _from_to("sensory_fanout", sensory_fanout, 1, inters)
        _from_to("inter_fanout", inter_fanout, 1, commands)
        _from_to("motor_fanin", motor_fanin, 1, commands)
        checks.integer("recurrent_command_synapses", recurrent_command_synapses, at_least=0)
        draw = np.random.RandomState(_from_to("seed", seed, 0, 2**32 - 1))  # as ncps

        units = motors + commands + inters
        sensory, adjacency = np.zeros((inputs, units), int), np.zeros((units, units), int)
        motor = range(motors)
        command = range(motors, motors + commands)
        inter = range(motors + commands, units)
        _wire(draw, range(inputs), inter, sensory_fanout, sensory, at_most=inputs)
        _wire(draw, inter, command, inter_fanout, adjacency, at_most=commands)  # as ncps has it
        for _ in range(recurrent_command_synapses):
            before, after = draw.choice(command), draw.choice(command)
            adjacency[before, after] = draw.choice(_UP_OR_DOWN)
        _wire(draw, motor, command, motor_fanin, adjacency.T, at_most=motors)
        return cls(sensory, adjacency, motors, commands)

    @classmethod
    def auto_ncp(
        cls,
        input_size: int,
        units: int,
        output_size: int,
        *,
        sparsity: float = 0.5,
        seed: int = 22222,
    ) -> "Wiring":
        """Return a neural circuit policy of a given size, see `ncp`.

        Of the neurons that are not motor neurons 40 % are command neurons. With ``d = 1 -
        sparsity`` each sensory neuron picks the share ``d`` of the inter neurons, each inter and
        each motor neuron that of the command neurons, and there are ``2 d`` recurrent synapses
        for each command neuron; all rounded down, and at least 1.

        Parameters
        ----------
        input_size : int
            Sensory neurons.
        units : int
            Inter, command and motor neurons.
        output_size : int
            Motor neurons, fewer than ``units - 2``.
        sparsity : float
            From 0.1 to 1. Default 0.5, as in ncps.
        seed : int
            Below 2**32. Default 22222, as in ncps.
        """
        units = checks.integer("units", units, at_least=1)
        motors = checks.integer("output_size", output_size, at_least=1)
        if motors >= units - 2:
            raise ValueError(
                f"output_size must be less than units - 2 = {units - 2}, got {output_size}"
            )
        density = 1 - checks.number("sparsity", sparsity, 0.1, 1)
        commands = max(int(0.4 * (units - motors)), 1)
        inters = units - motors - commands
        return cls.ncp(
            input_size,
            inters,
            commands,
            motors,
            sensory_fanout=max(int(inters * density), 1),
            inter_fanout=max(int(commands * density), 1),
            recurrent_command_synapses=max(int(commands * density * 2), 1),
            motor_fanin=max(int(commands * density), 1),
            seed=seed,
        )


# The rules ---------------------------------------------------------------------------------------

_MOSTLY_UP, _UP_OR_DOWN = (-1, 1, 1), (-1, 1)


def _wire(
    draw: np.random.RandomState,
    pickers: Sequence[int],
    others: Sequence[int],
    count: int,
    matrix: np.ndarray,
    at_most: int,
) -> None:
    """Let each picker pick ``count`` others, then each other that nobody picked some pickers.

    These are as many as the others have on average, from 1 to ``at_most``. The polarities go into
    the matrix, a row a picker.
    """
    left = _pick(draw, pickers, others, count, matrix)
    mean = int(len(pickers) * count / len(others))
    _pick(draw, left, pickers, min(max(mean, 1), at_most), matrix.T)


def _pick(
    draw: np.random.RandomState,
    pickers: Sequence[int],
    others: Sequence[int],
    count: int,
    matrix: np.ndarray,
) -> list[int]:
    """Let each picker pick; return those others that nobody picked."""
    picked = set()
    for one in pickers:
        for other in draw.choice(others, size=count, replace=False):
            matrix[one, other] = draw.choice(_UP_OR_DOWN)
            picked.add(int(other))
    return [other for other in others if other not in picked]


# Checks and words --------------------------------------------------------------------------------


def _polarities(name: str, given: object, units: int | None = None) -> np.ndarray:
    """Return a matrix of -1, 0 and 1, (F, units) or (H, H), that nobody can change."""
    matrix = np.array(given)
    if matrix.ndim != 2 or not matrix.size or matrix.shape[1] != (units or len(matrix)):
        wanted = "(H, H)" if units is None else f"(F, H) = (any, {units})"
        raise ValueError(f"{name} must have shape {wanted}, got {matrix.shape}")
    if not np.isin(matrix, (-1, 0, 1)).all():
        raise ValueError(f"{name} must hold only -1, 0 and 1")
    matrix = matrix.astype(np.int8)
    matrix.flags.writeable = False
    return matrix


def _outputs(output_size: int | None, units: int) -> int:
    return units if output_size is None else _from_to("output_size", output_size, 1, units)


def _from_to(name: str, value: object, low: int, high: int) -> int:
    number = checks.integer(name, value, at_least=low)
    if number > high:
        raise ValueError(f"{name} must be at most {high}, got {value}")
    return number


def _many(count: int, one: str, many: str | None = None) -> str:
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def for_model(wiring: Wiring, input_size: int, hidden_size: int) -> Wiring:
    """Return a wiring if it has a model's size."""
    if not isinstance(wiring, Wiring):
        raise TypeError(f"wiring must be a liquidlib.Wiring, got {type(wiring).__name__}")
    if (wiring.input_size, wiring.units) != (input_size, hidden_size):
        raise ValueError(
            f"wiring must have input_size = {input_size} sensory neurons and hidden_size = "
            f"{hidden_size} others, got {wiring.input_size} and {wiring.units}"
        )
    return wiring
