"""Curves: what the windows hold, and that settings mean what they say."""

import math
import warnings
from itertools import islice

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from liquidlib import Curve

STEP = 2 * math.pi / 360


def test_value_windows_predict_the_next_sample():
    for k, window in enumerate(islice(Curve(window=5), 20)):
        positions = STEP * torch.arange(k, k + 6, dtype=torch.float64)
        expected = torch.sin(positions).float()
        torch.testing.assert_close(window.x.flatten(), expected[:5])
        torch.testing.assert_close(window.target, expected[5].reshape(1, 1))
        assert window.x.shape == window.mask.shape == (1, 5, 1)
        assert window.timespans.tolist() == [[1.0] * 5] and window.mask.min() == 1


def test_published_windows_hold_positions_and_absolute_times():
    curve = Curve(inputs="position", time="absolute")
    assert (curve.window, curve.horizon) == (82, 0)
    window = next(iter(curve))
    positions = STEP * torch.arange(82, dtype=torch.float64)
    torch.testing.assert_close(window.x.flatten(), positions.float())
    torch.testing.assert_close(window.timespans.flatten(), (positions / 360).float())
    torch.testing.assert_close(window.target.item(), math.sin(81 * STEP))


def test_a_value_target_at_horizon_zero_gives_a_warning():
    with pytest.warns(UserWarning, match="the target is the window's last input"):
        curve = Curve(horizon=0)
    window = next(iter(curve))
    assert window.target.item() == window.x[0, -1, 0].item()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        Curve(inputs="position", horizon=0)


SETTINGS = st.fixed_dictionaries(
    {
        "kind": st.sampled_from(["sine", "cosine"]),
        "window": st.integers(1, 20),
        "horizon": st.integers(1, 5),
        "noise": st.sampled_from([0.0, 0.3]),
        "jitter": st.sampled_from([0.0, 0.5, 1.0]),
        "drop": st.sampled_from([0.0, 0.4]),
        "seed": st.integers(0, 99),
    }
)


@settings(deadline=None, max_examples=40)
@given(SETTINGS, st.integers(0, 30))
def test_windows_move_on_by_one_sample_and_do_not_depend_on_where_one_starts(options, start):
    curve = Curve(**options)
    first, second = curve.windows(2, start)
    assert torch.equal(first.x[:, 1:], second.x[:, :-1])
    assert torch.equal(first.timespans[:, 1:], second.timespans[:, :-1])
    from_zero = next(islice(iter(curve), start, None))
    for name in ("x", "timespans", "target", "clean"):
        assert torch.equal(getattr(first, name), getattr(from_zero, name))
    assert (first.timespans >= 0).all()


@settings(deadline=None, max_examples=40)
@given(SETTINGS)
def test_elapsed_times_lead_from_position_to_position(options):
    curve = Curve(**options)
    samples = curve.samples(50)
    moved = np.diff(samples.position)
    np.testing.assert_allclose(moved, curve.step * samples.elapsed[1:], atol=1e-12)
    unit = np.sin if curve.kind == "sine" else np.cos
    np.testing.assert_allclose(samples.clean, unit(samples.position), atol=1e-12)
    if not options["noise"]:
        np.testing.assert_array_equal(samples.clean, samples.observed)
    longer = curve.samples(80)
    np.testing.assert_array_equal(longer.observed[:50], samples.observed)


def test_noise_jitter_and_drop_have_the_size_asked_for():
    n = 20_000
    noise = Curve(noise=0.2).samples(n)
    assert abs((noise.observed - noise.clean).std() - 0.2) < 0.01
    jitter = Curve(jitter=0.5).samples(n).elapsed
    assert 0.5 <= jitter.min() < 0.51 and 1.49 < jitter.max() <= 1.5
    dropped = Curve(drop=0.25).samples(n).elapsed
    assert set(dropped) > {1.0, 2.0, 3.0} and abs(dropped.mean() - 1 / 0.75) < 0.02


def test_noise_reaches_targets_and_value_inputs_but_not_the_clean_value():
    quiet, noisy = next(iter(Curve())), next(iter(Curve(noise=0.1)))
    assert torch.equal(quiet.clean, noisy.clean)
    assert not torch.equal(quiet.target, noisy.target) and not torch.equal(quiet.x, noisy.x)
    position = next(iter(Curve(inputs="position", noise=0.1)))
    assert torch.equal(position.x, next(iter(Curve(inputs="position"))).x)


def test_the_walk_is_bounded_random_and_seeded():
    walk = Curve("walk", amplitude=2.0).samples(50_000).clean
    assert -2 <= walk.min() < -1.9 and 1.9 < walk.max() <= 2
    assert np.abs(np.diff(walk)).max() <= 2 * 5 * STEP + 1e-12
    other = Curve("walk", amplitude=2.0, seed=1).samples(50_000).clean
    assert not np.array_equal(walk, other)


def test_amplitude_and_step():
    samples = Curve("cosine", amplitude=3.0, step=0.5).samples(4)
    np.testing.assert_allclose(samples.clean, 3 * np.cos(0.5 * np.arange(4)))


def write(tmp_path, text):
    path = tmp_path / "data.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_no_samples_are_not_a_number_of_samples():
    with pytest.raises(ValueError, match="n must be a whole number of at least 1, got 0"):
        Curve().samples(0)


def test_a_csv_column_ends_with_its_data(tmp_path):
    path = write(tmp_path, "t,y\n" + "".join(f"{i},{i * i}\n" for i in range(10)))
    windows = list(Curve("csv", path=path, column="y", window=3, horizon=2))
    assert len(windows) == 10 - 3 - 2 + 1
    assert windows[-1].x.flatten().tolist() == [25.0, 36.0, 49.0]
    assert windows[-1].target.item() == 81.0
    with pytest.raises(ValueError, match="steps must be at most 6 from here, got 7"):
        list(Curve("csv", path=path, column="y", window=3, horizon=2).windows(7))


@pytest.mark.parametrize(
    ("text", "column", "message"),
    [
        ("t,y\n1,2\n", "z", r"column must be one of \['t', 'y'\] of data.csv, got 'z'"),
        ("t,y\n1,2\n", None, "column must be one of"),
        ("", "y", r"column must be one of \[\]"),
        ("y\n", "y", "column 'y' of data.csv must not be empty"),
        ("y\n1\nnorth\n", "y", "must hold finite numbers, got 'north' in line 3"),
        ("t,y\n1,2\n3\n", "y", "must hold finite numbers, got '' in line 3"),
        ("y\n1\nnan\n", "y", "must hold finite numbers, got 'nan' in line 3"),
        ("y\n1\n2\n3\n", "y", "window must fit the data: window 3 and horizon 1 need 4 samples"),
    ],
)
def test_bad_csv_is_named(tmp_path, text, column, message):
    with pytest.raises(ValueError, match=message):
        Curve("csv", path=write(tmp_path, text), column=column, window=3)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"path must be a CSV file, got .*none.csv"):
        Curve("csv", path=tmp_path / "none.csv")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"kind": "saw"}, "kind must be one of 'sine', 'cosine', 'walk', 'csv', got 'saw'"),
        ({"inputs": "both"}, "inputs must be one of"),
        ({"time": "none"}, "time must be one of"),
        ({"window": 0}, "window must be a whole number of at least 1"),
        ({"horizon": -1}, "horizon must be"),
        ({"amplitude": math.inf}, "amplitude must be a finite number"),
        ({"step": 0.0}, r"step must be a finite number in \(0, inf\), got 0.0"),
        ({"noise": -0.1}, r"noise must be a finite number in \[0, inf\), got -0.1"),
        ({"jitter": 1.5}, r"jitter must be a finite number in \[0, 1\], got 1.5"),
        ({"drop": 1.0}, "drop must be below 1"),
        ({"seed": -1}, "seed must be"),
        ({"kind": "walk", "jitter": 0.1}, "jitter must be 0 for kind 'walk'"),
        ({"kind": "csv"}, "path must be given"),
        ({"path": "x.csv"}, "path and column are for kind 'csv'"),
    ],
)
def test_bad_settings_are_named(options, message):
    with pytest.raises(ValueError, match=message):
        Curve(**options)
