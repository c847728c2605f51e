"""A step that loops over the window: one time step forward and one backward, traced once.

What a time step computes and needs later lies in its *frame*, one frame a time step, one behind
the other on the heap. The forward loop goes through the frames, the backward loop comes back.
"""

import torch
from torch import Tensor
from torch.func import functional_call, vjp

from liquidlib.engine.program import Buffer, Instruction, Operand, View
from liquidlib.engine.step import BACKWARD, FORWARD, GATHER, LEARN, Method, Step, error
from liquidlib.engine.trace import Graph, trace


def looped(step: Step, input_size: int) -> None:
    """Lower one time step of a recurrent model, forward and backward, with loops around them."""
    low, model = step.low, step.model
    x = torch.zeros(1, 1, input_size)
    first = model.initial_state(x)
    first = first if isinstance(first, tuple) else (first,)
    states = {f"state{i}": tensor for i, tensor in enumerate(first)}
    inputs = {"x": x, "timespans": torch.ones(1, 1), "mask": torch.ones_like(x)}
    graph = _trace_time_step(step, inputs, states)

    env = step.places(graph)
    for name, tensor in inputs.items():
        if graph.inputs[name].users:
            step.frame[name], _ = step.slot(tensor)
            env[graph.inputs[name]] = step.frame[name]
    for name, tensor in states.items():
        step.frame[name], env[graph.inputs[name]] = step.slot(tensor)
    before = {}
    for name in ("hidden", *states):
        here, before[name] = step.slot(graph.inputs[f"d.{name}"].meta["val"])
        step.frame[f"d.{name}"] = env[graph.inputs[f"d.{name}"]] = here

    records = [name for name in graph.outputs if name.startswith("record.")]
    forward = graph.needed_for(["hidden", *(f"new.{name}" for name in states), *records])
    low.part = FORWARD
    low.control("loop", 1, "frame", 0)
    low.graph(graph, env, lambda node: node in forward)
    for name in states:
        low.emit("copy", step.frame[name], env[graph.outputs[f"new.{name}"]])
    for name in records:
        view = env[graph.outputs[name]]
        if not _in_order(view) or view.buffer.place:
            copy, _ = step.slot(graph.outputs[name].meta["val"])
            low.emit("copy", copy, view)
            view = copy
        step.frame[name.removeprefix("record.")] = view
    low.control("next", 1, "frame")

    told = _answer(step, env[graph.outputs["hidden"]])

    low.part = BACKWARD
    low.control("loop", 1, -1, 0)
    low.graph(graph, env, lambda node: True)
    for name in states:
        low.emit("copy", before[name], env[graph.outputs[f"before.{name}"]])
    gradients = {n: env[graph.outputs[f"gradient.model.{n}"]] for n in step.trained}
    _collect(step, gradients, told)
    low.part = BACKWARD
    low.control("next", 1, "-frame")
    low.instructions.sort(key=lambda i: i.part)
    step.loops |= {FORWARD, BACKWARD}


def _trace_time_step(step: Step, inputs: dict[str, Tensor], states: dict[str, Tensor]) -> Graph:
    """Trace ``hidden, new state = model(x, state)`` with what pulls its gradients back.

    ``d.…`` are the gradients of the loss by the results, which come from the time step after;
    ``before.…`` are those by the state it began from, for the time step before.
    """
    model, method = step.model, Method(step.model, lambda m, *given: m._run(*given))
    is_tuple = isinstance(model.initial_state(inputs["x"]), tuple)

    def time_step(**given: Tensor) -> dict[str, Tensor]:
        trained, held = step.split(given)

        def forward(trained: dict[str, Tensor], state: dict[str, Tensor]) -> tuple:
            began = tuple(state.values()) if is_tuple else state["state0"]
            arguments = (given["x"], began, given["timespans"], given["mask"])
            hidden, new, recorded = functional_call(method, trained | held, arguments)
            return (hidden, *(new if is_tuple else (new,))), recorded

        state = {name: given[name] for name in states}
        (hidden, *new), pull, recorded = vjp(forward, trained, state, has_aux=True)
        gradients, before = pull(tuple(given[f"d.{name}"] for name in ("hidden", *states)))
        return (
            {"hidden": hidden}
            | {f"new.{name}": tensor for name, tensor in zip(states, new, strict=True)}
            | {f"record.{name}": tensor for name, tensor in recorded.items()}
            | {f"gradient.{name}": tensor for name, tensor in gradients.items()}
            | {f"before.{name}": tensor for name, tensor in before.items()}
        )

    hidden = {"hidden": torch.zeros(1, 1, model.hidden_size)}
    incoming = {f"d.{name}": tensor for name, tensor in (hidden | states).items()}
    return trace(time_step, step.values() | inputs | states | incoming)


def _answer(step: Step, hidden: View) -> set[str]:
    """Read out the last hidden state and learn from the error.

    Returns the names of the parameters whose gradient is told here, the read-out's.
    """
    model, low = step.model, step.low
    method = Method(model, lambda m, hidden: m._read_out(hidden))

    def answer(**given: Tensor) -> dict[str, Tensor]:
        trained, held = step.split(given)

        def forward(trained: dict[str, Tensor], hidden: Tensor) -> tuple[Tensor, Tensor]:
            if model.output_size is not None:
                hidden = functional_call(method, trained | held, (hidden,))
            return error(hidden, given["target"])

        loss, pull, prediction = vjp(forward, trained, given["hidden"], has_aux=True)
        gradients, d_hidden = pull(torch.ones_like(loss))
        return {"loss": loss, "prediction": prediction, "d.hidden": d_hidden} | {
            f"gradient.{name}": tensor for name, tensor in gradients.items()
        }

    example = {"hidden": torch.zeros(hidden.shape), "target": torch.zeros(1, 1)}
    graph = trace(answer, step.values() | example)
    env = step.places(graph) | {graph.inputs["hidden"]: hidden}
    step.answer(graph, env)
    low.emit("copy", step.frame["d.hidden"], env[graph.outputs["d.hidden"]])
    told = set()
    for name in step.trained:
        gradient = env[graph.outputs[f"gradient.model.{name}"]]
        if not _is_zero(step, gradient):
            low.emit("copy", step.parameter(name, "gradients"), gradient)
            told.add(name)
    return told


def _collect(step: Step, gradients: dict[str, View], told: set[str]) -> None:
    """Sum each parameter's gradient over the time steps.

    That of a weight matrix is a sum of outer products, one a time step. They are not computed one
    by one, but after the loop as one product of two matrices, whose rows are the frames: far
    quicker. A bias whose gradient lies in a frame anyway is summed there as well. What is left
    is added up in the loop.
    """
    low = step.low
    late: list[Instruction] = []
    rest: dict[str, View] = {}
    framed: set[Buffer] = set()
    grouped: list[Instruction] = []
    for name, gradient in gradients.items():
        if _is_zero(step, gradient):
            continue
        product = _outer_product(gradient, low.instructions)
        if product is None or not all(_varies(o.buffer, low.instructions) for o in product.reads):
            rest[name] = gradient
            continue
        grouped.append(product)
        m, _, n, _ = product.sizes
        left, right = product.operands[1:]
        result = step.parameter(name, "gradients")
        straight = (gradient.shape, gradient.strides) == ((m, n), tuple(product.result.strides))
        late.append(
            Instruction(
                "matmul",
                (m, 0, n, int(name in told)),
                [
                    Operand(
                        result.buffer,
                        result.offset,
                        result.strides if straight else result.strides[::-1],
                    ),
                    Operand(left.buffer, left.offset, (left.strides[0], "frame")),
                    Operand(right.buffer, right.offset, ("frame", right.strides[1])),
                ],
                GATHER,
                product.note,
            )
        )
        framed |= {left.buffer.root()[0], right.buffer.root()[0]}
    # a product may be the gradient of two weights, of which one sees it in another shape
    needed = {gradient.buffer for gradient in rest.values()}
    gone = [p for p in grouped if p.result.buffer not in needed]
    low.instructions[:] = [i for i in low.instructions if not any(i is p for p in gone)]
    for name, gradient in rest.items():
        result = step.parameter(name, "gradients")
        if gradient.buffer.root()[0] in framed and _in_order(gradient):
            low.ones.size = max(low.ones.size, 1)
            late.append(
                Instruction(
                    "matmul",
                    (1, 0, step.trained[name].numel(), int(name in told)),
                    [
                        Operand(result.buffer, result.offset, (0, 1)),
                        Operand(low.ones, 0, (0, 0)),
                        Operand(gradient.buffer, gradient.offset, ("frame", 1)),
                    ],
                    GATHER,
                    "sum",
                )
            )
        else:
            low.part = BACKWARD
            low.emit("add", result, result, gradient)
            if name not in told:
                low.part = LEARN
                low.emit("copy", result, 0.0)
    low.instructions.extend(late)


def _outer_product(gradient: View, program: list[Instruction]) -> Instruction | None:
    """Return the outer product that a gradient is, if it is one that nobody else reads."""
    writes = [i for i in program if i.operands and i.result.buffer is gradient.buffer]
    is_read = any(o.buffer is gradient.buffer for i in program for o in i.reads)
    if len(writes) != 1 or is_read or writes[0].op != "matmul" or gradient.offset:
        return None
    (m, k, n, adds), strides = writes[0].sizes, tuple(writes[0].result.strides)
    fits = (gradient.shape, gradient.strides) in (((m, n), strides), ((n, m), strides[::-1]))
    return writes[0] if k == 1 and not adds and fits else None


def _varies(buffer: Buffer, program: list[Instruction]) -> bool:
    """Whether a buffer lies, or can lie, in the frames: a constant is the same in all of them."""
    root, _ = buffer.root()
    if root.place is not None:
        return root.place[0] in ("frame", "before")
    return any(
        i.operands and i.result.buffer.root()[0] is root and i.part in (FORWARD, BACKWARD)
        for i in program
    )


def _is_zero(step: Step, gradient: View) -> bool:
    """Whether a gradient is the zeros that tracing gives for a parameter that is not used."""
    zero = step.low.constants.get(0.0)
    writes = [i for i in step.low.instructions if i.operands and i.result.buffer is gradient.buffer]
    return bool(writes) and all(i.op == "copy" and i.operands[1].buffer is zero for i in writes)


def _in_order(view: View) -> bool:
    """Whether a view's elements lie one behind the other."""
    expected = 1
    for n, stride in zip(reversed(view.shape), reversed(view.strides), strict=True):
        if n != 1 and stride != expected:
            return False
        expected *= n
    return True
