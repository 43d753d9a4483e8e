"""Build a graph node by node with shapes inferred on the way."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from archloom.errors import GraphError
from archloom.graph.definition import Definition
from archloom.graph.graph import ARRAY_FIELDS, Graph
from archloom.graph.ops import OPS, Merge, Padding, ShapeRule

Pair = int | tuple[int, int]
PaddingLike = str | int | tuple[int, int, int, int]
Shape = tuple[int, int, int]

_NO_PADS = (0, 0, 0, 0)
_FIELDS = (
    "op",
    "resolution",
    "kernel",
    "stride",
    "dilation",
    "padding",
    "pads",
    "bias",
    "groups",
    "definition",
)


class GraphBuilder:
    """Collects nodes and edges; every method returns the index of the new node.

    Shapes are (H, W, C). Padding is "same" (TensorFlow), "valid", a number of pixels on every side,
    or (top, left, bottom, right).
    """

    def __init__(self, name: str = "", family: str = "") -> None:
        self.name, self.family = name, family
        self._rows: dict[tuple[Any, ...], int] = {}  # networks repeat few different nodes
        self._row_of: list[int] = []
        self._operands: list[Sequence[int]] = []
        self._definitions: dict[Definition, int] = {}
        self._outputs: list[Shape] = []

    def __len__(self) -> int:
        """Return the number of nodes so far, which is the index of the next one."""
        return len(self._outputs)

    def shape(self, node: int) -> Shape:
        """Return the output shape (H, W, C) of ``node``."""
        return self._outputs[node]

    def input(self, height: int, width: int, channels: int) -> int:
        """Add the network input."""
        shape = (height, width, channels)
        return self._add("input", (), shape, shape)

    def output(self, node: int) -> int:
        """Add the network output behind ``node``."""
        return self.unary("output", node)

    def unary(self, op: str, node: int) -> int:
        """Add an op without a window that takes one operand: relu, batchnorm, mean, ..."""
        height, width, channels = self._outputs[node]
        pooled = OPS.get(op).shape == ShapeRule.GLOBAL
        after = (1, 1, channels) if pooled else (height, width, channels)
        return self._add(op, (node,), (height, width, channels), after)

    def conv(
        self,
        node: int,
        channels: int,
        kernel: Pair = 3,
        stride: Pair = 1,
        *,
        padding: PaddingLike = "same",
        bias: bool = False,
        dilation: Pair = 1,
        groups: int = 1,
    ) -> int:
        """Add a convolution with ``channels`` output channels.

        ``groups`` have to divide both channel counts, else ``GraphError``.
        """
        before = self._outputs[node][2]
        if groups < 1 or before % groups or channels % groups:
            raise GraphError(
                f"graph {self.name!r}: {groups} groups do not divide {before} input and {channels} "
                "output channels of a convolution: choose a common divisor."
            )
        return self._window("conv", node, channels, kernel, stride, padding, bias, dilation, groups)

    def pad(self, node: int, pads: tuple[int, int, int, int]) -> int:
        """Add zeros at (top, left, bottom, right); a negative number cuts away."""
        height, width, channels = self._outputs[node]
        top, left, bottom, right = pads
        after = (height + top + bottom, width + left + right, channels)
        if min(after) < 1:
            raise GraphError(
                f"graph {self.name!r}: padding {pads} leaves nothing of {height}x{width}: cut less."
            )
        return self._add("paddings", (node,), (height, width, channels), after, pads=pads)

    def depthwise(
        self,
        node: int,
        kernel: Pair = 3,
        stride: Pair = 1,
        *,
        padding: PaddingLike = "same",
        bias: bool = False,
        dilation: Pair = 1,
    ) -> int:
        """Add a depthwise convolution (multiplier 1)."""
        channels = self._outputs[node][2]
        return self._window("depthwise", node, channels, kernel, stride, padding, bias, dilation)

    def pool(
        self, op: str, node: int, kernel: Pair, stride: Pair = 1, padding: PaddingLike = "same"
    ) -> int:
        """Add ``maxpool`` or ``avgpool``; averages leave padded positions out."""
        return self._window(op, node, self._outputs[node][2], kernel, stride, padding, False, 1)

    def matmul(self, node: int, channels: int, bias: bool = True) -> int:
        """Add a dense layer over the channels."""
        height, width, before = self._outputs[node]
        return self._add(
            "matmul", (node,), (height, width, before), (height, width, channels), bias=bias
        )

    def merge(self, op: str, nodes: Sequence[int], *, cut: bool = False) -> int:
        """Add an op with several operands: add (equal shapes), mul (the same, or 1x1 maps with as
        many channels) or concat (equal H, W). ``cut`` takes of each operand as many channels as the
        narrowest has.
        """
        shapes = [self._outputs[node] for node in nodes]
        if cut:
            narrowest = min(shape[2] for shape in shapes)
            shapes = [(*shape[:2], narrowest) for shape in shapes]
        concat = OPS.get(op).merge == Merge.CONCAT
        largest = max((shape[:2] for shape in shapes), default=(0, 0))
        if OPS.get(op).merge == Merge.PRODUCT:  # a 1x1 map is spread over H and W
            shapes = [(*largest, s[2]) if s[:2] == (1, 1) else s for s in shapes]
        compared = [shape[:2] for shape in shapes] if concat else shapes
        if not nodes or len(set(compared)) != 1:
            raise GraphError(
                f"graph {self.name!r}: {op} of operands {list(nodes)} with shapes {shapes} (H, "
                f"W, C): {'H and W' if concat else 'shapes'} must be equal, add a stride or a 1x1 "
                "conv."
            )
        height, width, channels = shapes[0]
        if concat:
            channels = sum(shape[2] for shape in shapes)
        shape = (height, width, channels)
        return self._add(op, tuple(nodes), shape, shape)

    def add(self, nodes: Sequence[int], *, cut: bool = False) -> int:
        """Add an element-wise sum; ``cut``: of the channels that the narrowest operand has."""
        return self.merge("add", nodes, cut=cut)

    def mul(self, nodes: Sequence[int]) -> int:
        """Add an element-wise product."""
        return self.merge("mul", nodes)

    def concat(self, nodes: Sequence[int]) -> int:
        """Add a concatenation along channels."""
        return self.merge("concat", nodes)

    def fixed(
        self,
        op: str,
        nodes: Sequence[int],
        definition: Definition,
        before: Shape,
        after: Shape,
        *,
        kernel: tuple[int, int] = (0, 0),
        groups: int = 1,
        bias: bool = False,
    ) -> int:
        """Add a node that computes what ``definition`` says; ``op`` is the name it goes by.

        before, after   sizes (H, W, C) by which it is counted and drawn; a node without a
                        definition that reads it takes ``after`` for the shape of an NCHW map
        """
        number = self._definitions.setdefault(definition, len(self._definitions))
        return self._add(
            op,
            tuple(nodes),
            before,
            after,
            kernel=kernel,
            groups=groups,
            bias=bias,
            definition=number,
        )

    def repeat(self, start: int, source: int, times: int) -> int:
        """Chain ``times`` copies of the nodes from ``start`` on behind them; return the last node.

        Where the nodes read ``source``, a copy reads the last node of what is before it. Raises
        ``GraphError`` when they read another node before ``start`` or change the shape.
        """
        pattern, rows = self._operands[start:], self._row_of[start:]
        before = {node for operands in pattern for node in operands if node < start}
        if before != {source} or self._outputs[source] != self._outputs[-1]:
            raise GraphError(
                f"graph {self.name!r}: the nodes from {start} on cannot be repeated: they must "
                f"read node {source} and no other before them, and end with the same shape."
            )
        shapes = self._outputs[start:]
        for _ in range(times):
            last = len(self._outputs) - 1
            shift = last + 1 - start
            self._operands += [
                [last if node == source else node + shift for node in operands]
                for operands in pattern
            ]
            self._row_of += rows
            self._outputs += shapes
        return len(self._outputs) - 1

    def build(self) -> Graph:
        """Return the graph; node i is the i-th node added. None at all raises ``GraphError``."""
        if not self._rows:
            raise GraphError(f"graph {self.name!r} has no nodes: add an input first.")
        pointer: list[int] = [0]
        sources: list[int] = []
        for operands in self._operands:
            sources.extend(operands)
            pointer.append(len(sources))
        n = len(self._row_of)
        if sources and not 0 <= min(sources) <= max(sources) < n:
            raise GraphError(f"graph {self.name!r}: an operand is none of its {n} nodes.")
        arrays = self._node_arrays()
        arrays["in_ptr"] = np.array(pointer, dtype=np.int32)
        arrays["in_src"] = np.array(sources, dtype=np.int32)
        arrays["ids"] = np.arange(n, dtype=np.int64)
        for array in arrays.values():
            array.setflags(write=False)
        definitions = tuple(self._definitions)
        return Graph(
            **arrays,
            name=self.name,
            family=self.family,
            definitions=definitions,
            ends=(),
            shared=(),
        )

    def _node_arrays(self) -> dict[str, NDArray[Any]]:
        """Return the arrays of ``_FIELDS``: converted for the different rows, spread over the
        nodes.
        """
        table = np.array([[*_flat(row)] for row in self._rows], dtype=np.int64)
        row_of = np.array(self._row_of, dtype=np.intp)
        arrays: dict[str, NDArray[Any]] = {}
        start = 0
        for field in _FIELDS:
            dtype, columns = ARRAY_FIELDS[field]
            wide = table[:, start : start + columns] if columns else table[:, start]
            rows: NDArray[Any] = wide.astype(dtype)
            if (rows != wide).any():
                raise GraphError(
                    f"graph {self.name!r}: a {field} is too large for {np.dtype(dtype).name}."
                )
            arrays[field] = rows[row_of]
            start += columns or 1
        return arrays

    def _window(
        self,
        op: str,
        node: int,
        channels: int,
        kernel: Pair,
        stride: Pair,
        padding: PaddingLike,
        bias: bool,
        dilation: Pair,
        groups: int = 1,
    ) -> int:
        before = self._outputs[node]
        window = _geometry(before[:2], kernel, stride, dilation, padding)
        if min(window.size) < 1:
            raise GraphError(
                f"graph {self.name!r}: {op} with window {window.kernel} and stride {window.stride} "
                f"does not fit the input {before} (H, W, C) of node {node}: enlarge the input or "
                "use SAME padding."
            )
        return self._add(
            op,
            (node,),
            before,
            (*window.size, channels),
            kernel=window.kernel,
            stride=window.stride,
            dilation=window.dilation,
            padding=window.padding,
            pads=window.pads,
            bias=bias,
            groups=groups,
        )

    def _add(
        self,
        op: str,
        operands: tuple[int, ...],
        before: Shape,
        after: Shape,
        *,
        kernel: tuple[int, int] = (0, 0),
        stride: tuple[int, int] = (1, 1),
        dilation: tuple[int, int] = (1, 1),
        padding: int = Padding.NONE,
        pads: tuple[int, int, int, int] = _NO_PADS,
        bias: bool = False,
        groups: int = 1,
        definition: int = -1,
    ) -> int:
        resolution = (before[0], after[0], before[1], after[1], before[2], after[2])
        row = (
            OPS.code(op),
            resolution,
            kernel,
            stride,
            dilation,
            padding,
            pads,
            bias,
            groups,
            definition,
        )
        self._row_of.append(self._rows.setdefault(row, len(self._rows)))
        self._operands.append(operands)
        self._outputs.append(after)
        return len(self._outputs) - 1


def _flat(row: tuple[Any, ...]) -> Iterator[int]:
    for value in row:
        if isinstance(value, tuple):
            yield from value
        else:
            yield value


class _Window(NamedTuple):
    """A window in full, with the (H, W) that it gives."""

    size: tuple[int, int]
    kernel: tuple[int, int]
    stride: tuple[int, int]
    dilation: tuple[int, int]
    padding: int
    pads: tuple[int, int, int, int]


@lru_cache(maxsize=4096)
def _geometry(
    before: tuple[int, int], kernel: Pair, stride: Pair, dilation: Pair, padding: PaddingLike
) -> _Window:
    """Return the window over an input of (H, W) ``before``; sizes below one do not fit."""
    kernels, strides, dilations = _pair(kernel), _pair(stride), _pair(dilation)
    code, pads = _padding(padding)
    size = [
        -(-size // s)
        if code == Padding.SAME
        else (size + pads[axis] + pads[axis + 2] - (k - 1) * d - 1) // s + 1
        for axis, (size, k, s, d) in enumerate(
            zip(before, kernels, strides, dilations, strict=True)
        )
    ]
    return _Window((size[0], size[1]), kernels, strides, dilations, code, pads)


def _pair(value: Pair) -> tuple[int, int]:
    return (value, value) if isinstance(value, int) else value


def _padding(value: PaddingLike) -> tuple[int, tuple[int, int, int, int]]:
    """Return the padding code and the explicit pads that ``value`` stands for."""
    if isinstance(value, int):
        value = (value, value, value, value)
    if isinstance(value, tuple):
        return (Padding.EXPLICIT, value) if any(value) else (Padding.VALID, _NO_PADS)
    codes = {"same": Padding.SAME, "valid": Padding.VALID}
    if value not in codes:
        raise GraphError(
            f'padding {value!r} is not known: use "same", "valid", pixels, or four numbers.'
        )
    return codes[value], _NO_PADS
