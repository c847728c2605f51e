"""A training step in PyTorch, liquidlib's beside that of the ncps package."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import ncps.torch
import torch
from cases import SEED, seeded
from ncps.wirings import AutoNCP
from torch import nn

from liquidlib import count_parameters, from_ncps


@dataclass(frozen=True)
class Peer:
    """A model of ncps, what reads it, and how much of its time liquidlib's may take."""

    model: str
    size: str
    build: Callable[[], nn.Module]
    batch: int
    steps: int
    at_most: float | None = None


CFC = partial(ncps.torch.CfC, 1, 32, proj_size=1, backbone_units=64)
SMALL, LTC = partial(ncps.torch.LTC, 1, 16), partial(ncps.torch.LTC, 1, 32)
PEERS = [
    Peer("CfC", "32, backbone 1 × 64", CFC, 1, 82, 0.7),
    Peer("CfC", "32, backbone 1 × 64", CFC, 32, 32, 1.0),
    Peer("CfC, wired", "32, AutoNCP wiring", lambda: ncps.torch.CfC(1, AutoNCP(32, 1)), 1, 82),
    Peer("LTC", "16, 6 unfolds", SMALL, 1, 82, 0.5),
    Peer("LTC", "16, 6 unfolds", SMALL, 32, 32, 0.5),
    Peer("LTC", "32, 6 unfolds", LTC, 1, 82, 0.5),
    Peer("LTC", "32, 6 unfolds", LTC, 32, 32, 0.5),
    Peer("LTC", "16, AutoNCP wiring", lambda: ncps.torch.LTC(1, AutoNCP(16, 1)), 1, 82, 0.5),
]


def sides(peer: Peer) -> tuple[dict[str, Callable[[], float]], int]:
    """Return a training step of ncps and one of liquidlib, and the number of parameters.

    Both have the same weights, read the same sequences and learn with the same optimiser.
    """
    theirs = seeded(peer.build)
    ours = from_ncps(theirs)
    x = torch.randn(peer.batch, peer.steps, 1, generator=torch.Generator().manual_seed(SEED))
    return {"ncps": _step(theirs, x), "liquidlib": _step(ours, x)}, count_parameters(ours)


def _step(model: nn.Module, x: torch.Tensor) -> Callable[[], float]:
    optimiser = torch.optim.AdamW(model.parameters(), lr=1e-3)

    def step() -> float:
        output, _ = model(x)
        loss = (output[:, -1] ** 2).mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        return loss.item()

    return step
