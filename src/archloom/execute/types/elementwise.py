"""Types of operators that work on every element by itself."""

from __future__ import annotations

from archloom.execute.types.table import FLOATS, MANY, Types, floats, form, joined, numbers
from archloom.graph.definition import Definition
from archloom.graph.definition import TensorType as Type

_NUMBERS = (*FLOATS, "int32", "int64")
_CASTS = {1: "float32", 6: "int32", 7: "int64", 9: "bool", 11: "float64"}


@form(
    *"Abs Acos Acosh Asin Asinh Atan Atanh Ceil Cos Cosh Erf Exp Floor HardSwish Log Mish Neg "
    "Reciprocal Relu Round Sigmoid Sign Sin Sinh Softplus Softsign Sqrt Tan Tanh".split()
)
@form("Celu", "Elu", "LeakyRelu", "Swish", "ThresholdedRelu", attributes="alpha")
@form("HardSigmoid", attributes="alpha beta")
@form("Selu", attributes="alpha gamma")
@form("Shrink", attributes="bias lambd")
def _unary(_: Definition, x: Type) -> Types:
    return (x,) if floats(x) else None


@form("Gelu", attributes="approximate")
def _gelu(d: Definition, x: Type) -> Types:
    known = d.attribute("approximate", "none") in ("none", "tanh")
    return (x,) if floats(x) and known else None


@form("Identity")
def _identity(_: Definition, x: Type) -> Types:
    return (x,)


@form("Dropout", most=3, attributes="seed")
def _dropout(d: Definition, x: Type, *_more: Type | None) -> Types:
    training = numbers(d, 2)
    return None if training is None or any(training) else (x,)


@form("Clip", most=3)
def _clip(d: Definition, x: Type, _low: Type | None = None, _high: Type | None = None) -> Types:
    bounds = [one for one in (_low, _high) if one is not None]
    known = None not in (numbers(d, 1), numbers(d, 2)) and all(one.size == 1 for one in bounds)
    return (x,) if floats(x) and known else None


@form("Cast", attributes="to saturate round_mode")
def _cast(d: Definition, x: Type) -> Types:
    dtype = _CASTS.get(d.attribute("to"))
    return None if dtype is None else (Type(dtype, x.shape),)


@form("Max", "Min", "Sum", most=MANY)
def _extreme(_: Definition, x: Type, *others: Type | None) -> Types:
    rest = [one for one in others if one is not None and one.dtype == x.dtype]
    alike = x.dtype in _NUMBERS and len(rest) == len(others)
    return joined(x.dtype, x, *rest) if alike else None


@form("Add", "Sub", "Mul", "Div", least=2, most=2)
def _arithmetic(_: Definition, x: Type, y: Type) -> Types:
    return joined(x.dtype, x, y) if x.dtype == y.dtype and x.dtype in _NUMBERS else None


@form("Pow", "PRelu", least=2, most=2)
def _float_pair(_: Definition, x: Type, y: Type) -> Types:
    return joined(x.dtype, x, y) if floats(x, y) else None


@form("Mod", least=2, most=2, attributes="fmod")
def _mod(d: Definition, x: Type, y: Type) -> Types:
    fits = x.dtype == y.dtype == "int64" and not d.attribute("fmod", 0)
    return joined(x.dtype, x, y) if fits else None


@form("Equal", "Less", "LessOrEqual", "Greater", "GreaterOrEqual", least=2, most=2)
def _comparison(_: Definition, x: Type, y: Type) -> Types:
    return joined("bool", x, y) if x.dtype == y.dtype and x.dtype in _NUMBERS else None


@form("And", "Or", "Xor", least=2, most=2)
def _logic(_: Definition, x: Type, y: Type) -> Types:
    return joined("bool", x, y) if x.dtype == y.dtype == "bool" else None


@form("Not")
def _not(_: Definition, x: Type) -> Types:
    return (x,) if x.dtype == "bool" else None


@form("Where", least=3, most=3)
def _where(_: Definition, chosen: Type, x: Type, y: Type) -> Types:
    fits = chosen.dtype == "bool" and x.dtype == y.dtype
    return joined(x.dtype, chosen, x, y) if fits else None
