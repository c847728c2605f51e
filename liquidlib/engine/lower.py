"""Lowering: from a graph of ATen operations to instructions on strided views."""

import math
import operator
from collections.abc import Callable, Iterable
from itertools import product

import torch
from torch import Tensor, fx

from liquidlib.engine.program import Buffer, Instruction, Operand, View, dims_of
from liquidlib.engine.trace import Graph, Unsupported

aten = torch.ops.aten

# Operations that are one elementwise instruction on their tensors and numbers, in this order.
_ELEMENTWISE = {
    aten.neg.default: "neg",
    aten.abs.default: "abs",
    aten.sign.default: "sign",
    aten.sqrt.default: "sqrt",
    aten.exp.default: "exp",
    aten.expm1.default: "expm1",
    aten.log.default: "log",
    aten.log1p.default: "log1p",
    aten.tanh.default: "tanh",
    aten.sigmoid.default: "sigmoid",
    aten.erf.default: "erf",
    aten.sin.default: "sin",
    aten.cos.default: "cos",
    aten.mul.Tensor: "mul",
    aten.mul.Scalar: "mul",
    aten.div.Tensor: "div",
    aten.div.Scalar: "div",
    aten.maximum.default: "maximum",
    aten.minimum.default: "minimum",
    aten.pow.Tensor_Tensor: "pow",
    aten.pow.Scalar: "pow",
    aten.eq.Tensor: "eq",
    aten.eq.Scalar: "eq",
    aten.ne.Tensor: "ne",
    aten.ne.Scalar: "ne",
    aten.lt.Tensor: "lt",
    aten.lt.Scalar: "lt",
    aten.le.Tensor: "le",
    aten.le.Scalar: "le",
    aten.gt.Tensor: "gt",
    aten.gt.Scalar: "gt",
    aten.ge.Tensor: "ge",
    aten.ge.Scalar: "ge",
    aten.tanh_backward.default: "tanh_backward",
    aten.sigmoid_backward.default: "sigmoid_backward",
    aten.where.self: "where",
}
# Operations whose result is their first argument's memory, seen in another way.
_VIEWS = (
    aten.alias.default,
    aten.as_strided.default,
    aten.detach.default,
    aten.diagonal.default,
    aten.expand.default,
    aten.permute.default,
    aten.select.int,
    aten.slice.Tensor,
    aten.split.Tensor,
    aten.split_with_sizes.default,
    aten.squeeze.default,
    aten.squeeze.dim,
    aten.squeeze.dims,
    aten.t.default,
    aten.transpose.int,
    aten.unbind.int,
    aten.unfold.default,
    aten.unsqueeze.default,
    aten.view.default,
    aten._unsafe_view.default,
)
_COPIES = (aten.clone.default, aten.lift_fresh_copy.default)
_FILLS = {
    aten.zeros_like.default: 0.0,
    aten.zeros.default: 0.0,
    aten.new_zeros.default: 0.0,
    aten.ones_like.default: 1.0,
    aten.ones.default: 1.0,
    aten.new_ones.default: 1.0,
}
# Instructions that may give truth values, 1 or 0.
_TRUTH = {"eq", "ne", "lt", "le", "gt", "ge", "mul", "where"}
# Arguments by name that do not change what is computed on a float32 heap.
_HARMLESS = {"dtype", "layout", "device", "pin_memory", "memory_format", "implicit"}


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
        views = [result, *(a if isinstance(a, View) else self._constant(a) for a in arguments)]
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
        named = {k: v for k, v in node.kwargs.items() if k not in _HARMLESS}
        if target is operator.getitem:
            return arguments[0][arguments[1]]
        example = node.meta["val"]
        for tensor in example if isinstance(example, list | tuple) else [example]:
            self._float32(node, tensor)
        if target in _VIEWS:
            return self._views(arguments[0], example)
        if target in _COPIES:
            return self._copy(example, arguments[0])
        handler = _HANDLERS.get(target)
        if handler is not None:
            return handler(self, node, example, arguments, named)
        if named:
            raise Unsupported(f"{target} with {', '.join(named)}", node.target)
        if target in _ELEMENTWISE:
            op = _ELEMENTWISE[target]
            if example.dtype == torch.bool and op not in _TRUTH:
                raise Unsupported(f"{target} of truth values", node.target)
            return self._elementwise(op, example, *arguments)
        if target in _FILLS:
            return self._elementwise("copy", example, _FILLS[target])
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

    def _views(self, base: View, example: Tensor | Iterable[Tensor]) -> View | list[View]:
        if not isinstance(example, Tensor):
            return [self._views(base, one) for one in example]
        return View(
            base.buffer,
            base.origin,
            base.origin + example.storage_offset(),
            tuple(example.shape),
            tuple(example.stride()),
        )

    def _elementwise(self, op: str, example: Tensor, *arguments: View | float) -> View:
        result = self.fresh(example)
        self.emit(op, result, *arguments)
        return result

    def _copy(self, example: Tensor, source: View) -> View:
        """Return the same numbers in the layout of ``example``: copied only if they lie apart."""
        result = self.fresh(example)
        wanted = [(n, s) for n, s in zip(result.shape, result.strides, strict=True) if n != 1]
        there = [(n, s) for n, s in zip(source.shape, source.strides, strict=True) if n != 1]
        if wanted == there and example.numel() == result.buffer.size:
            origin = source.offset - example.storage_offset()
            return View(source.buffer, origin, source.offset, result.shape, result.strides)
        self.emit("copy", result, source)
        return result

    def _constant(self, number: float) -> View:
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

    def _product(self, result: View, left: View, right: View, accumulate: bool = False) -> None:
        (m, k), n = left.shape, right.shape[1]
        if k == 0 and not accumulate:
            self.emit("copy", result, 0.0)
        if m and k and n:
            operands = [Operand(v.buffer, v.offset, v.strides) for v in (result, left, right)]
            self.matmul((m, k, n, int(accumulate)), *operands)

    def _sum(self, source: View, dims: list[int], result: View) -> None:
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


# Operations that need more than a row in a table: handler(lowering, node, example, args, named).


def _scaled_sum(op: str) -> Callable:
    def handler(low: Lowering, node: fx.Node, example: Tensor, args: list, named: dict) -> View:
        left, right = args[:2]
        if example.dtype == torch.bool:
            raise Unsupported(f"{node.target} of truth values", node.target)
        alpha = named.pop("alpha", args[2] if len(args) > 2 else 1)
        _nothing_else(node, named)
        if alpha != 1:
            right = low._elementwise("mul", _example_of(right, example), right, alpha)
        return low._elementwise(op, example, left, right)

    return handler


def _example_of(operand: View | float, example: Tensor) -> Tensor:
    shape = operand.shape if isinstance(operand, View) else ()
    return example.new_empty(shape)


def _rsub(low: Lowering, node: fx.Node, example: Tensor, args: list, named: dict) -> View:
    alpha = named.pop("alpha", args[2] if len(args) > 2 else 1)
    _nothing_else(node, named)
    left = args[0]
    if alpha != 1:
        left = low._elementwise("mul", _example_of(left, example), left, alpha)
    return low._elementwise("sub", example, args[1], left)


def _power(low: Lowering, node: fx.Node, example: Tensor, args: list, named: dict) -> View:
    base, exponent = args
    _nothing_else(node, named)
    if exponent == 1:
        return low._copy(example, base)
    if exponent == 2:
        return low._elementwise("mul", example, base, base)
    if exponent == 0.5:
        return low._elementwise("sqrt", example, base)
    if exponent == -1:
        return low._elementwise("div", example, 1.0, base)
    return low._elementwise("pow", example, base, exponent)


def _reciprocal(low: Lowering, node: fx.Node, example: Tensor, args: list, named: dict) -> View:
    return low._elementwise("div", example, 1.0, args[0])


def _rsqrt(low: Lowering, node: fx.Node, example: Tensor, args: list, named: dict) -> View:
    return low._elementwise("div", example, 1.0, low._elementwise("sqrt", example, args[0]))


def _isnan(low: Lowering, node: fx.Node, example: Tensor, args: list, named: dict) -> View:
    return low._elementwise("ne", example, args[0], args[0])


def _relu(low: Lowering, node: fx.Node, example: Tensor, args: list, named: dict) -> View:
    return low._elementwise("maximum", example, args[0], 0.0)


def _clamp(low: Lowering, node: fx.Node, example: Tensor, args: list, named: dict) -> View:
    low_end = named.pop("min", args[1] if len(args) > 1 else None)
    high_end = named.pop("max", args[2] if len(args) > 2 else None)
    _nothing_else(node, named)
    result = args[0]
    if low_end is not None:
        result = low._elementwise("maximum", example, result, low_end)
    if high_end is not None:
        result = low._elementwise("minimum", example, result, high_end)
    return result


def _leaky_relu(low: Lowering, node: fx.Node, example: Tensor, args: list, named: dict) -> View:
    slope = named.pop("negative_slope", args[1] if len(args) > 1 else 0.01)
    _nothing_else(node, named)
    above = low._elementwise("gt", example, args[0], 0.0)
    return low._elementwise(
        "where", example, above, args[0], low._elementwise("mul", example, args[0], slope)
    )


def _logical(op: str) -> Callable:
    """Truth values are 1 and 0; what is not 0 is true."""

    def handler(low: Lowering, node: fx.Node, example: Tensor, args: list, named: dict) -> View:
        if any(isinstance(a, fx.Node) and a.meta["val"].dtype != torch.bool for a in node.args):
            raise Unsupported(f"{node.target} on numbers", node.target)
        if op == "not":
            return low._elementwise("eq", example, args[0], 0.0)
        names = {"and": "mul", "or": "maximum", "xor": "ne"}
        return low._elementwise(names[op], example, *args)

    return handler


def _to_copy(low: Lowering, node: fx.Node, example: Tensor, args: list, named: dict) -> View:
    _nothing_else(node, {k: v for k, v in named.items() if k != "non_blocking"})
    if example.dtype == torch.bool and node.args[0].meta["val"].dtype != torch.bool:
        return low._elementwise("ne", example, args[0], 0.0)
    return low._copy(example, args[0])


def _copy_into(low: Lowering, node: fx.Node, example: Tensor, args: list, named: dict) -> View:
    """``copy(target, source)``: the source, in the target's shape."""
    _nothing_else(node, named)
    if example.dtype == torch.bool:
        return low._elementwise("ne", example, args[1], 0.0)
    return low._elementwise("copy", example, args[1])


def _full(low: Lowering, node: fx.Node, example: Tensor, args: list, named: dict) -> View:
    _nothing_else(node, named)
    return low._elementwise("copy", example, _as_typed(example, args[1]))


def _number(low: Lowering, node: fx.Node, example: Tensor, args: list, named: dict) -> View:
    _nothing_else(node, named)
    return low._constant(_as_typed(example, args[0]))


def _as_typed(example: Tensor, number: float) -> float:
    return bool(number) if example.dtype == torch.bool else number


def _empty(low: Lowering, node: fx.Node, example: Tensor, args: list, named: dict) -> View:
    """Memory whose numbers do not matter; zeros, so that a run can be repeated."""
    return low._elementwise("copy", example, 0.0)


def _mm(low: Lowering, node: fx.Node, example: Tensor, args: list, named: dict) -> View:
    _nothing_else(node, named)
    result = low.fresh(example)
    low._product(result, *args)
    return result


def _addmm(low: Lowering, node: fx.Node, example: Tensor, args: list, named: dict) -> View:
    beta, alpha = named.pop("beta", 1), named.pop("alpha", 1)
    _nothing_else(node, named)
    bias, left, right = args
    result = low.fresh(example)
    if alpha != 1:
        left = low._elementwise("mul", _example_of(left, example), left, alpha)
    if beta == 1:
        low.emit("copy", result, bias)
    else:  # PyTorch ignores the bias altogether where beta is 0
        low.emit(*(("mul", result, bias, beta) if beta else ("copy", result, 0.0)))
    low._product(result, left, right, accumulate=True)
    return result


def _bmm(low: Lowering, node: fx.Node, example: Tensor, args: list, named: dict) -> View:
    _nothing_else(node, named)
    result = low.fresh(example)
    for i in range(example.shape[0]):
        low._product(*(_picked(view, 0, i) for view in (result, *args)))
    return result


def _picked(view: View, dim: int, index: int) -> View:
    """Return the view at one index of a dimension, without that dimension."""
    keep = [d for d in range(len(view.shape)) if d != dim]
    return View(
        view.buffer,
        view.origin,
        view.offset + index * view.strides[dim],
        tuple(view.shape[d] for d in keep),
        tuple(view.strides[d] for d in keep),
    )


def _part(view: View, dim: int, start: int, shape: tuple[int, ...]) -> View:
    """Return a part of a view, of some shape, that begins at an index of a dimension."""
    offset = view.offset + start * view.strides[dim]
    return View(view.buffer, view.origin, offset, tuple(shape), view.strides)


def _sum(low: Lowering, node: fx.Node, example: Tensor, args: list, named: dict) -> View:
    source = args[0]
    dims = args[1] if len(args) > 1 and args[1] is not None else []
    _nothing_else(node, {k: v for k, v in named.items() if k != "keepdim"})
    if node.args[0].meta["val"].dtype != torch.float32:
        raise Unsupported(f"{node.target} of truth values", node.target)
    rank = len(source.shape)
    dims = [d % rank for d in dims if rank] or list(range(rank))
    if all(source.shape[d] == 1 for d in dims):  # nothing to add up
        kept = (
            range(rank) if len(example.shape) == rank else [d for d in range(rank) if d not in dims]
        )
        same = View(
            source.buffer,
            source.origin,
            source.offset,
            tuple(source.shape[d] for d in kept),
            tuple(source.strides[d] for d in kept),
        )
        return low._copy(example, same)
    result = low.fresh(example)
    keeps = len(example.shape) == rank
    strides = [
        result.strides[d if keeps else sum(e not in dims for e in range(d))]
        for d in range(rank)
        if d not in dims
    ]
    shape = tuple(source.shape[d] for d in range(rank) if d not in dims)
    low._sum(source, dims, View(result.buffer, 0, result.offset, shape, tuple(strides)))
    return result


def _mean(low: Lowering, node: fx.Node, example: Tensor, args: list, named: dict) -> View:
    total = _sum(low, node, example, args, named)
    count = math.prod(args[0].shape) / max(1, example.numel())
    return total if count == 1 else low._elementwise("div", example, total, count)


def _cat(low: Lowering, node: fx.Node, example: Tensor, args: list, named: dict) -> View:
    dim = named.pop("dim", args[1] if len(args) > 1 else 0)
    _nothing_else(node, named)
    dim %= example.dim()
    parts = args[0]
    if node.target is aten.stack.default:
        parts = [
            View(
                p.buffer,
                p.origin,
                p.offset,
                (*p.shape[:dim], 1, *p.shape[dim:]),
                (*p.strides[:dim], 0, *p.strides[dim:]),
            )
            for p in parts
        ]
    parts = [p for p in parts if math.prod(p.shape)]  # PyTorch skips empty tensors of any shape
    if len(parts) == 1:
        return low._copy(example, parts[0])
    result, start = low.fresh(example), 0
    for part in parts:
        low.emit("copy", _part(result, dim, start, part.shape), part)
        start += part.shape[dim]
    return result


def _scatter(view: Callable) -> Callable:
    """Write the second argument over that part of the first which a view shows."""

    def handler(low: Lowering, node: fx.Node, example: Tensor, args: list, named: dict) -> View:
        base, source, *where = args
        given = node.args[0].meta["val"]
        if view is aten.as_strided.default and _layout(given) != _layout(example):
            raise Unsupported(f"{node.target} of a tensor with gaps", node.target)
        result = low._elementwise("copy", example, base)
        low.emit("copy", low._views(result, view(example, *where, **named)), source)
        return result

    return handler


def _layout(tensor: Tensor) -> tuple:
    return tensor.shape, tensor.stride(), tensor.storage_offset()


def _view_backward(view: Callable) -> Callable:
    """Write a gradient over that part of zeros which a view shows."""

    def handler(low: Lowering, node: fx.Node, example: Tensor, args: list, named: dict) -> View:
        gradient, _, *where = args
        result = low._elementwise("copy", example, 0.0)
        low.emit("copy", low._views(result, view(example, *where, **named)), gradient)
        return result

    return handler


def _unfold_backward(
    low: Lowering, node: fx.Node, example: Tensor, args: list, named: dict
) -> View:
    """Windows may overlap: the gradients at the same place of all windows are added at once."""
    _nothing_else(node, named)
    gradient, _, dim, size, step = args
    result = low._elementwise("copy", example, 0.0)
    windows = low._views(result, example.unfold(dim, size, step))
    for index in range(size):
        here = _picked(windows, len(windows.shape) - 1, index)
        low.emit("add", here, here, _picked(gradient, len(windows.shape) - 1, index))
    return result


def _pad(low: Lowering, node: fx.Node, example: Tensor, args: list, named: dict) -> View:
    source, padding = args[:2]
    filling = named.pop("value", args[2] if len(args) > 2 else 0.0)
    _nothing_else(node, named)
    result = inner = low._elementwise("copy", example, filling)
    for i in range(len(padding) // 2):
        dim, (before, after) = len(source.shape) - 1 - i, padding[2 * i : 2 * i + 2]
        size = source.shape[dim] + min(before, 0) + min(after, 0)  # a negative padding cuts off
        source, inner = (
            _part(part, dim, max(start, 0), (*part.shape[:dim], size, *part.shape[dim + 1 :]))
            for part, start in ((source, -before), (inner, before))
        )
    low.emit("copy", inner, source)
    return result


def _nothing_else(node: fx.Node, named: dict) -> None:
    """Refuse arguments by name that a handler did not take: never a wrong number."""
    if named:
        raise Unsupported(f"{node.target} with {', '.join(named)}", node.target)


_HANDLERS = {
    aten.add.Tensor: _scaled_sum("add"),
    aten.add.Scalar: _scaled_sum("add"),
    aten.sub.Tensor: _scaled_sum("sub"),
    aten.sub.Scalar: _scaled_sum("sub"),
    aten.rsub.Scalar: _rsub,
    aten.rsub.Tensor: _rsub,
    aten.pow.Tensor_Scalar: _power,
    aten.reciprocal.default: _reciprocal,
    aten.rsqrt.default: _rsqrt,
    aten.isnan.default: _isnan,
    aten.relu.default: _relu,
    aten.clamp.default: _clamp,
    aten.clamp.Tensor: _clamp,
    aten.leaky_relu.default: _leaky_relu,
    aten.logical_not.default: _logical("not"),
    aten.bitwise_not.default: _logical("not"),
    aten.logical_and.default: _logical("and"),
    aten.bitwise_and.Tensor: _logical("and"),
    aten.logical_or.default: _logical("or"),
    aten.bitwise_or.Tensor: _logical("or"),
    aten.logical_xor.default: _logical("xor"),
    aten.bitwise_xor.Tensor: _logical("xor"),
    aten._to_copy.default: _to_copy,
    aten.copy.default: _copy_into,
    aten.scalar_tensor.default: _number,
    aten.full.default: _full,
    aten.full_like.default: _full,
    aten.empty.memory_format: _empty,
    aten.empty_permuted.default: _empty,
    aten.empty_strided.default: _empty,
    aten.new_empty_strided.default: _empty,
    aten.mm.default: _mm,
    aten.addmm.default: _addmm,
    aten.bmm.default: _bmm,
    aten.sum.dim_IntList: _sum,
    aten.mean.default: _mean,
    aten.mean.dim: _mean,
    aten.cat.default: _cat,
    aten.stack.default: _cat,
    aten.select_backward.default: _view_backward(aten.select.int),
    aten.slice_backward.default: _view_backward(aten.slice.Tensor),
    aten.unfold_backward.default: _unfold_backward,
    aten.select_scatter.default: _scatter(aten.select.int),
    aten.slice_scatter.default: _scatter(aten.slice.Tensor),
    aten.diagonal_scatter.default: _scatter(aten.diagonal.default),
    aten.as_strided_scatter.default: _scatter(aten.as_strided.default),
    aten.constant_pad_nd.default: _pad,
}
