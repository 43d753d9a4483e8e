"""One shape-propagation problem as plain data: what is fixed, what may be chosen, what it costs.

Both solvers read it: the reduced HiGHS program (``shape_reduction``) and the Pyomo model
(``shape_pyomo``). Shapes are (H, W, C). Lists indexed by node replace arrays here because segments
have a handful of nodes, where NumPy calls cost more than the work.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from archloom.errors import SearchError
from archloom.graph.graph import Graph
from archloom.graph.ops import OPS, Padding
from archloom.search.shapes.rules import (
    SPATIAL_DIVISORS,
    NodeRule,
    Rules,
    Spatial,
    is_strided_size,
    node_rule,
)

Shape = tuple[int, ...]
"""(H, W, C), or the part of it that belongs to one axis."""


class Rejection(NamedTuple):
    """A segment that cannot be propagated: a countable status and the reason in words."""

    status: str
    reason: str


class Assignment(NamedTuple):
    """Input and output shape of every node."""

    inputs: list[Shape]
    outputs: list[Shape]


@dataclass(frozen=True)
class Plan:
    """What a segment contributes to its problems, whatever the wanted interface.

    order     topological order of the nodes
    operands  predecessors of each node
    weights   number of descendants of each node, its weight in the objective
    strides   stored (s_h, s_w);  growth: (dH, dW) of a paddings node, (0, 0) elsewhere
    """

    names: list[str]
    order: list[int]
    operands: list[list[int]]
    weights: list[int]
    rules: list[NodeRule]
    strides: list[list[int]]
    growth: list[tuple[int, int]]
    sources: list[int]
    sinks: list[int]


@dataclass(frozen=True)
class ShapeProblem:
    """A segment, its wanted interface and the choices of its mutable nodes.

    entries   per node, shapes that arrive from outside (sources: one, others: none)
    exits     per node, shapes that must leave (sinks: one, others: none)
    forward   output shape of each node in the forward pass, the centre of its choices
    choices   per axis of ``rules.axes`` and node: permitted outputs, None if not chosen
    """

    plan: Plan
    rules: Rules
    entries: list[list[Shape]]
    exits: list[list[Shape]]
    forward: list[Shape]
    choices: list[list[list[Shape] | None]]


def plan_segment(segment: Graph, rules: Rules) -> Plan | Rejection:
    """Return the interface-free part of the problems of ``segment``.

    A rejection names an operation or padding that the rules cannot handle; a cycle raises
    ``GraphError``, a segment without nodes ``SearchError``.
    """
    codes = segment.op.tolist()
    if not codes:
        raise SearchError("a segment without nodes has no shapes to propagate: skip it.")
    names = [OPS.by_code(code).name for code in codes]
    node_rules: list[NodeRule] = []
    for node, code in enumerate(codes):
        rule = node_rule(code, rules.legacy)
        if rule is None:
            return Rejection(
                "rejected-op", f"node {node} ({names[node]}): its output shape has no rule"
            )
        if rules.legacy and rule.sums_channels:
            return Rejection(
                "rejected-concat", f"node {node} (concat): the legacy model rejects every concat"
            )
        if rule.has_window and not _pads_like_same(segment, node, rules.legacy):
            return Rejection(
                "rejected-padding",
                f"node {node} ({names[node]}): its padding ties H and W to the kernel, only"
                ' "same", or half padding, can take another stride',
            )
        node_rules.append(rule)
    pointer, source = segment.in_ptr.tolist(), segment.in_src.tolist()
    operands = [source[pointer[node] : pointer[node + 1]] for node in range(len(codes))]
    order = segment.order.tolist()
    pads = segment.pads.tolist()
    return Plan(
        names=names,
        order=order,
        operands=operands,
        weights=_descendants(order, operands),
        rules=node_rules,
        strides=segment.stride.tolist(),
        growth=[
            (pad[0] + pad[2], pad[1] + pad[3]) if rule.spatial is Spatial.PAD else (0, 0)
            for pad, rule in zip(pads, node_rules, strict=True)
        ],
        sources=[node for node, sources in enumerate(operands) if not sources],
        sinks=sorted(set(range(len(codes))).difference(source)),
    )


def _pads_like_same(segment: Graph, node: int, legacy: bool) -> bool:
    """Whether the output is ceil(input / stride) for every stride."""
    padding = int(segment.padding[node])
    if legacy or padding == Padding.SAME:
        return padding == Padding.SAME
    (kernel_h, kernel_w), (rate_h, rate_w) = segment.kernel[node], segment.dilation[node]
    top, left, bottom, right = segment.pads[node] if padding == Padding.EXPLICIT else (0, 0, 0, 0)
    return bool(top + bottom == rate_h * (kernel_h - 1) and left + right == rate_w * (kernel_w - 1))


def _descendants(order: Sequence[int], operands: Sequence[Sequence[int]]) -> list[int]:
    """Return the number of descendants of each node (bit sets over nodes)."""
    below = [0] * len(order)
    for node in reversed(order):
        reached = below[node] | 1 << node
        for operand in operands[node]:
            below[operand] |= reached
    return [nodes.bit_count() for nodes in below]


def pose(
    plan: Plan,
    rules: Rules,
    entries: list[list[Shape]],
    exits: list[list[Shape]],
) -> ShapeProblem | Rejection:
    """Return the problem of a planned segment; ``entries`` and ``exits`` are shapes by node."""
    forward = _forward(plan, rules, entries)
    if isinstance(forward, Rejection):
        return forward
    choices: list[list[list[Shape] | None]] = [
        [
            _choices(rule, shape, axis, rules)
            for rule, shape in zip(plan.rules, forward, strict=True)
        ]
        for axis in rules.axes
    ]
    return ShapeProblem(plan, rules, entries, exits, forward, choices)


def _forward(plan: Plan, rules: Rules, entries: list[list[Shape]]) -> list[Shape] | Rejection:
    """Return the output shapes of the segment with its stored strides; channels are kept.

    Where operands differ the elementwise minimum goes on, which depends on no operand order; the
    legacy rules reject the segment, and truncate where others round up.
    """
    outputs: list[Shape] = [()] * len(plan.order)
    for node in plan.order:
        shapes = [outputs[operand] for operand in plan.operands[node]] + entries[node]
        height, width, channels = shapes[0]
        if shapes.count(shapes[0]) < len(shapes):
            if rules.legacy:
                return Rejection(
                    "rejected-forward", f"node {node} ({plan.names[node]}): operands differ"
                )
            height, width, channels = (min(extents) for extents in zip(*shapes, strict=True))
        rule = plan.rules[node]
        if rule.sums_channels:
            channels = sum(shape[2] for shape in shapes)
        if rule.has_window:
            stride_h, stride_w = plan.strides[node]
            if rules.legacy:
                height, width = height // stride_h, width // stride_w
                if not (height and width):
                    return Rejection(
                        "rejected-forward", f"node {node} ({plan.names[node]}): nothing is left"
                    )
            else:
                height, width = -(-height // stride_h), -(-width // stride_w)
        elif rule.spatial is Spatial.UNIT:
            height = width = 1
        elif rule.spatial is Spatial.PAD:
            grown_h, grown_w = plan.growth[node]
            height, width = height + grown_h, width + grown_w
        outputs[node] = (height, width, channels)
    return outputs


def _choices(
    rule: NodeRule, forward: Shape, axis: tuple[int, ...], rules: Rules
) -> list[Shape] | None:
    """Return the permitted outputs of a node on one axis, the forward value first."""
    if axis == (2,):
        if not rule.chooses_channels:
            return None
        channels = forward[2]
        values: list[Shape] = [(channels,), (2 * channels,), (channels // 2,)]
    else:
        if rule.spatial is not Spatial.CHOOSE:
            return None
        up = 0 if rules.legacy else 1
        values = [
            tuple((forward[k] + up * (divisor - 1)) // divisor for k in axis)
            for divisor in SPATIAL_DIVISORS
        ]
    return [value for value in dict.fromkeys(values) if within(value, rules)]


def within(extents: Shape, rules: Rules) -> bool:
    """Whether all extents respect the bounds."""
    return rules.smallest <= min(extents) and max(extents) <= rules.largest


def window_permits(size_in: Shape, size_out: Shape, legacy: bool) -> bool:
    """Whether a window operation may turn ``size_in`` into ``size_out``.

    Some integer stride must do it exactly; the legacy rules only ask that nothing grows.
    """
    for extent_in, extent_out in zip(size_in, size_out, strict=True):
        if extent_in < extent_out or not (legacy or is_strided_size(extent_in, extent_out)):
            return False
    return True


def violation(problem: ShapeProblem, shapes: Assignment) -> str | None:
    """Return the first constraint that whole-number shapes break, None if they break none."""
    plan, rules = problem.plan, problem.rules
    for node, rule in enumerate(plan.rules):
        given, made = shapes.inputs[node], shapes.outputs[node]
        arriving = [shapes.outputs[k] for k in plan.operands[node]] + problem.entries[node]
        if rule.sums_channels:
            total = sum(shape[2] for shape in arriving)
            arriving = [(*shape[:2], total) for shape in arriving]
        checks = (
            (within(given, rules) and within(made, rules), "an extent is out of bounds"),
            (all(shape == given for shape in arriving), "an operand does not fit its input"),
            (all(shape == made for shape in problem.exits[node]), "it misses its target"),
            (_spatial_holds(problem, node, given, made), "H or W do not follow its rule"),
            (given[2] == made[2] or not rule.keeps_channels, "its channels change"),
            (_is_chosen(problem, node, made), "its output is none of its choices"),
        )
        for holds, problem_text in checks:
            if not holds:
                return f"node {node} ({plan.names[node]}): {problem_text}"
    return None


def _spatial_holds(problem: ShapeProblem, node: int, given: Shape, made: Shape) -> bool:
    """Whether H and W of a node's output follow from its input."""
    spatial = problem.plan.rules[node].spatial
    if spatial is Spatial.CHOOSE:
        return window_permits(given[:2], made[:2], problem.rules.legacy)
    if spatial is Spatial.UNIT:
        return made[:2] == (1, 1)
    grown_h, grown_w = problem.plan.growth[node]
    return made[:2] == (given[0] + grown_h, given[1] + grown_w)


def _is_chosen(problem: ShapeProblem, node: int, made: Shape) -> bool:
    """Whether the output of a node is among its choices on every axis."""
    for axis, choices in zip(problem.rules.axes, problem.choices, strict=True):
        permitted = choices[node]
        if permitted is not None and tuple(made[k] for k in axis) not in permitted:
            return False
    return True


def objective(problem: ShapeProblem, shapes: Assignment) -> float:
    """Return the objective of whole-number shapes (formula: ``Rules``; legacy: AutoGO spec 5.5)."""
    total = 0.0
    for node, weight in enumerate(problem.plan.weights):
        if weight:
            total += weight * _node_cost(problem, node, shapes.inputs[node], shapes.outputs[node])
    return total


def _node_cost(problem: ShapeProblem, node: int, given: Shape, made: Shape) -> float:
    """Return the objective term of one node, without its weight."""
    rule, rules, forward = problem.plan.rules[node], problem.rules, problem.forward[node]
    if not rule.is_mutable:
        return rules.tensor_size * sum(given)
    cost = 0.0
    if rule.spatial is Spatial.CHOOSE:
        cost += rules.downsampling * (sum(given[:2]) - sum(made[:2]))
    if rules.legacy:
        return cost + max(forward[2] - made[2], 0) + abs(sum(made) - sum(forward))
    if rule.spatial is Spatial.CHOOSE:
        cost += rules.spatial_change * sum(abs(made[k] - forward[k]) for k in (0, 1))
    if rule.chooses_channels:
        cost += rules.channel_change * abs(made[2] - forward[2])
    return cost
