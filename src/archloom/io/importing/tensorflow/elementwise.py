"""TensorFlow operators that act on every element on its own."""

from __future__ import annotations

from typing import Any

import torch

from archloom.execute.operators.table import onnx_type
from archloom.io.importing.tensorflow.messages import Node
from archloom.io.importing.tensorflow.translator import (
    Result,
    Rule,
    Translator,
    Value,
    rule,
)


def _unary(op_type: str, **attributes: Any) -> Rule:
    def function(t: Translator, node: Node) -> Result:
        value = t.value(node)
        return Value(t.emit(op_type, value.name, **attributes), value.order)

    return function


for _name, _op in {
    **{
        same: same
        for same in "Relu Elu Selu Sigmoid Tanh Softplus Softsign Exp Log Sqrt Abs Neg Floor Ceil "
        "Round Sign Erf Sin Cos Reciprocal".split()
    },
    "Inv": "Reciprocal",
    "LogicalNot": "Not",
}.items():
    rule(_name)(_unary(_op))


@rule("Relu6")
def relu6(t: Translator, node: Node) -> Result:
    """Clip to 0..6."""
    value = t.value(node)
    bounds = (t.number(bound, value) for bound in (0.0, 6.0))
    return Value(t.emit("Clip", value.name, *bounds), value.order)


@rule("LeakyRelu")
def leaky_relu(t: Translator, node: Node) -> Result:
    """LeakyRelu."""
    value, slope = t.value(node), node.attributes.get("alpha")
    result = t.emit("LeakyRelu", value.name, alpha=0.2 if slope is None else float(slope))
    return Value(result, value.order)


@rule("Rsqrt")
def rsqrt(t: Translator, node: Node) -> Result:
    """One over the root."""
    value = t.value(node)
    return Value(t.emit("Reciprocal", t.emit("Sqrt", value.name)), value.order)


@rule("Square")
def square(t: Translator, node: Node) -> Result:
    """The value times itself."""
    value = t.value(node)
    return Value(t.emit("Mul", value.name, value.name), value.order)


@rule("Softmax", "LogSoftmax")
def softmax(t: Translator, node: Node) -> Result:
    """Softmax over the last axis."""
    value = t.value(node)
    return Value(t.emit(node.op, value.name, axis=value.order[-1]), value.order)


def _elementwise(op_type: str) -> Rule:
    def function(t: Translator, node: Node) -> Result:
        names, order = t.aligned(t.values(node))
        return Value(t.emit(op_type, *names), order)

    return function


for _name, _op in {
    "Add": "Add",
    "AddV2": "Add",
    "Sub": "Sub",
    "Mul": "Mul",
    "RealDiv": "Div",
    "Div": "Div",
    "Maximum": "Max",
    "Minimum": "Min",
    "Pow": "Pow",
    "Equal": "Equal",
    "Less": "Less",
    "LessEqual": "LessOrEqual",
    "Greater": "Greater",
    "GreaterEqual": "GreaterOrEqual",
    "LogicalAnd": "And",
    "LogicalOr": "Or",
    "SelectV2": "Where",
}.items():
    rule(_name)(_elementwise(_op))


@rule("AddN")
def add_all(t: Translator, node: Node) -> Result:
    """Sum of any number of tensors."""
    names, order = t.aligned(t.values(node))
    return Value(names[0] if len(names) == 1 else t.emit("Sum", *names), order)


@rule("NotEqual")
def not_equal(t: Translator, node: Node) -> Result:
    """Not of Equal."""
    names, order = t.aligned(t.values(node))
    return Value(t.emit("Not", t.emit("Equal", *names)), order)


@rule("SquaredDifference")
def squared_difference(t: Translator, node: Node) -> Result:
    """The difference times itself."""
    names, order = t.aligned(t.values(node))
    difference = t.emit("Sub", *names)
    return Value(t.emit("Mul", difference, difference), order)


@rule("FloorDiv")
def floor_divide(t: Translator, node: Node) -> Result:
    """Quotient, rounded down; whole numbers go through float64."""
    values = t.values(node)
    names, order = t.aligned(values)
    dtype = getattr(torch, t.dtype(values[0]))
    if dtype.is_floating_point:
        return Value(t.emit("Floor", t.emit("Div", *names)), order)
    wide = [t.emit("Cast", name, to=onnx_type(torch.float64)) for name in names]
    quotient = t.emit("Floor", t.emit("Div", *wide))
    return Value(t.emit("Cast", quotient, to=onnx_type(dtype)), order)


@rule("FloorMod")
def floor_mod(t: Translator, node: Node) -> Result:
    """Remainder with the sign of the divisor."""
    values = t.values(node)
    names, order = t.aligned(values)
    if not getattr(torch, t.dtype(values[0])).is_floating_point:
        return Value(t.emit("Mod", *names), order)
    whole = t.emit("Floor", t.emit("Div", *names))
    return Value(t.emit("Sub", names[0], t.emit("Mul", whole, names[1])), order)


@rule("BiasAdd", "BiasAddV1")
def bias_add(t: Translator, node: Node) -> Result:
    """Add of one number per channel."""
    value, bias = t.value(node), t.constant(node, 1)
    channel = 1 if node.attributes.get("data_format") == "NCHW" else len(value.order) - 1
    shape = [1] * len(value.order)
    shape[value.order[channel]] = -1
    name = t.add_constant(bias.reshape(shape).contiguous())
    return Value(t.emit("Add", value.name, name), value.order)
