"""How strongly an answer depends on what the network held at each step before it."""

import numpy as np
import torch
from torch import Tensor

from liquidlib import checks
from liquidlib.models import SequenceModel
from liquidlib.signals import Window


def gradient_through_time(model: SequenceModel, window: Window) -> np.ndarray:
    """Return how strongly the last answer depends on the state before each sample of a window.

    Parameters
    ----------
    model : SequenceModel
        Recurrent, with one output. It is not changed.
    window : Window

    Returns
    -------
    array (T,), float64
        The norm of the last output's derivative with respect to the whole state (of an LSTM: h
        and c) that meets each sample, oldest first. Where it falls towards the oldest, the
        gradient *vanishes*; where it rises, it *explodes* (Bengio et al. 1994).

    Raises
    ------
    TypeError
        If the model is no `SequenceModel`, or not recurrent.
    """
    if not isinstance(model, SequenceModel) or not model.recurrent:
        raise TypeError(f"model must be a recurrent SequenceModel, got {type(model).__name__}")
    state, met = model.initial_state(window.x), []
    for sample in zip(*(part.unbind(1) for part in _inputs(window)), strict=True):
        # copies: a derivative with respect to c must not pass through an h that was made from it
        parts = [part.clone() for part in _parts(state)]
        if not met:
            parts = [part.requires_grad_() for part in parts]
        met.append(parts)
        output, state = model.step(
            sample[0], tuple(parts) if isinstance(state, tuple) else parts[0], *sample[1:]
        )
    asked = [part for parts in met for part in parts]
    gradients = torch.autograd.grad(checks.one_output(output)[0, 0], asked)
    square = np.array([float((g.double() ** 2).sum()) for g in gradients])
    return np.sqrt(square.reshape(len(met), -1).sum(axis=1))


def _inputs(window: Window) -> tuple[Tensor, Tensor, Tensor]:
    return window.x, window.timespans, window.mask


def _parts(state: object) -> tuple[Tensor, ...]:
    return state if isinstance(state, tuple) else (state,)
