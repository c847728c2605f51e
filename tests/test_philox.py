"""The generator against its published vectors, and the numbers made from its words."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from liquidlib import philox

FULL = 0xFFFFFFFF


@pytest.mark.parametrize(
    ("counter", "key", "expected"),
    [  # Random123's kat_vectors, philox4x32 with 10 rounds
        ([0] * 4, (0, 0), [0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8]),
        ([FULL] * 4, (FULL, FULL), [0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD]),
        (
            [0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344],
            (0xA4093822, 0x299F31D0),
            [0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1],
        ),
    ],
)
def test_published_vectors(counter, key, expected):
    assert philox.philox4x32(np.array([counter]), key)[0].tolist() == expected


@given(st.integers(0, 2**64 - 1), st.integers(1, 50), st.integers(1, 50))
def test_a_longer_draw_begins_with_the_shorter(seed, n, m):
    for draw in (philox.words, philox.uniform, philox.normal):
        np.testing.assert_array_equal(draw(n + m, seed, "x")[:n], draw(n, seed, "x"))


def test_seed_and_stream_matter_in_all_their_bits():
    draws = [(0, "a"), (1, "a"), (2**32, "a"), (2**63, "a"), (0, "b")]
    assert len({philox.words(4, *draw).tobytes() for draw in draws}) == len(draws)


def test_moments():
    n = 200_000  # standard errors below are about 1 / sqrt(n) = 0.0022
    u, z = philox.uniform(n, 1, "u").astype(float), philox.normal(n, 1, "z").astype(float)
    assert -1 <= u.min() < -0.999 and 0.999 < u.max() < 1
    assert abs(u.mean()) < 0.01 and abs(u.var() - 1 / 3) < 0.01
    assert abs(z.mean()) < 0.01 and abs(z.var() - 1) < 0.02 and abs((z**4).mean() - 3) < 0.1


@pytest.mark.parametrize("seed", [-1, 2**64, 1.5, True, None])
def test_a_seed_out_of_range_is_named(seed):
    with pytest.raises(ValueError, match="seed must be"):
        philox.uniform(1, seed, "x")
