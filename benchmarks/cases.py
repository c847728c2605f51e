"""The models that the benchmark of the engine lowers: the book's, PyTorch's, those of ncps."""

import gzip
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import ncps.torch
import ncps.wirings
import torch
from torch import Tensor, nn

from liquidlib import Curve, Tape, count_parameters, lower, make, models

SEED = 0
CURVE = Curve(noise=0.05, seed=SEED)  # 82 values, their elapsed times, the next value as target

PUBLISHED = {"activation": "tanh", "backbone_units": 64, "backbone_layers": 2}
SMALL = {"cfc": {"backbone_units": 64}}
LARGE = {"cfc": PUBLISHED | {"mask_input": True}} | {
    n: {"layers": 2} for n in ("lstm", "gru", "rnn")
}


SIZES = {"ltc": (16, 64), "wired_cfc": (32, 128)}  # those of the others: 32 and 256


class WithReadout(nn.Module):
    """One of PyTorch's recurrent layers as it is, with a read-out."""

    def __init__(self, layer: nn.RNNBase, last: bool = False) -> None:
        super().__init__()
        self.layer, self.last = layer, last
        self.readout = nn.Linear(layer.hidden_size, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Return the outputs (B, T, 1), or (B, 1, 1) of the last step only."""
        hidden = self.layer(x)[0]
        return self.readout(hidden[:, -1:] if self.last else hidden)


class Refused(nn.Module):
    """A model with an operation that the engine has no instruction for."""

    def __init__(self, operation: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.first, self.operation, self.readout = nn.Linear(1, 4), operation, nn.Linear(4, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Return the outputs (B, T, 1)."""
        return self.readout(self.operation(self.first(x)))


def seeded(build: Callable[[], nn.Module]) -> nn.Module:
    """Return a module whose weights PyTorch's generator draws from the seed."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(SEED)
        return build()


def ncps_cfc(hidden_size: int, **options: object) -> nn.Module:
    """Return a CfC of the ncps package, with a read-out."""
    return seeded(lambda: ncps.torch.CfC(1, hidden_size, proj_size=1, **options))


def torch_layer(layer: type[nn.RNNBase], hidden_size: int, last: bool = False) -> nn.Module:
    """Return one of PyTorch's recurrent layers with a read-out."""
    return seeded(lambda: WithReadout(layer(1, hidden_size, batch_first=True), last))


def lstm_of(parameters: int) -> nn.Module:
    """Return an nn.LSTM with a read-out of its last step and about as many parameters."""
    sizes = range(4, 1024)
    count = {h: 4 * h * (1 + h) + 8 * h + h + 1 for h in sizes}
    hidden_size = min(sizes, key=lambda h: abs(count[h] - parameters))
    return torch_layer(nn.LSTM, hidden_size, last=True)


@dataclass(frozen=True)
class Case:
    """A model that lowers."""

    name: str
    size: str
    build: Callable[[], nn.Module]


def cases() -> list[Case]:
    """Return the rows of the table of what lowers: the models of `models`, and others'."""
    rows = []
    for info in models():
        if info.model.adaptive:
            continue
        label, before = info.model.label, None
        for hidden_size, options in zip(
            SIZES.get(info.name, (32, 256)), (SMALL, LARGE), strict=True
        ):
            build = partial(make, info.name, 1, hidden_size, 1, **options.get(info.name, {}))
            model = build()
            parameters = count_parameters(model)
            if parameters != before:  # a linear model has no hidden units
                rows.append(Case(label, _size(model), build))
            before = parameters
    for layer in (nn.LSTM, nn.GRU, nn.RNN):
        build = partial(torch_layer, layer, 32)
        rows.append(Case(f"torch.nn.{layer.__name__}", "32", build))
    build = partial(ncps_cfc, 32, backbone_units=64, backbone_layers=1)
    rows.append(Case("ncps.torch.CfC", "32, backbone 1 × 64", build))
    wired = partial(seeded, lambda: ncps.torch.CfC(1, ncps.wirings.AutoNCP(32, 1)))
    rows.append(Case("ncps.torch.CfC", "32, AutoNCP wiring", wired))
    return rows


def _size(model: nn.Module) -> str:
    if not model.recurrent:
        return f"{model.window} inputs"
    layers = getattr(model, "layers", 1)
    size = f"{model.hidden_size}" if layers == 1 else f"{layers} × {model.hidden_size}"
    if hasattr(model, "unfolds"):
        return f"{size}, {model.unfolds} unfolds"
    if hasattr(model, "wiring"):
        return f"{size}, AutoNCP wiring"
    widths = [part.out_features for part in getattr(model, "backbone", ())]
    return f"{size}, backbone {len(widths)} × {widths[0]}" if widths else size


def described(case: Case) -> tuple[dict, nn.Module, Tape]:
    """Return what is the same at every run: the case's row but for times, its model, its tape."""
    model = case.build()
    tape = lower(model, CURVE.window)
    row = {
        "model": case.name,
        "size": case.size,
        "loops": tape.loops,
        "parameters": count_parameters(model),
        "instructions": len(tape.listing()),
        "tape_kb": len(gzip.compress(tape.to_bytes(), mtime=0)) / 1000,
        "shipped": len(tape.values),
    }
    return row, model, tape
