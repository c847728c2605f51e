"""Training steps of modules as they are, and of random ones, against PyTorch's."""

import copy

import ncps.torch
import ncps.wirings
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from lowered import VMS
from random_models import Plain, RandomModel
from torch import nn

from liquidlib import CfC, Machine, Masked, lower
from liquidlib.models import SequenceModel

OPTIMISERS = {
    "adamw": (torch.optim.AdamW, {"lr": 1e-3, "betas": (0.9, 0.999), "weight_decay": 0.01}),
    "sgd": (torch.optim.SGD, {"lr": 0.02, "momentum": 0.9, "weight_decay": 0.01}),
}


def compare(model, steps, window, optimiser="adamw", eps=1e-8, tolerance=1e-5) -> None:
    """Take training steps with PyTorch and on every VM; compare all that there is after each."""
    tape = lower(model, window, optimiser)
    make, settings = OPTIMISERS[optimiser]
    settings = settings | ({"eps": eps} if optimiser == "adamw" else {})
    machines = [Machine(tape, vm=kind.name) for kind in VMS]
    for machine in machines:
        machine.set(**settings)
    parameters = dict(model.named_parameters())
    trained = [p["name"] for p in tape.parameters]
    optim = make(model.parameters(), **settings)
    generator, features = torch.Generator().manual_seed(0), getattr(model, "input_size", 1)
    ours = isinstance(model, SequenceModel)
    assert tape.records.keys() == (set(model.records) if tape.loops else set())
    for _ in range(steps):
        x = torch.randn(1, window, features, generator=generator)
        timespans = torch.rand(1, window, generator=generator)
        mask = (torch.rand(x.shape, generator=generator) < 0.7).float()
        target = torch.randn((), generator=generator)
        recorded = {}
        if ours:
            named = {"timespans": timespans, "mask": mask if model.uses_mask else None}
            output, _, recorded = model(x, **named, record=model.records)
        else:
            output = model(x, timespans, mask) if isinstance(model, Plain) else model(x)
        prediction = output[:, -1]
        loss = ((prediction - target) ** 2).mean()
        optim.zero_grad()
        loss.backward()
        assert trained == [name for name, p in parameters.items() if p.grad is not None]
        wanted = {
            "parameters": parameters,
            "gradients": {name: parameters[name].grad.clone() for name in trained},
        }
        optim.step()
        for moment in tape.regions.keys() - wanted.keys():
            wanted[moment] = {name: optim.state[parameters[name]][moment] for name in trained}
        given = {"x": x[0], "timespans": timespans[0], "mask": mask[0]}
        arrays = {name: tensor.numpy() for name, tensor in given.items()}
        for machine in machines:
            answer = machine.step(target.item(), **arrays)
            near(answer, (prediction.item(), loss.item()), tolerance, machine.vm)
            for name in tape.records:
                near(machine.recorded(name), recorded[name][0].detach(), tolerance, name)
            for region, tensors in wanted.items():
                for name, numbers in machine.region(region).items():
                    near(numbers, tensors[name].detach(), tolerance, f"{region} {name}")


def near(actual, wanted, tolerance, what) -> None:
    np.testing.assert_allclose(actual, wanted, rtol=tolerance, atol=tolerance, err_msg=what)


# Modules as they are ------------------------------------------------------------------------------


class WithReadOut(nn.Module):
    def __init__(self, layer, width) -> None:
        super().__init__()
        self.layer, self.readout = layer, nn.Linear(width, 1)

    def forward(self, x):
        return self.readout(self.layer(x)[0])


class LTC(SequenceModel):
    """A liquid time-constant network (Hasani et al. 2021), fully connected, 3 unfolds."""

    name, label = "ltc", "LTC"
    uses_timespans, uses_mask = True, False

    def __init__(self, units: int, unfolds: int = 3) -> None:
        super().__init__(1, units, 1)
        self.unfolds = unfolds
        n = units + 1  # what a unit sees: all units, and the input
        generator = torch.Generator().manual_seed(1)

        def uniform(low, high, *shape):
            return nn.Parameter(low + (high - low) * torch.rand(shape, generator=generator))

        self.leak, self.rest = uniform(0.001, 1, units), uniform(-0.2, 0.2, units)
        self.capacity = uniform(0.4, 0.6, units)
        self.weight = uniform(0.001, 1, n, units)
        self.slope, self.middle = uniform(3, 8, n, units), uniform(0.3, 0.8, n, units)
        signs = torch.rand(n, units, generator=generator) < 0.5
        self.register_buffer("reversal", signs.float() * 2 - 1)
        self.readout = nn.Linear(units, 1)

    def initial_state(self, x):
        return x.new_zeros(x.shape[0], self.hidden_size)

    def state_shapes(self, batch):
        return ((batch, self.hidden_size),)

    def _synapses(self, v, rows):
        """Return the sums over the synapses from v (B, n) of w s and w s E, (B, H) each."""
        s = torch.sigmoid(self.slope[rows] * (v[:, :, None] - self.middle[rows]))
        s = F.softplus(self.weight[rows]) * s
        return s.sum(1), (s * self.reversal[rows]).sum(1)

    def _step(self, x, v, timespan):
        seen, seen_driven = self._synapses(x, slice(self.hidden_size, None))
        c = F.softplus(self.capacity) * self.unfolds
        for _ in range(self.unfolds):
            conductance, driven = self._synapses(v, slice(self.hidden_size))
            total = F.softplus(self.leak) + conductance + seen
            push = F.softplus(self.leak) * self.rest + driven + seen_driven
            v = (c * v + timespan * push) / (c + timespan * total)
        return v

    def _run(self, x, state, timespans, mask):
        hidden = []
        for t in range(x.shape[1]):
            state = self._step(x[:, t], state, timespans[:, t : t + 1])
            hidden.append(state)
        return torch.stack(hidden, 1), state, {"state": torch.stack(hidden, 1)}


class UnrolledLTC(LTC):
    recurrent = False


def as_they_are():
    torch.manual_seed(3)
    wiring = ncps.wirings.AutoNCP(10, 3, seed=4)
    return {
        "nn.LSTM": WithReadOut(nn.LSTM(1, 6, batch_first=True), 6),
        "nn.LSTM, two layers": WithReadOut(nn.LSTM(1, 4, 2, batch_first=True), 4),
        "nn.GRU": WithReadOut(nn.GRU(1, 6, batch_first=True), 6),
        "nn.RNN": WithReadOut(nn.RNN(1, 6, nonlinearity="relu", batch_first=True), 6),
        "ncps CfC": WithReadOut(ncps.torch.CfC(1, 6, backbone_units=8, backbone_layers=1), 6),
        "ncps CfC, mixed memory": WithReadOut(
            ncps.torch.CfC(1, 6, backbone_units=8, mixed_memory=True), 6
        ),
        "ncps CfC, wired": WithReadOut(ncps.torch.CfC(1, wiring), 3),
        "CfC, mixed memory": CfC(1, 6, 1, backbone_units=8, mask_input=True, mixed_memory=True),
        "CfC, masked": Masked(CfC(3, 6, 1, backbone_units=8)),
        "CfC, masked, mixed memory": Masked(
            CfC(2, 6, 1, backbone_units=8, mixed_memory=True), since=False
        ),
        "LTC": LTC(5),
        "LTC, unrolled": UnrolledLTC(5),
    }


@pytest.mark.parametrize("name", as_they_are())
def test_modules_as_they_are_take_pytorchs_training_steps(name):
    compare(as_they_are()[name], steps=20, window=8)


def test_an_ltc_loops():
    looped, unrolled = (lower(kind(3), 6) for kind in (LTC, UnrolledLTC))
    assert looped.loops and not unrolled.loops
    assert len(looped.program) < len(unrolled.program) / 2


# What is shared, held or seldom used --------------------------------------------------------------


class Small(SequenceModel):
    """A recurrent model whose time step is a function of the model, the input and the states."""

    name, label = "small", "Small"
    uses_timespans = uses_mask = False

    def __init__(self, function, states=1, **parameters) -> None:
        super().__init__(1, 3, 1)
        self.function, self.states = function, states
        torch.manual_seed(0)
        for name, made in parameters.items():
            if isinstance(made, tuple):
                made = nn.Parameter(torch.randn(made))
            setattr(self, name, made)
        self.readout = nn.Linear(3, 1)

    def initial_state(self, x):
        return tuple(x.new_zeros(1, 3) for _ in range(self.states))

    def state_shapes(self, batch):
        return ((batch, 3),) * self.states

    def _run(self, x, state, timespans, mask):
        hidden = []
        for t in range(x.shape[1]):
            h, *state = self.function(self, x[:, t], *state)
            hidden.append(h)
        return torch.stack(hidden, 1), tuple(state), {"state": torch.stack(hidden, 1)}


def delay(self, x, h, before):
    """What is computed comes out two time steps later."""
    return before, torch.tanh(x @ self.u + before @ self.w), h


def swap(self, x, h, c):
    new = torch.tanh(x @ self.u + h @ self.w)
    return new * c + h, c + new, h


def kept(self, x, h, c):
    """One state passes through unchanged, the other is a view of a longer row."""
    row = torch.cat([h, torch.tanh(x @ self.u + h @ self.w)], 1)
    return row[:, 2:5], row[:, 3:], c


def sum_of_weights(self, x, h):
    """Both weights have one gradient."""
    h = torch.tanh(x @ self.u + h @ (self.w + self.v).t())
    return h, h


def sum_of_weights_in_two_shapes(self, x, h):
    """Both weights have one gradient, of which the second sees a row."""
    h = torch.tanh(x @ self.u + h @ (self.w + self.v.view(3, 3)).t())
    return h, h


def product_of_parameters(self, x, h):
    """The gradient of w is an outer product, of which one side is the same at each time step."""
    h = torch.tanh(x @ self.u + h) * (self.a @ self.w)
    return h, h


def twice(self, x, h):
    h = torch.tanh(x @ self.u + h @ self.w + torch.tanh(h @ self.w) @ self.w.t())
    return h, h


def of_a_layer(self, x, h):
    h = torch.tanh(self.one(h) + x @ self.u) + self.other(h)
    return h, h


def held(self, x, h):
    h = torch.tanh(x @ self.u + h @ self.w * self.scale.t()[1] + self.fixed[1])
    return h, h


def tied():
    one = nn.Linear(3, 3)
    other = nn.Linear(3, 3)
    other.weight = one.weight
    return {"one": one, "other": other}


U, W = (1, 3), (3, 3)
SMALL = {
    "a delay": (delay, {"u": U, "w": W, "states": 2}),
    "states that change places": (swap, {"u": U, "w": W, "states": 2}),
    "a state that stays": (kept, {"u": U, "w": W, "states": 2}),
    "two weights with one gradient": (sum_of_weights, {"u": U, "w": W, "v": W}),
    "one gradient in two shapes": (sum_of_weights_in_two_shapes, {"u": U, "w": W, "v": (9,)}),
    "a product of parameters": (product_of_parameters, {"u": U, "a": (1, 1), "w": U}),
    "a weight used three times": (twice, {"u": U, "w": W}),
    "tied weights": (of_a_layer, {"u": U} | tied()),
    "a parameter not contiguous": (twice, {"u": U, "w": nn.Parameter(torch.randn(3, 3).t())}),
    "a part of a larger parameter": (twice, {"u": U, "w": nn.Parameter(torch.randn(6, 3)[2:5])}),
    "a parameter not to be trained": (
        sum_of_weights,
        {"u": U, "w": W, "v": nn.Parameter(torch.randn(5, 3)[1:4], requires_grad=False)},
    ),
}


@pytest.mark.parametrize("optimiser", OPTIMISERS)
@pytest.mark.parametrize("name", SMALL)
def test_what_is_shared_held_or_delayed(name, optimiser):
    function, parameters = SMALL[name]
    parameters = copy.deepcopy(parameters)
    compare(Small(function, **parameters), 3, window=5, optimiser=optimiser, eps=1e-4)


def test_parameters_that_are_not_to_be_trained_stay_as_they_are():
    model = Small(sum_of_weights, u=U, w=W, v=W)
    model.v.requires_grad_(False)
    before = model.v.clone()
    machine = Machine(lower(model, 4))
    machine.set(lr=0.1)
    machine.step(1.0, x=np.ones((4, 1), np.float32))
    assert "v" not in machine.region("parameters")
    machine.store(model)
    assert torch.equal(model.v, before)


def test_buffers_of_any_layout():
    model = Small(held, u=U, w=W)
    model.register_buffer("scale", torch.rand(4, 6)[1:, 2:5].t())
    model.register_buffer("fixed", torch.rand(9, 3)[4:6])
    compare(model, 2, window=4)


# Random models ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "seed"), [*((RandomModel, i) for i in range(40)), *((Plain, i) for i in range(40, 55))]
)
def test_random_models_take_pytorchs_training_steps(kind, seed):
    # An eps far above what rounding does to a gradient: AdamW divides one by its own size.
    compare(
        kind(seed),
        steps=3,
        window=3,
        optimiser=["sgd", "adamw"][seed % 2],
        eps=0.01,
        tolerance=5e-5,
    )
