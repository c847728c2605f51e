"""Training: the published online loop and what it leaves behind."""

from liquidlib.training.published import PRESETS, published, published_rule
from liquidlib.training.run import Run
from liquidlib.training.step import training_step
from liquidlib.training.teach import teach
from liquidlib.training.track import track

__all__ = ["PRESETS", "Run", "published", "published_rule", "teach", "track", "training_step"]
