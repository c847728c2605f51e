"""A training step under construction: its memory, its instructions, and what all steps share."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, fx, nn

from liquidlib import checks
from liquidlib.engine.lower import Lowering
from liquidlib.engine.optimisers import OPTIMISERS
from liquidlib.engine.program import Buffer, View
from liquidlib.engine.trace import Graph, Unsupported, trace

# The parts of a program, in the order in which they run.
PARTS = ("forward", "answer", "learn", "backward", "gather", "scalars", "update")
FORWARD, ANSWER, LEARN, BACKWARD, GATHER, SCALARS, UPDATE = range(7)

STRIP = 256  # parameters that the optimiser works on at a time: they stay in the fastest cache


class Step:
    """The training step of one model, as it is put together.

    Parameters
    ----------
    model : nn.Module
    trained : dict of Tensor
        The parameters that training changes, by name.
    optimiser : {"adamw", "sgd"}

    Attributes
    ----------
    low : Lowering
        Holds the instructions, each marked with its part.
    loops : set of int
        The parts that run more than once.
    heap, frame : dict of View
        What the host reads and writes by name: on the heap, and in the frame of each time step.
    starts : dict of int
        Where each trained parameter begins in the regions.
    regions : dict of Buffer
        Parameters, gradients and moments, one after the other in each.
    fixed : dict of (View, Tensor)
        What the model holds and training does not change.
    """

    def __init__(self, model: nn.Module, trained: dict[str, Tensor], optimiser: str) -> None:
        self.model, self.trained, self.optimiser = model, trained, optimiser
        self.low = Lowering()
        self.loops: set[int] = set()
        self.heap: dict[str, View] = {}
        self.frame: dict[str, View] = {}
        self.fixed: dict[str, tuple[View, Tensor]] = {}
        self.heap_size = self.frame_size = 0
        self.starts: dict[str, int] = {}
        size = 0
        for name, parameter in trained.items():
            self.starts[name], size = size, size + parameter.numel()
        self.size = size
        self.strips = -(-size // STRIP)
        names = ("parameters", "gradients", *OPTIMISERS[optimiser].moments)
        self.regions = {name: self.reserve(self.strips * STRIP) for name in names}

    # Memory ----------------------------------------------------------------------------------

    def reserve(self, size: int) -> Buffer:
        """Return a buffer with a place of its own on the heap."""
        buffer = Buffer(size, ("heap", self.heap_size))
        self.heap_size += -(-size // 4) * 4
        return buffer

    def on_heap(self, tensor: Tensor) -> View:
        """Return a view, laid out as a tensor is, with a place of its own on the heap."""
        view = self.low.fresh(tensor)
        view.buffer.place = self.reserve(view.buffer.size).place
        return view

    def slot(self, tensor: Tensor) -> list[View]:
        """Return views of one place in the frame: of this time step, and of the one before."""
        views = [self.low.fresh(tensor) for _ in range(2)]
        for view, base in zip(views, ("frame", "before"), strict=True):
            view.buffer.place = (base, self.frame_size)
        self.frame_size += -(-views[0].buffer.size // 4) * 4
        return views

    def parameter(self, name: str, region: str = "parameters") -> View:
        """Return a trained parameter, or what belongs to it in another region."""
        shape, strides, step = tuple(self.trained[name].shape), [], 1
        for n in reversed(shape):
            strides.insert(0, step)
            step *= n
        start = self.starts[name]
        return View(self.regions[region], start, start, shape, tuple(strides))

    # What a model holds, as arguments of a traced function --------------------------------------

    def values(self) -> dict[str, Tensor]:
        """Return the model's parameters and buffers, each named ``"model.…"``."""
        held = [*self.model.named_parameters(), *self.model.named_buffers()]
        return {f"model.{name}": tensor for name, tensor in held}

    def split(self, given: dict[str, Tensor]) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """Return, of a traced function's arguments, what is trained and what is only held."""
        own = {k: v for k, v in given.items() if k.startswith("model.")}
        trained = {k: v for k, v in own.items() if k.removeprefix("model.") in self.trained}
        return trained, {k: v for k, v in own.items() if k not in trained}

    def places(self, graph: Graph) -> dict[fx.Node, View]:
        """Return the views of the model's parameters and buffers in a graph."""
        env = {}
        for key, node in graph.inputs.items():
            name = key.removeprefix("model.")
            if name in self.trained and key != name:
                env[node] = self.parameter(name)
            elif key != name and node.users:
                if name not in self.fixed:
                    tensor = self.values()[key].detach()
                    tensor = tensor.clone(memory_format=torch.contiguous_format)
                    if tensor.dtype != torch.float32:
                        raise Unsupported(
                            f"model must hold torch.float32, got {tensor.dtype} in {name}"
                        )
                    self.fixed[name] = (self.on_heap(tensor), tensor)
                env[node] = self.fixed[name][0]
        return env

    # Parts of every step -------------------------------------------------------------------------

    def answer(self, graph: Graph, env: dict[fx.Node, View]) -> None:
        """Lower a graph with outputs ``loss``, ``prediction`` and gradients."""
        low = self.low
        self.heap["target"] = env[graph.inputs["target"]] = self.on_heap(torch.zeros(1, 1))
        needed = graph.needed_for(["loss", "prediction"])
        low.part = ANSWER
        low.graph(graph, env, lambda node: node in needed)
        for name in ("loss", "prediction"):
            self.heap[name] = self.on_heap(torch.zeros(()))
            view = env[graph.outputs[name]]
            low.emit("copy", self.heap[name], View(view.buffer, 0, view.offset, (), ()))
        low.part = LEARN
        low.control("train")
        low.graph(graph, env, lambda node: True)

    def update(self) -> None:
        """Lower the optimiser's formula, strip by strip over all parameters."""
        low, optimiser = self.low, OPTIMISERS[self.optimiser]
        changed = ("parameters", *optimiser.moments)

        def formula(**given: Tensor) -> dict[str, Tensor]:
            state = (given[name] for name in self.regions)
            settings = {name: given[name] for name in optimiser.settings}
            return dict(zip(changed, optimiser.formula(*state, **settings), strict=True))

        settings = {name: torch.ones(()) for name in optimiser.settings}
        graph = trace(formula, {name: torch.ones(STRIP) for name in self.regions} | settings)
        env = {}
        for name, region in self.regions.items():
            strip = Buffer(STRIP, ("strip", region.place[1]))
            env[graph.inputs[name]] = View(strip, 0, 0, (STRIP,), (1,))
        for name, tensor in settings.items():
            self.heap[name] = env[graph.inputs[name]] = self.on_heap(tensor)
        low.part = SCALARS
        low.graph(graph, env, lambda node: node.meta["val"].numel() == 1)
        low.part = UPDATE
        low.control("loop", 2, 0, self.strips)
        low.graph(graph, env, lambda node: True)
        for name in changed:
            low.emit("copy", env[graph.inputs[name]], env[graph.outputs[name]])
        low.control("next", 2, STRIP)
        self.loops.add(UPDATE)


class Method(nn.Module):
    """A function of a model as a module, so that `functional_call` can replace its parameters."""

    def __init__(self, model: nn.Module, function: Callable) -> None:
        super().__init__()
        self.model, self.function = model, function

    def forward(self, *arguments: Tensor) -> object:
        """Call the function with the model and the arguments."""
        return self.function(self.model, *arguments)


def error(output: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """Return the loss and the prediction of a model's output (1, T, 1), as in training."""
    if output.dim() != 3:
        raise ValueError(f"model must give an output (1, T, 1), got {tuple(output.shape)}")
    prediction = checks.one_output(output)[:, -1]
    return ((prediction - target) ** 2).mean(), prediction
