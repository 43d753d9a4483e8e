"""Pictures of graphs as SVG: one network, or what changed from a parent to its child."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from archloom.drawing.changes import ADDED, CHANGED, KEPT, REMOVED, Changes, compare
from archloom.drawing.collapse import Collapsed, collapse
from archloom.drawing.node_text import attribute_text, op_text, shape_text
from archloom.drawing.palette import (
    BLUE,
    CYCLE,
    GREEN,
    GREY,
    ORANGE,
    PURPLE,
    SKY,
    VERMILLION,
    YELLOW,
    blend,
    shade,
    tint,
)
from archloom.drawing.svg import Box, Panel, Picture, Style
from archloom.errors import FormatError, GraphError
from archloom.files import write_bytes, write_text
from archloom.graph import Graph, autogo_order, flops, node_flops, node_parameters, parameters

_PLAIN = Style("#f3f5f7", GREY)
_GROUPS: dict[str, tuple[str, tuple[str, ...]]] = {
    "convolution": (BLUE, ("conv",)),
    "depthwise": (SKY, ("depthwise",)),
    "dense": (PURPLE, ("matmul",)),
    "normalisation": (YELLOW, ("batchnorm",)),
    "activation": (GREEN, ("relu", "relu6", "sigmoid", "tanh", "swish", "gelu")),
    "pooling": (ORANGE, ("maxpool", "avgpool", "mean", "global")),
    "merge": (VERMILLION, ("add", "mul", "concat")),
}
_STATUS: dict[int, tuple[str, Style]] = {
    KEPT: ("unchanged", Style("#eceff2", "#a7b0ba", name="kept")),
    REMOVED: ("removed", Style(tint(VERMILLION, 0.18), "#c0392b", dashed=True, name="removed")),
    ADDED: ("added", Style(tint(GREEN, 0.25), shade(GREEN, 0.85), name="added")),
    CHANGED: (
        "other attributes or inputs",
        Style(tint(ORANGE, 0.3), shade(ORANGE, 0.85), name="changed"),
    ),
}
_CONTEXT = 2


def draw(
    graph: Graph,
    segments: ArrayLike | Sequence[Sequence[int]] | None = None,
    path: str | Path | None = None,
    *,
    values: NDArray[np.floating] | None = None,
    meaning: str = "value",
) -> str:
    """Return ``graph`` as an SVG document, and write it to ``path`` (.svg or .png) if given.

    segments : colours the nodes: (n,) group index per position of the AutoGO order, or a list of
               node lists (nodes in none of them stay grey); without it, colour tells the operation
    values   : instead, (n,) finite numbers by node index, from grey (lowest) to orange (highest)
    meaning  : what the values are, for legend and tool tips

    Deep networks are folded into columns. Each node names operation, kernel, stride, channels and
    size, and has a tool tip with resolution and FLOPs. Raises ``GraphError`` when ``segments`` or
    ``values`` do not fit the graph, ``FormatError`` for another ending of ``path``.
    """
    groups = None if segments is None else _groups(graph, segments)
    tips = _tooltips(graph, groups)
    if values is not None:
        styles, legend = _value_styles(graph, values), _value_legend(values, meaning)
        tips = [f"{tip}\n{meaning} {value:.3g}" for tip, value in zip(tips, values, strict=True)]
    elif groups is not None:
        styles, legend = _segment_styles(groups), _segment_legend(groups)
    else:
        styles, legend = _op_styles(graph), _op_legend(graph)
    boxes = [_box(graph, node, style, tips[node]) for node, style in enumerate(styles)]
    picture = Picture(
        title=graph.name or "graph",
        lines=[_facts(graph)],
        legend=legend,
        panels=[Panel(boxes, _pairs(graph.edges))],
    )
    return _finish(picture, path)


def draw_changes(
    parent: Graph, child: Graph, path: str | Path | None = None, *, changes: Changes | None = None
) -> str:
    """Return an SVG of what changed from ``parent`` to ``child``; write it to ``path`` if given.

    Both are shown side by side: removed nodes red and dashed, added ones green, nodes with other
    attributes orange, their surroundings grey; unchanged stretches become one node. ``changes`` is
    the result of ``compare``, made here when left out.
    """
    found = compare(parent, child) if changes is None else changes
    before, after = parent.name or "before", child.name or "after"
    panels = []
    for graph, status, heading in (
        (parent, found.parent_status, f"{before}: {parent.n_nodes} nodes"),
        (child, found.child_status, f"{after}: {child.n_nodes} nodes"),
    ):
        panels.append(_change_panel(graph, status, heading))
    picture = Picture(
        title=f"{before} → {after}",
        lines=found.summary() or ["nothing changed"],
        legend=list(_STATUS.values()),
        panels=panels,
        aspect=1.6,
    )
    return _finish(picture, path)


def _finish(picture: Picture, path: str | Path | None) -> str:
    text = picture.render()
    if path is not None:
        write_drawing(text, path)
    return text


def write_drawing(svg: str, path: str | Path) -> None:
    """Write a drawing to ``path``, as the ending says: .svg or .png.

    Raises ``FormatError`` for another ending, ``DataError`` where the place is not writable.
    """
    ending = Path(path).suffix.lower()
    if ending == ".svg":
        write_text(path, svg)
    elif ending == ".png":
        from archloom.drawing.png import to_png

        write_bytes(path, to_png(svg))
    else:
        raise FormatError(f"{path}: drawings are .svg or .png, give the file such an ending.")


def _pairs(edges: NDArray[np.integer]) -> list[tuple[int, int]]:
    return [(int(source), int(target)) for source, target in edges]


def _facts(graph: Graph) -> str:
    """Return one line: family, nodes, FLOPs and parameters."""
    return " · ".join(
        [
            *([f"family {graph.family}"] if graph.family else []),
            f"{graph.n_nodes} nodes",
            f"{graph.n_edges} edges",
            f"{flops(graph) / 1e6:,.1f} MFLOPs",
            f"{parameters(graph):,} parameters",
        ]
    )


def _box(graph: Graph, node: int, style: Style, tooltip: str) -> Box:
    """Return the picture of one node."""
    detail = shape_text(graph, node)
    inline = not graph.is_weighted[node] and "→" not in detail
    return Box(op_text(graph, node), detail, tooltip, style, inline)


def _tooltips(graph: Graph, groups: NDArray[np.int64] | None = None) -> list[str]:
    """Return resolution, attributes, cost and segment of each node."""
    costs, weights = node_flops(graph).tolist(), node_parameters(graph).tolist()
    tips = []
    for node in range(graph.n_nodes):
        h_in, h_out, w_in, w_out, c_in, c_out = graph.resolution[node].tolist()
        lines = [
            f"node {node}, id {int(graph.ids[node])}: {op_text(graph, node)}",
            attribute_text(graph, node),
            f"in {h_in} x {w_in} x {c_in}, out {h_out} x {w_out} x {c_out} (H x W x C)",
            f"{costs[node]:,} FLOPs, {weights[node]:,} parameters",
            f"segment {int(groups[node])}" if groups is not None and groups[node] >= 0 else "",
        ]
        tips.append("\n".join(line for line in lines if line))
    return tips


# --- colours -------------------------------------------------------------------------------------


def _soft(colour: str) -> Style:
    return Style(tint(colour, 0.28), shade(colour, 0.8))


def _op_styles(graph: Graph) -> list[Style]:
    """Return the style of each node by its operation."""
    by_op = {op: _soft(colour) for colour, ops in _GROUPS.values() for op in ops}
    return [by_op.get(graph.op_name(node), _PLAIN) for node in range(graph.n_nodes)]


def _op_legend(graph: Graph) -> list[tuple[str, Style]]:
    """Return the groups of operations that occur, and "other"."""
    present = {graph.op_name(node) for node in range(graph.n_nodes)}
    legend = [
        (name, _soft(colour)) for name, (colour, ops) in _GROUPS.items() if present & set(ops)
    ]
    return [*legend, ("other", _PLAIN)]


def _groups(graph: Graph, segments: ArrayLike | Sequence[Sequence[int]]) -> NDArray[np.int64]:
    """Return ``(n,)`` int64: the group of each node, -1 for none."""
    groups = np.full(graph.n_nodes, -1, dtype=np.int64)
    listed = list(segments)  # type: ignore[arg-type]
    if listed and np.ndim(listed[0]) == 1:
        for index, nodes in enumerate(listed):
            chosen = np.asarray(nodes, dtype=np.int64)
            if len(chosen) and (chosen.min() < 0 or chosen.max() >= graph.n_nodes):
                raise GraphError(
                    f"segment {index} names node {int(chosen.max())}, {graph!r} has nodes 0 to "
                    f"{graph.n_nodes - 1}: pass the segments of this graph."
                )
            groups[chosen] = index
        return groups
    if len(listed) != graph.n_nodes:
        raise GraphError(
            f"{len(listed)} group indices for {graph!r}: give one per node in AutoGO order, or a "
            "list of node lists."
        )
    groups[autogo_order(graph)] = np.asarray(listed, dtype=np.int64)
    return groups


def _segment_styles(groups: NDArray[np.int64]) -> list[Style]:
    """Return the style of each node by its segment."""
    cycle = [_soft(colour) for colour in CYCLE]
    return [_PLAIN if group < 0 else cycle[group % len(cycle)] for group in groups.tolist()]


def _segment_legend(groups: NDArray[np.int64]) -> list[tuple[str, Style]]:
    """Return how many segments there are; the cycle of colours repeats."""
    count = len(np.unique(groups[groups >= 0]))
    legend = [(f"colour: one of {count} segments (colours repeat)", _soft(CYCLE[0]))]
    return legend + ([("in no segment", _PLAIN)] if (groups < 0).any() else [])


def _value_styles(graph: Graph, values: NDArray[np.floating]) -> list[Style]:
    """Return the style of each node by its value."""
    if values.shape != (graph.n_nodes,) or not np.isfinite(values).all():
        raise GraphError(
            f"values of shape {values.shape} for {graph!r}: give one finite number per node."
        )
    lowest, spread = values.min(), np.ptp(values) or 1.0
    return [_warm(share) for share in ((values - lowest) / spread).tolist()]


def _value_legend(values: NDArray[np.floating], meaning: str) -> list[tuple[str, Style]]:
    """Return the colours of the lowest, middle and highest value."""
    low, high = float(values.min()), float(values.max())
    shares = ((low, 0.0), ((low + high) / 2, 0.5), (high, 1.0))
    return [(f"{meaning} {value:.3g}", _warm(share)) for value, share in shares]


def _warm(share: float) -> Style:
    """Return a style between grey (0) and orange (1)."""
    return Style(blend(ORANGE, "#eceff2", share), shade(blend(ORANGE, GREY, share), 0.85))


# --- changes -------------------------------------------------------------------------------------


def _change_panel(graph: Graph, status: NDArray[np.int8], heading: str) -> Panel:
    """Return one side of a "what changed" picture."""
    view = collapse(graph, status != KEPT, context=_CONTEXT)
    tips = _tooltips(graph)
    boxes = [_change_box(graph, nodes, status, tips) for nodes in view.members]
    colours = {
        (source, target): colour
        for source, target in view.edges
        if (colour := _edge_colour(view, source, target, status)) is not None
    }
    return Panel(boxes, view.edges, heading, colours)


def _change_box(
    graph: Graph, nodes: Sequence[int], status: NDArray[np.int8], tips: Sequence[str]
) -> Box:
    """Return the picture of one node, or of a collapsed stretch."""
    if len(nodes) == 1:
        node = nodes[0]
        return _box(graph, node, _STATUS[int(status[node])][1], tips[node])
    text = f"{len(nodes)} nodes unchanged"
    return Box(f"… {text} …", "", text, Style("#ffffff", "#c3cad2", dashed=True, name="folded"))


def _edge_colour(view: Collapsed, source: int, target: int, status: NDArray[np.int8]) -> str | None:
    """Return the colour of an edge at a removed or added node, None elsewhere."""
    ends = {int(status[view.members[group][0]]) for group in (source, target)}
    for wanted in (REMOVED, ADDED):
        if wanted in ends:
            return _STATUS[wanted][1].stroke
    return None
