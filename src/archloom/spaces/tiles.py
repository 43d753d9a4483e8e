"""One network over several tiles of an image with the same weights, as the jigsaw task has it.

Nodes of a graph share no weights, so the tiles lie on the batch axis, and every node in between is
fixed: it computes what its ONNX definition says for a batch of tiles. Sizes (H, W, C) of such a
node are those of the tiles one below another, by which its operations are counted. A fixed batch
norm uses its running statistics in training too: such a graph is for inference and for counting.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from archloom.errors import GraphError
from archloom.graph import Graph, GraphBuilder, input_shapes, output_shapes, window_pads
from archloom.graph.definition import (
    Attribute,
    Definition,
    Literal,
    Operand,
    Slot,
    TensorType,
    Weight,
)
from archloom.spaces.common import map_type

Shape = tuple[int, int, int]
NORM_EPSILON = 1e-3
"""That of the batch norms that are not fixed."""


def over_tiles(b: GraphBuilder, x: int, encoder: Graph, tiles: int) -> int:
    """Add ``encoder`` for each of ``tiles`` parts of the channels at ``x``; return the node that
    joins the results, channel by channel. The nodes of ``encoder`` are in order, its result last.

    Raises ``GraphError`` for an operation that encoders do not have.
    """
    _need_known(encoder)
    nodes: dict[int, int] = {}
    for node in range(encoder.n_nodes):
        before, after = (
            _shape(sizes[node]) for sizes in (input_shapes(encoder), output_shapes(encoder))
        )
        if encoder.op_name(node) == "input":
            nodes[node] = _reshaped(b, x, b.shape(x), 1, after, tiles)
            continue
        operands = encoder.predecessors(node).tolist()
        types = [map_type(_shape(output_shapes(encoder)[one]), tiles) for one in operands]
        definition = _definition(encoder, node, types, map_type(after, tiles))
        nodes[node] = b.fixed(
            encoder.op_name(node),
            [nodes[one] for one in operands],
            definition,
            _stacked(before, tiles),
            _stacked(after, tiles),
            kernel=_pair(encoder.kernel[node]),
        )
    height, width, channels = after = _shape(output_shapes(encoder)[-1])
    return _reshaped(
        b, nodes[encoder.n_nodes - 1], after, tiles, (height, width, tiles * channels), 1
    )


def _definition(
    encoder: Graph, node: int, types: Sequence[TensorType], result: TensorType
) -> Definition:
    """Return what a node of the vocabulary computes, for maps of these types."""
    name, channels = encoder.op_name(node), types[0].shape[1]
    operands: tuple[Slot, ...] = tuple(Operand(one) for one in types)
    more: tuple[Slot, ...] = ()
    attributes: tuple[tuple[str, Attribute], ...] = ()
    match name:
        case "conv":
            shape = (result.shape[1], channels, *_pair(encoder.kernel[node]))
            more, attributes = (
                (Weight("weight", TensorType("float32", shape)),),
                _window(encoder, node),
            )
        case "maxpool":
            attributes = _window(encoder, node)
        case "batchnorm":
            vector = TensorType("float32", (channels,))
            more = tuple(Weight(part, vector) for part in ("weight", "bias", "mean", "var"))
            attributes = (("epsilon", NORM_EPSILON),)
        case "paddings":
            before, after = np.split(encoder.pads[node], 2)
            more = (_integers((0, 0, *before.tolist(), 0, 0, *after.tolist())),)
        case "zero":
            more = (Literal(TensorType("float32", ()), (0.0,)),)
        case "concat":
            attributes = (("axis", 1),)
    return Definition(_OPERATORS[name], operands + more, (result,), attributes)


def _need_known(encoder: Graph) -> None:
    """Raise ``GraphError`` for the first node that ``_definition`` does not know in full."""
    for node in range(encoder.n_nodes):
        plain = encoder.op_name(node) in (*_OPERATORS, "input") and not encoder.is_fixed[node]
        special = encoder.bias[node] or encoder.groups[node] > 1 or encoder.dilation[node].max() > 1
        if not plain or special:
            raise GraphError(
                f"{encoder.describe(node)} cannot run over tiles: use "
                f"{', '.join(_OPERATORS)}, without bias, groups and dilation."
            )


def _window(encoder: Graph, node: int) -> tuple[tuple[str, Attribute], ...]:
    return (
        ("kernel_shape", _pair(encoder.kernel[node])),
        ("pads", window_pads(encoder, node)),
        ("strides", _pair(encoder.stride[node])),
    )


_OPERATORS = {
    "add": "Sum",
    "batchnorm": "BatchNormalization",
    "concat": "Concat",
    "conv": "Conv",
    "identity": "Identity",
    "maxpool": "MaxPool",
    "paddings": "Pad",
    "relu": "Relu",
    "zero": "Mul",
}
"""Operations of encoders and what ONNX calls them."""


def _reshaped(b: GraphBuilder, x: int, shape: Shape, batch: int, after: Shape, parts: int) -> int:
    """Add the node that moves parts of the channels to the batch axis, or back."""
    target = map_type(after, parts)
    slots = (Operand(map_type(shape, batch)), _integers((-1, *target.shape[1:])))
    definition = Definition("Reshape", slots, (target,))
    return b.fixed("reshape", [x], definition, _stacked(shape, batch), _stacked(after, parts))


def _stacked(shape: Shape, tiles: int) -> Shape:
    return tiles * shape[0], shape[1], shape[2]


def _integers(values: tuple[int, ...]) -> Literal:
    return Literal(TensorType("int64", (len(values),)), values)


def _shape(sizes: Sequence[int]) -> Shape:
    height, width, channels = map(int, sizes)
    return height, width, channels


def _pair(values: Sequence[int]) -> tuple[int, int]:
    first, second = map(int, values)
    return first, second
