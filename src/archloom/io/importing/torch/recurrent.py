"""ATen's recurrent networks: one ONNX operator per layer."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from archloom.io.importing.torch.translator import Batch, Call, Size, Translator, Value, rule


class _Kind(NamedTuple):
    """ONNX operator, its gates as places in PyTorch's order, and its attributes."""

    op_type: str
    gates: tuple[int, ...]
    attributes: dict[str, int | tuple[str, ...]]


_KINDS = {
    "lstm": _Kind("LSTM", (0, 3, 1, 2), {}),
    "gru": _Kind("GRU", (1, 0, 2), {"linear_before_reset": 1}),
    "rnn_tanh": _Kind("RNN", (0,), {}),
    "rnn_relu": _Kind("RNN", (0,), {"activations": ("Relu",)}),
}


@rule(*_KINDS)
def recurrent(t: Translator, call: Call) -> tuple[str, ...]:
    """All layers one after the other; returns the sequence and the last states."""
    kind = _KINDS[call.name]
    value, weights = call["input"], call["params"]
    if not isinstance(value, Value) or not isinstance(weights, list):
        raise call.refuse("packed sequences: pad them, and give the padded tensor.")
    if call["train"] and call["dropout"]:
        raise call.refuse("the dropout between layers is active: use evaluation mode.")
    directions, layers = 1 + bool(call["bidirectional"]), int(call["num_layers"])
    states = call["hx"] if isinstance(call["hx"], list) else [call["hx"]]
    hidden = weights[1].shape[1]
    attributes = {
        **kind.attributes,
        "hidden_size": hidden,
        "direction": "bidirectional" if directions == 2 else "forward",
    }
    if directions == 2 and "activations" in attributes:
        attributes["activations"] = ("Relu", "Relu")
    length, batch = value.shape[:2]
    sequence = value.name
    if call["batch_first"]:
        length, batch = batch, length
        sequence = t.transpose(value, (1, 0, 2))
    shape: list[Size] = [length, batch, directions * hidden]
    per = len(weights) // (directions * layers)
    last: list[list[str]] = [[] for _ in states]
    for layer in range(layers):
        step = directions * per
        packed = _packed(t, call, weights[layer * step : (layer + 1) * step], per, kind.gates)
        first = [_state(t, state, layer, directions) for state in states]
        outputs = t.emit_all(
            kind.op_type, sequence, *packed, None, *first, outputs=1 + len(states), **attributes
        )
        for states_so_far, name in zip(last, outputs[1:], strict=True):
            states_so_far.append(name)
        turned = t.transpose(outputs[0], (0, 2, 1, 3))
        before: list[Size] = [length, batch, directions, hidden]
        sequence = t.reshape(turned, before, shape)
    if call["batch_first"]:
        sequence = t.transpose(sequence, (1, 0, 2))
    ends = [names[0] if layers == 1 else t.emit("Concat", *names, axis=0) for names in last]
    return sequence, *ends


def _packed(
    t: Translator, call: Call, weights: list[Value], per: int, gates: tuple[int, ...]
) -> list[str | None]:
    """Return W, R and B of one layer: directions stacked, gates in ONNX's order."""
    tensors = [t.known(one) for one in weights]
    if any(one is None for one in tensors) or per not in (2, 4):
        raise call.refuse("weights that are computed, or a projection: use plain parameters.")
    known = [_reordered(one, gates) for one in tensors if one is not None]
    directions = [known[start : start + per] for start in range(0, len(known), per)]
    packed = [torch.stack([one[part] for one in directions]) for part in (0, 1)]
    names: list[str | None] = [t.constant(one) for one in packed]
    if per == 4:
        names.append(t.constant(torch.stack([torch.cat(one[2:]) for one in directions])))
    else:
        names.append(None)
    return names


def _reordered(weight: Tensor, gates: tuple[int, ...]) -> Tensor:
    parts = weight.chunk(len(gates))
    return torch.cat([parts[gate] for gate in gates])


def _state(t: Translator, state: Value, layer: int, directions: int) -> str | None:
    """Return the first states of one layer, None where they are zeros, as ONNX assumes."""
    known = t.known(state)
    if state.name in t.zeros or (known is not None and not known.any()):
        return None
    if isinstance(state.shape[0], Batch) or state.shape[0] == directions:
        return state.name
    bounds = (layer * directions, (layer + 1) * directions, 0)
    return t.emit("Slice", state, *(t.numbers([one]) for one in bounds))
