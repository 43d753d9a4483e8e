"""ATen operators on maps: convolutions, pools, normalisations, padding and resizing.

More than 400 lines: one short function per operator.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from archloom.io.importing.torch.translator import (
    Batch,
    BatchError,
    Call,
    Operand,
    Size,
    Translator,
    Value,
    rule,
)


def _spread(values: Any, axes: int) -> tuple[int, ...]:
    """Return one number per spatial axis; a list of one holds for all of them."""
    numbers = list(values) if isinstance(values, list | tuple) else [values]
    return tuple(int(one) for one in (numbers * axes if len(numbers) == 1 else numbers))


def _spatial(value: Value) -> tuple[int, ...]:
    """Return the sizes behind batch and channels."""
    return tuple(size for size in value.shape[2:] if not isinstance(size, Batch))


def _batched(call: Call, name: str, rank: int) -> Value:
    """Return the map ``name``; one without a batch dimension is refused."""
    value = call.value(name)
    if value.rank != rank:
        raise call.refuse(
            f"the input has {value.rank} dimensions, {rank} are wanted: give examples with a batch "
            "dimension."
        )
    return value


# --- convolutions --------------------------------------------------------------------------------


@rule("conv1d", "conv2d", "conv3d", "convolution")
def convolution(t: Translator, call: Call) -> str:
    """Conv, or ConvTranspose where ``convolution`` says so."""
    if call["transposed"]:
        return transposed_convolution(t, call)
    weight = call.value("weight")
    if isinstance(call["groups"], Batch) or isinstance(weight.shape[0], Batch):
        raise BatchError(
            f"{call.where}: its kernel is computed for every example (a conditional convolution), "
            "which a graph has for a batch of one only: give an example with a batch of one."
        )
    value = _batched(call, "input", weight.rank)
    axes = weight.rank - 2
    kernel = tuple(weight.fixed(axis) for axis in range(2, weight.rank))
    dilation = _spread(call["dilation"], axes)
    if call["padding"] == "same":
        total = [d * (k - 1) for k, d in zip(kernel, dilation, strict=True)]
        pads = (*(one // 2 for one in total), *(one - one // 2 for one in total))
    elif call["padding"] == "valid":
        pads = (0,) * (2 * axes)
    else:
        pads = _spread(call["padding"], axes) * 2
    return t.emit(
        "Conv",
        value,
        weight,
        call["bias"],
        kernel_shape=kernel,
        strides=_spread(call["stride"], axes),
        pads=pads,
        dilations=dilation,
        group=int(call["groups"]),
    )


@rule("conv_transpose1d", "conv_transpose2d", "conv_transpose3d")
def transposed_convolution(t: Translator, call: Call) -> str:
    """ConvTranspose."""
    weight = call.value("weight")
    axes = weight.rank - 2
    extra = _spread(call["output_padding"], axes)
    attributes: dict[str, Any] = {
        "kernel_shape": tuple(weight.fixed(axis) for axis in range(2, weight.rank)),
        "strides": _spread(call["stride"], axes),
        "pads": _spread(call["padding"], axes) * 2,
        "dilations": _spread(call["dilation"], axes),
        "group": int(call["groups"]),
    }
    if any(extra):
        attributes["output_padding"] = extra
    value = _batched(call, "input", weight.rank)
    return t.emit("ConvTranspose", value, weight, call["bias"], **attributes)


@rule("col2im")
def col2im(t: Translator, call: Call) -> str:
    """Col2Im: overlapping patches are added up."""
    value, pads = _batched(call, "self", 3), _spread(call["padding"], 2)
    return t.emit(
        "Col2Im",
        value,
        t.numbers(list(call["output_size"])),
        t.numbers(list(call["kernel_size"])),
        strides=_spread(call["stride"], 2),
        dilations=_spread(call["dilation"], 2),
        pads=(*pads, *pads),
    )


# --- pools ---------------------------------------------------------------------------------------


@rule("max_pool1d", "max_pool2d", "max_pool3d")
def max_pool(t: Translator, call: Call) -> str:
    """MaxPool."""
    return t.emit("MaxPool", *_pool_input(call), **_window(call, with_dilation=True))


@rule("max_pool2d_with_indices", "max_pool3d_with_indices")
def max_pool_with_indices(t: Translator, call: Call) -> tuple[str, ...]:
    """MaxPool; its indices are those of a single map, as ONNX counts them for one channel."""
    return (max_pool(t, call),)


@rule("avg_pool1d", "avg_pool2d", "avg_pool3d")
def avg_pool(t: Translator, call: Call) -> str:
    """AveragePool."""
    if call["divisor_override"]:
        raise call.refuse("divisor_override is not known to ONNX: scale the output instead.")
    window = _window(call)
    include = int(bool(call["count_include_pad"]) and any(window["pads"]))
    return t.emit("AveragePool", *_pool_input(call), count_include_pad=include, **window)


def _pool_input(call: Call) -> tuple[Value]:
    return (_batched(call, "self", 2 + int(call.name.split("pool")[1][0])),)


def _window(call: Call, *, with_dilation: bool = False) -> dict[str, Any]:
    """Return the attributes of a pool; rounding up is stated only where it adds a window."""
    before = _spatial(call.value("self"))
    axes = len(before)
    kernel = _spread(call["kernel_size"], axes)
    stride = _spread(call["stride"] or call["kernel_size"], axes)
    padding = _spread(call["padding"], axes)
    dilation = _spread(call["dilation"], axes) if with_dilation else (1,) * axes
    down = tuple(
        (size + 2 * p - d * (k - 1) - 1) // s + 1
        for size, k, s, p, d in zip(before, kernel, stride, padding, dilation, strict=True)
    )
    window: dict[str, Any] = {"kernel_shape": kernel, "strides": stride, "pads": padding * 2}
    if with_dilation:
        window["dilations"] = dilation
    if down != _spatial(call.result):
        window["ceil_mode"] = 1
    return window


@rule("adaptive_avg_pool1d", "adaptive_avg_pool2d", "adaptive_avg_pool3d", "_adaptive_avg_pool2d")
def adaptive_avg_pool(t: Translator, call: Call) -> str:
    """GlobalAveragePool, AveragePool where windows are alike, else products with averages."""
    value = call.value("self")
    before, after = _spatial(value), _spatial(call.result)
    if set(after) == {1}:
        return t.emit("GlobalAveragePool", value)
    if before == after:
        return value.name
    if all(size % new == 0 for size, new in zip(before, after, strict=True)):
        return t.emit("AveragePool", value, **_even_windows(before, after))
    if len(before) != 2:
        raise call.refuse(f"sizes {before} cannot be averaged to {after}: use multiples.")
    rows, columns = (_averages(*pair) for pair in zip(before, after, strict=True))
    narrowed = t.emit("MatMul", value, t.untrained(columns.T.contiguous()))
    return t.emit("MatMul", t.untrained(rows), narrowed)


@rule("adaptive_max_pool1d", "adaptive_max_pool2d", "adaptive_max_pool3d")
def adaptive_max_pool(t: Translator, call: Call) -> tuple[str, ...]:
    """MaxPool with windows that are alike."""
    value = call.value("self")
    before, after = _spatial(value), _spatial(call.result)
    if any(size % new for size, new in zip(before, after, strict=True)):
        raise call.refuse(f"sizes {before} cannot be pooled to {after}: use multiples.")
    return (t.emit("MaxPool", value, **_even_windows(before, after)),)


def _even_windows(before: tuple[int, ...], after: tuple[int, ...]) -> dict[str, Any]:
    window = tuple(size // new for size, new in zip(before, after, strict=True))
    return {"kernel_shape": window, "strides": window}


def _averages(before: int, after: int) -> torch.Tensor:
    """Return (after, before): the weights of the means over PyTorch's adaptive windows."""
    table = torch.zeros(after, before)
    for row in range(after):
        start, end = row * before // after, -(-(row + 1) * before // after)
        table[row, start:end] = 1 / (end - start)
    return table


# --- normalisations ------------------------------------------------------------------------------


@rule("batch_norm")
def batch_norm(t: Translator, call: Call) -> str:
    """BatchNormalization with running statistics."""
    if call["training"] or call["running_mean"] is None:
        raise call.refuse(
            "the batch norm uses the statistics of the batch: put it in evaluation mode and give "
            "it running statistics (track_running_stats=True)."
        )
    value = call.value("input")
    mean, variance = call.value("running_mean"), call.value("running_var")
    scale = call["weight"] or t.untrained(torch.ones(mean.fixed(0), dtype=value.dtype))
    shift = call["bias"] or t.untrained(torch.zeros(mean.fixed(0), dtype=value.dtype))
    return t.emit(
        "BatchNormalization", value, scale, shift, mean, variance, epsilon=float(call["eps"])
    )


@rule("_native_batch_norm_legit_no_training")
def batch_norm_of_inference(t: Translator, call: Call) -> tuple[str, ...]:
    """The same in the form of a functionalised graph."""
    return (batch_norm(t, call),)


@rule("instance_norm")
def instance_norm(t: Translator, call: Call) -> str:
    """InstanceNormalization, BatchNormalization where running statistics are used."""
    if not call["use_input_stats"]:
        return batch_norm(t, call)
    value = call.value("input")
    channels = value.fixed(1)
    scale = call["weight"] or t.untrained(torch.ones(channels, dtype=value.dtype))
    shift = call["bias"] or t.untrained(torch.zeros(channels, dtype=value.dtype))
    return t.emit("InstanceNormalization", value, scale, shift, epsilon=float(call["eps"]))


@rule("group_norm")
def group_norm(t: Translator, call: Call) -> str:
    """GroupNormalization."""
    value = call.value("input")
    channels = value.fixed(1)
    scale = call["weight"] or t.untrained(torch.ones(channels, dtype=value.dtype))
    shift = call["bias"] or t.untrained(torch.zeros(channels, dtype=value.dtype))
    groups = int(call["num_groups"])
    return t.emit(
        "GroupNormalization", value, scale, shift, num_groups=groups, epsilon=float(call["eps"])
    )


@rule("layer_norm")
def layer_norm(t: Translator, call: Call) -> str:
    """LayerNormalization over the last axes."""
    shape = list(call["normalized_shape"])
    value = call.value("input")
    scale: Operand = call["weight"] or t.untrained(torch.ones(shape, dtype=value.dtype))
    return t.emit(
        "LayerNormalization",
        value,
        scale,
        call["bias"],
        axis=-len(shape),
        epsilon=float(call["eps"]),
    )


# --- padding and resizing ------------------------------------------------------------------------


@rule("constant_pad_nd", "pad")
def pad(t: Translator, call: Call) -> str:
    """Pad; PyTorch lists the last axis first."""
    return _pad(t, call, call["mode"] or "constant")


@rule("reflection_pad1d", "reflection_pad2d", "reflection_pad3d")
def reflection_pad(t: Translator, call: Call) -> str:
    """Pad by reflection."""
    return _pad(t, call, "reflect")


@rule("replication_pad1d", "replication_pad2d", "replication_pad3d")
def replication_pad(t: Translator, call: Call) -> str:
    """Pad with the values at the edge."""
    return _pad(t, call, "replicate")


_PAD_MODES = {
    "constant": "constant",
    "reflect": "reflect",
    "replicate": "edge",
    "circular": "wrap",
}


def _pad(t: Translator, call: Call, mode: str) -> str:
    value = call.value("self")
    given = [int(one) for one in (call["pad"] if call["padding"] is None else call["padding"])]
    if not any(given):
        return value.name
    starts, ends = [0] * value.rank, [0] * value.rank
    for step in range(len(given) // 2):
        starts[-1 - step], ends[-1 - step] = given[2 * step : 2 * step + 2]
    filling = None
    if mode == "constant":
        filling = t.numbers(call["value"] or 0, value.dtype)
    return t.emit("Pad", value, t.numbers(starts + ends), filling, mode=_PAD_MODES[mode])


@rule("upsample_nearest1d", "upsample_nearest2d", "upsample_nearest3d")
def nearest(t: Translator, call: Call) -> str:
    """Resize by repetition; the source index is rounded down."""
    return _resize(
        t,
        call,
        mode="nearest",
        nearest_mode="floor",
        coordinate_transformation_mode="asymmetric",
    )


@rule("_upsample_nearest_exact1d", "_upsample_nearest_exact2d", "_upsample_nearest_exact3d")
def nearest_of_centres(t: Translator, call: Call) -> str:
    """Resize by repetition; the source index is that of the nearest centre."""
    return _resize(
        t,
        call,
        mode="nearest",
        nearest_mode="round_prefer_ceil",
        coordinate_transformation_mode="half_pixel",
    )


@rule("upsample_linear1d", "upsample_bilinear2d", "upsample_trilinear3d")
def linear(t: Translator, call: Call) -> str:
    """Resize by linear interpolation."""
    return _resize(t, call, mode="linear", coordinate_transformation_mode=_coordinates(call))


@rule("upsample_bicubic2d")
def cubic(t: Translator, call: Call) -> str:
    """Resize by cubic interpolation."""
    return _resize(
        t,
        call,
        mode="cubic",
        cubic_coeff_a=-0.75,
        coordinate_transformation_mode=_coordinates(call),
    )


def _coordinates(call: Call) -> str:
    return "align_corners" if call["align_corners"] else "half_pixel"


def _resize(t: Translator, call: Call, **attributes: Any) -> str:
    """Resize by the scales that were asked for, by sizes where they are no scales."""
    value = call.value("input" if call["input"] is not None else "self")
    before, after = _spatial(value), _spatial(call.result)
    scales = call["scale_factors"] or [new / size for size, new in zip(before, after, strict=True)]
    stated = call["scale_factors"] is not None
    exact = all(
        math.floor(size * np.float32(scale)) == new
        and (stated or float(scale).as_integer_ratio()[1] <= 64)
        for size, new, scale in zip(before, after, scales, strict=True)
    )
    if exact:
        factors = [1.0, 1.0, *map(float, scales)]
        return t.emit("Resize", value, None, t.numbers(factors, torch.float32), **attributes)
    axes = tuple(range(2, value.rank))
    return t.emit("Resize", value, None, None, t.numbers(after), axes=axes, **attributes)


@rule("pixel_shuffle")
def pixel_shuffle(t: Translator, call: Call) -> str:
    """DepthToSpace, channels outermost."""
    factor = int(call["upscale_factor"])
    return t.emit("DepthToSpace", call.value("self"), blocksize=factor, mode="CRD")


@rule("pixel_unshuffle")
def pixel_unshuffle(t: Translator, call: Call) -> str:
    """The inverse, by two reshapes and a transposition (SpaceToDepth orders otherwise)."""
    value, factor = call.value("self"), int(call["downscale_factor"])
    batch, channels = value.shape[:2]
    height, width = _spatial(value)
    split: list[Size] = [
        batch, channels, height // factor, factor, width // factor, factor
    ]  # fmt: skip
    order = (0, 1, 3, 5, 2, 4)
    turned = t.transpose(t.reshape(value, value.shape, split), order)
    return t.reshape(turned, [split[axis] for axis in order], call.result.shape)


@rule("channel_shuffle")
def channel_shuffle(t: Translator, call: Call) -> str:
    """Two reshapes around a transposition of groups and channels of a group."""
    value, groups = call.value("self"), int(call["groups"])
    batch, channels, *rest = value.shape
    assert isinstance(channels, int)
    split: list[Size] = [batch, groups, channels // groups, *rest]
    order = [0, 2, 1, *range(3, len(split))]
    turned = t.transpose(t.reshape(value, value.shape, split), order)
    return t.reshape(turned, [split[axis] for axis in order], value.shape)


@rule("grid_sampler", "grid_sampler_2d", "grid_sampler_3d")
def grid_sampler(t: Translator, call: Call) -> str:
    """GridSample."""
    modes: Sequence[str] = ("linear", "nearest", "cubic")
    paddings: Sequence[str] = ("zeros", "border", "reflection")
    return t.emit(
        "GridSample",
        call.value("input"),
        call.value("grid"),
        mode=modes[call["interpolation_mode"]],
        padding_mode=paddings[call["padding_mode"]],
        align_corners=int(call["align_corners"]),
    )
