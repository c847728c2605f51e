"""The training step of the online loop, as PyTorch runs it."""

import torch
from torch import Tensor, nn

from liquidlib import checks
from liquidlib.signals import Window


def training_step(
    model: nn.Module, optimiser: torch.optim.Optimizer, window: Window
) -> tuple[Tensor, Tensor]:
    """Answer one window, then learn from it.

    Returns
    -------
    prediction : Tensor (1, 1)
        The last output, from before the update.
    loss : Tensor ()
        Mean squared error of it.
    """
    output, _ = model(window.x, timespans=window.timespans, mask=window.mask)  # (1, T, 1)
    prediction = checks.one_output(output)[:, -1]
    loss = ((prediction - window.target) ** 2).mean()
    optimiser.zero_grad()
    loss.backward()
    optimiser.step()
    return prediction.detach(), loss.detach()
