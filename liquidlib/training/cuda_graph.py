"""What the capture of a CUDA graph asks for: a side stream, a rehearsal, the recording."""

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor


@contextmanager
def beside(stream: torch.cuda.Stream) -> Iterator[None]:
    """Run on a side stream, after what was queued before and before what comes after."""
    current = torch.cuda.current_stream(stream.device)
    stream.wait_stream(current)
    try:
        with torch.cuda.stream(stream):
            yield
    finally:
        current.wait_stream(stream)


@contextmanager
def rehearsal(device: torch.device) -> Iterator[None]:
    """Make waiting for the device an error; after any error, put the random numbers back."""
    states = torch.get_rng_state(), torch.cuda.get_rng_state(device)
    mode = torch.cuda.get_sync_debug_mode()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # PyTorch warns that the mode is a prototype
        torch.cuda.set_sync_debug_mode("error")
    try:
        yield
    except Exception:
        torch.set_rng_state(states[0])
        torch.cuda.set_rng_state(states[1], device)
        raise
    finally:
        torch.cuda.set_sync_debug_mode(mode)


def record(
    step: Callable[[], Tensor], stream: torch.cuda.Stream
) -> tuple[torch.cuda.CUDAGraph, Tensor]:
    """Return a graph of the step, and the tensor that each replay writes."""
    graph = torch.cuda.CUDAGraph()
    # the outer context puts the current stream back where a failed capture does not
    with torch.cuda.stream(stream), torch.cuda.graph(graph, stream=stream):
        pair = step()
    return graph, pair
