"""Rules of shape propagation: what every operation may do to a shape, and what a change costs.

Two sets exist. ``CORRECTED`` is the default. ``LEGACY`` is the published model with its bugs
(AutoGO spec 5.5 and 8.1, B3 to B5), kept because its optima are golden values.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from functools import cache
from typing import NamedTuple

from archloom.errors import ConfigError
from archloom.graph.ops import OPS, ShapeRule

SPATIAL_DIVISORS = (1, 2, 4)
"""A window operation may produce its forward-pass H and W divided by one of these."""


@dataclass(frozen=True)
class Rules:
    """Constraints and objective of shape propagation.

    The objective is a sum over nodes, each weighted by its number of descendants in the segment, of

    channel_change   x |C_out - C_forward|            for conv and matmul
    spatial_change   x (|dH| + |dW|) against forward  for conv, depthwise and pools
    downsampling     x (H_in - H_out + W_in - W_out)  for conv, depthwise and pools
    tensor_size      x (H_in + W_in + C_in)           for all other nodes

    where "forward" is the shape that the segment gives the wanted input with its own strides.
    ``largest`` bounds every extent; the lower bound is 1 (legacy: 2). ``legacy`` selects the
    published model, whose coefficients are all 1. Bad values raise ``ConfigError``.
    """

    legacy: bool = False
    channel_change: float = 1
    spatial_change: float = 1
    downsampling: float = 1
    tensor_size: float = 1
    largest: int = 10_000

    def __post_init__(self) -> None:
        names = ("channel_change", "spatial_change", "downsampling", "tensor_size")
        for name in names:
            value = getattr(self, name)
            if not 0 <= value < float("inf"):
                raise ConfigError(f"shape propagation: {name} = {value!r}, give a number >= 0.")
            if self.legacy and value != 1:
                raise ConfigError(
                    f"shape propagation: {name} = {value!r}, but the legacy model has fixed "
                    "coefficients of 1: leave it out, or use the corrected rules."
                )
        if self.largest < self.smallest:
            raise ConfigError(
                f"shape propagation: largest = {self.largest!r}, give at least {self.smallest}."
            )

    @property
    def smallest(self) -> int:
        """Lower bound of every extent."""
        return 2 if self.legacy else 1

    @property
    def axes(self) -> tuple[tuple[int, ...], ...]:
        """Dimensions (of H, W, C) chosen together: H and W share a factor, if corrected."""
        return ((0,), (1,), (2,)) if self.legacy else ((0, 1), (2,))


CORRECTED = Rules()
LEGACY = Rules(legacy=True)


class Spatial(IntEnum):
    """What an operation does to H and W."""

    KEEP = 0
    CHOOSE = 1  # one of a few sizes, the stride follows
    UNIT = 2  # H = W = 1
    PAD = 3  # grows by the stored pads


class NodeRule(NamedTuple):
    """What an operation may do to a shape.

    keeps_channels   C_out = C_in
    chooses_channels C_out is one of {1, 2, 1/2} times the forward value
    sums_channels    C_in = C_out = sum over operands (concat)
    has_window       kernel, stride and padding act on H and W
    """

    spatial: Spatial = Spatial.KEEP
    keeps_channels: bool = True
    chooses_channels: bool = False
    sums_channels: bool = False
    has_window: bool = False

    @property
    def is_mutable(self) -> bool:
        """Whether propagation may change what the operation produces."""
        return self.chooses_channels or self.spatial is Spatial.CHOOSE


_CORRECTED_RULES = {
    ShapeRule.COPY: NodeRule(),
    ShapeRule.WINDOW: NodeRule(Spatial.CHOOSE, has_window=True),
    ShapeRule.WINDOW_CHANNELS: NodeRule(
        Spatial.CHOOSE, keeps_channels=False, chooses_channels=True, has_window=True
    ),
    ShapeRule.CHANNELS: NodeRule(keeps_channels=False, chooses_channels=True),
    ShapeRule.GLOBAL: NodeRule(Spatial.UNIT),
    ShapeRule.CONCAT: NodeRule(sums_channels=True),
    ShapeRule.PAD: NodeRule(Spatial.PAD),
}

_LEGACY_RULES = {
    "conv": NodeRule(Spatial.CHOOSE, keeps_channels=False, chooses_channels=True, has_window=True),
    "avgpool": NodeRule(Spatial.CHOOSE, chooses_channels=True, has_window=True),
    "maxpool": NodeRule(Spatial.CHOOSE, chooses_channels=True, has_window=True),
    "depthwise": NodeRule(has_window=True),
    "concat": NodeRule(sums_channels=True),
}


@cache
def node_rule(code: int, legacy: bool) -> NodeRule | None:
    """Return the rule of an op code, None if propagation cannot handle the operation."""
    op = OPS.by_code(code)
    if legacy:
        return _LEGACY_RULES.get(op.name, NodeRule())
    return _CORRECTED_RULES.get(op.shape)


def is_strided_size(size_in: int, size_out: int) -> bool:
    """Whether some stride s gives ``size_out == ceil(size_in / s)`` (padding "same")."""
    return size_out <= size_in and -(-size_in // -(-size_in // size_out)) == size_out


def stride_between(shape_in: tuple[int, ...], shape_out: tuple[int, ...]) -> tuple[int, int]:
    """Return (s_h, s_w) with ``out == ceil(in / s)`` in H and W, equal ones wherever possible.

    The smallest stride is taken; both sizes must satisfy ``is_strided_size``.
    """
    smallest = [-(-shape_in[k] // shape_out[k]) for k in (0, 1)]
    common = max(smallest)
    if all(-(-shape_in[k] // common) == shape_out[k] for k in (0, 1)):
        return common, common
    return smallest[0], smallest[1]
