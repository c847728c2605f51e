"""From a model to its tape."""

import torch
from torch import Tensor, nn
from torch.func import functional_call

from liquidlib import checks
from liquidlib.engine import plan
from liquidlib.engine.looped import looped
from liquidlib.engine.optimisers import OPTIMISERS
from liquidlib.engine.program import View
from liquidlib.engine.step import PARTS, Method, Step
from liquidlib.engine.tape import Tape
from liquidlib.engine.trace import Unsupported, called_from
from liquidlib.engine.unrolled import output, unrolled
from liquidlib.models.initial import Distribution
from liquidlib.models.sequence import is_plain


def lower(
    model: nn.Module, window: int = 82, optimiser: str = "adamw", input_size: int | None = None
) -> Tape:
    """Lower a model's online training step to a tape: forward, loss, backward, update.

    The step is the one that `track` takes, at batch 1: the last output is the prediction, the loss
    its squared error. A recurrent model of liquidlib's is traced for one time step, and the tape
    loops over the window. Any other module is traced over a whole window, and the tape is
    longer and bound to that window.

    Parameters
    ----------
    model : nn.Module
        Of float32. Its ``forward`` takes ``x`` (1, T, F), and ``timespans`` (1, T) and ``mask``
        (1, T, F) if it names them; it gives (1, T, 1), or a tuple that begins with it. Only the
        last output counts, so that (1, 1, 1) will do.
        Parameters that do not require a gradient, or that the output does not depend on, are
        left as they are, as PyTorch's optimisers leave them. It is not changed.
    window : int
        Time steps, T. Default 82, as published.
    optimiser : {"adamw", "sgd"}
        With PyTorch's formulas.
    input_size : int, optional
        F. Default: the model's own ``input_size``, or 1.

    Returns
    -------
    Tape

    Raises
    ------
    Unsupported
        If the model holds an operation that the engine has no instruction for. The message names
        it and the line of the model that it came from. Or if the values decide how many
        operations there are, as in a `NeuralODE` with an adaptive solver.
    """
    if not isinstance(model, nn.Module):
        raise TypeError(f"model must be a torch.nn.Module, got {type(model).__name__}")
    checks.integer("window", window, at_least=1)
    checks.choice("optimiser", optimiser, OPTIMISERS)
    if input_size is None:
        input_size = getattr(model, "input_size", 1)
    checks.integer("input_size", input_size, at_least=1)
    for name, tensor in [*model.named_parameters(), *model.named_buffers()]:
        # a buffer of whole numbers, such as BatchNorm's count, may be there as long as it is unused
        if tensor.device.type != "cpu" or (
            tensor.is_floating_point() and tensor.dtype != torch.float32
        ):
            raise Unsupported(
                f"model must hold torch.float32 on the CPU, got {tensor.dtype} on "
                f"{tensor.device} in {name}"
            )
    _no_gradient_hooks(model)
    if getattr(model, "adaptive", False):
        raise Unsupported(
            f"{type(model).__name__} takes as many solver steps as the values ask for, and a tape "
            "is one list of instructions for all values"
        )

    step = Step(model, _trained(model, window, input_size), optimiser)
    try:
        if loops(model):
            looped(step, input_size)
        else:
            unrolled(step, window, input_size)
    except Unsupported as error:
        if error.op is None:
            raise
        line = called_from(lambda: _run(model, window, input_size), error.op)
        raise Unsupported(f"{error}{line}", error.op) from None
    step.update()
    return _finished(step, window)


def loops(model: nn.Module) -> bool:
    """Return whether a model's tape repeats one time step."""
    return is_plain(model) and model.recurrent


def _no_gradient_hooks(model: nn.Module) -> None:
    """Refuse hooks that change gradients: a trace of the formulas does not see them."""
    for kind in (model.named_modules(), model.named_parameters()):
        for name, holder in kind:
            hooks = ("_backward_hooks", "_backward_pre_hooks", "_post_accumulate_grad_hooks")
            if any(getattr(holder, hook, None) for hook in hooks):
                raise Unsupported(f"model must have no hook on gradients, got one on {name!r}")


def _trained(model: nn.Module, window: int, input_size: int) -> dict[str, Tensor]:
    """Return the parameters that training changes: those that the output depends on."""
    given = _run(model, window, input_size)
    if given.dim() != 3 or len(given) != 1:
        raise ValueError(
            f"model must give an output (1, T, 1), or (1, 1, 1), got {tuple(given.shape)}"
        )
    checks.one_output(given)
    asked = {name: p for name, p in model.named_parameters() if p.requires_grad}
    if not asked or not given.requires_grad:
        raise ValueError("model must have a parameter to train, got none that its output needs")
    found = torch.autograd.grad(given.sum(), list(asked.values()), allow_unused=True)
    return {name: p for (name, p), g in zip(asked.items(), found, strict=True) if g is not None}


def _run(model: nn.Module, window: int, input_size: int) -> Tensor:
    """Return the output for zeros; random numbers and buffers are put back."""
    x = torch.zeros(1, window, input_size)
    held = {name: buffer.clone() for name, buffer in model.named_buffers()}
    with torch.random.fork_rng(devices=[]):
        arguments = (x, torch.ones(1, window), torch.ones_like(x))
        prefixed = {f"model.{name}": buffer for name, buffer in held.items()}
        return functional_call(Method(model, output), prefixed, arguments)


def _finished(step: Step, window: int) -> Tape:
    """Shorten the program, find a place for everything, and write it all down."""
    low = step.low
    program = sorted(low.instructions, key=lambda i: i.part)
    kept = {view.buffer for view in step.frame.values()}
    program = plan.drop_unread(program, kept)
    program = plan.fuse_accumulation(program, kept)
    program = plan.merge_copies(program)
    program = plan.drop_unread(program, kept)

    constants = []
    for number, buffer in low.constants.items():
        buffer.place = step.reserve(1).place
        constants.append((buffer.place[1], 1, float(number)))
    if low.ones.size:
        low.ones.place = step.reserve(low.ones.size).place
        constants.append((low.ones.place[1], low.ones.size, 1.0))
    for buffer, tensor in low.values:
        buffer.place = step.reserve(buffer.size).place
        view = View(buffer, 0, 0, (buffer.size,), (1,))
        step.fixed[f"constant {len(step.fixed)}"] = (view, tensor)
    for buffer in plan.to_frames(program, step.loops, kept):
        buffer.place = ("frame", step.frame_size)
        step.frame_size += -(-buffer.size // 4) * 4
    # an odd multiple of 16 floats: the same number of each frame falls into another cache set
    frame = step.frame_size and (-(-step.frame_size // 16) | 1) * 16
    heap = -(-plan.place(program, step.loops, step.heap_size) // 16) * 16

    def address(view: View, first: int = 1) -> int:
        root, inside = view.buffer.root()
        here = root.place[1] + inside + view.offset
        return here if root.place[0] == "heap" else heap + first * frame + here

    def place(view: View, first: int = 1) -> tuple[int, int, int]:
        width = 1
        for n in view.shape[0 if frame else 2 :]:
            width *= n
        return address(view, first), frame or width, width

    inputs = step.frame if frame else step.heap
    parameters, shipped = [], [tensor.reshape(-1) for _, tensor in step.fixed.values()]
    seed, rules = getattr(step.model, "drawn", (0, {}))
    for name, parameter in step.trained.items():
        rule = rules.get(name)
        initial = _rule(rule, name, seed, parameter)
        if initial is None:
            shipped.append(parameter.detach().reshape(-1))
        start = step.starts[name]
        parameters.append(
            {"name": name, "shape": list(parameter.shape), "start": start, "initial": initial}
        )
    first = [n for n in step.frame if n.startswith("d.state")]
    numbers = {n: address(v) for n, v in step.heap.items() if n not in ("x", "timespans", "mask")}
    labels = []
    for name, view in step.frame.items():
        if name.startswith("d."):
            here, width = heap + view.buffer.place[1], view.buffer.size
            label = f"d {name[2:]}" if len(first) > 1 or name == "d.hidden" else "d state"
            labels.append(("frame", here, width, label))
            labels.append(("frame", here - frame, width, f"{label} before"))
    return Tape(
        model=getattr(step.model, "name", type(step.model).__name__.lower()),
        label=getattr(step.model, "label", type(step.model).__name__),
        optimiser=step.optimiser,
        window=window,
        heap=heap,
        frame=frame,
        size=step.size,
        inputs={n: place(inputs[n]) for n in ("x", "timespans", "mask") if n in inputs},
        states=[
            place(v, 0) for n, v in step.frame.items() if n.startswith("state") and n != "state"
        ],
        records={n: place(step.frame[n]) for n in ("state", "gate") if n in step.frame},
        numbers=numbers,
        regions={n: b.place[1] for n, b in step.regions.items()},
        parameters=parameters,
        constants=constants,
        fixed=[(address(view), tensor.numel()) for view, tensor in step.fixed.values()],
        seed=seed,
        program=plan.assemble(program, heap, frame),
        notes=[*((PARTS[i.part], i.note) for i in program), ("end", "")],
        labels=labels,
        values=torch.cat(shipped).numpy() if shipped else torch.zeros(0).numpy(),
    )


def _rule(rule: Distribution | None, name: str, seed: int, parameter: Tensor) -> list | None:
    """Return a parameter's distribution if its numbers are still those drawn from the seed."""
    if rule is None:
        return None
    drawn = torch.from_numpy(rule.draw(parameter.numel(), seed, name))
    if not torch.equal(drawn, parameter.detach().reshape(-1)):
        return None
    return [type(rule).__name__.lower(), *vars(rule).values()]
