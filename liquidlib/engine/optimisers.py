"""The optimisers' formulas, for all parameters at once, with every setting an input.

Both follow PyTorch: `torch.optim.AdamW` (Loshchilov and Hutter 2019) and `torch.optim.SGD`. Adam's
decay rates come as 1 - beta: in float32 the difference of 1 and 0.999 has lost three digits.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor


def adamw(
    p: Tensor,
    g: Tensor,
    exp_avg: Tensor,
    exp_avg_sq: Tensor,
    *,
    lr: Tensor,
    one_minus_beta1: Tensor,
    one_minus_beta2: Tensor,
    eps: Tensor,
    weight_decay: Tensor,
    step: Tensor,
) -> tuple[Tensor, Tensor, Tensor]:
    """Return the new parameters and moments, each of the parameters' shape (P,)."""
    # 1 - beta^step, without the difference of nearly equal numbers
    bias1 = -torch.expm1(step * torch.log1p(-one_minus_beta1))
    bias2 = -torch.expm1(step * torch.log1p(-one_minus_beta2))
    keep, rate, root = 1 - lr * weight_decay, lr / bias1, torch.sqrt(bias2)
    beta1, beta2 = 1 - one_minus_beta1, 1 - one_minus_beta2
    exp_avg = beta1 * exp_avg + one_minus_beta1 * g
    exp_avg_sq = beta2 * exp_avg_sq + one_minus_beta2 * (g * g)
    p = p * keep - rate * exp_avg / (torch.sqrt(exp_avg_sq) / root + eps)
    return p, exp_avg, exp_avg_sq


def sgd(
    p: Tensor,
    g: Tensor,
    momentum_buffer: Tensor,
    *,
    lr: Tensor,
    momentum: Tensor,
    weight_decay: Tensor,
) -> tuple[Tensor, Tensor]:
    """Return the new parameters and momentum, each of the parameters' shape (P,)."""
    momentum_buffer = momentum * momentum_buffer + (g + weight_decay * p)
    return p - lr * momentum_buffer, momentum_buffer


@dataclass(frozen=True)
class Optimiser:
    """A formula, and the names of its moments and settings."""

    formula: Callable[..., tuple[Tensor, ...]]
    moments: tuple[str, ...]
    settings: tuple[str, ...]


OPTIMISERS = {
    "adamw": Optimiser(
        adamw,
        ("exp_avg", "exp_avg_sq"),
        ("lr", "one_minus_beta1", "one_minus_beta2", "eps", "weight_decay", "step"),
    ),
    "sgd": Optimiser(sgd, ("momentum_buffer",), ("lr", "momentum", "weight_decay")),
}
"""By name, as `torch.optim` has them."""
