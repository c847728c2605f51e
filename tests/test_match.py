"""Fair sizes: the nearest count, and one clear error where none is near."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from liquidlib import Wiring, count_parameters, make, match_parameters, models

F, OUT = 2, 3
FORMULAS = {
    "lstm": lambda h: 4 * h * (F + h + 2),
    "gru": lambda h: 3 * h * (F + h + 2),
    "rnn": lambda h: h * (F + h + 2),
    "ctrnn": lambda h: h * (F + h + 2),
    "ltc": lambda h: 4 * h * (F + h) + 3 * h + 2 * F,
    "cfc": lambda h: (F + h + 1) * 128 + 129 * 4 * h,
    "neural_ode": lambda h: (F + h + 1) * 128 + 129 * h,
}


def nearest(counts, budget):
    """Return the size whose count is nearest, by looking at all of them, and that count."""
    size = min(counts, key=lambda size: abs(counts[size] - budget))
    return size, counts[size]


@pytest.mark.parametrize("name", FORMULAS)
@settings(deadline=None, max_examples=8)
@given(budget=st.integers(1, 6000))
def test_no_size_comes_nearer(name, budget):
    counts = {h: FORMULAS[name](h) + (h + 1) * OUT for h in range(1, 90)}
    size, count = nearest(counts, budget)
    if abs(count - budget) > 0.1 * budget:
        with pytest.raises(ValueError, match=rf"got {budget}: the nearest is hidden_size={size} "):
            match_parameters(name, budget, F, OUT)
    else:
        assert match_parameters(name, budget, F, OUT) == size
        assert count_parameters(make(name, F, size, OUT)) == count


@pytest.mark.parametrize("budget", [700, 2000])
@pytest.mark.parametrize("seed", [0, 1])
def test_a_wired_model_comes_as_near_as_its_drawn_synapses_let_it(budget, seed):
    def wiring(units):
        return Wiring.auto_ncp(F, units, OUT, seed=seed)

    for name in ("wired_cfc", "ltc"):
        size = match_parameters(name, budget, F, OUT, wiring=wiring)
        counts = {
            h: count_parameters(make(name, F, h, OUT, wiring=wiring(h)))
            for h in range(max(size - 3, OUT + 3), size + 4)
        }
        assert abs(counts[size] - budget) <= 0.1 * budget
        close = [h for h in counts if abs(h - size) <= 1]
        assert nearest({h: counts[h] for h in close}, budget)[0] == size
        assert min(counts.values()) <= budget <= max(counts.values())


@pytest.mark.parametrize("name", [row.name for row in models() if row.name != "linear"])
def test_every_model_of_the_table_has_a_fair_size(name):
    size = match_parameters(name, 3000, 1, 1)
    assert type(size) is int
    assert count_parameters(make(name, 1, size, 1)) == pytest.approx(3000, rel=0.1)


def test_options_count():
    plain, deep = (match_parameters("gru", 5000, F, OUT, layers=layers) for layers in (1, 2))
    count = count_parameters(make("gru", F, deep, OUT, layers=2))
    assert deep < plain and count == pytest.approx(5000, rel=0.1)


def test_without_a_read_out():
    counts = {h: FORMULAS["gru"](h) for h in range(1, 60)}
    assert match_parameters("gru", 1000, F) == nearest(counts, 1000)[0]


def test_of_two_that_are_as_near_it_is_the_smaller():
    counts = {h: FORMULAS["lstm"](h) for h in (20, 21)}
    budget = sum(counts.values()) // 2
    assert counts[21] - budget == budget - counts[20]
    assert match_parameters("lstm", budget, F) == 20


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        ({"budget": 5}, ValueError, "budget must be within 10% of what 'lstm' can have, got 5: th"),
        ({"budget": 0}, ValueError, "budget must be a whole number of at least 1, got 0"),
        ({"budget": 1e3}, ValueError, r"budget must be a whole number of at least 1, got 1000\.0"),
        ({"name": "rnn9"}, ValueError, "name must be one of 'cfc', "),
        ({"layers": 0}, ValueError, "layers must be a whole number of at least 1, got 0"),
        ({"input_size": 0}, ValueError, "input_size must be a whole number of at least 1, got 0"),
        ({"colour": 3}, TypeError, "colour"),
        ({"name": "linear"}, ValueError, "within 10% of what 'linear' can have, got 1000: the ne"),
        ({"name": "wired_cfc", "budget": 9}, ValueError, "hidden_size=4 with 54 parameters"),
        (
            {"name": "ltc", "wiring": Wiring.auto_ncp(1, 8, 1)},
            TypeError,
            "wiring must be a function from hidden_size to a Wiring, got Wiring",
        ),
    ],
)
def test_what_cannot_be_met_is_named(call, error, message):
    settings = {"name": "lstm", "budget": 1000, "input_size": 1, "output_size": 1} | call
    with pytest.raises(error, match=message):
        match_parameters(**settings)
