"""Random recurrent models, for the tests of the engine: what is reused, aliased and shared."""

import random

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from liquidlib.models import SequenceModel

ALIASES = {  # the same numbers, often in the same memory
    "power of one": lambda v: v**1,
    "sum of one": lambda v: v[None].sum(0),
    "mean of one": lambda v: v.unsqueeze(1).mean(1),
    "view": lambda v: v.view(-1)[None],
    "transposed twice": lambda v: v.t().contiguous().t(),
    "clone": lambda v: v.clone(),
    "expand": lambda v: v.expand(1, -1),
    "detach": lambda v: v.detach(),
}
FUNCTIONS = {
    "tanh": torch.tanh,
    "sigmoid": torch.sigmoid,
    "softplus": F.softplus,
    "square": lambda v: torch.tanh(v) ** 2,
    "leaky_relu": F.leaky_relu,
    "softmax": lambda v: torch.exp(torch.tanh(v)) / torch.exp(torch.tanh(v)).sum(1, keepdim=True),
}
PAIRS = {
    "add": torch.add,
    "sub": torch.sub,
    "mul": lambda v, w: torch.tanh(v) * torch.tanh(w),
    "div": lambda v, w: v / (w.abs() + 1),
}


class Genome:
    """A random time step: instructions on a growing pool of row vectors (1, n).

    The pool begins with x, the elapsed time, the mask and the states.

    Attributes
    ----------
    states : list of int
        Widths.
    parameters : dict of tuple
        Shapes, by name.
    """

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.inputs = self.random.choice([1, 2, 3])
        self.hidden = self.random.choice([1, 2, 3, 4, 11])
        self.states = [self.hidden, *self.random.sample([self.hidden, self.hidden + 1], k=2)]
        self.states = self.states[: self.random.randint(1, 3)]
        self.parameters: dict[str, tuple[int, ...]] = {}
        self.code: list[tuple] = []
        self._widths = [self.inputs, 1, self.inputs, *self.states]
        self._begin = len(self._widths)
        for _ in range(self.random.randint(4, 14)):
            self._instruction(self.random.choice(list(self._kinds)))
        self.new = [self._of_width(width) for width in self.states]
        same = [i for i, width in enumerate(self.states) if width == self.hidden]
        if len(same) > 1 and self.random.random() < 0.3:  # two states change places
            one, other = same[:2]
            self.new[one], self.new[other] = 3 + other, 3 + one
        self.output, self.gate = self._of_width(self.hidden), self._of_width(self.hidden)

    def run(
        self,
        held: dict[str, Tensor],
        x: Tensor,
        timespan: Tensor,
        mask: Tensor,
        state: list[Tensor],
    ) -> tuple[Tensor, list[Tensor], Tensor]:
        """Return the hidden state (1, H), the new states and what is recorded as the gate."""
        pool = [x, timespan, mask, *state]
        for kind, *arguments in self.code:
            function = self._kinds[kind]
            given = [held[a] if isinstance(a, str) and a in held else a for a in arguments]
            pool.append(function(pool, *given))
        return pool[self.output], [pool[i] for i in self.new], pool[self.gate]

    # What an instruction computes ----------------------------------------------------------------

    def _in_place(pool, i, j, k):
        v = pool[i].clone()
        v += pool[j]
        v[:, k] = v[:, 0] * 0.5
        return v.mul_(0.5)

    def _pieces(pool, i, j, k):
        v = torch.zeros_like(pool[i])
        v[:, :k] = pool[i][:, :k]
        v[:, k:] += pool[j][:, k:]
        return v

    def _twice(pool, i, j, w):
        """A sum of products that is added up in place, but for one that is read again."""
        product = pool[j] @ w
        return pool[i] + product + product * (pool[i] + pool[j] @ w)

    _kinds = {  # noqa: RUF012
        "linear": lambda pool, i, w, b: F.linear(pool[i], w, b),
        "product": lambda pool, i, w: pool[i] @ w,
        "sum": lambda pool, i, j, w: pool[i] + pool[j] @ w,
        "twice": _twice,
        "function": lambda pool, i, name: FUNCTIONS[name](pool[i]),
        "pair": lambda pool, i, j, name: PAIRS[name](pool[i], pool[j]),
        "cat": lambda pool, *rows: torch.cat([pool[i] for i in rows], 1),
        "slice": lambda pool, i, begin, end: pool[i][:, begin:end],
        "alias": lambda pool, i, name: ALIASES[name](pool[i]),
        "parameter": lambda pool, p: p[None],
        "sum of weights": lambda pool, i, v, w: pool[i] @ (v + w).t(),
        "weight and transposed": lambda pool, i, w: pool[i] @ w.t() + pool[i] @ w,
        "weight of rank 1": lambda pool, i, v, w: pool[i] @ (v @ w),
        "product of weights": lambda pool, v, w, b: v @ w + b,
        "total": lambda pool, i: pool[i].sum()[None, None],
        "in place": _in_place,
        "pieces": _pieces,
    }

    # How one is drawn ----------------------------------------------------------------------------

    def _instruction(self, kind: str) -> None:
        choice, hidden = self.random.choice, self.hidden
        i = self._any()
        n = self._widths[i]
        m = choice([hidden, hidden, n])
        match kind:
            case "linear":
                self._add(kind, m, i, self._parameter(m, n), self._parameter(m))
            case "product":
                self._add(kind, m, i, self._parameter(n, m))
            case "sum" | "twice":
                m = n if kind == "twice" else m
                self._add(kind, m, self._of_width(m), i, self._parameter(n, m))
            case "function":
                self._add(kind, n, i, choice(list(FUNCTIONS)))
            case "pair":
                like = [j for j, width in enumerate(self._widths) if width in (1, n)]
                self._add(kind, n, i, choice(like), choice(list(PAIRS)))
            case "cat":
                rows = [i, *(self._any() for _ in range(choice([1, 2])))]
                self._add(kind, sum(self._widths[j] for j in rows), *rows)
            case "slice":
                begin = self.random.randrange(n)
                end = self.random.randint(begin + 1, n)
                self._add(kind, end - begin, i, begin, end)
            case "alias":
                self._add(kind, n, i, choice(list(ALIASES)))
            case "parameter":
                self._add(kind, m, self._parameter(m))
            case "sum of weights":
                self._add(kind, m, i, self._parameter(m, n), self._parameter(m, n))
            case "weight and transposed":
                self._add(kind, n, i, self._parameter(n, n))
            case "weight of rank 1":
                self._add(kind, m, i, self._parameter(n, 1), self._parameter(1, m))
            case "product of weights":
                v, w = self._parameter(1, 2), self._parameter(2, hidden)
                self._add(kind, hidden, v, w, self._parameter(1, hidden))
            case "total":
                self._add(kind, 1, i)
            case "in place" | "pieces":
                self._add(kind, n, i, self._of_width(n), self.random.randrange(n))

    def _add(self, kind: str, width: int, *arguments: object) -> int:
        self.code.append((kind, *arguments))
        self._widths.append(width)
        return len(self._widths) - 1

    def _any(self) -> int:
        """Return the index of a vector, rather a late one."""
        count = len(self._widths)
        return max(self.random.randrange(count), self.random.randrange(count))

    def _of_width(self, width: int) -> int:
        found = [i for i, n in enumerate(self._widths) if n == width]
        late = [i for i in found if i >= self._begin]
        if late and self.random.random() < 0.8:
            return self.random.choice(late)
        if found and self.random.random() < 0.5:
            return self.random.choice(found)
        i = self._any()
        return self._add("product", width, i, self._parameter(self._widths[i], width))

    def _parameter(self, *shape: int) -> str:
        """Return the name of a parameter, often of one that is used already."""
        like = [name for name, other in self.parameters.items() if other == shape]
        if like and self.random.random() < 0.4:
            return self.random.choice(like)
        self.parameters[f"p{len(self.parameters)}"] = shape
        return f"p{len(self.parameters) - 1}"


class RandomModel(SequenceModel):
    """A recurrent model with a random time step.

    Some parameters are shared with the read-out, not contiguous, not to be trained, or not used.
    """

    name, label = "random", "Random"
    uses_timespans = uses_mask = True
    records = ("state", "gate")

    def __init__(self, seed: int) -> None:
        genome = Genome(seed)
        super().__init__(genome.inputs, genome.hidden, 1)
        self.genome = genome
        torch.manual_seed(seed)
        for name, shape in genome.parameters.items():
            numbers = torch.randn(shape) * 0.5 / shape[-1] ** 0.5
            if len(shape) == 2 and genome.random.random() < 0.2:
                numbers = numbers.t().contiguous().t()
            trained = genome.random.random() < 0.9
            self.register_parameter(name, nn.Parameter(numbers, requires_grad=trained))
        self.unused = nn.Parameter(torch.ones(2))
        self.readout = nn.Linear(genome.hidden, 1)
        rows = [n for n, shape in genome.parameters.items() if shape == (1, genome.hidden)]
        self.shared = genome.random.choice(rows) if rows else None
        self.single = len(genome.states) == 1 and genome.random.random() < 0.5

    def initial_state(self, x):
        states = tuple(x.new_zeros(1, width) for width in self.genome.states)
        return states[0] if self.single else states

    def state_shapes(self, batch):
        return tuple((batch, width) for width in self.genome.states)

    def _read_out(self, hidden):
        output = self.readout(hidden)
        if self.shared is not None:
            output = output + F.linear(hidden, getattr(self, self.shared))
        return output

    def _run(self, x, state, timespans, mask):
        state, held = [state] if self.single else list(state), dict(self.named_parameters())
        hidden, gates = [], []
        for t in range(x.shape[1]):
            given = (x[:, t], timespans[:, t : t + 1], mask[:, t])
            h, state, gate = self.genome.run(held, *given, state)
            hidden.append(h)
            gates.append(gate)
        recorded = {"state": torch.stack(hidden, 1), "gate": torch.stack(gates, 1)}
        return recorded["state"], state[0] if self.single else tuple(state), recorded


class Plain(nn.Module):
    """The same model, as one that is not a liquidlib model: the engine unrolls it."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        self.inner = RandomModel(seed)
        self.input_size = self.inner.input_size

    def forward(self, x, timespans, mask):
        hidden, _, _ = self.inner._run(x, self.inner.initial_state(x), timespans, mask)
        return self.inner._read_out(hidden)
