"""What lowering makes: buffers, views into them, and instructions on views."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field


@dataclass(eq=False)
class Buffer:
    """A run of ``size`` floats.

    Attributes
    ----------
    size : int
    place : tuple of (str, int), optional
        Where it lies, if that is settled: an address counted from the ``"heap"``, from the
        ``"frame"`` of the time step, from the frame ``"before"`` it, or from the ``"strip"`` of
        parameters. The memory plan finds a place for the others.
    inside : tuple of (Buffer, int), optional
        The buffer that it is a part of, and where it begins there.
    """

    size: int
    place: tuple[str, int] | None = None
    inside: tuple[Buffer, int] | None = None

    def root(self) -> tuple[Buffer, int]:
        """Return the buffer that this one is in the end a part of, and where it begins there."""
        if self.inside is None:
            return self, 0
        buffer, offset = self.inside[0].root()
        return buffer, offset + self.inside[1]


@dataclass(frozen=True)
class View:
    """A tensor: a shape and strides over a buffer.

    ``origin`` is where the tensor's storage, as PyTorch sees it, begins in the buffer; ``offset``
    is where its first element lies.
    """

    buffer: Buffer
    origin: int
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]

    def broadcast(self, dims: int) -> tuple[int, ...]:
        """Return the strides in a result of ``dims`` dimensions: 0 where it is repeated."""
        own = tuple(
            0 if n == 1 else stride for n, stride in zip(self.shape, self.strides, strict=True)
        )
        return (0,) * (dims - len(own)) + own


@dataclass
class Operand:
    """A buffer read or written by an instruction, with a stride for each of two directions."""

    buffer: Buffer
    offset: int
    strides: tuple[int | str, int | str]

    def span(self, sizes: tuple[int, int]) -> tuple[int, int]:
        """Return the first and the last address touched, counted from the root buffer."""
        start = self.buffer.root()[1] + self.offset
        # a stride named "frame" leads to the same place in another frame
        steps = [s if isinstance(s, int) else 0 for s in self.strides]
        reach = [(n - 1) * s for n, s in zip(sizes, steps, strict=True)]
        return start + sum(min(r, 0) for r in reach), start + sum(max(r, 0) for r in reach)


@dataclass
class Instruction:
    """One row of the tape.

    ``sizes`` are ``(n0, n1)`` for an elementwise instruction, ``(M, K, N, accumulate)`` for a
    matrix product, and the plain numbers of a control instruction. The first operand is the
    result. ``part`` is the number of the part of the program that it belongs to, and ``note`` the
    ATen operation that it came from.
    """

    op: str
    sizes: tuple[int | str, ...]
    operands: list[Operand] = field(default_factory=list)
    part: int = 0
    note: str = ""

    @property
    def result(self) -> Operand:
        """The operand that is written."""
        return self.operands[0]

    @property
    def reads(self) -> list[Operand]:
        """The operands that are read; a product that accumulates reads its result too."""
        adds = self.op == "matmul" and self.sizes[3]
        return self.operands if adds else self.operands[1:]

    def extents(self) -> list[tuple[int, int]]:
        """Return the sizes of the two directions of each operand."""
        if self.op != "matmul":
            return [self.sizes] * len(self.operands)
        m, k, n, _ = self.sizes
        return [(m, n), (m, k), (k, n)]


def dims_of(
    shape: tuple[int, ...], strides: list[tuple[int, ...]]
) -> Iterator[tuple[list[int], tuple[int, int], list[tuple[int, int]]]]:
    """Cut a strided loop nest into nests of two dimensions.

    Parameters
    ----------
    shape : tuple of int
        Sizes of the nest's dimensions.
    strides : list of tuple
        For each operand its stride in each dimension; the first operand is the result.

    Yields
    ------
    offsets : list of int
        For each operand, where this nest begins.
    sizes : tuple of (int, int)
    pairs : list of (int, int)
        For each operand, its strides in the two dimensions.
    """
    dims = [(n, *step) for n, *step in zip(shape, *strides, strict=True) if n != 1]
    dims.sort(key=lambda d: -abs(d[1]))  # the result is walked in the order of its memory
    merged: list[tuple[int, ...]] = []
    for n, *steps in dims:
        if merged and all(a == b * n for a, b in zip(merged[-1][1:], steps, strict=True)):
            merged[-1] = (merged[-1][0] * n, *steps)
        else:
            merged.append((n, *steps))
    while len(merged) < 2:
        merged.insert(0, (1,) + (0,) * len(strides))
    outer, (n0, *first), (n1, *second) = merged[:-2], merged[-2], merged[-1]
    for index in itertools.product(*(range(d[0]) for d in outer)):
        offsets = [
            sum(i * d[1 + k] for i, d in zip(index, outer, strict=True))
            for k in range(len(strides))
        ]
        yield offsets, (n0, n1), list(zip(first, second, strict=True))
