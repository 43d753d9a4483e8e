"""ATen operators that reduce axes or multiply matrices, attention among them."""

from __future__ import annotations

import math
from typing import Any

import torch

from archloom.execute.operators.table import onnx_type
from archloom.io.importing.torch.translator import (
    Batch,
    Call,
    Rule,
    Translator,
    Value,
    rule,
)

# --- reductions ----------------------------------------------------------------------------------


def _axes(call: Call, value: Value) -> list[int]:
    """Return the axes that are reduced, all of them where none is named."""
    given = call["dim"] if call["dim"] is not None else []
    listed = given if isinstance(given, list) else [given]
    return sorted(value.axis(dim) for dim in listed) or list(range(value.rank))


def _reduction(op_type: str) -> Rule:
    def function(t: Translator, call: Call) -> str:
        value = call.value("self")
        name = t.cast(value, call.result.dtype)
        return _reduce(t, op_type, name, _axes(call, value), bool(call["keepdim"]))

    return function


def _reduce(t: Translator, op_type: str, name: Any, axes: list[int], keep: bool) -> str:
    return t.emit(op_type, name, t.numbers(axes), keepdims=int(keep))


for _name, _op in {
    "mean": "ReduceMean",
    "sum": "ReduceSum",
    "amax": "ReduceMax",
    "amin": "ReduceMin",
    "prod": "ReduceProd",
    "logsumexp": "ReduceLogSumExp",
}.items():
    rule(_name)(_reduction(_op))


@rule("max", "min")
def extreme(t: Translator, call: Call) -> str | tuple[str, ...]:
    """Largest or smallest element: of all, of two tensors, or along an axis with its index."""
    value, word = call.value("self"), call.name.capitalize()
    if isinstance(call["other"], Value):
        return t.emit(word, value, call["other"])
    best = _reduce(t, f"Reduce{word}", value, _axes(call, value), bool(call["keepdim"]))
    return best if call["dim"] is None else (best, _arg(t, call, f"Arg{word}"))


@rule("argmax", "argmin")
def argument(t: Translator, call: Call) -> str:
    """Index of the largest or smallest element along an axis."""
    if call["dim"] is None:
        raise call.refuse("give the dimension.")
    return _arg(t, call, "ArgMax" if call.name == "argmax" else "ArgMin")


def _arg(t: Translator, call: Call, op_type: str) -> str:
    value = call.value("self")
    keep = int(bool(call["keepdim"]))
    return t.emit(op_type, value, axis=value.axis(call["dim"]), keepdims=keep)


@rule("any", "all")
def truth(t: Translator, call: Call) -> str:
    """Whether one or all elements are true, by the largest or smallest of their numbers."""
    value = call.value("self")
    op_type = "ReduceMax" if call.name == "any" else "ReduceMin"
    name = t.emit("Cast", t.cast(value, torch.bool), to=onnx_type(torch.int32))
    name = _reduce(t, op_type, name, _axes(call, value), bool(call["keepdim"]))
    return t.emit("Cast", name, to=onnx_type(torch.bool))


@rule("var")
def variance(t: Translator, call: Call) -> str:
    """Mean of the squared distances to the mean, corrected."""
    return _moments(t, call)[1]


@rule("std")
def deviation(t: Translator, call: Call) -> str:
    """Root of the variance."""
    return t.emit("Sqrt", _moments(t, call)[1])


@rule("var_mean")
def variance_and_mean(t: Translator, call: Call) -> tuple[str, ...]:
    """Variance and mean."""
    mean, found = _moments(t, call)
    if call["keepdim"]:
        return found, mean
    axes = _axes(call, call.value("self"))
    return found, t.emit("Squeeze", mean, t.numbers(axes))


def _moments(t: Translator, call: Call) -> tuple[str, str]:
    """Return the mean with its axes kept, and the variance."""
    value = call.value("self")
    axes = _axes(call, value)
    sizes = [value.shape[axis] for axis in axes]
    if any(isinstance(size, Batch) for size in sizes):
        raise call.refuse("a variance over the batch: keep it per example.")
    count = math.prod(size for size in sizes if isinstance(size, int))
    correction = call["correction"] if call["correction"] is not None else 1
    if call["unbiased"] is not None:
        correction = int(call["unbiased"])
    mean = _reduce(t, "ReduceMean", value, axes, True)
    distance = t.emit("Sub", value, mean)
    squares = t.emit("Mul", distance, distance)
    found = _reduce(t, "ReduceMean", squares, axes, bool(call["keepdim"]))
    if correction:
        factor = count / max(count - correction, 0) if count > correction else math.inf
        found = t.emit("Mul", found, t.numbers(factor, value.dtype))
    return mean, found


@rule("linalg_vector_norm", "norm", "frobenius_norm")
def norm(t: Translator, call: Call) -> str:
    """ReduceL1 or ReduceL2."""
    value = call.value("self")
    given = call["ord"] if call["ord"] is not None else call["p"]
    power = 2 if given is None else float(given)
    if power not in (1, 2):
        raise call.refuse(f"the norm of power {power}: use 1 or 2.")
    return _reduce(t, f"ReduceL{int(power)}", value, _axes(call, value), bool(call["keepdim"]))


@rule("cumsum")
def cumsum(t: Translator, call: Call) -> str:
    """CumSum."""
    value = call.value("self")
    return t.emit("CumSum", t.cast(value, call.result.dtype), t.numbers(value.axis(call["dim"])))


@rule("topk")
def topk(t: Translator, call: Call) -> tuple[str, ...]:
    """TopK."""
    value = call.value("self")
    return t.emit_all(
        "TopK",
        value,
        t.sizes([call["k"]]),
        outputs=2,
        axis=value.axis(call["dim"]),
        largest=int(call["largest"]),
        sorted=int(call["sorted"]),
    )


@rule("sort")
def sort(t: Translator, call: Call) -> tuple[str, ...]:
    """TopK of all elements."""
    value = call.value("self")
    axis = value.axis(call["dim"])
    return t.emit_all(
        "TopK",
        value,
        t.sizes([value.shape[axis]]),
        outputs=2,
        axis=axis,
        largest=int(bool(call["descending"])),
    )


# --- products ------------------------------------------------------------------------------------


@rule("linear")
def linear(t: Translator, call: Call) -> str:
    """Gemm for a matrix, MatMul and Add for more axes."""
    value, weight, bias = call.value("input"), call.value("weight"), call["bias"]
    if value.rank == 2:
        return t.emit("Gemm", value, weight, bias, transB=1)
    product = t.emit("MatMul", value, _turned(t, weight))
    return product if bias is None else t.emit("Add", product, bias)


def _turned(t: Translator, weight: Value) -> str:
    """Return a matrix transposed; a constant is so at once."""
    known = t.known(weight)
    if known is None:
        return t.emit("Transpose", weight, perm=(1, 0))
    name = t.constant(known.t().contiguous(), f"{weight.name}/transposed")
    t.trained[name] = t.trained.get(weight.name, {})
    return name


@rule("matmul", "mm", "bmm", "mv", "dot")
def matmul(t: Translator, call: Call) -> str:
    """MatMul."""
    second = next(name for name in ("other", "mat2", "vec", "tensor") if call[name] is not None)
    return t.emit("MatMul", call.value("self"), call.value(second))


@rule("addmm")
def addmm(t: Translator, call: Call) -> str:
    """Gemm."""
    return t.emit(
        "Gemm",
        call.value("mat1"),
        call.value("mat2"),
        call.value("self"),
        alpha=float(call["alpha"]),
        beta=float(call["beta"]),
    )


@rule("baddbmm")
def baddbmm(t: Translator, call: Call) -> str:
    """``beta * self + alpha * (batch1 @ batch2)``."""
    product = t.emit("MatMul", call.value("batch1"), call.value("batch2"))
    terms = []
    for name, factor in ((product, call["alpha"]), (call.value("self").name, call["beta"])):
        if factor not in (0, 1):
            name = t.emit("Mul", name, t.numbers(factor, call.result.dtype))
        terms += [name] if factor else []
    return terms[0] if len(terms) == 1 else t.emit("Add", *terms)


@rule("einsum")
def einsum(t: Translator, call: Call) -> str:
    """Einsum."""
    return t.emit("Einsum", *call["tensors"], equation=call["equation"].replace(" ", ""))


@rule("scaled_dot_product_attention")
def attention(t: Translator, call: Call) -> str:
    """Softmax of scaled products of queries and keys, times the values."""
    query, key, value = (call.value(name) for name in ("query", "key", "value"))
    if call["dropout_p"]:
        raise call.refuse("the dropout of the attention is active: put it in evaluation mode.")
    if call["enable_gqa"]:
        raise call.refuse("grouped queries: repeat keys and values instead.")
    scale = call["scale"] if call["scale"] is not None else float(query.fixed(-1)) ** -0.5
    order = [*range(key.rank - 2), key.rank - 1, key.rank - 2]
    scaled = t.emit("Mul", query, t.numbers(scale, query.dtype))
    scores = t.emit("MatMul", scaled, t.transpose(key, order))
    mask = _mask(t, call, query, key)
    if mask is not None:
        scores = t.emit("Add", scores, mask)
    return t.emit("MatMul", t.emit("Softmax", scores, axis=query.rank - 1), value)


def _mask(t: Translator, call: Call, query: Value, key: Value) -> str | None:
    """Return what is added to the scores; minus infinity hides a key from a query."""
    if call["is_causal"]:
        rows, columns = query.fixed(-2), key.fixed(-2)
        hidden = torch.ones(rows, columns, dtype=torch.bool).triu(1)
        return t.untrained(
            torch.zeros(rows, columns, dtype=query.dtype).masked_fill(hidden, -math.inf)
        )
    mask = call["attn_mask"]
    if mask is None or mask.dtype != torch.bool:
        return None if mask is None else t.cast(mask, query.dtype)
    numbers = (t.numbers(one, query.dtype) for one in (0.0, -math.inf))
    return t.emit("Where", mask, *numbers)
