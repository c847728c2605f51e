"""Runs that follow a signal online, to compare, play back and train."""

import threading
import time
from collections.abc import Sequence

import anywidget
import numpy as np
import traitlets

from liquidlib import checks
from liquidlib.metrics import lock_on
from liquidlib.models import count_parameters
from liquidlib.sweeps import load_stored
from liquidlib.training import Run, published, track
from liquidlib.widgets.front import script, style

_NEEDED = ("name", "label", "parameters", "lr", "noise", "seed", "predictions", "targets", "clean")
_LIVE = {  # what trains live: the label to choose, and what `published` calls it
    "CfC": ("cfc", "published"),
    "LSTM": ("lstm", "ordinary"),
    "LSTM, N(0, 0.5²)": ("lstm", "published"),
    "Linear": ("linear", "published"),
}
_PAUSE = 0.1  # seconds between two messages to the page


class Tracking(anywidget.AnyWidget):
    """Online-tracking runs over one another: choose, play, pause, scrub; live, train one.

    The upper plot holds the signal and what each model predicted for it, the lower one the
    absolute errors, with a mark where a run locks on. In a notebook with a kernel a further row
    trains one of the published models in a background thread and draws it as it learns; the
    finished (or stopped) run is then in the attribute ``run``.

    Parameters
    ----------
    runs : sequence of runs, optional
        What `track` returned or `load_stored` read: each has ``name`` (which gives its colour),
        ``label``, ``parameters``, ``lr``, ``noise``, ``seed``, and of shape (steps,)
        ``predictions``, ``targets`` and ``clean``. All share one clean signal. Runs that differ
        in nothing but their seed get it into their label. Default: the grid that is stored with
        liquidlib.

    Attributes
    ----------
    lr, noise : float
        Which of the learning rates and noises is shown.
    models : list of str
        The labels of the models shown.
    step : int
        The playhead, from 0 to steps - 1.
    runs : list of dict
        What is known of each run, with its lock-on (None: not locked on).
    signal : bytes
        The clean signal, float32 (steps,).
    observed : bytes
        The different noisy signals that training saw, float32 (n, steps); a run names its row.
    predictions : bytes
        float32 (runs, steps); not finite where a run diverged.
    run : Run or None
        The last run trained live.

    Raises
    ------
    ValueError
        If a run lacks an attribute, or the runs do not share the signal.
    traitlets.TraitError
        If ``lr``, ``noise``, ``models`` or ``step`` is set to what no run has.

    Notes
    -----
    The set-up of the stored grid is the published one (MyCaffe, TestTrainRealTimeComboNet), see
    `liquidlib.published`.
    """

    _esm = script("live", "tracking")
    _css = style()
    _thread: threading.Thread | None = None

    runs = traitlets.List(traitlets.Dict()).tag(sync=True)
    signal = traitlets.Bytes().tag(sync=True)
    observed = traitlets.Bytes().tag(sync=True)
    predictions = traitlets.Bytes().tag(sync=True)
    source = traitlets.Unicode().tag(sync=True)
    lr = traitlets.Float().tag(sync=True)
    noise = traitlets.Float().tag(sync=True)
    models = traitlets.List(traitlets.Unicode()).tag(sync=True)
    step = traitlets.Int().tag(sync=True)

    def __init__(self, runs: Sequence[object] | None = None) -> None:
        grid = runs is None
        runs = _checked(load_stored("grid") if grid else runs)
        seeds = sorted({run.seed for run in runs})
        kinds = {getattr(run, "curve", {}).get("kind", "sine") for run in runs}
        what = "Data from a file" if "csv" in kinds else f"Synthetic {' and '.join(sorted(kinds))}"
        numbers = f"seed{'s' * (len(seeds) > 1)} {', '.join(map(str, seeds))}"
        how = "published set-up, one seed" if grid else numbers
        source = f"{what}; recorded runs, {how}."
        labels = _labels(runs)
        observed = list({np.asarray(r.targets, np.float32).tobytes(): None for r in runs})
        lrs, noises = (sorted({float(getattr(r, key)) for r in runs}) for key in ("lr", "noise"))
        self.run: Run | None = None
        super().__init__(
            runs=[
                {
                    "label": label,
                    "model": run.name,
                    "parameters": int(run.parameters),
                    "lr": float(run.lr),
                    "noise": float(run.noise),
                    "seed": int(run.seed),
                    "observed": observed.index(np.asarray(run.targets, np.float32).tobytes()),
                    "lock_on": _locked(run.predictions, run.clean),
                }
                for run, label in zip(runs, labels, strict=True)
            ],
            signal=np.asarray(runs[0].clean, np.float32).tobytes(),
            observed=b"".join(observed),
            predictions=b"".join(np.asarray(r.predictions, np.float32).tobytes() for r in runs),
            source=source,
            lr=0.01 if 0.01 in lrs else lrs[0],  # 0.01 is the published one
            noise=noises[0],
            models=list(dict.fromkeys(labels)),
            step=min(120, len(runs[0].clean) - 1),
        )
        self.on_msg(self._hear)

    @property
    def _steps(self) -> int:
        return len(self.signal) // 4

    @traitlets.validate("lr", "noise")
    def _check_choice(self, proposal: dict) -> float:
        name, value = proposal["trait"].name, proposal["value"]
        allowed = sorted({run[name] for run in self.runs})
        if value not in allowed:
            known = ", ".join(f"{a:g}" for a in allowed)
            raise traitlets.TraitError(f"{name} must be one of {known}, got {value!r}")
        return value

    @traitlets.validate("models")
    def _check_models(self, proposal: dict) -> list[str]:
        known = list(dict.fromkeys(run["label"] for run in self.runs))
        for label in proposal["value"]:
            if label not in known:
                allowed = ", ".join(map(repr, known))
                raise traitlets.TraitError(f"models must be among {allowed}, got {label!r}")
        return proposal["value"]

    @traitlets.validate("step")
    def _check_step(self, proposal: dict) -> int:
        if not 0 <= proposal["value"] < self._steps:
            raise traitlets.TraitError(
                f"step must be from 0 to {self._steps - 1}, got {proposal['value']}"
            )
        return proposal["value"]

    def _hear(self, _: object, message: dict, buffers: list) -> None:
        """Answer the page: it asks whether a kernel is there, for a run, or for its end."""
        if message.get("kind") == "hello":
            self.send({"kind": "ready", "models": list(_LIVE)})
        elif message.get("kind") == "run":
            self._stop()
            self._halt = threading.Event()
            self._thread = threading.Thread(
                target=self._train, args=(message, self._halt), daemon=True
            )
            self._thread.start()
        elif message.get("kind") == "stop":
            self._stop()

    def _stop(self) -> None:
        """End the live run after its present step, and wait for that."""
        if self._thread is not None:
            self._halt.set()
            self._thread.join()

    def close(self) -> None:
        """End the live run, if there is one, and close the widget."""
        self._stop()
        super().close()

    def _train(self, message: dict, halt: threading.Event) -> None:
        """Train one published model (in the background thread) and send what it predicts."""
        try:
            label = checks.choice("model", message.get("model"), _LIVE)
            lr = checks.number("lr", message.get("lr"), 0, above=True)
            noise = checks.number("noise", message.get("noise"), 0)
            name, initial = _LIVE[label]
            model, curve = published(name, 0, initial, noise=noise)
            row = {"label": label, "model": model.name, "lr": lr, "noise": noise, "seed": 0}
            row["parameters"] = count_parameters(model)
            self.send({"kind": "start", "row": row, "steps": self._steps})
            stream = _Stream(self, halt)
            self.run = track(
                model, curve, self._steps, lr=lr, engine="torch", callback=stream
            )  # slow enough to be watched, and the stored runs again
            stream.flush()
            self.send({"kind": "end"})
        except Exception as error:  # shown to the reader: nobody sees a thread's own traceback
            self.send({"kind": "error", "text": f"{error}" or type(error).__name__})


class _Stream:
    """The callback of a live run: sends its steps to the page, some ten times a second."""

    def __init__(self, widget: Tracking, halt: threading.Event) -> None:
        self.widget, self.halt = widget, halt
        self.rows: list[tuple[float, float, float]] = []  # clean, observed, prediction
        self.sent = 0
        self.began = self.last = time.monotonic()

    def __call__(self, step: int, prediction: float, target: float, clean: float) -> bool:
        self.rows.append((clean, target, prediction))
        if time.monotonic() - self.last >= _PAUSE:
            self.flush()
        return not self.halt.is_set()

    def flush(self) -> None:
        """Send the steps that were not sent yet, float32 (3, new steps)."""
        self.last = time.monotonic()
        clean, _, predictions = np.array(self.rows).reshape(-1, 3).T
        self.widget.send(
            {
                "kind": "steps",
                "first": self.sent,
                "lock_on": _locked(predictions, clean),
                "rate": len(self.rows) / max(self.last - self.began, 1e-6),
            },
            [np.array(self.rows[self.sent :], np.float32).reshape(-1, 3).T.tobytes()],
        )
        self.sent = len(self.rows)


def _locked(predictions: np.ndarray, clean: np.ndarray) -> int | None:
    """Return the lock-on of a run, or of its steps so far."""
    return lock_on(np.asarray(predictions, float) - np.asarray(clean, float))


def _checked(runs: Sequence[object]) -> list[object]:
    """Return the runs as a list if they can be drawn over one another."""
    runs = list(runs)
    if not runs:
        raise ValueError("runs must hold at least one run, got none")
    for k, run in enumerate(runs):
        if lacking := [name for name in _NEEDED if not hasattr(run, name)]:
            raise ValueError(f"runs[{k}] must have {', '.join(_NEEDED)}; it lacks {lacking[0]}")
        steps = len(runs[0].clean)
        for name in ("clean", "predictions", "targets"):
            shape = np.shape(getattr(run, name))
            if shape != (steps,) or not steps:
                raise ValueError(
                    f"runs[{k}].{name} must have shape (steps,) = ({steps},), got {shape}"
                )
        if not np.array_equal(np.float32(run.clean), np.float32(runs[0].clean)):
            raise ValueError(
                f"runs must share the clean signal: that of runs[{k}] differs from runs[0]"
            )
    return runs


def _labels(runs: list[object]) -> list[str]:
    """Return what each run is called: its label, with its seed where several would be equal."""
    keys = [(run.label, float(run.lr), float(run.noise)) for run in runs]
    several = {key[0] for key in keys if keys.count(key) > 1}
    labels = [f"{r.label}, seed {r.seed}" if r.label in several else r.label for r in runs]
    keys = [(label, *key[1:]) for label, key in zip(labels, keys, strict=True)]
    for k, key in enumerate(keys):
        if key in keys[:k]:
            raise ValueError(
                f"runs must differ in label, lr, noise or seed: runs[{k}] and "
                f"runs[{keys.index(key)}] are both {key[0]!r} at lr {key[1]:g}, noise {key[2]:g}"
            )
    return labels
