r"""One liquid neuron by itself: its equation, solved in steps, and the formula of the CfC paper.

The neuron hears one input :math:`I(t)` through one synapse that is open by
:math:`f = \sigma(I)`, and has none on itself. NumPy, since nothing here is trained.
"""

from collections.abc import Callable

import numpy as np

Drive = Callable[[float], object]
"""The input at a time: a number, or an array (...) with one for each neuron."""

STEP = 0.01
"""The longest step of the solver, in units of time."""


def ltc_neuron(
    times: object, drive: Drive, *, w_tau: object, A: object, x0: object, rest: object = 0.0
) -> np.ndarray:
    r"""Return the potential of liquid neurons over time, by the classical Runge-Kutta method.

    The leak pulls a neuron to its rest, an open synapse to :math:`A`:

    .. math:: \dot x = -w_\tau (x - x_{rest}) - \sigma(I(t)) (x - A), \qquad x(0) = x_0.

    With ``rest=0`` it is the equation that Hasani et al. (2022) begin with, their equation (1);
    with ``rest=A`` the one that their lemma 1 is about.

    Parameters
    ----------
    times : array (T,)
        Not negative, increasing. The neuron starts at time 0, whether it is among them or not.
    drive : callable
        ``drive(t)`` returns the input at a time: a number, or an array that broadcasts with the
        parameters. Where it jumps, one of the times should be.
    w_tau : float or array (...)
        Rate of the leak, at least 0, per unit of time.
    A, x0, rest : float or array (...)
        Reversal potential of the synapse, start, and the level to which the leak pulls.

    Returns
    -------
    array (..., T), float64

    Examples
    --------
    >>> x = ltc_neuron([0.0, 50.0], lambda t: 0.0, w_tau=0.5, A=1.0, x0=-1.0)
    >>> x.round(3).tolist()
    [-1.0, 0.5]
    """
    times, (w_tau, A, x0, rest) = _given(times, w_tau, A, x0, rest)

    def slope(x: np.ndarray, t: float) -> np.ndarray:
        return -w_tau * (x - rest) - _sigmoid(drive(t)) * (x - A)

    x, now, states = x0 + 0 * slope(x0, 0.0), 0.0, []
    for time in times:
        steps = int(np.ceil((time - now) / STEP - 1e-9))
        for t in np.linspace(now, time, steps, endpoint=False):
            h = (time - now) / steps
            k1 = slope(x, t)
            k2 = slope(x + h / 2 * k1, t + h / 2)
            k3 = slope(x + h / 2 * k2, t + h / 2)
            k4 = slope(x + h * k3, t + h)
            x = x + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
        states.append(x)
        now = time
    return np.stack(states, axis=-1)


def closed_form(times: object, drive: Drive, *, w_tau: object, A: object, x0: object) -> np.ndarray:
    r"""Return what the closed form of the CfC paper says of liquid neurons over time.

    .. math:: \tilde x(t) = (x_0 - A)\, e^{-[w_\tau + \sigma(I(t))]\, t}\, \sigma(-I(t)) + A

    The only input that it reads is the one at the time asked for.

    Source: Hasani et al. (2022), "Closed-form continuous-time neural networks", Nature Machine
    Intelligence 4, theorem 1, with a sigmoid for the nonlinearity. By its lemma 1 it is off by at
    most :math:`|x_0 - A|\, e^{-w_\tau t}`, if the leak pulls to :math:`A` as well.

    Parameters
    ----------
    times, drive, w_tau, A, x0
        As in `ltc_neuron`.

    Returns
    -------
    array (..., T), float64

    Examples
    --------
    >>> closed_form([0.0, 50.0], lambda t: 0.0, w_tau=0.5, A=1.0, x0=-1.0).round(3).tolist()
    [0.0, 1.0]
    """
    times, (w_tau, A, x0) = _given(times, w_tau, A, x0)
    states = []
    for time in times:
        heard = np.asarray(drive(time), dtype=float)
        decay = np.exp(-(w_tau + _sigmoid(heard)) * time)
        states.append((x0 - A) * decay * _sigmoid(-heard) + A)
    return np.stack(states, axis=-1)


def _sigmoid(z: object) -> np.ndarray:
    return 0.5 + 0.5 * np.tanh(np.asarray(z, dtype=float) / 2)


def _given(times: object, *values: object) -> tuple[np.ndarray, list[np.ndarray]]:
    times = np.asarray(times, dtype=float)
    if times.ndim != 1 or not len(times) or times[0] < 0 or (np.diff(times) <= 0).any():
        raise ValueError(f"times must be 1-D, not negative and increasing, got {times!r}")
    names = ("w_tau", "A", "x0", "rest")
    values = [np.asarray(value, dtype=float) for value in values]
    for name, value in zip(names, values, strict=False):
        if not np.isfinite(value).all() or (name == "w_tau" and (value < 0).any()):
            allowed = "finite and not negative" if name == "w_tau" else "finite"
            raise ValueError(f"{name} must be {allowed}, got {value!r}")
    return times, values
