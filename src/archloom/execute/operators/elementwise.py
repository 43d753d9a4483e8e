"""Operators that work on every element by itself, with NumPy's broadcasting."""

from __future__ import annotations

from functools import reduce

import torch
import torch.nn.functional as F
from torch import Tensor

from archloom.errors import GraphError
from archloom.execute.operators.table import (
    DTYPES,
    Result,
    is_given,
    numbers,
    operator,
    pointwise,
)
from archloom.execute.words import word
from archloom.graph.definition import Definition


def _divide(x: Tensor, y: Tensor) -> Tensor:
    return x / y if x.is_floating_point() else torch.div(x, y, rounding_mode="trunc")


def _power(x: Tensor, y: Tensor) -> Tensor:
    return torch.pow(x, y).to(x.dtype)


def _prelu(x: Tensor, slope: Tensor) -> Tensor:
    return torch.where(x < 0, x * slope, x)


pointwise(
    {
        "Abs": torch.abs,
        "Acos": torch.acos,
        "Acosh": torch.acosh,
        "Add": torch.add,
        "And": torch.logical_and,
        "Asin": torch.asin,
        "Asinh": torch.asinh,
        "Atan": torch.atan,
        "Atanh": torch.atanh,
        "BitwiseAnd": torch.bitwise_and,
        "BitwiseNot": torch.bitwise_not,
        "BitwiseOr": torch.bitwise_or,
        "BitwiseXor": torch.bitwise_xor,
        "CastLike": lambda x, like: x.to(like.dtype),
        "Ceil": torch.ceil,
        "Cos": torch.cos,
        "Cosh": torch.cosh,
        "Div": _divide,
        "Equal": torch.eq,
        "Erf": torch.erf,
        "Exp": torch.exp,
        "Floor": torch.floor,
        "Greater": torch.gt,
        "GreaterOrEqual": torch.ge,
        "HardSwish": F.hardswish,
        "Identity": lambda x: x,
        "IsNaN": torch.isnan,
        "Less": torch.lt,
        "LessOrEqual": torch.le,
        "Log": torch.log,
        "Max": lambda *xs: reduce(torch.maximum, xs),
        "Mean": lambda *xs: sum(xs[1:], xs[0]) / len(xs),
        "Min": lambda *xs: reduce(torch.minimum, xs),
        "Mish": F.mish,
        "Mul": torch.mul,
        "Neg": torch.neg,
        "Not": torch.logical_not,
        "Or": torch.logical_or,
        "PRelu": _prelu,
        "Pow": _power,
        "Reciprocal": torch.reciprocal,
        "Relu": torch.relu,
        "Round": torch.round,
        "Sigmoid": torch.sigmoid,
        "Sign": torch.sign,
        "Sin": torch.sin,
        "Sinh": torch.sinh,
        "Softplus": F.softplus,
        "Softsign": F.softsign,
        "Sqrt": torch.sqrt,
        "Sub": torch.sub,
        "Sum": lambda *xs: reduce(torch.add, xs),
        "Tan": torch.tan,
        "Tanh": torch.tanh,
        "Where": torch.where,
        "Xor": torch.logical_xor,
    }
)


@operator("Cast", attributes="to", idle="saturate round_mode")
def _cast(d: Definition, x: Tensor) -> Result:
    return x.to(DTYPES[d.attribute("to")])


@operator("Celu", attributes="alpha")
def _celu(d: Definition, x: Tensor) -> Result:
    return F.celu(x, d.attribute("alpha", 1.0))


@operator("Clip")
def _clip(
    d: Definition, x: Tensor, low: Tensor | None = None, high: Tensor | None = None
) -> Result:
    if is_given(d, 1):
        x = torch.clamp_min(x, numbers(d, 1, low)[0])
    return torch.clamp_max(x, numbers(d, 2, high)[0]) if is_given(d, 2) else x


@operator("Dropout", idle="seed")
def _dropout(
    d: Definition, x: Tensor, ratio: Tensor | None = None, training: Tensor | None = None
) -> Result:
    if is_given(d, 2) and any(numbers(d, 2, training)):
        raise GraphError("the Dropout is in training mode: export the model in inference mode.")
    return x if len(d.outputs) < 2 else (x, torch.ones_like(x, dtype=torch.bool))


@operator("Elu", attributes="alpha")
def _elu(d: Definition, x: Tensor) -> Result:
    return F.elu(x, d.attribute("alpha", 1.0))


@operator("Gelu", attributes="approximate")
def _gelu(d: Definition, x: Tensor) -> Result:
    return F.gelu(x, approximate=word(d, "approximate", "none", "tanh"))


@operator("HardSigmoid", attributes="alpha beta")
def _hard_sigmoid(d: Definition, x: Tensor) -> Result:
    return (x * d.attribute("alpha", 0.2) + d.attribute("beta", 0.5)).clamp(0, 1)


@operator("IsInf", attributes="detect_negative detect_positive")
def _is_inf(d: Definition, x: Tensor) -> Result:
    up, down = d.attribute("detect_positive", 1), d.attribute("detect_negative", 1)
    return torch.isinf(x) & (((x > 0) & bool(up)) | ((x < 0) & bool(down)))


@operator("LeakyRelu", attributes="alpha")
def _leaky_relu(d: Definition, x: Tensor) -> Result:
    return F.leaky_relu(x, d.attribute("alpha", 0.01))


@operator("Mod", attributes="fmod")
def _mod(d: Definition, x: Tensor, y: Tensor) -> Result:
    return torch.fmod(x, y) if d.attribute("fmod", 0) else torch.remainder(x, y)


@operator("Selu", attributes="alpha gamma")
def _selu(d: Definition, x: Tensor) -> Result:
    alpha = d.attribute("alpha", 1.67326319217681884765625)
    gamma = d.attribute("gamma", 1.05070102214813232421875)
    return gamma * torch.where(x > 0, x, alpha * torch.expm1(x))


@operator("Shrink", attributes="bias lambd")
def _shrink(d: Definition, x: Tensor) -> Result:
    bound, bias = d.attribute("lambd", 0.5), d.attribute("bias", 0.0)
    zero = torch.zeros_like(x)
    return torch.where(x < -bound, x + bias, torch.where(x > bound, x - bias, zero))


@operator("Swish", attributes="alpha")
def _swish(d: Definition, x: Tensor) -> Result:
    return x * torch.sigmoid(x * d.attribute("alpha", 1.0))


@operator("ThresholdedRelu", attributes="alpha")
def _thresholded_relu(d: Definition, x: Tensor) -> Result:
    return torch.where(x > d.attribute("alpha", 1.0), x, torch.zeros_like(x))


@operator(
    "DequantizeLinear",
    attributes="axis block_size",
    unless=lambda d: d.attribute("block_size", 0) > 0,
)
def _dequantize(d: Definition, x: Tensor, scale: Tensor, zero: Tensor | None = None) -> Result:
    scale, axis = _along(d, x, scale), x.to(scale.dtype)
    return (axis if zero is None else axis - _along(d, x, zero).to(scale.dtype)) * scale


@operator(
    "QuantizeLinear",
    attributes="axis block_size output_dtype",
    idle="saturate",
    unless=lambda d: d.attribute("block_size", 0) > 0,
)
def _quantize(d: Definition, x: Tensor, scale: Tensor, zero: Tensor | None = None) -> Result:
    stated = DTYPES[d.attribute("output_dtype", 0) or 2]
    target = stated if zero is None else zero.dtype
    shift = 0 if zero is None else _along(d, x, zero).to(x.dtype)
    limits = torch.iinfo(target)
    return (torch.round(x / _along(d, x, scale)) + shift).clamp(limits.min, limits.max).to(target)


def _along(d: Definition, x: Tensor, value: Tensor) -> Tensor:
    """Return a scale or zero point so that it broadcasts: a vector lies along the axis."""
    if value.dim() != 1 or value.numel() == 1:
        return value
    shape = [1] * x.dim()
    shape[d.attribute("axis", 1)] = -1
    return value.reshape(shape)
