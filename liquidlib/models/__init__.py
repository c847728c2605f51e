"""The sequence models: one convention, one file a model, one table."""

from liquidlib.models.cfc import CfC
from liquidlib.models.ctrnn import CTRNN
from liquidlib.models.gru import GRU
from liquidlib.models.initial import Constant, Normal, SoftplusUniform, Uniform, initialise
from liquidlib.models.linear import Linear
from liquidlib.models.lstm import LSTM
from liquidlib.models.ltc import LTC
from liquidlib.models.masked import Masked
from liquidlib.models.match import match_parameters
from liquidlib.models.ncps_weights import from_ncps
from liquidlib.models.neural_ode import NeuralODE
from liquidlib.models.registry import ModelInfo, count_parameters, make, models
from liquidlib.models.rnn import RNN
from liquidlib.models.scalar import closed_form, ltc_neuron
from liquidlib.models.sequence import SequenceModel
from liquidlib.models.wired_cfc import WiredCfC
from liquidlib.models.wirings import Wiring

__all__ = [
    "CTRNN",
    "GRU",
    "LSTM",
    "LTC",
    "RNN",
    "CfC",
    "Constant",
    "Linear",
    "Masked",
    "ModelInfo",
    "NeuralODE",
    "Normal",
    "SequenceModel",
    "SoftplusUniform",
    "Uniform",
    "WiredCfC",
    "Wiring",
    "closed_form",
    "count_parameters",
    "from_ncps",
    "initialise",
    "ltc_neuron",
    "make",
    "match_parameters",
    "models",
]
