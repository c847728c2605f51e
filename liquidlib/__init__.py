"""liquidlib: the helper package of a book on liquid neural networks.

What a chapter uses is here. Inside, data flow one way, and a part imports only from parts before
it: signals, models, engine, training, metrics, sweeps, plots, widgets.
"""

from liquidlib.engine import Machine, NoCompiler, Tape, Unsupported, lower
from liquidlib.metrics import (
    FreezeTest,
    Survival,
    freeze_test,
    jitter,
    lock_on,
    lock_ons,
    median_interval,
    ratio_interval,
    rolling_accuracy,
    survival,
)
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
from liquidlib.sweeps import Sweep, load_stored, load_sweep, sweep
from liquidlib.training import PRESETS, Run, published, published_rule, track, training_step
from liquidlib.widgets import Gate, Playground, SweepMap, TapeStepper, Tracking

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
    "Survival",
    "Sweep",
    "SweepMap",
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
    "load_sweep",
    "lock_on",
    "lock_ons",
    "lower",
    "make",
    "median_interval",
    "models",
    "plot_run",
    "plot_runs",
    "published",
    "published_rule",
    "ratio_interval",
    "rolling_accuracy",
    "survival",
    "sweep",
    "track",
    "training_step",
    "use_style",
]
