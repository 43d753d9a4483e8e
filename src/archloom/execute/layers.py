"""The operations of a graph as PyTorch modules on NCHW tensors, one class per kind (AutoGO spec
6.1 and 6.2).

Padding follows TensorFlow: zeros for convolutions, minus infinity for maximum, left out of
averages.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from archloom.errors import GraphError
from archloom.execute import NORM_EPSILON, NORM_MOMENTUM
from archloom.execute.fixed import Fixed
from archloom.graph import Graph, window_pads
from archloom.graph.definition import OWN_DOMAIN

Pair = tuple[int, int]
Pads = tuple[int, int, int, int]


def node_module(
    graph: Graph,
    node: int,
    norm_momentum: float = NORM_MOMENTUM,
    norm_epsilon: float = NORM_EPSILON,
) -> nn.Module | None:
    """Return the module of ``node``, None where the joined operands pass through.

    Raises ``GraphError`` that names the node when its op cannot be executed.
    """
    name = graph.op_name(node)
    definition = graph.definition_of(node)
    if definition is not None:
        ends = (OWN_DOMAIN, "Input"), (OWN_DOMAIN, "Output")
        if (definition.domain, definition.op_type) in ends:
            return None
        return Fixed(definition, graph.describe(node))
    if name in _PASS:
        return None
    if name in _ELEMENTWISE:
        return Elementwise(_ELEMENTWISE[name])
    c_in, c_out = graph.resolution[node, 4:].tolist()
    if name == "batchnorm":
        return Norm(c_in, norm_momentum, norm_epsilon)
    if name == "matmul":
        return Dense(c_in, c_out)
    if name == "zero":
        return Zero(_pair(graph.stride[node]))
    if name == "paddings":
        top, left, bottom, right = graph.pads[node].tolist()
        return Elementwise(_Pad((left, right, top, bottom), 0.0))
    if name in ("conv", "depthwise", "maxpool", "avgpool"):
        return _window_module(graph, node, name)
    raise GraphError(
        f"{graph.describe(node)} cannot be executed: archloom runs no {name!r} nodes, replace or "
        "remove this one."
    )


def _window_module(graph: Graph, node: int, name: str) -> nn.Module:
    c_in, c_out = graph.resolution[node, 4:].tolist()
    kernel, stride, dilation = (
        _pair(column[node]) for column in (graph.kernel, graph.stride, graph.dilation)
    )
    pads = window_pads(graph, node)
    if name == "conv":
        groups = int(graph.groups[node])
        shape = (c_out, c_in // groups, *kernel)
        return Conv(shape, stride, dilation, pads, groups, bool(graph.bias[node]))
    if name == "depthwise":
        if c_in != c_out:
            raise GraphError(
                f"{graph.describe(node)} has {c_in} input and {c_out} output channels: a depthwise "
                "convolution keeps them, put a 1x1 conv behind it."
            )
        return Conv((c_out, 1, *kernel), stride, dilation, pads, c_in, bool(graph.bias[node]))
    if name == "maxpool":
        return MaxPool(kernel, stride, dilation, pads)
    if dilation != (1, 1):
        raise GraphError(
            f"{graph.describe(node)} has the dilation {dilation}: an average pool takes none, "
            "use 1."
        )
    return AvgPool(kernel, stride, pads, _pair(graph.resolution[node, [0, 2]]))


class Conv(nn.Module):
    """Convolution; ``weight`` (C_out, C_in / groups, k_h, k_w), ``bias`` (C_out,) or None."""

    def __init__(
        self,
        shape: tuple[int, ...],
        stride: Pair,
        dilation: Pair,
        pads: Pads,
        groups: int,
        bias: bool,
    ) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(shape))
        self.bias = nn.Parameter(torch.zeros(shape[0])) if bias else None
        self.stride, self.dilation, self.groups = stride, dilation, groups
        self.before, self.padding = _split_pads(pads)

    def forward(self, x: Tensor) -> Tensor:
        """Return (N, C_out, H_out, W_out) of ``x`` (N, C_in, H, W)."""
        if self.before:
            x = F.pad(x, self.before)
        return F.conv2d(
            x, self.weight, self.bias, self.stride, self.padding, self.dilation, self.groups
        )


class Dense(nn.Module):
    """Matmul over channels, always with a bias; ``weight`` (C_out, C_in), ``bias`` (C_out,)."""

    def __init__(self, c_in: int, c_out: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(c_out, c_in))
        self.bias = nn.Parameter(torch.zeros(c_out))

    def forward(self, x: Tensor) -> Tensor:
        """Return (N, C_out, H, W) of ``x`` (N, C_in, H, W)."""
        return F.conv2d(x, self.weight[:, :, None, None], self.bias)


class Norm(nn.Module):
    """Batch normalisation; ``weight``, ``bias``, running ``mean`` and ``var``, each (C,)."""

    mean: Tensor
    var: Tensor

    def __init__(
        self, channels: int, momentum: float = NORM_MOMENTUM, epsilon: float = NORM_EPSILON
    ) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))
        self.register_buffer("mean", torch.zeros(channels))
        self.register_buffer("var", torch.ones(channels))
        self.momentum, self.epsilon = momentum, epsilon

    def forward(self, x: Tensor) -> Tensor:
        """Return ``x`` (N, C, H, W) normalised by its own (training) or the running statistics."""
        return F.batch_norm(
            x,
            self.mean,
            self.var,
            self.weight,
            self.bias,
            self.training,
            self.momentum,
            self.epsilon,
        )


class MaxPool(nn.Module):
    """Maximum over windows; padded positions never win."""

    def __init__(self, kernel: Pair, stride: Pair, dilation: Pair, pads: Pads) -> None:
        super().__init__()
        self.kernel, self.stride, self.dilation = kernel, stride, dilation
        self.before, self.padding = _split_pads(pads, kernel)

    def forward(self, x: Tensor) -> Tensor:
        """Return (N, C, H_out, W_out) of ``x`` (N, C, H, W)."""
        if self.before:
            x = F.pad(x, self.before, value=float("-inf"))
        return F.max_pool2d(x, self.kernel, self.stride, self.padding, self.dilation)


class AvgPool(nn.Module):
    """Mean over the positions of each window that lie inside the input."""

    correction: Tensor | None

    def __init__(self, kernel: Pair, stride: Pair, pads: Pads, size: Pair) -> None:
        super().__init__()
        self.kernel, self.stride = kernel, stride
        self.before, self.padding = _split_pads(pads, kernel)
        self.register_buffer("correction", None, persistent=False)
        if self.before:
            inside = F.avg_pool2d(F.pad(torch.ones(1, 1, *size), self.before), kernel, stride)
            self.correction = torch.where(inside > 0, 1 / inside, 0.0)

    def forward(self, x: Tensor) -> Tensor:
        """Return (N, C, H_out, W_out) of ``x`` (N, C, H, W)."""
        if self.before:
            x = F.pad(x, self.before)
        x = F.avg_pool2d(x, self.kernel, self.stride, self.padding, count_include_pad=False)
        return x if self.correction is None else x * self.correction


class Zero(nn.Module):
    """Zeros of the input's shape, thinned out by the stride."""

    def __init__(self, stride: Pair) -> None:
        super().__init__()
        self.stride = stride

    def forward(self, x: Tensor) -> Tensor:
        """Return zeros (N, C, ceil(H / s_h), ceil(W / s_w)) of ``x`` (N, C, H, W)."""
        return torch.zeros_like(x[:, :, :: self.stride[0], :: self.stride[1]])


class Elementwise(nn.Module):
    """A function without weights."""

    def __init__(self, function: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: Tensor) -> Tensor:
        """Return the function of ``x`` (N, C, H, W)."""
        return self.function(x)


class _Pad:
    """Constant padding, a value that can be copied and sent to another process."""

    def __init__(self, widths: Pads, value: float) -> None:
        self.widths, self.value = widths, value

    def __call__(self, x: Tensor) -> Tensor:
        return F.pad(x, self.widths, value=self.value)


def _spatial_mean(x: Tensor) -> Tensor:
    return x.mean((2, 3), keepdim=True)


_PASS = ("input", "output", "identity", "add", "mul", "concat")
_ELEMENTWISE: dict[str, Callable[[Tensor], Tensor]] = {
    "relu": torch.relu,
    "relu6": F.relu6,
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "swish": F.silu,
    "hardswish": F.hardswish,
    "hardsigmoid": F.hardsigmoid,
    "gelu": F.gelu,
    "mean": _spatial_mean,
    "global": _spatial_mean,
}


def _pair(values: object) -> Pair:
    first, second = values.tolist()  # type: ignore[attr-defined]
    return int(first), int(second)


def _split_pads(pads: Pads, kernel: Pair | None = None) -> tuple[Pads | None, Pair]:
    """Return what ``F.pad`` adds first (left, right, top, bottom; None: nothing) and what the
    operation itself pads.

    An operation pads both sides alike, a pool (``kernel`` given) at most half its window.
    """
    top, left, bottom, right = pads
    alike = top == bottom and left == right
    if alike and (kernel is None or (2 * top <= kernel[0] and 2 * left <= kernel[1])):
        return None, (top, left)
    return (left, right, top, bottom), (0, 0)
