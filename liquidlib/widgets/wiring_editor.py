"""A small wiring that runs in the page, to cut, to add to and to switch off."""

import anywidget
import numpy as np
import torch
import traitlets
from torch.nn.functional import softplus

from liquidlib import checks
from liquidlib.models import LTC, Wiring
from liquidlib.models.ltc import Synapses
from liquidlib.widgets.front import script, style

_MOST = {"hidden_size": 32, "input_size": 8, "outputs": 4, "steps": 1000}
_ADDED = {"weight": 0.5, "steepness": 5.5, "midpoint": 0.55, "pull": 1.0}
_PERIOD, _STEPS = 40, 160  # of the default inputs, in steps


class WiringEditor(anywidget.AnyWidget):
    """A wired LTC as a drawing that runs: cut a synapse, add one, switch off a neuron.

    Each neuron shows its potential as a level, each synapse its conductance as the line's width,
    both at the step that the reader plays or chooses. What excites is sky-blue with an arrow,
    what inhibits orange, dashed and with a bar. Below are the inputs and the outputs over all
    steps, with the untouched network's outputs in grey. The page itself runs the network, the
    whole sequence anew after each edit; what the reader edits comes back to the attributes.

    Parameters
    ----------
    model : LTC, optional
        Of any wiring, with the fused solver and at most 32 neurons, 8 inputs and 4 outputs. Its
        outputs are those of its read-out, or, if it has none, the potentials of its motor
        neurons. Default: ``LTC(2, 12, wiring=Wiring.auto_ncp(2, 12, 1), seed=56)``, untrained;
        of 60 seeds the one whose motor neuron hears both inputs best.
    inputs : array (T, F), optional
        What the model reads, from the state 0; at most 1000 steps. Default: 160 steps of a sine
        and, if there is a second input, of a pulse.
    timespan : float
        Elapsed time at every step, at least 0. Default 1, the models' own default.

    Attributes
    ----------
    sensory, adjacency : list of list of int
        The edited polarities, as in `Wiring`.
    silent : list of str
        Neurons that are switched off, such as ``"sensory 0"`` or ``"neuron 5"``, the names in
        `Wiring.graph`. All their synapses are silent; their leak goes on.
    step : int
        The step shown, from 0 to T - 1.
    wiring : Wiring
        The edited wiring; a neuron that is switched off has no synapses in it. Read-only.
    neurons, synapses : list of dict
        The model's own, with their parameters, the sensory neurons first. A synapse is named by
        the places of its neurons in ``neurons``.
    added : dict
        The parameters of a synapse that the model lacks.
    readout : dict or None
    clock : dict
        Its ``unfolds`` and the ``timespan``.
    inputs : bytes
        float64 (T, F).

    Raises
    ------
    TypeError
        If ``model`` is no LTC.
    ValueError
        If the model is too large or has another solver, or ``inputs`` or ``timespan`` do not fit.
    traitlets.TraitError
        If an attribute is set to what the model cannot have.

    Notes
    -----
    A synapse of the model keeps its parameters: cut and brought back it is the old one, and
    flipped its reversal potential changes its sign. Which sign it begins with is that of the
    model's reversal potential, which training may have changed. A synapse that the model lacks
    gets ``w`` = 0.5, ``gamma`` = 5.5, ``mu`` = 0.55, in the middle of the ranges that an `LTC`
    begins in, and the reversal potential 1 or -1.

    Examples
    --------
    >>> editor = WiringEditor()
    >>> editor.wiring.synapses
    22
    >>> editor.silent = ["neuron 1"]
    >>> editor.wiring.synapses
    14
    """

    _esm = script("solvers", "wired_ltc", "wiring_editor")
    _css = style()

    neurons = traitlets.List(traitlets.Dict()).tag(sync=True)
    synapses = traitlets.List(traitlets.Dict()).tag(sync=True)
    added = traitlets.Dict(_ADDED).tag(sync=True)
    readout = traitlets.Dict(allow_none=True).tag(sync=True)
    clock = traitlets.Dict().tag(sync=True)
    inputs = traitlets.Bytes().tag(sync=True)
    sensory = traitlets.List().tag(sync=True)
    adjacency = traitlets.List().tag(sync=True)
    silent = traitlets.List(traitlets.Unicode()).tag(sync=True)
    step = traitlets.Int().tag(sync=True)

    def __init__(
        self,
        model: LTC | None = None,
        inputs: np.ndarray | None = None,
        timespan: float = 1.0,
    ) -> None:
        if model is None:
            model = LTC(2, 12, wiring=Wiring.auto_ncp(2, 12, 1), seed=56)
        _check_size(model)
        inputs = _signals(model.input_size) if inputs is None else _checked(inputs, model)
        timespan = checks.number("timespan", timespan, low=0)
        self._neurons = model.wiring.motor_neurons, model.wiring.command_neurons
        super().__init__(
            neurons=_neurons(model),
            synapses=_synapses(model),
            readout=None
            if model.output_size is None
            else {name: _list(number) for name, number in model.readout.named_parameters()},
            clock={"unfolds": model.unfolds, "timespan": timespan},
            inputs=inputs.tobytes(),
            sensory=_polarities(model.sensory_synapses),
            adjacency=_polarities(model.synapses),
            step=len(inputs) // 3,
        )

    @property
    def wiring(self) -> Wiring:
        """The edited wiring, without the synapses of neurons that are switched off."""
        sensory, adjacency = np.array(self.sensory), np.array(self.adjacency)
        for name in self.silent:
            kind, number = name.split()
            if kind == "sensory":
                sensory[int(number)] = 0
            else:
                sensory[:, int(number)] = 0
                adjacency[int(number)] = adjacency[:, int(number)] = 0
        return Wiring(sensory, adjacency, *self._neurons)

    @traitlets.validate("sensory", "adjacency")
    def _check_polarities(self, proposal: dict) -> list[list[int]]:
        name, given = proposal["trait"].name, proposal["value"]
        rows = sum((neuron["kind"] == "sensory") == (name == "sensory") for neuron in self.neurons)
        columns = sum(neuron["kind"] != "sensory" for neuron in self.neurons)
        try:
            matrix = np.array(given)
        except ValueError:  # rows of different lengths
            matrix = np.zeros(())
        if matrix.shape != (rows, columns) or not np.isin(matrix, (-1, 0, 1)).all():
            raise traitlets.TraitError(
                f"{name} must be {rows} lists of {columns} numbers, each -1, 0 or 1, got {given!r}"
            )
        return matrix.astype(int).tolist()

    @traitlets.validate("silent")
    def _check_silent(self, proposal: dict) -> list[str]:
        known = [neuron["name"] for neuron in self.neurons]
        for name in proposal["value"]:
            if name not in known:
                raise traitlets.TraitError(
                    f"silent must hold names from {known[0]!r} to {known[-1]!r}, got {name!r}"
                )
        return [name for name in known if name in proposal["value"]]

    @traitlets.validate("step")
    def _check_step(self, proposal: dict) -> int:
        features = sum(neuron["kind"] == "sensory" for neuron in self.neurons)
        last = len(self.inputs) // (8 * features) - 1
        if not 0 <= proposal["value"] <= last:
            raise traitlets.TraitError(f"step must be from 0 to {last}, got {proposal['value']}")
        return proposal["value"]


# What it takes -----------------------------------------------------------------------------------


def _check_size(model: LTC) -> None:
    if not isinstance(model, LTC):
        raise TypeError(f"model must be a liquidlib.LTC, got {type(model).__name__}")
    checks.choice("model.solver", model.solver, ["fused"])
    outputs = model.wiring.motor_neurons if model.output_size is None else model.output_size
    for name, count in (
        ("hidden_size", model.hidden_size),
        ("input_size", model.input_size),
        ("outputs", outputs),
    ):
        if count > _MOST[name]:
            raise ValueError(f"model must have {name} of at most {_MOST[name]}, got {count}")


def _checked(inputs: object, model: LTC) -> np.ndarray:
    """Return inputs that fit a model, float64 (T, F)."""
    inputs, features = np.array(inputs, dtype=np.float64), model.input_size
    if inputs.ndim != 2 or inputs.shape[1] != features or not len(inputs):
        raise ValueError(f"inputs must have shape (T, F) = (any, {features}), got {inputs.shape}")
    if len(inputs) > _MOST["steps"]:
        raise ValueError(f"inputs must have at most {_MOST['steps']} steps, got {len(inputs)}")
    if not np.isfinite(inputs).all():
        raise ValueError("inputs must be finite, got NaN or infinity")
    return inputs


def _signals(features: int) -> np.ndarray:
    """Return a sine and a pulse, (160, F)."""
    if features > 2:
        raise ValueError(f"inputs must be given for a model with input_size {features}")
    steps = np.arange(_STEPS)
    sine, pulse = np.sin(2 * np.pi * steps / _PERIOD), (steps // 12) % 5 == 4
    return np.ascontiguousarray(np.stack([sine, pulse], axis=1)[:, :features])


# What the page gets ------------------------------------------------------------------------------


def _list(numbers: torch.Tensor) -> list:
    return numbers.detach().double().tolist()


def _polarities(synapses: Synapses) -> list[list[int]]:
    """Return the sign of each reversal potential, 0 where there is no synapse."""
    return (torch.where(synapses.reversal < 0, -1, 1) * synapses.mask.int()).tolist()


def _neurons(model: LTC) -> list[dict]:
    """Return each neuron with its own parameters: the sensory ones, then the others by number."""
    neurons = [
        {"name": f"sensory {i}", "kind": "sensory", "number": i, "scale": scale, "shift": shift}
        for i, (scale, shift) in enumerate(
            zip(_list(model.input_scale), _list(model.input_shift), strict=True)
        )
    ]
    kinds = {i: kind for kind, numbers in model.wiring.neurons.items() for i in numbers}
    own = torch.stack(
        [
            softplus(model.leak.detach().double()),
            model.leak_potential.detach().double(),
            softplus(model.capacitance.detach().double()),
        ],
        dim=1,
    )
    for i, (leak, potential, capacitance) in enumerate(own.tolist()):
        neurons.append(
            {
                "name": f"neuron {i}",
                "kind": kinds[i],
                "number": i,
                "leak": leak,
                "potential": potential,
                "capacitance": capacitance,
            }
        )
    return neurons


def _synapses(model: LTC) -> list[dict]:
    """Return each synapse of a model: between which two neurons, and its parameters."""
    found = []
    for first, synapses in ((0, model.sensory_synapses), (model.input_size, model.synapses)):
        weight, polarity = softplus(synapses.weight.detach().double()), _polarities(synapses)
        for i, j in synapses.mask.nonzero().tolist():
            found.append(
                {
                    "from": first + i,
                    "to": model.input_size + j,
                    "polarity": polarity[i][j],
                    "weight": weight[i, j].item(),
                    "steepness": synapses.steepness[i, j].item(),
                    "midpoint": synapses.midpoint[i, j].item(),
                    "pull": synapses.reversal[i, j].abs().item(),
                }
            )
    return found
