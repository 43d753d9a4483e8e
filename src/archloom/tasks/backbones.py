"""Backbones for pose estimation and segmentation from a classification network (AutoGO spec 6.3).

All functions take and return graphs. Sizes follow by shape inference; node ids are kept, so that
``to_torch(backbone, squeeze=False)`` inherits the classifier's weights
(``GraphModule.inherit``).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from archloom.errors import GraphError
from archloom.graph import OPS, Graph, Padding, check, infer_shapes, output_shapes
from archloom.tasks.rewiring import cut_behind, padded_before, without

Size = tuple[int, int]
"""Height and width of the input in pixels."""

DESIGN_SIZE = (224, 224)
"""Input for which the rules of segmentation name sizes."""
_DILATE_BELOW, _DILATE_MORE_BELOW, _KEEP_POOL_FROM = 20, 10, 25


def to_classifier(graph: Graph, size: Size | None = None) -> Graph:
    """Return the plain classifier: ``graph`` without ``paddings`` nodes, for inputs of ``size``.

    ``size`` defaults to the stored one. Raises ``GraphError`` when the sizes of the network do not
    fit any more.
    """
    plain = without(graph, _is(graph, "paddings"))
    return _checked(_resized(plain, size) if size else infer_shapes(plain), graph.name)


def to_pose(graph: Graph, size: Size = (256, 256)) -> Graph:
    """Return the backbone for pose estimation: all up to the last feature map, for ``size``.

    Its output has the channels of that map (``output_channels``). Raises ``GraphError`` when the
    network has no map larger than 1x1 or does not fit ``size``.
    """
    backbone = cut_behind(graph, [_last_map(graph)])
    return _checked(_resized(backbone, size), f"{graph.name}-pose")


def to_segmentation(
    graph: Graph,
    size: Size = (713, 713),
    *,
    aux_op: str = "relu",
    aux_channels: int | None = None,
) -> Graph:
    """Return the backbone for segmentation: the last feature map and an auxiliary one.

    The auxiliary output reads the last ``aux_op`` node with ``aux_channels`` channels (default:
    half of the last map's); the paper takes relu for ResNets and maxpool for VGG. Instead of
    shrinking maps further, late convolutions are dilated: at a design input of 224x224,
    convolutions that put out fewer than 20 rows get stride 1, SAME padding and dilation 2 (4 below
    10 rows; 1x1 windows need none), max pools with fewer than 25 rows stride 1. An output smaller
    than an eighth of the input's width is padded by one pixel on every side. Outputs are ordered by
    channels, most first. Depthwise convolutions count as convolutions, and a ``paddings`` node that
    feeds nothing but changed convolutions gives way to their SAME padding. Raises ``GraphError``
    when there is no such auxiliary node, or sizes do not fit.
    """
    main = _last_map(graph)
    aux = _auxiliary(graph, main, aux_op, aux_channels)
    ends = sorted([main, aux], key=lambda node: -int(output_shapes(graph)[node, 2]))
    design = _resized(cut_behind(graph, ends), DESIGN_SIZE)
    backbone = _resized(_dilated(design), size)
    small = backbone.sinks[output_shapes(backbone)[backbone.sinks, 1] < size[1] // 8]
    padded = infer_shapes(padded_before(backbone, small, pixels=1))
    return _checked(padded, f"{graph.name}-segmentation")


def output_channels(graph: Graph) -> tuple[int, ...]:
    """Return the number of channels of every output, by ascending node index."""
    return tuple(output_shapes(graph)[graph.sinks, 2].tolist())


def _is(graph: Graph, *names: str) -> NDArray[np.bool_]:
    """Return ``(n,)``: whether a node is one of the operations and free to change."""
    return np.isin(graph.op, [OPS.code(name) for name in names]) & ~graph.is_fixed


def _last_map(graph: Graph) -> int:
    """Return the last node in topological order that puts out more than one row and column."""
    large = (output_shapes(graph)[:, :2] > 1).all(axis=1) & ~_is(graph, "output")
    nodes = graph.order[large[graph.order]]
    if not len(nodes):
        raise GraphError(
            f"graph {graph.name!r} has no feature map larger than 1x1: nothing of it can be a "
            "backbone."
        )
    return int(nodes[-1])


def _auxiliary(graph: Graph, main: int, op: str, channels: int | None) -> int:
    """Return the last ``op`` node of ``channels`` channels in topological order."""
    widths = output_shapes(graph)[:, 2]
    wanted = int(widths[main]) // 2 if channels is None else channels
    candidates = _is(graph, op)
    nodes = graph.order[(candidates & (widths == wanted))[graph.order]]
    if not len(nodes):
        found = ", ".join(map(str, np.unique(widths[candidates]))) or "none at all"
        raise GraphError(
            f"graph {graph.name!r} has no {op} node of {wanted} channels for the auxiliary output; "
            f"its {op} nodes have {found}: choose aux_op and aux_channels."
        )
    return int(nodes[-1])


def _dilated(graph: Graph) -> Graph:
    """Return ``graph``, stored at the design size, with dilation in place of late strides."""
    rows = output_shapes(graph)[:, 0]
    conv = _is(graph, "conv", "depthwise") & (rows < _DILATE_BELOW)
    pool = _is(graph, "maxpool") & (rows < _KEEP_POOL_FROM)
    stride, dilation = graph.stride.copy(), graph.dilation.copy()
    padding, pads = graph.padding.copy(), graph.pads.copy()
    stride[conv | pool] = 1
    padding[conv], pads[conv] = Padding.SAME, 0
    rate = np.where(rows < _DILATE_MORE_BELOW, 4, 2)[:, None]
    dilation[conv] = np.where(graph.kernel > 1, rate, 1)[conv]
    changed = graph.replace(stride=stride, dilation=dilation, padding=padding, pads=pads)
    others = np.bincount(graph.in_src[~conv[graph.edge_dst]], minlength=graph.n_nodes)
    return without(changed, _is(graph, "paddings") & (graph.out_degree > 0) & (others == 0))


def _resized(graph: Graph, size: Size) -> Graph:
    """Return ``graph`` for inputs of another height and width."""
    channels = {int(count) for count in graph.resolution[graph.sources, 4]}
    if len(channels) != 1:
        raise GraphError(
            f"graph {graph.name!r} has {len(graph.sources)} inputs: a backbone has one image as "
            "its input."
        )
    return infer_shapes(graph, (*size, channels.pop()))


def _checked(graph: Graph, name: str) -> Graph:
    """Return ``graph`` as ``name``; raises ``GraphError`` when its sizes do not agree."""
    check(graph)
    return graph.replace(name=name)
