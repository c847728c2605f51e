"""From instructions to a tape: fewer copies, a place for each buffer, and the program's numbers."""

from collections import defaultdict

import numpy as np

from liquidlib.engine.opcodes import OPCODES
from liquidlib.engine.program import Buffer, Instruction, Operand

BASES = {"heap": 0, "frame": 1, "before": 1, "strip": 2}


def fuse_accumulation(program: list[Instruction], kept: set[Buffer]) -> list[Instruction]:
    """Let ``a + left right`` become a product that adds to a.

    Done where the product has no other reader, and where a is whole and read for the last time.
    """
    defs, uses = _defs_and_uses(program)
    became: dict[Buffer, Buffer] = {}
    dropped: set[int] = set()

    def whole(operand: Operand, part: int) -> bool:
        buffer = operand.buffer
        free = buffer.place is None and buffer not in kept
        return free and operand.offset == 0 and all(program[d].part == part for d in defs[buffer])

    for k, add in enumerate(program):
        for operand in add.operands:
            if operand.buffer in became:
                operand.buffer = became[operand.buffer]
        if add.op != "add" or len({o.strides for o in add.operands}) != 1:
            continue
        size = add.sizes[0] * add.sizes[1]
        if any(o.buffer.size != size or not whole(o, add.part) for o in add.operands):
            continue
        out, *terms = add.operands
        for a, b in (terms, terms[::-1]):
            if uses[b.buffer] != [k] or uses[a.buffer] != [k] or len(defs[b.buffer]) != 1:
                continue
            product = program[defs[b.buffer][0]]
            if product.op != "matmul" or product.sizes[3] or not defs[a.buffer]:
                continue
            result = Operand(a.buffer, product.result.offset, product.result.strides)
            program[k] = Instruction(
                "matmul",
                (*product.sizes[:3], 1),
                [result, *product.operands[1:]],
                add.part,
                product.note,
            )
            dropped.add(defs[b.buffer][0])
            became[out.buffer], out.buffer.inside = a.buffer, (a.buffer, 0)
            uses[a.buffer] = uses[out.buffer]
            defs[a.buffer].append(k)
            break
    return [i for k, i in enumerate(program) if k not in dropped]


def merge_copies(program: list[Instruction]) -> list[Instruction]:
    """Let a buffer that is copied somewhere as a whole be written there in the first place."""
    writes: dict[Buffer, list[int]] = defaultdict(list)  # by root
    reads: dict[Buffer, list[int]] = defaultdict(list)
    for k, instruction in enumerate(program):
        if instruction.operands:
            writes[instruction.result.buffer.root()[0]].append(k)
            for operand in instruction.reads:
                reads[operand.buffer.root()[0]].append(k)
    dropped: set[int] = set()
    for k, copy in enumerate(program):
        if copy.op != "copy":
            continue
        target, source = copy.operands
        own = source.buffer
        n = copy.sizes[1]
        if (
            copy.sizes[0] != 1
            or (n > 1 and (target.strides[1], source.strides[1]) != (1, 1))
            or source.offset
            or own.size != n
            or own.place
            or own.inside
            or target.buffer.root()[0] is own
            or not writes[own]
            or max(writes[own]) > k
            or any(program[d].part != copy.part for d in writes[own])
        ):
            continue
        first = min(writes[own])  # of all that it holds: other buffers may lie in it by now
        root = target.buffer.root()[0]
        place = target.span(copy.sizes)
        # nobody else may touch the place from the source's first write on, up to the copy, and
        # nobody may write there later
        busy = any(
            o.buffer.root()[0] is root and _overlap(o.span(extent), place)
            for j in {*writes[root], *reads[root]}
            if j != k and j not in dropped and first <= j
            for o, extent in zip(program[j].operands, program[j].extents(), strict=True)
            if (j <= k or o is program[j].result)
            and not (j == first and _in_place(program[j], o, place[0]))
        )
        if busy:
            continue
        own.inside = (target.buffer, target.offset)
        dropped.add(k)
        for table in (writes, reads):
            table[root] = sorted({*table[root], *table.pop(own, [])} - {k})
    return [i for k, i in enumerate(program) if k not in dropped]


def _overlap(one: tuple[int, int], other: tuple[int, int]) -> bool:
    return one[0] <= other[1] and other[0] <= one[1]


def _in_place(instruction: Instruction, operand: Operand, place: int) -> bool:
    """Whether an operand is read exactly where the result goes, if its root lies at a place."""
    if instruction.op == "matmul" or operand is instruction.result:
        return False
    (low, _), (begin, _) = (o.span(instruction.sizes) for o in (operand, instruction.result))
    return (
        instruction.sizes[0] == 1
        and operand.strides[1] == instruction.result.strides[1] == 1
        and low - place == begin
    )


def drop_unread(program: list[Instruction], kept: set[Buffer]) -> list[Instruction]:
    """Leave out what nobody reads."""
    while True:
        read = {o.buffer.root()[0] for i in program for o in i.reads} | {b.root()[0] for b in kept}
        needed = [
            i
            for i in program
            if not i.operands
            or i.result.buffer.root()[0] in read
            or i.result.buffer.root()[0].place is not None
        ]
        if len(needed) == len(program):
            return program
        program = needed


def to_frames(program: list[Instruction], loops: set[int], kept: set[Buffer]) -> list[Buffer]:
    """Return the buffers that each time step must keep: written in a loop, read outside of it."""
    written: dict[Buffer, set[int]] = defaultdict(set)
    read: dict[Buffer, set[int]] = defaultdict(set)
    for i in program:
        if i.operands:
            written[i.result.buffer.root()[0]].add(i.part)
            for operand in i.reads:
                read[operand.buffer.root()[0]].add(i.part)
    roots = {b.root()[0] for b in kept}
    return [
        buffer
        for buffer, parts in written.items()
        if buffer.place is None
        and parts & loops
        and (buffer in roots or (read[buffer] | parts) - parts or len(parts) > 1)
    ]


def place(program: list[Instruction], loops: set[int], start: int) -> int:
    """Find a place on the heap for each buffer that has none; return where free memory begins.

    Buffers that are not alive at the same time share memory. What is written outside of a loop and
    read in it stays alive until the loop's end.
    """
    ends = {part: max(k for k, i in enumerate(program) if i.part == part) for part in loops}
    birth: dict[Buffer, int] = {}
    death: dict[Buffer, int] = {}
    home: dict[Buffer, int] = {}
    for k, i in enumerate(program):
        for operand in i.operands:
            root = operand.buffer.root()[0]
            birth.setdefault(root, k)
            home.setdefault(root, i.part)
            late = ends[i.part] if i.part in loops and home[root] != i.part else k
            death[root] = max(death.get(root, 0), late)
    dying: dict[int, list[Buffer]] = defaultdict(list)
    for buffer, k in death.items():
        dying[k].append(buffer)
    free: dict[int, list[int]] = defaultdict(list)
    for k, i in enumerate(program):
        for operand in i.operands:
            root = operand.buffer.root()[0]
            if root.place is None and birth[root] == k:
                size = -(-root.size // 4) * 4
                if free[size]:
                    root.place = ("heap", free[size].pop())
                else:
                    root.place, start = ("heap", start), start + size
                birth[root] = -1 - birth[root]  # ours to give back
        for buffer in dying[k]:
            if birth[buffer] < 0:
                free[-(-buffer.size // 4) * 4].append(buffer.place[1])
    return start


def assemble(program: list[Instruction], frames: int, frame: int) -> np.ndarray:
    """Return the program as int32, shape (n,).

    Parameters
    ----------
    program : list of Instruction
        With a place for every buffer.
    frames : int
        Where the frames begin on the heap.
    frame : int
        Floats in a frame: what a time step keeps.
    """
    numbers: list[int] = []
    named = {"frame": frame, "-frame": -frame}

    def plain(number: int | str) -> int:
        return named[number] if isinstance(number, str) else number

    for i in program:
        numbers += [OPCODES[i.op], *map(plain, i.sizes)]
        for operand in i.operands:
            root, inside = operand.buffer.root()
            kind, address = root.place
            address += inside + operand.offset
            if kind in ("frame", "before"):
                address += frames - (frame if kind == "before" else 0)
            numbers += [address * 4 + BASES[kind], *map(plain, operand.strides)]
    numbers.append(OPCODES["end"])
    return np.array(numbers, dtype=np.int32)


def _defs_and_uses(
    program: list[Instruction],
) -> tuple[dict[Buffer, list[int]], dict[Buffer, list[int]]]:
    defs: dict[Buffer, list[int]] = defaultdict(list)
    uses: dict[Buffer, list[int]] = defaultdict(list)
    for k, i in enumerate(program):
        if i.operands:
            defs[i.result.buffer].append(k)
            for operand in i.reads:
                uses[operand.buffer].append(k)
    return defs, uses
