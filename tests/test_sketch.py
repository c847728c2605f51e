"""The tutorial's sketch: each fault shows as the book says, and the stored sweeps stay true."""

import nbformat
import numpy as np
import pytest
import torch
from conftest import ROOT

from liquidlib import count_parameters, load_sweep
from liquidlib.sweeps import sketch
from liquidlib.sweeps.experiments import EXPERIMENTS
from liquidlib.sweeps.sketch import MENDED

CHAPTER = ROOT / "book" / "chapters" / "15_sketch.ipynb"


def built(mended, seed=0):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return sketch.build(mended.split())


def batch(told="gate", size=7):
    return sketch.lesson(size, torch.Generator().manual_seed(1), told)


# The faults ----------------------------------------------------------------------------------


def test_as_described_it_does_not_run():
    found = sketch.sketch(0, mended="", steps=2)
    assert found["raised"] == "IndexError: pop from empty list"
    assert "new" not in found


def test_a_loop_that_never_calls_its_optimiser_moves_no_weight():
    for mended in ("list", "list activation state time"):
        assert sketch.sketch(0, mended=mended, steps=3)["moved"] == 0
        assert sketch.sketch(0, mended=f"{mended} optimiser", steps=3)["moved"] > 0


def test_two_maps_are_one_without_the_activation():
    x, y = torch.randn(2, 50, 1, generator=torch.Generator().manual_seed(0))
    for mended, linear in (("list", True), ("list activation", False)):
        maps = built(mended).network
        middle = (maps(x) + maps(y)) / 2
        assert torch.allclose(maps((x + y) / 2), middle, atol=1e-5) == linear


def test_a_state_remembers_and_the_maps_do_not():
    x, timespans, _ = batch()
    other = x.clone()
    other[:, 0] += 1
    for mended, remembers in ((MENDED, True), ("list optimiser activation", False)):
        model = built(mended)
        first, second = (model(given, timespans=timespans)[0][:, -1] for given in (x, other))
        assert torch.equal(first, second) != remembers


def test_a_solver_is_told_the_time_only_if_that_is_mended():
    x, timespans, _ = batch()
    for mended, told in ((MENDED, True), ("list optimiser activation state", False)):
        model = built(mended)
        first, second = (model(x, timespans=factor * timespans)[0] for factor in (1, 2))
        assert torch.equal(first, second) != told


def test_the_state_stays_among_its_levels_and_still_where_no_time_passes():
    x, timespans, _ = batch()
    model = built(MENDED)
    assert torch.equal(model(x, 0 * timespans)[1], torch.zeros(7, 8))
    late = model(x, 1e4 * timespans)[1]
    low, high = model.network.target.clamp(max=0), model.network.target.clamp(min=0)
    assert ((low <= late) & (late <= high)).all()


def test_a_network_without_a_state_is_told_the_gaps_by_a_second_input():
    x, timespans, _ = batch("input")
    assert x.shape[-1] == 2 and (x[..., 1] > 0).any()
    assert torch.equal(timespans, torch.ones_like(timespans))
    assert built("list optimiser activation time")(x, timespans)[0].shape == (7, 12, 1)


@pytest.mark.parametrize("setting", sketch.ladder(), ids=lambda s: f"{s['model']}-{s['mended']}")
def test_networks_have_about_as_many_weights(setting):
    words = setting["mended"].split()
    name = setting["model"]
    count = count_parameters(sketch.build(words) if name == "sketch" else sketch.peer(name, 0))
    if name == "line":
        assert count == 25  # twelve heights, twelve gaps, a bias
    else:
        assert 319 <= count <= 323


def test_what_is_not_allowed_is_named():
    with pytest.raises(ValueError, match=r"model must be one of .*'sketch'"):
        sketch.sketch(0, model="gru")
    with pytest.raises(ValueError, match=r"mended must be one of .*got 'memory'"):
        sketch.sketch(0, mended="list memory")
    with pytest.raises(ValueError, match=r"mended must be 'list .* for model 'cfc', got 'list'"):
        sketch.sketch(0, model="cfc", mended="list")


def test_a_line_is_fitted_at_best():
    """What it leaves over has nothing in common with what it sees."""
    given = batch("input", size=2000)
    line = sketch.peer("line", 0)
    sketch.fit(line, given)
    with torch.no_grad():
        left = (line(given[0], timespans=given[1])[0] - given[2])[:, -1]
    assert left.mean().abs() < 1e-4
    assert (left * given[0].flatten(1)).mean(dim=0).abs().max() < 1e-4
    assert left.square().mean() < (given[0][:, -1, :1] - given[2][:, -1]).square().mean()


# The chapter ---------------------------------------------------------------------------------


def test_the_chapters_three_parts_are_those_of_the_sweep():
    """Its last definitions, given the same weights and the same batches, learn the same."""
    cells = nbformat.read(CHAPTER, as_version=4).cells
    parts = [c.source for c in cells if c.source.startswith("class LiquidNeuralNetwork")]
    names = {"nn": torch.nn, "torch": torch}
    exec(parts[-1].partition("functions =")[0], names)
    theirs = built(MENDED)
    ours = names["ODESolver"](names["LiquidNeuralNetwork"](1, 8, 16))
    ours.load_state_dict(theirs.state_dict())
    batches = [batch(size=16)] * 5
    names["train"](ours, batches, torch.optim.Adam(ours.parameters(), lr=0.1))
    sketch.train(theirs, batches, torch.optim.Adam(theirs.parameters(), lr=0.1), True)
    for name, weight in theirs.state_dict().items():
        torch.testing.assert_close(ours.state_dict()[name], weight, rtol=1e-3, atol=1e-4)


# The stored sweeps ---------------------------------------------------------------------------


def runs(model="sketch", mended=MENDED):
    table = load_sweep("sketch").table
    return table[(table.model == model) & (table.mended == mended)]


def test_rates_are_those_that_were_best_on_other_seeds():
    best = load_sweep("sketch_rates").table.groupby(["model", "mended", "lr"]).new.median()
    best = {pair: lr for *pair, lr in best.groupby(level=[0, 1]).idxmin() for pair in [tuple(pair)]}
    chosen = {(s["model"], s["mended"]): s["lr"] for s in sketch.ladder()}
    assert {pair: chosen[pair] for pair in best} == best
    assert not set(EXPERIMENTS["sketch"].seeds) & set(EXPERIMENTS["sketch_rates"].seeds)


@pytest.mark.slow
@pytest.mark.parametrize(
    "model, mended, close",
    [
        ("sketch", "list", 1e-4),
        ("sketch", "list optimiser", 0.05),
        ("sketch", MENDED, 0.5),
        ("cfc", MENDED, 0.5),
        ("line", MENDED, 1e-3),
    ],
)
def test_a_run_gives_the_stored_score(model, mended, close):
    stored = runs(model, mended)
    (row,) = stored[stored.seed == 3].to_dict("records")
    again = sketch.sketch(3, model, mended, row["lr"], row["steps"])
    assert again["parameters"] == row["parameters"]
    assert again["persistence"] == pytest.approx(row["persistence"], rel=1e-5)
    assert again["new"] == pytest.approx(row["new"], rel=close)


def test_what_the_chapter_says_of_the_ladder_holds():
    again = runs().persistence.iloc[0]
    assert runs(mended="").raised.notna().all()
    assert (runs(mended="list").moved == 0).all()
    maps = runs(mended="list optimiser").new
    assert np.median(maps) == pytest.approx(again, rel=0.05)
    state = runs(mended="list optimiser activation state").new.median()
    mended, unbent = runs().new.median(), runs(mended="list optimiser state time").new.median()
    assert mended < 0.6 * state < 0.5 * again
    assert unbent < 1.2 * mended
