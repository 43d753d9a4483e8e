"""Validation of a graph: structure and shapes, with messages that name node, rule and remedy."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from archloom.errors import GraphError
from archloom.graph.graph import Graph
from archloom.graph.ops import OPS, ShapeRule
from archloom.graph.shapes import (
    C_IN,
    C_OUT,
    expected_outputs,
    input_shapes,
    is_product,
    merged_inputs,
    output_shapes,
    shape_rules,
)


def check(graph: Graph, *, network: bool = True) -> None:
    """Raise ``GraphError`` at the first broken rule of ``graph``.

    Rules: acyclic; sizes and channels at least one; strides and dilations at least one; window ops
    have a kernel; operands agree in H and W and, apart from slicing, in channels; stored inputs
    equal the producers' outputs; stored outputs equal what the op computes; a fixed node has one
    operand per slot of its definition, its sizes are taken as stored. ``network`` also wants all
    sources to be ``input`` and all sinks ``output`` nodes (leave it off for segments).
    """
    if graph.n_nodes == 0:
        raise GraphError(
            "the graph has no nodes: nothing can be computed, check where it was cut or read."
        )
    _ = graph.order  # raises on a cycle
    if network:
        _check_ends(graph)
    _check_fixed(graph)
    if faulty_nodes(graph).any():
        _check_values(graph)
        _check_operands(graph)
        _check_outputs(graph)


def is_valid(graph: Graph, *, network: bool = True) -> bool:
    """Return whether ``check`` accepts ``graph``."""
    try:
        check(graph, network=network)
    except GraphError:
        return False
    return True


def faulty_nodes(graph: Graph) -> NDArray[np.bool_]:
    """Return ``(n,)``: whether a node breaks a shape rule of ``check``, in one vectorised pass."""
    outputs, inputs = output_shapes(graph), input_shapes(graph)
    faulty = (graph.resolution < 1).any(axis=1)
    faulty |= ((graph.stride < 1) | (graph.dilation < 1)).any(axis=1)
    faulty |= _lacks_window(graph)
    faulty[graph.edge_dst[_operand_differs(graph, outputs, inputs)]] = True
    merged, stored = _channels(graph)
    faulty |= merged != stored
    safe = graph.replace(stride=np.maximum(graph.stride, 1))
    return faulty | (expected_outputs(safe) != outputs).any(axis=1)


def _operand_differs(
    graph: Graph, outputs: NDArray[np.int32], inputs: NDArray[np.int32]
) -> NDArray[np.bool_]:
    """Return ``(m,)``: whether an edge brings another H and W than its target takes."""
    given, target = outputs[graph.in_src, :2], graph.edge_dst
    differs: NDArray[np.bool_] = (given != inputs[target, :2]).any(axis=1)
    spread = is_product(graph)[target] & (given == 1).all(axis=1)
    return differs & ~spread & ~graph.is_fixed[target]


def _check_fixed(graph: Graph) -> None:
    for node in np.flatnonzero(graph.is_fixed).tolist():
        definition = graph.definition_of(node)
        assert definition is not None
        wanted, found = len(definition.operands), int(graph.in_degree[node])
        if wanted != found:
            raise GraphError(
                f"{graph.describe(node)} has {found} operands where its definition "
                f"({definition.op_type}) takes {wanted}: get the file again."
            )


def _lacks_window(graph: Graph) -> NDArray[np.bool_]:
    rule = shape_rules(graph)
    window = (rule == ShapeRule.WINDOW) | (rule == ShapeRule.WINDOW_CHANNELS)
    return window & (graph.kernel < 1).any(axis=1)


def _channels(graph: Graph) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return ``(n,)`` channels that the operands give, and those that the node stores for them."""
    merged = merged_inputs(graph, output_shapes(graph))[:, 2]
    concat = graph.is_concat & ~graph.is_fixed
    stored = np.where(concat, graph.resolution[:, C_OUT], graph.resolution[:, C_IN])
    return merged, np.where(graph.in_degree > 0, stored, merged)


def _check_ends(graph: Graph) -> None:
    for what, nodes, op in (("source", graph.sources, "input"), ("sink", graph.sinks, "output")):
        wrong = nodes[graph.op[nodes] != OPS.code(op)]
        if len(wrong):
            raise GraphError(
                f"{graph.describe(int(wrong[0]))} is a {what} of the network: it must be an {op} "
                "node, connect or remove it (a segment is checked with network=False)."
            )


def _fail(
    graph: Graph,
    bad: NDArray[np.bool_] | np.bool_,
    rule: str,
    remedy: str,
    **values: NDArray[np.generic],
) -> None:
    """Raise for the first node where ``bad`` holds; ``rule`` may use {name} of ``values``."""
    nodes = np.flatnonzero(bad)
    if len(nodes):
        node = int(nodes[0])
        shown = {name: tuple(np.atleast_1d(array[node]).tolist()) for name, array in values.items()}
        raise GraphError(f"{graph.describe(node)} {rule.format(**shown)}: {remedy}")


def _check_values(graph: Graph) -> None:
    _fail(
        graph,
        (graph.resolution < 1).any(axis=1),
        "has the resolution {found}",
        "every size and channel count must be at least 1, lower strides or enlarge the input.",
        found=graph.resolution,
    )
    _fail(
        graph,
        ((graph.stride < 1) | (graph.dilation < 1)).any(axis=1),
        "has stride {stride} and dilation {dilation}",
        "both must be at least 1.",
        stride=graph.stride,
        dilation=graph.dilation,
    )
    _fail(
        graph,
        _lacks_window(graph),
        "has the window {kernel}",
        "a window op needs a kernel of at least 1x1.",
        kernel=graph.kernel,
    )


def _check_operands(graph: Graph) -> None:
    outputs, inputs = output_shapes(graph), input_shapes(graph)
    target = graph.edge_dst
    wrong = _operand_differs(graph, outputs, inputs)
    if wrong.any():
        edge = int(np.flatnonzero(wrong)[0])
        source, node = int(graph.in_src[edge]), int(target[edge])
        raise GraphError(
            f"{graph.describe(node)} takes {tuple(inputs[node, :2].tolist())} (H, W) but its "
            f"operand {graph.describe(source)} gives {tuple(outputs[source, :2].tolist())}: "
            "operands must agree, change a stride or run infer_shapes."
        )
    merged, stored = _channels(graph)
    _fail(
        graph,
        merged != stored,
        "stores {stored} input channels where its operands give {merged}",
        "run infer_shapes, or change the producing node.",
        stored=stored,
        merged=merged,
    )


def _check_outputs(graph: Graph) -> None:
    expected, stored = expected_outputs(graph), output_shapes(graph)
    _fail(
        graph,
        (expected != stored).any(axis=1),
        "stores the output {stored} (H, W, C) but computes {expected} from its input",
        "fix stride, kernel, padding or channels, or run infer_shapes.",
        stored=stored,
        expected=expected,
    )
