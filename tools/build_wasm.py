"""Builds liquidlib/engine/vm.wasm from the VM's source: ``python tools/build_wasm.py``.

The compiler is the one pinned in requirements.txt (ziglang, clang's WebAssembly back end), so that
the same source gives the same bytes on every machine; a test checks that it does.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

ENGINE = Path(__file__).parent.parent / "liquidlib" / "engine"
FLAGS = (
    "-std=c11 -O3 -target wasm32-freestanding "
    "-mcpu=generic+simd128+bulk_memory+nontrapping_fptoint -fno-math-errno -fno-trapping-math "
    "-ffp-contract=off -nostdlib -Wl,--no-entry -Wl,--export=__heap_base -Wl,--stack,65536 -s"
).split()


def build(path: Path) -> None:
    """Compile the VM to a file."""
    source = os.path.relpath(ENGINE / "vm" / "vm.c", ENGINE)
    command = [sys.executable, "-m", "ziglang", "cc", *FLAGS, "-o", path.resolve(), source]
    subprocess.run(command, cwd=ENGINE, check=True)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(dir=ENGINE) as folder:
        made = Path(folder) / "vm.wasm"
        build(made)
        os.replace(made, ENGINE / "vm.wasm")
    print(f"vm.wasm: {(ENGINE / 'vm.wasm').stat().st_size} bytes")
