"""Philox 4x32-10: random numbers that depend only on a seed, a stream and an index.

A counter-based generator has no hidden state: number ``i`` of stream ``s`` under seed ``k`` is a
fixed function of ``(k, s, i)``. The same numbers can therefore be made again anywhere, in any
order, by a few lines of code: in a test, on a GPU, in a browser.

The layout used throughout the book: the key is the 64-bit seed (low word, high word), the counter
is ``(block, 0, stream, 0)``, and each block gives four 32-bit words. A *stream* is the CRC-32 of a
name, such as a parameter's ``"readout.weight"``.

Source: Salmon, Moraes, Dror, Shaw (2011), "Parallel random numbers: as easy as 1, 2, 3", SC11.
"""

import zlib

import numpy as np

from liquidlib import checks

_MULTIPLIERS = np.uint64(0xD2511F53), np.uint64(0xCD9E8D57)
_WEYL = 0x9E3779B9, 0xBB67AE85
_LOW = np.uint64(0xFFFFFFFF)
_HALF = np.uint64(32)


def philox4x32(counter: np.ndarray, key: tuple[int, int]) -> np.ndarray:
    """Encrypt counters into random words, ten rounds.

    Parameters
    ----------
    counter : array of shape (N, 4)
        Counters, each four 32-bit words.
    key : two ints
        The two 32-bit words of the key.

    Returns
    -------
    array of shape (N, 4), uint32
        Four random words for each counter.
    """
    c0, c1, c2, c3 = np.asarray(counter, dtype=np.uint64).T
    k0, k1 = key
    for _ in range(10):
        p0, p1 = c0 * _MULTIPLIERS[0], c2 * _MULTIPLIERS[1]
        c0, c1, c2, c3 = (
            (p1 >> _HALF) ^ c1 ^ np.uint64(k0),
            p1 & _LOW,
            (p0 >> _HALF) ^ c3 ^ np.uint64(k1),
            p0 & _LOW,
        )
        k0, k1 = (k0 + _WEYL[0]) & 0xFFFFFFFF, (k1 + _WEYL[1]) & 0xFFFFFFFF
    return np.stack([c0, c1, c2, c3], axis=-1).astype(np.uint32)


def words(n: int, seed: int, stream: str) -> np.ndarray:
    """Return the first ``n`` random 32-bit words of a stream, shape (n,), uint32."""
    seed = checks.integer("seed", seed, at_least=0)
    if seed >= 2**64:
        raise ValueError(f"seed must be below 2**64, got {seed}")
    counter = np.zeros((-(-n // 4), 4), dtype=np.uint64)
    counter[:, 0] = np.arange(len(counter))
    counter[:, 2] = zlib.crc32(stream.encode())
    return philox4x32(counter, (seed & 0xFFFFFFFF, seed >> 32)).reshape(-1)[:n]


def uniform(n: int, seed: int, stream: str) -> np.ndarray:
    """Return ``n`` numbers uniform on [-1, 1), shape (n,), float32.

    Each is ``2 * (word >> 8) / 2**24 - 1``, which float32 holds exactly.
    """
    return (2.0 * ((words(n, seed, stream) >> 8) / 2.0**24) - 1.0).astype(np.float32)


def normal(n: int, seed: int, stream: str) -> np.ndarray:
    """Return ``n`` standard normal numbers, shape (n,), float32.

    Box and Muller (1958): words ``2i`` and ``2i + 1`` give ``u = (word + 1) / 2**32`` and
    ``v = word / 2**32``, and these give numbers ``2i`` and ``2i + 1``,
    ``sqrt(-2 ln u)`` times ``cos(2 pi v)`` and ``sin(2 pi v)``. Computed in float64, then rounded.
    """
    pairs = words(n + n % 2, seed, stream).reshape(-1, 2)
    radius = np.sqrt(-2.0 * np.log((pairs[:, 0] + 1.0) / 2.0**32))
    angle = 2.0 * np.pi * pairs[:, 1] / 2.0**32
    both = np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=-1)
    return both.reshape(-1)[:n].astype(np.float32)
