"""What liquidlib's engine runs, how fast, and against what: `python benchmarks/engine.py`.

Takes a few minutes, in one process and one thread, needs a C compiler and a Chromium, and writes
liquidlib/data/engine.json, which the book's page on the engine shows. What is compared takes turns,
a twentieth of a second each, and what counts is the processor's time, so that what else the machine
does slows all of it alike.
"""

import gzip
import inspect
import json
import os
import platform
import shutil
import subprocess
from collections.abc import Callable
from copy import deepcopy
from importlib.metadata import version
from pathlib import Path
from statistics import median
from time import process_time

import chromium
import torch
from cases import CURVE, PUBLISHED, SEED, Refused, cases, described, lstm_of, ncps_cfc
from peers import PEERS, sides
from torch import Tensor, nn
from tqdm import tqdm

from liquidlib import (
    CfC,
    Machine,
    Tape,
    Unsupported,
    Window,
    count_parameters,
    from_ncps,
    lower,
    make,
    models,
)
from liquidlib.engine.opcodes import SOURCE
from liquidlib.training.track import versions

FILE = Path(__file__).parents[1] / "liquidlib" / "data" / "engine.json"
ADAMW = {"lr": 1e-3, "betas": (0.9, 0.999), "eps": 1e-8, "weight_decay": 0.01}
STEPS = 20  # over which losses are compared
ROUNDS = {"ratios": 40, "models": 15, "peers": 15, "chromium": 9}
TURN = 0.05  # seconds


# How it is measured ------------------------------------------------------------------------


class PyTorch:
    """Online training steps by PyTorch, as `track` takes them, of a copy of any module."""

    def __init__(self, model: nn.Module) -> None:
        self.model = deepcopy(model)
        self.optimiser = torch.optim.AdamW(self.model.parameters(), **ADAMW)
        named = inspect.signature(self.model.forward).parameters
        self.takes = [name for name in ("timespans", "mask") if name in named]

    def __call__(self, window: Window) -> float:
        """Learn from one window; return the loss before."""
        given = self.model(window.x, **{name: getattr(window, name) for name in self.takes})
        output = given[0] if isinstance(given, tuple) else given  # (1, T, 1), or (1, 1) of ncps
        prediction = output[:, -1] if output.dim() == 3 else output
        loss = ((prediction - window.target) ** 2).mean()
        self.optimiser.zero_grad()
        loss.backward()
        self.optimiser.step()
        return loss.item()


class OnTape:
    """The same steps by a machine."""

    def __init__(self, tape: Tape, vm: str) -> None:
        self.machine = Machine(tape, vm=vm)
        self.machine.set(**ADAMW)

    def __call__(self, window: Window) -> float:
        """Learn from one window; return the loss before."""
        return self.machine.step(
            window.target.item(),
            x=window.x.numpy(),
            timespans=window.timespans.numpy(),
            mask=window.mask.numpy(),
        )[1]


def race(
    sides: dict[str, Callable[[Window], float]], rounds: int, progress: tqdm
) -> dict[str, list[float]]:
    """Let the sides take turns; return the seconds that a step took each in every round."""
    windows = list(CURVE.windows(200))
    turns, seconds = {}, {name: [] for name in sides}
    for name, step in sides.items():
        step(windows[0])
        begin = process_time()
        step(windows[1])
        turns[name] = max(1, round(TURN / (process_time() - begin)))
    for _ in range(rounds):
        for name, step in sides.items():
            begin = process_time()
            for i in range(turns[name]):
                step(windows[i % len(windows)])
            seconds[name].append((process_time() - begin) / turns[name])
        progress.update()
    return seconds


def speed(seconds: list[float]) -> dict[str, float]:
    """Return the steps a second, best and median of the rounds."""
    return {"best": _short(1 / min(seconds)), "median": _short(1 / median(seconds))}


def times(seconds: list[float], slower: list[float]) -> dict[str, float]:
    """Return how many times as fast one side is: of both bests, and the median of the rounds."""
    rounds = [b / a for a, b in zip(seconds, slower, strict=True)]
    return {"best": _short(min(slower) / min(seconds)), "median": _short(median(rounds))}


def _short(number: float) -> float:
    return float(f"{number:.4g}")


def deviation(model: nn.Module, tape: Tape, vm: str) -> float:
    """Return the largest difference of the losses of a machine and of PyTorch."""
    sides = OnTape(tape, vm), PyTorch(model)
    return max(abs(sides[0](w) - sides[1](w)) for w in CURVE.windows(STEPS))


# The tables --------------------------------------------------------------------------------


RATIOS = {
    "CfC 32, backbone 1 × 64": (32, {"backbone_units": 64, "backbone_layers": 1}),
    "CfC 64, backbone 1 × 64": (64, {"backbone_units": 64, "backbone_layers": 1}),
    "CfC 256, backbone 2 × 64 (published)": (256, PUBLISHED),
}
NATIVE, WASM = "tape, native", "tape, WebAssembly"
NCPS, OURS, NN_LSTM = "ncps in PyTorch", "liquidlib in PyTorch", "nn.LSTM in PyTorch"


def ratios(progress: tqdm) -> list[dict]:
    """Return the same CfC, with the same weights, by all sides, and an nn.LSTM as large.

    That of ncps and the nn.LSTM read out the last step only, which is quicker.
    """
    rows = []
    for label, (hidden_size, options) in RATIOS.items():
        theirs = ncps_cfc(hidden_size, return_sequences=False, **options)
        ours: CfC = from_ncps(theirs)
        lstm, tape = lstm_of(count_parameters(ours)), lower(ours, CURVE.window)
        trained = {NATIVE: ours, WASM: ours, NCPS: theirs, OURS: ours, NN_LSTM: lstm}
        sides = {NATIVE: OnTape(tape, "native"), WASM: OnTape(tape, "wasm")}
        sides |= {name: PyTorch(trained[name]) for name in (NCPS, OURS, NN_LSTM)}
        seconds = race(sides, ROUNDS["ratios"], progress)
        rows += [
            {
                "model": label,
                "by": name,
                "parameters": count_parameters(trained[name]),
                "steps": speed(taken),
                "native_times": times(seconds[NATIVE], taken),
                "wasm_times": times(seconds[WASM], taken),
            }
            for name, taken in seconds.items()
        ]
    return rows


def peers(progress: tqdm) -> list[dict]:
    """Return how much of ncps's time a training step of the same network takes in liquidlib."""
    rows = []
    for peer in PEERS:
        by, parameters = sides(peer)
        seconds = race(
            {name: lambda _, step=step: step() for name, step in by.items()},
            ROUNDS["peers"],
            progress,
        )
        shares = [a / b for a, b in zip(seconds["liquidlib"], seconds["ncps"], strict=True)]
        rows.append(
            {
                "model": peer.model,
                "size": peer.size,
                "parameters": parameters,
                "batch": peer.batch,
                "steps": peer.steps,
                "best": _short(min(seconds["liquidlib"]) / min(seconds["ncps"])),
                "median": _short(median(shares)),
            }
        )
    return rows


def lowered(progress: tqdm) -> list[dict]:
    """Return what lowers, how large it is, how fast and how exact."""
    rows = []
    for case in cases():
        row, model, tape = described(case)
        begin = process_time()
        lower(model, CURVE.window)  # the second time: PyTorch has warmed up
        row["lower_s"] = _short(process_time() - begin)
        row["deviation"] = _short(max(deviation(model, tape, vm) for vm in ("native", "wasm")))
        sides = {"native": OnTape(tape, "native"), "wasm": OnTape(tape, "wasm")}
        seconds = race(sides | {"torch": PyTorch(model)}, ROUNDS["models"], progress)
        row["native_times"] = times(seconds["native"], seconds["torch"])
        rows.append(row | {name: speed(taken) for name, taken in seconds.items()})
    return rows


def refused() -> list[dict]:
    """Return examples of what does not lower, with the message."""

    def softmax(z: Tensor) -> Tensor:
        return torch.softmax(z, dim=-1)

    def dropout(z: Tensor) -> Tensor:
        return nn.functional.dropout(z, 0.1)

    def sort(z: Tensor) -> Tensor:
        return z.sort(dim=-1).values

    modules = {operation.__name__: Refused(operation) for operation in (softmax, dropout, sort)}
    for info in models():
        if info.model.adaptive:
            modules[info.model.label] = make(info.name, 1, 4, 1)
    rows = []
    for name, module in modules.items():
        try:
            lower(module, CURVE.window)
        except Unsupported as error:
            message, _, line = str(error).partition(", called in ")
            rows.append({"what": name, "message": message, "line": line.partition(": ")[2]})
        else:
            raise RuntimeError(f"{name} lowers: name another example of what does not")
    return rows


IN_CHROMIUM = {
    "CfC 32, backbone 1 × 64": 1200,
    "CfC 64, backbone 1 × 64": 850,
    "LTC 16, 6 unfolds": 250,
}


def targets(stored: dict) -> list[dict]:
    """Return what was asked for beside what was measured."""
    by = {(row["model"], row["by"]): row for row in stored["ratios"]}
    small, _, large = RATIOS
    rows = []
    for model, against, vm, bound in (
        (small, NCPS, NATIVE, 40),
        (small, NCPS, WASM, 25),
        (large, NCPS, NATIVE, 10),
        (large, NCPS, WASM, 5),
        (large, NN_LSTM, NATIVE, 1.5),
    ):
        found = by[model, against]["native_times" if vm == NATIVE else "wasm_times"]
        rows.append(_target(f"{model}: {vm}, against {against}", "times", bound, **found))
    for row in stored["chromium"]:
        if bound := IN_CHROMIUM.get(row["model"]):
            what = f"{row['model']}: in Chromium"
            rows.append(_target(what, "steps/s", bound, **row["steps_per_second"]))
    for peer, row in zip(PEERS, stored["peers"], strict=True):
        if peer.at_most is not None:
            what = f"{peer.model} {peer.size}, batch {peer.batch}: in PyTorch, of ncps's time"
            rows.append(_target(what, "times", peer.at_most, row["best"], row["median"], most=True))
    engine = [SOURCE.parent / name for name in ("vm.wasm", "engine.js")]
    size = sum(len(gzip.compress(path.read_bytes(), mtime=0)) for path in engine) / 1000
    rows.append(_target("engine of the page, compressed", "kB", 15, size, size, most=True))
    tapes = [row for row in stored["models"] if row["loops"]]
    for kind, group in (
        ("weights drawn from a seed", [row for row in tapes if not row["shipped"]]),
        ("with its weights", [row for row in tapes if row["shipped"]]),
    ):
        row = max(group, key=lambda row: row["tape_kb"])
        what = f"largest tape that loops, {kind}, compressed: {row['model']}, {row['size']}"
        rows.append(_target(what, "kB", 6, row["tape_kb"], row["tape_kb"], most=True))
    return rows


def _target(
    what: str, unit: str, bound: float, best: float, median: float, most: bool = False
) -> dict:
    holds = [x <= bound if most else x >= bound for x in (median, best)]
    met = "yes" if holds[0] else "in the best turn" if holds[1] else "no"
    asked = f"{'≤' if most else '≥'} {bound:,} {unit}"
    return {"what": what, "asked": asked, "best": best, "median": median, "met": met}


def made_with() -> dict[str, str]:
    """Return the versions and the machine that the numbers belong to."""
    compiler = shutil.which(os.environ.get("CC", "cc"))
    says = subprocess.run([compiler, "--version"], capture_output=True, text=True).stdout
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        processor = next(x.partition(":")[2].strip() for x in lines if x.startswith("model name"))
    except (OSError, StopIteration):
        processor = platform.processor() or platform.machine()
    packages = {name: version(name) for name in ("ncps", "wasmtime")}
    return versions() | packages | {"compiler": says.splitlines()[0], "processor": processor}


def main() -> None:
    """Measure everything and store it."""
    torch.set_num_threads(1)
    rounds = len(RATIOS) * ROUNDS["ratios"] + len(cases()) * ROUNDS["models"]
    rounds += len(PEERS) * ROUNDS["peers"]
    stored = {
        "command": "python benchmarks/engine.py",
        "versions": made_with(),
        "seed": SEED,
        "window": CURVE.window,
        "rounds": ROUNDS,
        "steps_compared": STEPS,
        "chromium": chromium.measure(ROUNDS["chromium"]),
    }
    with tqdm(total=rounds, unit="round") as progress:
        stored["ratios"] = ratios(progress)
        stored["models"] = lowered(progress)
        stored["peers"] = peers(progress)
    stored["refused"] = refused()
    stored["targets"] = targets(stored)
    written = FILE.with_name(f".{FILE.name}")
    written.write_text(json.dumps(stored, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    os.replace(written, FILE)
    for row in stored["targets"]:
        print(f"{row['met']:16} {row['asked']:16} {row['median']:8.4g}  {row['what']}")


if __name__ == "__main__":
    main()
