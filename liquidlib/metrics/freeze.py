"""The freeze test: what a model knows once its weights no longer move."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from liquidlib import checks
from liquidlib.signals import Curve


@dataclass(frozen=True)
class FreezeTest:
    """Outcome of a freeze test; each array has shape (steps,), float64.

    Attributes
    ----------
    predictions, clean : array
        The frozen model's answers, and the noise-free curve.
    constant : float
        The best constant prediction: the mean of ``clean``, known only in hindsight.
    persistence : array
        The value observed last before the one to predict.
    """

    predictions: np.ndarray
    clean: np.ndarray
    constant: float
    persistence: np.ndarray

    @property
    def errors(self) -> np.ndarray:
        """Errors of the frozen model, shape (steps,)."""
        return self.predictions - self.clean

    def rmse(self) -> dict[str, float]:
        """Return the root mean square error of the model and of the two baselines."""
        answers = {
            "model": self.predictions,
            "best constant": self.constant,
            "persistence": self.persistence,
        }
        return {
            name: float(np.sqrt(np.mean((answer - self.clean) ** 2)))
            for name, answer in answers.items()
        }


def freeze_test(model: nn.Module, curve: Curve, steps: int = 360, start: int = 0) -> FreezeTest:
    """Predict on with fixed weights.

    Parameters
    ----------
    model : nn.Module
        Follows the calling convention. It is not changed.
    curve : Curve
    steps : int
        How many windows to predict. Default 360, one period.
    start : int
        Number of the first window. After a run of n steps, ``start=n`` goes on where it ended.

    Returns
    -------
    FreezeTest
    """
    checks.integer("steps", steps, at_least=1)
    checks.integer("start", start, at_least=0)
    last = start + curve.window - 1 + min(curve.horizon - 1, 0)  # seen before the first answer
    if last < 0:
        raise ValueError("start must be at least 1 for a window of 1 with horizon 0, got 0")
    device = next(model.parameters()).device
    was_training = model.training
    model.eval()
    predictions, clean = [], []
    with torch.no_grad():
        for window in curve.windows(steps, start):
            x, timespans, mask = (
                part.to(device) for part in (window.x, window.timespans, window.mask)
            )
            output, _ = model(x, timespans=timespans, mask=mask)
            predictions.append(checks.one_output(output)[0, -1, 0].item())
            clean.append(window.clean.item())
    model.train(was_training)
    clean = np.array(clean)
    observed = curve.samples(last + steps).observed
    return FreezeTest(
        predictions=np.array(predictions),
        clean=clean,
        constant=float(clean.mean()),
        persistence=observed[last : last + steps],
    )
