"""A machine: a heap with a network in it, and a VM that runs the network's tape."""

import zlib

import numpy as np
import torch
from torch import nn

from liquidlib import checks
from liquidlib.engine.native import NativeVM, NoCompiler
from liquidlib.engine.tape import Tape
from liquidlib.engine.wasm import WasmVM

VMS = ("auto", "native", "wasm")
_NEVER = -1  # instructions to run before a pause: do not pause
_RATES = "one_minus_beta1", "one_minus_beta2"  # what the tape takes for AdamW's betas
# Fields of the VM's state, in the order of `struct machine`.
PC, HEAP, FRAME, STRIP, LOOP, REMAINING, WINDOW, TRAINING, BUDGET = range(9)


class Machine:
    """Runs a tape: one call of `step` is one training step.

    Parameters
    ----------
    tape : Tape
    window : int, optional
        Time steps in a window. Default: as lowered. Only a tape that loops takes another.
    vm : {"auto", "native", "wasm"}
        ``"native"`` is compiled at its first use on a machine and needs a C compiler; ``"wasm"``
        gives the same bits everywhere; ``"auto"`` takes the native one where it can.

    Attributes
    ----------
    vm : str
        The one that was taken.
    heap : array, float32
        All of its numbers.
    """

    def __init__(self, tape: Tape, window: int | None = None, vm: str = "auto") -> None:
        if not isinstance(tape, Tape):
            raise TypeError(f"tape must be a liquidlib.Tape, got {type(tape).__name__}")
        self.tape = tape
        self.window = tape.window if window is None else checks.integer("window", window, 1)
        if self.window != tape.window and not tape.loops:
            raise ValueError(
                f"window must be {tape.window} for this tape, which does not loop, got {window}"
            )
        floats = tape.heap + tape.frame * (self.window + 1)
        kind = {"native": NativeVM, "wasm": WasmVM}.get(checks.choice("vm", vm, VMS), NativeVM)
        try:
            self._vm = kind(floats, tape.program)
        except NoCompiler:
            if vm == "native":
                raise
            self._vm = WasmVM(floats, tape.program)
        self.vm, self.heap = self._vm.name, self._vm.heap
        for address, n, value in tape.constants:
            self.heap[address : address + n] = value
        start = 0
        for address, n in tape.fixed:
            self.heap[address : address + n] = tape.values[start : start + n]
            start += n
        self._first_value = start
        self._inputs = {name: self.place(*place) for name, place in tape.inputs.items()}
        self.steps = 0
        self.reset(tape.seed)

    # What is on the heap ---------------------------------------------------------------------

    def place(self, address: int, stride: int, width: int) -> np.ndarray:
        """Return a view of what lies at a place of the tape, shape (T, width)."""
        strides = (4 * stride, 4)
        return np.lib.stride_tricks.as_strided(self.heap[address:], (self.window, width), strides)

    def region(self, name: str) -> dict[str, np.ndarray]:
        """Return views of what belongs to each parameter in a region of the heap.

        ``name`` is ``"parameters"``, ``"gradients"`` or one of the optimiser's moments.
        """
        begin = self.tape.regions[checks.choice("name", name, self.tape.regions)]
        views = {}
        for parameter in self.tape.parameters:
            start, shape = begin + parameter["start"], tuple(parameter["shape"])
            n = int(np.prod(shape))
            views[parameter["name"]] = self.heap[start : start + n].reshape(shape)
        return views

    def recorded(self, name: str) -> np.ndarray:
        """Return what the model recorded at the last run, such as ``"gate"``, shape (T, width)."""
        checks.choice("name", name, self.tape.records)
        return self.place(*self.tape.records[name]).copy()

    # Weights ---------------------------------------------------------------------------------

    def reset(self, seed: int) -> None:
        """Draw the parameters from a seed and forget the moments.

        Those without a distribution in the tape take the values that it ships.
        """
        seed = checks.integer("seed", seed, at_least=0)
        if seed >= 2**64:
            raise ValueError(f"seed must be below 2**64, got {seed}")
        self.steps, start = 0, self._first_value
        for name in self.tape.regions:
            self.heap[self.tape.regions[name] :][: self.tape.size] = 0
        for p, view in zip(self.tape.parameters, self.region("parameters").values(), strict=True):
            at = self.tape.regions["parameters"] + p["start"]
            kind, number, *centre = p["initial"] or (None, None)
            if kind is None:
                view.flat = self.tape.values[start : start + view.size]
                start += view.size
            elif kind == "constant":
                view[...] = number
            else:
                stream = zlib.crc32(p["name"].encode())
                positive = kind == "softplusuniform"  # the softplus is uniform
                self._vm.draw("uniform" if positive else kind, at, view.size, seed, stream, number)
                if centre:
                    view += np.float32(centre[0])
                if positive:
                    view[...] = np.log(np.expm1(view.astype(np.float64)))
        self.begin(training=False)

    def load(self, model: nn.Module) -> None:
        """Take a model's parameters."""
        held = self._held(model)
        for name, view in self.region("parameters").items():
            view[...] = held[name].detach().numpy()

    def store(self, model: nn.Module) -> None:
        """Give a model these parameters."""
        held = self._held(model)
        with torch.no_grad():
            for name, view in self.region("parameters").items():
                held[name].copy_(torch.from_numpy(view))

    def _held(self, model: nn.Module) -> dict[str, nn.Parameter]:
        """Return a model's parameters by name, if those of the tape are among them."""
        held = dict(model.named_parameters())
        for p in self.tape.parameters:
            name, shape = p["name"], tuple(p["shape"])
            given = tuple(held[name].shape) if name in held else "none"
            if given != shape:
                raise ValueError(f"model must have a parameter {name} {shape}, got {given}")
        return held

    # Running ---------------------------------------------------------------------------------

    def set(self, **settings: float) -> None:
        """Set the optimiser's settings.

        ``lr`` and ``weight_decay``; for AdamW ``betas`` (two numbers) and ``eps``, for SGD
        ``momentum``. Those not set yet are 0.
        """
        allowed = self.tape.numbers.keys() - {"target", "loss", "prediction", "step", *_RATES}
        if _RATES[0] in self.tape.numbers:
            allowed.add("betas")
        for name, value in settings.items():
            if name not in allowed:
                raise ValueError(
                    f"settings must be among {', '.join(sorted(allowed))}, got {name!r}"
                )
            if name == "betas":
                for rate, beta in zip(_RATES, value, strict=True):
                    self.heap[self.tape.numbers[rate]] = 1 - beta
            else:
                self.heap[self.tape.numbers[name]] = value

    def feed(self, target: float = 0.0, **inputs: np.ndarray) -> None:
        """Write a window: ``x`` (T, F), ``timespans`` (T,), ``mask`` (T, F), and the target.

        A dimension of 1 more or less, such as a batch of one, does not matter. What the model
        does not use is ignored.

        Raises
        ------
        ValueError
            If an input is missing or of another shape, and for liquidlib's recurrent models, if it
            holds what they refuse as well.
        """
        for name, view in self._inputs.items():
            if name not in inputs:
                raise ValueError(f"{name} must be given: the model reads it")
            value = np.asarray(inputs[name], dtype=np.float32)
            if [n for n in value.shape if n != 1] != [n for n in view.shape if n != 1]:
                letters, shape = (
                    ("T,", view.shape[:1]) if name == "timespans" else ("T, F", view.shape)
                )
                raise ValueError(f"{name} must have shape ({letters}) = {shape}, got {value.shape}")
            if self.tape.loops:
                _check_values(name, value)
            view[...] = value.reshape(view.shape)
        self.heap[self.tape.numbers["target"]] = target

    def begin(self, training: bool) -> None:
        """Stand at the beginning of the tape, for a training step or for an answer."""
        state = self._vm.state
        state[:] = 0
        state[WINDOW], state[TRAINING], state[BUDGET] = self.window, training, _NEVER
        if training:
            self.steps += 1
            if "step" in self.tape.numbers:
                self.heap[self.tape.numbers["step"]] = self.steps

    def step(self, target: float, **inputs: np.ndarray) -> tuple[float, float]:
        """Take one training step on a window; return the prediction, and the loss before it."""
        self.feed(target, **inputs)
        self.begin(training=True)
        self._vm.run()
        return self._result()

    def answer(self, **inputs: np.ndarray) -> float:
        """Return the prediction for a window; the weights stay as they are."""
        self.feed(**inputs)
        self.begin(training=False)
        self._vm.run()
        return self._result()[0]

    def advance(self, instructions: int) -> bool:
        """Run instructions from where the machine stands; return whether the tape has ended."""
        self._vm.state[BUDGET] = checks.integer("instructions", instructions, at_least=1)
        return self._vm.run()

    @property
    def at(self) -> int:
        """Where the machine stands: the index of the next instruction in the tape's program."""
        return int(self._vm.state[PC])

    def _result(self) -> tuple[float, float]:
        return tuple(float(self.heap[self.tape.numbers[k]]) for k in ("prediction", "loss"))


def _check_values(name: str, value: np.ndarray) -> None:
    """Refuse what liquidlib's models refuse."""
    if not np.isfinite(value).all():
        raise ValueError(f"{name} must be finite, got NaN or infinity")
    if name == "timespans" and (value < 0).any():
        raise ValueError(f"timespans must not be negative, got {value.min():g}")
    if name == "mask" and not ((value == 0) | (value == 1)).all():
        raise ValueError("mask must hold only 0 (not seen) and 1 (seen)")
