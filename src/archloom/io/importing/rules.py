"""Rules that rewrite imported steps: what does nothing, what exporters took apart, biases."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from archloom.execute.geometry import window_of
from archloom.graph import Definition
from archloom.io.importing.reshaping import reshape_target
from archloom.io.importing.steps import Step

if TYPE_CHECKING:
    from archloom.io.importing.rewrite import Rewriter

Rule = Callable[["Rewriter", Step], str | None]
"""Changes a step, or returns the name of the value that its (only) output equals."""


# --- what does nothing ---------------------------------------------------------------------------


def _first_input(_: Rewriter, step: Step) -> str | None:
    return step.inputs[0]


def _single(_: Rewriter, step: Step) -> str | None:
    return step.inputs[0] if len(step.inputs) == 1 else None


def _dropout(r: Rewriter, step: Step) -> str | None:
    mask = step.outputs[1] if len(step.outputs) > 1 else ""
    return None if mask and r.reads(mask) else step.inputs[0]


def _same_type(r: Rewriter, step: Step) -> str | None:
    """Drop what returns its first input as it is, where equal types say so."""
    before, after = r.value(step.inputs[0]), r.value(step.outputs[0])
    return step.inputs[0] if before.type == after.type and before.wide == after.wide else None


def _whole_slice(r: Rewriter, step: Step) -> str | None:
    steps = r.tensor(step.inputs[4]) if len(step.inputs) > 4 else np.ones(1)
    return None if steps is None or (steps < 0).any() else _same_type(r, step)


def _transpose(r: Rewriter, step: Step) -> str | None:
    """Drop an identity, and join a transposition with the one before it."""
    perm = step.attributes.get("perm")
    if not isinstance(perm, tuple):
        rank = len(r.value(step.inputs[0]).shape)
        perm = step.attributes["perm"] = tuple(reversed(range(rank)))
    before = r.made_by(step.inputs[0], "Transpose")
    if before is not None:
        earlier = before.attributes["perm"]
        assert isinstance(earlier, tuple)
        perm = step.attributes["perm"] = tuple(earlier[int(axis)] for axis in perm)  # type: ignore[assignment]
        step.inputs = before.inputs
    return step.inputs[0] if perm == tuple(range(len(perm))) else None


def _reshape(r: Rewriter, step: Step) -> str | None:
    """Join a Reshape with the one before it; drop those around a Softmax over the last axis."""
    result = r.value(step.outputs[0])
    softmax = r.made_by(step.inputs[0], "Softmax")
    before = r.made_by(softmax.inputs[0] if softmax else step.inputs[0], "Reshape")
    if before is not None and r.tensor(step.inputs[1]) is not None:
        given = r.value(before.inputs[0])
        if softmax is None:
            target = r.values.constant(np.array(reshape_target(given, result), dtype=np.int64))
            step.inputs = [before.inputs[0], target]
        elif (
            _is_over_rows(r, softmax)
            and given.type == result.type
            and given.shape[-1:] == (r.value(softmax.inputs[0]).shape[-1:])
        ):
            step.op_type, step.inputs = "Softmax", [before.inputs[0]]
            step.attributes = {"axis": -1}
            return None
    return _same_type(r, step)


def _resize(r: Rewriter, step: Step) -> str | None:
    """Give the new sizes of H and W alone, which hold for every batch."""
    given, result = r.value(step.inputs[0]), r.value(step.outputs[0])
    kept = given.shape[:2] == result.shape[:2] and (given.wide or ())[:2] == (result.wide or ())[:2]
    crops = step.attributes.get("coordinate_transformation_mode") == "tf_crop_and_resize"
    if len(given.shape) == 4 and kept and not crops and "axes" not in step.attributes:
        for position, name in list(enumerate(step.inputs))[2:]:
            data = r.value(name).data if name else None
            if data is not None and len(data) == 4:
                step.inputs[1:] = ["", "", ""][: position - 1] + [r.values.constant(data[2:])]
                step.attributes["axes"] = (2, 3)
    return _same_type(r, step)


def _group_norm(r: Rewriter, step: Step) -> str | None:
    """Name the Reshape behind an instance norm of groups GroupNormalization."""
    norm = r.made_by(step.inputs[0], "InstanceNormalization")
    before = r.made_by(norm.inputs[0], "Reshape") if norm is not None else None
    if norm is None or before is None:
        return None
    given, grouped = r.value(before.inputs[0]), r.value(norm.inputs[0])
    scale, shift = r.tensor(norm.inputs[1]), r.tensor(norm.inputs[2])
    alike = given.type == r.value(step.outputs[0]).type and given.shape[0] == grouped.shape[0]
    if scale is None or shift is None or not alike or (scale != 1).any() or shift.any():
        return None
    ones = np.ones(given.shape[1], dtype=np.float32)
    parts = [r.values.constant(ones), r.values.constant(np.zeros_like(ones))]
    step.op_type, step.inputs = "GroupNormalization", [before.inputs[0], *parts]
    step.attributes = {**norm.attributes, "num_groups": grouped.shape[1]}
    return None


def _norm_scale(r: Rewriter, step: Step) -> str | None:
    """Take a factor per channel into the group norm before it."""
    for name, other in (step.inputs, reversed(step.inputs)):
        norm, factor = r.made_by(name, "GroupNormalization"), r.tensor(other)
        if norm is not None and factor is not None:
            channels = _per_channel(factor, r.value(name).shape, "Conv")
            scale, shift = r.tensor(norm.inputs[1]), r.tensor(norm.inputs[2])
            if channels is None or scale is None or shift is None:
                continue
            parts = [r.values.constant(part * channels) for part in (scale, shift)]
            step.op_type, step.inputs = "GroupNormalization", [norm.inputs[0], *parts]
            step.attributes = norm.attributes
            return None
    return None


def _is_over_rows(r: Rewriter, softmax: Step) -> bool:
    """Return whether a Softmax is over the last axis."""
    last = len(r.value(softmax.inputs[0]).shape) - 1
    return softmax.attributes.get("axis", -1) in (-1, last)


def _pad_nothing(r: Rewriter, step: Step) -> str | None:
    pads = r.tensor(step.inputs[1])
    return step.inputs[0] if pads is not None and not pads.any() else None


def _neutral(wanted: float) -> Rule:
    """Drop an addition or product with the number that changes nothing."""

    def rule(r: Rewriter, step: Step) -> str | None:
        for name, other in (step.inputs, reversed(step.inputs)):
            found = r.number(other)
            if found == wanted and r.value(name).type == r.value(step.outputs[0]).type:
                return name
        return None

    return rule


def _minus_nothing(wanted: float) -> Rule:
    """Drop a difference or quotient whose second operand changes nothing."""

    def rule(r: Rewriter, step: Step) -> str | None:
        found = r.number(step.inputs[1])
        return _same_type(r, step) if found == wanted else None

    return rule


def _ceil_mode(r: Rewriter, step: Step) -> str | None:
    """Round down where that gives as many windows: a window that would start in the padding behind
    is no window, which not every runtime knows.
    """
    if step.attributes.get("ceil_mode", 0):
        size, kernel = r.value(step.inputs[0]).shape[2:], step.attributes["kernel_shape"]
        plain = {name: value for name, value in step.attributes.items() if name != "ceil_mode"}
        up, down = (
            window_of(Definition(step.op_type, (), (), tuple(sorted(one.items()))), size, kernel)  # type: ignore[arg-type]
            for one in (step.attributes, plain)
        )
        if up == down:
            step.attributes = plain
    return None


# --- what was taken apart ------------------------------------------------------------------------


def _swish(r: Rewriter, step: Step) -> str | None:
    """Name x * sigmoid(x) Swish, x * hardsigmoid(x) HardSwish."""
    if len(step.inputs) == 2 and step.inputs[0] != step.inputs[1]:
        for x, gate in (step.inputs, reversed(step.inputs)):
            made = r.made_by(gate, "Sigmoid", "HardSigmoid")
            if made is None or made.inputs[0] != x:
                continue
            if made.op_type == "Sigmoid" or is_hard_sigmoid(made):
                hard = made.op_type == "HardSigmoid"
                step.op_type, step.inputs = "HardSwish" if hard else "Swish", [x]
                return None
    return None


def is_hard_sigmoid(step: Step) -> bool:
    """Return whether a HardSigmoid is clip(x / 6 + 1/2, 0, 1)."""
    alpha, beta = step.attributes.get("alpha", 0.2), step.attributes.get("beta", 0.5)
    assert isinstance(alpha, int | float) and isinstance(beta, int | float)
    return math.isclose(alpha, 1 / 6, rel_tol=1e-4) and math.isclose(beta, 0.5, rel_tol=1e-4)


def _hard_sigmoid(r: Rewriter, step: Step) -> str | None:
    """Name clip(x + 3, 0, 6) / 6 HardSigmoid."""
    clip = r.made_by(_over(r, step, 6.0) or "", "Clip")
    if clip is not None and clip_bounds(r, clip) == (0.0, 6.0):
        x = r.with_number(r.made_by(clip.inputs[0], "Add"), 3.0)
        if x is not None:
            step.op_type, step.inputs = "HardSigmoid", [x]
            step.attributes = {"alpha": 1 / 6, "beta": 0.5}
    return None


def _hard_swish(r: Rewriter, step: Step) -> str | None:
    """Name x * clip(x + 3, 0, 6) / 6 HardSwish."""
    product = r.made_by(_over(r, step, 6.0) or "", "Mul")
    if product is None or len(product.inputs) != 2:
        return None
    for x, gate in (product.inputs, reversed(product.inputs)):
        clip = r.made_by(gate, "Clip")
        if clip is not None and clip_bounds(r, clip) == (0.0, 6.0):
            shifted = r.with_number(r.made_by(clip.inputs[0], "Add"), 3.0)
            if shifted == x:
                step.op_type, step.inputs, step.attributes = "HardSwish", [x], {}
                return None
    return None


def _over(r: Rewriter, step: Step, number: float) -> str | None:
    """Return x of x / number or x * (1 / number)."""
    if step.op_type == "Mul":
        return r.with_number(step, 1 / number)
    found = r.number(step.inputs[1])
    near = found is not None and math.isclose(found, number, rel_tol=1e-4)
    return step.inputs[0] if near else None


def clip_bounds(r: Rewriter, step: Step) -> tuple[float | None, float | None]:
    """Return the bounds of a Clip; infinite where left out, None where they are no constants."""
    bounds = [-math.inf, math.inf]
    for position, name in enumerate(step.inputs[1:]):
        if name:
            found = r.number(name)
            if found is None:
                return None, None
            bounds[position] = found
    return bounds[0], bounds[1]


def _gelu(r: Rewriter, step: Step) -> str | None:
    """Name x * (1 + erf(x / sqrt 2)) / 2, the factors in any order, Gelu."""
    factors = _factors(r, step)
    halves = [name for name in factors if r.number(name) == 0.5]
    others = [name for name in factors if r.number(name) is None]
    if len(halves) != 1 or len(others) != 2 or len(factors) != 3:
        return None
    for x, gate in (others, reversed(others)):
        erf = r.made_by(r.with_number(r.made_by(gate, "Add"), 1.0) or "", "Erf")
        scaled = r.made_by(erf.inputs[0], "Mul", "Div") if erf is not None else None
        if scaled is not None and _over(r, scaled, math.sqrt(2)) == x:
            step.op_type, step.inputs, step.attributes = "Gelu", [x], {}
            return None
    return None


def _factors(r: Rewriter, step: Step) -> list[str]:
    """Return the factors of a product of products and of divisions by two."""
    found = []
    for name in step.inputs:
        inner = r.made_by(name, "Mul")
        found += inner.inputs if inner is not None else [name]
    return found


def _layer_norm(r: Rewriter, step: Step) -> str | None:
    """Name a normalisation of the last axis with scale and shift LayerNormalization."""
    for product, shift in (step.inputs, reversed(step.inputs)):
        scaled = r.made_by(product, "Mul")
        if scaled is None or r.tensor(shift) is None or len(r.value(shift).shape) != 1:
            continue
        for normal, scale in (scaled.inputs, reversed(scaled.inputs)):
            divided = r.made_by(normal, "Div")
            if divided is None or r.value(scale).shape != r.value(shift).shape:
                continue
            found = _normalised(r, divided)
            if found is not None and r.tensor(scale) is not None:
                x, epsilon = found
                step.op_type, step.inputs = "LayerNormalization", [x, scale, shift]
                step.attributes = {"axis": -1, "epsilon": epsilon}
                return None
    return None


def _normalised(r: Rewriter, divided: Step) -> tuple[str, float] | None:
    """Return x and epsilon of a division that normalises x over its last axis."""
    centred = r.producer.get(divided.inputs[0])
    root = r.made_by(divided.inputs[1], "Sqrt")
    total = r.made_by(root.inputs[0], "Add") if root is not None else None
    if centred is None or centred.op_type != "Sub" or total is None:
        return None
    epsilon = r.number(total.inputs[1])
    variance = r.made_by(total.inputs[0], "ReduceMean")
    square = r.made_by(variance.inputs[0], "Pow", "Mul") if variance is not None else None
    mean = r.producer.get(centred.inputs[1])
    if square is None or variance is None or mean is None or epsilon is None:
        return None
    squared = square.inputs[0] == divided.inputs[0] and (
        square.inputs[1] == square.inputs[0] or r.number(square.inputs[1]) == 2.0
    )
    last = [len(r.value(centred.inputs[0]).shape) - 1]
    over_last = all(
        one.op_type == "ReduceMean" and reduced_axes(r, one) == last for one in (mean, variance)
    )
    fits = squared and over_last and mean.inputs[0] == centred.inputs[0]
    return (centred.inputs[0], epsilon) if fits else None


def reduced_axes(r: Rewriter, step: Step) -> list[int] | None:
    """Return the axes that a reduction joins, ascending; None where they depend on data."""
    rank = len(r.value(step.inputs[0]).shape)
    if len(step.inputs) < 2 or not step.inputs[1]:
        return [] if step.attributes.get("noop_with_empty_axes", 0) else list(range(rank))
    axes = r.tensor(step.inputs[1])
    return None if axes is None else sorted(axis % rank for axis in axes.flatten().tolist())


# --- biases --------------------------------------------------------------------------------------


_WITH_BIAS = ("Conv", "Gemm", "MatMul", "ConvTranspose", "GroupNormalization")


def _bias(r: Rewriter, step: Step) -> str | None:
    """Add a constant per channel to the bias of the convolution or product before it."""
    for name, other in (step.inputs, reversed(step.inputs)):
        shift = r.tensor(other)
        before = r.made_by(name, *_WITH_BIAS)
        if shift is None or before is None or r.value(name).type != r.value(step.outputs[0]).type:
            continue
        channels = _per_channel(shift, r.value(name).shape, before.op_type)
        if channels is not None and _take_bias(r, before, channels):
            step.op_type, step.inputs = before.op_type, before.inputs
            step.attributes = before.attributes
            return None
    return None


def _per_channel(shift: NDArray[Any], shape: tuple[int, ...], op_type: str) -> NDArray[Any] | None:
    """Return ``shift`` as (C,) where it has one number per channel of a tensor of ``shape``."""
    axis = -1 if op_type in ("Gemm", "MatMul") else 1
    if op_type == "MatMul" and len(shape) != 2:
        return None
    aligned = [1] * (len(shape) - shift.ndim) + list(shift.shape)
    if math.prod(aligned) != aligned[axis] or aligned[axis] != shape[axis]:
        return None
    return shift.reshape(-1)


def _take_bias(r: Rewriter, step: Step, shift: NDArray[Any]) -> bool:
    """Give ``step`` the bias ``shift``, added to its own; return whether that is possible."""
    if step.op_type == "MatMul":
        if r.tensor(step.inputs[1]) is None:
            return False
        step.op_type = "Gemm"
    own = r.tensor(step.inputs[2]) if len(step.inputs) > 2 else np.zeros((), dtype=shift.dtype)
    if own is None or step.attributes.get("beta", 1.0) != 1.0:
        return False
    step.inputs = [*step.inputs[:2], r.values.constant((own + shift).astype(shift.dtype))]
    return True


RULES: dict[str, tuple[Rule, ...]] = {
    "Identity": (_first_input,),
    "Dropout": (_dropout,),
    "Concat": (_single,),
    "Sum": (_single,),
    "Max": (_single,),
    "Min": (_single,),
    "Cast": (_same_type,),
    "CastLike": (_same_type,),
    "Reshape": (_group_norm, _reshape),
    "Expand": (_same_type,),
    "Tile": (_same_type,),
    "Slice": (_whole_slice,),
    "Resize": (_resize,),
    "Transpose": (_transpose,),
    "Pad": (_pad_nothing,),
    "AveragePool": (_ceil_mode,),
    "MaxPool": (_ceil_mode,),
    "Add": (_neutral(0.0), _layer_norm, _bias),
    "Mul": (_neutral(1.0), _hard_sigmoid, _hard_swish, _gelu, _swish, _norm_scale),
    "Sub": (_minus_nothing(0.0),),
    "Div": (_minus_nothing(1.0), _hard_sigmoid, _hard_swish),
}
