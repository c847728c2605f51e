"""What solvers cost: slices of the sweeps are run again, and counts and solvers are right."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from liquidlib import LTC, load_sweep
from liquidlib.models.solvers import SOLVERS
from liquidlib.sweeps import costs, ltc_swaps, ltc_tuning, solver_errors
from liquidlib.sweeps.experiments import EXPERIMENTS

COUNTED = ["size", "parameters", "evaluations", "operations", "exponentials", "calls"]
ADAPTIVE = {name for name in costs.CONTESTANTS if "dopri5" in name or "ode" in name}


def row_of(name, seed, **change):
    """Return a setting of a sweep, and its row with a seed."""
    grid, seeds = EXPERIMENTS[name].grid, list(EXPERIMENTS[name].seeds)
    settings = [number for number, s in enumerate(grid) if change.items() <= s.items()]
    return grid[settings[0]], settings[0] * len(seeds) + seeds.index(seed)


@pytest.fixture(autouse=True)
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


# Slices ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("solver", "gap"), [("rk4", 0.1), ("fused", 1.0), ("exponential", 10.0), ("dopri5", 1.0)]
)
def test_errors_come_out_again(solver, gap):
    stored = load_sweep("solver_errors")
    setting, row = row_of("solver_errors", 3, solver=solver, gap=gap)
    again = solver_errors.solver_error(3, **setting)
    assert again["rate"] == pytest.approx(stored.table.rate[row], rel=1e-5)
    for name, rtol in (("evaluations", 0.1), ("error", 0.05)):
        was = stored.series[name][row, : len(again[name])]  # the longest series is dopri5's
        np.testing.assert_allclose(again[name], was, rtol=rtol)


@pytest.mark.parametrize("model", costs.CONTESTANTS)
def test_counts_come_out_again(model):
    """Times do not, and nobody asks for it."""
    stored = load_sweep("costs").table
    setting, row = row_of("costs", 3, model=model, length=4)
    again = costs.cost(3, **setting)
    for name in COUNTED:  # how a model calls PyTorch may change, what it computes may not
        rel = 0.3 if name == "calls" else 0.1 if model in ADAPTIVE else 1e-9
        assert again[name] == pytest.approx(stored[name][row], rel=rel), name
    assert 0.9 < again["parameters"] / setting["budget"] < 1.1
    assert again["forward"] > 0 and again["training"] > 0


def test_counts_do_not_hang_on_seeds_and_times_are_there():
    table = load_sweep("costs").table
    rows = table[~table.model.isin(ADAPTIVE)]
    assert (
        (rows.groupby(["model", "length", "budget", "batch"])[COUNTED].nunique() == 1)
        .to_numpy()
        .all()
    )
    assert np.isfinite(table[["forward", "training", "milliseconds"]]).to_numpy().all()
    null = table[table.model == "lstm"]  # an LSTM beside itself
    assert 0.8 < null.training.median() < 1.25


@pytest.mark.slow
@pytest.mark.parametrize(
    "change",
    [
        {"model": "cfc", "size": 8, "backbone": 16, "lr": 0.01},
        {"model": "ltc", "size": 8, "solver": "fused", "unfolds": 2, "lr": 0.01},
        {"model": "lstm", "size": 16, "lr": 0.03},
    ],
)
def test_a_trained_model_gets_the_stored_score(change):
    stored = load_sweep("ltc_tuning")
    setting, row = row_of("ltc_tuning", 4, **change)
    again = ltc_tuning.ltc_tuning(4, **setting)
    for name in ("parameters", "evaluations", "persistence", "engine"):
        assert again[name] == pytest.approx(stored.table[name][row])
    assert again["error"] == pytest.approx(stored.table.error[row], rel=0.05)


@pytest.mark.slow
def test_an_ltc_with_other_solvers_gets_the_stored_scores():
    stored = load_sweep("ltc_swaps")
    setting, row = row_of("ltc_swaps", 4, size=8, solver="fused", unfolds=2)
    again = ltc_swaps.ltc_swap(4, **setting)
    assert again["error"] == pytest.approx(stored.table.error[row], rel=0.05)
    np.testing.assert_allclose(again["swapped"][:5], stored.series["swapped"][row, :5], rtol=0.1)


def test_an_ltc_run_by_its_own_solver_has_its_own_error():
    stored = load_sweep("ltc_swaps")
    for at, (solver, unfolds) in enumerate(ltc_swaps.SWAPS):
        rows = stored.table[(stored.table.solver == solver) & (stored.table.unfolds == unfolds)]
        assert len(rows) == (0 if unfolds > 6 else 10 if solver == "rk4" else 20)
        np.testing.assert_allclose(
            stored.series["swapped"][rows.index, at], rows.error.astype(float), rtol=1e-6
        )


def test_both_sweeps_train_the_same_ltcs():
    swaps, tuning = load_sweep("ltc_swaps").table, load_sweep("ltc_tuning").table
    shared = ["size", "solver", "unfolds", "lr", "seed"]
    both = swaps.merge(tuning, on=shared)
    assert len(both) == len(swaps)
    np.testing.assert_allclose(both.error_x.astype(float), both.error_y.astype(float), rtol=0.05)


def test_rates_are_chosen_on_seeds_that_are_not_reported():
    seeds = EXPERIMENTS["ltc_tuning"].seeds
    assert sum(seed >= 1000 for seed in seeds) == 3 and sum(seed < 1000 for seed in seeds) == 10
    assert max(EXPERIMENTS["ltc_swaps"].seeds) < 1000
    table = load_sweep("ltc_tuning").table
    medians = table[(table.seed >= 1000) & (table.model == "ltc")]
    medians = medians.groupby(["size", "solver", "unfolds", "lr"]).error.median()
    for setting in EXPERIMENTS["ltc_swaps"].grid:
        rates = medians[setting["size"], setting["solver"], setting["unfolds"]]
        assert setting["lr"] == rates.idxmin()


# Solvers and counts ----------------------------------------------------------------------------


def test_the_exponential_step_is_exact_where_nothing_but_the_state_changes():
    push, rate, v = torch.tensor([[0.3, -2.0]]), torch.tensor([[0.7, 5.0]]), torch.ones(1, 2)
    fine = v.double()
    for _ in range(1000):
        fine = SOLVERS["rk4"](lambda _: (push.double() / 1000, rate.double() / 1000), fine)
    torch.testing.assert_close(
        solver_errors.exponential(lambda _: (push, rate), v), fine.float(), atol=1e-6, rtol=0
    )


def test_the_adaptive_ltc_follows_the_equation():
    x = torch.randn(3, 5, 2, generator=torch.Generator().manual_seed(0))
    adaptive, fine = costs.AdaptiveLTC(2, 6, 1, seed=1), LTC(2, 6, 1, seed=1, solver="rk4")
    fine.unfolds = 64
    with torch.no_grad():
        torch.testing.assert_close(adaptive(x)[0], fine(x)[0], atol=2e-2, rtol=0)
    assert adaptive.evaluations >= 5 * 7


def test_the_loop_is_the_lstm():
    loop, whole = costs.LSTMLoop(2, 5, 1), nn.LSTM(2, 5, batch_first=True)
    for name, parameter in loop.cell.named_parameters():
        getattr(whole, f"{name}_l0").data = parameter.data
    x = torch.randn(3, 7, 2)
    torch.testing.assert_close(loop(x)[0], loop.readout(whole(x)[0]))


def test_what_is_counted():
    layer, x = nn.Linear(3, 5), torch.randn(4, 3)
    with torch.no_grad(), costs.Counter() as counter:
        torch.sigmoid(layer(x)).sum()
    assert counter.operations == 4 * 3 * 5 + 4 * 5 + 4 * 5
    assert counter.exponentials == 4 * 5


def test_products_of_matrices_are_counted_as_pytorch_counts_them():
    loop, x = costs.LSTMLoop(2, 30, 1), torch.randn(8, 6, 2)
    with torch.no_grad(), FlopCounterMode(display=False) as flops:
        loop(x)
    with torch.no_grad(), costs.Counter() as counter:
        loop(x)
    gates = 13 * 30 * 8 * 6  # and what is not a product of matrices
    assert counter.operations == flops.get_total_flops() / 2 + gates


def test_unknown_names_are_named():
    with pytest.raises(ValueError, match="solver must be one of"):
        solver_errors.solver_error(0, solver="x")
    with pytest.raises(ValueError, match="model must be one of"):
        costs.cost(0, "x", 4, 1000, 1)
    with pytest.raises(ValueError, match="model must be one of 'ltc', 'cfc', 'lstm'"):
        ltc_tuning.ltc_tuning(0, model="x")
