"""Experiments for the tests of `sweep`: workers import them, and they log their calls to files."""

import os
import signal
import time
from pathlib import Path

import numpy as np


def log(folder, seed, what="calls"):
    """Note a call; return how often there was one."""
    path = Path(folder) / f"{what}-{seed}"
    with path.open("a") as file:
        file.write(f"{os.getpid()}\n")
    return calls(folder, seed, what)


def calls(folder, seed, what="calls"):
    path = Path(folder) / f"{what}-{seed}"
    return len(path.read_text().splitlines()) if path.exists() else 0


def plain(seed, folder, lr=0.1, kind="a"):
    """Seeds later in the order end sooner."""
    log(folder, seed)
    time.sleep(0.02 * (3 - seed % 4))
    noise = np.random.default_rng(seed).normal(size=5)
    step = None if seed == 3 else 10 * seed
    return {"score": lr * seed, "step": step, "y": noise, "kind_seen": kind, "engine": "none"}


def lengths(seed, folder):
    """Return series of lengths that differ, and one that only some return."""
    more = {"z": np.ones(2)} if seed else {}
    return {"y": np.full(seed + 1, float(seed)), "number": np.int64(seed)} | more


def patient(seed, folder):
    """From seed 2 on, wait for a file of the name "go"."""
    log(folder, seed)
    while seed >= 2 and not (Path(folder) / "go").exists():
        time.sleep(0.02)
    return {"y": np.ones(3), "seen": seed}


def deadly(seed, folder, once, always=-1):
    """Kill the worker in the first call with the seed ``once``, and in each with ``always``."""
    count = log(folder, seed)
    time.sleep(0.05)
    if seed == always or (seed == once and count == 1):
        os.kill(os.getpid(), signal.SIGKILL)
    return {"y": np.full(4, float(seed)), "square": seed**2}


def large(seed, folder, bulky=3, n=100_000):
    """Return an array that no compression makes small, from the seed ``bulky`` on."""
    log(folder, seed)
    if seed >= bulky:
        time.sleep(0.5)
    return {"y": np.random.default_rng(seed).normal(size=n if seed >= bulky else 10)}


def failing(seed, folder):
    log(folder, seed)
    if seed == 1 and not (Path(folder) / "mended").exists():
        raise ZeroDivisionError("one over nothing")
    return {"seen": seed}


def given(seed, **setting):
    """Return just one result, from the setting of that name."""
    return {"seen": seed}


def returns(seed, what):
    return {
        "list": [1],
        "matrix": {"y": np.ones((2, 2))},
        "ints": {"y": np.ones(2, int)},
        "seed": {"seed": 1},
        "setting": {"what": 1},
    }[what]
