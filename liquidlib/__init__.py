"""liquidlib: the helper package of a book on liquid neural networks.

What a chapter uses is here. Inside, data flow one way, and a part imports only from parts before
it: signals, models, engine, training, metrics, sweeps, plots, widgets.
"""

from liquidlib.engine import Machine, NoCompiler, Tape, Unsupported, lower
from liquidlib.metrics import FreezeTest, freeze_test, jitter, lock_on, rolling_accuracy
from liquidlib.models import (
    GRU,
    LSTM,
    RNN,
    CfC,
    Constant,
    Linear,
    ModelInfo,
    Normal,
    SequenceModel,
    Uniform,
    count_parameters,
    from_ncps,
    initialise,
    make,
    models,
)
from liquidlib.plots import COLOURS, label_ends, plot_run, plot_runs, use_style
from liquidlib.signals import Curve, Window
from liquidlib.sweeps import load_stored
from liquidlib.training import PRESETS, Run, published, track, training_step
from liquidlib.widgets import Gate, Playground, TapeStepper, Tracking

__all__ = [
    "COLOURS",
    "GRU",
    "LSTM",
    "PRESETS",
    "RNN",
    "CfC",
    "Constant",
    "Curve",
    "FreezeTest",
    "Gate",
    "Linear",
    "Machine",
    "ModelInfo",
    "NoCompiler",
    "Normal",
    "Playground",
    "Run",
    "SequenceModel",
    "Tape",
    "TapeStepper",
    "Tracking",
    "Uniform",
    "Unsupported",
    "Window",
    "count_parameters",
    "freeze_test",
    "from_ncps",
    "initialise",
    "jitter",
    "label_ends",
    "load_stored",
    "lock_on",
    "lower",
    "make",
    "models",
    "plot_run",
    "plot_runs",
    "published",
    "rolling_accuracy",
    "track",
    "training_step",
    "use_style",
]
