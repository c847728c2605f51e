"""Training on many sequences: the ordinary loop, next to the online one of `track`."""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn
from tqdm import tqdm

from liquidlib import checks

Lesson = Callable[[], tuple[Tensor, Tensor, Tensor]]


def teach(
    model: nn.Module,
    lesson: Lesson,
    steps: int,
    lr: float = 0.003,
    skip: int = 0,
    progress: bool = False,
) -> np.ndarray:
    """Train a model on a new batch of sequences in each step.

    The loss is the mean squared error of all outputs from sample ``skip`` on. AdamW with
    PyTorch's settings; the learning rate falls to 0 along half a cosine (Loshchilov and Hutter
    2017), and gradients are cut to norm 1 (Pascanu et al. 2013).

    Parameters
    ----------
    model : nn.Module
        Follows the calling convention; trained in place, on the device where it is.
    lesson : callable
        ``lesson()`` returns ``x`` (B, T, F), ``timespans`` (B, T) and ``target`` (B, T, O).
    steps : int
    lr : float
        The learning rate at the beginning.
    skip : int
        Outputs that do not count: the model has not seen enough yet.
    progress : bool

    Returns
    -------
    array (steps,), float64
        The loss of each step, from before its update.
    """
    checks.integer("steps", steps, at_least=1)
    checks.number("lr", lr, 0, above=True)
    checks.integer("skip", skip, at_least=0)
    device = next(model.parameters()).device
    optimiser = torch.optim.AdamW(model.parameters(), lr=lr)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    losses = torch.empty(steps, device=device)
    for step in tqdm(range(steps), disable=not progress):
        x, timespans, target = (part.to(device) for part in lesson())
        if skip >= x.shape[1]:
            raise ValueError(f"skip must be below {x.shape[1]}, the samples given, got {skip}")
        output, _ = model(x, timespans=timespans)  # (B, T, O)
        if output.shape != target.shape:
            raise ValueError(
                f"target must have shape (B, T, O) = {tuple(output.shape)}, "
                f"got {tuple(target.shape)}"
            )
        loss = ((output - target)[:, skip:] ** 2).mean()
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        schedule.step()
        losses[step] = loss.detach()
    return losses.double().cpu().numpy()
