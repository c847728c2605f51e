"""Take over the weights of an ncps model."""

import numpy as np
import torch
from torch import Tensor, nn

from liquidlib.models.cfc import CfC
from liquidlib.models.ltc import LTC
from liquidlib.models.wired_cfc import WiredCfC
from liquidlib.models.wirings import Wiring


def from_ncps(module: nn.Module) -> CfC | WiredCfC | LTC:
    """Return our model with the weights of an ncps one, and so the same outputs.

    Parameters
    ----------
    module : ncps.torch.CfC or ncps.torch.LTC
        With or without a wiring. Without dropout; mixed memory in an unwired CfC alone.

    Returns
    -------
    CfC, WiredCfC or LTC
        Its ``wiring``, where it has one, is that of the module's masks. Where ncps has no
        parameter for what ours always has, a read-out or the mapping of the inputs, that one is
        not trained: ``requires_grad`` is False.

    Raises
    ------
    TypeError
        If it is neither of the two.
    ValueError
        If it has dropout, or mixed memory in an LTC or beside a wiring; if a weight, leak or
        capacitance of an LTC with explicit constraints is negative.

    Notes
    -----
    Where ncps goes its own ways:

    - It takes ``timespans`` right for batches of one alone.
    - A wired CfC masks its two targets, not its time heads, and lets a neuron see all of its own
      layer; ours is built with ``like_ncps=True``. Its state is in the order of the layers, inter,
      command, motor; ours in that of the neurons, motor, command, inter, as in both LTCs. Of a
      wiring without layers its output is every neuron, motor or not.
    - An LTC divides by the elapsed time, so that 0 gives NaN. It adds 1e-8 to a denominator, which
      ours leaves out. It scales each motor neuron's output by itself; our read-out is a matrix,
      whose other entries begin at 0 and are trained as well.
    """
    kind = type(module).__name__
    if kind not in _TAKES or not type(module).__module__.startswith("ncps."):
        raise TypeError(f"module must be an ncps.torch.CfC or ncps.torch.LTC, got {kind}")
    return _TAKES[kind](module)


# The CfC -----------------------------------------------------------------------------------------


def _cfc(module: nn.Module) -> CfC | WiredCfC:
    if hasattr(module, "wiring"):
        return _wired_cfc(module)
    cell, has_readout = module.rnn_cell, isinstance(module.fc, nn.Linear)
    parts = list(cell.backbone or [])
    _refuse("backbone dropout", any(isinstance(part, nn.Dropout) for part in parts))
    linears = [part for part in parts if isinstance(part, nn.Linear)]
    ours = {"Tanh": "tanh", "LeCun": "lecun_tanh", "ReLU": "relu", "GELU": "gelu", "SiLU": "silu"}
    model = CfC(
        cell.input_size,
        cell.hidden_size,
        module.fc.out_features if has_readout else None,
        mode=cell.mode,
        backbone_units=linears[0].out_features if linears else 1,
        backbone_layers=len(linears),
        activation=ours[type(parts[1]).__name__] if linears else "lecun_tanh",
        mixed_memory=module.use_mixed,
    ).to(cell.ff1.weight)
    with torch.no_grad():
        for mine, yours in zip(model.backbone, linears, strict=True):
            mine.load_state_dict(yours.state_dict())
        _take_heads(model, cell, slice(None))
        if module.use_mixed:
            of_x, of_h = module.lstm.input_map, module.lstm.recurrent_map
            model.memory.weight.copy_(_gates(torch.cat([of_x.weight, of_h.weight], dim=1)))
            model.memory.bias.copy_(_gates(of_x.bias))
        if has_readout:
            model.readout.load_state_dict(module.fc.state_dict())
    return model


def _take_heads(ours: CfC, cell: nn.Module, columns: slice | list[int]) -> None:
    """Copy the heads of an ncps cell; they read the given columns of what ours read."""
    names = ["ff1"] if cell.mode == "pure" else ["ff1", "ff2", "time_a", "time_b"]
    theirs = [getattr(cell, name) for name in names]
    ours.heads.weight[:, columns] = torch.cat([head.weight for head in theirs])
    ours.heads.bias.copy_(torch.cat([head.bias for head in theirs]))
    if cell.mode == "pure":
        ours.w_tau.copy_(cell.w_tau[0])
        ours.A.copy_(cell.A[0])


def _gates(theirs: Tensor) -> Tensor:
    """Return the rows of an ncps LSTM, which come as u, i, f, o, in the order i, f, u, o."""
    u, i, f, o = theirs.chunk(4)
    return torch.cat([i, f, u, o])


# The wired CfC -----------------------------------------------------------------------------------


def _wired_cfc(module: nn.Module) -> WiredCfC:
    _refuse("mixed memory beside a wiring", module.use_mixed)
    cells = module.rnn_cell._layers
    wiring, last = _wiring_of(cells, module.wiring), cells[-1].hidden_size
    projects = isinstance(module.fc, nn.Linear)
    _refuse("proj_size where it cannot run", projects and module.fc.in_features != last)
    same = not projects and last == wiring.units  # every neuron is the output
    model = WiredCfC(
        wiring.input_size,
        wiring.units,
        module.fc.out_features if projects else None if same else last,
        wiring=wiring,
        mode=cells[0].mode,
        like_ncps=True,
    ).to(cells[0].ff1.weight)
    units = wiring.input_size + wiring.units  # the columns of ours: inputs, others, their own
    begin = 0  # where those that a layer hears from outside begin
    with torch.no_grad():
        for mine, yours in zip(model.cells, cells, strict=True):
            outside = range(begin, begin + yours.input_size)
            begin = outside.stop
            mine.heads.weight.zero_()
            _take_heads(mine, yours, [*outside, *range(units - yours.hidden_size, units)])
        if projects:
            model.readout.load_state_dict(module.fc.state_dict())
        elif not same:
            _take_read_out(model, None, None)
    return model


def _wiring_of(cells: list[nn.Module], theirs: object) -> Wiring:
    """Return an ncps CfC's wiring, by its masks: what it was made from may have changed since."""
    sensory, adjacency = theirs.sensory_adjacency_matrix.copy(), theirs.adjacency_matrix.copy()
    layers = [theirs.get_neurons_of_layer(at) for at in range(theirs.num_layers)]
    for at, cell in enumerate(cells):
        before = layers[at - 1] if at else range(len(sensory))
        matrix, place = adjacency if at else sensory, np.ix_(before, layers[at])
        is_there = cell.sparsity_mask[:, : len(before)].T != 0
        matrix[place] = _polarity(torch.tensor(matrix[place]), is_there.cpu())
    return _wiring(sensory, adjacency, theirs)


# The LTC -----------------------------------------------------------------------------------------


def _ltc(module: nn.Module) -> LTC:
    _refuse("mixed memory", module.use_mixed)
    cell = module.rnn_cell
    wiring = _wiring(
        _polarity(cell.sensory_erev, cell.sensory_sparsity_mask),
        _polarity(cell.erev, cell.sparsity_mask),
        cell._wiring,
    )
    same = not hasattr(cell, "output_w") and wiring.motor_neurons == wiring.units
    model = LTC(
        wiring.input_size,
        wiring.units,
        None if same else wiring.motor_neurons,
        unfolds=cell._ode_unfolds,
        wiring=wiring,
    ).to(cell.w)

    def positive(theirs: Tensor, mask: Tensor | float = 1.0) -> Tensor:
        """Return the numbers whose softplus gives what ncps computes with."""
        if cell._implicit_param_constraints:
            return theirs
        _refuse("negative weight, leak or capacitance", bool((theirs * mask < 0).any()))
        theirs = theirs.clamp(min=1e-30)
        return theirs + torch.log(-torch.expm1(-theirs))

    with torch.no_grad():
        for mine, of in ((model.sensory_synapses, "sensory_"), (model.synapses, "")):
            mine.weight.copy_(positive(getattr(cell, f"{of}w"), mine.mask))
            mine.steepness.copy_(getattr(cell, f"{of}sigma"))
            mine.midpoint.copy_(getattr(cell, f"{of}mu"))
            mine.reversal.copy_(getattr(cell, f"{of}erev"))
        model.leak.copy_(positive(cell.gleak))
        model.leak_potential.copy_(cell.vleak)
        model.capacitance.copy_(positive(cell.cm))
        for mine, name in ((model.input_scale, "input_w"), (model.input_shift, "input_b")):
            _take(mine, getattr(cell, name, None))
        if not same:
            _take_read_out(model, getattr(cell, "output_w", None), getattr(cell, "output_b", None))
    return model


# What both wired models need ---------------------------------------------------------------------


def _wiring(sensory: np.ndarray, adjacency: np.ndarray, theirs: object) -> Wiring:
    """Return a wiring of these synapses between the neurons of an ncps one."""
    layers = [theirs.get_neurons_of_layer(at) for at in range(theirs.num_layers)]
    command = len(layers[1]) if len(layers) > 1 else 0
    wiring = Wiring(sensory, adjacency, theirs.output_dim, command)
    _refuse("layers but those of an NCP", [[*layer] for layer in wiring.layers] != layers)
    return wiring


def _polarity(signed: Tensor, is_there: Tensor) -> np.ndarray:
    """Return the signs of numbers where there is a synapse; that of 0 is 1."""
    return (torch.where(signed < 0, -1, 1) * (is_there != 0)).cpu().numpy()


def _take_read_out(model: LTC | WiredCfC, scale: Tensor | None, shift: Tensor | None) -> None:
    """Make of a read-out what gives each motor neuron, scaled and shifted, as one output."""
    model.readout.weight.copy_(torch.diag(torch.ones_like(model.readout.bias)))
    _take(model.readout.weight, None if scale is None else torch.diag(scale))
    model.readout.bias.zero_()
    _take(model.readout.bias, shift)


def _take(mine: nn.Parameter, theirs: Tensor | None) -> None:
    """Copy a parameter; what ncps has not is not trained."""
    mine.requires_grad_(theirs is not None)
    if theirs is not None:
        mine.copy_(theirs)


def _refuse(what: str, is_there: bool) -> None:
    if is_there:
        raise ValueError(f"module must have no {what}, got one with it")


_TAKES = {"CfC": _cfc, "LTC": _ltc}
