"""The VM as WebAssembly, as the page runs it, in this process through wasmtime."""

import ctypes
from functools import cache

import numpy as np
import wasmtime

from liquidlib.engine.opcodes import SOURCE

BINARY = SOURCE.parent / "vm.wasm"
_PAGE = 65536


class WasmVM:
    """The VM on a heap in a WebAssembly memory: the same bits on every machine.

    Parameters
    ----------
    floats : int
        Size of the heap.
    program : array, int32
    """

    name = "wasm"

    def __init__(self, floats: int, program: np.ndarray) -> None:
        engine, module = _module()
        self._store = wasmtime.Store(engine)
        exports = wasmtime.Instance(self._store, module, []).exports(self._store)
        self._exports, memory = exports, exports["memory"]
        state = -(-exports["__heap_base"].value(self._store) // 64) * 64
        tape = state + 64
        self._heap_at = -(-(tape + program.nbytes) // 64) * 64
        end = self._heap_at + 4 * floats
        missing = -(-(end - memory.data_len(self._store)) // _PAGE)
        if missing > 0:
            memory.grow(self._store, missing)
        whole = memory.get_buffer_ptr(self._store, memory.data_len(self._store))
        whole.owner = self._store, memory  # the arrays outlive this object, and so must these
        ctypes.memset(ctypes.addressof(whole) + state, 0, end - state)
        self.state = np.frombuffer(whole, np.int32, 9, state)
        np.frombuffer(whole, np.int32, len(program), tape)[:] = program
        self.heap = np.frombuffer(whole, np.float32, floats, self._heap_at)
        self._run, self._arguments = exports["run"], (self._heap_at, tape, state)

    def run(self) -> bool:
        """Run on from ``state``; return whether the tape has ended."""
        return bool(self._run(self._store, *self._arguments))

    def draw(self, kind: str, start: int, n: int, seed: int, stream: int, scale: float) -> None:
        """Fill ``n`` floats of the heap with ``"uniform"`` or ``"normal"`` numbers."""
        words = (_signed(w) for w in (seed & 0xFFFFFFFF, seed >> 32, stream))
        self._exports[kind](self._store, self._heap_at + 4 * start, n, *words, scale)


def _signed(word: int) -> int:
    return word - (1 << 32) if word >> 31 else word


@cache
def _module() -> tuple[wasmtime.Engine, wasmtime.Module]:
    engine = wasmtime.Engine()
    return engine, wasmtime.Module(engine, BINARY.read_bytes())
