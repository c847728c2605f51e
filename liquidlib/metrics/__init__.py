"""Metrics: how well a run follows its curve, and what is left when the weights are frozen."""

from liquidlib.metrics.freeze import FreezeTest, freeze_test
from liquidlib.metrics.tracking import jitter, lock_on, rolling_accuracy

__all__ = ["FreezeTest", "freeze_test", "jitter", "lock_on", "rolling_accuracy"]
