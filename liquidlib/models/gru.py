"""GRU, the baseline with one gate between its old state and a new one."""

from torch import nn

from liquidlib.models.torch_layers import TorchLayers


class GRU(TorchLayers):
    r"""Gated recurrent unit: ``torch.nn.GRU`` under the book's calling convention.

    Two gates read the input and the state: :math:`z` says how much of the state to keep, and
    :math:`r` how much of it the candidate :math:`n` may see,

    .. math:: n = \tanh(W_n x + b_n + r \odot (U_n h + c_n)), \qquad
              h' = (1 - z) \odot n + z \odot h.

    It cannot use ``timespans`` and ignores them: every step counts the same, however long it
    took. It cannot use a mask either, and raises on one that is not all ones.

    Source: Cho et al. (2014), in the form of PyTorch and cuDNN, where ``r`` comes after the
    product ``U_n h``. In the paper it comes before: ``U_n (r * h)``, without the bias ``c_n``.

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
    There is no gate that time drives, so there is no ``"gate"``.
    """

    name = "gru"
    label = "GRU"
    layer_type = nn.GRU
