"""The player of recorded runs that follow a signal online."""

from collections.abc import Sequence

import anywidget
import numpy as np
import traitlets

from liquidlib.metrics import lock_on
from liquidlib.widgets.front import script, style

_NEEDED = ("name", "label", "parameters", "lr", "noise", "seed", "predictions", "targets", "clean")
_APART = ("seed", "lr", "noise")  # what sets runs of one label apart


class Tracking(anywidget.AnyWidget):
    """Recorded online-tracking runs over one another: choose, play, pause, scrub.

    The upper plot is the playground's: the signal, what each model predicted for it, and where
    it locked on. The lower one holds the absolute errors of the runs so far.

    Parameters
    ----------
    runs : sequence of runs
        What `track` returned or `load_stored` read: each has ``name`` (which gives its colour),
        ``label``, ``parameters``, ``lr``, ``noise``, ``seed``, and of shape (steps,)
        ``predictions``, ``targets`` and ``clean``. All share one clean signal; a run may end
        before the longest one. Runs of the same label get into it what sets them apart: their
        seed, learning rate or noise.

    Attributes
    ----------
    models : list of str
        The labels of the runs shown.
    step : int
        The playhead, from 0 to steps - 1 of the longest run.
    runs : list of dict
        What is known of each run, with its lock-on (None: not locked on) and the row of
        ``observed`` that it saw (None: without noise).
    signal : bytes
        The clean signal, float32 (steps,).
    observed : bytes
        The different noisy signals that training saw, float32 (n, steps), NaN after their end.
    predictions : bytes
        float32 (runs, steps), NaN after a run's end; not finite where a run diverged.

    Raises
    ------
    ValueError
        If a run lacks an attribute, the runs do not share the signal, or two runs are alike in
        label, seed, learning rate and noise.
    traitlets.TraitError
        If ``models`` or ``step`` is set to what no run has.
    """

    _esm = script("chart", "table", "tracking")
    _css = style()

    runs = traitlets.List(traitlets.Dict()).tag(sync=True)
    signal = traitlets.Bytes().tag(sync=True)
    observed = traitlets.Bytes().tag(sync=True)
    predictions = traitlets.Bytes().tag(sync=True)
    source = traitlets.Unicode().tag(sync=True)
    models = traitlets.List(traitlets.Unicode()).tag(sync=True)
    step = traitlets.Int().tag(sync=True)

    def __init__(self, runs: Sequence[object]) -> None:
        runs = list(runs)
        signal = _shared_signal(runs)
        steps = len(signal)
        labels = _labels(runs)
        seen = [_padded(run.targets, steps) if run.noise > 0 else None for run in runs]
        observed = list(dict.fromkeys(row for row in seen if row is not None))
        super().__init__(
            runs=[
                {
                    "label": label,
                    "model": run.name,
                    "parameters": int(run.parameters),
                    "lr": float(run.lr),
                    "noise": float(run.noise),
                    "seed": int(run.seed),
                    "steps": len(run.clean),
                    "observed": None if row is None else observed.index(row),
                    "lock_on": lock_on(
                        np.asarray(run.predictions, float) - np.asarray(run.clean, float)
                    ),
                }
                for run, label, row in zip(runs, labels, seen, strict=True)
            ],
            signal=signal.tobytes(),
            observed=b"".join(observed),
            predictions=b"".join(_padded(run.predictions, steps) for run in runs),
            source=_source(runs),
            models=labels,
            step=min(120, steps - 1),
        )

    @traitlets.validate("models")
    def _check_models(self, proposal: dict) -> list[str]:
        known = [run["label"] for run in self.runs]
        for label in proposal["value"]:
            if label not in known:
                allowed = ", ".join(map(repr, known))
                raise traitlets.TraitError(f"models must be among {allowed}, got {label!r}")
        return proposal["value"]

    @traitlets.validate("step")
    def _check_step(self, proposal: dict) -> int:
        last = len(self.signal) // 4 - 1
        if not 0 <= proposal["value"] <= last:
            raise traitlets.TraitError(f"step must be from 0 to {last}, got {proposal['value']}")
        return proposal["value"]


def _shared_signal(runs: list[object]) -> np.ndarray:
    """Return the longest run's clean signal, float32 (steps,), if the others begin like it."""
    if not runs:
        raise ValueError("runs must hold at least one run, got none")
    for k, run in enumerate(runs):
        if lacking := [name for name in _NEEDED if not hasattr(run, name)]:
            raise ValueError(f"runs[{k}] must have {', '.join(_NEEDED)}; it lacks {lacking[0]}")
        steps = np.size(run.clean)
        for name in ("clean", "predictions", "targets"):
            shape = np.shape(getattr(run, name))
            if shape != (steps,) or not steps:
                raise ValueError(
                    f"runs[{k}].{name} must have shape (steps,) = ({steps},), got {shape}"
                )
    longest = max(range(len(runs)), key=lambda k: len(runs[k].clean))
    signal = np.asarray(runs[longest].clean, np.float32)
    for k, run in enumerate(runs):
        if not np.array_equal(np.float32(run.clean), signal[: len(run.clean)]):
            raise ValueError(
                "runs must share the clean signal: "
                f"that of runs[{k}] is not the beginning of that of runs[{longest}]"
            )
    return signal


def _padded(series: np.ndarray, steps: int) -> bytes:
    """Return a series as float32 (steps,), NaN after its end."""
    row = np.full(steps, np.nan, np.float32)
    row[: len(series)] = series
    return row.tobytes()


def _labels(runs: list[object]) -> list[str]:
    """Return what each run is called: its label, with what sets it apart from others of it."""
    labels = []
    for k, run in enumerate(runs):
        alike = [other for other in runs if other.label == run.label]
        apart = [key for key in _APART if len({getattr(other, key) for other in alike}) > 1]
        label = ", ".join([run.label, *(f"{key} {getattr(run, key):.10g}" for key in apart)])
        if label in labels:
            raise ValueError(
                "runs must differ in label, seed, lr or noise: "
                f"runs[{labels.index(label)}] and runs[{k}] are both {label!r}"
            )
        labels.append(label)
    return labels


def _source(runs: list[object]) -> str:
    """Return where the numbers come from, in a line."""
    kinds = {getattr(run, "curve", {}).get("kind", "sine") for run in runs}
    what = "Data from a file" if "csv" in kinds else f"Synthetic {' and '.join(sorted(kinds))}"
    values = [sorted({getattr(run, key) for run in runs}) for key in _APART]
    with_what = "; ".join(
        f"{key} {', '.join(f'{value:.10g}' for value in found)}"
        for key, found in zip(_APART, values, strict=True)
    )
    return f"{what}. Recorded runs: {with_what}."
