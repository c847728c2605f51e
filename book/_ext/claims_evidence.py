"""The numbers in the verdicts on claims: one function a number.

A function's name is the placeholder that it fills in ``claims.yml``. Its arguments are the stored
sweeps that it reads, by name. It returns text: a median, a ratio or a share, and in brackets the
95 % interval. Steps are counted as the sources count them, with the ticks that fill a window.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import lru_cache
from inspect import getmembers, isfunction, signature

import numpy as np
import pandas as pd

from liquidlib import (
    Sweep,
    load_sweep,
    median_interval,
    published,
    ratio_interval,
    survival,
)

load = lru_cache(load_sweep)

_PERCENT = "\u00a0%"  # no line breaks before it


def evidence() -> dict[str, Callable[..., str]]:
    """Return the functions of this file that compute a number, by name."""
    named = {"evidence", "needed", "computed"}
    return {
        name: found
        for name, found in getmembers(sys.modules[__name__], isfunction)
        if found.__module__ == __name__ and not name.startswith("_") and name not in named
    }


def needed(name: str) -> list[str]:
    """Return the names of the sweeps that a number rests on."""
    return [*signature(evidence()[name]).parameters]


def computed(name: str) -> str:
    """Return a number from the stored sweeps."""
    return evidence()[name](*map(load, needed(name)))


# The comparison ------------------------------------------------------------------------------


def b1_lock_on(reproduction: Sweep) -> str:
    """Return when the linear model locks on."""
    return _step(_runs(reproduction, model="linear").lock_10)


def b1_narrow(reproduction: Sweep) -> str:
    """Return when it locks on at half the usual tolerance."""
    return _step(_runs(reproduction, model="linear").lock_05)


def b2_from(reproduction: Sweep) -> str:
    """Return the step from which the linear model's mean error is above 0.1 again."""
    runs = _runs(reproduction, model="linear")
    errors = reproduction.series["error"][runs.index]
    length = runs.steps.iloc[0] // errors.shape[1]  # steps in one mean
    after = np.arange(errors.shape[1]) > runs.lock_10.to_numpy()[:, None] // length
    large = after & (errors > 0.1)
    first = np.where(large.any(axis=1), large.argmax(axis=1) * length, np.inf)
    return _step(first)


def b2_late(reproduction: Sweep) -> str:
    """Return the linear model's mean error in the last 100 steps."""
    return _median(_runs(reproduction, model="linear").late)


def b3_by_900(reproduction: Sweep) -> str:
    """Return how many LSTMs have locked on by step 900, each window from a zero state."""
    return _share(_lstm(reproduction, "zero").lock_10 + _fill() <= 900)


def b3_end(reproduction: Sweep) -> str:
    """Return how many have by the end."""
    return _share(np.isfinite(_lstm(reproduction, "zero").lock_10))


def b3_wide(reproduction: Sweep) -> str:
    """Return when they lock on at tolerance 0.2."""
    return _step(_lstm(reproduction, "zero").lock_20)


def b3_by_900_carried(reproduction: Sweep) -> str:
    """Return how many have locked on by step 900 with the state carried on."""
    return _share(_lstm(reproduction, "carried").lock_10 + _fill() <= 900)


def b3_end_carried(reproduction: Sweep) -> str:
    """Return how many of these have by the end."""
    return _share(np.isfinite(_lstm(reproduction, "carried").lock_10))


def b3_wide_carried(reproduction: Sweep) -> str:
    """Return when these lock on at tolerance 0.2."""
    return _step(_lstm(reproduction, "carried").lock_20)


def b4_cfc(reproduction: Sweep) -> str:
    """Return when the CfC locks on."""
    return _step(_cfc(reproduction).lock_10)


def b4_cfc_wide(reproduction: Sweep) -> str:
    """Return when the CfC locks on at twice the usual tolerance."""
    return _step(_cfc(reproduction).lock_20)


def b4_gaussian(reproduction: Sweep) -> str:
    """Return how many times later the LSTM from N(0, 0.5²) locks on, at tolerance 0.2."""
    return _times(_lstm(reproduction, "zero").lock_20, _cfc(reproduction).lock_20)


def b4_ordinary(weights: Sweep) -> str:
    """Return how many times later an LSTM with ordinary weights locks on than the CfC."""
    usual = {"lr": 0.01, "inputs": "position"}
    lstm = _runs(weights, model="lstm", initial="ordinary", **usual)
    return _times(lstm.lock_10, _runs(weights, model="cfc", initial="published", **usual).lock_10)


def b5_stays(reproduction: Sweep) -> str:
    """Return how many CfCs never err by more than 0.2 again once they have locked on."""
    return _share(_cfc(reproduction).worst <= 0.2)


def b5_late(reproduction: Sweep) -> str:
    """Return the CfC's mean error in the last 100 steps."""
    return _median(_cfc(reproduction).late)


def b6_lstm(rates: Sweep) -> str:
    """Return how many times the CfC's steps the LSTM needs, each at its own best setting."""
    return _ratio(_tuned(rates, "lstm").lock_10, _tuned(rates, "cfc").lock_10)


def b6_gru(rates: Sweep) -> str:
    """Return how many times the GRU needs."""
    return _ratio(_tuned(rates, "gru").lock_10, _tuned(rates, "cfc").lock_10)


def b6_bias(freezes: Sweep) -> str:
    """Return how many CfCs lock on of which only the read-out's bias is trained."""
    runs = _runs(freezes, model="cfc", trained="bias", lr=0.03)
    return _share(np.isfinite(runs.lock_10))


def b7_usual(outbreaks: Sweep) -> str:
    """Return how many small CfCs break out, all as published but their size."""
    return _share(np.isfinite(_outbreaks(outbreaks).outbreak))


def b7_gain(outbreaks: Sweep) -> str:
    """Return before how many of these outbreaks the gain was beyond the limit of stability."""
    runs = _outbreaks(outbreaks)
    return _share(runs[np.isfinite(runs.outbreak)].gain_before > 38)


def b7_limited(outbreaks: Sweep) -> str:
    """Return how many break out with the gain held below 10."""
    return _share(np.isfinite(_outbreaks(outbreaks, gain_limit=10).outbreak))


def b7_beta1(outbreaks: Sweep) -> str:
    """Return how many break out without momentum."""
    return _share(np.isfinite(_outbreaks(outbreaks, beta1=0).outbreak))


def b7_edge(outbreaks: Sweep) -> str:
    """Return the median gain without momentum."""
    return _median(_outbreaks(outbreaks, beta1=0).gain_median)


def b8_long_mixed(outbreaks: Sweep) -> str:
    """Return how many break out with mixed memory in the longer runs."""
    return _share(np.isfinite(_outbreaks(outbreaks, model="cfc-mixed").outbreak))


def b8_plain(rates: Sweep) -> str:
    """Return how many small CfCs err by more than 0.2 again once they have locked on."""
    return _lets_go(rates, "cfc")


def b8_mixed(rates: Sweep) -> str:
    """Return how many do with mixed memory."""
    return _lets_go(rates, "cfc-mixed")


# The tutorial --------------------------------------------------------------------------------


def t1_locked(reproduction: Sweep) -> str:
    """Return how many CfCs lock on with the tutorial's settings."""
    return _share(np.isfinite(_tutorial(reproduction).lock_10))


def t1_lock_on(reproduction: Sweep) -> str:
    """Return when they lock on."""
    return _step(_tutorial(reproduction).lock_10)


def t1_stays(reproduction: Sweep) -> str:
    """Return how many of them never err by more than 0.2 again."""
    return _share(_tutorial(reproduction).worst <= 0.2)


def t1_late(reproduction: Sweep) -> str:
    """Return their mean error in the last 100 steps."""
    return _median(_tutorial(reproduction).late)


def t1_worse(reproduction: Sweep) -> str:
    """Return how many times that is the mean error with the settings of the comparison."""
    return _ratio(_tutorial(reproduction).late, _cfc(reproduction).late)


def t1_swing(freezes: Sweep) -> str:
    """Return how much of the curve's swing small CfCs make once they are frozen."""
    runs = _runs(freezes, model="cfc", inputs="position", trained="all", lr=0.01)
    return _percent(freezes.series["swing"][runs.index].mean(axis=1), digits=1)


def t3_test(reproduction: Sweep) -> str:
    """Return the CfC's last rolling accuracy with the settings of the comparison."""
    return _percent(_cfc(reproduction).accuracy)


def t3_tutorial(reproduction: Sweep) -> str:
    """Return it with the tutorial's settings."""
    return _percent(_tutorial(reproduction).accuracy)


# The comparative study -----------------------------------------------------------------------


def s1_next(lessons: Sweep) -> str:
    """Return how many times the CfC's error the LSTM makes, one sample ahead."""
    return _ratio(_taught(lessons, "lstm").new, _taught(lessons, "cfc").new)


def s1_ahead(lessons: Sweep) -> str:
    """Return the same for twenty samples ahead."""
    lstm, cfc = (_taught(lessons, model, horizon=20) for model in ("lstm", "cfc"))
    return _ratio(lstm.new, cfc.new)


def s1_lost(lessons: Sweep) -> str:
    """Return the same with lost samples, the CfC told by its gate and the LSTM by an input."""
    lstm = _taught(lessons, "lstm", sampling="dropped", told="input")
    return _ratio(lstm.new, _taught(lessons, "cfc", sampling="dropped", told="gate").new)


def s5_unfolds(costs: Sweep) -> str:
    """Return how many times its time with one unfold an LTC takes with six, a training step."""
    return _slower(costs, "ltc, fused 6", "ltc, fused 1")


def s5_one(costs: Sweep) -> str:
    """Return how many times the CfC's time an LTC with one unfold takes."""
    return _slower(costs, "ltc, fused 1", "cfc")


def s6_fused(costs: Sweep) -> str:
    """Return how many times the CfC's time an LTC takes with six unfolds."""
    return _slower(costs, "ltc, fused 6", "cfc")


def s6_ode(costs: Sweep) -> str:
    """Return how many times a neural ODE takes, solved adaptively."""
    return _slower(costs, "neural ode, 0.001", "cfc")


def s6_adaptive(costs: Sweep) -> str:
    """Return how many times an LTC takes that is solved adaptively."""
    return _slower(costs, "ltc, dopri5", "cfc")


def s6_forward(costs: Sweep) -> str:
    """Return how many times it takes in a forward pass."""
    return _slower(costs, "ltc, dopri5", "cfc", "forward")


def s6_lstm(costs: Sweep) -> str:
    """Return how many times the time of PyTorch's LSTM a CfC takes."""
    return _slower(costs, "cfc", "lstm")


def s6_loop(costs: Sweep) -> str:
    """Return how many times the time of an LSTM in a loop a CfC takes."""
    return _slower(costs, "cfc", "lstm, loop")


def s3_lstm(wirings: Sweep) -> str:
    """Return how many times the error of a CfC wired as an NCP a small LSTM makes."""
    return _ratio(_wired(wirings, "lstm", 3).noisy, _wired(wirings, "cfc-worm", 20).noisy)


def s3_gru(wirings: Sweep) -> str:
    """Return the same for a small GRU."""
    return _ratio(_wired(wirings, "gru", 4).noisy, _wired(wirings, "cfc-worm", 20).noisy)


def s8_cfc(lessons: Sweep) -> str:
    """Return how many times its error the CfC makes on larger sines."""
    return _ratio(_taught(lessons, "cfc").larger, _taught(lessons, "cfc").new)


def s8_lstm(lessons: Sweep) -> str:
    """Return the same for the LSTM."""
    return _ratio(_taught(lessons, "lstm").larger, _taught(lessons, "lstm").new)


def s10_ltc_back(wirings: Sweep) -> str:
    """Return after how many samples the LTC wired as an NCP is back from a push."""
    return _back(wirings, "ltc-worm", 23)


def s10_gru_back(wirings: Sweep) -> str:
    """Return the same for the GRU."""
    return _back(wirings, "gru", 10)


def s10_dense(wirings: Sweep) -> str:
    """Return how many times its error with a push the dense LTC makes."""
    return _ratio(*(_wired(wirings, *m).disturbed for m in (("ltc-dense", 9), ("ltc-worm", 23))))


def s10_gru(wirings: Sweep) -> str:
    """Return how many times the GRU does."""
    return _ratio(*(_wired(wirings, *m).disturbed for m in (("gru", 10), ("ltc-worm", 23))))


def s12_cfc(wirings: Sweep) -> str:
    """Return how many times the error of a CfC wired as an NCP the GRU makes."""
    return _ratio(_wired(wirings, "gru", 10).noisy, _wired(wirings, "cfc-worm", 20).noisy)


def s12_ltc(wirings: Sweep) -> str:
    """Return the same for an LTC so wired."""
    return _ratio(_wired(wirings, "gru", 10).noisy, _wired(wirings, "ltc-worm", 23).noisy)


def s12_crossing(wirings: Sweep) -> str:
    """Return how many times this CfC's error the GRU makes within 15 degrees of a crossing."""
    return _ratio(*(_by_phase(wirings, *m)[:, 0] for m in (("gru", 10), ("cfc-worm", 20))))


def s12_peak(wirings: Sweep) -> str:
    """Return the same within 15 degrees of a peak."""
    return _ratio(*(_by_phase(wirings, *m)[:, -1] for m in (("gru", 10), ("cfc-worm", 20))))


def s12_noisier(wirings: Sweep) -> str:
    """Return the same with three times the noise."""
    return _ratio(_wired(wirings, "gru", 10).noisier, _wired(wirings, "cfc-worm", 20).noisier)


# The introductory article --------------------------------------------------------------------


def i11_ltc(ltc_tuning: Sweep) -> str:
    """Return how many times the error of its best setting an LTC's middling one makes."""
    return _spread(ltc_tuning, "ltc")


def i11_fused(ltc_tuning: Sweep) -> str:
    """Return the same among the LTC's settings with the fused solver."""
    return _spread(ltc_tuning, "ltc", solver="fused")


def i11_cfc(ltc_tuning: Sweep) -> str:
    """Return the same for the CfC's settings."""
    return _spread(ltc_tuning, "cfc")


def i11_lstm(ltc_tuning: Sweep) -> str:
    """Return the same for the LSTM's settings."""
    return _spread(ltc_tuning, "lstm")


def i12_ended(sketch: Sweep) -> str:
    """Return how many runs of a tutorial's sketch end, as it is described."""
    return _share(_mended(sketch, "").raised.isna())


def i12_still(sketch: Sweep) -> str:
    """Return in how many no weight moves once the list is mended."""
    return _share(_mended(sketch, "list").moved == 0)


def i12_maps(sketch: Sweep) -> str:
    """Return how many times the last value's error the two maps make, trained."""
    return _beside_the_last(_mended(sketch, "list optimiser"))


def i12_bent(sketch: Sweep) -> str:
    """Return the same with the activation between them."""
    return _beside_the_last(_mended(sketch, "list optimiser activation"))


def i12_mended(sketch: Sweep) -> str:
    """Return the same with all mended."""
    return _beside_the_last(_mended(sketch, "list optimiser activation state time"))


# Which runs ----------------------------------------------------------------------------------


def _runs(sweep: Sweep, **setting: object) -> pd.DataFrame:
    """Return a setting's rows, by seed."""
    table = sweep.table
    for name, value in setting.items():
        table = table[table[name] == value]
    if table.seed.duplicated().any() or table.empty:
        raise ValueError(f"setting must name one setting of the sweep, got {setting}")
    return table


def _cfc(sweep: Sweep) -> pd.DataFrame:
    return _runs(sweep, model="cfc", beta2=0.999)


def _tutorial(sweep: Sweep) -> pd.DataFrame:
    return _runs(sweep, model="cfc", beta2=0.95)


def _lstm(sweep: Sweep, state: str) -> pd.DataFrame:
    return _runs(sweep, model="lstm", state=state)


def _tuned(rates: Sweep, model: str) -> pd.DataFrame:
    """Return a model's seeds from 10 on, at the setting that is best for those below 10."""
    runs = rates.table[rates.table.model == model]
    setting = runs[runs.seed < 10].groupby(["initial", "lr"]).lock_10.median().idxmin()
    runs = runs[(runs.initial == setting[0]) & (runs.lr == setting[1])]
    return runs[runs.seed >= 10]


def _outbreaks(outbreaks: Sweep, **change: object) -> pd.DataFrame:
    """Return the runs at the published settings with a change."""
    usual = {
        "model": "cfc",
        "initial": "published",
        "inputs": "position",
        "optimiser": "adamw",
        "lr": 0.01,
        "beta1": 0.9,
        "beta2": 0.999,
        "eps": 1e-8,
        "gain_limit": 0,
    }
    table = outbreaks.table.assign(gain_limit=outbreaks.table.gain_limit.fillna(0))
    return _runs(Sweep(table, outbreaks.series, outbreaks.meta), **usual | change)


def _taught(lessons: Sweep, model: str, **change: object) -> pd.DataFrame:
    """Return the lessons of a model, regular and one sample ahead but for a change."""
    usual = {"sampling": "regular", "told": "nothing", "horizon": 1}
    return _runs(lessons, model=model, **usual | change)


def _slower(costs: Sweep, model: str, peer: str, what: str = "training") -> str:
    """Return how many times a peer's time a model takes: 4,000 weights, 16 samples, batch 32."""
    model, peer = (
        _runs(costs, model=name, length=16, budget=4000, batch=32)[what] for name in (model, peer)
    )
    return _ratio(model, peer)


def _spread(ltc_tuning: Sweep, model: str, **which: str) -> str:
    """Return the error of a model's middling setting as a multiple of that of its best.

    A middling setting has as many settings above it as below, the best is the one that the seeds
    from 1000 on choose; the ratio is of the seeds below.
    """
    rows = ltc_tuning.table
    for name, value in ({"model": model} | which).items():
        rows = rows[rows[name] == value]
    rows = rows.fillna({"solver": "", "unfolds": 0, "backbone": 0})
    wide = rows.pivot(
        index=["size", "solver", "unfolds", "backbone", "lr"], columns="seed", values="error"
    )
    best = wide.loc[:, wide.columns >= 1000].median(axis=1).idxmin()
    reported = wide.loc[:, wide.columns < 1000]
    return _ratio(reported.median(axis=0), reported.loc[best])


def _wired(wirings: Sweep, model: str, units: int) -> pd.DataFrame:
    return _runs(wirings, model=model, units=units)


def _by_phase(wirings: Sweep, model: str, units: int) -> np.ndarray:
    """Return the errors from zero crossing to peak, (seeds, 6)."""
    return wirings.series["by_phase"][_wired(wirings, model, units).index].astype(float)


def _back(wirings: Sweep, model: str, units: int) -> str:
    """Return after how many samples an answer is within a tenth of a push of two samples."""
    off = wirings.series["pushed"][_wired(wirings, model, units).index][:, 2:] >= 0.1
    last = off.shape[1] - off[:, ::-1].argmax(axis=1)
    values = median_interval(np.where(off.any(axis=1), last, 0))
    return _between(values, lambda x: f"{x:.0f}")


def _lets_go(rates: Sweep, model: str) -> str:
    """Return how many of a model's runs let go, at all settings together."""
    runs = rates.table[rates.table.model == model]
    return _share(runs[np.isfinite(runs.lock_10)].worst > 0.2)


def _mended(sketch: Sweep, mended: str) -> pd.DataFrame:
    return _runs(sketch, model="sketch", mended=mended)


def _beside_the_last(runs: pd.DataFrame) -> str:
    return _ratio(runs.new, runs.persistence)


# As text -------------------------------------------------------------------------------------


@lru_cache
def _fill() -> int:
    """Return the ticks that fill the published window."""
    return published("linear", seed=0)[1].window


def _between(values: tuple[float, float, float], shown: Callable[[float], str]) -> str:
    """Return a value and its interval."""
    value, low, high = map(shown, values)
    return f"{value} ({low} to {high})"


def _step(locks: object) -> str:
    steps = median_interval(np.asarray(locks, dtype=float) + _fill())
    return _between(steps, lambda x: f"{x:,.0f}" if x < np.inf else "never")


def _median(values: object) -> str:
    return _between(median_interval(values), _two)


def _percent(shares: object, digits: int = 0) -> str:
    share, low, high = (f"{100 * bound:.{digits}f}" for bound in median_interval(shares))
    return f"{share}{_PERCENT} ({low} to {high}{_PERCENT})"


def _ratio(a: object, b: object) -> str:
    return _between(ratio_interval(a, b), _two)


def _times(a: object, b: object) -> str:
    """Return how many times later than ``b`` are the lock-ons ``a``, as the sources count."""
    return _ratio(np.asarray(a) + _fill(), np.asarray(b) + _fill())


def _share(which: object) -> str:
    """Return how many runs something holds for."""
    which = np.asarray(which)
    left = survival(np.where(which, np.inf, 0), end=1)
    low, high = (f"{100 * bound[-1]:.0f}" for bound in (left.low, left.high))
    return f"{which.sum()} of {len(which)} ({low} to {high}{_PERCENT})"


def _two(x: float) -> str:
    """Return a number to two digits, or to its last whole one."""
    return "∞" if x == np.inf else f"{x:#.2g}" if x < 9.95 else f"{x:,.0f}"
