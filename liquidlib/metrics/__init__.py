"""Metrics: how well a run follows its curve, what is left when it is frozen, what many runs say."""

from liquidlib.metrics.freeze import FreezeTest, freeze_test
from liquidlib.metrics.gradients import gradient_through_time
from liquidlib.metrics.statistics import (
    Survival,
    lock_ons,
    median_interval,
    ratio_interval,
    survival,
)
from liquidlib.metrics.tracking import jitter, lock_on, rolling_accuracy

__all__ = [
    "FreezeTest",
    "Survival",
    "freeze_test",
    "gradient_through_time",
    "jitter",
    "lock_on",
    "lock_ons",
    "median_interval",
    "ratio_interval",
    "rolling_accuracy",
    "survival",
]
