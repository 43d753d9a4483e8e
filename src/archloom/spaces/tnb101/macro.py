"""TransNAS-Bench-101, macro space: 3,256 layouts of four to six stages of residual blocks.

An architecture is the benchmark's own string ``64-<stages>-basic``, a digit per stage (see
``tasks``): one to four stages have stride 2, one to three double the channels. A block is twice
ReLU, a 3x3 convolution and batch norm, and a shortcut, which is a 1x1 convolution with batch norm
where the block changes the map; nothing is activated behind the sum.

Variants ``benchmark`` and ``upstream`` are the same network. ``tasks.TASKS`` has the skeletons of
the tasks; ``FULL`` is that of scene classification.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import product

from archloom.errors import GraphError
from archloom.graph import Graph, GraphBuilder
from archloom.spaces.common import Skeleton, Variant, conv_bn, graph_name, shuffled
from archloom.spaces.common import take as take_first
from archloom.spaces.tnb101 import tasks

FAMILY = "tnb101_macro"
STAGES = (4, 5, 6)
STRIDES, DOUBLINGS = (1, 2, 3, 4), (1, 2, 3)
"""How many stages may have stride 2, and how many may double the channels."""
_PATTERN = re.compile(rf"{tasks.BASE}-([1-4]{{{STAGES[0]},{STAGES[-1]}}})-basic")

FULL, REDUCED = tasks.FULL, tasks.REDUCED


def parse(architecture: str) -> str:
    """Return the digits of the stages; raises ``GraphError`` outside the space."""
    match = _PATTERN.fullmatch(architecture)
    if match is None or not _is_in_space(match[1]):
        raise GraphError(
            f"{architecture!r} is not a layout of TransNAS-Bench-101: write {tasks.BASE}-STAGES-"
            "basic with four to six digits 1 (plain), 2 (more channels), 3 (stride 2) and 4 "
            "(both), of which one to four are 3 or 4, and one to three are 2 or 4."
        )
    return match[1]


def build(architecture: str, skeleton: Skeleton = FULL, variant: Variant = "benchmark") -> Graph:
    """Return the network of a layout."""
    stages = parse(architecture)
    b = GraphBuilder(graph_name(architecture, skeleton, variant), FAMILY)
    return tasks.network(b, stages, skeleton, _block)


def sample(
    count: int, seed: int, skeleton: Skeleton = FULL, variant: Variant = "benchmark"
) -> list[Graph]:
    """Return ``count`` different random layouts (at most all), the first k for any ``count``."""
    layouts = list(enumerate_all())
    graphs = (build(layouts[i], skeleton, variant) for i in shuffled(len(layouts), seed))
    return take_first(graphs, count)


def enumerate_all() -> Iterator[str]:
    """Yield the 3,256 architectures, short ones first, then in the order of their digits."""
    stages = ("".join(digits) for count in STAGES for digits in product("1234", repeat=count))
    return (f"{tasks.BASE}-{one}-basic" for one in stages if _is_in_space(one))


def _is_in_space(stages: str) -> bool:
    strides, doublings = (
        sum(digit in kind for digit in stages) for kind in (tasks.STRIDED, tasks.DOUBLING)
    )
    return strides in STRIDES and doublings in DOUBLINGS


def _block(b: GraphBuilder, x: int, width: int, stride: int) -> int:
    y = tasks.relu_conv(b, tasks.relu_conv(b, x, width, 3, stride), width, 3)
    if stride > 1 or b.shape(x)[2] != width:
        x = conv_bn(b, x, width, 1, stride, padding="valid")
    return b.add([y, x])
