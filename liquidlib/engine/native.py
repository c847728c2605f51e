"""The VM as machine code, compiled where there is a C compiler, once for each machine."""

import ctypes
import hashlib
import os
import platform
import shlex
import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path

import numpy as np

from liquidlib.engine.opcodes import SOURCE

# Not -ffast-math: NaN and infinity must come out as they do in PyTorch.
FLAGS = ("-std=c11", "-O3", "-march=native", "-fno-math-errno", "-fno-trapping-math")


class NoCompiler(RuntimeError):
    """There is no C compiler here, or it cannot compile the VM."""


class NativeVM:
    """The VM on a heap in this process.

    Parameters
    ----------
    floats : int
        Size of the heap.
    program : array, int32

    Raises
    ------
    NoCompiler
    """

    name = "native"

    def __init__(self, floats: int, program: np.ndarray) -> None:
        self._library = _library()
        self.heap = np.zeros(floats, dtype=np.float32)
        self.state = np.zeros(9, dtype=np.int32)
        self._program = np.ascontiguousarray(program, dtype=np.int32)
        self._arguments = [
            ctypes.c_void_p(a.ctypes.data) for a in (self.heap, self._program, self.state)
        ]

    def run(self) -> bool:
        """Run on from ``state``; return whether the tape has ended."""
        return bool(self._library.run(*self._arguments))

    def draw(self, kind: str, start: int, n: int, seed: int, stream: int, scale: float) -> None:
        """Fill ``n`` floats of the heap with ``"uniform"`` or ``"normal"`` numbers."""
        address = ctypes.c_void_p(self.heap.ctypes.data + 4 * start)
        low, high = (ctypes.c_uint32(w) for w in (seed & 0xFFFFFFFF, seed >> 32))
        function = getattr(self._library, kind)
        function(address, n, low, high, ctypes.c_uint32(stream), ctypes.c_float(scale))


@cache
def _library() -> ctypes.CDLL:
    """Return the compiled VM, compiling it if this machine has not done so yet.

    Kept in the user's cache folder under a name made of the source, the compiler's version and
    the processor. Written under another name and renamed, so that processes do not disturb one
    another.
    """
    command = shlex.split(os.environ.get("CC", "cc"))  # may hold options, as in "ccache gcc"
    if not command or shutil.which(command[0]) is None:
        raise NoCompiler("no C compiler: there is no cc on the path, and CC names none")
    sources = b"".join(p.read_bytes() for p in sorted(SOURCE.iterdir()) if p.suffix in (".c", ".h"))
    version = subprocess.run([*command, "--version"], capture_output=True, check=False).stdout
    target = subprocess.run(
        [*command, *FLAGS, "-dM", "-E", "-"], input=b"", capture_output=True, check=False
    ).stdout
    key = hashlib.sha256(b"\0".join((sources, version, target, " ".join(FLAGS).encode())))
    try:
        home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
        folder = Path(home) / "liquidlib"
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"vm-{platform.machine()}-{key.hexdigest()[:16]}.so"
        if not path.exists():
            with tempfile.TemporaryDirectory(dir=folder) as scratch:
                made = Path(scratch) / "vm.so"
                build = [*command, *FLAGS, "-shared", "-fPIC", "-o", made, SOURCE / "vm.c"]
                done = subprocess.run(build, capture_output=True, text=True, check=False)
                if done.returncode:
                    raise NoCompiler(f"{command[0]} cannot compile the VM: {done.stderr.strip()}")
                os.replace(made, path)
        return ctypes.CDLL(str(path))
    except (OSError, RuntimeError) as error:  # Path.home() raises the latter
        if isinstance(error, NoCompiler):
            raise
        raise NoCompiler(f"the VM cannot be compiled or loaded here: {error}") from error
