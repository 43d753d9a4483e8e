"""TensorFlow operators that sum over axes: reductions and products of matrices."""

from __future__ import annotations

import torch

from archloom.execute.operators.table import onnx_type
from archloom.io.importing.tensorflow.messages import Node
from archloom.io.importing.tensorflow.translator import (
    Result,
    Translator,
    Value,
    plain,
    rule,
    without,
)


@rule("Mean", "Sum", "Max", "Min", "Prod")
def reduce(t: Translator, node: Node) -> Result:
    """A reduction over constant axes."""
    value, keep = t.value(node), bool(node.attributes.get("keep_dims"))
    axes = sorted({axis % len(value.order) for axis in t.numbers(node, 1)})
    if not axes:
        return value
    places = t.integers(sorted(value.order[axis] for axis in axes))
    name = t.emit(f"Reduce{node.op}", value.name, places, keepdims=int(keep))
    return Value(name, value.order if keep else without(value.order, axes))


@rule("ArgMax", "ArgMin")
def arg(t: Translator, node: Node) -> Result:
    """Index of the largest or smallest element."""
    value = t.value(node)
    axis = t.numbers(node, 1)[0] % len(value.order)
    name = t.emit(node.op, value.name, axis=value.order[axis], keepdims=0)
    if node.attributes.get("output_type") == 3:
        name = t.emit("Cast", name, to=onnx_type(torch.int32))
    return Value(name, without(value.order, [axis]))


@rule("MatMul", "BatchMatMul", "BatchMatMulV2", "BatchMatMulV3")
def matmul(t: Translator, node: Node) -> Result:
    """MatMul of the last two axes."""
    names = []
    for position, flags in enumerate((("transpose_a", "adj_x"), ("transpose_b", "adj_y"))):
        value = t.value(node, position)
        rank = len(value.order)
        name = t.plain(value)
        if any(node.attributes.get(flag) for flag in flags):
            axes = (*range(rank - 2), rank - 1, rank - 2)
            name = t.emit("Transpose", name, perm=axes)
        names.append(name)
    return plain(t.emit("MatMul", *names), max(len(one.order) for one in t.values(node)))


@rule("Einsum")
def einsum(t: Translator, node: Node) -> Result:
    """Einsum."""
    equation = str(node.attributes["equation"]).replace(" ", "")
    names = [t.plain(value) for value in t.values(node)]
    return plain(t.emit("Einsum", *names, equation=equation), len(equation.split("->")[-1]))
