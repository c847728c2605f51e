"""The table of models, by name."""

from dataclasses import dataclass

from torch import nn

from liquidlib import checks
from liquidlib.models.cfc import CfC
from liquidlib.models.ctrnn import CTRNN
from liquidlib.models.gru import GRU
from liquidlib.models.linear import Linear
from liquidlib.models.lstm import LSTM
from liquidlib.models.ltc import LTC
from liquidlib.models.neural_ode import NeuralODE
from liquidlib.models.rnn import RNN
from liquidlib.models.sequence import SequenceModel
from liquidlib.models.wired_cfc import WiredCfC

MODELS: dict[str, type[SequenceModel]] = {
    cls.name: cls for cls in (CfC, WiredCfC, LTC, CTRNN, NeuralODE, LSTM, GRU, RNN, Linear)
}


@dataclass(frozen=True)
class ModelInfo:
    """One row of the table of models."""

    name: str
    model: type[SequenceModel]
    uses_timespans: bool
    uses_mask: bool
    summary: str


def models() -> list[ModelInfo]:
    """Return the table of models: name, class, and which of timespans and mask it uses."""
    return [
        ModelInfo(name, cls, cls.uses_timespans, cls.uses_mask, cls.__doc__.splitlines()[0])
        for name, cls in MODELS.items()
    ]


def make(
    name: str,
    input_size: int,
    hidden_size: int,
    output_size: int | None = None,
    **options: object,
) -> SequenceModel:
    """Return a model by its name in the table.

    Parameters
    ----------
    name : str
        One of the names in `models`.
    input_size, hidden_size, output_size : int
        F, H, and the width of the read-out (None: no read-out).
    **options
        The model's own, such as ``layers=2``, and ``seed``.
    """
    cls = MODELS[checks.choice("name", name, MODELS)]
    return cls(input_size, hidden_size, output_size, **options)


def count_parameters(model: nn.Module) -> int:
    """Return how many numbers training changes in a model, of masked ones those that count."""
    masks = model.masks() if isinstance(model, SequenceModel) else {}
    return sum(
        int(masks[name].count_nonzero()) if name in masks else p.numel()
        for name, p in model.named_parameters()
        if p.requires_grad
    )
