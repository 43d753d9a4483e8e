"""Operators that join many elements into one: products, reductions and normalisations."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from archloom.execute.operators.table import Operator, Result, numbers, operator, pointwise
from archloom.graph.definition import Definition

pointwise({"MatMul": torch.matmul})


@operator("Gemm", attributes="alpha beta transA transB")
def _gemm(d: Definition, a: Tensor, b: Tensor, c: Tensor | None = None) -> Result:
    a = a.T if d.attribute("transA", 0) else a
    b = b.T if d.attribute("transB", 0) else b
    product = a @ b * d.attribute("alpha", 1.0)
    return product if c is None else product + c * d.attribute("beta", 1.0)


@operator("Einsum", attributes="equation")
def _einsum(d: Definition, *inputs: Tensor) -> Result:
    return torch.einsum(d.attribute("equation").replace(" ", ""), *inputs)


# --- reductions ----------------------------------------------------------------------------------

Reduction = Callable[[Tensor, list[int], bool], Tensor]


def _product(x: Tensor, axes: list[int], keep: bool) -> Tensor:
    for axis in sorted((axis % x.dim() for axis in axes), reverse=True):
        x = x.prod(axis, keepdim=keep)
    return x


_REDUCTIONS: dict[str, Reduction] = {
    "ReduceL1": lambda x, axes, keep: x.abs().sum(axes, keep),
    "ReduceL2": lambda x, axes, keep: x.square().sum(axes, keep).sqrt(),
    "ReduceLogSum": lambda x, axes, keep: x.sum(axes, keep).log(),
    "ReduceLogSumExp": torch.logsumexp,
    "ReduceMax": torch.amax,
    "ReduceMean": torch.mean,
    "ReduceMin": torch.amin,
    "ReduceProd": _product,
    "ReduceSum": lambda x, axes, keep: x.sum(axes, keep).to(x.dtype),
    "ReduceSumSquare": lambda x, axes, keep: x.square().sum(axes, keep),
}


def _reducing(function: Reduction) -> Operator:
    def reduce(d: Definition, x: Tensor, axes: Tensor | None = None) -> Result:
        where = numbers(d, 1, axes)
        if not where:
            if d.attribute("noop_with_empty_axes", 0):
                return x
            where = list(range(x.dim()))
        return function(x, where, bool(d.attribute("keepdims", 1)))

    return reduce


for _name, _function in _REDUCTIONS.items():
    operator(_name, attributes="keepdims noop_with_empty_axes")(_reducing(_function))


@operator("ArgMax", "ArgMin", attributes="axis keepdims select_last_index")
def _arg_extreme(d: Definition, x: Tensor) -> Result:
    axis, keep = d.attribute("axis", 0), bool(d.attribute("keepdims", 1))
    find = torch.argmax if d.op_type == "ArgMax" else torch.argmin
    if not d.attribute("select_last_index", 0):
        return find(x, axis, keep)
    return x.shape[axis] - 1 - find(x.flip(axis), axis, keep)


# --- normalisation -------------------------------------------------------------------------------


@operator("Softmax", attributes="axis")
def _softmax(d: Definition, x: Tensor) -> Result:
    return x.softmax(d.attribute("axis", -1))


@operator("LogSoftmax", attributes="axis")
def _log_softmax(d: Definition, x: Tensor) -> Result:
    return x.log_softmax(d.attribute("axis", -1))


@operator("Hardmax", attributes="axis")
def _hardmax(d: Definition, x: Tensor) -> Result:
    axis = d.attribute("axis", -1)
    best = x.argmax(axis, keepdim=True)
    return torch.zeros_like(x).scatter(axis, best, 1.0)


@operator("BatchNormalization", attributes="epsilon", idle="momentum")
def _batch_norm(
    d: Definition, x: Tensor, scale: Tensor, shift: Tensor, mean: Tensor, var: Tensor
) -> Result:
    return F.batch_norm(x, mean, var, scale, shift, eps=d.attribute("epsilon", 1e-5))


@operator("InstanceNormalization", attributes="epsilon")
def _instance_norm(d: Definition, x: Tensor, scale: Tensor, shift: Tensor) -> Result:
    return F.instance_norm(x, weight=scale, bias=shift, eps=d.attribute("epsilon", 1e-5))


@operator("GroupNormalization", attributes="epsilon num_groups", idle="stash_type")
def _group_norm(d: Definition, x: Tensor, scale: Tensor, shift: Tensor) -> Result:
    return F.group_norm(x, d.attribute("num_groups"), scale, shift, d.attribute("epsilon", 1e-5))


@operator("LayerNormalization", attributes="axis epsilon", idle="stash_type")
def _layer_norm(d: Definition, x: Tensor, scale: Tensor, shift: Tensor | None = None) -> Result:
    axis, epsilon = d.attribute("axis", -1) % x.dim(), d.attribute("epsilon", 1e-5)
    axes = list(range(axis, x.dim()))
    if len(d.outputs) < 2 and scale.shape == x.shape[axis:]:
        return F.layer_norm(x, x.shape[axis:], scale, shift, epsilon)
    mean = x.mean(axes, keepdim=True)
    inverse = (x.var(axes, unbiased=False, keepdim=True) + epsilon).rsqrt()
    normal = (x - mean) * inverse * scale
    normal = normal if shift is None else normal + shift
    return (normal, mean, inverse)[: len(d.outputs)] if len(d.outputs) > 1 else normal


@operator("RMSNormalization", attributes="axis epsilon", idle="stash_type")
def _rms_norm(d: Definition, x: Tensor, scale: Tensor) -> Result:
    axes = list(range(d.attribute("axis", -1) % x.dim(), x.dim()))
    square = x.square().mean(axes, keepdim=True)
    return x * (square + d.attribute("epsilon", 1e-5)).rsqrt() * scale


@operator("LpNormalization", attributes="axis p")
def _lp_norm(d: Definition, x: Tensor) -> Result:
    norm = torch.linalg.vector_norm(x, d.attribute("p", 2), d.attribute("axis", -1), keepdim=True)
    return torch.where(norm == 0, torch.zeros_like(x), x / norm)


@operator("MeanVarianceNormalization", attributes="axes")
def _mean_variance_norm(d: Definition, x: Tensor) -> Result:
    axes = d.attribute("axes", (0, 2, 3))
    mean, square = x.mean(axes, keepdim=True), x.square().mean(axes, keepdim=True)
    return (x - mean) / ((square - mean.square()).clamp_min(0).sqrt() + 1e-9)


@operator("LRN", attributes="alpha beta bias size")
def _local_response_norm(d: Definition, x: Tensor) -> Result:
    size = d.attribute("size")
    before, rest = (size - 1) // 2, x.shape[2:]
    square = F.pad(x.square().flatten(2), (0, 0, before, size - 1 - before))
    total = F.avg_pool2d(square[:, None], (size, 1), 1)[:, 0].reshape(*x.shape[:2], *rest)
    scale = d.attribute("bias", 1.0) + d.attribute("alpha", 1e-4) * total
    return x / scale ** d.attribute("beta", 0.75)
