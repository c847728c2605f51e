"""Many sines at once, sampled at regular or irregular times: what a network can be taught with."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from liquidlib import checks

SAMPLING = ("regular", "jittered", "dropped")


@dataclass(frozen=True)
class Sines:
    """A batch of sampled sines.

    Attributes
    ----------
    values : Tensor (B, N)
        Their heights.
    gaps : Tensor (B, N)
        The time since the sample before, in nominal steps. The first is drawn as the others are.
    """

    values: Tensor
    gaps: Tensor


def sines(
    batch: int,
    samples: int,
    generator: torch.Generator,
    sampling: str = "regular",
    degrees: tuple[float, float] = (1.0, 8.0),
    amplitude: tuple[float, float] = (0.5, 1.5),
) -> Sines:
    """Draw sines of random phase, speed and amplitude.

    Parameters
    ----------
    batch, samples : int
        B and N.
    generator : torch.Generator
        On the CPU. The same state gives the same sines.
    sampling : {"regular", "jittered", "dropped"}
        Gaps of 1; gaps uniform from 0 to 2; or half of all samples lost, each by the toss of a
        coin, so that gaps are whole numbers from 1 on, 2 in the mean.
    degrees : (float, float)
        Least and largest speed in degrees a nominal step; its logarithm is uniform. Default
        from 1, the published sine's, to 8.
    amplitude : (float, float)
        Least and largest amplitude; uniform. Default 0.5 to 1.5.

    Examples
    --------
    >>> drawn = sines(2, 5, torch.Generator().manual_seed(0))
    >>> drawn.values.shape, drawn.gaps[0].tolist()
    (torch.Size([2, 5]), [1.0, 1.0, 1.0, 1.0, 1.0])
    """
    checks.integer("batch", batch, at_least=1)
    checks.integer("samples", samples, at_least=1)
    checks.choice("sampling", sampling, SAMPLING)
    for name, (low, high) in (("degrees", degrees), ("amplitude", amplitude)):
        if not 0 < low <= high < math.inf:
            raise ValueError(f"{name} must be two positive numbers in order, got {(low, high)}")

    def uniform(low: float, high: float, width: int = 1) -> Tensor:
        return low + (high - low) * torch.rand(batch, width, generator=generator)

    speed = torch.deg2rad(torch.exp(uniform(*(math.log(d) for d in degrees))))  # (B, 1)
    height, phase = uniform(*amplitude), uniform(0, 2 * math.pi)
    if sampling == "regular":
        gaps = torch.ones(batch, samples)
    elif sampling == "jittered":
        gaps = uniform(0, 2, samples)
    else:  # tosses until a sample arrives
        gaps = 1 + torch.floor(torch.log2(1 / uniform(2**-20, 1, samples)))
    return Sines(height * torch.sin(phase + speed * gaps.cumsum(dim=1)), gaps)
