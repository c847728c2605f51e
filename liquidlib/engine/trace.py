"""Tracing: from PyTorch code to a graph of ATen operations."""

import math
import traceback
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, fx
from torch._decomp import core_aten_decompositions, get_decompositions
from torch._subclasses.fake_tensor import (
    DataDependentOutputException,
    DynamicOutputShapeException,
    UnsupportedOperatorException,
)
from torch.func import functionalize
from torch.fx.experimental.proxy_tensor import make_fx
from torch.fx.experimental.symbolic_shapes import GuardOnDataDependentSymNode
from torch.utils._python_dispatch import TorchDispatchMode

aten = torch.ops.aten

# Compound operations that the VM has an instruction for: they stay whole.
_WHOLE = (
    aten.sigmoid_backward,
    aten.tanh_backward,
    aten.select_backward,
    aten.select_scatter,
    aten.slice_backward,
    aten.slice_scatter,
    aten.unfold_backward,
    aten.stack,
    aten.split,
    aten.unbind,
    aten.t,
    aten.transpose,
    aten.rsub,
)
# Compound operations that PyTorch counts as core and the VM has no instruction for.
_SPLIT = (
    aten.addmv,
    aten.elu,
    aten.gelu,
    aten.hardtanh,
    aten.native_batch_norm,
    aten.native_layer_norm,
)


def _var_mean(
    x: Tensor,
    dim: list[int] | None = None,
    *,
    correction: float | None = None,
    keepdim: bool = False,
) -> tuple[Tensor, Tensor]:
    dims = dim or list(range(x.dim()))
    mean = x.mean(dims, keepdim=True)
    count = math.prod(x.shape[d] for d in dims) - (1 if correction is None else correction)
    variance = ((x - mean) ** 2).sum(dims, keepdim=keepdim) / max(0, count)
    return variance, mean if keepdim else mean.squeeze(dims)


# And those that PyTorch would make of operations below ATen.
_OURS = {
    aten.var.correction: lambda *args, **named: _var_mean(*args, **named)[0],
    aten.var_mean.correction: _var_mean,
}

_HERE = str(Path(__file__).parent)
_TORCH = str(Path(torch.__file__).parent)


class Unsupported(NotImplementedError):
    """A model holds an operation that the engine has no instruction for.

    Attributes
    ----------
    op : torch._ops.OpOverload or None
        The operation.
    """

    def __init__(self, message: str, op: object = None) -> None:
        super().__init__(message)
        self.op = op


@dataclass(frozen=True)
class Graph:
    """A traced function.

    Attributes
    ----------
    nodes : list of fx.Node
        In the order in which they run.
    inputs, outputs : dict
        From the names of the function's arguments and results to their nodes.
    constants : dict
        From the nodes of tensors that the function holds itself to these tensors.
    """

    nodes: list[fx.Node]
    inputs: dict[str, fx.Node]
    outputs: dict[str, fx.Node]
    constants: dict[fx.Node, Tensor]

    def needed_for(self, names: list[str]) -> set[fx.Node]:
        """Return the nodes that some outputs depend on."""
        needed, found = set(), [self.outputs[name] for name in names]
        while found:
            node = found.pop()
            if node not in needed:
                needed.add(node)
                found.extend(node.all_input_nodes)
        return needed


def trace(function: Callable[..., dict[str, Tensor]], arguments: dict[str, Tensor]) -> Graph:
    """Run a function once on its arguments and write down what it does.

    Parameters
    ----------
    function : callable
        Called with the arguments by name; returns a dict of tensors.
    arguments : dict of Tensor
        Examples: what counts is their shapes.

    Raises
    ------
    Unsupported
        If what the function does depends on the values, and not only on the shapes, or if it
        changes a tensor that it holds itself.
    """
    names = list(arguments)
    results: list[str] = []

    def flat(*tensors: Tensor) -> tuple[Tensor, ...]:
        out = function(**dict(zip(names, tensors, strict=True)))
        results[:] = list(out)
        return tuple(out.values())

    # Distinct, contiguous and detached: the heap holds each tensor in the order of its elements.
    examples = [t.detach().clone(memory_format=torch.contiguous_format) for t in arguments.values()]
    table = {
        op: rule
        for op, rule in core_aten_decompositions().items()
        if op.overloadpacket not in _WHOLE
    }
    table |= get_decompositions(_SPLIT) | _OURS
    mkldnn = torch._C._get_mkldnn_enabled()
    torch._C._set_mkldnn_enabled(False)  # or nn.LSTM is one opaque operation
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            made = make_fx(
                functionalize(flat),
                decomposition_table=table,
                tracing_mode="fake",
                _allow_non_fake_inputs=True,
            )(*examples)
    except (
        DataDependentOutputException,
        DynamicOutputShapeException,
        GuardOnDataDependentSymNode,
        UnsupportedOperatorException,
    ) as error:
        what = f"what {error.func} does" if hasattr(error, "func") else "the way through the model"
        where = _line(traceback.extract_tb(error.__traceback__))
        raise Unsupported(f"{what} depends on the values, not only on the shapes{where}") from None
    except RuntimeError as error:
        if "would mutate a captured Tensor" not in str(error):
            raise
        where = _line(traceback.extract_tb(error.__traceback__))
        raise Unsupported(f"the model changes a tensor that it holds, in place{where}") from None
    finally:
        torch._C._set_mkldnn_enabled(mkldnn)

    made.graph.eliminate_dead_code()
    nodes = list(made.graph.nodes)
    placeholders = [node for node in nodes if node.op == "placeholder"]
    (output,) = (node for node in nodes if node.op == "output")
    return Graph(
        nodes=[node for node in nodes if node.op == "call_function"],
        inputs=dict(zip(names, placeholders, strict=True)),
        outputs=dict(zip(results, output.args[0], strict=True)),
        constants={n: getattr(made, n.target) for n in nodes if n.op == "get_attr"},
    )


def called_from(function: Callable[[], object], op: torch._ops.OpOverload) -> str:
    """Return the line that calls an operation while a function runs, as the end of a message."""
    lines: list[str] = []

    def name(op: torch._ops.OpOverload) -> str:
        return op._schema.name.removesuffix("_")

    class Finder(TorchDispatchMode):
        def __torch_dispatch__(self, func, types, args=(), kwargs=None):
            # in place or not, tracing has made it one that is not
            if name(func) == name(op) and not lines:
                lines.append(_line(traceback.extract_stack()))
            return func(*args, **(kwargs or {}))

    with Finder(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        function()
    return lines[0] if lines else ", in what PyTorch makes of it or in its backward pass"


def _line(frames: traceback.StackSummary) -> str:
    """Return the innermost of some stack frames that is neither PyTorch's nor the engine's."""
    for frame in reversed(frames):
        if not frame.filename.startswith((_TORCH, _HERE, "<")):
            return f", called in {frame.filename}, line {frame.lineno}: {frame.line}"
    return ""
