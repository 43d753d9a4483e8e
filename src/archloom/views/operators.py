"""Operator features: what AutoBuild's predictor sees of a node of any network (AutoBuild spec 1.4).

A node is an ONNX operator with the sizes of what goes in and comes out and the attributes of its
window. Networks from ONNX, PyTorch and TensorFlow, all families and AutoGO's graphs have this view.
Three things differ from the reference: max pools have their window (spec 9, trap 10), strides are
among the attributes, and the second input is the smallest operand, so that the order of operands
does not matter. Our nodes have one output, so there is no second output shape.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from archloom.graph import OPS, Graph
from archloom.graph.ops import Cost

OPERATORS = tuple(
    (
        "<OOV> input_dummy output_dummy Conv ConvTranspose MatMul Gemm BatchNormalization "
        "InstanceNormalization LayerNormalization AveragePool MaxPool Add Concat Mul Sum Sub "
        "Neg Sqrt Pad Pow Relu Clip Sigmoid Tanh PRelu Constant DepthToSpace SpaceToDepth "
        "Dropout Reshape Resize Squeeze Unsqueeze Split Slice Identity Transpose HardSwish "
        "LogSoftmax TopK Tile Shape Softmax Elu Exp Expand Flatten Floor GRU LSTM RNN Gather "
        "GatherND Sign GlobalAveragePool GlobalLpPool GlobalMaxPool Greater Equal Less "
        "HardSigmoid Hardmax If Or Xor LeakyRelu Log LpNormalization Max Mean Mod "
        "NonMaxSuppression NonZero Reciprocal ReduceL1 ReduceL2 Round ScatterND Selu Celu Range "
        "GreaterOrEqual LessOrEqual SoftmaxCrossEntropyLoss CastLike Unique Where Div "
        "ReduceMean Swish Gelu GroupNormalization Erf Abs ReduceSum ReduceMax Einsum Cast Pick "
        "Zero"
    ).split()
)
"""Operator of every index: the reference's 90, then ours; index 0 is every other operator. Indices
never change.
"""

OPERATOR = 0
CHANNELS, SIZES = [1, 4, 7], [2, 3, 5, 6, 8, 9]
WINDOW, GROUPS, BIAS = slice(10, 16), 16, 17
"""Columns of a feature row: operator; C, H, W of the input, the smallest of several and the output;
kernel, stride and dilation (each vertical, horizontal); channel groups; bias. Sizes of what is not
there, windows of operators without one and groups of all but convolutions are 0.
"""
N_COLUMNS = 18

_NAMES = {
    "input": "input_dummy",
    "output": "output_dummy",
    "depthwise": "Conv",
    "batchnorm": "BatchNormalization",
    "relu6": "Clip",
    "matmul": "Gemm",
    "avgpool": "AveragePool",
    "paddings": "Pad",
    "mean": "GlobalAveragePool",
    "global": "GlobalAveragePool",
    "spacetodepthnd": "SpaceToDepth",
    "depthtospacend": "DepthToSpace",
    "conv_transpose": "ConvTranspose",
    "batched_matmul": "MatMul",
    "layernorm": "LayerNormalization",
    "groupnorm": "GroupNormalization",
    "instancenorm": "InstanceNormalization",
}
"""Operators of our operations whose names are not the same but for case."""


def operator_features(*graphs: Graph) -> NDArray[np.int32]:
    """Return ``(N, 18)`` feature rows by node index, one graph after the other."""
    return np.concatenate([_rows(graph) for graph in graphs])


def _rows(graph: Graph) -> NDArray[np.int32]:
    """Return the (n, 18) feature rows of one graph."""
    rows = np.zeros((graph.n_nodes, N_COLUMNS), dtype=np.int32)
    rows[:, OPERATOR] = operator_codes(graph)
    sizes = graph.resolution[:, [4, 0, 2, 5, 1, 3]]
    rows[:, 1:4] = sizes[:, :3] * (graph.op != OPS.code("input"))[:, None]
    joined = np.flatnonzero(graph.in_degree > 1)
    rows[joined, 4:7] = sizes[_smallest_operands(graph, sizes[:, 3:])[graph.in_ptr[joined]], 3:]
    rows[:, 7:10] = sizes[:, 3:]
    window = np.hstack([graph.kernel, graph.stride, graph.dilation])
    rows[:, WINDOW] = window * (graph.kernel > 0).any(axis=1, keepdims=True)
    cost = OPS.table("cost")[graph.op]
    rows[:, GROUPS] = np.select(
        [cost == Cost.DEPTHWISE, np.isin(cost, (Cost.CONV, Cost.CONV_TRANSPOSE))],
        [graph.resolution[:, 4], graph.groups],
    )
    rows[:, BIAS] = graph.bias & graph.is_weighted
    return rows


def _smallest_operands(graph: Graph, leaving: NDArray[np.int32]) -> NDArray[np.int32]:
    """Return the sources of all edges (m,) by target, those with the smallest outputs first.

    leaving : (n, 3) output of each node
    """
    found = leaving[graph.in_src].astype(np.int64)
    order = np.lexsort((*found.T, found.prod(axis=1), graph.edge_dst))
    return graph.in_src[order]


def operator_codes(graph: Graph) -> NDArray[np.int32]:
    """Return ``(n,)`` indices in ``OPERATORS``; a fixed node is the operator of its definition."""
    codes = _by_operation(len(OPS))[graph.op]
    if graph.definitions:
        named = np.array([_index(one.op_type) for one in graph.definitions], dtype=np.int32)
        codes = np.where(graph.is_fixed, named[graph.definition], codes)
    return codes


@lru_cache(maxsize=1)
def _by_operation(n_codes: int) -> NDArray[np.int32]:
    """Return the index of each operation's operator, by op code."""
    table = np.zeros(n_codes, dtype=np.int32)
    for operation in OPS:
        table[operation.code] = _index(operation.name)
    return table


_INDICES = {name.lower(): index for index, name in enumerate(OPERATORS)}


def _index(name: str) -> int:
    """Return the index of an operator or operation, 0 for an unknown one; case does not matter."""
    low = name.lower()
    return _INDICES.get(_NAMES.get(low, low).lower(), 0)
