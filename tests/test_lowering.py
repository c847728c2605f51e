"""What PyTorch's operations become: their results and gradients, or a refusal that names them."""

import inspect
import re

import pytest
import torch
import torch.nn.functional as F
from lowered import ATEN, agree
from torch import nn
from torch.func import functional_call

from liquidlib import Unsupported, lower
from liquidlib.engine.operations import COPIES, ELEMENTWISE, FILLS, HARMLESS, VIEWS


def rand(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(len(shape)))


# Operations and their gradients -------------------------------------------------------------------

A, B, C = rand(3, 4), rand(3, 4) + 0.3, rand(4)
WIDE, CUBE, SQUARE = rand(3, 7), rand(2, 3, 4), rand(4, 4)
OPERATIONS = {
    "functions of one": lambda a: (
        a.neg() * a.abs() + a.sign() + a.exp() + a.expm1() + a.tanh() + a.sigmoid() + a.erf()
    ),
    "logarithms, roots": lambda a: (
        a.abs().log() + a.abs().log1p() + a.abs().sqrt() + a.abs().rsqrt() + a.reciprocal()
    ),
    "waves": lambda a: a.sin() * a.cos(),
    "powers": lambda a: (
        a**0 + a**1 + a**2 + a**3 + a**-1 + a.abs() ** 0.5 + 2**a + a.square() + (a * a) ** a
    ),
    "extremes": lambda a, b: torch.maximum(a, b) + torch.minimum(a * 2, b),
    "comparisons": lambda a, b: (
        (a > 0) * a + (a >= b) * b + (b < 0.1) * a + (a <= b) * a + (a == a) * b + (b != b) * a
    ),
    "truth": lambda a, b: (
        ((a > 0) & (b > 0) | ~(a < b) ^ (a == b)).float() * a
        + torch.logical_and(a > 0, b < 0).to(a) * b
        + (a * 0).to(torch.bool) * a
        + torch.logical_not(a > b)
        * torch.logical_xor(a > 0, b > 0)
        * torch.logical_or(a > 1, b > 1)
        * a
    ),
    "where": lambda a, b: (
        torch.where(a > b, a, b) + torch.where(a > 0, a, 0.5) + torch.where(b > 0, -1.0, 2.0) * b
    ),
    "masks": lambda a, b: a.masked_fill(b > 0, -2.0) + a.masked_fill(a > 0, -torch.inf).exp(),
    "NaN and infinity": lambda a: torch.where(a.isnan() | (a.abs() == torch.inf), 0.0, a) * a,
    "clamp": lambda a, b: (
        a.clamp(-0.3, 0.4) + a.clamp(min=0.1) + a.clamp(max=0.1) + a.clamp(b, b + 0.3)
    ),
    "broadcasting": lambda a, c: (a[:, None] + c) * c[:, None] - a[:, :1, None] / (c * c + 1),
    "sum": lambda x: x.sum() + x.sum(0).sum(1, True).sum() + x.sum((0, 2)) + x.sum((1, -1), True),
    "mean": lambda x: x.mean() + x.mean((0, 2)) + x.mean(-1, keepdim=True).mean((0, 1)),
    "sums of one": lambda a: a[:, :1].sum(1) * a[:1].mean(0, True).sum(),
    "sums of nothing": lambda a: a + a[:0].sum() + a[:0].sum(0) + a[:, :0].sum(1, True),
    "a mean of nothing": lambda a: a[:0].mean() + a.detach(),
    "numbers": lambda a: a[0, 0].sum(0) + a[0, 1].mean(-1) * a[0, 2].sum() + a.sum() * a[1, 1],
    "variance": lambda x: (
        x.var(1) + x.std(1, unbiased=False) + x.var() + x.var((0, 1), keepdim=True)
    ),
    "matrix products": lambda a, s: a @ s @ a.t() + torch.mm(a, a.t()),
    "vectors": lambda a, c: (
        (a @ c).sum() * torch.dot(c, c) + torch.outer(c, c).sum(1) + c @ a.t()[:, 1]
    ),
    "batches of products": lambda x: torch.bmm(x, x.transpose(1, 2)) + x @ x[0].t(),
    "einsum": lambda x, a: torch.einsum("bij,kj->bik", x, a) + torch.einsum("bij,bkj->bik", x, x),
    "products of nothing": lambda a: a[:, :0] @ a[:0] + torch.addmm(a, a[:, :0], a[:0]),
    "linear": lambda x, s, c: F.linear(x, s, c),
    "cat": lambda a, b: torch.cat([a, b[:, :2], torch.cat([b, a[:, 1:]], 1), a[:, :0]], 1) * 2,
    "stack": lambda a, b: torch.stack([a, b.t().contiguous().t(), a + b], 1) ** 2,
    "split": lambda w: torch.stack(
        [p.sum(1) * (i + 1) for i, p in enumerate(w.split([1, 4, 2], 1))]
    ),
    "chunk": lambda w: torch.cat([p * (i + 1) for i, p in enumerate(w.chunk(3, 1))], 1),
    "unbind": lambda w: torch.stack([p * (i + 1) for i, p in enumerate(w.unbind(1))], -1),
    "slices": lambda w: w[:2, 1::3] * w[-2:, -2:] + w[1:, ::2][:, :2] + w[:2, -5:-1:2],
    "views": lambda x: (
        x.permute(2, 0, 1).reshape(4, -1).flatten() * 2
        + x.movedim(0, 2).contiguous().view(-1)
        + x.unsqueeze(1).squeeze(1).transpose(0, 1).reshape(-1)
    ),
    "expand": lambda a: a[:, None].expand(3, 5, 4) * a[:, None],
    "diagonal": lambda s: s.diagonal() * s.diagonal(1).sum() + s.diagonal(-2).sum(),
    "unfold": lambda w: w.unfold(1, 3, 1).sum(-1) + w.unfold(1, 3, 1)[..., 1] ** 2,
    "windows apart": lambda w: w.unfold(1, 2, 3) * 2 + w.unfold(0, 1, 2)[..., 0].sum(),
    "windows of one": lambda a, s: a.unfold(1, 1, 1)[..., 0] @ s,
    "pad": lambda a: F.pad(a, (1, 2, 0, 1), value=3.0) ** 2,
    "pad and cut": lambda a: F.pad(a, (-1, 2, 2, -2), value=-1.0) ** 2,
    "layer_norm": lambda a, c: F.layer_norm(a, (4,), c, c * 2, eps=1e-3),
    "rms_norm": lambda a, c: F.rms_norm(a, (4,), c),
    "lerp, addcmul, addcdiv": lambda a, b: (
        torch.lerp(a, b, 0.3) + torch.addcmul(a, a, b, value=0.3) + a.addcdiv(b, b.exp(), value=2)
    ),
    "losses": lambda a, b: (
        F.mse_loss(a, b) + F.l1_loss(a, b) + F.huber_loss(a, b, delta=0.5) + F.smooth_l1_loss(a, b)
    ),
    "detach": lambda a: a.detach() * a + torch.no_grad()(torch.tanh)(a) * a,
    "the argument itself": lambda a, b: (a, a.t(), b[1], a),
    "an argument not used": lambda a, b: a * 2,
    "0 and -0": lambda a: 1 / (a * 0.0 + 0.0).abs() + 1 / (a.abs() * -0.0),
    "truth, filled": lambda a: torch.full((3, 4), 2.0).to(torch.bool) * a + a.new_full((4,), 3.0),
    "zeros and ones": lambda a: torch.zeros(4) + torch.ones(3, 1) + torch.ones_like(a) * a,
}
EXAMPLES = {"a": A, "b": B, "c": C, "w": WIDE, "x": CUBE, "s": SQUARE}


@pytest.mark.parametrize("name", OPERATIONS)
def test_operation(name):
    function = OPERATIONS[name]
    agree(function, **{k: EXAMPLES[k] for k in inspect.signature(function).parameters})


# Arguments by name, each away from its default: an argument that is ignored changes the number.
ARGUMENTS = {
    "softplus beta threshold": lambda a: F.softplus(a, beta=2.0, threshold=0.7),
    "leaky_relu slope": lambda a: F.leaky_relu(a, 0.3),
    "elu alpha": lambda a: F.elu(a, 0.3),
    "celu alpha": lambda a: F.celu(a, 0.4),
    "selu": lambda a: F.selu(a),
    "hardtanh bounds": lambda a: F.hardtanh(a, -0.3, 0.6),
    "relu6": lambda a: F.relu6(a * 9),
    "relu": lambda a: F.relu(a),
    "hardsigmoid": lambda a: F.hardsigmoid(a * 4),
    "hardswish": lambda a: F.hardswish(a * 4),
    "threshold": lambda a: F.threshold(a, 0.3, 5.0),
    "gelu": lambda a: F.gelu(a),
    "gelu tanh": lambda a: F.gelu(a, approximate="tanh"),
    "silu": lambda a: F.silu(a),
    "mish": lambda a: F.mish(a),
    "glu dim": lambda a: F.glu(a, 1),
    "prelu": lambda a, c: F.prelu(a, c),
    "add alpha": lambda a, b: torch.add(a, b, alpha=3),
    "add a number, alpha": lambda a: torch.add(a, 2.0, alpha=3),
    "sub alpha": lambda a, c: torch.sub(a, c, alpha=0.5),
    "rsub alpha": lambda a, c: torch.rsub(a, c, alpha=4),
    "rsub from a number, alpha": lambda a: torch.rsub(a, 2.0, alpha=3),
    "addmm beta alpha": lambda a, s, c: torch.addmm(c, a, s, beta=0.5, alpha=2),
    "addmm beta 0": lambda a, s, c: torch.addmm(c * torch.nan, a, s, beta=0),
    "baddbmm beta alpha": lambda x: torch.baddbmm(x[:, :, :1], x, x.mT, beta=0.5, alpha=2),
    "addmv beta alpha": lambda s, c: torch.addmv(c, s, c, beta=0.5, alpha=2),
    "addmm of one term": lambda a, c: torch.addmm(c, a[:, :1], c[None]),
    "linear of one term": lambda a, c: F.linear(a[:, :1], c[:, None], c),
    "sum dtype": lambda a: a.sum(1, dtype=torch.float32),
    "to, non_blocking": lambda a: (a > 0).to(torch.float32, non_blocking=True) * a,
}


@pytest.mark.parametrize("name", ARGUMENTS)
def test_arguments_by_name_are_honoured(name):
    function = ARGUMENTS[name]
    given = {k: EXAMPLES[k] for k in inspect.signature(function).parameters}
    agree(function, **given)


# Tensors that a function holds itself, of any layout
HELD = {
    "transposed": rand(4, 3).t(),
    "a part of a larger one": rand(10, 4)[2:5],
    "with gaps": rand(3, 8)[:, 1::2],
    "expanded": rand(3, 1).expand(3, 4),
    "of truth values": A > 0,
    "a number": torch.tensor(1.5),
}


@pytest.mark.parametrize("name", HELD)
def test_tensors_that_the_function_holds_itself(name):
    held = HELD[name]
    agree(lambda a: a * held + (held.t() * a.t()).t() * held.reshape(-1)[0], a=A)
    if held.dim():
        agree(lambda a: a[0] * held[1] + held[:, 1:].float().sum() + held.t()[2, 1], a=A)


def in_place(a):
    b = a.clone()
    b.add_(1).mul_(a)
    b[:, 1] = a[:, 0]
    b[0].zero_()
    b[1:, ::2] += a[1:, 1::2]
    b.t()[3].copy_(a[:, 2])
    return b.masked_fill_(a > 1, 0.3).relu_()


def in_place_on_the_diagonal(s):
    b = s * 1
    b.diagonal().fill_(2.0)
    b.diagonal(1).mul_(s[:3, 0])
    return b


def in_place_after_an_alias(a):
    """A sum over one element, and a power of one, lie where their argument lies."""
    b = (a[:, :1] * 2).sum(1)
    c = b**1
    b = b + 1
    b.add_(c)
    d = c.clone() + c
    d += a @ a.new_ones(4)
    return b, d, (a * 3).sum(0, keepdim=True)[:1].sum(0) + b.sum()


def truth_in_place(a):
    mask = a > 0
    mask.copy_(a * 2)  # not 0 is true
    return mask * a


def new_memory(a):
    return torch.empty(3, 4).copy_(a) * 2 + torch.empty_like(a).fill_(3.0)


@pytest.mark.parametrize(
    "function",
    [
        in_place,
        in_place_on_the_diagonal,
        in_place_after_an_alias,
        truth_in_place,
        new_memory,
    ],
)
def test_operations_in_place(function):
    agree(function, **{k: EXAMPLES[k] for k in inspect.signature(function).parameters})


def test_a_sum_of_products_is_added_up_in_place():
    made = agree(lambda a, s, w: torch.tanh(a @ s + w[:, :4] @ s) + a, a=A, s=SQUARE, w=WIDE)
    assert made.ops >= {"matmul", "tanh"}


# Arguments of operations: each is handled or refused --------------------------------------------


def test_each_operation_of_a_table_has_only_the_arguments_that_the_table_takes_care_of():
    """An elementwise operation takes tensors and numbers, in order, and nothing else."""
    for op in ELEMENTWISE:
        arguments = op._schema.arguments
        kinds = {str(a.type) for a in arguments}
        assert kinds <= {"Tensor", "number"}, op  # "number" is a Scalar
        assert not any(a.kwarg_only for a in arguments), op
    for op in FILLS:  # what is left to say is said by the example
        names = {a.name for a in op._schema.arguments if a.kwarg_only}
        assert names <= HARMLESS, op
    for op in (*VIEWS, *COPIES):
        assert not {a.name for a in op._schema.arguments if a.kwarg_only} - HARMLESS, op
    for op in VIEWS:
        assert op.is_view or op is ATEN._unsafe_view.default


REFUSED = {
    "div rounding_mode": (lambda a: torch.div(a, 0.3, rounding_mode="floor"), "div.Tensor_mode"),
    "floor_divide": (lambda a: (a.detach() // 0.3) * a, "rounding_mode"),
    "remainder": (lambda a: a % 0.3, "remainder"),
    "sum in float64": (lambda a: a.sum(1, dtype=torch.float64).float(), "sum.dim_IntList"),
    "float64": (lambda a: (a.double() * 2).float(), "float64"),
    "float16": (lambda a: (a.half() * 2).float(), "float16"),
    "integers": (lambda a: a * torch.tensor(2), "int64"),
    "counting truth values": (lambda a: (a > 0).sum() * a, "sum"),
    "arange": (lambda a: a * torch.arange(4.0), "arange"),
    "cumsum": (lambda a: a.cumsum(1), "cumsum"),
    "softmax": (lambda a: a.softmax(1), "_softmax"),
    "topk": (lambda a: a.topk(2).values, "topk"),
    "max": (lambda a: a.max(1).values, "max.dim"),
    "sort": (lambda a: a.sort(1).values, "sort"),
    "an index": (lambda a: a[[0, 2]], "int64"),
    "a mask as an index": (lambda a: a.clone().index_put_((a > 0,), a[0, 0]), "index_put"),
    "flip": (lambda a: a.flip(1), "flip"),
    "random numbers": (lambda a: a * torch.rand(3, 4), "rand"),
    "dropout": (lambda a: F.dropout(a, 0.5), "rand|bernoulli|dropout"),
    "convolution": (lambda x: F.conv1d(x, torch.ones(5, 3, 2)), "convolution"),
    "round": (lambda a: a.round(), "round"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_the_engine_cannot_do_is_refused_by_name(name):
    function, named = REFUSED[name]
    given = {k: EXAMPLES[k] for k in inspect.signature(function).parameters}
    with pytest.raises(Unsupported, match=named):
        agree(function, **given)


# Refusals of models: the operation, and the line -------------------------------------------------


class Held(nn.Module):
    """Applies a function to the output of a linear layer."""

    def __init__(self, function=None, **held) -> None:
        super().__init__()
        self.inner, self.function = nn.Linear(1, 1), function
        for name, value in held.items():
            setattr(self, name, value)

    def forward(self, x):
        return self.function(self, self.inner(x))


def line_of(text: str) -> int:
    lines = inspect.getsource(inspect.getmodule(line_of)).splitlines()
    (found,) = (i for i, line in enumerate(lines, start=1) if line.strip().endswith(f"# {text}"))
    return found


def running_sum(self, y):
    return y.cumsum(1)  # the sum's line


def attention(self, y):
    scores = y @ y.mT
    return scores.softmax(-1) @ y  # the softmax's line


def best(self, y):
    return y + y.topk(2, dim=1).values.sum()  # topk's line


def word(self, y):
    return self.words(y[..., 0].long())  # the embedding's line


def noise(self, y):
    return F.dropout(y, 0.5)  # dropout's line


@pytest.mark.parametrize(
    ("function", "named", "line"),
    [
        (running_sum, "aten.cumsum", "the sum's line"),
        (attention, "aten._softmax", "the softmax's line"),
        (best, "aten.topk", "topk's line"),
        (word, "aten._to_copy.default gives torch.int64", "the embedding's line"),
    ],
)
def test_a_refusal_names_the_operation_and_the_line(function, named, line):
    model = Held(function, words=nn.Embedding(5, 1))
    with pytest.raises(Unsupported, match=re.escape(named)) as refused:
        lower(model, 4)
    assert f"{__file__}, line {line_of(line)}" in str(refused.value)


def test_dropout_is_refused_in_training_and_passes_in_evaluation():
    model = Held(lambda self, y: self.dropout(y), dropout=nn.Dropout(0.5))
    with pytest.raises(Unsupported, match=r"rand|bernoulli|dropout"):
        lower(model, 4)
    with pytest.raises(Unsupported, match=r"rand|bernoulli|dropout") as refused:
        lower(Held(noise), 4)
    line = line_of("dropout's line")
    assert f"{__file__}, line {line}" in str(refused.value)
    lower(model.eval(), 4)


def depends(self, y):
    if y.sum() > 0:  # the condition's line
        return y
    return -y


def reads(self, y):
    return y * y[0, 0, 0].item()  # the reading line


@pytest.mark.parametrize(
    ("function", "line"), [(depends, "the condition's line"), (reads, "the reading line")]
)
def test_control_flow_that_depends_on_values_is_refused_with_its_line(function, line):
    with pytest.raises(Unsupported, match="depends on the values") as refused:
        lower(Held(function), 4)
    assert f"{__file__}, line {line_of(line)}" in str(refused.value)


def test_parameters_that_are_not_float32_are_refused():
    with pytest.raises(Unsupported, match=r"torch.float64 on cpu in inner.weight"):
        lower(Held(lambda self, y: y).double(), 4)


def test_whole_numbers_in_what_is_computed_are_refused():
    model = Held(lambda self, y: y * self.count)  # the count's line
    model.register_buffer("count", torch.ones(1, dtype=torch.int64))
    with pytest.raises(Unsupported, match=r"torch.int64"):
        lower(model, 4)


def test_batch_normalisation_is_refused_in_training_and_passes_in_evaluation():
    model = Held(lambda self, y: self.norm(y.mT).mT, norm=nn.BatchNorm1d(1))
    with pytest.raises(Unsupported, match="changes a tensor that it holds, in place, called in"):
        lower(model, 4)
    lower(model.eval(), 4)


def add_up(self, y):
    self.count += y.detach().mean()  # the counting line
    return y * self.count


def test_a_model_that_changes_its_buffers_is_refused():
    model = Held(add_up)
    model.register_buffer("count", torch.zeros(1))
    with pytest.raises(Unsupported, match="changes a tensor that it holds, in place") as refused:
        lower(model, 4)
    line = line_of("the counting line")
    assert f"{__file__}, line {line}" in str(refused.value)


# What PyTorch hides -----------------------------------------------------------------------------


def test_an_lstm_is_not_one_opaque_operation():
    lstm, before = nn.LSTM(2, 3, batch_first=True), torch._C._get_mkldnn_enabled()

    def run(x, **weights):
        return functional_call(lstm, weights, (x,))[0]

    weights = {name: tensor.detach() for name, tensor in lstm.named_parameters()}
    made = agree(run, x=rand(1, 5, 2), **weights)
    assert made.ops >= {"matmul", "sigmoid", "tanh", "mul"}
    assert torch._C._get_mkldnn_enabled() == before
