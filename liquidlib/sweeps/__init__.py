"""Sweeps: experiments of many runs, stored as small files with what made them."""

from liquidlib.sweeps.result import Sweep, load_sweep
from liquidlib.sweeps.stored import StoredRun, StoredRuns, load_stored
from liquidlib.sweeps.sweep import sweep

__all__ = ["StoredRun", "StoredRuns", "Sweep", "load_stored", "load_sweep", "sweep"]
