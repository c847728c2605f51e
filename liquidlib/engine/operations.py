"""What becomes of each ATen operation: tables for the plain ones, a function for each other."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

import torch
from torch import Tensor, fx

from liquidlib.engine.program import View
from liquidlib.engine.trace import Unsupported

if TYPE_CHECKING:
    from liquidlib.engine.lower import Lowering

aten = torch.ops.aten

# Operations that are one elementwise instruction on their tensors and numbers, in this order.
ELEMENTWISE = {
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
VIEWS = (
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
COPIES = (aten.clone.default, aten.lift_fresh_copy.default)
FILLS = {
    aten.zeros_like.default: 0.0,
    aten.zeros.default: 0.0,
    aten.new_zeros.default: 0.0,
    aten.ones_like.default: 1.0,
    aten.ones.default: 1.0,
    aten.new_ones.default: 1.0,
}
# Instructions that may give truth values, 1 or 0.
TRUTH = {"eq", "ne", "lt", "le", "gt", "ge", "mul", "where"}
# Arguments by name that do not change what is computed on a float32 heap.
HARMLESS = {"dtype", "layout", "device", "pin_memory", "memory_format", "implicit"}

# Operations that need more than a row in a table: handler(lowering, node, example, args, named).


def _scaled_sum(op: str) -> Callable:
    def handler(low: Lowering, node: fx.Node, example: Tensor, args: list, named: dict) -> View:
        left, right = args[:2]
        if example.dtype == torch.bool:
            raise Unsupported(f"{node.target} of truth values", node.target)
        alpha = named.pop("alpha", args[2] if len(args) > 2 else 1)
        _nothing_else(node, named)
        if alpha != 1:
            right = low.elementwise("mul", _example_of(right, example), right, alpha)
        return low.elementwise(op, example, left, right)

    return handler


def _example_of(operand: View | float, example: Tensor) -> Tensor:
    shape = operand.shape if isinstance(operand, View) else ()
    return example.new_empty(shape)


def _rsub(low: Lowering, node: fx.Node, example: Tensor, args: list, named: dict) -> View:
    alpha = named.pop("alpha", args[2] if len(args) > 2 else 1)
    _nothing_else(node, named)
    left = args[0]
    if alpha != 1:
        left = low.elementwise("mul", _example_of(left, example), left, alpha)
    return low.elementwise("sub", example, args[1], left)


def _power(low: Lowering, node: fx.Node, example: Tensor, args: list, named: dict) -> View:
    base, exponent = args
    _nothing_else(node, named)
    if exponent == 1:
        return low.copy(example, base)
    if exponent == 2:
        return low.elementwise("mul", example, base, base)
    if exponent == 0.5:
        return low.elementwise("sqrt", example, base)
    if exponent == -1:
        return low.elementwise("div", example, 1.0, base)
    return low.elementwise("pow", example, base, exponent)


def _reciprocal(low: Lowering, node: fx.Node, example: Tensor, args: list, named: dict) -> View:
    return low.elementwise("div", example, 1.0, args[0])


def _rsqrt(low: Lowering, node: fx.Node, example: Tensor, args: list, named: dict) -> View:
    return low.elementwise("div", example, 1.0, low.elementwise("sqrt", example, args[0]))


def _isnan(low: Lowering, node: fx.Node, example: Tensor, args: list, named: dict) -> View:
    return low.elementwise("ne", example, args[0], args[0])


def _relu(low: Lowering, node: fx.Node, example: Tensor, args: list, named: dict) -> View:
    return low.elementwise("maximum", example, args[0], 0.0)


def _clamp(low: Lowering, node: fx.Node, example: Tensor, args: list, named: dict) -> View:
    low_end = named.pop("min", args[1] if len(args) > 1 else None)
    high_end = named.pop("max", args[2] if len(args) > 2 else None)
    _nothing_else(node, named)
    result = args[0]
    if low_end is not None:
        result = low.elementwise("maximum", example, result, low_end)
    if high_end is not None:
        result = low.elementwise("minimum", example, result, high_end)
    return result


def _leaky_relu(low: Lowering, node: fx.Node, example: Tensor, args: list, named: dict) -> View:
    slope = named.pop("negative_slope", args[1] if len(args) > 1 else 0.01)
    _nothing_else(node, named)
    above = low.elementwise("gt", example, args[0], 0.0)
    return low.elementwise(
        "where", example, above, args[0], low.elementwise("mul", example, args[0], slope)
    )


def _logical(op: str) -> Callable:
    """Truth values are 1 and 0; what is not 0 is true."""

    def handler(low: Lowering, node: fx.Node, example: Tensor, args: list, named: dict) -> View:
        if any(isinstance(a, fx.Node) and a.meta["val"].dtype != torch.bool for a in node.args):
            raise Unsupported(f"{node.target} on numbers", node.target)
        if op == "not":
            return low.elementwise("eq", example, args[0], 0.0)
        names = {"and": "mul", "or": "maximum", "xor": "ne"}
        return low.elementwise(names[op], example, *args)

    return handler


def _to_copy(low: Lowering, node: fx.Node, example: Tensor, args: list, named: dict) -> View:
    _nothing_else(node, {k: v for k, v in named.items() if k != "non_blocking"})
    if example.dtype == torch.bool and node.args[0].meta["val"].dtype != torch.bool:
        return low.elementwise("ne", example, args[0], 0.0)
    return low.copy(example, args[0])


def _copy_into(low: Lowering, node: fx.Node, example: Tensor, args: list, named: dict) -> View:
    """``copy(target, source)``: the source, in the target's shape."""
    _nothing_else(node, named)
    if example.dtype == torch.bool:
        return low.elementwise("ne", example, args[1], 0.0)
    return low.elementwise("copy", example, args[1])


def _full(low: Lowering, node: fx.Node, example: Tensor, args: list, named: dict) -> View:
    _nothing_else(node, named)
    return low.elementwise("copy", example, _as_typed(example, args[1]))


def _number(low: Lowering, node: fx.Node, example: Tensor, args: list, named: dict) -> View:
    _nothing_else(node, named)
    return low.constant(_as_typed(example, args[0]))


def _as_typed(example: Tensor, number: float) -> float:
    return bool(number) if example.dtype == torch.bool else number


def _empty(low: Lowering, node: fx.Node, example: Tensor, args: list, named: dict) -> View:
    """Memory whose numbers do not matter; zeros, so that a run can be repeated."""
    return low.elementwise("copy", example, 0.0)


def _mm(low: Lowering, node: fx.Node, example: Tensor, args: list, named: dict) -> View:
    _nothing_else(node, named)
    result = low.fresh(example)
    low.product(result, *args)
    return result


def _addmm(low: Lowering, node: fx.Node, example: Tensor, args: list, named: dict) -> View:
    beta, alpha = named.pop("beta", 1), named.pop("alpha", 1)
    _nothing_else(node, named)
    bias, left, right = args
    result = low.fresh(example)
    if alpha != 1:
        left = low.elementwise("mul", _example_of(left, example), left, alpha)
    if beta == 1:
        low.emit("copy", result, bias)
    else:  # PyTorch ignores the bias altogether where beta is 0
        low.emit(*(("mul", result, bias, beta) if beta else ("copy", result, 0.0)))
    low.product(result, left, right, accumulate=True)
    return result


def _bmm(low: Lowering, node: fx.Node, example: Tensor, args: list, named: dict) -> View:
    _nothing_else(node, named)
    result = low.fresh(example)
    for i in range(example.shape[0]):
        low.product(*(_picked(view, 0, i) for view in (result, *args)))
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
        return low.copy(example, same)
    result = low.fresh(example)
    keeps = len(example.shape) == rank
    strides = [
        result.strides[d if keeps else sum(e not in dims for e in range(d))]
        for d in range(rank)
        if d not in dims
    ]
    shape = tuple(source.shape[d] for d in range(rank) if d not in dims)
    low.sum(source, dims, View(result.buffer, 0, result.offset, shape, tuple(strides)))
    return result


def _mean(low: Lowering, node: fx.Node, example: Tensor, args: list, named: dict) -> View:
    total = _sum(low, node, example, args, named)
    count = math.prod(args[0].shape) / max(1, example.numel())
    return total if count == 1 else low.elementwise("div", example, total, count)


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
        return low.copy(example, parts[0])
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
        result = low.elementwise("copy", example, base)
        low.emit("copy", low.views(result, view(example, *where, **named)), source)
        return result

    return handler


def _layout(tensor: Tensor) -> tuple:
    return tensor.shape, tensor.stride(), tensor.storage_offset()


def _view_backward(view: Callable) -> Callable:
    """Write a gradient over that part of zeros which a view shows."""

    def handler(low: Lowering, node: fx.Node, example: Tensor, args: list, named: dict) -> View:
        gradient, _, *where = args
        result = low.elementwise("copy", example, 0.0)
        low.emit("copy", low.views(result, view(example, *where, **named)), gradient)
        return result

    return handler


def _unfold_backward(
    low: Lowering, node: fx.Node, example: Tensor, args: list, named: dict
) -> View:
    """Windows may overlap: the gradients at the same place of all windows are added at once."""
    _nothing_else(node, named)
    gradient, _, dim, size, step = args
    result = low.elementwise("copy", example, 0.0)
    windows = low.views(result, example.unfold(dim, size, step))
    for index in range(size):
        here = _picked(windows, len(windows.shape) - 1, index)
        low.emit("add", here, here, _picked(gradient, len(windows.shape) - 1, index))
    return result


def _pad(low: Lowering, node: fx.Node, example: Tensor, args: list, named: dict) -> View:
    source, padding = args[:2]
    filling = named.pop("value", args[2] if len(args) > 2 else 0.0)
    _nothing_else(node, named)
    result = inner = low.elementwise("copy", example, filling)
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


HANDLERS = {
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
