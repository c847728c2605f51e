"""The online loop, what it returns, and the published set-up."""

import math

import numpy as np
import pytest
import torch

from liquidlib import (
    PRESETS,
    CfC,
    Curve,
    Linear,
    Run,
    count_parameters,
    files,
    freeze_test,
    initialise,
    lock_on,
    make,
    published,
    track,
)


def test_the_loop_is_the_published_one():
    """window -> forward -> backward -> AdamW -> move on; the last output is the prediction."""
    ours, theirs = (CfC(1, 6, 1, backbone_units=8, seed=1) for _ in range(2))
    curve = Curve(window=9, noise=0.1, seed=3)
    run = track(ours, curve, 25, device="cpu")
    optimiser = torch.optim.AdamW(theirs.parameters(), lr=0.01, weight_decay=0.01)
    for step, window in enumerate(curve.windows(25)):
        prediction = theirs(window.x, None, window.timespans, window.mask)[0][0, -1, 0]
        loss = (prediction - window.target[0, 0]) ** 2
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        assert run.predictions[step] == pytest.approx(prediction.item(), abs=1e-6)
        assert run.losses[step] == pytest.approx(loss.item(), abs=1e-6)
        assert run.targets[step] == window.target.item()
        assert run.clean[step] == window.clean.item()
    np.testing.assert_array_equal(run.errors, run.predictions - run.clean)
    for p, q in zip(ours.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(p, q)


def test_a_run_says_how_it_came_about():
    model = make("lstm", 1, 4, 1)
    run = track(model, Curve(window=5, noise=0.2), 7, lr=0.02, device="cpu", seed=9)
    assert (run.name, run.label, run.steps, run.lr, run.seed) == ("lstm", "LSTM", 7, 0.02, 9)
    assert run.parameters == count_parameters(model) and run.noise == 0.2
    assert run.curve == {"window": 5, "noise": 0.2, "horizon": 1} and run.device == "cpu"
    assert run.gpu_peak_bytes is None and run.engine in ("tape, native", "tape, wasm")
    assert (run.step_times > 0).all() and run.versions["torch"] == torch.__version__


def test_save_and_load_without_pickle(tmp_path):
    run = track(Linear(1, window=5), Curve(window=5), 6, device="cpu")
    run.save(tmp_path / "folder" / "run.npz")
    loaded = Run.load(tmp_path / "folder" / "run.npz")
    for name, value in vars(run).items():
        np.testing.assert_equal(getattr(loaded, name), value)
    assert [p.name for p in (tmp_path / "folder").iterdir()] == ["run.npz"]


def test_a_file_from_before_there_were_engines_is_one_of_pytorch(tmp_path):
    run = track(Linear(1, window=5), Curve(window=5), 6, device="cpu", engine="torch")
    run.save(tmp_path / "run.npz")
    meta, arrays = files.load_arrays(tmp_path / "run.npz")
    assert meta.pop("engine") == "torch"
    files.save_arrays(tmp_path / "old.npz", meta, arrays)
    assert Run.load(tmp_path / "old.npz").engine == "torch"


def test_a_failed_save_leaves_the_old_file(tmp_path, monkeypatch):
    run = track(Linear(1, window=5), Curve(window=5), 6, device="cpu")
    path = tmp_path / "run.npz"
    run.save(path)
    before = path.read_bytes()

    def full(*args, **kwargs):
        raise OSError("no space left on device")

    monkeypatch.setattr(np, "savez_compressed", full)
    with pytest.raises(OSError, match="no space"):
        run.save(path)
    assert path.read_bytes() == before and list(tmp_path.iterdir()) == [path]


def test_bad_files_are_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="path must be a saved file"):
        Run.load(tmp_path / "none.npz")
    (tmp_path / "text.npz").write_text("not a run")
    np.savez(tmp_path / "other.npz", a=np.arange(3))
    np.savez(tmp_path / "meta.npz", meta=np.array("{}"))
    np.savez(tmp_path / "pickle.npz", meta=np.array([{}], dtype=object))
    for name in ("text", "other", "meta", "pickle"):
        with pytest.raises(ValueError, match="path must be a "):
            Run.load(tmp_path / f"{name}.npz")


def test_the_callback_sees_every_step_and_can_stop():
    seen = []

    def callback(step, prediction, target, clean):
        seen.append((step, prediction, target, clean))
        return step < 4

    run = track(Linear(1, window=5), Curve(window=5, noise=0.1), 50, callback=callback)
    assert run.steps == 5 and [row[0] for row in seen] == list(range(5))
    np.testing.assert_allclose([row[1] for row in seen], run.predictions, rtol=1e-6)
    np.testing.assert_allclose([row[2:] for row in seen], np.c_[run.targets, run.clean], rtol=1e-6)


def test_the_seed_governs_dropout_and_the_generator_is_put_back():
    class Noisy(Linear):
        def _read_out(self, hidden):
            return torch.nn.functional.dropout(hidden, 0.5, self.training)

    before = torch.random.get_rng_state()
    first, same, other = (
        track(Noisy(1, 1, 1, window=5), Curve(window=5), 30, device="cpu", seed=seed).predictions
        for seed in (1, 1, 2)
    )
    assert np.array_equal(first, same) and not np.array_equal(first, other)
    assert torch.equal(before, torch.random.get_rng_state())


def test_progress_shows_a_bar(capsys):
    track(Linear(1, window=5), Curve(window=5), 6, progress=True)
    assert "6/6" in capsys.readouterr().err
    track(Linear(1, window=5), Curve(window=5), 6)
    assert capsys.readouterr().err == ""


def test_presets_reach_the_optimiser():
    runs = {
        name: track(Linear(1, window=9, seed=1), Curve(window=9), 60, **PRESETS[name])
        for name in PRESETS
    }
    default = track(Linear(1, window=9, seed=1), Curve(window=9), 60)
    assert np.array_equal(runs["published"].predictions, default.predictions)
    assert not np.array_equal(runs["tutorial"].predictions, default.predictions)
    assert (runs["tutorial"].betas, runs["tutorial"].weight_decay) == ((0.9, 0.95), 0.0)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"curve": "sine"}, TypeError, "curve must be a liquidlib.Curve, got str"),
        ({"steps": 0}, ValueError, "steps must be a whole number of at least 1"),
        ({"lr": 0.0}, ValueError, "lr must be"),
        ({"lr": math.nan}, ValueError, "lr must be"),
        ({"betas": (0.9, 2.0)}, ValueError, "betas must be"),
        ({"eps": -1.0}, ValueError, "eps must be"),
        ({"weight_decay": -1.0}, ValueError, "weight_decay must be"),
        ({"device": "tpu"}, ValueError, "device must be one of 'auto', 'cuda', 'mps', 'cpu'"),
        (
            {"engine": "jax"},
            ValueError,
            "engine must be one of 'auto', 'torch', 'tape', 'wasm', got 'jax'",
        ),
        ({"seed": -1}, ValueError, "seed must be"),
    ],
)
def test_bad_settings_are_named(options, error, message):
    call = {"model": Linear(1, window=5), "curve": Curve(window=5), "steps": 3} | options
    with pytest.raises(error, match=message):
        track(**call)


@pytest.mark.parametrize("engine", ["auto", "torch", "tape"])
@pytest.mark.parametrize("output_size", [None, 2])
def test_a_model_without_one_output_is_named(output_size, engine):
    model, curve = CfC(1, 4, output_size), Curve(window=5)
    with pytest.raises(ValueError, match=r"model must have output_size 1, got an output \(1, "):
        track(model, curve, 3, device="cpu", engine=engine)
    with pytest.raises(ValueError, match="model must have output_size 1"):
        freeze_test(model, curve, steps=3)


@pytest.mark.skipif(torch.cuda.is_available(), reason="a CUDA device is there")
def test_a_device_that_is_not_there_is_named():
    with pytest.raises(ValueError, match=r"device must be one of \[.*'cpu'\] on this machine"):
        track(Linear(1, window=5), Curve(window=5), 3, device="cuda")


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("cfc", (258 + 1) * 64 + 65 * 64 + 65 * 4 * 256 + 257),
        ("lstm", 4 * 256 * (1 + 256 + 2) + 4 * 256 * (256 + 256 + 2) + 257),
        ("linear", 83),
    ],
)
def test_published_models_have_the_published_sizes_and_weights(name, parameters):
    model, curve = published(name, seed=4)
    assert count_parameters(model) == parameters
    assert (curve.inputs, curve.time, curve.window, curve.horizon) == (
        "position",
        "absolute",
        82,
        0,
    )
    for key, p in model.named_parameters():
        if key.startswith("lstm."):
            if "bias" in key:
                assert (p == 0).all()
            elif p.numel() > 10_000:
                assert abs(p.std().item() - 0.5) < 0.01 and abs(p.mean().item()) < 0.01
        elif "bias" in key:
            assert (p == torch.tensor(0.1)).all()
        else:
            bound = math.sqrt(3 / p.shape[1])
            assert 0.9 * bound < p.abs().max() <= bound


def test_ordinary_weights_are_those_of_the_model_itself():
    model, _ = published("lstm", seed=4, initial="ordinary")
    assert model.label == "LSTM" and published("lstm", seed=4)[0].label == "LSTM, N(0, 0.5²)"
    other, _ = published("lstm", seed=4)
    initialise(other, 4)
    for p, q in zip(model.parameters(), other.parameters(), strict=True):
        assert torch.equal(p, q)


def test_published_takes_changes_to_the_curve_and_names_what_it_does_not_know():
    assert published("linear", 0, noise=0.1)[1].noise == 0.1
    with pytest.raises(ValueError, match="name must be one of 'cfc', 'lstm', 'linear'"):
        published("gru", 0)
    with pytest.raises(ValueError, match="initial must be one of 'published', 'ordinary'"):
        published("cfc", 0, "random")


def test_the_linear_model_locks_on():
    model, curve = published("linear", seed=0)
    assert lock_on(track(model, curve, 150).errors) < 100
