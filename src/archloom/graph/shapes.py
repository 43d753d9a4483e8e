"""Shape propagation through a graph with fixed attributes: window arithmetic and shape inference.

SAME padding follows TensorFlow: total pad = max((ceil(in / s) - 1) * s + (k - 1) * d + 1 - in, 0),
the smaller half first (AutoGO spec 1.7). Channels of conv and matmul are attributes of the node,
all else follows from the input.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from archloom.errors import GraphError
from archloom.graph.graph import Graph, assemble
from archloom.graph.ops import OPS, Merge, Padding, ShapeRule

H_IN, H_OUT, W_IN, W_OUT, C_IN, C_OUT = range(6)
"""Columns of ``Graph.resolution``."""

INPUT_COLUMNS = [H_IN, W_IN, C_IN]
OUTPUT_COLUMNS = [H_OUT, W_OUT, C_OUT]


def input_shapes(graph: Graph) -> NDArray[np.int32]:
    """Return ``(n, 3)``: stored input H, W, C of each node."""
    return graph.resolution[:, INPUT_COLUMNS]


def output_shapes(graph: Graph) -> NDArray[np.int32]:
    """Return ``(n, 3)``: stored output H, W, C of each node."""
    return graph.resolution[:, OUTPUT_COLUMNS]


def shape_rules(graph: Graph) -> NDArray[np.int8]:
    """Return ``(n,)``: the ``ShapeRule`` of each node; what is fixed keeps its stored sizes."""
    rule = OPS.table("shape")[graph.op]
    return np.where(graph.is_fixed, np.int8(ShapeRule.GIVEN), rule) if graph.definitions else rule


def is_product(graph: Graph) -> NDArray[np.bool_]:
    """Return ``(n,)``: whether a node multiplies its operands, of which some may be 1x1 maps that
    are spread over H and W (squeeze-excite).
    """
    return (OPS.table("merge")[graph.op] == Merge.PRODUCT) & ~graph.is_fixed


def same_pads(size: int, kernel: int, stride: int, dilation: int = 1) -> tuple[int, int]:
    """Return TensorFlow's SAME padding (before, after) of one axis, all in pixels."""
    total = max((-(-size // stride) - 1) * stride + (kernel - 1) * dilation + 1 - size, 0)
    return total // 2, total - total // 2


def window_pads(graph: Graph, node: int) -> tuple[int, int, int, int]:
    """Return the padding (top, left, bottom, right) that ``node`` applies to its stored input
    size.
    """
    code = graph.padding[node]
    if code == Padding.EXPLICIT:
        top, left, bottom, right = graph.pads[node].tolist()
        return top, left, bottom, right
    if code != Padding.SAME:
        return 0, 0, 0, 0
    sizes = graph.resolution[node, [H_IN, W_IN]].tolist()
    (top, bottom), (left, right) = (
        same_pads(size, kernel, stride, dilation)
        for size, kernel, stride, dilation in zip(
            sizes,
            graph.kernel[node].tolist(),
            graph.stride[node].tolist(),
            graph.dilation[node].tolist(),
            strict=True,
        )
    )
    return top, left, bottom, right


def expected_outputs(graph: Graph, inputs: NDArray[np.integer] | None = None) -> NDArray[np.int64]:
    """Return ``(n, 3)``: output H, W, C that follow from ``inputs`` ((n, 3), default: the stored
    ones).

    Channels of conv and matmul, and outputs of fixed nodes and ops without a shape rule, are taken
    from the stored resolution. A concat passes its stored channel sum on: the sum over its operands
    is the caller's to check.
    """
    given = input_shapes(graph) if inputs is None else inputs
    result = np.array(given, dtype=np.int64)
    rule = shape_rules(graph)
    window = (rule == ShapeRule.WINDOW) | (rule == ShapeRule.WINDOW_CHANNELS)
    if window.any():
        result[window, :2] = _window_outputs(graph, window, result[window, :2])
    result[rule == ShapeRule.GLOBAL, :2] = 1
    own_channels = np.isin(rule, (ShapeRule.WINDOW_CHANNELS, ShapeRule.CHANNELS, ShapeRule.CONCAT))
    result[own_channels, 2] = graph.resolution[own_channels, C_OUT]
    pad = rule == ShapeRule.PAD
    if pad.any():
        result[pad, :2] += (graph.pads[pad, :2] + graph.pads[pad, 2:]).astype(np.int64)
    stored = rule == ShapeRule.GIVEN
    result[stored] = output_shapes(graph)[stored]
    return result


def _window_outputs(
    graph: Graph, window: NDArray[np.bool_], size: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Return ``(k, 2)``: output H, W of the k window nodes for input sizes ``size``."""
    stride = graph.stride[window].astype(np.int64)
    extent = (graph.kernel[window].astype(np.int64) - 1) * graph.dilation[window] + 1
    pads = graph.pads[window].astype(np.int64)
    explicit = (graph.padding[window] == Padding.EXPLICIT)[:, None]
    padded = size + np.where(explicit, pads[:, :2] + pads[:, 2:], 0)
    same = (graph.padding[window] == Padding.SAME)[:, None]
    return np.where(same, -(-size // stride), (padded - extent) // stride + 1)


def merged_inputs(graph: Graph, outputs: NDArray[np.integer]) -> NDArray[np.int64]:
    """Return ``(n, 3)``: input H, W, C of each node for given outputs; sources keep their stored
    input.

    H and W come from the first operand, of a product from the largest; channels are summed by
    concat and are the smallest operand's elsewhere (operands are sliced to it, AutoGO spec 6.1).
    Fixed nodes keep their stored input.
    """
    result = input_shapes(graph).astype(np.int64)
    fed = np.flatnonzero(graph.in_degree)
    if not len(fed):
        return result
    fixed = result[graph.is_fixed]
    start = graph.in_ptr[fed]
    result[fed, :2] = outputs[graph.in_src[start], :2]
    product = is_product(graph)[fed]
    if product.any():
        largest = np.maximum.reduceat(outputs[graph.in_src, :2], start)
        result[fed[product], :2] = largest[product]
    channels = outputs[graph.in_src, 2].astype(np.int64)
    concat = graph.is_concat[fed]
    result[fed, 2] = np.where(
        concat, np.add.reduceat(channels, start), np.minimum.reduceat(channels, start)
    )
    result[graph.is_fixed] = fixed
    return result


def infer_shapes(graph: Graph, input_shape: tuple[int, int, int] | None = None) -> Graph:
    """Return ``graph`` with ``resolution`` computed anew from its sources.

    ``input_shape`` (H, W, C) replaces the stored shape of every source. Kernel, stride, padding
    and the channels of conv and matmul are kept, channels of everything else follow. Raises
    ``GraphError`` where a size becomes less than one, a depthwise or window cannot be applied, or
    the operand of a fixed node would change.
    """
    inputs = input_shapes(graph).astype(np.int64)
    if input_shape is not None:
        inputs[graph.sources] = input_shape
    outputs = np.zeros_like(inputs)
    for level in graph.levels:
        part = _without_edges(graph, level)
        inputs[level] = np.where(
            ((graph.in_degree[level] > 0) & ~graph.is_fixed[level])[:, None],
            _merge_level(graph, level, outputs),
            inputs[level],
        )
        concat = graph.is_concat[level]
        outputs[level] = expected_outputs(part, inputs[level])
        outputs[level[concat], 2] = inputs[level[concat], 2]
        if (outputs[level] < 1).any():
            node = int(level[np.flatnonzero((outputs[level] < 1).any(axis=1))[0]])
            raise GraphError(
                f"{graph.describe(node)} turns an input of {tuple(inputs[node].tolist())} (H, W, "
                f"C) into {tuple(outputs[node].tolist())}: use a larger input, a smaller kernel or "
                f"stride, or SAME padding."
            )
    _check_fixed(graph, outputs)
    resolution = np.empty_like(graph.resolution)
    resolution[:, INPUT_COLUMNS] = inputs
    resolution[:, OUTPUT_COLUMNS] = outputs
    return graph.replace(resolution=resolution)


def _check_fixed(graph: Graph, outputs: NDArray[np.int64]) -> None:
    """Raise ``GraphError`` where an operand of a fixed node is no longer what is stored."""
    changed = (outputs != output_shapes(graph)).any(axis=1)[graph.in_src]
    broken = np.flatnonzero(changed & graph.is_fixed[graph.edge_dst])
    if len(broken):
        source, node = graph.edges[int(broken[0])].tolist()
        raise GraphError(
            f"{graph.describe(node)} is fixed to the input sizes it was read with, its operand "
            f"{graph.describe(source)} would change to {tuple(outputs[source].tolist())} (H, W, "
            "C): export the network again at the wanted size."
        )


def _without_edges(graph: Graph, nodes: NDArray[np.int64]) -> Graph:
    """Return ``nodes`` of ``graph`` as a graph without edges."""
    none = np.zeros(0, dtype=np.int32)
    return assemble(graph.take(nodes), none, none, definitions=graph.definitions)


def _merge_level(
    graph: Graph, level: NDArray[np.int64], outputs: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Return ``(k, 3)``: joined operand shapes of the nodes of one level (zeros for sources)."""
    rows = np.zeros((len(level), 3), dtype=np.int64)
    for row, node in enumerate(level.tolist()):
        before = graph.predecessors(node)
        if not len(before):
            continue
        channels = outputs[before, 2]
        merge = OPS.by_code(int(graph.op[node])).merge
        size = outputs[before, :2].max(axis=0) if merge == Merge.PRODUCT else outputs[before[0], :2]
        rows[row] = (*size, channels.sum() if merge == Merge.CONCAT else channels.min())
    return rows
