"""Every instruction of the VM against PyTorch: random shapes, strides and special values."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from lowered import ATEN, VMS, Program, storage
from torch import Tensor

from liquidlib.engine.machine import BUDGET
from liquidlib.engine.opcodes import BINARY, CONTROL, OPCODES, TERNARY, UNARY
from liquidlib.engine.program import Buffer, Operand, View

FIXED = settings(derandomize=True, deadline=None, max_examples=30, database=None)
SPECIAL = [
    *(0.0, -0.0, 1.0, -1.0, 0.5, -2.0, 3.0, math.inf, -math.inf, math.nan),
    *(1e-45, -1e-40, 1.1754942e-38, 1e-20, 1e20, -1e30, 3.4028235e38, -3.4028235e38),
    *(20.0, -20.0, 88.7, -87.4, -103.9, 1e-4, 0.99999994, -0.99999994, 2.0**24, 1e8),
]
EXACT, CLOSE = 0, 4  # units in the last place
ELEMENTWISE = {  # what PyTorch makes of it, and how far apart the two may be
    "copy": (lambda a: a.clone(), EXACT),
    "neg": (torch.neg, EXACT),
    "abs": (torch.abs, EXACT),
    "sign": (torch.sign, EXACT),
    "sqrt": (torch.sqrt, CLOSE),
    "exp": (torch.exp, CLOSE),
    "expm1": (torch.expm1, CLOSE),
    "log": (torch.log, CLOSE),
    "log1p": (torch.log1p, CLOSE),
    "tanh": (torch.tanh, CLOSE),
    "sigmoid": (torch.sigmoid, CLOSE),
    "erf": (torch.erf, CLOSE),
    "sin": (torch.sin, CLOSE),
    "cos": (torch.cos, CLOSE),
    "add": (torch.add, EXACT),
    "sub": (torch.sub, EXACT),
    "mul": (torch.mul, EXACT),
    "div": (torch.div, EXACT),
    "maximum": (torch.maximum, EXACT),
    "minimum": (torch.minimum, EXACT),
    "pow": (torch.pow, CLOSE),
    "eq": (torch.eq, EXACT),
    "ne": (torch.ne, EXACT),
    "lt": (torch.lt, EXACT),
    "le": (torch.le, EXACT),
    "gt": (torch.gt, EXACT),
    "ge": (torch.ge, EXACT),
    "tanh_backward": (ATEN.tanh_backward, CLOSE),
    "sigmoid_backward": (ATEN.sigmoid_backward, CLOSE),
    "where": (lambda a, b, c: torch.where(a != 0, b, c), EXACT),
}
OTHERS = {"end", "train", "loop", "next", "matmul"}
vms = pytest.mark.parametrize("kind", VMS, ids=lambda kind: kind.name)


def test_every_instruction_is_tested_here():
    assert ELEMENTWISE.keys() == {*UNARY, *BINARY, *TERNARY}
    assert OPCODES.keys() - ELEMENTWISE.keys() == OTHERS == set(CONTROL)


def operands(op: str) -> int:
    return 1 + (op in BINARY) + 2 * (op in TERNARY)


# Tensors that are laid out in any way -----------------------------------------------------------


@st.composite
def layouts(draw, shape: list[int]) -> Tensor:
    """Return a tensor whose dimensions lie in memory in any order, with gaps that hold NaN."""
    order = draw(st.permutations(range(len(shape))))
    steps = [draw(st.sampled_from([1, 1, 1, 2, 3])) for _ in shape]
    starts = [draw(st.sampled_from([0, 0, 1])) for _ in shape]
    cuts = [slice(s, s + n * step, step) for s, n, step in zip(starts, shape, steps, strict=True)]
    whole = torch.full([cuts[d].stop for d in order], torch.nan)
    return whole.permute([order.index(d) for d in range(len(shape))])[tuple(cuts)]


@st.composite
def arguments(draw, count: int, special: list[float]) -> tuple[Tensor, list[Tensor]]:
    """Return a tensor for the result, and arguments that can be broadcast to its shape."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    shape = draw(st.lists(st.sampled_from([1, 1, 2, 3, 4, 7]), max_size=4))
    if shape and draw(st.booleans()):  # longer than the VM's blocks
        shape[draw(st.integers(0, len(shape) - 1))] = draw(st.sampled_from([0, 128, 129, 300]))
    given = []
    for _ in range(count):
        own = shape[draw(st.integers(0, len(shape))) if draw(st.booleans()) else 0 :]
        tensor = draw(layouts([1 if draw(st.integers(0, 3)) == 0 else n for n in own]))
        numbers = np.where(
            rng.random(tensor.shape) < 0.5,
            rng.choice(np.float32(special), tensor.shape),
            rng.normal(size=tensor.shape, scale=3).astype(np.float32),
        )
        tensor.copy_(torch.from_numpy(np.asarray(numbers, np.float32)))
        given.append(tensor.expand(shape) if draw(st.booleans()) else tensor)  # stride 0
    return draw(layouts(shape)), given


def written(result: Tensor, numbers: Tensor) -> Tensor:
    """Return the storage of a result after numbers were written to it: gaps stay as they are."""
    whole = storage(result).clone()
    whole.as_strided(result.shape, result.stride(), result.storage_offset()).copy_(numbers)
    return whole


# Elementwise instructions -------------------------------------------------------------------------


@vms
@pytest.mark.parametrize("op", ELEMENTWISE)
def test_elementwise(op, kind):
    function, ulp = ELEMENTWISE[op]
    cancels = op == "tanh_backward"  # in 1 - b b: then a rounding is one of a, not of the result
    special = [
        x for x in SPECIAL if op not in ("sin", "cos") or abs(x) <= 1e8 or abs(x) == math.inf
    ]

    @FIXED
    @given(arguments(operands(op), special))
    def check(drawn):
        result, given = drawn
        program = Program()
        views = [program.put(tensor) for tensor in (result, *given)]
        program.low.emit(op, *views)
        heap = program.run(kind, program.assemble())
        for view, tensor in zip(views[1:], given, strict=True):
            assert torch.equal(*(t.view(torch.int32) for t in (heap.whole(view), storage(tensor))))
        least = given[0].expand(result.shape) if cancels else torch.zeros(result.shape)
        wanted = (written(result, numbers) for numbers in (function(*given), least))
        compare(op, heap.whole(views[0]), *wanted, ulp)

    check()


def compare(op: str, actual: Tensor, wanted: Tensor, least: Tensor, ulp: int) -> None:
    """Compare numbers; units in the last place are those of a number or of the least given."""
    if ulp == EXACT:
        torch.testing.assert_close(actual, wanted, rtol=0, atol=0, equal_nan=True)
        if op not in ("maximum", "minimum"):  # of 0 and -0 either may be the greater one
            number = ~wanted.isnan()
            assert torch.equal(actual[number].signbit(), wanted[number].signbit())
        return
    finite = wanted.isfinite() & actual.isfinite()
    torch.testing.assert_close(actual[~finite], wanted[~finite], equal_nan=True)
    one, other, least = (x[finite].double().numpy() for x in (actual, wanted, least))
    size = np.maximum(np.abs(other), np.abs(least))
    spacing = np.maximum(np.spacing(size) * 2.0**29, 2.0**-149)  # of float32
    assert (np.abs(one - other) / spacing).max(initial=0) <= ulp


# Matrix products ----------------------------------------------------------------------------------


@st.composite
def products(draw) -> tuple[list[Tensor], bool]:
    """Return O (M, N), A (M, K) and B (K, N), and whether to accumulate."""
    sizes = st.integers(1, 20) | st.sampled_from([1, 1, 33, 70])
    m, k, n = draw(sizes), draw(sizes), draw(sizes)
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    tensors = []
    for shape in ([m, n], [m, k], [k, n]):
        tensor = draw(layouts(shape))
        tensor.copy_(torch.from_numpy(rng.normal(size=shape).astype(np.float32)))
        if draw(st.integers(0, 3)) == 0:
            tensor.view_as(tensor)[rng.integers(shape[0]), rng.integers(shape[1])] = np.nan
        tensors.append(tensor)
    return tensors, draw(st.booleans())


@vms
def test_matmul(kind):
    @settings(FIXED, max_examples=300)
    @given(products())
    def check(drawn):
        (o, a, b), accumulate = drawn
        program = Program()
        views = [program.put(tensor) for tensor in (o, a, b)]
        operands = [Operand(view.buffer, view.offset, view.strides) for view in views]
        program.low.matmul((*a.shape, b.shape[1], int(accumulate)), *operands)
        heap = program.run(kind, program.assemble())
        wanted = a.double() @ b.double() + (o.double() if accumulate else 0)
        torch.testing.assert_close(
            heap.whole(views[0]), written(o, wanted), rtol=1e-5, atol=2e-5, equal_nan=True
        )

    check()


@vms
def test_a_product_with_one_term_keeps_what_it_is_added_to(kind):
    program = Program()
    a, b, bias = torch.randn(5, 1), torch.randn(1, 7), torch.randn(7)
    left, right, result = program.put(a), program.put(b), program.put(torch.zeros(5, 7))
    program.low.emit("copy", result, program.put(bias))
    program.low.product(result, left, right, accumulate=True)
    heap = program.run(kind, program.assemble())
    torch.testing.assert_close(heap.read(result), bias + a * b)


# Control ------------------------------------------------------------------------------------------


def place(base: str, address: int) -> View:
    return View(Buffer(1, (base, address)), 0, 0, (1,), (1,))


@vms
def test_loop_and_next_move_a_base(kind):
    program = Program()
    numbers = torch.arange(20.0)
    start = program.put(numbers).buffer.place[1]
    total = program.put(torch.zeros(1))
    strip = place("strip", start + 1)
    program.low.control("loop", 2, 0, 6)
    program.low.emit("add", total, total, strip)
    program.low.emit("neg", strip, strip)
    program.low.control("next", 2, 3)
    heap = program.run(kind, program.assemble())
    reached = numbers[1:18:3]
    assert heap.read(total) == reached.sum()
    reached.neg_()
    assert torch.equal(heap.numbers[start : start + 20], numbers)


@vms
@pytest.mark.parametrize("window", [1, 2, 7])
def test_a_count_of_0_is_the_window_and_a_start_below_0_goes_on_from_there(kind, window):
    """Frames of two: f[t] = 2 f[t - 1] + 1 on the way forward, on the way back a running sum."""
    program = Program()
    program.put(torch.zeros(2 * window + 2))
    total = program.put(torch.zeros(1))
    low = program.low
    low.control("loop", 1, 2, 0)
    low.emit("mul", place("frame", 0), place("frame", -2), 2.0)
    low.emit("add", place("frame", 0), place("frame", 0), 1.0)
    low.control("next", 1, 2)
    low.control("loop", 1, -1, 0)
    low.emit("add", total, total, place("frame", 0))
    low.emit("copy", place("frame", 1), total)
    low.control("next", 1, -2)
    heap = program.run(kind, program.assemble(), window=window)
    wanted = 2.0 ** torch.arange(window + 1) - 1
    assert torch.equal(heap.numbers[: 2 * window + 2 : 2], wanted)
    assert torch.equal(heap.numbers[3 : 2 * window + 2 : 2], wanted[1:].flip(0).cumsum(0).flip(0))


@vms
@pytest.mark.parametrize("window", [1, 3, 20])
def test_a_product_over_0_terms_is_one_over_the_window(kind, window):
    program = Program()
    a, b = torch.randn(4, window), torch.randn(window, 6)
    views = [program.put(t) for t in (torch.zeros(4, 6), a, b)]
    operands = [Operand(view.buffer, view.offset, view.strides) for view in views]
    program.low.matmul((4, 0, 6, 0), *operands)
    heap = program.run(kind, program.assemble(), window=window)
    torch.testing.assert_close(heap.read(views[0]), a @ b)


@vms
@pytest.mark.parametrize("training", [0, 1])
def test_train_ends_an_answer(kind, training):
    program = Program()
    before, after = program.put(torch.zeros(1)), program.put(torch.zeros(1))
    program.low.emit("copy", before, 5.0)
    program.low.control("train")
    program.low.emit("copy", after, 5.0)
    heap = program.run(kind, program.assemble(), training=training)
    assert (heap.read(before), heap.read(after)) == (5, 5 * training)


@vms
def test_nothing_runs_behind_the_end(kind):
    program = Program()
    one = program.put(torch.ones(1))
    program.low.emit("add", one, one, one)
    tape = program.assemble()
    heap = program.run(kind, np.concatenate([tape, tape]))
    assert heap.read(one) == 2


@vms
def test_a_run_in_pieces_is_the_run(kind):
    program = Program()
    numbers = program.put(torch.arange(4.0))
    low = program.low
    low.control("loop", 2, 0, 3)
    low.emit("add", numbers, numbers, 1.0)
    low.emit("mul", numbers, numbers, 2.0)
    low.control("next", 2, 0)
    tape = program.assemble()
    wanted = program.run(kind, tape).read(numbers)
    vm = program.machine(kind, tape)
    ends = []
    while not any(ends):
        vm.state[BUDGET] = 1
        ends.append(vm.run())
    assert len(ends) == 1 + 3 * 3 + 1
    assert torch.equal(torch.from_numpy(vm.heap[:4].copy()), wanted)


@vms
def test_what_a_loop_reads_from_before_it_keeps_its_place(kind):
    program = Program()
    low, total = program.low, program.put(torch.zeros(1))
    number, other = low.fresh(torch.zeros(1)), low.fresh(torch.zeros(1))
    low.emit("copy", number, 3.0)
    low.part = 1
    low.control("loop", 2, 0, 4)
    low.emit("add", total, total, number)
    low.emit("mul", other, total, 2.0)  # must not lie where the number does: it is read again
    low.emit("sub", total, other, total)
    low.control("next", 2, 0)
    heap = program.run(kind, program.assemble(loops={1}))
    assert heap.read(total) == 4 * 3
