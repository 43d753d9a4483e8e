"""Reader and writer of the ``autogo-cg/1`` JSON schema and of the reference's JSON state-dict
(AutoGO spec 1.6).

Both describe nodes with labels, weighted nodes first, and edges as index pairs. Channels are taken
from the resolution, kernels from ``shape[2:4]``: the channel entries of ``shape`` are unreliable
(AutoGO spec 1.2).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from archloom.errors import FormatError
from archloom.graph import OPS, Graph, Padding, window_pads

CG_SCHEMA = "autogo-cg/1"

_PADDINGS = {"same": Padding.SAME, "valid": Padding.VALID}
_WINDOWS = ("conv", "depthwise", "maxpool", "avgpool")


def from_cg_json(document: Mapping[str, Any]) -> Graph:
    """Return the graph of an ``autogo-cg/1`` document; raises ``FormatError`` when an entry is
    missing or foreign.
    """
    return _from_nodes(
        document,
        "nodes",
        document.get("edges", []),
        str(document.get("family") or ""),
        str(document.get("name") or ""),
    )


def from_state_dict(document: Mapping[str, Any], family: str = "") -> Graph:
    """Return the graph of a reference JSON state-dict; node index = position in weighted + regular
    nodes.
    """
    try:
        nodes = [*document["weighted_nodes"], *document["regular_nodes"]]
        edges = sorted((int(source), int(target)) for source, target in document["edge_pairs"])
    except (KeyError, TypeError, ValueError) as error:
        raise FormatError(
            f"this is not a compute-graph state-dict ({_reason(error)}): it needs weighted_nodes, "
            "regular_nodes and edge_pairs."
        ) from error
    return _from_nodes({"nodes": nodes}, "nodes", edges, family, str(document.get("name") or ""))


def to_state_dict(graph: Graph) -> dict[str, Any]:
    """Return ``graph`` as a reference JSON state-dict, weighted nodes first.

    Operand order of concat becomes ascending node index, as the reference has it, and node ids are
    renumbered by a reader. Explicit pads that equal SAME padding become ``same``, others raise
    ``FormatError``: the format cannot say them.
    """
    order = np.argsort(~graph.is_weighted, kind="stable")
    position = np.empty(graph.n_nodes, dtype=np.int64)
    position[order] = np.arange(graph.n_nodes)
    nodes = [_node_entry(graph, int(node)) for node in order]
    weighted = int(graph.is_weighted.sum())
    sizes = graph.resolution[graph.sources[0]]
    pairs = position[graph.edges]
    return {
        "name": graph.name,
        "input_shape": [1, int(sizes[0]), int(sizes[2]), int(sizes[4])],
        "max_hidden_size": 512,
        "max_kernel_size": 7,
        "max_derived_H": 256,
        "max_derived_W": 256,
        "edge_pairs": sorted(pairs.tolist()),
        "regular_nodes": nodes[weighted:],
        "weighted_nodes": nodes[:weighted],
    }


def to_cg_json(graph: Graph) -> dict[str, Any]:
    """Return ``graph`` as an ``autogo-cg/1`` document, nodes weighted first."""
    state = to_state_dict(graph)
    nodes = []
    for index, entry in enumerate([*state["weighted_nodes"], *state["regular_nodes"]]):
        op = OPS.by_code(entry["op_type_idx"])
        kind = "weighted" if op.weighted else "regular"
        node = {"id": index, "kind": kind, "op": op.canonical, "op_type": op.name, **entry}
        if op.weighted:
            node["kernel"] = entry["shape"][2:]
        nodes.append(node)
    head = {
        key: state[key]
        for key in state
        if key not in ("edge_pairs", "regular_nodes", "weighted_nodes")
    }
    return {
        "schema": CG_SCHEMA,
        "family": graph.family,
        **head,
        "nodes": nodes,
        "edges": state["edge_pairs"],
    }


def op_code_of_label(label: str) -> int:
    """Return the op code of a reference label: exact base name, else the longest base name inside
    it, else 0.
    """
    name = label.lower()
    if name in OPS:
        return OPS.code(name)
    inside = [op for op in OPS if op.code and op.name in name]
    return max(inside, key=lambda op: len(op.name)).code if inside else 0


def _reason(error: Exception) -> str:
    return f"no entry {error}" if isinstance(error, KeyError) else str(error)


def _from_nodes(
    document: Mapping[str, Any], key: str, edges: Sequence[Sequence[int]], family: str, name: str
) -> Graph:
    try:
        rows = [_node_row(entry) for entry in document[key]]
        pairs = np.asarray(edges, dtype=np.int64).reshape(-1, 2)
    except (LookupError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise FormatError(
            f"graph {name!r}: a node or edge entry is damaged ({_reason(error)}): get the file "
            "again."
        ) from error
    if not rows:
        raise FormatError(f"graph {name!r} has no nodes: get the file again.")
    if len(pairs) and (pairs.min() < 0 or pairs.max() >= len(rows)):
        raise FormatError(
            f"graph {name!r}: an edge names node {int(pairs.max())}, there are {len(rows)}: get "
            "the file again."
        )
    columns = dict(zip(rows[0], zip(*(row.values() for row in rows), strict=True), strict=True))
    by_target = np.lexsort((pairs[:, 0], pairs[:, 1]))
    pointer = np.concatenate([[0], np.cumsum(np.bincount(pairs[:, 1], minlength=len(rows)))])
    return Graph.from_arrays(
        name=name, family=family, in_ptr=pointer, in_src=pairs[by_target, 0], **columns
    )


def _node_row(entry: Mapping[str, Any]) -> dict[str, Any]:
    """Return the graph columns of one node entry."""
    label = str(entry["label"])
    code = op_code_of_label(label)
    op, metadata = OPS.name(code), entry.get("metadata") or {}
    strides = entry.get("strides") or (1, 1, 1, 1)
    rate = metadata.get("dil_rate")  # what the reference executes, whatever dilations says
    dilations = (1, rate, rate, 1) if rate else metadata.get("dilations") or (1, 1, 1, 1)
    shape, ksize = entry.get("shape"), metadata.get("ksize")
    if not shape and OPS.get(op).weighted:
        raise FormatError(f"weighted node {label!r} has no shape")
    kernel = shape[2:4] if shape else (ksize[1:3] if ksize else (0, 0))
    if op in _WINDOWS and not any(kernel):
        raise FormatError(f"node {label!r} has no kernel")
    padding = metadata.get("padding") if op in _WINDOWS else None
    if padding is not None and str(padding).lower() not in _PADDINGS:
        raise FormatError(f"node {label!r} has the padding {padding!r}, same and valid are known")
    pads = (0, 0, 0, 0)
    if op == "paddings":
        (top, bottom), (left, right) = metadata.get("pad_h", (0, 0)), metadata.get("pad_w", (0, 0))
        pads = (top, left, bottom, right)
    return {
        "op": code,
        "resolution": [int(size) for size in entry["resolution"]],
        "kernel": [int(size) for size in kernel],
        "stride": [int(size) for size in strides[1:3]],
        "dilation": [int(size) for size in dilations[1:3]],
        "padding": _PADDINGS[str(padding).lower()] if padding else Padding.NONE,
        "pads": pads,
        "bias": bool(metadata.get("use_bias", False)),
    }


def _node_entry(graph: Graph, node: int) -> dict[str, Any]:
    """Return one node as the reference writes it."""
    op = OPS.by_code(int(graph.op[node]))
    window = op.name in _WINDOWS
    resolution = graph.resolution[node].tolist()
    metadata: dict[str, Any] = {}
    if window or op.name == "batchnorm":
        metadata["data_format"] = "NHWC"
    if window:
        metadata["padding"] = _padding_word(graph, node)
    if op.name in ("conv", "depthwise"):
        metadata["dilations"] = [1, *graph.dilation[node].tolist(), 1]
    elif window:
        metadata["ksize"] = [1, *graph.kernel[node].tolist(), 1]
    if graph.bias[node]:
        metadata["use_bias"] = True
    if op.name == "paddings":
        top, left, bottom, right = graph.pads[node].tolist()
        metadata |= {"pad_h": [top, bottom], "pad_w": [left, right]}
    entry = {
        "str_id": str(int(graph.ids[node])),
        "op_type_idx": op.code,
        "label": _LABELS.get(op.name, op.name),
        "resolution": resolution,
        "strides": [1, *graph.stride[node].tolist(), 1] if window else None,
        "metadata": metadata,
    }
    if op.weighted:
        channels = [resolution[4], 1 if op.name == "depthwise" else resolution[5]]
        entry["shape"] = channels + graph.kernel[node].tolist()
    return entry


_LABELS = {"conv": "conv2d", "batchnorm": "fusedbatchnorm"}


def _padding_word(graph: Graph, node: int) -> str:
    """Return "same" or "valid" for a window node."""
    pads = window_pads(graph, node)
    if graph.padding[node] == Padding.SAME or (any(pads) and pads == _same_pads(graph, node)):
        return "same"
    if not any(pads):
        return "valid"
    raise FormatError(
        f"{graph.describe(node)} has explicit pads {list(pads)}, which this format cannot say: "
        "write archloom's own JSON or ONNX instead."
    )


def _same_pads(graph: Graph, node: int) -> tuple[int, int, int, int]:
    same = graph.replace(padding=np.full(graph.n_nodes, Padding.SAME, dtype=np.int8))
    return window_pads(same, node)
