"""What an online run leaves behind: predictions, targets, and how they came about."""

from dataclasses import dataclass, field, fields
from pathlib import Path

import numpy as np

from liquidlib import checks, files

_ARRAYS = ("predictions", "targets", "clean", "losses", "step_times")


@dataclass
class Run:
    """An online run; each array holds one number a step, shape (steps,).

    Attributes
    ----------
    name, label : str
        The model's name in the table, and the one that figures print.
    parameters : int
        How many numbers training changed.
    lr, betas, eps, weight_decay, seed
        As given to `track`.
    curve : dict
        The curve's settings that are not at their defaults.
    device : str
        Where it ran.
    engine : str
        What computed it: ``"torch"``, ``"torch, CUDA graph"``, ``"tape, native"`` or
        ``"tape, wasm"``.
    predictions, targets, clean : array, float32
        The model's answers, what training saw, and that without observation noise.
    losses : array, float32
        Squared error before each update.
    step_times : array, float64
        Seconds that each step took: on a CUDA device without a callback, where steps queue up,
        from mark to mark on the device; else until its numbers were here.
    gpu_peak_bytes : int or None
        Peak of PyTorch's memory on a CUDA device; None elsewhere.
    versions : dict
        Of liquidlib, PyTorch and Python.
    """

    name: str
    label: str
    parameters: int
    lr: float
    betas: tuple[float, float]
    eps: float
    weight_decay: float
    seed: int
    curve: dict
    device: str
    engine: str
    predictions: np.ndarray = field(repr=False)
    targets: np.ndarray = field(repr=False)
    clean: np.ndarray = field(repr=False)
    losses: np.ndarray = field(repr=False)
    step_times: np.ndarray = field(repr=False)
    gpu_peak_bytes: int | None
    versions: dict

    @property
    def steps(self) -> int:
        """Number of training steps."""
        return len(self.predictions)

    @property
    def errors(self) -> np.ndarray:
        """Prediction minus the noise-free curve, shape (steps,)."""
        return self.predictions - self.clean

    @property
    def noise(self) -> float:
        """Standard deviation of the curve's observation noise."""
        return self.curve.get("noise", 0.0)

    def save(self, path: str | Path) -> None:
        """Write the run to an npz file, atomically and without pickle."""
        meta = {f.name: getattr(self, f.name) for f in fields(self) if f.name not in _ARRAYS}
        files.save_arrays(path, meta, {name: getattr(self, name) for name in _ARRAYS})

    @classmethod
    def load(cls, path: str | Path) -> "Run":
        """Return the run that `save` wrote.

        Raises
        ------
        FileNotFoundError
            If there is no such file.
        ValueError
            If the file holds no run.
        """
        meta, arrays = files.load_arrays(path)
        meta = {"engine": "torch"} | meta  # files from before there was another
        wanted = {f.name for f in fields(cls)}
        if meta.keys() | arrays.keys() != wanted:
            raise ValueError(f"path must be a saved run, got {str(path)!r}")
        for name in _ARRAYS:
            checks.integer(f"length of {name}", len(arrays[name]), at_least=1)
        return cls(**(meta | arrays | {"betas": tuple(meta["betas"])}))
