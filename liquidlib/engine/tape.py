"""A tape: a training step as a flat program, with what a host must know to run it."""

import json
from dataclasses import asdict, dataclass, field, fields

import numpy as np

from liquidlib import checks
from liquidlib.engine.opcodes import BINARY, OPCODES, TERNARY, UNARY

_MAGIC = b"liquidlib tape 1"
_NOT_WRITTEN = ("notes", "labels")
_OPS = {number: name for name, number in OPCODES.items()}


@dataclass(frozen=True, repr=False, eq=False)
class Tape:
    """A training step of one model, lowered; every setting is an input.

    Addresses count float32 numbers from the heap's beginning. A *place* is ``(address, stride,
    width)``: ``width`` numbers for each time step, the first step's at ``address``, the next
    step's ``stride`` further on.

    Attributes
    ----------
    model, label : str
        The model's name in the table, and the one that figures print.
    optimiser : {"adamw", "sgd"}
    window : int
        Time steps that the step was lowered with. Where ``frame`` is not 0, it may be run with
        any other number of them.
    heap : int
        Floats before the frames.
    frame : int
        Floats that each time step keeps, in a frame of its own; 0 if the tape does not loop.
    size : int
        Number of trained parameters.
    inputs : dict of place
        ``x``, ``timespans`` and ``mask``, those that the model uses.
    states : list of place
        The state that the window begins with; zeros unless it is set.
    records : dict of place
        What the model records: ``state``, and of some models ``gate``.
    numbers : dict of int
        Addresses of ``target``, ``loss``, ``prediction`` and of the optimiser's settings.
    regions : dict of int
        Addresses of ``parameters``, ``gradients`` and the optimiser's moments, ``size`` floats
        each.
    parameters : list of dict
        ``name``, ``shape``, ``start`` in each region, and ``initial``: ``["uniform", bound,
        centre]``, ``["softplusuniform", bound, centre]``, ``["normal", std]``, ``["constant",
        value]``, or None if its values are shipped.
    constants : list of (address, count, value)
    fixed : list of (address, count)
        What the model holds and training does not change. The values are shipped.
    seed : int
        That the parameters were drawn from.
    program : array, int32
    values : array, float32
        What is shipped: first of ``fixed``, then of the parameters without ``initial``.
    notes : list of (part, operation)
        For each instruction the part of the step that it belongs to, and the ATen operation that
        it came from. Not part of the bytes.
    labels : list of (base, address, width, name)
        Names of places that nothing else names. Not part of the bytes.
    """

    model: str
    label: str
    optimiser: str
    window: int
    heap: int
    frame: int
    size: int
    inputs: dict
    states: list
    records: dict
    numbers: dict
    regions: dict
    parameters: list
    constants: list
    fixed: list
    seed: int
    program: np.ndarray
    values: np.ndarray
    notes: list = field(default_factory=list)
    labels: list = field(default_factory=list)

    def __repr__(self) -> str:
        windows = "any window" if self.loops else f"a window of {self.window}"
        return (
            f"<Tape of {self.label}: {self.size:,} parameters, {self.optimiser}, {windows}, "
            f"{len(self.program):,} numbers>"
        )

    @property
    def loops(self) -> bool:
        """Whether the tape repeats one time step, and so runs windows of any length."""
        return self.frame > 0

    def header(self) -> dict:
        """Return all but the arrays and the notes."""
        given = asdict(self)
        return {k: v for k, v in given.items() if k not in ("program", "values", *_NOT_WRITTEN)}

    def to_bytes(self) -> bytes:
        """Return the tape as bytes: a line of JSON, the program, the values."""
        head = {**self.header(), "program": len(self.program), "values": len(self.values)}
        head["seed"] = str(self.seed)  # JavaScript's numbers hold no more than 53 bits
        head["constants"] = [(a, n, _written(value)) for a, n, value in self.constants]
        line = json.dumps(head, separators=(",", ":"), allow_nan=False).encode()
        line += b" " * (-(len(_MAGIC) + 4 + len(line)) % 4)
        size = np.array([len(line)], dtype="<u4").tobytes()
        program, values = self.program.astype("<i4"), self.values.astype("<f4")
        return b"".join((_MAGIC, size, line, program.tobytes(), values.tobytes()))

    @classmethod
    def from_bytes(cls, data: bytes) -> "Tape":
        """Return the tape that `to_bytes` gave.

        Raises
        ------
        ValueError
            If the bytes hold no tape.
        """
        try:
            if not data.startswith(_MAGIC):
                raise ValueError("no magic word")
            begin = len(_MAGIC) + 4
            end = begin + int.from_bytes(data[begin - 4 : begin], "little")
            head = json.loads(data[begin:end])
            head["seed"] = int(head["seed"])
            head["constants"] = [(a, n, float(value)) for a, n, value in head["constants"]]
            arrays = {}
            for name, kind in (("program", "<i4"), ("values", "<f4")):
                arrays[name] = np.frombuffer(data, kind, head[name], end).copy()
                end += 4 * head[name]
            names = {f.name for f in fields(cls)} - set(_NOT_WRITTEN)
            if end != len(data) or head.keys() != names:
                raise ValueError("other contents")
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError(f"data must be a tape's bytes, got others ({error})") from None
        return cls(**(head | arrays))

    def listing(self) -> list[dict]:
        """Return the program's instructions, to be read.

        Each is a dict: ``at``, where it begins in the program; ``part`` of the step; ``note``, the
        ATen operation that it came from; ``op``; ``sizes``; and ``operands``, the result first,
        each a dict of ``base`` (``"heap"``, ``"frame"`` or ``"strip"``), ``address``, ``strides``
        and ``name``, what lies there.
        """
        rows, at = [], 0
        names = self._names()
        while at < len(self.program):
            op = _OPS[int(self.program[at])]
            sizes, operands = layout(op)
            numbers = self.program[at + 1 : at + 1 + sizes + 3 * operands].tolist()
            part, note = self.notes[len(rows)] if len(rows) < len(self.notes) else ("", "")
            row = {"at": at, "part": part, "note": note, "op": op, "sizes": tuple(numbers[:sizes])}
            row["operands"] = []
            for k in range(sizes, len(numbers), 3):
                base, address = ("heap", "frame", "strip")[numbers[k] & 3], numbers[k] >> 2
                row["operands"].append(
                    {
                        "base": base,
                        "address": address,
                        "strides": tuple(numbers[k + 1 : k + 3]),
                        "name": _name_of(names[base], address),
                    }
                )
            rows.append(row)
            at += 1 + len(numbers)
        return rows

    def _names(self) -> dict[str, list[tuple[int, int, str]]]:
        """Return, for each base, ranges of addresses (first, behind the last) and their names."""
        heap = [(address, address + 1, name) for name, address in self.numbers.items()]
        heap += [(address, address + n, f"{value:g}") for address, n, value in self.constants]
        signs = {"parameters": "", "gradients": "d "}
        strip = []
        for region, begin in self.regions.items():
            strip.append((begin, begin + self.size, region))
            for p in self.parameters:
                start = begin + p["start"]
                name = signs.get(region, f"{region} ") + p["name"]
                heap.append((start, start + int(np.prod(p["shape"])), name))
        frame = []
        for name, (address, stride, width) in {**self.inputs, **self.records}.items():
            if self.loops:
                frame.append((address - self.frame, address - self.frame + width, name))
            else:
                heap.append((address, address + stride * self.window, name))
        for i, (address, _, width) in enumerate(self.states):
            name = "state" if len(self.states) == 1 else f"state {i}"
            frame.append((address, address + width, name))
            frame.append((address - self.frame, address - self.frame + width, f"{name} before"))
        names = {"heap": heap, "frame": frame, "strip": strip}
        for base, address, width, name in self.labels:
            names[base].append((address, address + width, name))
        return names


def _written(value: float) -> float | str:
    """Return a number as JSON can hold it, in words that Python and JavaScript read alike."""
    return value if np.isfinite(value) else str(value).replace("inf", "Infinity")


def _name_of(ranges: list[tuple[int, int, str]], address: int) -> str:
    return next((name for first, end, name in ranges if first <= address < end), "")


def layout(op: str) -> tuple[int, int]:
    """Return how many sizes and how many operands follow an opcode."""
    checks.choice("op", op, OPCODES)
    control = {"end": (0, 0), "train": (0, 0), "loop": (3, 0), "next": (2, 0), "matmul": (4, 3)}
    if op in control:
        return control[op]
    arity = next(n for n, ops in enumerate((UNARY, BINARY, TERNARY), start=1) if op in ops)
    return 2, 1 + arity
