"""TensorFlow operators on maps: convolutions, pools, normalisation, padding, resizing."""

from __future__ import annotations

from typing import Any

import torch

from archloom.graph.shapes import same_pads
from archloom.io.importing.tensorflow.messages import Node
from archloom.io.importing.tensorflow.translator import (
    CHANNELS_LAST,
    Result,
    Spaced,
    Translator,
    Value,
    rule,
)


def _order(node: Node) -> tuple[int, ...]:
    """Return the order of a map that is stored as NCHW."""
    layout = node.attributes.get("data_format") or "NHWC"
    if layout not in ("NHWC", "NCHW"):
        raise node.refuse(f"the data format {layout}: archloom reads NHWC and NCHW.")
    return CHANNELS_LAST if layout == "NHWC" else (0, 1, 2, 3)


def _map(t: Translator, node: Node, position: int = 0) -> tuple[str, tuple[int, ...]]:
    """Return an input as NCHW and the order of such maps."""
    value, order = t.value(node, position), _order(node)
    if len(value.order) != 4:
        raise node.refuse(f"its input has {len(value.order)} dimensions, a map has 4.")
    return t.ordered(value, order), order


def _spatial(node: Node, name: str, default: int = 1) -> tuple[int, int]:
    """Return the two entries of an attribute that belong to H and W."""
    listed = node.attributes.get(name) or [default] * 4
    height, width = (listed[1], listed[2]) if _order(node) == CHANNELS_LAST else listed[2:4]
    return int(height), int(width)


def _padding(node: Node) -> dict[str, Any]:
    """Return the padding as attributes of an ONNX operator."""
    kind = node.attributes.get("padding") or "VALID"
    if kind == "SAME":
        return {"auto_pad": "SAME_UPPER"}
    if kind == "EXPLICIT":
        pairs = node.attributes.get("explicit_paddings") or [0] * 8
        top = 2 if _order(node) == CHANNELS_LAST else 4
        return {"pads": tuple(int(pairs[top + i]) for i in (0, 2, 1, 3))}
    return {"pads": (0, 0, 0, 0)}


# --- convolutions --------------------------------------------------------------------------------


@rule("Conv2D")
def convolution(t: Translator, node: Node) -> Result:
    """Conv; the filter is (H, W, C_in, C_out)."""
    weight = t.constant(node, 1).permute(3, 2, 0, 1).contiguous()
    return _conv(t, node, weight, int(weight.shape[1]))


@rule("DepthwiseConv2dNative")
def depthwise(t: Translator, node: Node) -> Result:
    """Conv with a group per channel; the filter is (H, W, C, multiplier)."""
    weight = t.constant(node, 1).permute(2, 3, 0, 1)
    return _conv(t, node, weight.reshape(-1, 1, *weight.shape[2:]).contiguous(), 1)


def _conv(t: Translator, node: Node, weight: torch.Tensor, per_group: int) -> Result:
    """Return the convolution; one between SpaceToBatchND and BatchToSpaceND is dilated."""
    spaced, padding, dilation = t.spaced(node), _padding(node), _spatial(node, "dilations")
    if spaced is None:
        name, order = _map(t, node)
    else:
        order = _order(node)
        name = t.ordered(spaced.value, order)
        padding, dilation = {"pads": _without_crops(t, node, spaced)}, spaced.block
        if node.attributes.get("padding") != "VALID" or _spatial(node, "strides") != (1, 1):
            raise node.refuse("a dilated convolution with strides or SAME padding inside.")
    channels = t.shape(Value(name, (0, 1, 2, 3)))[1]
    kernel = tuple(int(size) for size in weight.shape[2:])
    result = t.emit(
        "Conv",
        name,
        t.add_constant(weight),
        kernel_shape=kernel,
        strides=_spatial(node, "strides"),
        dilations=dilation,
        group=channels // per_group,
        **padding,
    )
    return Value(result, order)


def _without_crops(t: Translator, node: Node, spaced: Spaced) -> tuple[int, ...]:
    """Return the pads (top, left, bottom, right) of SpaceToBatchND less what the BatchToSpaceND
    behind the convolution ``node`` crops.
    """
    end = node
    while end.op != "BatchToSpaceND":
        readers = t.readers.get(end.name, [])
        if len(readers) != 1 or readers[0].op not in ("BiasAdd", "Identity", "BatchToSpaceND"):
            raise node.refuse(
                "it reads a SpaceToBatchND without a BatchToSpaceND behind it: convert the model "
                "to ONNX with tf2onnx and read that."
            )
        end = readers[0]
    block, crops = (_listed(t, end, position) for position in (1, 2))
    if tuple(block) != spaced.block:
        raise end.refuse(f"its blocks {block} are not those of SpaceToBatchND, {spaced.block}.")
    t.closed.add(end.name)
    (top, bottom), (left, right) = spaced.pads
    return top - crops[0], left - crops[2], bottom - crops[1], right - crops[3]


def _listed(t: Translator, node: Node, position: int) -> list[int]:
    """Return a constant input of a node that has not been translated yet."""
    name = node.inputs[position].split(":")[0]
    while t.nodes[name].op == "Identity":
        name = t.nodes[name].inputs[0].split(":")[0]
    found = t.nodes[name].attributes.get("value")
    if not isinstance(found, torch.Tensor):
        raise node.refuse(f"input {position} ({name!r}) has to be a constant.")
    return [int(one) for one in found.flatten().tolist()]


@rule("SpaceToBatchND")
def space_to_batch(t: Translator, node: Node) -> Result:
    """Wait for the convolution."""
    block, pads = t.numbers(node, 1), t.numbers(node, 2)
    if len(block) != 2:
        raise node.refuse("it is not over H and W: convert the model to ONNX with tf2onnx.")
    return Spaced(t.value(node), (block[0], block[1]), ((pads[0], pads[1]), (pads[2], pads[3])))


@rule("BatchToSpaceND")
def batch_to_space(t: Translator, node: Node) -> Result:
    """The convolution in front has done it."""
    if node.name not in t.closed:
        raise node.refuse(
            "it does not stand behind a convolution that SpaceToBatchND feeds: convert the model "
            "to ONNX with tf2onnx and read that."
        )
    return t.value(node)


@rule("Conv2DBackpropInput")
def transposed_convolution(t: Translator, node: Node) -> Result:
    """ConvTranspose; the filter is (H, W, C_out, C_in), input 0 the shape of the result."""
    sizes, order = t.numbers(node, 0), _order(node)
    name, _ = _map(t, node, 2)
    weight = t.constant(node, 1).permute(3, 2, 0, 1).contiguous()
    after = sizes[1:3] if order == CHANNELS_LAST else sizes[2:4]
    before = t.shape(Value(name, (0, 1, 2, 3)))[2:]
    strides, same = _spatial(node, "strides"), node.attributes.get("padding") == "SAME"
    pads, extra = [], []
    for size, new, kernel, stride in zip(before, after, weight.shape[2:], strides, strict=True):
        pair = same_pads(new, int(kernel), stride) if same else (0, 0)
        pads.append(pair)
        extra.append(new - ((size - 1) * stride + int(kernel) - sum(pair)))
    if min(extra) < 0:
        raise node.refuse(f"maps of {before} do not become {after}: the file is damaged.")
    result = t.emit(
        "ConvTranspose",
        name,
        t.add_constant(weight),
        kernel_shape=tuple(int(size) for size in weight.shape[2:]),
        strides=strides,
        pads=(pads[0][0], pads[1][0], pads[0][1], pads[1][1]),
        output_padding=tuple(extra),
    )
    return Value(result, order)


# --- pools and normalisation ---------------------------------------------------------------------


@rule("MaxPool", "AvgPool")
def pool(t: Translator, node: Node) -> Result:
    """MaxPool or AveragePool; padded positions are left out."""
    name, order = _map(t, node)
    op_type = "MaxPool" if node.op == "MaxPool" else "AveragePool"
    window = {"kernel_shape": _spatial(node, "ksize"), "strides": _spatial(node, "strides")}
    return Value(t.emit(op_type, name, **window, **_padding(node)), order)


@rule("FusedBatchNorm", "FusedBatchNormV2", "FusedBatchNormV3")
def batch_norm(t: Translator, node: Node) -> Result:
    """BatchNormalization with running statistics."""
    name, order = _map(t, node)
    if node.attributes.get("is_training", True):
        return Value(_own_statistics(t, node, name), order)
    parts = [
        t.add_constant(t.constant(node, position).contiguous())
        for position, part in enumerate(("scale", "offset", "mean", "variance"), start=1)
    ]
    epsilon = float(node.attributes.get("epsilon") or 1e-4)
    return Value(t.emit("BatchNormalization", name, *parts, epsilon=epsilon), order)


def _own_statistics(t: Translator, node: Node, name: str) -> str:
    """Return a map of one example normalised by its own statistics per channel: as Keras does a
    layer norm, with the rows for channels.
    """
    whole = Value(name, (0, 1, 2, 3))
    known = t.known(whole)
    if known.shape[0] != 1 or known.wide is None or known.wide[0] != 1:
        raise node.refuse(
            "the batch norm is in training mode: freeze the graph of the network in inference mode."
        )
    axes = t.integers([2, 3])
    centred = t.emit("Sub", name, t.emit("ReduceMean", name, axes))
    variance = t.emit("ReduceMean", t.emit("Mul", centred, centred), axes)
    epsilon = t.number(float(node.attributes.get("epsilon") or 1e-4), whole)
    result = t.emit("Div", centred, t.emit("Sqrt", t.emit("Add", variance, epsilon)))
    for position, op_type, neutral in ((1, "Mul", 1.0), (2, "Add", 0.0)):
        part = t.value(node, position)
        data = t.known(part).data
        if data is None or (data != neutral).any():
            column = t.emit("Reshape", t.plain(part), t.integers([-1, 1, 1]))
            result = t.emit(op_type, result, column)
    return result


@rule("LRN")
def local_response_norm(t: Translator, node: Node) -> Result:
    """LRN; ONNX divides alpha by the window."""
    value = t.value(node)
    size = 2 * int(node.attributes.get("depth_radius") or 5) + 1
    result = t.emit(
        "LRN",
        t.ordered(value, CHANNELS_LAST),
        size=size,
        alpha=float(node.attributes.get("alpha", 1.0)) * size,
        beta=float(node.attributes.get("beta", 0.5)),
        bias=float(node.attributes.get("bias", 1.0)),
    )
    return Value(result, CHANNELS_LAST)


# --- padding and resizing ------------------------------------------------------------------------


@rule("Pad", "PadV2", "MirrorPad")
def pad(t: Translator, node: Node) -> Result:
    """Pad, on any axes."""
    value, pairs = t.value(node), t.constant(node, 1).tolist()
    starts, ends = [0] * len(pairs), [0] * len(pairs)
    for place, (before, after) in zip(value.order, pairs, strict=True):
        starts[place], ends[place] = int(before), int(after)
    modes = {"REFLECT": "reflect", None: "constant"}
    kind = node.attributes.get("mode")
    if kind not in modes:
        raise node.refuse(f"the mode {kind}: archloom reads zeros, numbers and REFLECT.")
    inputs = [value.name, t.integers([*starts, *ends])]
    if node.op == "PadV2":
        inputs.append(t.number(float(t.constant(node, 2)), value))
    return Value(t.emit("Pad", *inputs, mode=modes[kind]), value.order)


@rule("ResizeBilinear", "ResizeNearestNeighbor")
def resize(t: Translator, node: Node) -> Result:
    """Resize of H and W."""
    value = t.value(node)
    corners = bool(node.attributes.get("align_corners"))
    centres = bool(node.attributes.get("half_pixel_centers"))
    attributes: dict[str, Any] = {
        "axes": (2, 3),
        "coordinate_transformation_mode": "align_corners"
        if corners
        else "half_pixel"
        if centres
        else "asymmetric",
    }
    if node.op == "ResizeBilinear":
        attributes["mode"] = "linear"
    else:
        attributes["mode"] = "nearest"
        attributes["nearest_mode"] = "round_prefer_ceil" if corners or centres else "floor"
    name = t.ordered(value, CHANNELS_LAST)
    sizes = t.integers(t.numbers(node, 1))
    return Value(t.emit("Resize", name, "", "", sizes, **attributes), CHANNELS_LAST)


@rule("DepthToSpace", "SpaceToDepth")
def rearrange(t: Translator, node: Node) -> Result:
    """DepthToSpace and its inverse; depth is the innermost part of the channels."""
    name, order = _map(t, node)
    attributes: dict[str, Any] = {"blocksize": int(node.attributes["block_size"])}
    if node.op == "DepthToSpace":
        attributes["mode"] = "DCR"
    return Value(t.emit(node.op, name, **attributes), order)
