"""ATen operators that act on every element on its own, and conversions of type.

More than 400 lines: one short function per operator.
"""

from __future__ import annotations

import math
from typing import Any

import torch

from archloom.execute.operators.table import onnx_type
from archloom.io.importing.torch.translator import Call, Rule, Translator, Value, rule


def _unary(op_type: str, **attributes: Any) -> Rule:
    """Return the rule of an operator that is one of ONNX with fixed attributes."""
    return lambda t, call: t.emit(op_type, call.value("self"), **attributes)


_UNARY: dict[str, Rule] = {
    "relu": _unary("Relu"),
    "sigmoid": _unary("Sigmoid"),
    "tanh": _unary("Tanh"),
    "mish": _unary("Mish"),
    "hardswish": _unary("HardSwish"),
    "hardsigmoid": _unary("HardSigmoid", alpha=1 / 6, beta=0.5),
    "abs": _unary("Abs"),
    "neg": _unary("Neg"),
    "exp": _unary("Exp"),
    "erf": _unary("Erf"),
    "log": _unary("Log"),
    "sqrt": _unary("Sqrt"),
    "sin": _unary("Sin"),
    "cos": _unary("Cos"),
    "tan": _unary("Tan"),
    "asin": _unary("Asin"),
    "acos": _unary("Acos"),
    "atan": _unary("Atan"),
    "sinh": _unary("Sinh"),
    "cosh": _unary("Cosh"),
    "floor": _unary("Floor"),
    "ceil": _unary("Ceil"),
    "round": _unary("Round"),
    "sign": _unary("Sign"),
    "reciprocal": _unary("Reciprocal"),
    "isnan": _unary("IsNaN"),
    "isinf": _unary("IsInf"),
    "logical_not": lambda t, call: t.emit("Not", t.cast(call.value("self"), torch.bool)),
    "rsqrt": lambda t, call: t.emit("Reciprocal", t.emit("Sqrt", call.value("self"))),
    "square": lambda t, call: t.emit("Mul", call.value("self"), call.value("self")),
}
for _name, _rule in _UNARY.items():
    rule(_name)(_rule)


@rule("log1p")
def log1p(t: Translator, call: Call) -> str:
    """``log(1 + x)``."""
    value = call.value("self")
    return t.emit("Log", t.emit("Add", value, t.numbers(1, value.dtype)))


@rule("expm1")
def expm1(t: Translator, call: Call) -> str:
    """``exp(x) - 1``."""
    value = call.value("self")
    return t.emit("Sub", t.emit("Exp", value), t.numbers(1, value.dtype))


@rule("trunc")
def trunc(t: Translator, call: Call) -> str:
    """The whole part, towards zero."""
    return _rounded(t, call.value("self").name, "trunc")


# --- activations ---------------------------------------------------------------------------------


@rule("silu")
def silu(t: Translator, call: Call) -> str:
    """``x * sigmoid(x)``."""
    value = call.value("self")
    return t.emit("Mul", value, t.emit("Sigmoid", value))


@rule("log_sigmoid")
def log_sigmoid(t: Translator, call: Call) -> str:
    """``log(sigmoid(x))``, from its stable form."""
    return t.emit("Neg", t.emit("Softplus", t.emit("Neg", call.value("self"))))


@rule("gelu")
def gelu(t: Translator, call: Call) -> str:
    """Gelu."""
    if call["approximate"] in (None, "none"):
        return t.emit("Gelu", call.value("self"))
    return t.emit("Gelu", call.value("self"), approximate=call["approximate"])


@rule("leaky_relu")
def leaky_relu(t: Translator, call: Call) -> str:
    """LeakyRelu."""
    return t.emit("LeakyRelu", call.value("self"), alpha=float(call["negative_slope"]))


@rule("rrelu")
def rrelu(t: Translator, call: Call) -> str:
    """LeakyRelu with the mean slope, which is what evaluation uses."""
    slope = (float(call["lower"]) + float(call["upper"])) / 2
    return t.emit("LeakyRelu", call.value("self"), alpha=slope)


@rule("elu")
def elu(t: Translator, call: Call) -> str:
    """Elu; PyTorch's further scales are ones in its own modules."""
    if (call["scale"], call["input_scale"]) != (1, 1):
        raise call.refuse("elu with a scale: multiply its output instead.")
    return t.emit("Elu", call.value("self"), alpha=float(call["alpha"]))


@rule("celu")
def celu(t: Translator, call: Call) -> str:
    """Celu."""
    return t.emit("Celu", call.value("self"), alpha=float(call["alpha"]))


@rule("selu")
def selu(t: Translator, call: Call) -> str:
    """Selu."""
    return t.emit("Selu", call.value("self"))


@rule("softplus")
def softplus(t: Translator, call: Call) -> str:
    """Softplus, scaled where PyTorch's ``beta`` is not one."""
    value, beta = call.value("self"), float(call["beta"])
    if beta == 1:
        return t.emit("Softplus", value)
    factor = t.numbers(beta, value.dtype)
    return t.emit("Div", t.emit("Softplus", t.emit("Mul", value, factor)), factor)


@rule("_prelu_kernel", "prelu")
def prelu(t: Translator, call: Call) -> str:
    """PRelu; a slope per channel is broadcast over the axes behind it."""
    value, slope = call.value("self"), call.value("weight")
    if slope.rank == 1 and value.rank > 2:
        shape = [slope.fixed(0), *[1] * (value.rank - 2)]
        return t.emit("PRelu", value, t.reshape(slope, slope.shape, shape))
    return t.emit("PRelu", value, slope)


@rule("glu")
def glu(t: Translator, call: Call) -> str:
    """One half times the sigmoid of the other."""
    value = call.value("self")
    axis = value.axis(call["dim"])
    half = call.result.fixed(axis)
    left, right = t.emit_all("Split", value, t.numbers([half, half]), outputs=2, axis=axis)
    return t.emit("Mul", left, t.emit("Sigmoid", right))


@rule("relu6")
def relu6(t: Translator, call: Call) -> str:
    """Clip to 0..6."""
    return _clip(t, call.value("self"), 0.0, 6.0)


@rule("hardtanh")
def hardtanh(t: Translator, call: Call) -> str:
    """Clip."""
    return _clip(t, call.value("self"), call["min_val"], call["max_val"])


@rule("clamp", "clip")
def clamp(t: Translator, call: Call) -> str:
    """Clip, or Max and Min where a bound is a tensor."""
    return _clip(t, call.value("self"), call["min"], call["max"], call.result.dtype)


@rule("clamp_min")
def clamp_min(t: Translator, call: Call) -> str:
    """Clip from below."""
    return _clip(t, call.value("self"), call["min"], None, call.result.dtype)


@rule("clamp_max")
def clamp_max(t: Translator, call: Call) -> str:
    """Clip from above."""
    return _clip(t, call.value("self"), None, call["max"], call.result.dtype)


def _clip(
    t: Translator, value: Value, low: Any, high: Any, dtype: torch.dtype | None = None
) -> str:
    dtype = dtype or value.dtype
    name = t.cast(value, dtype)
    if not isinstance(low, Value) and not isinstance(high, Value):
        bounds = [None if one is None else t.numbers(one, dtype) for one in (low, high)]
        return t.emit("Clip", name, *bounds)
    for op_type, bound in (("Max", low), ("Min", high)):
        if bound is not None:
            name = t.emit(op_type, name, t.cast(bound, dtype))
    return name


@rule("threshold")
def threshold(t: Translator, call: Call) -> str:
    """The value where it is above the threshold, else a number."""
    value = call.value("self")
    above = t.emit("Greater", value, t.numbers(call["threshold"], value.dtype))
    return t.emit("Where", above, value, t.numbers(call["value"], value.dtype))


@rule("softmax", "_softmax", "special_softmax")
def softmax(t: Translator, call: Call) -> str:
    """Softmax."""
    return _softmax(t, call, "Softmax")


@rule("log_softmax", "_log_softmax", "special_log_softmax")
def log_softmax(t: Translator, call: Call) -> str:
    """LogSoftmax."""
    return _softmax(t, call, "LogSoftmax")


def _softmax(t: Translator, call: Call, op_type: str) -> str:
    value = call.value("self")
    name = t.cast(value, call.result.dtype)
    return t.emit(op_type, name, axis=value.axis(call["dim"]))


# --- arithmetic ----------------------------------------------------------------------------------


def _arithmetic(op_type: str, *, reverse: bool = False) -> Rule:
    """Return the rule of an operator of two numbers; ``alpha`` scales the second."""

    def function(t: Translator, call: Call) -> str:
        dtype = call.result.dtype
        left, right = t.cast(call["self"], dtype), t.cast(call["other"], dtype)
        if call["alpha"] not in (None, 1):
            right = t.emit("Mul", right, t.numbers(call["alpha"], dtype))
        return t.emit(op_type, *((right, left) if reverse else (left, right)))

    return function


for _name, _rule in {
    "add": _arithmetic("Add"),
    "sub": _arithmetic("Sub"),
    "mul": _arithmetic("Mul"),
    "multiply": _arithmetic("Mul"),
    "subtract": _arithmetic("Sub"),
    "maximum": _arithmetic("Max"),
    "minimum": _arithmetic("Min"),
}.items():
    rule(_name)(_rule)


@rule("rsub")
def rsub(t: Translator, call: Call) -> str:
    """``other - alpha * self``."""
    dtype = call.result.dtype
    left, right = t.cast(call["self"], dtype), t.cast(call["other"], dtype)
    if call["alpha"] not in (None, 1):
        left = t.emit("Mul", left, t.numbers(call["alpha"], dtype))
    return t.emit("Sub", right, left)


@rule("div", "divide", "true_divide")
def div(t: Translator, call: Call) -> str:
    """Div, rounded where asked for."""
    dtype, rounding = call.result.dtype, call["rounding_mode"]
    if rounding and not dtype.is_floating_point:
        quotient = t.emit(
            "Div", t.cast(call["self"], torch.float64), t.cast(call["other"], torch.float64)
        )
        rounded = _rounded(t, quotient, rounding)
        return t.emit("Cast", rounded, to=onnx_type(dtype))
    quotient = t.emit("Div", t.cast(call["self"], dtype), t.cast(call["other"], dtype))
    return _rounded(t, quotient, rounding) if rounding else quotient


@rule("floor_divide")
def floor_divide(t: Translator, call: Call) -> str:
    """Div, rounded down."""
    dtype = call.result.dtype
    wide = dtype if dtype.is_floating_point else torch.float64
    quotient = t.emit(
        "Floor", t.emit("Div", t.cast(call["self"], wide), t.cast(call["other"], wide))
    )
    return quotient if wide == dtype else t.emit("Cast", quotient, to=onnx_type(dtype))


def _rounded(t: Translator, quotient: str, rounding: str) -> str:
    if rounding == "floor":
        return t.emit("Floor", quotient)
    size = t.emit("Floor", t.emit("Abs", quotient))
    return t.emit("Mul", t.emit("Sign", quotient), size)


@rule("remainder")
def remainder(t: Translator, call: Call) -> str:
    """Remainder with the sign of the divisor."""
    dtype = call.result.dtype
    left, right = t.cast(call["self"], dtype), t.cast(call["other"], dtype)
    if not dtype.is_floating_point:
        return t.emit("Mod", left, right)
    whole = t.emit("Floor", t.emit("Div", left, right))
    return t.emit("Sub", left, t.emit("Mul", whole, right))


@rule("fmod")
def fmod(t: Translator, call: Call) -> str:
    """Remainder with the sign of the dividend."""
    dtype = call.result.dtype
    return t.emit("Mod", t.cast(call["self"], dtype), t.cast(call["other"], dtype), fmod=1)


@rule("pow")
def power(t: Translator, call: Call) -> str:
    """Mul for squares, Sqrt for roots, else Pow."""
    base, exponent, dtype = call["self"], call["exponent"], call.result.dtype
    name = t.cast(base, dtype)
    if exponent == 2:
        return t.emit("Mul", name, name)
    if exponent == 0.5:
        return t.emit("Sqrt", name)
    return t.emit("Pow", name, t.cast(exponent, dtype))


@rule("lerp")
def lerp(t: Translator, call: Call) -> str:
    """``self + weight * (end - self)``."""
    start, dtype = call.value("self"), call.result.dtype
    step = t.emit("Sub", call.value("end"), start)
    return t.emit("Add", start, t.emit("Mul", step, t.cast(call["weight"], dtype)))


@rule("addcmul")
def addcmul(t: Translator, call: Call) -> str:
    """``self + value * tensor1 * tensor2``."""
    product = t.emit("Mul", call.value("tensor1"), call.value("tensor2"))
    if call["value"] != 1:
        product = t.emit("Mul", product, t.numbers(call["value"], call.result.dtype))
    return t.emit("Add", call.value("self"), product)


# --- comparisons and logic -----------------------------------------------------------------------


def _comparison(op_type: str, *, negate: bool = False) -> Rule:
    def function(t: Translator, call: Call) -> str:
        dtype = _common(call["self"], call["other"])
        if dtype == torch.bool and op_type != "Equal":
            dtype = torch.int64
        result = t.emit(op_type, t.cast(call["self"], dtype), t.cast(call["other"], dtype))
        return t.emit("Not", result) if negate else result

    return function


def _common(left: Value, right: Any) -> torch.dtype:
    """Return the type in which two operands are compared."""
    one = torch.empty([1] * left.rank, dtype=left.dtype, device="meta")
    if not isinstance(right, Value):
        return torch.result_type(one, right)
    other = torch.empty([1] * right.rank, dtype=right.dtype, device="meta")
    return torch.result_type(one, other)


for _name, _rule in {
    "eq": _comparison("Equal"),
    "ne": _comparison("Equal", negate=True),
    "lt": _comparison("Less"),
    "le": _comparison("LessOrEqual"),
    "gt": _comparison("Greater"),
    "ge": _comparison("GreaterOrEqual"),
}.items():
    rule(_name)(_rule)


def _logic(op_type: str) -> Rule:
    def function(t: Translator, call: Call) -> str:
        if call.result.dtype != torch.bool:
            raise call.refuse("bits of whole numbers: use logical operators on booleans.")
        return t.emit(op_type, *(t.cast(call[name], torch.bool) for name in ("self", "other")))

    return function


for _name, _op in {"and": "And", "or": "Or", "xor": "Xor"}.items():
    rule(f"logical_{_name}", f"bitwise_{_name}", f"__{_name}__")(_logic(_op))


@rule("bitwise_not")
def bitwise_not(t: Translator, call: Call) -> str:
    """Not, of booleans."""
    value = call.value("self")
    if value.dtype != torch.bool:
        raise call.refuse("bits of whole numbers: use logical operators on booleans.")
    return t.emit("Not", value)


@rule("where")
def where(t: Translator, call: Call) -> str:
    """Where, with both values."""
    if call["self"] is None:
        raise call.refuse("the number of its results depends on the data: give both values.")
    dtype = call.result.dtype
    return t.emit(
        "Where", call.value("condition"), t.cast(call["self"], dtype), t.cast(call["other"], dtype)
    )


@rule("masked_fill")
def masked_fill(t: Translator, call: Call) -> str:
    """Where, with one number."""
    value = call.value("self")
    return t.emit("Where", call.value("mask"), t.cast(call["value"], value.dtype), value)


# --- the same value ------------------------------------------------------------------------------


@rule(
    "alias",
    "clone",
    "contiguous",
    "detach",
    "lift_fresh",
    "lift_fresh_copy",
    "dropout",
    "feature_dropout",
    "alpha_dropout",
    "feature_alpha_dropout",
)
def same(t: Translator, call: Call) -> str:
    """The operand itself; a dropout that is active is refused."""
    if call["train"]:
        raise call.refuse("the dropout is active: put the module in evaluation mode.")
    return call.value("input" if call["input"] is not None else "self").name


@rule("native_dropout")
def native_dropout(t: Translator, call: Call) -> tuple[str, ...]:
    """The same in the form of a decomposed graph."""
    return (same(t, call),)


@rule("to", "_to_copy", "type_as", "_to_dtype")
def convert(t: Translator, call: Call) -> str:
    """Cast where the type changes; devices and memory formats are no matter of a graph."""
    return t.cast(call.value("self"), call.result.dtype)


@rule("nan_to_num")
def nan_to_num(t: Translator, call: Call) -> str:
    """Numbers in place of NaN and infinities."""
    value, dtype = call.value("self"), call.result.dtype
    largest = torch.finfo(dtype).max
    name = t.emit("Where", t.emit("IsNaN", value), t.numbers(call["nan"] or 0.0, dtype), value)
    for bound, sign in (("posinf", 1), ("neginf", -1)):
        limit = sign * largest if call[bound] is None else call[bound]
        infinite = t.emit("Equal", name, t.numbers(sign * math.inf, dtype))
        name = t.emit("Where", infinite, t.numbers(limit, dtype), name)
    return name
