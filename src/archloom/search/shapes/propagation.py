"""Shape propagation: give a segment the resolutions and strides that fit a wanted interface.

A replacement segment was mined elsewhere, with other tensor sizes. Propagation keeps its operations
and picks new channels, sizes and strides, so that given shapes enter and wanted shapes leave, at
the least change (AutoGO spec 5.5; corrections: spec 8.1, B3 to B5; model: ``shape_rules.Rules``).
"""

from __future__ import annotations

import time
from collections import Counter, OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from archloom.errors import ConfigError, SearchError
from archloom.graph.graph import Graph
from archloom.search.shapes.highs import HighsSolver
from archloom.search.shapes.problem import (
    Assignment,
    Plan,
    Rejection,
    Shape,
    ShapeProblem,
    objective,
    plan_segment,
    pose,
    violation,
)
from archloom.search.shapes.pyomo import solve_with_pyomo
from archloom.search.shapes.reduction import Infeasible, Reduction
from archloom.search.shapes.rules import CORRECTED, LEGACY, Rules, Spatial, stride_between


@dataclass(frozen=True)
class Propagation:
    """The outcome for one segment and interface.

    status      "optimal", or how it failed: "infeasible", "rejected-" and op, padding, concat or
                forward, "unstable", "unsolved"
    objective   the minimum, None unless optimal
    resolution  (n, 6) int32: H_in, H_out, W_in, W_out, C_in, C_out; None unless optimal
    stride      (n, 2) int16: s_h, s_w with out == ceil(in / s), 1 where there is no window; None
                unless optimal
    reason      what went wrong, "" if optimal
    """

    status: str
    objective: float | None = None
    resolution: NDArray[np.int32] | None = None
    stride: NDArray[np.int16] | None = None
    reason: str = ""

    @property
    def succeeded(self) -> bool:
        """Whether the segment fits."""
        return self.status == "optimal"

    def apply(self, segment: Graph) -> Graph:
        """Return ``segment`` with the new shapes and strides; ``SearchError`` after a failure."""
        if self.resolution is None or self.stride is None:
            raise SearchError(
                f"this segment does not fit the interface ({self.status}: {self.reason}): "
                "check `succeeded` before `apply`."
            )
        return segment.replace(resolution=self.resolution, stride=self.stride)


@dataclass
class PropagationStats:
    """What a propagator did: calls, calls answered from memory, outcomes and solving time."""

    calls: int = 0
    hits: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0

    @property
    def success_rate(self) -> float:
        """Share of calls that ended optimal (0 without calls)."""
        return self.outcomes["optimal"] / self.calls if self.calls else 0.0

    @property
    def ms_per_solve(self) -> float:
        """Mean time of a call that was not answered from memory, in ms (0 without any)."""
        solved = self.calls - self.hits
        return 1e3 * self.seconds / solved if solved else 0.0

    @classmethod
    def from_dict(cls, entry: Mapping[str, Any]) -> Self:
        """Return what ``to_dict`` made an entry of; raises ``KeyError`` for one that lacks some."""
        outcomes = Counter(entry["outcomes"])
        return cls(entry["calls"], entry["hits"], outcomes, float(entry["seconds"]))

    def to_dict(self) -> dict[str, Any]:
        """Return the counts as JSON values."""
        return {
            "calls": self.calls,
            "hits": self.hits,
            "outcomes": dict(sorted(self.outcomes.items())),
            "seconds": self.seconds,
        }

    def add(self, other: PropagationStats) -> None:
        """Add the counts of another worker."""
        self.calls += other.calls
        self.hits += other.hits
        self.outcomes.update(other.outcomes)
        self.seconds += other.seconds


class Propagator:
    """Solves propagation problems and remembers the last ``memory`` outcomes and segments.

    solver: "highs" (in process, default) or "pyomo:NAME" for a solver that Pyomo knows. Anything
    else raises ``ConfigError``. Optimal status and objective do not depend on the solver; where
    several optima exist the shapes may.
    """

    def __init__(
        self, rules: Rules = CORRECTED, *, solver: str = "highs", memory: int = 50_000
    ) -> None:
        kind, _, name = solver.partition(":")
        if solver != "highs" and not (kind == "pyomo" and name):
            raise ConfigError(
                f'search.solver = "{solver}": write "highs", or "pyomo:NAME" with the name of a '
                'Pyomo solver, for example "pyomo:appsi_highs".'
            )
        self.rules = rules
        self.stats = PropagationStats()
        self._pyomo_solver = name
        self._highs = HighsSolver()
        self._memory = memory
        self._plans: OrderedDict[bytes, Plan | Rejection] = OrderedDict()
        self._outcomes: OrderedDict[tuple[bytes, ...], Propagation] = OrderedDict()

    def __call__(
        self, segment: Graph, source_shapes: ArrayLike, sink_shapes: ArrayLike
    ) -> Propagation:
        """Fit ``segment`` between ``source_shapes`` and ``sink_shapes``, both (k, 3): H, W, C.

        Row i enters the i-th source and must leave the i-th sink, in ascending node order. Shapes
        that do not match the segment raise ``SearchError``.
        """
        given = np.ascontiguousarray(source_shapes, dtype=np.int64)
        wanted = np.ascontiguousarray(sink_shapes, dtype=np.int64)
        name = segment_key(segment)
        key = (name, given.tobytes(), wanted.tobytes())
        self.stats.calls += 1
        outcome = self._outcomes.get(key)
        if outcome is None:
            start = time.perf_counter()
            problem = self._pose(segment, name, given, wanted)
            if isinstance(problem, Rejection):
                outcome = Propagation(problem.status, reason=problem.reason)
            else:
                outcome = self._solve(problem)
            self.stats.seconds += time.perf_counter() - start
            self._outcomes[key] = outcome
            if len(self._outcomes) > self._memory:
                self._outcomes.popitem(last=False)
        else:
            self.stats.hits += 1
            self._outcomes.move_to_end(key)
        self.stats.outcomes[outcome.status] += 1
        return outcome

    def _pose(
        self, segment: Graph, name: bytes, given: NDArray[np.int64], wanted: NDArray[np.int64]
    ) -> ShapeProblem | Rejection:
        """Return the problem; the part that depends on the segment alone is remembered."""
        plan = self._plans.get(name)
        if plan is None:
            plan = self._plans[name] = plan_segment(segment, self.rules)
            if len(self._plans) > self._memory:
                self._plans.popitem(last=False)
        if isinstance(plan, Rejection):
            return plan
        entries = _interface(given, plan.sources, plan, "source")
        return pose(plan, self.rules, entries, _interface(wanted, plan.sinks, plan, "sink"))

    def _solve(self, problem: ShapeProblem) -> Propagation:
        """Solve one problem and check the shapes against every constraint."""
        if self._pyomo_solver:
            status, shapes = solve_with_pyomo(problem, self._pyomo_solver)
        else:
            status, shapes = self._solve_reduced(problem)
        if shapes is None:
            reason = {"infeasible": "no choice of channels and strides fits the interface"}
            return Propagation(status, reason=reason.get(status, f"the solver ended {status}"))
        broken = violation(problem, shapes)
        if broken is not None:
            return Propagation("unstable", reason=f"after rounding, {broken}")
        return _outcome(problem, shapes)

    def _solve_reduced(self, problem: ShapeProblem) -> tuple[str, Assignment | None]:
        """Reduce, and let HiGHS solve what is left."""
        try:
            reduction = Reduction(problem)
        except Infeasible:
            return "infeasible", None
        if not reduction.program.cost:
            return "optimal", reduction.assign([])
        status, columns = self._highs.solve(reduction.program)
        return status, reduction.assign(columns) if status == "optimal" else None


def propagate(
    segment: Graph,
    source_shapes: ArrayLike,
    sink_shapes: ArrayLike,
    *,
    rules: Rules = CORRECTED,
    solver: str = "highs",
) -> Propagation:
    """Solve one problem of shapes (k, 3) without memory; see ``Propagator`` for the arguments."""
    return Propagator(rules, solver=solver, memory=0)(segment, source_shapes, sink_shapes)


def segment_key(segment: Graph) -> bytes:
    """Return what propagation depends on: operations, edges and windows in this very numbering.

    The canonical hash of a graph will not do, it is equal for renumbered segments.
    """
    arrays = (
        segment.op,
        segment.in_ptr,
        segment.in_src,
        segment.kernel,
        segment.stride,
        segment.dilation,
        segment.padding,
        segment.pads,
    )
    return b"".join([array.tobytes() for array in arrays])


def _interface(
    shapes: NDArray[np.int64], ends: list[int], plan: Plan, end: str
) -> list[list[Shape]]:
    """Return the outside shapes of every node: one for each of ``ends``, the sources or sinks."""
    if shapes.shape != (len(ends), 3) or (shapes < 1).any():
        raise SearchError(
            f"{end} shapes {shapes.tolist()} do not fit the segment: give one row (H, W, C) of "
            f"positive numbers for each of its {len(ends)} {end}s."
        )
    by_node: list[list[Shape]] = [[] for _ in plan.order]
    for node, shape in zip(ends, shapes.tolist(), strict=True):
        by_node[node].append(tuple(shape))
    return by_node


def _outcome(problem: ShapeProblem, shapes: Assignment) -> Propagation:
    """Return the arrays of a valid solution, read-only."""
    both = np.array([shapes.inputs, shapes.outputs], dtype=np.int32)
    resolution = np.ascontiguousarray(both.transpose(1, 2, 0)).reshape(-1, 6)
    strides = np.array(
        [_stride(problem, node, shapes) for node in range(len(resolution))], dtype=np.int16
    )
    resolution.setflags(write=False)
    strides.setflags(write=False)
    return Propagation("optimal", float(objective(problem, shapes)), resolution, strides)


def _stride(problem: ShapeProblem, node: int, shapes: Assignment) -> tuple[int, int]:
    """Return the stride of a node; the legacy model truncates and keeps that of depthwise (B4)."""
    rule = problem.plan.rules[node]
    given, made = shapes.inputs[node], shapes.outputs[node]
    if rule.spatial is not Spatial.CHOOSE:
        height, width = problem.plan.strides[node] if rule.has_window else (1, 1)
        return height, width
    if problem.rules.legacy:
        return given[0] // made[0], given[1] // made[1]
    return stride_between(given, made)


__all__ = [
    "CORRECTED",
    "LEGACY",
    "Propagation",
    "PropagationStats",
    "Propagator",
    "Rules",
    "propagate",
    "segment_key",
]
