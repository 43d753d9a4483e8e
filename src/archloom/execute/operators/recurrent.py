"""LSTM, GRU and RNN with their default activations, step by step."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from archloom.execute.operators.table import Result, is_given, operator
from archloom.graph.definition import Definition

State = tuple[Tensor, ...]
Step = Callable[[Tensor, State, Tensor, Tensor], State]
"""Takes an input's share (B, gates * hidden), the state, recurrence weights and their bias."""

_ACTIVATIONS = {
    "LSTM": ("Sigmoid", "Tanh", "Tanh"),
    "GRU": ("Sigmoid", "Tanh"),
    "RNN": ("Tanh",),
}


def _is_unusual(d: Definition) -> bool:
    """Return whether a recurrence has lengths, peepholes, clipping or its own activations."""
    directions = 2 if d.attribute("direction", "forward") == "bidirectional" else 1
    usual = _ACTIVATIONS[d.op_type] * directions
    more = is_given(d, 4) or is_given(d, 7) or d.attribute("layout", 0) or d.attribute("clip")
    own = tuple(d.attribute("activations", usual)) != usual or d.attribute("input_forget", 0)
    return bool(more or own)


@operator("LSTM", unless=_is_unusual)
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
    def step(given: Tensor, state: State, r: Tensor, shift: Tensor) -> State:
        i, o, f, c = (given + state[0] @ r.T + shift).chunk(4, -1)
        memory = f.sigmoid() * state[1] + i.sigmoid() * c.tanh()
        return o.sigmoid() * memory.tanh(), memory

    return _run(d, x, w, r, bias, [hidden, cell], step)


@operator("GRU", unless=_is_unusual)
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

    def step(given: Tensor, state: State, r: Tensor, shift: Tensor) -> State:
        (h,), size = state, r.shape[0] // 3
        gates = (given[..., : 2 * size] + h @ r[: 2 * size].T + shift[: 2 * size]).sigmoid()
        update, reset = gates.chunk(2, -1)
        own, offset = r[2 * size :].T, shift[2 * size :]
        inner = reset * (h @ own + offset) if behind else (reset * h) @ own + offset
        return ((1 - update) * (given[..., 2 * size :] + inner).tanh() + update * h,)

    return _run(d, x, w, r, bias, [hidden], step)


@operator("RNN", unless=_is_unusual)
def _rnn(
    d: Definition,
    x: Tensor,
    w: Tensor,
    r: Tensor,
    bias: Tensor | None = None,
    lengths: Tensor | None = None,
    hidden: Tensor | None = None,
) -> Result:
    def step(given: Tensor, state: State, r: Tensor, shift: Tensor) -> State:
        return ((given + state[0] @ r.T + shift).tanh(),)

    return _run(d, x, w, r, bias, [hidden], step)


def _run(
    d: Definition,
    x: Tensor,
    w: Tensor,
    r: Tensor,
    bias: Tensor | None,
    initial: list[Tensor | None],
    step: Step,
) -> Result:
    """Return all outputs Y (T, D, B, H), then the last states (D, B, H); x is (T, B, features)."""
    direction = d.attribute("direction", "forward")
    gates = w.shape[1]
    results, finals = [], []
    for index in range(w.shape[0]):
        both = x.new_zeros(2 * gates) if bias is None else bias[index]
        back = direction == "reverse" or index == 1
        given = (x.flip(0) if back else x) @ w[index].T + both[:gates]
        zeros = x.new_zeros(x.shape[1], r.shape[2])
        state: State = tuple(zeros if one is None else one[index] for one in initial)
        outputs = []
        for now in given.unbind(0):
            state = step(now, state, r[index], both[gates:])
            outputs.append(state[0])
        whole = torch.stack(outputs)
        results.append(whole.flip(0) if back else whole)
        finals.append(state)
    last = [torch.stack([state[i] for state in finals]) for i in range(len(initial))]
    everything = (torch.stack(results, 1), *last)
    return everything[: len(d.outputs)] if len(d.outputs) > 1 else everything[0]
