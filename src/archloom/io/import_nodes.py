"""Graph nodes of imported steps: of the vocabulary where it can say exactly what a step computes on
NCHW maps, fixed nodes for all else.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from archloom.errors import FormatError
from archloom.graph import Definition, GraphBuilder
from archloom.graph.definition import (
    OWN_DOMAIN,
    Operand,
    Slot,
    TensorType,
    Weight,
)
from archloom.graph.shapes import same_pads
from archloom.io.import_layout import CHANNELS_FIRST, is_pixel, maps_of
from archloom.io.import_rewrite import Rewriter, clip_bounds, is_hard_sigmoid, reduced_axes
from archloom.io.import_values import Step, literal_of
from archloom.io.onnx_ops.windows import window_of
from archloom.io.torch_ops import NORM_EPSILON

Shape = tuple[int, int, int]
_NUMBERS = {"Resize", "Pad", "Clip", "Slice", "Range", "OneHot", "Expand", "Tile", "Reshape"}
"""Operators whose constants always say what they do."""

_PARTS = {
    "Conv": ("", "weight", "bias"),
    "ConvTranspose": ("", "weight", "bias"),
    "Gemm": ("", "weight", "bias"),
    "LayerNormalization": ("", "weight", "bias"),
    "GroupNormalization": ("", "weight", "bias"),
    "InstanceNormalization": ("", "weight", "bias"),
    "BatchNormalization": ("", "weight", "bias", "mean", "var"),
    "LSTM": ("", "weight", "recurrence", "bias"),
    "GRU": ("", "weight", "recurrence", "bias"),
    "RNN": ("", "weight", "recurrence", "bias"),
    "PRelu": ("", "weight"),
}
"""Names of the weights of operators by position; ``weight`` and ``weight{position}`` elsewhere."""


class NodeWriter:
    """Turns the steps of ``r`` into nodes; ``weights`` and ``origins`` are by node index, which is
    the id that a new graph gives.
    """

    def __init__(self, r: Rewriter, inputs: Sequence[str], name: str) -> None:
        self.r = r
        self.maps = maps_of(r, inputs)
        self.builder = GraphBuilder(name=name)
        self.node: dict[str, int] = {}
        self.weights: dict[str, Tensor] = {}
        self.origins: dict[str, str] = {}

    # --- ends ------------------------------------------------------------------------------------

    def write_input(self, name: str) -> None:
        """Add the input called ``name``."""
        one = self.r.value(name).type
        if name in self.maps and len(one.shape) == 4:
            self.node[name] = self.builder.input(one.shape[2], one.shape[3], one.shape[1])
            return
        definition = Definition("Input", (), (one,), domain=OWN_DOMAIN)
        sizes = sizes_of(one.shape)
        self.node[name] = self.builder.fixed("input", (), definition, sizes, sizes)

    def write_output(self, name: str) -> None:
        """Add the output called ``name``."""
        if name not in self.node:
            raise FormatError(
                f"the output {name!r} is a constant: it does not depend on the input, remove it "
                "from the model."
            )
        one = self.r.value(name).type
        node = self.node[name]
        if name in self.maps and (len(one.shape) == 2 or one.shape[2:] != (1, 1)):
            self.builder.output(node)
            return
        definition = Definition("Output", (Operand(one),), (one,), domain=OWN_DOMAIN)
        sizes = self._sizes(name)
        self.builder.fixed("output", (node,), definition, sizes, sizes)

    # --- steps -----------------------------------------------------------------------------------

    def write(self, step: Step) -> None:
        """Add what ``step`` computes."""
        handler = _HANDLERS.get(step.op_type) if not step.domain else None
        node = handler(self, step) if handler is not None else None
        if node is None:
            self._write_fixed(step)
        else:
            self.node[step.outputs[0]] = node

    def operand(self, name: str) -> int:
        """Return the node that computes ``name``."""
        return self.node[name]

    def are_maps(self, *names: str) -> bool:
        """Return whether all values are computed maps."""
        return all(name in self.maps and name in self.node for name in names)

    def keep(self, part: str, data: Tensor, origin: str = "", *, infinite: bool = False) -> None:
        """Take ``data`` as a weight of the node that is added next.

        Raises ``FormatError`` for NaN, and for infinite numbers unless they are allowed.
        """
        if data.is_floating_point() and not data.isfinite().all():
            if not infinite or data.isnan().any():
                raise FormatError(
                    f"tensor {origin or part!r} holds NaN or infinite numbers: every output would "
                    "be spoilt, export the model from an intact checkpoint."
                )
        key = f"{len(self.builder)}.{part}"
        self.weights[key] = data.detach().to(torch.float32) if data.is_floating_point() else data
        if origin:
            self.origins[key] = origin

    def keep_input(self, part: str, name: str, *, infinite: bool = False) -> None:
        """Take the constant ``name`` as a weight of the node that is added next."""
        one = self.r.value(name)
        assert one.data is not None
        self.keep(part, one.data, one.origin, infinite=infinite)

    # --- fixed nodes -----------------------------------------------------------------------------

    def _write_fixed(self, step: Step) -> None:
        if step.op_type in _EXPANDED and not step.domain:
            _EXPANDED[step.op_type](self, step)
            return
        outputs = step.outputs[: self._used_outputs(step)]
        slots = [self._slot(step, position) for position in range(len(step.inputs))]
        if not any(isinstance(slot, Operand) for slot in slots):
            raise FormatError(
                f"{step.where} computes something from nothing, such as random numbers: make it an "
                "input of the model."
            )
        types = tuple(
            self.r.value(name).type if name else TensorType("float32", ()) for name in outputs
        )
        definition = Definition(
            step.op_type,
            tuple(slots),
            types,
            tuple(sorted(step.attributes.items())),
            step.domain,
            **({"version": step.version} if step.domain else {}),
        )
        node = self._add_fixed(step, definition)
        if len(outputs) == 1:
            self.node[outputs[0]] = node
            return
        for position, name in enumerate(outputs):
            if name and self.r.reads(name):
                pick = Definition(
                    "Pick",
                    (Operand(types[0]),),
                    (types[position],),
                    (("index", position),),
                    domain=OWN_DOMAIN,
                )
                sizes = self._sizes(name)
                self.node[name] = self.builder.fixed("pick", (node,), pick, sizes, sizes)

    def _used_outputs(self, step: Step) -> int:
        """Return the number of outputs up to the last one that is read."""
        used = [i for i, name in enumerate(step.outputs) if name and self.r.reads(name)]
        return max(used, default=0) + 1

    def _slot(self, step: Step, position: int) -> Slot:
        name = step.inputs[position]
        if not name:
            return None
        one = self.r.value(name)
        if not one.is_constant:
            pixel = step.op_type == "Reshape" and name in self.maps and one.shape[2:] == (1, 1)
            return Operand(TensorType(one.type.dtype, one.shape[:2]) if pixel else one.type)
        assert one.data is not None
        parts = _PARTS.get(step.op_type, ())
        named = position < len(parts)
        says = step.op_type in _NUMBERS or one.data.numel() <= 1
        says |= not one.data.is_floating_point() and one.data.numel() <= 64
        if says and not named:
            return literal_of(one.data)
        first = not any(n and self.r.value(n).is_constant for n in step.inputs[:position])
        part = parts[position] if named else "weight" if first else f"weight{position}"
        self.keep_input(part, name, infinite=not named)
        return Weight(part, one.type)

    def _add_fixed(self, step: Step, definition: Definition) -> int:
        operands = [name for name in step.inputs if name and not self.r.value(name).is_constant]
        first, last = step.op_type in CHANNELS_FIRST, step.outputs[0] or operands[0]
        more: dict[str, Any] = {}
        if step.op_type in ("Conv", "ConvTranspose"):
            kernel = self.r.value(step.inputs[1]).shape[2:]
            more["kernel"] = (math.prod(kernel[:-1]), kernel[-1])
            more["groups"] = step.attributes.get("group", 1)
            more["bias"] = len(step.inputs) > 2
        return self.builder.fixed(
            self._op_name(step),
            [self.node[name] for name in operands],
            definition,
            self._sizes(operands[0], first),
            self._sizes(last, first),
            **more,
        )

    def _op_name(self, step: Step) -> str:
        if step.domain:
            return "opaque"
        if step.op_type in ("MatMul", "Einsum", "Gather"):
            constants = [n for n in step.inputs if n and self.r.value(n).is_constant]
            plain, weighted = _BY_CONSTANT[step.op_type]
            floats = any("float" in self.r.value(name).type.dtype for name in constants)
            return weighted if floats else plain
        return _OP_NAMES.get(step.op_type, "opaque")

    def _sizes(self, name: str, channels_first: bool = False) -> Shape:
        return sizes_of(self.r.value(name).shape, channels_first or name in self.maps)

    def _write_slices(self, step: Step) -> None:
        """Write a Split as one Slice for each part that is read."""
        one = self.r.value(step.inputs[0])
        axis = int(step.attributes.get("axis", 0)) % len(one.shape)  # type: ignore[arg-type]
        start = 0
        for name in step.outputs:
            end = start + self.r.value(name).shape[axis]
            if self.r.reads(name):
                bounds = [
                    self.r.values.constant(torch.tensor([number])) for number in (start, end, axis)
                ]
                self._write_fixed(Step("Slice", [step.inputs[0], *bounds], [name], name=step.name))
            start = end

    def _write_swish(self, step: Step) -> None:
        """Write x * sigmoid(x), which the operator set has no name for."""
        x, result = step.inputs[0], step.outputs[0]
        gate = f"{result}/gate"
        self.r.values.of[gate] = self.r.value(result)
        self._write_fixed(Step("Sigmoid", [x], [gate], name=step.name))
        self._write_fixed(Step("Mul", [x, gate], [result], name=step.name))


_EXPANDED: dict[str, Callable[[NodeWriter, Step], None]] = {
    "Split": NodeWriter._write_slices,
    "Swish": NodeWriter._write_swish,
}
"""Steps that are written as several fixed nodes."""


def sizes_of(shape: Sequence[int], channels_first: bool = False) -> Shape:
    """Return a tensor's (H, W, C) for counting: of maps what they have, of all else the last axis
    as channels and the product of all others as height.
    """
    if channels_first and len(shape) >= 2:
        space = shape[2:] or (1,)
        if len(space) == 1:
            return space[0], 1, shape[1]
        return shape[0] * math.prod(space[:-1]), space[-1], shape[1]
    rows = math.prod(shape[:-1])
    return max(rows, 1), 1, max(shape[-1], 1) if shape else 1


_Handler = Callable[[NodeWriter, Step], int | None]
"""Adds a node of the vocabulary, or returns None where it cannot say what the step does."""


# --- windows -------------------------------------------------------------------------------------


def _padding(
    size: Sequence[int],
    kernel: Sequence[int],
    strides: Sequence[int],
    dilations: Sequence[int],
    pads: Sequence[tuple[int, int]],
) -> Any:
    """Return explicit pads, "same" where they are what SAME means for the size."""
    same = [same_pads(*one) for one in zip(size, kernel, strides, dilations, strict=True)]
    if list(pads) == same:
        return "same"
    (top, bottom), (left, right) = pads
    return (top, left, bottom, right) if any((top, bottom, left, right)) else "valid"


def _conv(w: NodeWriter, step: Step) -> int | None:
    x, weight = step.inputs[0], w.r.tensor(step.inputs[1])
    bias = w.r.tensor(step.inputs[2]) if len(step.inputs) > 2 and step.inputs[2] else None
    if weight is None or weight.dim() != 4 or not _window_fits(w, x):
        return None
    if bias is None and len(step.inputs) > 2 and step.inputs[2]:
        return None
    groups = int(step.attributes.get("group", 1))  # type: ignore[arg-type]
    window = _window(w, step, weight.shape[2:])
    if window is None:
        return None
    w.keep_input("weight", step.inputs[1])
    if bias is not None:
        w.keep_input("bias", step.inputs[2])
    channels, before = weight.shape[0], w.r.value(x).shape[1]
    more = {**window, "bias": bias is not None}
    if 1 < groups == before == channels:
        return w.builder.depthwise(w.operand(x), **more)
    return w.builder.conv(w.operand(x), channels, groups=groups, **more)


def _window_fits(w: NodeWriter, name: str) -> bool:
    """Return whether a window of the vocabulary can read the value: 4-D, as a map."""
    return w.are_maps(name) and len(w.r.value(name).shape) == 4


def _window(w: NodeWriter, step: Step, kernel: Sequence[int]) -> dict[str, Any] | None:
    """Return kernel, stride, dilation and padding; None where pads are negative."""
    size = w.r.value(step.inputs[0]).shape[2:]
    definition = Definition(step.op_type, (), (), tuple(sorted(step.attributes.items())))
    strides, dilations, pads = window_of(definition, size, kernel)
    if min(min(pair) for pair in pads) < 0:
        return None
    return {
        "kernel": tuple(kernel),
        "stride": tuple(strides),
        "dilation": tuple(dilations),
        "padding": _padding(size, kernel, strides, dilations, pads),
    }


def _pool(w: NodeWriter, step: Step) -> int | None:
    kernel = step.attributes["kernel_shape"]
    assert isinstance(kernel, tuple)
    if not _window_fits(w, step.inputs[0]) or len(kernel) != 2 or w._used_outputs(step) > 1:
        return None
    sizes = [int(size) for size in kernel]
    window = _window(w, step, sizes)
    if window is None or window.pop("dilation") != (1, 1):
        return None
    pads = window["padding"]
    if isinstance(pads, tuple) and any(pads[i] >= sizes[i % 2] for i in range(4)):
        return None
    counts = step.op_type == "AveragePool" and step.attributes.get("count_include_pad", 0)
    if counts and not _pads_nothing(w, step, sizes):
        return None
    op = "maxpool" if step.op_type == "MaxPool" else "avgpool"
    return w.builder.pool(op, w.operand(step.inputs[0]), **window)


def _pads_nothing(w: NodeWriter, step: Step, kernel: Sequence[int]) -> bool:
    definition = Definition(step.op_type, (), (), tuple(sorted(step.attributes.items())))
    _, _, pads = window_of(definition, w.r.value(step.inputs[0]).shape[2:], kernel)
    return not any(any(pair) for pair in pads)


def _pad(w: NodeWriter, step: Step) -> int | None:
    x = step.inputs[0]
    pads, fill = w.r.tensor(step.inputs[1]), 0.0
    if len(step.inputs) > 2 and step.inputs[2]:
        found = w.r.number(step.inputs[2])
        fill = math.nan if found is None else found
    if pads is None or fill != 0.0 or step.attributes.get("mode", "constant") != "constant":
        return None
    if not _window_fits(w, x):
        return None
    axes = w.r.tensor(step.inputs[3]) if len(step.inputs) > 3 and step.inputs[3] else None
    if axes is None and len(step.inputs) > 3 and step.inputs[3]:
        return None
    where = [axis % 4 for axis in (range(4) if axes is None else axes.tolist())]
    widths = dict.fromkeys(range(8), 0)
    for position, axis in enumerate(where):
        widths[axis], widths[axis + 4] = (int(pads[position + i * len(where)]) for i in (0, 1))
    if any(widths[axis] for axis in (0, 1, 4, 5)):
        return None
    return w.builder.pad(w.operand(x), (widths[2], widths[3], widths[6], widths[7]))


def _global_mean(w: NodeWriter, step: Step) -> int | None:
    x = step.inputs[0]
    if not _window_fits(w, x):
        return None
    if step.op_type == "ReduceMean" and reduced_axes(w.r, step) != [2, 3]:
        return None
    return w.builder.unary("mean", w.operand(x))


# --- channels ------------------------------------------------------------------------------------


def _batch_norm(w: NodeWriter, step: Step) -> int | None:
    x, parts = step.inputs[0], [w.r.tensor(name) for name in step.inputs[1:]]
    if not w.are_maps(x) or w._used_outputs(step) > 1:
        return None
    if any(part is None for part in parts):
        return None
    scale, shift, mean, var = (part for part in parts if part is not None)
    epsilon = step.attributes.get("epsilon", 1e-5)
    assert isinstance(epsilon, int | float)
    ratio = ((var.double() + NORM_EPSILON) / (var.double() + epsilon)).sqrt()
    same = math.isclose(epsilon, NORM_EPSILON, rel_tol=1e-6)
    if same:
        w.keep_input("weight", step.inputs[1])
    else:
        w.keep("weight", scale * ratio.to(scale.dtype))
    for part, name in zip(("bias", "mean", "var"), step.inputs[2:], strict=True):
        w.keep_input(part, name)
    return w.builder.unary("batchnorm", w.operand(x))


def _dense(w: NodeWriter, step: Step) -> int | None:
    x, weight = step.inputs[0], w.r.tensor(step.inputs[1])
    bias = w.r.tensor(step.inputs[2]) if len(step.inputs) > 2 and step.inputs[2] else None
    if weight is None or weight.dim() != 2 or bias is None or not w.are_maps(x):
        return None
    value = w.r.value(x)
    if step.attributes.get("transA", 0) or len(value.shape) != 2:
        return None
    alpha, beta = (step.attributes.get(key, 1.0) for key in ("alpha", "beta"))
    assert isinstance(alpha, int | float) and isinstance(beta, int | float)
    matrix = weight if step.attributes.get("transB", 0) else weight.T.contiguous()
    origin = w.r.value(step.inputs[1]).origin if matrix is weight and alpha == 1 else ""
    w.keep("weight", matrix * alpha if alpha != 1 else matrix, origin)
    whole = bias.reshape(-1).expand(matrix.shape[0]).contiguous()
    origin = w.r.value(step.inputs[2]).origin if bias.shape == whole.shape and beta == 1 else ""
    w.keep("bias", whole * beta if beta != 1 else whole, origin)
    return w.builder.matmul(w.operand(x), matrix.shape[0])


def _concat(w: NodeWriter, step: Step) -> int | None:
    if not w.are_maps(*step.inputs):
        return None
    rank = len(w.r.value(step.inputs[0]).shape)
    if int(step.attributes["axis"]) % rank != 1:  # type: ignore[arg-type]
        return None
    return w.builder.concat([w.operand(name) for name in step.inputs])


# --- elements ------------------------------------------------------------------------------------


def _unary(op: str) -> _Handler:
    def handler(w: NodeWriter, step: Step) -> int | None:
        x = step.inputs[0]
        return w.builder.unary(op, w.operand(x)) if w.are_maps(x) else None

    return handler


def _hard_sigmoid(w: NodeWriter, step: Step) -> int | None:
    return _unary("hardsigmoid")(w, step) if is_hard_sigmoid(step) else None


def _gelu(w: NodeWriter, step: Step) -> int | None:
    exact = step.attributes.get("approximate", "none") == "none"
    return _unary("gelu")(w, step) if exact else None


def _clip(w: NodeWriter, step: Step) -> int | None:
    op = {(0.0, 6.0): "relu6", (0.0, math.inf): "relu"}.get(clip_bounds(w.r, step))  # type: ignore[arg-type]
    return _unary(op)(w, step) if op is not None else None


def _sum(w: NodeWriter, step: Step) -> int | None:
    shapes = {w.r.value(name).shape for name in step.inputs}
    if len(shapes) != 1 or not w.are_maps(*step.inputs):
        return None
    return w.builder.add([w.operand(name) for name in step.inputs])


def _product(w: NodeWriter, step: Step) -> int | None:
    one, other = step.inputs
    for x, factor in ((one, other), (other, one)):
        if w.are_maps(x) and w.r.number(factor) == 0.0:
            return w.builder.unary("zero", w.operand(x))
    if not w.are_maps(one, other):
        return None
    shapes = [w.r.value(name).shape for name in step.inputs]
    alike = len({len(shape) for shape in shapes}) == 1 and len({shape[1] for shape in shapes}) == 1
    space = {shape[2:] for shape in shapes} - {(1, 1)}
    if not alike or len(space) > 1:
        return None
    return w.builder.mul([w.operand(one), w.operand(other)])


def _reshape(w: NodeWriter, step: Step) -> int | None:
    """A map of one pixel is the same node with and without H and W."""
    x = step.inputs[0]
    return w.operand(x) if is_pixel(w.r, step) and w.are_maps(x) else None


_HANDLERS: dict[str, _Handler] = {
    "Conv": _conv,
    "MaxPool": _pool,
    "AveragePool": _pool,
    "GlobalAveragePool": _global_mean,
    "ReduceMean": _global_mean,
    "Pad": _pad,
    "BatchNormalization": _batch_norm,
    "Gemm": _dense,
    "Concat": _concat,
    "Add": _sum,
    "Sum": _sum,
    "Mul": _product,
    "Relu": _unary("relu"),
    "Sigmoid": _unary("sigmoid"),
    "Tanh": _unary("tanh"),
    "HardSwish": _unary("hardswish"),
    "Swish": _unary("swish"),
    "HardSigmoid": _hard_sigmoid,
    "Gelu": _gelu,
    "Clip": _clip,
    "Reshape": _reshape,
}

_BY_CONSTANT = {
    "MatMul": ("batched_matmul", "matmul"),
    "Einsum": ("batched_matmul", "matmul"),
    "Gather": ("gather", "embedding"),
}
"""Names of a fixed node without and with a constant tensor of floats."""

_OP_NAMES = {
    "Conv": "conv",
    "ConvTranspose": "conv_transpose",
    "BatchNormalization": "batchnorm",
    "InstanceNormalization": "instancenorm",
    "GroupNormalization": "groupnorm",
    "LayerNormalization": "layernorm",
    "RMSNormalization": "layernorm",
    "Softmax": "softmax",
    "LogSoftmax": "softmax",
    "Gemm": "matmul",
    "Add": "add",
    "Sum": "add",
    "Mul": "mul",
    "Concat": "concat",
    "MaxPool": "maxpool",
    "AveragePool": "avgpool",
    "GlobalAveragePool": "mean",
    "ReduceMean": "mean",
    "Relu": "relu",
    "Sigmoid": "sigmoid",
    "Tanh": "tanh",
    "HardSwish": "hardswish",
    "HardSigmoid": "hardsigmoid",
    "Gelu": "gelu",
    "Clip": "clip",
    "Pad": "paddings",
    "Resize": "resize",
    "Slice": "slice",
    **dict.fromkeys(("Reshape", "Flatten", "Squeeze", "Unsqueeze", "Shape", "Size"), "reshape"),
    "Transpose": "transpose",
    "DepthToSpace": "depthtospacend",
    "SpaceToDepth": "spacetodepthnd",
    "ConstantOfShape": "broadcast",
    "Range": "broadcast",
    "Expand": "broadcast",
    "Tile": "broadcast",
    "GatherElements": "gather",
    "GatherND": "gather",
    "ArgMax": "reduce",
    "ArgMin": "reduce",
    "TopK": "reduce",
    "GlobalMaxPool": "reduce",
    "GlobalLpPool": "reduce",
    **{
        f"Reduce{kind}": "reduce"
        for kind in "L1 L2 LogSum LogSumExp Max Min Prod Sum SumSquare".split()
    },
    **dict.fromkeys(
        "Abs Acos Acosh And Asin Asinh Atan Atanh BitwiseAnd BitwiseNot BitwiseOr BitwiseXor Cast "
        "Ceil Celu Cos Cosh CumSum Div Elu Equal Erf Exp Floor Greater GreaterOrEqual IsInf IsNaN "
        "LRN LeakyRelu Less LessOrEqual Log LpNormalization Max Mean MeanVarianceNormalization Min "
        "Mish Mod Neg Not Or PRelu Pow Reciprocal Round Selu Shrink Sign Sin Sinh Softplus "
        "Softsign Sqrt Sub Tan ThresholdedRelu Trilu Where Xor QuantizeLinear "
        "DequantizeLinear".split(),
        "elementwise",
    ),
}
"""Names that fixed nodes go by; ``opaque`` for the rest."""
