"""A tape, run one instruction at a time, with all the numbers that it reads and writes."""

from collections.abc import Iterable

import anywidget
import numpy as np
import traitlets

from liquidlib.engine import Machine, Tape
from liquidlib.engine.opcodes import BINARY, UNARY
from liquidlib.engine.wasm import BINARY as VM
from liquidlib.signals import Window
from liquidlib.widgets.front import script, style

_MOST = 64  # parameters that a reader can still look through
_SIGNS = {"add": "+", "sub": "−", "mul": "×", "div": "/"}
_SIGNS |= {"eq": "=", "ne": "≠", "lt": "<", "le": "≤", "gt": ">", "ge": "≥"}
_SHORT = {"one_minus_beta1": "(1 − β₁)", "one_minus_beta2": "(1 − β₂)"}


class TapeStepper(anywidget.AnyWidget):
    """A training step as a tape, to be run instruction by instruction.

    Shows the program with the instruction that was just run, and the whole heap: what each time
    step keeps, the parameters with their gradients and moments, single numbers, scratch. What the
    instruction read and what it wrote is marked. The page runs the tape itself, with the same
    WebAssembly as ``Machine(tape, vm="wasm")``, and so with the same numbers; it goes round the
    windows, one a training step.

    Parameters
    ----------
    tape : Tape
        Of a recurrent model with at most 64 parameters, from `lower`.
    windows : iterable of Window
        At batch 1 and of one length, such as ``Curve(window=3).windows(12)``.
    **settings
        The optimiser's, as in `Machine.set`. Those not given are 0.

    Attributes
    ----------
    vm, tape : bytes
        The VM as WebAssembly, and the tape.
    windows : bytes
        float32: for each window what the model reads, in the tape's order, then the target.
    window : int
        Time steps in a window, T.
    settings : dict
    program : list of dict
        The instructions, as in `Tape.listing`, with every operand named, and what each ``says``.
    rows : dict
        What lies where on the heap, to be drawn.

    Raises
    ------
    TypeError
        If ``tape`` is no Tape.
    ValueError
        If the tape does not loop or is too large, a window does not fit it, or the optimiser has
        no such setting.
    """

    _esm = script("engine", "tape")
    _css = style()

    vm = traitlets.Bytes().tag(sync=True)
    tape = traitlets.Bytes().tag(sync=True)
    windows = traitlets.Bytes().tag(sync=True)
    window = traitlets.Int().tag(sync=True)
    settings = traitlets.Dict().tag(sync=True)
    program = traitlets.List(traitlets.Dict()).tag(sync=True)
    rows = traitlets.Dict().tag(sync=True)

    def __init__(self, tape: Tape, windows: Iterable[Window], **settings: float) -> None:
        if not isinstance(tape, Tape):
            raise TypeError(f"tape must be a liquidlib.Tape, got {type(tape).__name__}")
        if not tape.loops:
            raise ValueError(f"tape must loop over time steps, got that of {tape.label}")
        if tape.size > _MOST:
            raise ValueError(f"tape must have at most {_MOST} parameters, got {tape.size}")
        windows = list(windows)
        if not windows:
            raise ValueError("windows must hold at least one window, got none")
        steps = windows[0].x.shape[1]
        Machine(tape, steps, vm="wasm").set(**settings)  # complains about what does not fit
        program = tape.listing()
        rows = _named(program, tape)
        super().__init__(
            vm=VM.read_bytes(),
            tape=tape.to_bytes(),
            windows=b"".join(_flat(k, window, tape, steps) for k, window in enumerate(windows)),
            window=steps,
            settings=settings,
            program=program,
            rows=rows,
        )


def _flat(k: int, window: Window, tape: Tape, steps: int) -> bytes:
    """Return what a machine is fed, float32."""
    numbers = []
    for name, (_, _, width) in tape.inputs.items():
        given = getattr(window, name)
        if given.numel() != steps * width or given.shape[1] != steps:
            expected = (1, steps) if name == "timespans" else (1, steps, width)
            raise ValueError(
                f"windows[{k}].{name} must have shape {expected}, got {tuple(given.shape)}"
            )
        numbers.append(given.numpy().ravel())
    return np.concatenate([*numbers, window.target.numpy().ravel()]).astype(np.float32).tobytes()


def _named(program: list[dict], tape: Tape) -> dict:
    """Name every operand of a listing, add what each instruction says; return what to draw."""
    kept: dict[int, list] = {}  # in a frame: from the offset to [name, width, is in frame 0]
    scratch: dict[int, list] = {}  # from the address to [name, width]
    for row in program:
        for operand, width in zip(row["operands"], _widths(row, tape.frame), strict=True):
            operand["width"] = width
        for operand in [*row["operands"][1:], *row["operands"][:1]]:  # read, then written
            width = operand["width"]
            address, name = operand["address"], operand["name"]
            if operand["base"] == "frame":
                before = address < tape.heap
                place = kept.setdefault(
                    (address - tape.heap) % tape.frame,
                    [name.removesuffix(" before") if before else name, 0, False],
                )
                place[1:] = max(place[1], width), place[2] or before
                place[0] = place[0] or _after(row["note"])
            elif operand["base"] == "heap" and not name:
                place = scratch.setdefault(address, ["", 0])
                place[1] = max(place[1], width)
    for places in (kept, scratch):
        _merge(places)
    taken: dict[str, int] = {}
    for place in kept.values():  # two that came from the same operation
        taken[place[0]] = taken.get(place[0], 0) + 1
        place[0] += f" {taken[place[0]]}" if taken[place[0]] > 1 else ""
    for k, place in enumerate(scratch.values(), start=1):
        place[0] = f"s{k}"

    parts = [row["part"] for row in program]
    program[-1]["part"] = parts[-2] if len(parts) > 1 else ""
    for row in program:
        for operand in row["operands"]:
            name = operand["name"]
            if not name and operand["base"] == "frame":
                name = _slice((operand["address"] - tape.heap) % tape.frame, operand, kept)
            elif not name:
                name = _slice(operand["address"], operand, scratch).partition("[0:")[0]
            operand["name"] = _SHORT.get(name, name)
        row["says"] = _says(row, program)
    return {
        "kept": [
            {"name": name, "address": tape.heap + offset, "width": width, "zeroth": zeroth}
            for offset, (name, width, zeroth) in kept.items()
        ],
        "regions": list(tape.regions.items()),
        "parameters": [
            {"name": p["name"] + _index(index), "start": p["start"] + k}
            for p in tape.parameters
            for k, index in enumerate(np.ndindex(*p["shape"]))
        ],
        "numbers": [
            {"name": _SHORT.get(name, name), "address": address}
            for name, address in tape.numbers.items()
        ],
        "constants": [address for address, _, _ in tape.constants],
        "scratch": [
            {"name": name, "address": address, "width": min(width, tape.size)}
            for address, (name, width) in scratch.items()
        ],
    }


def _widths(row: dict, frame: int) -> list[int]:
    """Return how many floats each operand of an instruction reaches over, within one frame."""
    extents = [row["sizes"][:2]] * len(row["operands"])
    if row["op"] == "matmul":
        m, k, n, _ = row["sizes"]
        extents = [(m, n), (m, k), (k, n)]
    return [
        1
        + sum(
            (n - 1) * stride
            for n, stride in zip(sizes, operand["strides"], strict=True)
            if n and stride != frame
        )
        for operand, sizes in zip(row["operands"], extents, strict=True)
    ]


def _merge(places: dict[int, list]) -> None:
    """Join places that overlap; the order in which the program comes to them stays."""
    last = None
    for address in sorted(places):
        if last is not None and address < last + places[last][1]:
            places[last][1] = max(places[last][1], address + places.pop(address)[1] - last)
        else:
            last = address


def _slice(address: int, operand: dict, places: dict[int, list]) -> str:
    """Return the name of a part of a place."""
    start = max(first for first in places if first <= address)
    name, width, *_ = places[start]
    first, end = address - start, address - start + operand["width"]
    return name if (first, end) == (0, width) else f"{name}[{first}:{end}]"


def _after(note: str) -> str:
    """Return a name for the result of an operation that nothing names."""
    forward = note.removesuffix("_backward")
    return note if note == forward else f"d {forward}"


def _index(index: tuple[int, ...]) -> str:
    return f"[{','.join(map(str, index))}]"


def _says(row: dict, program: list[dict]) -> str:
    """Return an instruction as a line to be read."""
    op, sizes = row["op"], row["sizes"]
    result, *read = [operand["name"] for operand in row["operands"]] or [""]
    if op == "loop":
        back = next(r for r in program if r["op"] == "next" and r["at"] > row["at"])
        if sizes[0] == 1:
            return "for each time step" + (", backward" if back["sizes"][1] < 0 else "")
        return "for each strip of parameters"
    if op == "next":
        return "back to the loop's start" if sizes[0] == 1 else "next strip"
    if op == "train":
        return "go on only to learn"
    if op == "end":
        return "the training step is over"
    if op == "matmul":
        return f"{result} {'+=' if sizes[3] else '='} {read[0]} · {read[1]}"
    if op in ("copy", "neg"):
        return f"{result} = {'−' if op == 'neg' else ''}{read[0]}"
    if op in UNARY or op not in _SIGNS:
        return f"{result} = {op}({', '.join(read)})"
    assert op in BINARY
    return f"{result} = {read[0]} {_SIGNS[op]} {read[1]}"
