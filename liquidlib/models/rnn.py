"""RNN, the baseline without any gate."""

from torch import nn

from liquidlib.models.torch_layers import TorchLayers


class RNN(TorchLayers):
    r"""Plain recurrent network: ``torch.nn.RNN`` under the book's calling convention.

    The state is computed anew at every step from the input and the state before,

    .. math:: h' = \tanh(W x + b + U h + c).

    It cannot use ``timespans`` and ignores them: every step counts the same, however long it
    took. It cannot use a mask either, and raises on one that is not all ones.

    Source: Elman (1990), whose units lie between 0 and 1; tanh is PyTorch's default.

    Parameters
    ----------
    input_size, hidden_size, output_size : int
        F, H, and the width of the read-out (None: no read-out).
    layers : int
        Layers over one another. Default 1.
    seed : int
        Of the initial weights: PyTorch's own default, uniform with bound ``1 / sqrt(H)``.

    Notes
    -----
    The state is one tensor (layers, B, H). ``record`` takes ``"state"``, the last layer's h.
    """

    name = "rnn"
    label = "RNN"
    layer_type = nn.RNN
