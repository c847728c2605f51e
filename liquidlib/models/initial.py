"""Initial weights: which distribution each parameter starts from, drawn from a seed.

A *rule* maps a parameter's name and tensor to a distribution. The distributions are plain
descriptions, so that a page in the browser can make the same numbers from the same seed.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from liquidlib import philox


@dataclass(frozen=True)
class Uniform:
    """Uniform on ``[centre - bound, centre + bound)``."""

    bound: float
    centre: float = 0.0

    def draw(self, n: int, seed: int, stream: str) -> np.ndarray:
        """Return ``n`` numbers, shape (n,), float32."""
        return np.float32(self.bound) * philox.uniform(n, seed, stream) + np.float32(self.centre)


@dataclass(frozen=True)
class SoftplusUniform:
    """The number whose softplus is uniform on ``[centre - bound, centre + bound)``, above 0."""

    bound: float
    centre: float

    def draw(self, n: int, seed: int, stream: str) -> np.ndarray:
        """Return ``n`` numbers, shape (n,), float32."""
        positive = Uniform(self.bound, self.centre).draw(n, seed, stream).astype(np.float64)
        return np.log(np.expm1(positive)).astype(np.float32)


@dataclass(frozen=True)
class Normal:
    """Normal with mean 0 and standard deviation ``std``."""

    std: float

    def draw(self, n: int, seed: int, stream: str) -> np.ndarray:
        """Return ``n`` numbers, shape (n,), float32."""
        return np.float32(self.std) * philox.normal(n, seed, stream)


@dataclass(frozen=True)
class Constant:
    """Every number is ``value``."""

    value: float

    def draw(self, n: int, seed: int, stream: str) -> np.ndarray:
        """Return ``n`` numbers, shape (n,), float32."""
        return np.full(n, self.value, dtype=np.float32)


Distribution = Uniform | SoftplusUniform | Normal | Constant
Rule = Callable[[str, torch.Tensor], Distribution]


def initialise(model: nn.Module, seed: int, rule: Rule | None = None) -> nn.Module:
    """Draw every parameter of a model anew from a seed.

    Parameters
    ----------
    model : nn.Module
        Its parameters are overwritten in place.
    seed : int
        From 0 to 2**64 - 1. A parameter's numbers depend on the seed and its name alone.
    rule : callable, optional
        ``rule(name, parameter)`` gives a `Uniform`, `SoftplusUniform`, `Normal` or
        `Constant`. Default: the
        model's own, which for liquidlib's models is PyTorch's default.

    Returns
    -------
    nn.Module
        The same model. Its attribute ``drawn`` holds the seed and each parameter's distribution.
    """
    if rule is None:
        if not hasattr(model, "initial"):
            raise TypeError(f"rule must be given for a {type(model).__name__}, which has none")
        model.reset_parameters(seed)
        return model
    rules = {name: rule(name, parameter) for name, parameter in model.named_parameters()}
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            numbers = rules[name].draw(parameter.numel(), seed, name)
            parameter.copy_(torch.from_numpy(numbers).reshape(parameter.shape))
    model.drawn = seed, rules
    return model


def fan_in_uniform(modules: nn.Module, name: str, gain: float = 1.0) -> Uniform:
    """Return the uniform with bound ``gain / sqrt(fan_in)`` of a Linear layer's parameter.

    With gain 1 it is what ``torch.nn.Linear`` draws its weights and its biases from.
    """
    layer = modules.get_submodule(name.rpartition(".")[0])
    return Uniform(gain / layer.in_features**0.5)
