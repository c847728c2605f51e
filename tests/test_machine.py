"""A machine takes the training step that PyTorch takes, on both VMs."""

import copy
import gc
import os
import shutil
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
from test_models import OPTIONS
from torch import nn

from liquidlib import (
    CfC,
    Curve,
    Linear,
    Machine,
    Normal,
    Uniform,
    initialise,
    load_stored,
    lock_on,
    lower,
    make,
    models,
    published,
    track,
)

F, H, T = 3, 5, 7
TOLERANCE = 1e-5
ROWS = [
    *((name, options) for name, options in OPTIONS if not make(name, F, H, **options).adaptive),
    ("cfc", {"activation": "relu"}),
    ("cfc", {"activation": "gelu"}),
]
LOWERED = [row for row in models() if not row.model.adaptive]
RECURRENT = [row.name for row in LOWERED if row.model.recurrent]
DEFAULT = {"lr": 0.01, "betas": (0.9, 0.999), "eps": 1e-8, "weight_decay": 0.01}
SETTINGS = {
    "adamw": [
        DEFAULT,
        {"lr": 0.003, "betas": (0.8, 0.95), "eps": 1e-6, "weight_decay": 0.0},
        {"lr": 0.01, "betas": (0.0, 0.0), "eps": 1e-4, "weight_decay": 0.1},
    ],
    "sgd": [
        {"lr": 0.05, "momentum": 0.0, "weight_decay": 0.0},
        {"lr": 0.05, "momentum": 0.9, "weight_decay": 0.1},
    ],
}
OPTIMISERS = {"adamw": torch.optim.AdamW, "sgd": torch.optim.SGD}
every = pytest.mark.parametrize(("name", "options"), ROWS)
by_name = pytest.mark.parametrize("name", [row.name for row in LOWERED])


@pytest.fixture(params=["native", "wasm"])
def vm(request):
    if request.param == "native" and shutil.which(os.environ.get("CC", "cc")) is None:
        pytest.skip("no C compiler")
    return request.param


def build(name, options=()):
    return make(name, F, H, 1, seed=3, **dict(options))


@cache
def _tape(name, options, optimiser):
    return lower(build(name, options), T, optimiser)


def tape_of(name, options=(), optimiser="adamw"):
    return _tape(name, tuple(dict(options).items()), optimiser)


def start(tape, vm, window=None, **settings):
    machine = Machine(tape, window, vm)
    machine.set(**settings)
    return machine


def inputs(options=(), steps=T, seed=0, features=F):
    """Random inputs, unequal timespans and, where the model takes one, a mask with holes."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(1, steps, features, generator=generator)
    timespans = 3 * torch.rand(1, steps, generator=generator)
    mask = torch.ones_like(x)
    if dict(options).get("mask_input"):
        mask = (torch.rand(x.shape, generator=generator) < 0.6).float()
    return {"x": x, "timespans": timespans, "mask": mask}


def arrays(given):
    return {name: tensor.numpy() for name, tensor in given.items()}


def of_window(window):
    return arrays({name: getattr(window, name) for name in ("x", "timespans", "mask")})


def assert_close(ours, theirs, what, at_least=0.0, rounding=0.0):
    """Compare with the largest number of the tensor: gradients may be tiny, and moments are."""
    theirs = theirs.detach().numpy()
    worst = np.abs(ours - theirs).max()
    allowed = TOLERANCE * max(np.abs(theirs).max(), at_least) + rounding
    assert worst <= allowed, f"{what}: {worst}"


def step_of(model, optimiser, given, target):
    """Take a step with PyTorch; return all there is after it, a dict of tensors by name."""
    prediction = model(**given)[0][0, -1, 0]
    loss = (prediction - target) ** 2
    optimiser.zero_grad()
    loss.backward()
    optimiser.step()
    made = {"prediction": prediction, "loss": loss}
    for name, p in model.named_parameters():
        for region, tensor in ({"parameters": p, "gradients": p.grad} | optimiser.state[p]).items():
            made[f"{region} of {name}"] = tensor
    return {name: tensor.detach().clone() for name, tensor in made.items() if tensor is not None}


def assert_steps_agree(machine, model, optimiser, given, target):
    """Take a step with both; compare the answer, the gradients, the weights and the moments.

    Both are measured from PyTorch's step in float64. Where the rounding of 32 bits is more than
    the tolerance, as it is where an LTC's gradient is a small difference of large numbers, the
    machine may be three times as far off as PyTorch is in float32.
    """
    exact = copy.deepcopy(model).double()
    in_double = type(optimiser)(exact.parameters())
    in_double.load_state_dict(copy.deepcopy(optimiser.state_dict()))
    doubled = {name: tensor.double() for name, tensor in given.items()}
    exact = step_of(exact, in_double, doubled, target)
    rounded = step_of(model, optimiser, given, target)

    answer, error = machine.step(target, **arrays(given))
    ours = {"prediction": answer, "loss": error}
    for region in machine.tape.regions:
        if region == "momentum_buffer" and not optimiser.defaults["momentum"]:
            continue  # PyTorch keeps none
        named = machine.region(region).items()
        ours |= {f"{region} of {name}": numbers for name, numbers in named}
    for what, numbers in ours.items():
        at_least = 1.0 if what.startswith(("prediction", "loss", "parameters")) else 0.0
        rounding = 3 * (rounded[what] - exact[what]).abs().max().item()
        assert_close(numbers, exact[what], what, at_least, rounding)


def in_the_middle(machine, model, optimiser, steps):
    """Give a machine and PyTorch the same state, as it may be after some steps."""
    generator = torch.Generator().manual_seed(1)
    moments = [name for name in machine.tape.regions if name not in ("parameters", "gradients")]
    machine.steps = steps
    for name, p in model.named_parameters():
        with torch.no_grad():
            p += 0.1 * torch.randn(p.shape, generator=generator)
        state = {"step": torch.tensor(float(steps))} if "exp_avg" in moments else {}
        for moment in moments:
            state[moment] = 0.1 * torch.randn(p.shape, generator=generator)
        if "exp_avg_sq" in state:  # not near 0: a quotient by it would multiply every rounding
            state["exp_avg_sq"] = 0.01 * (0.5 + torch.rand(p.shape, generator=generator))
        optimiser.state[p] = state
        for moment in moments:
            machine.region(moment)[name][...] = state[moment].numpy()
    machine.load(model)


# One step --------------------------------------------------------------------------------------


@every
@pytest.mark.parametrize("optimiser", SETTINGS)
def test_one_step_is_pytorch_s(vm, name, options, optimiser):
    tape, given = tape_of(name, options, optimiser), inputs(options)
    for settings in SETTINGS[optimiser]:
        for steps in (0, 4):
            model = build(name, options)
            by_torch = OPTIMISERS[optimiser](model.parameters(), **settings)
            machine = start(tape, vm, **settings)
            if steps:
                in_the_middle(machine, model, by_torch, steps)
            assert_steps_agree(machine, model, by_torch, given, target=1.5)


@pytest.mark.parametrize("window", [1, 5, 200])
@pytest.mark.parametrize("name", RECURRENT)
def test_a_tape_that_loops_runs_windows_of_any_length(vm, name, window):
    model, tape = build(name), tape_of(name)
    machine = start(tape, vm, window, **DEFAULT)
    by_torch = torch.optim.AdamW(model.parameters(), **DEFAULT)
    for seed in (0, 1):
        assert_steps_agree(machine, model, by_torch, inputs(steps=window, seed=seed), target=1.5)


def test_what_is_not_trained_stays_as_it_is(vm):
    class Larger(CfC):
        def __init__(self):
            super().__init__(F, H, 1, backbone_units=4, seed=3)
            self.unused = nn.Parameter(torch.ones(3))
            self.readout.bias.requires_grad_(False)
            self.backbone[0].weight.requires_grad_(False)

    class LargerLinear(Linear):
        def __init__(self):
            super().__init__(F, 1, 1, window=4, seed=3)
            self.unused = nn.Parameter(torch.ones(3))
            self.filter.bias.requires_grad_(False)

    for model in (Larger(), LargerLinear()):
        before = copy.deepcopy(model.state_dict())
        machine = start(lower(model, T), vm, **DEFAULT)
        by_torch = torch.optim.AdamW(model.parameters(), **DEFAULT)
        for seed in range(3):
            assert_steps_agree(machine, model, by_torch, inputs(seed=seed), target=1.5)
        trained = machine.region("parameters").keys()
        machine.store(model)
        for name, p in model.named_parameters():
            left = name == "unused" or not p.requires_grad
            assert (name not in trained) == left == torch.equal(p, before[name]), name


# Many steps ------------------------------------------------------------------------------------


@cache
def losses_by_torch(name, is_published, steps):
    model, curve = sine(name, is_published)
    return track(model, curve, steps, lr=1e-3, device="cpu", engine="torch").losses


def sine(name, is_published):
    if is_published:
        return published(name, seed=0, initial="ordinary")
    return make(name, 1, 32, 1, seed=0), Curve()


@cache
def tape_of_sine(name, is_published):
    return lower(sine(name, is_published)[0])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "is_published", "steps"),
    [
        *((row.name, False, 200) for row in LOWERED),
        ("cfc", True, 40),
        ("lstm", True, 40),
        ("linear", True, 200),
    ],
)
def test_the_losses_on_the_sine_are_pytorch_s(vm, name, is_published, steps):
    expected = losses_by_torch(name, is_published, steps)
    _, curve = sine(name, is_published)
    machine = start(tape_of_sine(name, is_published), vm, **DEFAULT | {"lr": 1e-3})
    ours = [machine.step(w.target.item(), **of_window(w))[1] for w in curve.windows(steps)]
    np.testing.assert_allclose(ours, expected, rtol=0, atol=TOLERANCE)


@cache
def tape_of_published(name, initial="published", window=82):
    return lower(published(name, 0, initial)[0], window)


def run_published(name, seed, vm, steps):
    model, curve = published(name, seed)
    machine = start(tape_of_published(name), vm, **DEFAULT)
    machine.load(model)
    rows = [
        (machine.step(w.target.item(), **of_window(w))[0], w.clean.item())
        for w in curve.windows(steps)
    ]
    predictions, clean = np.array(rows).T
    return predictions, lock_on(predictions - clean)


def stored(name):
    return [run for run in load_stored("seeds") if run.name == name]


@pytest.mark.slow
def test_the_published_cfc_locks_on_as_the_stored_runs_do(vm):
    """Rounding decides when a run locks on, but not when most of them do."""
    locked = []
    for run in stored("cfc"):
        predictions, step = run_published("cfc", run.seed, vm, 150)
        np.testing.assert_allclose(predictions[0], run.predictions[0], rtol=0, atol=TOLERANCE)
        locked.append(np.inf if step is None else step)
    assert len(locked) == 7 and 30 <= np.median(locked) <= 100


@pytest.mark.slow
def test_the_gaussian_lstm_rarely_locks_on_as_in_the_stored_runs():
    """Rounding decides where a run goes, but not how rarely one locks on."""
    before_300 = [lock_on(run.errors[:350]) is not None for run in stored("lstm_gaussian")]
    assert len(before_300) == 7 and sum(before_300) <= 1
    locked = [run_published("lstm", seed, "auto", 350)[1] for seed in range(3)]
    assert sum(step is not None for step in locked) <= 1


def test_the_gaussian_lstm_answers_short_windows_as_pytorch_does(vm):
    """In long ones each time step multiplies the rounding of the one before.

    After 82 of them PyTorch itself gives another answer in float64.
    """
    _, curve = published("lstm", 0)
    x = next(curve.windows(1)).x[:, :5]
    machine = Machine(tape_of_published("lstm"), 5, vm)
    for seed in range(3):
        machine.reset(seed)
        model, _ = published("lstm", seed)
        answer = machine.answer(x=x.numpy())
        assert_close(answer, model(x)[0][0, -1, 0], f"seed {seed}", at_least=1.0)


# Answers and records ---------------------------------------------------------------------------


def everything(machine):
    """The heap, but for where a window's inputs and what came of it lie."""
    regions = machine.tape.regions.values()
    return [machine.heap[begin : begin + machine.tape.size].copy() for begin in regions]


@every
def test_an_answer_is_the_frozen_model_s_and_changes_nothing(vm, name, options):
    model, tape = build(name, options), tape_of(name, options)
    machine, other = (start(tape, vm, **DEFAULT) for _ in range(2))
    for seed in range(3):
        for each in (machine, other):
            each.step(1.5, **arrays(inputs(options, seed=seed)))
    before, steps = everything(machine), machine.steps
    given = inputs(options, seed=9)
    answer = machine.answer(**arrays(given))
    assert machine.steps == steps == 3
    for region, old in zip(everything(machine), before, strict=True):
        np.testing.assert_array_equal(region, old)
    machine.store(model)
    with torch.no_grad():
        assert_close(answer, model.eval()(**given)[0][0, -1, 0], "answer", at_least=1.0)
    assert machine.answer(**arrays(given)) == answer
    later = arrays(inputs(options, seed=10))
    assert machine.step(1.5, **later) == other.step(1.5, **later)


@pytest.mark.parametrize(("name", "options"), [row for row in ROWS if build(*row).recurrent])
def test_what_a_machine_recorded_is_what_the_model_records(vm, name, options):
    model, given = build(name, options), inputs(options)
    _, _, expected = model(**given, record=model.records)
    machine = start(tape_of(name, options), vm, **DEFAULT)
    for run in (machine.answer, lambda **given: machine.step(1.5, **given)):
        run(**arrays(given))
        assert machine.tape.records.keys() == set(model.records)
        for record in model.records:
            assert_close(machine.recorded(record), expected[record][0], record)
    kept = machine.recorded("state")
    before = kept.copy()
    machine.answer(**arrays(inputs(options, seed=1)))
    np.testing.assert_array_equal(kept, before)  # it is a copy


# The same bits ---------------------------------------------------------------------------------


@every
def test_a_window_leaves_nothing_behind(vm, name, options):
    tape = tape_of(name, options)
    fresh, used = (start(tape, vm, **DEFAULT) for _ in range(2))
    for seed in (5, 6):
        used.step(-0.5, **arrays(inputs(options, seed=seed)))
        used.answer(**arrays(inputs(options, seed=seed)))
    used.reset(tape.seed)
    given = arrays(inputs(options))
    assert used.answer(**given) == fresh.answer(**given)
    for _ in range(3):
        assert used.step(1.5, **given) == fresh.step(1.5, **given)
    for ours, theirs in zip(everything(used), everything(fresh), strict=True):
        np.testing.assert_array_equal(ours, theirs)


@by_name
def test_one_instruction_after_the_other_is_a_step(vm, name):
    tape, given = tape_of(name), arrays(inputs())
    whole, single, by_seven = (start(tape, vm, **DEFAULT) for _ in range(3))
    visited = set()
    for _ in range(2):
        whole.step(1.5, **given)
        for machine, instructions in ((single, 1), (by_seven, 7)):
            machine.feed(1.5, **given)
            machine.begin(training=True)
            assert machine.at == 0
            ended = False
            while not ended:
                if machine is single:
                    visited.add(machine.at)
                ended = machine.advance(instructions)
    assert visited == {row["at"] for row in tape.listing()}
    for machine in (single, by_seven):
        np.testing.assert_array_equal(machine.heap, whole.heap)
        assert machine.steps == whole.steps == 2
    single.begin(training=False)
    before = everything(single)
    while not single.advance(1):
        pass
    for region, old in zip(everything(single), before, strict=True):
        np.testing.assert_array_equal(region, old)


# Memory ----------------------------------------------------------------------------------------


def resident():
    """Bytes of this process that lie in memory; None where that cannot be read."""
    statm = Path("/proc/self/statm")
    pages = int(statm.read_text().split()[1]) if statm.exists() else None
    return pages and pages * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.slow
def test_100_000_steps_take_no_memory(vm):
    machine = start(lower(make("rnn", 1, 2, 1), 3), vm, **DEFAULT)
    x = np.array([0.1, 0.2, 0.3], dtype=np.float32)

    def memory():
        store = getattr(machine._vm, "_store", None)
        return machine.heap.size, store and machine._vm._exports["memory"].data_len(store)

    for _ in range(2_000):
        machine.step(0.4, x=x)
    gc.collect()
    before, in_ram = memory(), resident()
    for _ in range(100_000):
        machine.step(0.4, x=x)
    gc.collect()
    assert memory() == before and machine.steps == 102_000
    assert in_ram is None or resident() - in_ram < 3_000_000  # 30 bytes a step


def test_what_a_machine_gave_lives_longer_than_the_machine(vm):
    tape = tape_of("rnn")
    views = Machine(tape, vm=vm).region("parameters")
    gc.collect()
    others = [Machine(tape, window=500, vm=vm) for _ in range(4)]
    for other in others:
        other.heap[:] = 7
    for name, p in build("rnn").named_parameters():
        np.testing.assert_array_equal(views[name], p.detach().numpy())


# Weights ---------------------------------------------------------------------------------------


def test_weights_come_from_a_model_and_go_back(vm):
    tape = tape_of("cfc")
    source, goal = (make("cfc", F, H, 1, seed=seed) for seed in (11, 12))
    machine = Machine(tape, vm=vm)
    machine.load(source)
    machine.store(goal)
    for p, q in zip(source.parameters(), goal.parameters(), strict=True):
        assert torch.equal(p, q)
    with torch.no_grad():
        source.readout.weight += 1  # what is loaded is a copy
    machine.store(goal)
    assert not torch.equal(source.readout.weight, goal.readout.weight)


def assert_drawn(view, parameter, rule, name):
    """Uniform and constant numbers to the bit, normal ones to the last place."""
    expected = parameter.detach().numpy()
    if isinstance(rule, Normal):
        np.testing.assert_array_max_ulp(view, expected, maxulp=1)
    else:
        np.testing.assert_array_equal(view, expected, err_msg=name)


@pytest.mark.parametrize("name", ["cfc", "lstm", "linear"])
@pytest.mark.parametrize("initial", ["published", "ordinary"])
def test_weights_drawn_from_a_seed_are_the_model_s(vm, name, initial):
    tape = tape_of_published(name, initial, T)
    assert all(p["initial"] for p in tape.parameters) and len(tape.values) == 0
    machine = start(tape, vm, **DEFAULT)
    for seed in (0, 1, 2**32, 2**63 + 5, 2**64 - 1):
        machine.step(0.5, **arrays(inputs(features=1) | {"mask": torch.ones(1, T, 1)}))
        machine.reset(seed)
        model, _ = published(name, seed, initial)
        assert model.drawn[0] == seed and machine.steps == 0
        views = machine.region("parameters")
        for key, p in model.named_parameters():
            assert_drawn(views[key], p, model.drawn[1][key], key)
        for region in ("exp_avg", "exp_avg_sq"):
            assert all((view == 0).all() for view in machine.region(region).values())


@cache
def drawn_from_a_large_seed(name):
    model = make(name, F, H, 1, seed=2**63 + 5)
    return model, lower(model, T)


@by_name
def test_a_tape_begins_with_the_weights_of_its_model(vm, name):
    model, tape = drawn_from_a_large_seed(name)
    views = Machine(tape, vm=vm).region("parameters")
    for key, p in model.named_parameters():
        np.testing.assert_array_equal(views[key], p.detach().numpy(), err_msg=key)


def shipped(tape):
    return {p["name"] for p in tape.parameters if p["initial"] is None}


def test_weights_that_were_not_drawn_are_shipped(vm):
    changed = build("rnn")
    with torch.no_grad():
        changed.readout.bias += 1
    biased = make("lstm", F, H, 1, seed=3, forget_bias=1.0)

    class Foreign(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(F, 1)

        def forward(self, x):
            return self.layer(x)

    torch.manual_seed(0)
    foreign = Foreign()
    for model, expected in (
        (changed, {"readout.bias"}),
        (biased, {"lstm.bias_ih_l0"}),
        (foreign, {"layer.weight", "layer.bias"}),
    ):
        tape = lower(model, T, input_size=F)
        assert shipped(tape) == expected
        machine = start(tape, vm, **DEFAULT)
        parameters = dict(model.named_parameters())
        for seed in (tape.seed, 8):
            machine.step(1.5, **arrays(inputs()))
            machine.reset(seed)
            views = machine.region("parameters")
            for name in expected:
                np.testing.assert_array_equal(views[name], parameters[name].detach().numpy())
    initialise(changed, 3)
    assert shipped(lower(changed, T)) == set()


# Errors ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        ({"tape": b"bytes"}, TypeError, "tape must be a liquidlib.Tape, got bytes"),
        ({"vm": "js"}, ValueError, "vm must be one of 'auto', 'native', 'wasm', got 'js'"),
        ({"window": 0}, ValueError, "window must be a whole number of at least 1, got 0"),
        ({"window": 2.5}, ValueError, "window must be a whole number"),
        ({"name": "linear", "window": 8}, ValueError, "window must be 7 for this tape, .* got 8"),
    ],
)
def test_bad_machines_are_named(call, error, message):
    tape = tape_of(call.pop("name", "cfc"))
    with pytest.raises(error, match=message):
        Machine(**({"tape": tape, "vm": "wasm"} | call))


def test_an_unrolled_tape_takes_its_own_window():
    assert Machine(tape_of("linear"), T, "wasm").window == T


@pytest.mark.parametrize(
    ("optimiser", "settings", "message"),
    [
        ("adamw", {"momentum": 0.9}, "among betas, eps, lr, weight_decay, got 'momentum'"),
        ("adamw", {"loss": 1.0}, "got 'loss'"),
        ("adamw", {"step": 1.0}, "got 'step'"),
        ("sgd", {"betas": (0.9, 0.999)}, "among lr, momentum, weight_decay, got 'betas'"),
    ],
)
def test_unknown_settings_are_named(vm, optimiser, settings, message):
    machine = Machine(tape_of("rnn", optimiser=optimiser), vm=vm)
    with pytest.raises(ValueError, match=f"settings must be {message}|{message}"):
        machine.set(**settings)


NAN = np.full((1, T, F), np.nan, dtype=np.float32)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"x": None}, "x must be given: the model reads it"),
        ({"timespans": None}, "timespans must be given"),
        ({"mask": None}, "mask must be given"),
        ({"x": np.zeros((T, F + 1))}, r"x must have shape \(T, F\) = \(7, 3\), got \(7, 4\)"),
        ({"x": np.zeros((F, T))}, r"x must have shape .* got \(3, 7\)"),
        ({"x": np.zeros(T * F)}, r"x must have shape .* got \(21,\)"),
        ({"x": np.zeros((2, T, F))}, r"x must have shape .* got \(2, 7, 3\)"),
        ({"timespans": np.ones(T + 1)}, r"timespans must have shape \(T,\) = \(7,\), got \(8,\)"),
        ({"timespans": 1.0}, r"timespans must have shape .* got \(\)"),
        ({"mask": np.ones(T)}, r"mask must have shape \(T, F\) = \(7, 3\), got \(7,\)"),
        ({"x": NAN}, "x must be finite, got NaN or infinity"),
        ({"x": np.full((T, F), np.inf)}, "x must be finite"),
        ({"timespans": NAN[0, :, 0]}, "timespans must be finite"),
        ({"timespans": -np.ones(T)}, "timespans must not be negative, got -1"),
        ({"mask": np.full((T, F), 0.5)}, "mask must hold only 0"),
    ],
)
def test_bad_inputs_are_named(vm, change, message):
    options = {"mask_input": True, "activation": "tanh"}
    machine = start(tape_of("cfc", options), vm, **DEFAULT)
    good = arrays(inputs(options))
    given = {name: value for name, value in (good | change).items() if value is not None}
    for call in (machine.answer, lambda **given: machine.step(1.5, **given)):
        with pytest.raises(ValueError, match=message):
            call(**given)
    assert machine.steps == 0
    fresh = start(machine.tape, vm, **DEFAULT)
    assert machine.step(1.5, **good) == fresh.step(1.5, **good)


def test_a_batch_dimension_of_one_does_not_matter(vm):
    machine = Machine(tape_of("cfc"), vm=vm)
    given = arrays(inputs())
    answer = machine.answer(**given)
    assert machine.answer(x=given["x"][0], timespans=given["timespans"][0]) == answer
    assert machine.answer(x=given["x"], timespans=given["timespans"][0, :, None]) == answer


def test_unknown_names_and_bad_numbers_are_named(vm):
    machine = Machine(tape_of("rnn"), vm=vm)
    with pytest.raises(ValueError, match=r"name must be one of 'parameters', 'gradients', .* 'w'"):
        machine.region("w")
    with pytest.raises(ValueError, match="name must be one of 'state', got 'gate'"):
        machine.recorded("gate")
    for seed in (-1, 1.5, 2**64):
        with pytest.raises(ValueError, match="seed must be"):
            machine.reset(seed)
    with pytest.raises(ValueError, match="instructions must be a whole number of at least 1"):
        machine.advance(0)


def test_a_model_that_is_another_is_named(vm):
    machine = Machine(tape_of("rnn"), vm=vm)
    before = everything(machine)
    for call in (machine.load, machine.store):
        with pytest.raises(ValueError, match=r"model must have a parameter rnn\.weight_ih_l0 \(5,"):
            call(make("rnn", 1, H, 1))
        with pytest.raises(ValueError, match=r"model must have a parameter .*, got none"):
            call(make("gru", F, H, 1))
    for region, old in zip(everything(machine), before, strict=True):
        np.testing.assert_array_equal(region, old)


def test_a_uniform_distribution_may_have_a_centre(vm):
    model = make("rnn", F, H, 1)
    initialise(model, 3, lambda name, parameter: Uniform(0.1, centre=2.5))
    machine = Machine(lower(model, T), vm=vm)
    for seed in (3, 4):
        machine.reset(seed)
        initialise(model, seed, lambda name, parameter: Uniform(0.1, centre=2.5))
        for name, parameter in model.named_parameters():
            drawn = machine.region("parameters")[name]
            assert abs(drawn - 2.5).max() <= 0.1
            assert np.array_equal(drawn, parameter.detach().numpy())
