"""What the functions of an ONNX model would become in place of their calls, counted beforehand.

A few functions that call each other twice stand for any number of nodes; one that calls itself has
no end.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from archloom.errors import FormatError

if TYPE_CHECKING:
    from onnx import FunctionProto, GraphProto, ModelProto, NodeProto

MOST_NODES = 1_000_000
"""Nodes that a model may have without its functions."""
MOST_BYTES = 1 << 28
"""Bytes that the bodies of functions may take in place of their calls."""
DEEPEST = 100
"""Functions that may be called one in another."""

_Key = tuple[str, str, str]
_Size = tuple[int, int]


def check_functions(model: ModelProto) -> None:
    """Raise ``FormatError`` for functions that call themselves, are nested deeper than ``DEEPEST``
    or would become more than ``MOST_NODES`` nodes or ``MOST_BYTES``.
    """
    counted = _Counter({(f.domain, f.name, f.overload): f for f in model.functions})
    nodes, size = counted.total(_nodes(model.graph), 0)
    if nodes > MOST_NODES or size > MOST_BYTES:
        raise FormatError(
            f"with its functions in place of their calls the model would have {nodes:,} nodes of "
            f"{size:,} bytes; read are up to {MOST_NODES:,} and {MOST_BYTES:,}: export it without "
            "functions, or with fewer calls."
        )


class _Counter:
    """Sizes of functions, each computed once."""

    def __init__(self, functions: dict[_Key, FunctionProto]) -> None:
        self._functions = functions
        self._sizes: dict[_Key, _Size | None] = {}

    def total(self, nodes: Iterable[NodeProto], depth: int) -> _Size:
        """Return nodes and bytes of ``nodes`` with the functions that they call."""
        count = size = 0
        for node in nodes:
            key = (node.domain, node.op_type, node.overload)
            more = self._of(key, depth) if key in self._functions else (1, 0)
            count, size = count + more[0], size + more[1]
        return count, size

    def _of(self, key: _Key, depth: int) -> _Size:
        """Return nodes and bytes of one call."""
        if key not in self._sizes:
            if depth == DEEPEST:
                raise FormatError(
                    f"its functions call each other more than {DEEPEST} deep: export the model "
                    "without functions."
                )
            function = self._functions[key]
            self._sizes[key] = None
            count, inner = self.total(_nodes(function), depth + 1)
            self._sizes[key] = count, inner + function.ByteSize()
        found = self._sizes[key]
        if found is None:
            raise FormatError(
                f"function {key[1]!r} calls itself, which no model may: export it again."
            )
        return found


def _nodes(holder: GraphProto | FunctionProto) -> Iterator[NodeProto]:
    """Yield the nodes of a graph or function, those of branches included."""
    for node in holder.node:
        yield node
        for attribute in node.attribute:
            for graph in (attribute.g, *attribute.graphs):
                yield from _nodes(graph)
