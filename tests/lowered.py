"""What the tests of the engine share: lowered instructions without a model, run on a VM."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor
from torch.func import vjp

from liquidlib import NoCompiler
from liquidlib.engine import plan
from liquidlib.engine.lower import Lowering
from liquidlib.engine.machine import BUDGET, TRAINING, WINDOW
from liquidlib.engine.native import NativeVM
from liquidlib.engine.program import Buffer, View
from liquidlib.engine.trace import trace
from liquidlib.engine.wasm import WasmVM

ATEN = torch.ops.aten
_BEHIND = 16  # floats behind the end of what a program uses


def compilers() -> list[type]:
    """Return the VMs of this machine: wasm always, native where there is a C compiler."""
    try:
        NativeVM(1, np.zeros(1, np.int32))
    except NoCompiler:
        return [WasmVM]
    return [WasmVM, NativeVM]


VMS = compilers()


def storage(tensor: Tensor) -> Tensor:
    """Return all numbers of a tensor's storage, seen or not, shape (n,)."""
    return torch.empty(0, dtype=tensor.dtype).set_(tensor.untyped_storage())


class Program:
    """Instructions under construction, with every tensor at a place of its own.

    Attributes
    ----------
    low : Lowering
    size : int
        Floats on the heap so far.
    """

    def __init__(self) -> None:
        self.low, self.size = Lowering(), 0
        self._filled: list[tuple[int, np.ndarray]] = []

    def reserve(self, size: int) -> Buffer:
        """Return a buffer with a place."""
        buffer = Buffer(size, ("heap", self.size))
        self.size += size
        return buffer

    def put(self, tensor: Tensor) -> View:
        """Return a view of a copy of a tensor's whole storage, laid out as the tensor is."""
        numbers = storage(tensor).numpy()
        view = self.low.fresh(tensor)
        view.buffer.place = self.reserve(len(numbers)).place
        self._filled.append((view.buffer.place[1], numbers))
        return view

    def assemble(self, loops: set[int] = frozenset()) -> np.ndarray:
        """Find a place for what has none, and return the program."""
        low = self.low
        for number, buffer in low.constants.items():
            buffer.place = self.reserve(1).place
            self._filled.append((buffer.place[1], np.float32([float(number)])))
        if low.ones.size:
            low.ones.place = self.reserve(low.ones.size).place
            self._filled.append((low.ones.place[1], np.ones(low.ones.size, np.float32)))
        for buffer, tensor in low.values:
            buffer.place = self.reserve(buffer.size).place
            self._filled.append((buffer.place[1], tensor.reshape(-1).float().numpy()))
        program = plan.drop_unread(sorted(low.instructions, key=lambda i: i.part), set())
        program = plan.fuse_accumulation(program, set())
        program = plan.merge_copies(program)
        program = plan.drop_unread(program, set())
        self.size = plan.place(program, loops, self.size)
        return plan.assemble(program, 0, 0)

    def machine(
        self, kind: type, program: np.ndarray, window: int = 1, training: int = 1
    ) -> NativeVM | WasmVM:
        """Return a VM before its first instruction; memory that nothing was put into holds NaN."""
        vm = kind(self.size + _BEHIND, program)
        vm.heap[:] = np.nan
        for start, numbers in self._filled:
            vm.heap[start : start + len(numbers)] = numbers
        vm.state[:] = 0
        vm.state[[WINDOW, TRAINING, BUDGET]] = window, training, -1
        return vm

    def run(self, kind: type, program: np.ndarray, window: int = 1, training: int = 1) -> Heap:
        """Run a program on a VM."""
        vm = self.machine(kind, program, window, training)
        assert vm.run()
        assert np.isnan(vm.heap[self.size :]).all()  # nothing is written behind the end
        return Heap(vm.heap)


class Heap:
    """What lies on a heap after a run."""

    def __init__(self, numbers: np.ndarray) -> None:
        self.numbers = torch.from_numpy(numbers.copy())

    def whole(self, view: View) -> Tensor:
        """Return all numbers of the buffer that a view looks into, shape (n,)."""
        start = view.buffer.place[1]
        return self.numbers[start : start + view.buffer.size]

    def read(self, view: View) -> Tensor:
        """Return the tensor that a view shows."""
        start = view.buffer.place[1]
        return self.numbers.as_strided(view.shape, view.strides, start + view.offset)


def with_gradients(function: Callable[..., Tensor | tuple[Tensor, ...]]) -> Callable:
    """Return a function that gives results ``y0``…, and their gradients ``d.…`` for ``g_0``…."""

    def both(**given: Tensor) -> dict[str, Tensor]:
        own = {k: v for k, v in given.items() if not k.startswith("g_")}

        def forward(own: dict[str, Tensor]) -> tuple[Tensor, ...]:
            made = function(**own)
            return made if isinstance(made, tuple) else (made,)

        made, pull = vjp(forward, own)
        (pulled,) = pull(tuple(given[f"g_{i}"] for i in range(len(made))))
        results = {f"y{i}": y for i, y in enumerate(made)}
        return results | {f"d.{name}": value for name, value in pulled.items()}

    return both


class Lowered:
    """A function of tensors, traced and lowered.

    Attributes
    ----------
    ops : set of str
        The instructions that it became.
    """

    def __init__(self, function: Callable, arguments: dict[str, Tensor]) -> None:
        self._arguments = arguments
        graph = trace(function, arguments)
        self._program = Program()
        low, env = self._program.low, {}
        for name, node in graph.inputs.items():
            env[node] = self._program.put(arguments[name].detach().clone().contiguous())
        low.graph(graph, env, lambda node: True)
        self._results = {}
        for name, node in graph.outputs.items():
            shown = env[node]
            plain = torch.zeros(shown.shape)
            self._results[name] = self._program.put(plain)
            low.emit("copy", self._results[name], shown)
        self.ops = {i.op for i in low.instructions}
        self._tape = self._program.assemble()

    def run(self, kind: type) -> dict[str, Tensor]:
        """Return what a VM computes."""
        heap = self._program.run(kind, self._tape)
        return {name: heap.read(view) for name, view in self._results.items()}


def agree(
    function: Callable, *, rtol: float = 1e-5, atol: float = 1e-6, **arguments: Tensor
) -> Lowered:
    """Assert that a lowered function and its gradients are PyTorch's, on every VM.

    The gradients are those by the arguments, for random incoming ones.
    """
    leaves = {k: v.detach().clone().requires_grad_() for k, v in arguments.items()}
    made = function(**leaves)
    made = made if isinstance(made, tuple) else (made,)
    generator = torch.Generator().manual_seed(0)
    incoming = {f"g_{i}": torch.randn(y.shape, generator=generator) for i, y in enumerate(made)}
    gradients = torch.autograd.grad(
        made, list(leaves.values()), list(incoming.values()), materialize_grads=True
    )
    wanted = {f"y{i}": y.detach() for i, y in enumerate(made)}
    wanted |= {f"d.{name}": g for name, g in zip(leaves, gradients, strict=True)}
    lowered = Lowered(with_gradients(function), arguments | incoming)
    for kind in VMS:
        given = lowered.run(kind)
        torch.testing.assert_close(given, wanted, rtol=rtol, atol=atol, equal_nan=True)
    return lowered
