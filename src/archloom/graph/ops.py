"""Registry of operations: what each op code means for shapes, costs and names.

Codes 0..31 are the AutoGO op vocabulary (AutoGO reference, base op file): they are the embedding
indices of the published predictors and must never change. Further operations register behind them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from archloom.errors import GraphError


class Padding(IntEnum):
    """How a window operation pads its input."""

    NONE = 0
    VALID = 1
    SAME = 2
    EXPLICIT = 3


class ShapeRule(IntEnum):
    """How the output shape follows from the input shape."""

    COPY = 0  # output = input
    WINDOW = 1  # kernel, stride, dilation and padding act on H and W, channels copied
    WINDOW_CHANNELS = 2  # the same, channels chosen by the node (conv)
    CHANNELS = 3  # H and W copied, channels chosen by the node (matmul)
    GLOBAL = 4  # H = W = 1, channels copied
    CONCAT = 5  # channels of all operands summed
    PAD = 6  # H and W grow by the explicit pads
    GIVEN = 7  # stored output shape is taken as it is


class Cost(IntEnum):
    """Cost class of the FLOPs and parameter counters."""

    FREE = 0
    CONV = 1
    DEPTHWISE = 2
    MATMUL = 3
    NORM = 4
    ELEMENT = 5
    CONV_TRANSPOSE = 6
    PRODUCT = 7  # matrix product of two activations


class Merge(IntEnum):
    """How several incoming edges become one operand."""

    SUM = 0
    PRODUCT = 1
    CONCAT = 2


@dataclass(frozen=True)
class Op:
    """One operation of the registry.

    ``canonical`` is the name used in node labels and in the permitted-op lists of the search
    (AutoGO spec 1.4).
    """

    name: str
    code: int
    canonical: str
    shape: ShapeRule = ShapeRule.COPY
    cost: Cost = Cost.FREE
    merge: Merge = Merge.SUM
    weighted: bool = False


class OpRegistry:
    """Operations by name and by code, with per-code lookup tables for vectorised work."""

    def __init__(self) -> None:
        self._by_name: dict[str, Op] = {}
        self._by_code: dict[int, Op] = {}
        self._tables: dict[str, NDArray[np.int8]] = {}

    def register(self, op: Op) -> Op:
        """Add ``op``; a taken name or code raises ``GraphError``."""
        if op.name in self._by_name or op.code in self._by_code:
            raise GraphError(
                f"operation {op.name!r} (code {op.code}) is registered already: choose another "
                f"name and a code from {max(self._by_code) + 1} on."
            )
        self._by_name[op.name] = op
        self._by_code[op.code] = op
        self._tables.clear()
        return op

    def __iter__(self) -> Iterator[Op]:
        return iter(self._by_code.values())

    def __len__(self) -> int:
        return max(self._by_code) + 1

    def __contains__(self, name: str) -> bool:
        return name in self._by_name

    def get(self, name: str) -> Op:
        """Return the operation called ``name``; an unknown one raises ``GraphError`` with the
        known names.
        """
        try:
            return self._by_name[name]
        except KeyError:
            known = ", ".join(sorted(self._by_name))
            raise GraphError(
                f"unknown operation {name!r}: use one of {known}, or register it with OPS.register."
            ) from None

    def code(self, name: str) -> int:
        """Return the code of the operation called ``name``."""
        return self.get(name).code

    def by_code(self, code: int) -> Op:
        """Return the operation with ``code``; an unknown one raises ``GraphError``."""
        try:
            return self._by_code[code]
        except KeyError:
            raise GraphError(
                f"unknown operation code {code}: known are 0 to {len(self) - 1}."
            ) from None

    def name(self, code: int) -> str:
        """Return the name of the operation with ``code``."""
        return self.by_code(int(code)).name

    def table(self, field: str) -> NDArray[np.int8]:
        """Return ``(len(self),)`` int8: attribute ``field`` (shape, cost, merge, weighted) by op
        code.
        """
        if field not in self._tables:
            table = np.zeros(len(self), dtype=np.int8)
            for op in self:
                table[op.code] = int(getattr(op, field))
            table.setflags(write=False)
            self._tables[field] = table
        return self._tables[field]


def _reference_ops() -> list[Op]:
    """Return the 32 operations of the AutoGO vocabulary (AutoGO spec 1.3)."""
    element: dict[str, object] = {"cost": Cost.ELEMENT}
    window: dict[str, object] = {"shape": ShapeRule.WINDOW, "cost": Cost.ELEMENT}
    special: dict[str, dict[str, object]] = {
        "conv": {
            "canonical": "conv2d",
            "shape": ShapeRule.WINDOW_CHANNELS,
            "cost": Cost.CONV,
            "weighted": True,
        },
        "depthwise": {"shape": ShapeRule.WINDOW, "cost": Cost.DEPTHWISE, "weighted": True},
        "batchnorm": {"canonical": "fusedbatchnorm", "cost": Cost.NORM},
        "relu6": {"canonical": "relu", **element},
        "matmul": {"shape": ShapeRule.CHANNELS, "cost": Cost.MATMUL, "weighted": True},
        "mul": {"merge": Merge.PRODUCT, **element},
        "concat": {"shape": ShapeRule.CONCAT, "merge": Merge.CONCAT},
        "maxpool": window,
        "avgpool": window,
        "paddings": {"shape": ShapeRule.PAD},
        "mean": {"shape": ShapeRule.GLOBAL, "cost": Cost.ELEMENT},
        "global": {"shape": ShapeRule.GLOBAL, "cost": Cost.ELEMENT},
        **{name: element for name in ("relu", "add", "sigmoid", "tanh", "swish")},
        **{
            name: {"shape": ShapeRule.GIVEN}
            for name in ("spacetobatchnd", "batchtospacend", "spacetodepthnd", "depthtospacend")
        },
    }
    names = (
        "unknown input output conv depthwise batchnorm relu relu6 matmul add mul concat maxpool "
        "avgpool sigmoid tanh "
        "swish gelu paddings mean spacetobatchnd batchtospacend spacetodepthnd depthtospacend "
        "global identity zero reserved1 reserved2 reserved3 reserved4 reserved5"
    ).split()
    return [
        Op(name=name, code=code, **{"canonical": name, **special.get(name, {})})  # type: ignore[arg-type]
        for code, name in enumerate(names)
    ]


FIRST_OWN_CODE = 32
"""Codes from here on are archloom's own; the reference's vocabulary ends before."""


def _own_ops() -> list[Op]:
    """Return the operations behind the AutoGO vocabulary.

    The activations are complete in themselves. All others are names for nodes with a definition
    (``archloom.graph.definition``), ``opaque`` for an operator that has no name here.
    """
    element = "hardswish hardsigmoid elementwise softmax layernorm groupnorm instancenorm"
    fixed = "resize clip slice reshape transpose reduce broadcast gather embedding pick opaque"
    costs = {
        **{name: Cost.ELEMENT for name in element.split()},
        "conv_transpose": Cost.CONV_TRANSPOSE,
        "batched_matmul": Cost.PRODUCT,
        **{name: Cost.FREE for name in fixed.split()},
    }
    return [
        Op(name=name, code=code, canonical=name, cost=cost)
        for code, (name, cost) in enumerate(costs.items(), start=FIRST_OWN_CODE)
    ]


OPS = OpRegistry()
for _op in (*_reference_ops(), *_own_ops()):
    OPS.register(_op)
