r"""Solvers of one step of equations in which each state relaxes towards a target.

A neuron of a liquid network follows :math:`\dot v = p(v) - r(v)\,v`: what pushes it, and the rate
at which it forgets. Time is counted in steps here, so that a step has length 1. A push and a rate
of 0, those of a step that takes no time, leave a state as it is.
"""

from collections.abc import Callable

from torch import Tensor

Sums = Callable[[Tensor], tuple[Tensor, Tensor]]
"""From the state v (B, H) to push and rate of a step, (B, H) each; the rate is not negative."""


def fused(sums: Sums, v: Tensor) -> Tensor:
    """Return the state after a semi-implicit Euler step, of order 1.

    Push and rate are those at the beginning of the step, but the state that decays is the one at
    its end. So the new state is a weighted mean of the old one and of the target ``push / rate``,
    and the solver is stable however long the step.

    Source: Hasani et al. (2021), "Liquid time-constant networks", AAAI, algorithm 1.
    """
    push, rate = sums(v)
    return (v + push) / (1 + rate)


def euler(sums: Sums, v: Tensor) -> Tensor:
    """Return the state after an explicit Euler step, of order 1; unstable at rates above 2."""
    push, rate = sums(v)
    return v + push - rate * v


def rk4(sums: Sums, v: Tensor) -> Tensor:
    """Return the state after a step of the classical Runge-Kutta method, of order 4.

    It asks for push and rate four times, and is explicit as well: unstable at rates above 2.79.
    """

    def slope(v: Tensor) -> Tensor:
        push, rate = sums(v)
        return push - rate * v

    k1 = slope(v)
    k2 = slope(v + k1 / 2)
    k3 = slope(v + k2 / 2)
    k4 = slope(v + k3)
    return v + (k1 + 2 * k2 + 2 * k3 + k4) / 6


SOLVERS: dict[str, Callable[[Sums, Tensor], Tensor]] = {"fused": fused, "euler": euler, "rk4": rk4}
