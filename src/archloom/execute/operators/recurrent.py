"""LSTM, GRU and RNN, step by step."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from archloom.errors import GraphError
from archloom.execute.operators.table import Result, operator
from archloom.execute.words import word
from archloom.graph.definition import Definition

State = tuple[Tensor, ...]
Function = Callable[[Tensor], Tensor]


class _Cell(NamedTuple):
    """One direction of a recurrence: weights (gates * H, H), the shift that goes with them, the
    peepholes (3 * H,) or None, and its activations.
    """

    recurrence: Tensor
    shift: Tensor
    peepholes: Tensor | None
    activations: list[Function]


Step = Callable[[Tensor, State, _Cell], State]
"""Takes an input's share (B, gates * H), the state and the cell."""

_DEFAULTS = {
    "LSTM": ("Sigmoid", "Tanh", "Tanh"),
    "GRU": ("Sigmoid", "Tanh"),
    "RNN": ("Tanh",),
}

_DIRECTIONS = ("forward", "reverse", "bidirectional")

_PLAIN: dict[str, Function] = {
    "relu": torch.relu,
    "tanh": torch.tanh,
    "sigmoid": torch.sigmoid,
    "softsign": F.softsign,
    "softplus": F.softplus,
}
_WITH_ALPHA: dict[str, tuple[float, Callable[[Tensor, float], Tensor]]] = {
    "leakyrelu": (0.01, lambda x, alpha: F.leaky_relu(x, alpha)),
    "thresholdedrelu": (1.0, lambda x, alpha: torch.where(x > alpha, x, torch.zeros_like(x))),
    "elu": (1.0, F.elu),
}
_WITH_BOTH: dict[str, tuple[float, float, Callable[[Tensor, float, float], Tensor]]] = {
    "affine": (1.0, 0.0, lambda x, alpha, beta: alpha * x + beta),
    "scaledtanh": (1.0, 1.0, lambda x, alpha, beta: alpha * torch.tanh(beta * x)),
    "hardsigmoid": (0.2, 0.5, lambda x, alpha, beta: (alpha * x + beta).clamp(0, 1)),
}
_ALL = "activations activation_alpha activation_beta clip direction layout"


def _activations(d: Definition) -> Iterator[Function]:
    """Yield the activations of all directions, each on clipped numbers; alpha and beta go to those
    that take them, in order.
    """
    alphas, betas = (iter(d.attribute(f"activation_{one}", ())) for one in ("alpha", "beta"))
    directions = 2 if word(d, "direction", *_DIRECTIONS) == "bidirectional" else 1
    for name in d.attribute("activations", _DEFAULTS[d.op_type] * directions):
        kind = name.lower()
        if kind in _PLAIN:
            yield _PLAIN[kind]
        elif kind in _WITH_ALPHA:
            default, one = _WITH_ALPHA[kind]
            yield partial(one, alpha=next(alphas, default))  # type: ignore[call-arg]
        elif kind in _WITH_BOTH:
            alpha, beta, both = _WITH_BOTH[kind]
            yield partial(both, alpha=next(alphas, alpha), beta=next(betas, beta))  # type: ignore[call-arg]
        else:
            raise GraphError(
                f"the activation {name!r} of {d.op_type} is not known: known are Relu, Tanh, "
                "Sigmoid, Affine, LeakyRelu, ThresholdedRelu, ScaledTanh, HardSigmoid, Elu, "
                "Softsign and Softplus."
            )


def _clipped(d: Definition, x: Tensor) -> Tensor:
    clip = d.attribute("clip", 0.0)
    return x.clamp(-clip, clip) if clip else x


@operator("LSTM", attributes=f"{_ALL} input_forget", idle="hidden_size")
def _lstm(
    d: Definition,
    x: Tensor,
    w: Tensor,
    r: Tensor,
    bias: Tensor | None = None,
    lengths: Tensor | None = None,
    hidden: Tensor | None = None,
    cell: Tensor | None = None,
    peephole: Tensor | None = None,
) -> Result:
    def step(given: Tensor, state: State, one: _Cell) -> State:
        before, memory = state
        f, g, h = one.activations
        i, o, forget, c = (given + before @ one.recurrence.T + one.shift).chunk(4, -1)
        if one.peepholes is not None:
            of_i, of_o, of_f = one.peepholes.chunk(3)
            i, forget = i + of_i * memory, forget + of_f * memory
        i = f(_clipped(d, i))
        keep = 1 - i if d.attribute("input_forget", 0) else f(_clipped(d, forget))
        memory = keep * memory + i * g(_clipped(d, c))
        if one.peepholes is not None:
            o = o + of_o * memory
        return f(_clipped(d, o)) * h(memory), memory

    return _run(d, x, w, r, bias, lengths, [hidden, cell], step, peephole)


@operator("GRU", attributes=f"{_ALL} linear_before_reset", idle="hidden_size")
def _gru(
    d: Definition,
    x: Tensor,
    w: Tensor,
    r: Tensor,
    bias: Tensor | None = None,
    lengths: Tensor | None = None,
    hidden: Tensor | None = None,
) -> Result:
    behind = bool(d.attribute("linear_before_reset", 0))

    def step(given: Tensor, state: State, one: _Cell) -> State:
        (before,), size = state, one.recurrence.shape[0] // 3
        f, g = one.activations
        own, offset = one.recurrence[2 * size :].T, one.shift[2 * size :]
        both = before @ one.recurrence[: 2 * size].T + one.shift[: 2 * size]
        update, reset = f(_clipped(d, given[..., : 2 * size] + both)).chunk(2, -1)
        inner = reset * (before @ own + offset) if behind else (reset * before) @ own + offset
        new = g(_clipped(d, given[..., 2 * size :] + inner))
        return ((1 - update) * new + update * before,)

    return _run(d, x, w, r, bias, lengths, [hidden], step)


@operator("RNN", attributes=_ALL, idle="hidden_size")
def _rnn(
    d: Definition,
    x: Tensor,
    w: Tensor,
    r: Tensor,
    bias: Tensor | None = None,
    lengths: Tensor | None = None,
    hidden: Tensor | None = None,
) -> Result:
    def step(given: Tensor, state: State, one: _Cell) -> State:
        f = one.activations[0]
        return (f(_clipped(d, given + state[0] @ one.recurrence.T + one.shift)),)

    return _run(d, x, w, r, bias, lengths, [hidden], step)


def _run(
    d: Definition,
    x: Tensor,
    w: Tensor,
    r: Tensor,
    bias: Tensor | None,
    lengths: Tensor | None,
    initial: list[Tensor | None],
    step: Step,
    peephole: Tensor | None = None,
) -> Result:
    """Return all outputs Y (T, D, B, H), then the last states (D, B, H); x is (T, B, features).
    With ``layout`` the batch is first everywhere. Behind the end of a sequence outputs are zero.
    """
    batch_first = bool(d.attribute("layout", 0))
    if batch_first:
        x = x.transpose(0, 1)
        initial = [None if one is None else one.transpose(0, 1) for one in initial]
    activations = list(_activations(d))
    per, gates = len(activations) // w.shape[0], w.shape[1]
    results, finals = [], []
    for index in range(w.shape[0]):
        both = x.new_zeros(2 * gates) if bias is None else bias[index]
        back = word(d, "direction", *_DIRECTIONS) == "reverse" or index == 1
        own = activations[index * per : (index + 1) * per]
        peepholes = None if peephole is None else peephole[index]
        cell = _Cell(r[index], both[gates:], peepholes, own)
        zeros = x.new_zeros(x.shape[1], r.shape[2])
        state: State = tuple(zeros if one is None else one[index] for one in initial)
        whole, last = _steps(x @ w[index].T + both[:gates], state, cell, step, lengths, back)
        results.append(whole)
        finals.append(last)
    states = [torch.stack([state[i] for state in finals]) for i in range(len(initial))]
    outputs = [torch.stack(results, 1), *states]
    if batch_first:
        outputs = [outputs[0].permute(2, 0, 1, 3), *(one.transpose(0, 1) for one in states)]
    return tuple(outputs[: len(d.outputs)]) if len(d.outputs) > 1 else outputs[0]


def _steps(
    given: Tensor, state: State, cell: _Cell, step: Step, lengths: Tensor | None, back: bool
) -> tuple[Tensor, State]:
    """Return the outputs (T, B, H) of one direction and its last state."""
    order = range(len(given))
    outputs: list[Tensor] = [given] * len(given)
    for time in reversed(order) if back else order:
        new = step(given[time], state, cell)
        outputs[time] = new[0]
        if lengths is None:
            state = new
        else:
            alive = (lengths > time).unsqueeze(-1)
            outputs[time] = torch.where(alive, new[0], torch.zeros_like(new[0]))
            state = tuple(
                torch.where(alive, one, other) for one, other in zip(new, state, strict=True)
            )
    return torch.stack(outputs), state
