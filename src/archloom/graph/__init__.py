"""Compute graphs: the one graph type, op registry, shapes, counters, hashing and checks.

A graph opens in an instant: it must not import ``torch``, ``onnx`` or ``pyarrow``, NumPy is enough.
"""

from archloom.graph.builder import GraphBuilder
from archloom.graph.check import check, is_valid
from archloom.graph.counters import flops, node_flops, node_parameters, parameters
from archloom.graph.definition import Definition
from archloom.graph.graph import Graph, assemble
from archloom.graph.hashing import distinct, graph_hash, graph_hashes, node_colours, union_hashes
from archloom.graph.isomorphism import is_isomorphic
from archloom.graph.ops import OPS, Cost, Merge, Op, Padding, ShapeRule
from archloom.graph.order import autogo_order, generation_order
from archloom.graph.shapes import infer_shapes, input_shapes, output_shapes, window_pads
from archloom.graph.union import disjoint_union, member

__all__ = [
    "OPS",
    "Cost",
    "Definition",
    "Graph",
    "GraphBuilder",
    "Merge",
    "Op",
    "Padding",
    "ShapeRule",
    "assemble",
    "autogo_order",
    "check",
    "distinct",
    "flops",
    "generation_order",
    "disjoint_union",
    "graph_hash",
    "graph_hashes",
    "infer_shapes",
    "input_shapes",
    "is_isomorphic",
    "is_valid",
    "member",
    "node_colours",
    "node_flops",
    "node_parameters",
    "output_shapes",
    "parameters",
    "union_hashes",
    "window_pads",
]
