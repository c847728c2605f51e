"""Run an experiment once, keep its predictions in a small file, and read them again."""

from dataclasses import asdict, dataclass, field
from functools import cache
from pathlib import Path

import numpy as np
from tqdm import tqdm

from liquidlib import checks, files
from liquidlib.models import count_parameters
from liquidlib.sweeps.experiments import EXPERIMENTS, Setting
from liquidlib.training import published, track
from liquidlib.training.published import published_curve
from liquidlib.training.track import versions

DATA = Path(__file__).parent.parent / "data"


@dataclass(frozen=True)
class StoredRun:
    """One stored run; each array has shape (steps,), float32.

    Attributes
    ----------
    name, label : str
        The model's name, and the one that figures print.
    parameters, seed, lr, noise
        As in a `Run`; the seed is that of the initial weights.
    predictions, targets, clean : array
        The model's answers, what training saw, and that without observation noise.
    """

    name: str
    label: str
    parameters: int
    seed: int
    lr: float
    noise: float
    predictions: np.ndarray = field(repr=False)
    targets: np.ndarray = field(repr=False)
    clean: np.ndarray = field(repr=False)

    @property
    def errors(self) -> np.ndarray:
        """Prediction minus the noise-free curve, shape (steps,)."""
        return self.predictions - self.clean


class StoredRuns(list[StoredRun]):
    """The runs of an experiment, with ``meta``: the command and versions that made them."""

    def __init__(self, runs: list[StoredRun], meta: dict) -> None:
        super().__init__(runs)
        self.meta = meta


def run_setting(setting: Setting, steps: int | None = None) -> np.ndarray:
    """Return the predictions of one run, shape (steps,), float32, by PyTorch on the CPU."""
    model, curve = published(setting.name, setting.seed, setting.initial, noise=setting.noise)
    steps = setting.steps if steps is None else steps
    run = track(model, curve, steps, setting.lr, device="cpu", engine="torch", seed=setting.seed)
    return run.predictions


def store(experiment: str, path: str | Path | None = None) -> Path:
    """Run an experiment and keep its predictions.

    The file is written anew, atomically, after each run; started again, finished runs are not
    repeated.

    Parameters
    ----------
    experiment : {"seeds", "grid"}
    path : str or Path, optional
        Default: the file that ships with liquidlib.

    Raises
    ------
    ValueError
        If the file was begun with other versions or settings.
    """
    settings = EXPERIMENTS[checks.choice("experiment", experiment, EXPERIMENTS)]()
    path = DATA / f"{experiment}.npz" if path is None else Path(path)
    meta = {
        "experiment": experiment,
        "command": f"python -m liquidlib.sweeps {experiment}",
        "versions": versions(),
        "settings": [asdict(setting) for setting in settings],
    }
    done = []
    if path.exists():
        begun, arrays = files.load_arrays(path)
        if begun != meta:
            raise ValueError(f"path must be new or begun with these versions, got {str(path)!r}")
        done = list(arrays["predictions"])
    for setting in tqdm(settings[len(done) :], initial=len(done), total=len(settings), unit="run"):
        done.append(run_setting(setting))
        files.save_arrays(path, meta, {"predictions": np.stack(done)})
    return path


def load_stored(experiment: str, path: str | Path | None = None) -> StoredRuns:
    """Return the runs of a stored experiment, with what made them as ``.meta``.

    Parameters
    ----------
    experiment : {"seeds", "grid"}
        ``"seeds"``: seven seeds of each model, settings as published. ``"grid"``: one seed at
        each of four learning rates and three noises.
    path : str or Path, optional
        Default: the file that ships with liquidlib.
    """
    checks.choice("experiment", experiment, EXPERIMENTS)
    meta, arrays = files.load_arrays(DATA / f"{experiment}.npz" if path is None else path)
    runs = []
    for row, predictions in zip(meta["settings"], arrays["predictions"], strict=False):
        setting = Setting(**row)
        name, label, parameters = _described(setting.name, setting.initial)
        curve = published_curve(noise=setting.noise)
        samples = curve.samples(curve.window - 1 + setting.steps)
        runs.append(
            StoredRun(
                name=name,
                label=label,
                parameters=parameters,
                seed=setting.seed,
                lr=setting.lr,
                noise=setting.noise,
                predictions=predictions,
                targets=samples.observed[curve.window - 1 :].astype(np.float32),
                clean=samples.clean[curve.window - 1 :].astype(np.float32),
            )
        )
    return StoredRuns(runs, meta)


@cache
def _described(name: str, initial: str) -> tuple[str, str, int]:
    model, _ = published(name, 0, initial)
    return model.name, model.label, count_parameters(model)
