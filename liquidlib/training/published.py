"""The published sine-tracking experiment: its models, curve and optimiser settings."""

from types import MappingProxyType

from torch import Tensor

from liquidlib import checks
from liquidlib.models import LSTM, CfC, Constant, Linear, Normal, SequenceModel, Uniform, initialise
from liquidlib.models.initial import Distribution
from liquidlib.signals import Curve

PRESETS = MappingProxyType(
    {
        "published": MappingProxyType(
            {"lr": 0.01, "betas": (0.9, 0.999), "eps": 1e-8, "weight_decay": 0.01}
        ),
        "tutorial": MappingProxyType(
            {"lr": 0.01, "betas": (0.9, 0.95), "eps": 1e-8, "weight_decay": 0.0}
        ),
    }
)
"""AdamW's settings: of the published test, and of the published tutorial's project."""

WINDOW = 82


def published(
    name: str, seed: int, initial: str = "published", **curve: object
) -> tuple[SequenceModel, Curve]:
    """Return a model and the curve it follows, as in the published comparison.

    Inputs are the last 82 *positions* p on the curve, which grow by 2 pi / 360 a step without
    bound; times are absolute, p / 360; the mask is 82 ones; the target is the sine of the last
    position. What the models are:

    ========  ====================================================  =======================
    name      sizes                                                 initial weights
    ========  ====================================================  =======================
    cfc       256 units, backbone 2 x 64, tanh, reads [x, mask]     uniform within
                                                                    sqrt(3 / fan_in),
                                                                    biases 0.1
    lstm      2 layers of 256 units, state from zero each window    normal, standard
                                                                    deviation 0.5, biases 0
    linear    82 inputs, 1 output                                   as cfc
    ========  ====================================================  =======================

    Every read-out starts as the CfC does. Source: the test ``TestTrainRealTimeComboNet`` of the
    MyCaffe project (CfC layer tests), which the published posts point to.

    Parameters
    ----------
    name : {"cfc", "lstm", "linear"}
    seed : int
        Of the initial weights.
    initial : {"published", "ordinary"}
        ``"ordinary"`` gives the same model with PyTorch's default initial weights.
    **curve
        Changes to the curve, such as ``noise=0.05``.

    Returns
    -------
    model : SequenceModel
    curve : Curve
    """
    checks.choice("name", name, ("cfc", "lstm", "linear"))
    checks.choice("initial", initial, ("published", "ordinary"))
    if name == "cfc":
        model = CfC(
            1,
            256,
            1,
            backbone_units=64,
            backbone_layers=2,
            activation="tanh",
            mask_input=True,
            seed=seed,
        )
    elif name == "lstm":
        model = LSTM(1, 256, 1, layers=2, seed=seed)
    else:
        model = Linear(1, 1, window=WINDOW, seed=seed)
    if initial == "published":
        initialise(model, seed, published_rule)
        if name == "lstm":
            model.name, model.label = "lstm_gaussian", "LSTM, N(0, 0.5²)"
    return model, published_curve(**curve)


def published_curve(**changes: object) -> Curve:
    """Return the curve of the published comparison, with changes such as ``noise=0.05``."""
    settings = {"inputs": "position", "time": "absolute", "window": WINDOW, "horizon": 0}
    return Curve(**(settings | changes))


def published_rule(name: str, parameter: Tensor) -> Distribution:
    """Return how the published comparison draws a parameter: a rule for `initialise`."""
    is_bias = "bias" in name
    if name.startswith("lstm."):
        return Constant(0.0) if is_bias else Normal(0.5)
    return Constant(0.1) if is_bias else Uniform((3 / parameter.shape[1]) ** 0.5)
