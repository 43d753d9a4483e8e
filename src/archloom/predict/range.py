"""How far a network is from the networks that a predictor was trained on.

A network is described by a few figures that people can read: shares of operations and kernels, and
sizes as powers of two. Each is measured in units of its spread over the training graphs (never less
than ``_LEAST``), and the distance is the root mean square over all figures to the nearest training
graph. The limit is what the training graphs themselves keep: the 99 % quantile of the distance of
each to the nearest other one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from archloom.errors import DataError
from archloom.graph import OPS, Graph, flops, parameters
from archloom.graph.ops import FIRST_OWN_CODE

QUANTILE = 0.99
FEWEST = 3
MOST_POINTS = 512
"""Training graphs that are kept; more are thinned at random, with a fixed seed."""

_OPERATIONS = {
    "convolutions": "conv",
    "depthwise convolutions": "depthwise",
    "batch norms": "batchnorm",
    "activations": "relu relu6 sigmoid tanh swish gelu",
    "additions": "add",
    "products": "mul",
    "concatenations": "concat",
    "pools": "maxpool avgpool",
    "linear layers": "matmul",
}
_UNKNOWN = "operations that the predictor does not know"
_KERNELS = ("1x1 kernels", "3x3 kernels", "larger kernels")
_SIZES = (
    "nodes",
    "depth",
    "edges per node",
    "input height",
    "least height",
    "most channels",
    "typical channels",
    "FLOPs",
    "parameters",
)
NAMES = (*(f"share of {name}" for name in (*_OPERATIONS, _UNKNOWN, *_KERNELS)), *_SIZES)
"""What a network is described by; sizes count in powers of two."""
_N_SHARES = len(NAMES) - len(_SIZES)
_LEAST = np.array([0.05] * _N_SHARES + [0.5] * len(_SIZES))


def describe(graph: Graph) -> NDArray[np.float64]:
    """Return ``(len(NAMES),)`` figures of a graph."""
    operations = [
        float(np.isin(graph.op, [OPS.code(name) for name in names.split()]).mean())
        for names in _OPERATIONS.values()
    ]
    unknown = float((graph.op >= FIRST_OWN_CODE).mean())
    kernel = graph.kernel[graph.is_weighted & (graph.kernel[:, 0] > 0)].max(axis=1, initial=0)
    kernels = [float(found.mean()) if len(kernel) else 0.0 for found in _by_size(kernel)]
    shares = [*operations, unknown, *kernels]
    return np.array([*shares, *np.log2(np.maximum(_sizes(graph), 1e-3))])


def _by_size(kernel: NDArray[np.int16]) -> tuple[NDArray[np.bool_], ...]:
    return kernel == 1, kernel == 3, (kernel != 1) & (kernel != 3)


def _sizes(graph: Graph) -> list[float]:
    height_in, height_out = graph.resolution[graph.sources, 0], graph.resolution[:, 1]
    channels = graph.resolution[graph.is_weighted, 5]
    spatial = height_out[height_out > 1]
    return [
        graph.n_nodes,
        len(graph.levels),
        graph.n_edges / max(graph.n_nodes, 1),
        float(height_in.max(initial=1)),
        float(spatial.min(initial=int(height_in.max(initial=1)))),
        float(graph.resolution[:, 5].max(initial=1)),
        float(np.median(channels)) if len(channels) else 1.0,
        flops(graph, "mac"),
        parameters(graph),
    ]


@dataclass(frozen=True)
class Place:
    """Where a network lies: distance to the nearest training graph, and the training graphs' own
    limit; ``why`` names what differs most from that graph.
    """

    distance: float
    limit: float
    why: tuple[str, ...] = ()

    @property
    def inside(self) -> bool:
        """Whether the predictor has seen something like it."""
        return self.distance <= self.limit

    @property
    def words(self) -> str:
        """What people should know of a score at this place."""
        figures = f"distance {self.distance:.2g}, training graphs reach {self.limit:.2g}"
        if self.inside:
            return f"within the predictor's range ({figures})"
        return f"outside the predictor's range ({figures}): do not trust the score"


@dataclass(frozen=True, eq=False)
class TrainingRange:
    """The training graphs of a predictor, as far as it takes to judge others.

    points   (p, len(NAMES)) figures of training graphs
    scale    (len(NAMES),) unit of each figure
    limit    distance up to which a network counts as seen
    """

    points: NDArray[np.float32]
    scale: NDArray[np.float32]
    limit: float

    @classmethod
    def of(cls, graphs: Sequence[Graph]) -> Self:
        """Measure it; fewer than ``FEWEST`` graphs raise ``DataError``."""
        if len(graphs) < FEWEST:
            raise DataError(f"{len(graphs)} graphs make no range: give at least {FEWEST}.")
        chosen = np.arange(len(graphs))
        if len(graphs) > MOST_POINTS:
            chosen = np.sort(np.random.default_rng(0).permutation(chosen)[:MOST_POINTS])
        points = np.array([describe(graphs[k]) for k in chosen.tolist()], dtype=np.float32)
        scale = np.maximum(points.std(axis=0), _LEAST).astype(np.float32)
        apart = _distances(points, points, scale)
        np.fill_diagonal(apart, np.inf)
        return cls(points, scale, float(np.quantile(apart.min(axis=1), QUANTILE)))

    def places(self, graphs: Sequence[Graph]) -> list[Place]:
        """Return where each graph lies."""
        if not graphs:
            return []
        found = np.array([describe(graph) for graph in graphs], dtype=np.float32)
        apart = _distances(found, self.points, self.scale)
        nearest = apart.argmin(axis=1)
        return [
            Place(float(apart[i, k]), self.limit, self._why(found[i], self.points[k]))
            for i, k in enumerate(nearest.tolist())
        ]

    def _why(self, found: NDArray[np.float32], nearest: NDArray[np.float32]) -> tuple[str, ...]:
        """Return the three figures that differ most, as people write them."""
        apart = np.abs(found - nearest) / self.scale
        return tuple(
            f"{NAMES[k]}: {_text(k, found[k])}, nearest {_text(k, nearest[k])}"
            for k in np.argsort(-apart)[:3].tolist()
            if apart[k] > 0
        )


def _distances(
    some: NDArray[np.float32], others: NDArray[np.float32], scale: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Return ``(len(some), len(others))`` root mean square differences in units of ``scale``."""
    left, right = some / scale, others / scale
    return np.sqrt(((left[:, None] - right[None]) ** 2).mean(axis=2))


def _text(index: int, value: float) -> str:
    return f"{100 * value:.0f} %" if index < _N_SHARES else f"{2.0**value:,.3g}"
