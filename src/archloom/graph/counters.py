"""FLOPs and parameter counters.

``autogo`` is the reference's counter, bit for bit (AutoGO spec 1.8): it multiplies every cost with
the in-degree, always counts the bias of matmul, counts an addition once per operand and ignores
window sizes of pools. What the reference has not, is counted once: groups divide the input channels
of a convolution, a transposed convolution works per input position, a product of two activations is
counted as a matmul. ``mac`` is the usual count: two operations per multiply-accumulate of
convolutions and matmuls, recurrences and attention included, nothing else. Fixed nodes are counted
by their definitions.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from archloom.errors import GraphError
from archloom.graph.graph import Graph
from archloom.graph.ops import OPS, Cost
from archloom.graph.products import PRODUCTS, UNNAMED, definition_macs
from archloom.graph.shapes import C_IN, C_OUT, H_IN, H_OUT, W_IN, W_OUT

Counter = Literal["autogo", "mac"]


def flops(graph: Graph, counter: Counter = "autogo") -> int:
    """Return the FLOPs of one inference at batch 1, two per multiply-add, an integer (not mega).

    Raises ``GraphError`` for an unknown counter name.
    """
    return int(node_flops(graph, counter).sum())


def node_flops(graph: Graph, counter: Counter = "autogo") -> NDArray[np.int64]:
    """Return ``(n,)`` int64: the operations of each node."""
    if counter == "autogo":
        return 2 * _autogo_macs(graph)
    if counter == "mac":
        return 2 * _macs(graph)
    raise GraphError(
        f'counter {counter!r} is not known: use "autogo" (the reference) or "mac" (2 x MACs).'
    )


def parameters(graph: Graph) -> int:
    """Return the number of trainable parameters (AutoGO spec 1.8): weights, biases, batch-norm
    scale and shift.

    A matmul always has a bias.
    """
    return int(node_parameters(graph).sum())


def node_parameters(graph: Graph) -> NDArray[np.int64]:
    """Return ``(n,)`` int64: the trainable parameters of each node."""
    c_in, c_out, window, bias, cost = _columns(graph)
    result = np.select(
        [cost == Cost.CONV, cost == Cost.DEPTHWISE, cost == Cost.MATMUL, cost == Cost.NORM],
        [
            window * c_in * c_out + bias * c_out,
            (window + bias) * c_in,
            (c_in + 1) * c_out,
            2 * c_in,
        ],
        default=0,
    )
    if graph.definitions:
        fixed = graph.is_fixed
        sizes = np.array([one.parameters for one in graph.definitions], dtype=np.int64)
        result[fixed] = sizes[graph.definition[fixed]]
    if graph.shared:
        result[np.isin(graph.ids, graph.shared)] = 0
    return result


def _columns(graph: Graph) -> tuple[NDArray[np.integer], ...]:
    """Return C_in of one group, C_out, k_h * k_w, bias and cost class of each node."""
    resolution = graph.resolution.astype(np.int64)
    window = graph.kernel.astype(np.int64).prod(axis=1)
    cost = OPS.table("cost")[graph.op]
    c_in = resolution[:, C_IN] // graph.groups
    return c_in, resolution[:, C_OUT], window, graph.bias.astype(np.int64), cost


def _areas(graph: Graph) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return H * W of each node's input and output."""
    resolution = graph.resolution.astype(np.int64)
    return resolution[:, H_IN] * resolution[:, W_IN], resolution[:, H_OUT] * resolution[:, W_OUT]


def _autogo_macs(graph: Graph) -> NDArray[np.int64]:
    c_in, c_out, window, bias, cost = _columns(graph)
    area_in, area_out = _areas(graph)
    per_edge = np.select(
        [
            cost == kind
            for kind in (
                Cost.CONV,
                Cost.DEPTHWISE,
                Cost.MATMUL,
                Cost.NORM,
                Cost.ELEMENT,
                Cost.CONV_TRANSPOSE,
                Cost.PRODUCT,
            )
        ],
        [
            (window * c_in + bias) * c_out * area_out,
            (window * c_in + bias * c_out) * area_out,
            area_in * c_in * c_out + c_out,
            2 * area_in * c_in,
            area_out * c_out,
            (window * c_in * area_in + bias * area_out) * c_out,
            area_in * c_in * c_out,
        ],
        default=0,
    )
    factor = np.where(graph.is_fixed, 1, np.maximum(graph.in_degree, 1))
    return _with_definitions(graph, per_edge * factor, UNNAMED)


def _macs(graph: Graph) -> NDArray[np.int64]:
    c_in, c_out, window, _, cost = _columns(graph)
    area_in, area_out = _areas(graph)
    macs = np.select(
        [
            cost == Cost.CONV,
            cost == Cost.DEPTHWISE,
            cost == Cost.CONV_TRANSPOSE,
            (cost == Cost.MATMUL) | (cost == Cost.PRODUCT),
        ],
        [
            window * c_in * c_out * area_out,
            window * c_in * area_out,
            window * c_in * c_out * area_in,
            area_in * c_in * c_out,
        ],
        default=0,
    )
    return _with_definitions(graph, macs, PRODUCTS)


def _with_definitions(
    graph: Graph, macs: NDArray[np.int64], op_types: Collection[str]
) -> NDArray[np.int64]:
    """Return ``macs`` with those of fixed nodes of ``op_types`` by their definitions."""
    if graph.definitions:
        counted = [not one.domain and one.op_type in op_types for one in graph.definitions]
        sizes = [
            definition_macs(one) if known else 0
            for one, known in zip(graph.definitions, counted, strict=True)
        ]
        nodes = np.flatnonzero(graph.is_fixed)
        nodes = nodes[np.array(counted)[graph.definition[nodes]]]
        macs[nodes] = np.array(sizes, dtype=np.int64)[graph.definition[nodes]]
    return macs
