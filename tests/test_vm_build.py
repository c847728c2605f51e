"""The VM's two builds: WebAssembly, which ships, and machine code, which is made where it runs."""

import gzip
import importlib.util
import math
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import wasmtime

from liquidlib import Machine, NoCompiler, lower, make
from liquidlib.engine import native
from liquidlib.engine.native import NativeVM
from liquidlib.engine.opcodes import BINARY, CONTROL, OPCODES, SOURCE, TERNARY, UNARY
from liquidlib.engine.wasm import BINARY as VM_WASM
from liquidlib.engine.wasm import WasmVM

ROOT = Path(__file__).parents[1]
COMPILER = shutil.which(os.environ.get("CC", "cc"))
needs_compiler = pytest.mark.skipif(COMPILER is None, reason="no C compiler")
both = pytest.mark.parametrize(
    "vm",
    [pytest.param(NativeVM, marks=needs_compiler, id="native"), pytest.param(WasmVM, id="wasm")],
)


# WebAssembly -----------------------------------------------------------------------------------


def module():
    return wasmtime.Module(wasmtime.Engine(), VM_WASM.read_bytes())


def test_vm_wasm_is_what_its_source_makes(tmp_path):
    path = ROOT / "tools" / "build_wasm.py"
    spec = importlib.util.spec_from_file_location("build_wasm", path)
    build_wasm = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(build_wasm)
    build_wasm.build(tmp_path / "vm.wasm")
    assert (tmp_path / "vm.wasm").read_bytes() == VM_WASM.read_bytes(), "run tools/build_wasm.py"


def test_vm_wasm_has_no_host_functions_and_gives_what_a_host_needs():
    assert [each.name for each in module().imports] == []
    exports = {each.name for each in module().exports}
    assert exports == {"memory", "__heap_base", "run", "uniform", "normal"}


def test_the_page_s_engine_takes_at_most_15_kb():
    files = VM_WASM, VM_WASM.parent / "engine.js"
    assert sum(len(gzip.compress(path.read_bytes(), mtime=0)) for path in files) <= 15_000


# Opcodes: Python's numbers are the C enum's ----------------------------------------------------


A, B, C = 0.625, 0.25, 3.0  # an expression's value tells it from all others
ELEMENTWISE = {
    "copy": A,
    "neg": -A,
    "abs": A,
    "sign": 1.0,
    "sqrt": math.sqrt(A),
    "exp": math.exp(A),
    "expm1": math.expm1(A),
    "log": math.log(A),
    "log1p": math.log1p(A),
    "tanh": math.tanh(A),
    "sigmoid": 1 / (1 + math.exp(-A)),
    "erf": math.erf(A),
    "sin": math.sin(A),
    "cos": math.cos(A),
    "add": A + B,
    "sub": A - B,
    "mul": A * B,
    "div": A / B,
    "maximum": A,
    "minimum": B,
    "pow": A**B,
    "eq": 0.0,
    "ne": 1.0,
    "lt": 0.0,
    "le": 0.0,
    "gt": 1.0,
    "ge": 1.0,
    "tanh_backward": A * (1 - B * B),
    "sigmoid_backward": A * (1 - B) * B,
    "where": B,
}
"""What each instruction makes of A, B and C."""


def run(vm, rows, heap, window=1, training=True):
    """Run a program given as rows of an opcode's name and numbers."""
    program = [number for op, *numbers in rows for number in (OPCODES[op], *numbers)]
    machine = vm(len(heap), np.array(program, dtype=np.int32))
    machine.heap[:] = heap
    machine.state[:] = 0
    machine.state[6:9] = window, training, -1
    assert machine.run()
    return machine.heap.tolist()


def at(address, *strides, base=0):
    return address * 4 + base, *strides


def test_every_elementwise_opcode_is_in_the_table_above():
    assert [*UNARY, *BINARY, *TERNARY] == list(ELEMENTWISE)
    assert [*CONTROL, *ELEMENTWISE] == list(OPCODES)
    assert list(OPCODES.values()) == list(range(len(OPCODES)))


@both
@pytest.mark.parametrize("op", ELEMENTWISE)
def test_an_opcode_is_what_its_name_says(vm, op):
    arity = next(n for n, ops in enumerate((UNARY, BINARY, TERNARY), start=1) if op in ops)
    operands = [number for k in range(1 + arity) for number in at(k, 0, 1)]
    result = run(vm, [(op, 1, 1, *operands), ("end",)], [9.0, A, B, C])
    assert result == [pytest.approx(ELEMENTWISE[op], abs=1e-6), A, B, C]


@both
def test_opcodes_that_look_alike_differ(vm):
    """On A and B above, some comparisons and some of one argument give the same."""

    def value(op, *given):
        operands = [number for k in range(1 + len(given)) for number in at(k, 0, 1)]
        return run(vm, [(op, 1, 1, *operands), ("end",)], [9.0, *given])[0]

    assert [value(op, B, B) for op in ("eq", "ne", "lt", "le", "gt", "ge")] == [1, 0, 0, 1, 0, 1]
    assert [value(op, B, A) for op in ("eq", "ne", "lt", "le", "gt", "ge")] == [0, 1, 1, 1, 0, 0]
    assert [value(op, -A) for op in ("copy", "neg", "abs", "sign")] == [-A, A, A, -1]
    assert [value(op, B, A) for op in ("maximum", "minimum")] == [A, B]
    assert [value("where", a, B, C) for a in (0.0, 1.0)] == [C, B]


@both
def test_control(vm):
    """Add 1 in each frame of a loop over the window, then a product of the window's length."""
    frame = 3  # floats: one number that counts, and two of no use
    rows = [
        ("loop", 1, frame, 0),
        ("add", 1, 1, *at(0, 0, 1, base=1), *at(0, 0, 1, base=1), *at(0, 0, 1)),
        ("next", 1, frame),
        ("train",),
        ("matmul", 1, 0, 1, 1, *at(1, 0, 1), *at(frame, 0, frame), *at(frame, frame, 0)),
        ("loop", 2, 0, 2),
        ("neg", 1, 1, *at(2, 0, 1, base=2), *at(2, 0, 1, base=2)),
        ("next", 2, 1),
        ("end",),
    ]
    heap = [1.0, 0.5, 7.0, 1.0, 0.0, 0.0, 2.0, 0.0, 0.0]
    stepped = [1.0, 0.5, 7.0, 2.0, 0.0, 0.0, 3.0, 0.0, 0.0]
    assert run(vm, rows, heap, window=2, training=False) == stepped
    trained = [1.0, 0.5 + 4.0 + 9.0, -7.0, -2.0, *stepped[4:]]
    assert run(vm, rows, heap, window=2) == trained


# Machine code ----------------------------------------------------------------------------------


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """A cache folder of its own, and this process forgets what it has compiled."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(native, "_library", native._library.__wrapped__)
    return tmp_path / "cache" / "liquidlib"


def script(path, text):
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return str(path)


@needs_compiler
def test_the_vm_is_compiled_once_for_a_source_and_a_compiler(cache, tmp_path, monkeypatch):
    log = tmp_path / "log"
    compiler = script(tmp_path / "cc", f'echo "$@" >> "{log}"\nexec "{COMPILER}" "$@" -O0')
    monkeypatch.setenv("CC", compiler)

    def builds():
        native._library()
        return log.read_text().count("-shared")

    assert [builds(), builds()] == [1, 1]
    (library,) = cache.iterdir()
    assert library.suffix == ".so"
    monkeypatch.setattr(native, "FLAGS", (*native.FLAGS, "-DANOTHER"))
    assert builds() == 2
    source = tmp_path / "vm"
    shutil.copytree(SOURCE, source)
    with (source / "math.h").open("a") as file:
        file.write("\n/* another */\n")
    monkeypatch.setattr(native, "SOURCE", source)
    assert builds() == 3
    script(
        tmp_path / "cc",
        f'echo "$@" >> "{log}"\n[ "$1" = --version ] && echo another\nexec "{COMPILER}" "$@" -O0',
    )
    assert builds() == 4 and len(list(cache.iterdir())) == 4


@needs_compiler
@pytest.mark.slow
def test_two_processes_may_compile_it_at_once(cache, tmp_path):
    """Each compiler waits until the other has begun."""
    begun = tmp_path / "begun"
    begun.mkdir()
    compiler = script(
        tmp_path / "cc",
        f"""case "$*" in *-shared*)
  touch "{begun}/$$"
  for i in $(seq 600); do [ $(ls "{begun}" | wc -l) -ge 2 ] && break; sleep 0.1; done;;
esac
exec "{COMPILER}" "$@" -O0""",
    )
    program = "from liquidlib.engine.native import _library; print(_library().run is not None)"
    environment = os.environ | {"CC": compiler, "XDG_CACHE_HOME": str(cache.parent)}
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", program],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    for process in processes:
        output, errors = process.communicate(timeout=300)
        assert (process.returncode, output) == (0, "True\n"), errors
    assert len(list(begun.iterdir())) == 2
    assert [path.suffix for path in cache.iterdir()] == [".so"]  # and nothing half done


def small():
    return lower(make("rnn", 1, 2, 1), 3)


def assert_no_compiler(message):
    tape = small()
    with pytest.raises(NoCompiler, match=message):
        Machine(tape, vm="native")
    machine = Machine(tape)
    assert machine.vm == "wasm"
    machine.set(lr=0.1)
    machine.step(1.0, x=np.ones(3))


def test_a_machine_without_a_compiler_says_so(cache, monkeypatch):
    monkeypatch.setenv("CC", "no-such-compiler")
    assert_no_compiler("no C compiler: there is no cc on the path, and CC names none")
    monkeypatch.delenv("CC")
    monkeypatch.setenv("PATH", "")
    assert_no_compiler("no C compiler")


def test_a_compiler_that_fails_says_why(cache, tmp_path, monkeypatch):
    compiler = script(tmp_path / "cc", "echo vm.c: this compiler is out of order >&2; exit 1")
    monkeypatch.setenv("CC", compiler)
    assert_no_compiler("cannot compile the VM: vm.c: this compiler is out of order")
    assert list(cache.iterdir()) == []  # no half a library for the next one


@needs_compiler
def test_a_cache_that_cannot_be_written_says_so(cache, tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert_no_compiler("the VM cannot be compiled or loaded here")


@needs_compiler
@pytest.mark.skipif(
    sys.platform != "linux" or shutil.which("nm") is None, reason="needs nm, and Linux's names"
)
def test_the_native_vm_brings_its_own_mathematics(cache):
    native._library()
    (library,) = cache.iterdir()
    command = ["nm", "-D", "--undefined-only", library]
    lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    names = {line.split()[-1].partition("@")[0] for line in lines}
    assert {name for name in names if not name.startswith("_")} <= {"memcpy", "memmove", "memset"}
