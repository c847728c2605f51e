"""Sweeps: experiments of many runs, stored as small files with what made them."""

from liquidlib.sweeps.stored import StoredRun, StoredRuns, load_stored, run_setting, store

__all__ = ["StoredRun", "StoredRuns", "load_stored", "run_setting", "store"]
