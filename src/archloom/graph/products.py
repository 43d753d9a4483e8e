"""Multiply-adds of fixed nodes that multiply, by their definitions, at batch 1."""

from __future__ import annotations

import math
from collections.abc import Callable

from archloom.graph.definition import Definition

Shape = tuple[int, ...]


def _shape(d: Definition, position: int) -> Shape:
    slot = d.inputs[position] if position < len(d.inputs) else None
    return () if slot is None else slot.type.shape


def _result(d: Definition) -> int:
    return d.outputs[0].size


def _matrix(first: int) -> Callable[[Definition], int]:
    def macs(d: Definition) -> int:
        inner = _shape(d, first)
        return _result(d) * (inner[-1] if inner else 1)

    return macs


def _gemm(d: Definition) -> int:
    return _result(d) * _shape(d, 0)[0 if d.attribute("transA", 0) else 1]


def _einsum(d: Definition) -> int:
    """The product of the sizes of all labels, one multiply-add per operand behind the first."""
    terms = d.attribute("equation").replace(" ", "").split("->")[0].split(",")
    sizes: dict[str, int] = {}
    for position, term in enumerate(terms):
        shape, (front, dots, back) = _shape(d, position), term.partition("...")
        middle = len(shape) - len(front) - len(back)
        labels = [*front, *(f".{i - middle}" for i in range(middle if dots else 0)), *back]
        for label, size in zip(labels, shape, strict=True):
            sizes[label] = max(size, sizes.get(label, 1))
    return math.prod(sizes.values()) * max(len(terms) - 1, 0)


def _convolution(weight: int) -> Callable[[Definition], int]:
    return lambda d: _result(d) * math.prod(_shape(d, weight)[1:])


def _transposed(d: Definition) -> int:
    return math.prod(_shape(d, 0)) * math.prod(_shape(d, 1)[1:])


def _recurrence(d: Definition) -> int:
    """Every step multiplies the input's features and the hidden ones with the gates' weights."""
    steps = math.prod(_shape(d, 0)[:2])
    return steps * (math.prod(_shape(d, 1)) + math.prod(_shape(d, 2)))


def _attention(d: Definition) -> int:
    keys = sum(_shape(d, position)[-2] for position in (1, 4) if _shape(d, position))
    return keys * (math.prod(_shape(d, 0)) + _result(d))


_MACS: dict[str, Callable[[Definition], int]] = {
    "MatMul": _matrix(0),
    "Gemm": _gemm,
    "Einsum": _einsum,
    "Conv": _convolution(1),
    "ConvTranspose": _transposed,
    "MatMulInteger": _matrix(0),
    "QLinearMatMul": _matrix(0),
    "ConvInteger": _convolution(1),
    "QLinearConv": _convolution(3),
    "DeformConv": _convolution(1),
    "LSTM": _recurrence,
    "GRU": _recurrence,
    "RNN": _recurrence,
    "Attention": _attention,
}

PRODUCTS = frozenset(_MACS)
"""Standard operators that multiply."""

UNNAMED = PRODUCTS - {"MatMul", "Gemm", "Einsum", "Conv", "ConvTranspose"}
"""Operators that multiply and whose nodes have no operation of the registry for it."""


def definition_macs(d: Definition) -> int:
    """Return the multiply-adds of a node with the definition ``d``, 0 where it does not
    multiply.
    """
    macs = None if d.domain else _MACS.get(d.op_type)
    return 0 if macs is None else macs(d)
