"""What computes the steps of `track`: PyTorch step by step, a CUDA graph of it, or the tape."""

import sys
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

from liquidlib import (
    RNN,
    CfC,
    Curve,
    Linear,
    NoCompiler,
    Unsupported,
    make,
    models,
    published,
    track,
)
from liquidlib.engine import native
from liquidlib.training import cuda_graph, torch_engine
from liquidlib.training.torch_engine import WARM_UP, TorchEngine

LOOP = sys.modules[track.__module__]
SETTINGS = {"lr": 0.01, "betas": (0.9, 0.999), "eps": 1e-8, "weight_decay": 0.01}
STEPS = WARM_UP + 9
GRAPH = "torch, CUDA graph"


def same(run, other):
    np.testing.assert_array_equal(run.predictions, other.predictions)
    np.testing.assert_array_equal(run.losses, other.losses)


def same_weights(model, other):
    for p, q in zip(model.parameters(), other.parameters(), strict=True):
        assert torch.equal(p, q)


# A graph without a GPU: what the engine does around the capture --------------------------------


class Pretending(TorchEngine):
    def __init__(self, *args, **settings):
        super().__init__(*args, **settings)
        self._waits = WARM_UP


def record(step, stream):
    """Like a capture, computes nothing itself; each replay takes the step."""
    pair = torch.empty(2)
    return SimpleNamespace(replay=lambda: pair.copy_(step())), pair


@pytest.fixture
def pretend(monkeypatch):
    """The CPU passes for a device that takes CUDA graphs."""
    monkeypatch.setattr(LOOP, "TorchEngine", Pretending)
    monkeypatch.setattr(cuda_graph, "beside", lambda stream: nullcontext())
    monkeypatch.setattr(cuda_graph, "rehearsal", lambda device: nullcontext())
    monkeypatch.setattr(cuda_graph, "record", record)
    return monkeypatch


def pair_of_runs(pretend, model, steps=STEPS, **options):
    """The same run of two equal models, step by step and with the pretended graph."""
    runs, models = [], [model(), model()]
    for engine, trained in zip((TorchEngine, Pretending), models, strict=True):
        pretend.setattr(LOOP, "TorchEngine", engine)
        curve = Curve(window=5, noise=0.1)
        runs.append(track(trained, curve, steps, device="cpu", engine="torch", **options))
    same(*runs)
    same_weights(*models)
    return runs


@pytest.mark.parametrize("name", ["cfc", "lstm", "linear"])
def test_replayed_steps_are_the_plain_ones(pretend, name):
    pretend.setattr(torch_engine, "_ROWS", 4)  # the table of results fills up
    plain, graph = pair_of_runs(pretend, lambda: make(name, 1, 4, 1, seed=1))
    assert (plain.engine, graph.engine) == ("torch", GRAPH)


@pytest.mark.parametrize("steps", range(1, WARM_UP + 2))
def test_no_step_is_lost_or_repeated_around_the_capture(pretend, steps):
    _, run = pair_of_runs(pretend, lambda: Linear(1, window=5), steps)
    assert run.steps == steps and run.engine == (GRAPH if steps > WARM_UP else "torch")


def test_the_callback_sees_every_replayed_step(pretend):
    seen = []
    run = track(
        Linear(1, window=5),
        Curve(window=5),
        STEPS,
        device="cpu",
        engine="torch",
        callback=lambda step, prediction, *_: seen.append((step, prediction)),
    )
    assert [step for step, _ in seen] == list(range(STEPS)) and run.engine == GRAPH
    np.testing.assert_array_equal([prediction for _, prediction in seen], run.predictions)


def test_a_failed_capture_costs_no_step(pretend):
    def fail(step, stream):
        raise RuntimeError("operation not permitted when stream is capturing\nand more")

    pretend.setattr(cuda_graph, "record", fail)
    said = "^CfC cannot be captured as a CUDA graph .*: operation not permitted .* capturing$"
    with pytest.warns(UserWarning, match=said) as warned:
        runs = pair_of_runs(pretend, lambda: CfC(1, 4, 1, seed=1))
    assert len(warned) == 1 and warned[0].filename == __file__
    assert runs[1].engine == "torch"


@pytest.mark.parametrize("moment", ["before the update", "after the update"])
def test_a_failed_rehearsal_is_undone(pretend, moment):
    class Waiting(Linear):
        rehearsed = False

        def __init__(self):
            super().__init__(1, window=5, seed=1)
            self.register_buffer("calls", torch.zeros(()))

        def forward(self, *args, **kwargs):
            self.calls += 1
            output, state = super().forward(*args, **kwargs)
            if self.rehearsed and moment == "before the update":
                raise RuntimeError("called a synchronizing CUDA operation")
            return output * self.calls.sqrt(), state

    @contextmanager
    def rehearsal(device):
        Waiting.rehearsed = True
        try:
            yield
            raise RuntimeError("called a synchronizing CUDA operation")
        finally:
            Waiting.rehearsed = False

    pretend.setattr(cuda_graph, "rehearsal", rehearsal)
    with pytest.warns(UserWarning, match="Waiting cannot be captured .*: called a synchronizing"):
        runs = pair_of_runs(pretend, Waiting)
    assert runs[1].engine == "torch"


def test_a_window_that_the_checks_would_stop_is_stopped_after_the_capture(pretend):
    model, other = (CfC(1, 4, 1, seed=1) for _ in range(2))
    engine = Pretending(model, torch.device("cpu"), **SETTINGS)
    plain = TorchEngine(other, torch.device("cpu"), **SETTINGS)
    for window in Curve(window=5).windows(STEPS):
        engine.step(window), plain.step(window)
    assert engine.name == GRAPH
    for name in ("x", "timespans"):
        wrong = replace(window, **{name: getattr(window, name) * torch.nan})
        with pytest.raises(ValueError, match=f"{name} must be finite"):
            engine.step(wrong)
    with pytest.raises(ValueError, match="built with mask_input=False"):
        engine.step(replace(window, mask=torch.zeros(1, 5, 1)))
    longer = next(Curve(window=7).windows(1))
    for other_window in (longer, window):
        assert engine.step(other_window) == plain.step(other_window)
    same_weights(model, other)


# The tape --------------------------------------------------------------------------------------


class Tape:
    """Stands in for liquidlib's own engine."""

    name = "tape"
    answers = True
    closed = 0

    def __init__(self, model, window, vm, lr, betas, eps, weight_decay):
        if not self.answers:
            raise NotImplementedError("engine='tape' cannot run it")
        assert window.x.shape == (1, 5, 1)

    @classmethod
    def fits(cls, model):
        return isinstance(model, CfC)

    def step(self, window):
        return 0.5, 0.25

    def close(self):
        type(self).closed += 1


@pytest.fixture
def tape(monkeypatch):
    class Fresh(Tape):
        pass

    monkeypatch.setattr(LOOP, "TapeEngine", Fresh)
    return Fresh


def test_auto_takes_the_tape_where_it_fits(tape):
    curve = Curve(window=5)
    by_tape = track(CfC(1, 4, 1), curve, 6, device="cpu")
    assert by_tape.engine == "tape" and tape.closed == 1
    assert (by_tape.predictions == 0.5).all() and (by_tape.losses == 0.25).all()
    assert track(Linear(1, window=5), curve, 6, device="cpu").engine == "torch"
    assert track(CfC(1, 4, 1), curve, 6, device="cpu", engine="torch").engine == "torch"
    assert track(Linear(1, window=5), curve, 6, engine="tape").device == "cpu"


def test_a_model_that_the_tape_cannot_run_goes_to_pytorch_unless_the_tape_was_asked_for(tape):
    tape.answers = False
    model, curve = CfC(1, 4, 1), Curve(window=5)
    assert track(model, curve, 6, device="cpu").engine == "torch"
    for engine in ("tape", "wasm"):
        with pytest.raises(NotImplementedError, match="engine='tape' cannot run it"):
            track(model, curve, 6, device="cpu", engine=engine)


def test_the_weights_come_back_however_the_run_ends(tape):
    def interrupt(*_):
        raise KeyboardInterrupt

    for callback, ends in ((interrupt, pytest.raises(KeyboardInterrupt)), (None, nullcontext())):
        tape.closed = 0
        with ends:
            track(CfC(1, 4, 1), Curve(window=5), 6, engine="tape", callback=callback)
        assert tape.closed == 1


def test_the_tape_on_another_device_is_named(monkeypatch):
    monkeypatch.setattr(LOOP, "pick_device", torch.device)
    for engine in ("tape", "wasm"):
        wanted = rf"engine='{engine}' runs only with .*, got device='cuda'"
        with pytest.raises(ValueError, match=wanted):
            track(Linear(1, window=5), Curve(window=5), 3, device="cuda", engine=engine)


def pair_by_torch_and(engine, model, **options):
    trained = [model(), model()]
    curve = Curve(window=9, noise=0.1, jitter=0.5, seed=2)
    runs = [
        track(each, curve, 60, lr=1e-3, device="cpu", engine=by, **options)
        for each, by in zip(trained, ("torch", engine), strict=True)
    ]
    for name in ("predictions", "losses"):
        first, second = (getattr(run, name) for run in runs)
        np.testing.assert_allclose(first, second, rtol=0, atol=1e-5)
    for p, q in zip(*(each.parameters() for each in trained), strict=True):
        torch.testing.assert_close(p, q, rtol=0, atol=1e-5)
    return runs


@pytest.fixture
def no_compiler(monkeypatch):
    def fail():
        raise NoCompiler("no C compiler")

    monkeypatch.setattr(native, "_library", fail)


@pytest.mark.parametrize("name", [row.name for row in models() if not row.model.adaptive])
def test_the_tape_follows_pytorch(name):
    _, run = pair_by_torch_and("tape", lambda: make(name, 1, 8, 1, seed=1))
    assert run.engine in ("tape, native", "tape, wasm") and run.device == "cpu"
    assert pair_by_torch_and("wasm", lambda: make(name, 1, 8, 1, seed=1))[1].engine == "tape, wasm"


def test_the_tape_takes_other_settings():
    settings = {"betas": (0.5, 0.9), "eps": 1e-3, "weight_decay": 0.3}
    by_torch, run = pair_by_torch_and("tape", lambda: CfC(1, 4, 1, seed=1), **settings)
    assert (run.betas, run.eps, run.weight_decay) == ((0.5, 0.9), 1e-3, 0.3)
    default = track(CfC(1, 4, 1, seed=1), Curve(window=9), 60, lr=1e-3, engine="tape")
    assert not np.allclose(default.predictions, by_torch.predictions, rtol=0, atol=1e-5)


def test_auto_takes_the_tape_for_models_that_step_through_their_window():
    for row in models():
        run = track(make(row.name, 1, 4, 1), Curve(window=5), 3, device="cpu")
        fits = row.model.recurrent and not row.model.adaptive
        assert run.engine.startswith("tape, ") == fits, row.name


def test_without_a_compiler_the_tape_runs_as_webassembly(no_compiler):
    for engine in ("auto", "tape"):
        _, run = pair_by_torch_and(engine, lambda: CfC(1, 4, 1, seed=1))
        assert run.engine == "tape, wasm"


class Filter(nn.Module):
    """Gives the last output alone, (1, 1, 1)."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.net = nn.Sequential(nn.Linear(9, 4), nn.Tanh(), nn.Linear(4, 1))

    def forward(self, x, timespans=None, mask=None):
        return self.net(x[:, :, 0])[:, None], None


def test_an_output_of_the_last_step_alone_will_do():
    _, run = pair_by_torch_and("tape", Filter)
    assert run.engine.startswith("tape")

    class Flat(Filter):
        def forward(self, x, timespans=None, mask=None):
            return self.net(x[:, :, 0]), None

    with pytest.raises(ValueError, match=r"must give an output \(1, T, 1\), or \(1, 1, 1\), got"):
        track(Flat(), Curve(window=9), 3, engine="tape")


def test_what_the_tape_cannot_run_goes_to_pytorch():
    class Noisy(CfC):
        def _read_out(self, hidden):
            return torch.nn.functional.dropout(super()._read_out(hidden), 0.5, self.training)

    _, run = pair_by_torch_and("auto", lambda: Noisy(1, 4, 1, seed=1), seed=3)
    assert run.engine == "torch"
    with pytest.raises(Unsupported):
        track(Noisy(1, 4, 1), Curve(window=5), 3, engine="tape")


def test_an_interrupted_tape_gives_back_the_weights_so_far():
    def interrupt(step, *_):
        if step == 3:
            raise KeyboardInterrupt

    stopped, whole = (CfC(1, 4, 1, seed=1) for _ in range(2))
    with pytest.raises(KeyboardInterrupt):
        track(stopped, Curve(window=5), 9, engine="tape", callback=interrupt)
    track(whole, Curve(window=5), 4, engine="tape")
    same_weights(stopped, whole)


# CUDA ------------------------------------------------------------------------------------------


def gpu(test):
    skip = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
    return pytest.mark.gpu(skip(test))


@gpu
@pytest.mark.parametrize("name", ["cfc", "lstm", "linear"])
def test_the_graph_follows_the_cpu_and_reports_its_memory(name):
    runs = []
    for device in ("cpu", "cuda"):
        model, curve = published(name, seed=0, initial="ordinary")
        runs.append(track(model, curve, 40, lr=1e-3, device=device, engine="torch"))
    np.testing.assert_allclose(runs[0].predictions, runs[1].predictions, atol=1e-3)
    assert runs[0].gpu_peak_bytes is None and runs[1].gpu_peak_bytes > 0
    assert (runs[1].device, runs[1].engine) == ("cuda", GRAPH)
    assert (runs[1].step_times > 0).all()


@gpu
@pytest.mark.parametrize("steps", [1, WARM_UP, WARM_UP + 1, STEPS])
def test_the_graph_takes_as_many_updates_as_there_are_steps(steps):
    model = CfC(1, 4, 1, seed=1).cuda()
    engine = TorchEngine(model, torch.device("cuda"), **SETTINGS)
    answers = [engine.step(window) for window in Curve(window=5).windows(steps)]
    taken = {state["step"].item() for state in engine._optimiser.state.values()}
    assert taken == {steps}
    by_cpu = track(CfC(1, 4, 1, seed=1), Curve(window=5), steps, device="cpu", engine="torch")
    predictions = [prediction.item() for prediction, _ in answers]  # read after the last step
    np.testing.assert_allclose(predictions, by_cpu.predictions, atol=1e-3)


@gpu
def test_a_callback_sees_what_the_queued_run_returns():
    seen, runs = [], []
    for callback in (None, lambda *row: seen.append(row)):
        model = make("lstm", 1, 4, 1, seed=1)
        runs.append(
            track(model, Curve(window=5), STEPS, device="cuda", engine="torch", callback=callback)
        )
    np.testing.assert_allclose(runs[0].predictions, runs[1].predictions, atol=1e-4)
    assert [row[0] for row in seen] == list(range(STEPS)) and runs[0].engine == GRAPH
    np.testing.assert_array_equal([row[1] for row in seen], runs[1].predictions)


@gpu
def test_a_model_that_waits_for_the_device_is_trained_step_by_step():
    class Waiting(Linear):
        def forward(self, *args, **kwargs):
            output, state = super().forward(*args, **kwargs)  # with its checks
            return torch.nn.functional.dropout(output, 0.5), state

    model = Waiting(1, window=5, seed=1)
    with pytest.warns(UserWarning, match="Waiting cannot be captured as a CUDA graph"):
        run = track(model, Curve(window=5), STEPS, device="cuda", engine="torch", seed=3)
    torch.cuda.empty_cache()  # PyTorch's allocator is as it was

    class Unchecked(Linear):
        def _read_out(self, hidden):
            return torch.nn.functional.dropout(hidden, 0.5)

    other = Unchecked(1, 1, 1, window=5, seed=1)
    graph = track(other, Curve(window=5), STEPS, device="cuda", engine="torch", seed=3)
    assert (run.engine, graph.engine) == ("torch", GRAPH)
    np.testing.assert_allclose(run.predictions, graph.predictions, atol=1e-6)  # dropout, too


@gpu
def test_a_capture_that_fails_all_the_same_costs_no_step():
    class Stubborn(CfC):
        def _read_out(self, hidden):
            if torch.cuda.is_current_stream_capturing():
                raise RuntimeError("not while capturing")
            return super()._read_out(hidden)

    with pytest.warns(UserWarning, match="Stubborn cannot be captured .*: not while capturing"):
        run = track(Stubborn(1, 4, 1, seed=1), Curve(window=5), STEPS, device="cuda")
    assert torch.cuda.current_stream() == torch.cuda.default_stream()
    by_graph = track(CfC(1, 4, 1, seed=1), Curve(window=5), STEPS, device="cuda")
    assert (run.engine, by_graph.engine) == ("torch", GRAPH)
    np.testing.assert_allclose(run.predictions, by_graph.predictions, atol=1e-4)


class Doubled(RNN):
    """A model with a forward of its own around liquidlib's."""

    def forward(self, *arguments, **named):
        output, state = super().forward(*arguments, **named)
        return 2 * output, state


def hooked(model):
    model.register_forward_hook(lambda module, given, result: (2 * result[0], result[1]))
    return model


def clipped(model):
    for parameter in model.parameters():
        parameter.register_hook(lambda gradient: gradient.clamp(-1e-3, 1e-3))
    return model


def turned(model):
    model.readout.register_full_backward_hook(lambda module, below, above: (-below[0],))
    return model


CHANGED = {
    "forward": lambda: Doubled(1, 4, 1, seed=1),
    "forward hook": lambda: hooked(RNN(1, 4, 1, seed=1)),
    "parameter hooks": lambda: clipped(RNN(1, 4, 1, seed=1)),
    "backward hook": lambda: turned(RNN(1, 4, 1, seed=1)),
}


@pytest.mark.parametrize("change", CHANGED)
def test_what_a_caller_has_changed_about_a_model_is_not_left_out(change):
    make_model, curve = CHANGED[change], Curve(window=5)
    by_torch = track(make_model(), curve, 6, device="cpu", engine="torch")
    by_auto = track(make_model(), curve, 6, device="cpu")
    assert by_auto.engine == "torch"
    np.testing.assert_array_equal(by_auto.predictions, by_torch.predictions)
    with pytest.raises(NotImplementedError):
        track(make_model(), curve, 6, device="cpu", engine="tape")
