"""Lowering: from a graph of ATen operations to instructions on strided views."""

import math
import operator
from collections.abc import Callable, Iterable
from itertools import product

import torch
from torch import Tensor, fx

from liquidlib.engine.operations import (
    COPIES,
    ELEMENTWISE,
    FILLS,
    HANDLERS,
    HARMLESS,
    TRUTH,
    VIEWS,
)
from liquidlib.engine.program import Buffer, Instruction, Operand, View, dims_of
from liquidlib.engine.trace import Graph, Unsupported

aten = torch.ops.aten


class Lowering:
    """Turns graphs into one list of instructions.

    Attributes
    ----------
    instructions : list of Instruction
    constants : dict
        From a number to the buffer of one float that holds it.
    values : list of (Buffer, Tensor)
        Tensors that the traced functions hold themselves.
    """

    def __init__(self) -> None:
        self.instructions: list[Instruction] = []
        self.constants: dict[float, Buffer] = {}
        self.values: list[tuple[Buffer, Tensor]] = []
        self.ones = Buffer(0)  # as many ones as the longest sum needs
        self.part = 0
        self.note = ""

    # What other modules of the engine call ---------------------------------------------------

    def graph(self, graph: Graph, env: dict, only: Callable[[fx.Node], bool]) -> None:
        """Lower those nodes of a graph for which ``only`` is true.

        ``env`` holds the view of each node; it is read and added to.
        """
        for node, tensor in graph.constants.items():
            if node not in env:
                self._float32(next(iter(node.users)), tensor, "takes")
                env[node] = self.fresh(tensor)
                whole = torch.empty(0, dtype=tensor.dtype).set_(tensor.untyped_storage())
                self.values.append((env[node].buffer, whole))
        for node in graph.nodes:
            if node not in env and only(node):
                self.note = str(node.target).removeprefix("aten.").partition(".")[0]
                env[node] = self._node(node, env)
        self.note = ""

    def fresh(self, tensor: Tensor, place: tuple[str, int] | None = None) -> View:
        """Return a view of a new buffer, laid out as a tensor is."""
        size = tensor.untyped_storage().nbytes() // tensor.element_size()
        buffer = Buffer(size, place)
        return View(buffer, 0, tensor.storage_offset(), tuple(tensor.shape), tuple(tensor.stride()))

    def emit(self, op: str, result: View, *arguments: View | float) -> None:
        """Add elementwise instructions; arguments are broadcast to the result's shape."""
        views = [result, *(a if isinstance(a, View) else self.constant(a) for a in arguments)]
        dims = len(result.shape)
        strides = [result.strides] + [view.broadcast(dims) for view in views[1:]]
        for offsets, sizes, pairs in dims_of(result.shape, strides):
            operands = [
                Operand(view.buffer, view.offset + offset, pair)
                for view, offset, pair in zip(views, offsets, pairs, strict=True)
            ]
            self._add(op, sizes, operands)

    def control(self, op: str, *numbers: int | str) -> None:
        """Add a control instruction."""
        self._add(op, numbers, [])

    def matmul(
        self,
        sizes: tuple[int, int, int, int],
        result: Operand,
        left: Operand,
        right: Operand,
    ) -> None:
        """Add a matrix product of ``sizes`` (M, K, N, accumulate)."""
        self._add("matmul", sizes, [result, left, right])

    # One node --------------------------------------------------------------------------------

    def _node(self, node: fx.Node, env: dict) -> View | list[View]:
        def value(argument: object) -> object:
            if isinstance(argument, fx.Node):
                return env[argument]
            if isinstance(argument, list | tuple):
                return [value(a) for a in argument]
            return argument

        target = node.target
        arguments = [value(a) for a in node.args]
        named = {k: v for k, v in node.kwargs.items() if k not in HARMLESS}
        if target is operator.getitem:
            return arguments[0][arguments[1]]
        example = node.meta["val"]
        for tensor in example if isinstance(example, list | tuple) else [example]:
            self._float32(node, tensor)
        if target in VIEWS:
            return self.views(arguments[0], example)
        if target in COPIES:
            return self.copy(example, arguments[0])
        handler = HANDLERS.get(target)
        if handler is not None:
            return handler(self, node, example, arguments, named)
        if named:
            raise Unsupported(f"{target} with {', '.join(named)}", node.target)
        if target in ELEMENTWISE:
            op = ELEMENTWISE[target]
            if example.dtype == torch.bool and op not in TRUTH:
                raise Unsupported(f"{target} of truth values", node.target)
            return self.elementwise(op, example, *arguments)
        if target in FILLS:
            return self.elementwise("copy", example, FILLS[target])
        raise Unsupported(f"the engine has no instruction for {target}", node.target)

    def _float32(self, node: fx.Node, tensor: object, does: str = "gives") -> None:
        if not isinstance(tensor, Tensor):  # a number, read out of a tensor
            raise Unsupported(
                f"what {node.target} does depends on the values, not only on the shapes",
                node.target,
            )
        if tensor.dtype not in (torch.float32, torch.bool):
            raise Unsupported(
                f"{node.target} {does} {tensor.dtype}, and the engine computes in torch.float32 "
                "alone",
                node.target,
            )

    def views(self, base: View, example: Tensor | Iterable[Tensor]) -> View | list[View]:
        """Return the base's memory as ``example``, a view of it, sees it."""
        if not isinstance(example, Tensor):
            return [self.views(base, one) for one in example]
        return View(
            base.buffer,
            base.origin,
            base.origin + example.storage_offset(),
            tuple(example.shape),
            tuple(example.stride()),
        )

    def elementwise(self, op: str, example: Tensor, *arguments: View | float) -> View:
        """Return the result of an elementwise instruction, laid out as ``example`` is."""
        result = self.fresh(example)
        self.emit(op, result, *arguments)
        return result

    def copy(self, example: Tensor, source: View) -> View:
        """Return the same numbers in the layout of ``example``: copied only if they lie apart."""
        result = self.fresh(example)
        wanted = [(n, s) for n, s in zip(result.shape, result.strides, strict=True) if n != 1]
        there = [(n, s) for n, s in zip(source.shape, source.strides, strict=True) if n != 1]
        if wanted == there and example.numel() == result.buffer.size:
            origin = source.offset - example.storage_offset()
            return View(source.buffer, origin, source.offset, result.shape, result.strides)
        self.emit("copy", result, source)
        return result

    def constant(self, number: float) -> View:
        """Return a view of a number; equal numbers share their place."""
        number = float(number)
        # NaN and -0 do not compare as they should: they go by their names
        key = number if number or str(number) == "0.0" else str(number)
        key = "nan" if math.isnan(number) else key
        buffer = self.constants.setdefault(key, Buffer(1))
        return View(buffer, 0, 0, (), ())

    def _add(self, op: str, sizes: tuple, operands: list[Operand]) -> None:
        if not operands or op == "matmul" or 0 not in sizes:
            self.instructions.append(Instruction(op, tuple(sizes), operands, self.part, self.note))

    # Products and sums -----------------------------------------------------------------------

    def product(self, result: View, left: View, right: View, accumulate: bool = False) -> None:
        """Add the product of two matrices of any size, none included."""
        (m, k), n = left.shape, right.shape[1]
        if k == 0 and not accumulate:
            self.emit("copy", result, 0.0)
        if m and k and n:
            operands = [Operand(v.buffer, v.offset, v.strides) for v in (result, left, right)]
            self.matmul((m, k, n, int(accumulate)), *operands)

    def sum(self, source: View, dims: list[int], result: View) -> None:
        """Sum over some dimensions: a product with ones.

        ``result`` has the dimensions that are kept, in their order.
        """
        kept = [d for d in range(len(source.shape)) if d not in dims]
        shape = [source.shape[d] for d in kept]
        over = _merged([(source.shape[d], source.strides[d]) for d in dims])
        if any(source.shape[d] == 0 for d in dims):
            self.emit("copy", result, 0.0)
            return
        *outer, (k, step) = over or [(1, 0)]
        self.ones.size = max(self.ones.size, k)
        inner = [source.strides[d] for d in kept]
        for offsets, (m, n), pairs in dims_of(tuple(shape), [result.strides, tuple(inner)]):
            for index in product(*(range(size) for size, _ in outer)):
                skip = sum(i * s for i, (_, s) in zip(index, outer, strict=True))
                first = not any(index)
                for row in range(m):  # a row of the result: ones [1, k] times source [k, n]
                    self.matmul(
                        (1, k, n, int(not first)),
                        Operand(
                            result.buffer,
                            result.offset + offsets[0] + row * pairs[0][0],
                            (0, pairs[0][1]),
                        ),
                        Operand(self.ones, 0, (0, 1)),
                        Operand(
                            source.buffer,
                            source.offset + offsets[1] + skip + row * pairs[1][0],
                            (step, pairs[1][1]),
                        ),
                    )


def _merged(dims: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Merge dimensions (size, stride) that lie behind one another in memory."""
    merged: list[tuple[int, int]] = []
    for size, stride in sorted((d for d in dims if d[0] != 1), key=lambda d: -abs(d[1])):
        if merged and merged[-1][1] == stride * size:
            merged[-1] = (merged[-1][0] * size, stride)
        else:
            merged.append((size, stride))
    return merged
