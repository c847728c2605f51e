"""NeuralODE: a network gives the slope of the state, and a solver follows it."""

import torch
from torch import Tensor, nn
from torch.nn.utils import skip_init

from liquidlib import checks
from liquidlib.models.sequence import SequenceModel
from liquidlib.models.solvers import SOLVERS

FIXED = ("rk4", "euler")


class NeuralODE(SequenceModel):
    r"""Neural ordinary differential equation, driven by the input.

    A network with one hidden layer gives the slope of the state,

    .. math:: \dot h = V \tanh(W [x, h] + b) + c,

    and a solver follows it over the elapsed time :math:`\Delta`, for which the input stays as it
    is. :math:`\Delta = 0` leaves the state alone, and two time steps in a row with the same input
    are one of both their times.

    The solver is Dormand and Prince's method of order 5, an embedded pair: each solver step comes
    with an estimate of its error, which decides whether it counts and how long the next one is.
    So the work depends on the numbers, and not only on their shapes: `lower` cannot write it down
    as a tape.

    Source: Chen et al. (2018), "Neural ordinary differential equations", NeurIPS, solved by the
    authors' package torchdiffeq; with an input that is constant for a time step, and the slope's
    hidden layer of tanh, as in the rival of the LTC in the code of Hasani et al. (2021), whose
    slope is one layer of tanh.

    Parameters
    ----------
    input_size, hidden_size, output_size : int
        F, H, and the width of the read-out (None: no read-out).
    units : int
        Width of the hidden layer. Default 128, as in the backbone of `CfC`.
    solver : {"dopri5", "rk4", "euler"}
        Default ``"dopri5"``. The others take steps of fixed length, see
        `liquidlib.models.solvers`; a model with one of them lowers.
    rtol, atol : float
        What ``"dopri5"`` allows as error of a solver step: ``atol + rtol |h|``, as the root of the
        mean square over the neurons. Defaults 1e-3 and 1e-4, as in the latent ODE's code (Rubanova
        et al. 2019), far above the rounding of 32-bit numbers.
    unfolds : int
        Solver steps in a time step with a fixed length. Default 6, as for the `LTC`.
    seed : int
        Of the initial weights: PyTorch's own default for linear layers.

    Attributes
    ----------
    slope : nn.Sequential
        The network, from (B, F + H) to (B, H).
    evaluations : int
        How often the slope was asked for since the model was made, for a whole batch each time.
        Set it to 0 to count anew.
    adaptive : bool
        Whether the solver is ``"dopri5"``.

    Notes
    -----
    The state is one tensor (B, H). ``record`` takes ``"state"``. There are ``(F + H + 1) units +
    (units + 1) H`` parameters besides the read-out.

    The samples of a batch are solved in the same solver steps, those that the most demanding
    sample needs, with time counted as a share of each sample's own :math:`\Delta`. So a sample's
    state in a batch and alone differ, by no more than the tolerances explain. Gradients go
    through the solver's operations, with the lengths of its steps as given.

    Nothing pulls the state back to 0, as a leak does in an `LTC` or a `CTRNN`: before training it
    drifts away over long windows.

    Examples
    --------
    >>> import torch
    >>> from liquidlib import NeuralODE
    >>> model = NeuralODE(input_size=2, hidden_size=8, output_size=1)
    >>> output, state = model(torch.zeros(3, 5, 2), timespans=torch.full((3, 5), 0.1))
    >>> output.shape, state.shape
    (torch.Size([3, 5, 1]), torch.Size([3, 8]))
    """

    name = "neural_ode"
    label = "Neural ODE"
    uses_timespans = True
    uses_mask = False
    adaptive = True

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        output_size: int | None = None,
        *,
        units: int = 128,
        solver: str = "dopri5",
        rtol: float = 1e-3,
        atol: float = 1e-4,
        unfolds: int = 6,
        seed: int = 0,
    ) -> None:
        super().__init__(input_size, hidden_size, output_size)
        self.solver = checks.choice("solver", solver, ("dopri5", *FIXED))
        self.adaptive = solver == "dopri5"
        self.rtol = checks.number("rtol", rtol, low=0, above=True)
        self.atol = checks.number("atol", atol, low=0, above=True)
        self.unfolds = checks.integer("unfolds", unfolds, at_least=1)
        units = checks.integer("units", units, at_least=1)
        self.slope = nn.Sequential(
            skip_init(nn.Linear, input_size + hidden_size, units),
            nn.Tanh(),
            skip_init(nn.Linear, units, hidden_size),
        )
        if output_size is not None:
            self.readout = skip_init(nn.Linear, hidden_size, output_size)
        self.evaluations = 0
        self.reset_parameters(seed)

    def initial_state(self, x: Tensor) -> Tensor:
        """Return zeros (B, H)."""
        return x.new_zeros(x.shape[0], self.hidden_size)

    def state_shapes(self, batch: int) -> tuple[tuple[int, ...], ...]:
        """Return the shape of each tensor of the state."""
        return ((batch, self.hidden_size),)

    def _run(
        self, x: Tensor, state: Tensor, timespans: Tensor, mask: Tensor
    ) -> tuple[Tensor, Tensor, dict[str, Tensor]]:
        states = []
        for x_t, timespans_t in zip(x.unbind(1), timespans[:, :, None].unbind(1), strict=True):
            state = self._solved(x_t, state, timespans_t)
            states.append(state)
        hidden = torch.stack(states, dim=1)  # (B, T, H)
        return hidden, state, {"state": hidden}

    def _solved(self, x: Tensor, h: Tensor, timespans: Tensor) -> Tensor:
        """Return the state (B, H) after the elapsed times (B, 1), from x (B, F) and h (B, H)."""

        def slope(h: Tensor) -> Tensor:
            """Return how the state changes with the share of the time that has elapsed."""
            self.evaluations += 1
            return timespans * self.slope(torch.cat([x, h], dim=-1))

        if not self.adaptive:
            none = torch.zeros_like(h)  # no rate at which a state forgets by itself
            for _ in range(self.unfolds):
                h = SOLVERS[self.solver](lambda h: (slope(h) / self.unfolds, none), h)
            return h
        if not timespans.any():
            return h + slope(h)  # h itself, but with a gradient by the time
        from torchdiffeq import odeint  # here, so that liquidlib starts without it

        ends = torch.tensor([0.0, 1.0], dtype=h.dtype, device=h.device)
        # A solver step ends where the time does: what torchdiffeq interpolates is less exact.
        options = {"norm": _worst_sample, "step_t": ends[1:]}
        tolerances = {"rtol": self.rtol, "atol": self.atol}
        solved = odeint(
            lambda _, h: slope(h), h, ends, method="dopri5", options=options, **tolerances
        )[-1]
        rounded = (solved - h).detach() * (timespans == 0)  # what it adds where no time elapses
        return solved - rounded


def _worst_sample(error: Tensor) -> Tensor:
    """Return the largest root of the mean square of the rows (B, H), a number without gradient."""
    return error.detach().square().mean(dim=-1).sqrt().max()
