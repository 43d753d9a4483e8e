"""TensorFlow operators that hand on, choose or name a value."""

from __future__ import annotations

import torch

from archloom.execute.operators.table import onnx_type
from archloom.io.importing.tensorflow.messages import Node
from archloom.io.importing.tensorflow.translator import (
    CHANNELS_LAST,
    Result,
    Translator,
    Value,
    plain,
    rule,
    type_of,
)

_LAST = 2**63 - 1


@rule("Const")
def constant(t: Translator, node: Node) -> Result:
    """A constant."""
    tensor = node.attributes.get("value")
    if not isinstance(tensor, torch.Tensor):
        raise node.refuse("a constant of texts, which no network computes with.")
    return plain(t.add_constant(tensor, node.name), tensor.dim())


@rule("Identity", "StopGradient", "PreventGradient", "CheckNumerics", "Snapshot")
def same(t: Translator, node: Node) -> Result:
    """The input itself."""
    return t.value(node)


@rule("PlaceholderWithDefault")
def default(t: Translator, node: Node) -> Result:
    """The default, which is what a network in use reads."""
    return t.value(node)


@rule("IdentityN")
def several(t: Translator, node: Node) -> Result:
    """The inputs themselves."""
    return tuple(t.values(node))


@rule("Switch")
def switch(t: Translator, node: Node) -> Result:
    """The branch that a constant condition takes; the other one is dead."""
    taken = bool(t.constant(node, 1).item())
    value = t.value(node)
    return (None, value) if taken else (value, None)


@rule("Merge")
def merge(t: Translator, node: Node) -> Result:
    """The one input that is alive."""
    for position, name in enumerate(node.inputs):
        if not t.is_dead(name):
            return t.value(node, position), plain(t.integers(position), 0)
    return (None, None)


@rule("Cast")
def cast(t: Translator, node: Node) -> Result:
    """Cast; floats of any width are float32 here."""
    value, name = t.value(node), type_of(node, "DstT")
    if t.dtype(value) == name:
        return value
    return Value(t.emit("Cast", value.name, to=onnx_type(getattr(torch, name))), value.order)


@rule("Placeholder")
def placeholder(t: Translator, node: Node) -> Result:
    """An input; a map is stored as NCHW."""
    one = t.inputs[node.name]
    return Value(node.name, CHANNELS_LAST if node.name in t.maps else tuple(range(len(one.shape))))
