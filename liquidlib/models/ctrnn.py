"""CTRNN, the continuous-time recurrent network: neurons with a clock of their own."""

import math

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus
from torch.nn.utils import skip_init

from liquidlib import checks
from liquidlib.models.initial import Constant, Distribution
from liquidlib.models.sequence import SequenceModel
from liquidlib.models.solvers import SOLVERS


class CTRNN(SequenceModel):
    r"""Continuous-time recurrent network.

    Each neuron relaxes towards a target that the input and all neurons set, at a pace of its own:

    .. math:: \tau \dot h = -h + \tanh(W x + U h + b).

    Unlike in an `LTC`, the time constant :math:`\tau` is learned and then fixed: what a neuron
    hears moves its target and not its pace. The elapsed time :math:`\Delta` is solved in
    ``unfolds`` equal steps, for which the input stays as it is. :math:`\Delta = 0` leaves the
    state alone.

    Source: Funahashi and Nakamura (1993), "Approximation of dynamical systems by continuous time
    recurrent neural networks", Neural Networks 6, 801-806. Unfolds, and :math:`\tau` at 1 at
    first, as in the rival of the LTC in the code of Hasani et al. (2021). There all neurons share
    one :math:`\tau`, and each step takes 0.1, whatever time has elapsed.

    Parameters
    ----------
    input_size, hidden_size, output_size : int
        F, H, and the width of the read-out (None: no read-out).
    solver : {"fused", "euler", "rk4"}
        Default ``"fused"``, as for the `LTC`: it costs what explicit Euler costs, which the
        authors take, and is stable however short a :math:`\tau` is learned. See
        `liquidlib.models.solvers`.
    unfolds : int
        Solver steps in a time step. Default 6, as in the authors' code.
    seed : int
        Of the initial weights: PyTorch's own default for linear layers, :math:`\tau` at 1.

    Attributes
    ----------
    from_input, from_state : nn.Linear
        ``W`` with ``b``, and ``U``.
    tau : Parameter (H,)
        :math:`\tau` before its softplus, in the unit of the timespans.

    Notes
    -----
    The state is one tensor (B, H), and lies between -1 and 1 with the fused solver. ``record``
    takes ``"state"``. There are ``H (F + H + 2)`` parameters besides the read-out.

    Examples
    --------
    >>> import torch
    >>> from liquidlib import CTRNN
    >>> model = CTRNN(input_size=2, hidden_size=8, output_size=1)
    >>> output, state = model(torch.zeros(3, 5, 2), timespans=torch.full((3, 5), 0.1))
    >>> output.shape, state.shape
    (torch.Size([3, 5, 1]), torch.Size([3, 8]))
    """

    name = "ctrnn"
    label = "CT-RNN"
    uses_timespans = True
    uses_mask = False

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        output_size: int | None = None,
        *,
        solver: str = "fused",
        unfolds: int = 6,
        seed: int = 0,
    ) -> None:
        super().__init__(input_size, hidden_size, output_size)
        self.solver = checks.choice("solver", solver, SOLVERS)
        self.unfolds = checks.integer("unfolds", unfolds, at_least=1)
        self.from_input = skip_init(nn.Linear, input_size, hidden_size)
        self.from_state = skip_init(nn.Linear, hidden_size, hidden_size, bias=False)
        self.tau = nn.Parameter(torch.empty(hidden_size))
        if output_size is not None:
            self.readout = skip_init(nn.Linear, hidden_size, output_size)
        self.reset_parameters(seed)

    def initial(self, name: str, parameter: Tensor) -> Distribution:
        """Return PyTorch's default for a layer; the softplus of ``tau`` starts at 1."""
        if name == "tau":
            return Constant(math.log(math.expm1(1)))
        return super().initial(name, parameter)

    def initial_state(self, x: Tensor) -> Tensor:
        """Return zeros (B, H)."""
        return x.new_zeros(x.shape[0], self.hidden_size)

    def state_shapes(self, batch: int) -> tuple[tuple[int, ...], ...]:
        """Return the shape of each tensor of the state."""
        return ((batch, self.hidden_size),)

    def _run(
        self, x: Tensor, state: Tensor, timespans: Tensor, mask: Tensor
    ) -> tuple[Tensor, Tensor, dict[str, Tensor]]:
        solve, states = SOLVERS[self.solver], []
        heard = self.from_input(x)  # (B, T, H)
        rates = timespans[:, :, None] / self.unfolds / softplus(self.tau)  # a solver step each
        for heard_t, rate in zip(heard.unbind(1), rates.unbind(1), strict=True):

            def sums(h: Tensor, heard_t: Tensor = heard_t, rate: Tensor = rate) -> tuple:
                return rate * torch.tanh(heard_t + self.from_state(h)), rate  # (B, H) each

            for _ in range(self.unfolds):
                state = solve(sums, state)
            states.append(state)
        hidden = torch.stack(states, dim=1)  # (B, T, H)
        return hidden, state, {"state": hidden}
