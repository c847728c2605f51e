"""The sequence models: one convention, one file a model, one table."""

from liquidlib.models.cfc import CfC
from liquidlib.models.gru import GRU
from liquidlib.models.initial import Constant, Normal, Uniform, initialise
from liquidlib.models.linear import Linear
from liquidlib.models.lstm import LSTM
from liquidlib.models.ltc import LTC
from liquidlib.models.ncps_weights import from_ncps
from liquidlib.models.registry import ModelInfo, count_parameters, make, models
from liquidlib.models.rnn import RNN
from liquidlib.models.sequence import SequenceModel
from liquidlib.models.wired_cfc import WiredCfC
from liquidlib.models.wirings import Wiring

__all__ = [
    "GRU",
    "LSTM",
    "LTC",
    "RNN",
    "CfC",
    "Constant",
    "Linear",
    "ModelInfo",
    "Normal",
    "SequenceModel",
    "Uniform",
    "WiredCfC",
    "Wiring",
    "count_parameters",
    "from_ncps",
    "initialise",
    "make",
    "models",
]
