"""Take over the weights of an ncps model."""

import torch
from torch import Tensor, nn

from liquidlib.models.cfc import CfC


def from_ncps(module: nn.Module) -> CfC:
    """Return a `CfC` with the weights of an ncps one, and so the same outputs.

    Parameters
    ----------
    module : ncps.torch.CfC
        Fully connected, without dropout; with or without ``proj_size`` and mixed memory.

    Raises
    ------
    TypeError
        If it is no ``ncps.torch.CfC``.
    ValueError
        If it has a wiring or dropout.
    """
    if type(module).__name__ != "CfC" or not type(module).__module__.startswith("ncps."):
        raise TypeError(f"module must be an ncps.torch.CfC, got {type(module).__name__}")
    cell, has_readout = module.rnn_cell, isinstance(module.fc, nn.Linear)
    parts = list(getattr(cell, "backbone", None) or [])
    present = {
        "wiring": not hasattr(cell, "ff1"),
        "backbone dropout": any(isinstance(part, nn.Dropout) for part in parts),
    }
    for name, is_present in present.items():
        if is_present:
            raise ValueError(f"module must have no {name}, got one with it")
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
    theirs = [cell.ff1] if cell.mode == "pure" else [cell.ff1, cell.ff2, cell.time_a, cell.time_b]
    with torch.no_grad():
        for mine, yours in zip(model.backbone, linears, strict=True):
            mine.load_state_dict(yours.state_dict())
        model.heads.weight.copy_(torch.cat([head.weight for head in theirs]))
        model.heads.bias.copy_(torch.cat([head.bias for head in theirs]))
        if module.use_mixed:
            of_x, of_h = module.lstm.input_map, module.lstm.recurrent_map
            model.memory.weight.copy_(_gates(torch.cat([of_x.weight, of_h.weight], dim=1)))
            model.memory.bias.copy_(_gates(of_x.bias))
        if cell.mode == "pure":
            model.w_tau.copy_(cell.w_tau[0])
            model.A.copy_(cell.A[0])
        if has_readout:
            model.readout.load_state_dict(module.fc.state_dict())
    return model


def _gates(theirs: Tensor) -> Tensor:
    """Return the rows of an ncps LSTM, which come as u, i, f, o, in the order i, f, u, o."""
    u, i, f, o = theirs.chunk(4)
    return torch.cat([i, f, u, o])
