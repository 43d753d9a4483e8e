"""Short texts that say what a node does, for pictures and summaries."""

from __future__ import annotations

from archloom.graph import Graph, Padding

_PADDINGS = {Padding.VALID: "valid padding", Padding.SAME: "same padding"}


def op_text(graph: Graph, node: int) -> str:
    """Return operation, kernel and stride, such as "conv 3×3 s2" or "relu"."""
    height, width = graph.kernel[node].tolist()
    vertical, horizontal = graph.stride[node].tolist()
    parts = [graph.op_name(node)]
    if height and width:
        parts.append(f"{height}×{width}")
    if (vertical, horizontal) != (1, 1):
        parts.append(f"s{vertical}" if vertical == horizontal else f"s{vertical}×{horizontal}")
    return " ".join(parts)


def shape_text(graph: Graph, node: int) -> str:
    """Return the output as H×W×C, and the input before it where it differs."""
    h_in, h_out, w_in, w_out, c_in, c_out = graph.resolution[node].tolist()
    before, after = f"{h_in}×{w_in}×{c_in}", f"{h_out}×{w_out}×{c_out}"
    return after if before == after else f"{before} → {after}"


def attribute_text(graph: Graph, node: int) -> str:
    """Return padding, dilation and bias as words; empty for a node without any."""
    parts = []
    code = int(graph.padding[node])
    if code == Padding.EXPLICIT:
        parts.append(f"padding {graph.pads[node].tolist()} (top, left, bottom, right)")
    elif code in _PADDINGS:
        parts.append(_PADDINGS[Padding(code)])
    dilation = graph.dilation[node].tolist()
    if dilation != [1, 1]:
        parts.append(f"dilation {dilation[0]}×{dilation[1]}")
    if graph.bias[node]:
        parts.append("bias")
    return ", ".join(parts)
