"""A stored sweep as a map: one cell a setting, to choose what is shown and to point at."""

import math
from collections.abc import Callable, Iterable, Mapping

import anywidget
import numpy as np
import traitlets

from liquidlib import checks
from liquidlib.metrics import median_interval
from liquidlib.sweeps import Sweep
from liquidlib.widgets.front import script, style


class SweepMap(anywidget.AnyWidget):
    """The medians of a sweep over two of its settings, each with its interval and its seeds.

    The reader chooses the measure and the other settings, and points at a cell to read its
    numbers in words. What the reader sets comes back to ``measure`` and ``at``.

    Parameters
    ----------
    sweep : Sweep
        Values of settings (numbers, strings or None) keep the order of its table.
    rows, columns : str
        The settings that the map is drawn over.
    choose : iterable of str
        Settings that the reader chooses, one value at a time. Together with ``rows`` and
        ``columns`` they must tell all settings of the sweep apart.
    measures : mapping from str to str
        From what the page says to a result column, numbers of at least 0. ``inf`` counts as
        "never", later than all; a run with NaN has no number and is only counted.
    labels : mapping, optional
        From a value of a setting, or the name of one, to the words for it. A value without a
        label is said with its setting's name before it.
    address : callable, optional
        Takes a cell's setting (dict of all settings of its runs) and returns a link, such as
        ``"#play?lr=0.001&models=cfc-32"`` to a `Playground` on the same page, or None.

    Attributes
    ----------
    measure : str
        The measure on the map, a key of ``measures``.
    at : list of int
        Which value of ``rows``, ``columns`` and each of ``choose`` is selected.
    settings : list of dict
        For ``rows``, ``columns`` and each of ``choose``: its ``label``, and for each value the
        ``words`` on the map and what a sentence ``says``.
    measures : list of str
        The keys of ``measures``.
    cells : list of dict
        One for each setting with runs: where it is (``at``), its ``address``, and for each
        measure the ``numbers`` median, low, high, seeds, how many of them never, and how many
        without a number. None is never (a median of no number at all, if all are without).

    Raises
    ------
    TypeError
        If ``sweep`` is no Sweep, or ``address`` returns neither a string nor None.
    ValueError
        If a column is unknown or named twice, a measure is not numeric or holds negative
        numbers, there is no measure or no run, or runs of one cell differ in a setting.
    traitlets.TraitError
        If ``measure`` or ``at`` is set to what is not there.

    Notes
    -----
    Intervals: `median_interval`. Colours are logarithmic, from the smallest to the largest
    finite median of the measure, whatever is chosen.

    Examples
    --------
    >>> from liquidlib import load_sweep
    >>> rates = SweepMap(load_sweep("rates"), measures={"lock-on": "lock_10"})
    >>> rates.settings[1]["words"]
    ['0.0001', '0.0003', '0.001', '0.003', '0.01', '0.03', '0.1']
    """

    _esm = script("sweep_map")
    _css = style()

    settings = traitlets.List().tag(sync=True)
    measures = traitlets.List().tag(sync=True)
    cells = traitlets.List().tag(sync=True)
    measure = traitlets.Unicode().tag(sync=True)
    at = traitlets.List(traitlets.Int()).tag(sync=True)

    def __init__(
        self,
        sweep: Sweep,
        rows: str = "model",
        columns: str = "lr",
        choose: Iterable[str] = ("initial",),
        *,
        measures: Mapping[str, str],
        labels: Mapping | None = None,
        address: Callable[[dict], str | None] | None = None,
    ) -> None:
        if not isinstance(sweep, Sweep):
            raise TypeError(f"sweep must be a Sweep, got {type(sweep).__name__}")
        if not len(sweep):
            raise ValueError("sweep must hold at least one run, got none")
        if not measures:
            raise ValueError("measures must hold at least one measure, got none")
        table, labels, choose = sweep.table, labels or {}, list(choose)
        seed = list(table).index("seed")  # settings stand before it, results after it
        known, results = list(table)[:seed], list(table)[seed + 1 :]
        names = [checks.choice("rows", rows, known), checks.choice("columns", columns, known)]
        names += [checks.choice("choose", name, known) for name in choose]
        if len(set(names)) < len(names):
            raise ValueError(f"rows, columns and choose must all differ, got {names}")
        runs = [
            dict(zip(known, map(_plain, row), strict=True))
            for row in table[known].astype(object).itertuples(index=False)
        ]
        values = [list(dict.fromkeys(run[name] for run in runs)) for name in names]
        places: dict[tuple, list[int]] = {}
        for number, run in enumerate(runs):
            at = tuple(kept.index(run[name]) for name, kept in zip(names, values, strict=True))
            places.setdefault(at, []).append(number)
        series = [_numbers(key, table, column, results) for key, column in measures.items()]
        cells = []
        for at, numbers in sorted(places.items()):
            setting = _one_setting([runs[number] for number in numbers])
            cells.append(
                {
                    "at": list(at),
                    "address": _link(address, setting),
                    "numbers": [_summary(of_runs[numbers]) for of_runs in series],
                }
            )
        super().__init__(
            settings=[_words(*one, labels) for one in zip(names, values, strict=True)],
            measures=list(measures),
            cells=cells,
            measure=next(iter(measures)),
            at=cells[0]["at"],
        )

    @traitlets.validate("measure")
    def _check_measure(self, proposal: dict) -> str:
        if proposal["value"] not in self.measures:
            allowed = ", ".join(map(repr, self.measures))
            raise traitlets.TraitError(
                f"measure must be one of {allowed}, got {proposal['value']!r}"
            )
        return proposal["value"]

    @traitlets.validate("at")
    def _check_at(self, proposal: dict) -> list[int]:
        at, counts = proposal["value"], [len(one["words"]) for one in self.settings]
        if len(at) != len(counts) or not all(
            0 <= one < count for one, count in zip(at, counts, strict=True)
        ):
            raise traitlets.TraitError(f"at must be whole numbers from 0 below {counts}, got {at}")
        return at


def _plain(value: object) -> object:
    """Return a value of a table: None for NaN, an int for a whole number."""
    if isinstance(value, float):
        return None if math.isnan(value) else int(value) if value.is_integer() else value
    return value


def _numbers(key: str, table: object, column: str, allowed: list[str]) -> np.ndarray:
    """Return a result of all runs, (runs,)."""
    values = table[checks.choice(f"measures[{key!r}]", column, allowed)]
    if values.dtype.kind not in "iuf":
        raise ValueError(
            f"measures[{key!r}] must name a column of numbers, got {column!r} ({values.dtype})"
        )
    if (values < 0).any():
        raise ValueError(
            f"measures[{key!r}] must name numbers of at least 0, got {column!r} with {values.min()}"
        )
    return values.to_numpy(float)


def _one_setting(runs: list[dict]) -> dict:
    """Return the setting that all runs of a cell have."""
    for name, value in runs[0].items():
        if any(run[name] != value for run in runs):
            raise ValueError(
                f"rows, columns and choose must tell all settings apart: {name!r} also differs"
            )
    return runs[0]


def _link(address: Callable[[dict], str | None] | None, setting: dict) -> str | None:
    link = address(dict(setting)) if address else None
    if link is not None and not isinstance(link, str):
        raise TypeError(f"address must return a string or None, got {link!r}")
    return link


def _summary(values: np.ndarray) -> list:
    """Return median, low, high, seeds, how many never, and how many without a number."""
    there = values[~np.isnan(values)]
    three = median_interval(there) if len(there) else [math.inf] * 3
    counts = [len(values), int(np.isinf(there).sum()), len(values) - len(there)]
    return [_plain(one) if math.isfinite(one) else None for one in three] + counts


def _words(name: str, values: list, labels: Mapping) -> dict:
    label = labels.get(name, name)
    words = [
        labels.get(value, f"{value:g}" if isinstance(value, float) else str(value))
        for value in values
    ]
    says = [
        word if value in labels else f"{label} {word}"
        for word, value in zip(words, values, strict=True)
    ]
    return {"label": label, "words": words, "says": says}
