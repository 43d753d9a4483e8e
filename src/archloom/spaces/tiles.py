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

Shape = tuple[int, int, int]
NORM_EPSILON = 1e-3


def over_tiles(b: GraphBuilder, x: int, encoder: Graph, tiles: int) -> int:
    """Add ``encoder`` for each of ``tiles`` parts of the channels at ``x``; return the node that
    joins the results, channel by channel. The nodes of ``encoder`` are in order, its result last.

    Raises ``GraphError`` for an operation that is not among those of encoders.
    """
    nodes: dict[int, int] = {}
    for node in range(encoder.n_nodes):
        before, after = (
            _shape(sizes[node]) for sizes in (input_shapes(encoder), output_shapes(encoder))
        )
        if encoder.op_name(node) == "input":
            nodes[node] = _reshaped(b, x, b.shape(x), 1, after, tiles)
            continue
        operands = encoder.predecessors(node).tolist()
        types = [_map(_shape(output_shapes(encoder)[one]), tiles) for one in operands]
        definition = _definition(encoder, node, types, _map(after, tiles))
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
    name = encoder.op_name(node)
    operands: tuple[Slot, ...] = tuple(Operand(one) for one in types)
    channels = types[0].shape[1]
    top, left, bottom, right = window_pads(encoder, node) if encoder.kernel[node].any() else _NONE
    window: list[tuple[str, Attribute]] = [
        ("kernel_shape", _pair(encoder.kernel[node])),
        ("pads", (top, left, bottom, right)),
        ("strides", _pair(encoder.stride[node])),
    ]
    match name:
        case "conv":
            weight = (result.shape[1], channels, *_pair(encoder.kernel[node]))
            slots = (*operands, Weight("weight", TensorType("float32", weight)))
            return Definition("Conv", slots, (result,), tuple(window))
        case "batchnorm":
            vector = TensorType("float32", (channels,))
            weights = tuple(Weight(part, vector) for part in ("weight", "bias", "mean", "var"))
            epsilon = (("epsilon", NORM_EPSILON),)
            return Definition("BatchNormalization", operands + weights, (result,), epsilon)
        case "maxpool":
            return Definition("MaxPool", operands, (result,), tuple(window))
        case "paddings":
            before, after = np.split(encoder.pads[node], 2)
            pads = (0, 0, *before.tolist(), 0, 0, *after.tolist())
            return Definition("Pad", (*operands, _integers(pads)), (result,))
        case "zero":
            nothing = Literal(TensorType("float32", ()), (0.0,))
            return Definition("Mul", (*operands, nothing), (result,))
        case "concat":
            return Definition("Concat", operands, (result,), (("axis", 1),))
    if name not in _PLAIN:
        raise GraphError(f"{encoder.describe(node)} cannot run over tiles: leave it out.")
    return Definition(_PLAIN[name], operands, (result,))


_PLAIN = {"relu": "Relu", "identity": "Identity", "add": "Sum"}
_NONE = (0, 0, 0, 0)


def _reshaped(b: GraphBuilder, x: int, shape: Shape, batch: int, after: Shape, parts: int) -> int:
    """Add the node that moves parts of the channels to the batch axis, or back."""
    target = _map(after, parts)
    slots = (Operand(_map(shape, batch)), _integers((-1, *target.shape[1:])))
    definition = Definition("Reshape", slots, (target,))
    return b.fixed("reshape", [x], definition, _stacked(shape, batch), _stacked(after, parts))


def _map(shape: Shape, batch: int) -> TensorType:
    height, width, channels = shape
    return TensorType("float32", (batch, channels, height, width))


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
