"""How a segment meets the rest of a graph: the shapes it takes and gives (AutoGO spec 5.4, B15).

The interface is a pair of multisets: input shapes (H, W, C) of the nodes without a predecessor in
the segment, and output shapes of the nodes without a successor. Both the database and the search
use this one definition; multisets are kept as sorted tuples.
"""

from __future__ import annotations

import logging

import numpy as np
from numpy.typing import NDArray

from archloom.graph import OPS, Graph, input_shapes, output_shapes

logger = logging.getLogger(__name__)

Shape = tuple[int, int, int]
Shapes = tuple[Shape, ...]

_BASE_OPS = "avgpool conv2d relu add fusedbatchnorm matmul identity mean"
PERMITTED_OPS: dict[str, frozenset[str]] = {
    family: frozenset(names.split())
    for family, names in {
        "hiaml": _BASE_OPS,
        "nb201": f"{_BASE_OPS} zero",
        "nb101": f"{_BASE_OPS} maxpool concat",
        "two_path": f"{_BASE_OPS} maxpool concat",
        "inception": f"{_BASE_OPS} maxpool concat depthwise",
        "generic": f"{_BASE_OPS} maxpool concat depthwise",
        "generic_noDW": f"{_BASE_OPS} maxpool concat",
        "edsr": "conv2d relu add concat matmul identity mean",
    }.items()
}
"""Canonical names of the operations that a mutation may bring in, by model family (spec 1.4)."""


def permitted_ops(model_family: str) -> NDArray[np.bool_]:
    """Return ``(len(OPS),)``: whether each op code may occur in a segment for ``model_family``.

    A family without a list of its own gets that of ``generic`` (logged).
    """
    if model_family not in PERMITTED_OPS:
        logger.info("family %r has no list of permitted operations: generic is used", model_family)
    names = PERMITTED_OPS.get(model_family, PERMITTED_OPS["generic"])
    table = np.zeros(len(OPS), dtype=np.bool_)
    for op in OPS:
        table[op.code] = op.canonical in names
    return table


def source_shapes(graph: Graph) -> Shapes:
    """Return the sorted input shapes (H, W, C) of the nodes without predecessors."""
    return as_shapes(input_shapes(graph)[graph.sources])


def sink_shapes(graph: Graph) -> Shapes:
    """Return the sorted output shapes (H, W, C) of the nodes without successors."""
    return as_shapes(output_shapes(graph)[graph.sinks])


def as_shapes(rows: NDArray[np.integer]) -> Shapes:
    """Return ``(k, 3)`` rows of H, W, C as a sorted tuple."""
    return tuple(sorted((height, width, channels) for height, width, channels in rows.tolist()))
