"""A step over a window of fixed length, for modules that are not one time step repeated."""

import inspect

import torch
from torch import Tensor, nn
from torch.func import functional_call, vjp

from liquidlib.engine.step import Method, Step, error
from liquidlib.engine.trace import trace
from liquidlib.models.sequence import is_plain


def unrolled(step: Step, window: int, input_size: int) -> None:
    """Lower a model's whole pass over a window, forward and backward."""
    low, call = step.low, Method(step.model, output)

    def whole(**given: Tensor) -> dict[str, Tensor]:
        trained, held = step.split(given)

        def forward(trained: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
            arguments = (given["x"], given["timespans"], given["mask"])
            return error(functional_call(call, trained | held, arguments), given["target"])

        loss, pull, prediction = vjp(forward, trained, has_aux=True)
        (gradients,) = pull(torch.ones_like(loss))
        return {"loss": loss, "prediction": prediction} | {
            f"gradient.{name}": value for name, value in gradients.items()
        }

    inputs = {
        "x": torch.zeros(1, window, input_size),
        "timespans": torch.ones(1, window),
        "mask": torch.ones(1, window, input_size),
    }
    graph = trace(whole, step.values() | inputs | {"target": torch.zeros(1, 1)})
    env = step.places(graph)
    for name, tensor in inputs.items():
        if not graph.inputs[name].users:
            continue
        env[graph.inputs[name]] = step.heap[name] = step.on_heap(tensor)
    step.answer(graph, env)
    for name in step.trained:
        gradient = env[graph.outputs[f"gradient.model.{name}"]]
        low.emit("copy", step.parameter(name, "gradients"), gradient)


def output(model: nn.Module, x: Tensor, timespans: Tensor, mask: Tensor) -> Tensor:
    """Return what a module gives for a window, (1, T, outputs).

    Liquidlib's models are read past their checks, which look at values. Any other module is given
    ``x`` and those of ``timespans`` and ``mask`` that its ``forward`` names; of a tuple, the first
    is the output.
    """
    if is_plain(model):
        return model.unchecked(x, timespans, mask)[0]
    named = inspect.signature(model.forward).parameters
    offered = {"timespans": timespans, "mask": mask}
    given = model(x, **{name: value for name, value in offered.items() if name in named})
    return given[0] if isinstance(given, tuple) else given
