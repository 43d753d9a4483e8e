"""Exact reduction of a shape-propagation problem to a small 0-1 program.

All tensors that must have the same size on one axis form a *class* (union-find over the inputs and
outputs of the nodes), so edge flows and immutable nodes vanish. A class has a *domain*: the few
values that its fixed shapes and the choices of its producers leave. What remains are

relations  a window operation permits only some pairs (input class value, output class value)
sums       the class behind a concat is the sum of the operands' classes (it may have no domain)
joints     legacy only: |sum of three classes - constant|, an objective term

Domains shrink until no relation or sum can remove a value: an empty one proves that the problem is
infeasible. A class that appears in no remaining relation, sum or joint takes its cheapest value;
the others go to the solver, one binary column per value.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from itertools import product
from math import prod
from typing import NamedTuple

from archloom.search.shapes.problem import Assignment, Shape, ShapeProblem, window_permits, within
from archloom.search.shapes.program import Key, Program
from archloom.search.shapes.rules import Spatial

LARGEST_SUM_TABLE = 256
"""A sum over classes with more value combinations than this filters no domains (the row does)."""


class Infeasible(Exception):
    """A class has no possible value left; becomes the status "infeasible"."""


class Relation(NamedTuple):
    """A window or padding between two classes."""

    before: Key
    after: Key
    permits: Callable[[Shape, Shape], bool]
    image: Callable[[Shape], Shape] | None


class Sum(NamedTuple):
    """The channels behind a concat: total = constant + sum of count x operand."""

    total: Key
    operands: dict[Key, int]
    constant: int


class Joint(NamedTuple):
    """The term weight x |sum of parts - centre|."""

    weight: float
    parts: list[Key]
    centre: int


class Reduction:
    """The classes of one problem; ``program`` is left for a solver, ``assign`` reads it back.

    Raises ``Infeasible`` when the domains prove that there is no solution.
    """

    def __init__(self, problem: ShapeProblem) -> None:
        self.problem = problem
        self.axes = problem.rules.axes
        self.channel_axis = len(self.axes) - 1
        self.roots = [self._classes(axis) for axis in range(len(self.axes))]
        self.domains: dict[Key, list[Shape]] = {}
        self.relations: list[Relation] = []
        self.sums: list[Sum] = []
        self._fix_and_relate()
        self._filter()
        self.linear: defaultdict[Key, float] = defaultdict(float)
        self.deviations: list[tuple[Key, float, Shape, bool]] = []
        self.joints: list[Joint] = []
        self._collect_costs()
        self.costs = self._cost_tables()
        self.program = self._build_program()

    # --- classes ---

    def _classes(self, axis: int) -> list[int]:
        """Return the root of every tensor on one axis: node i reads 2 i and makes 2 i + 1."""
        plan = self.problem.plan
        parent = list(range(2 * len(plan.order)))

        def find(item: int) -> int:
            while parent[item] != item:
                parent[item] = item = parent[parent[item]]
            return item

        on_channels = axis == self.channel_axis
        for node, rule in enumerate(plan.rules):
            if rule.keeps_channels if on_channels else rule.spatial is Spatial.KEEP:
                parent[find(2 * node + 1)] = find(2 * node)
            if not (on_channels and rule.sums_channels):
                for operand in plan.operands[node]:
                    parent[find(2 * operand + 1)] = find(2 * node)
        return [find(item) for item in range(len(parent))]

    def before(self, axis: int, node: int) -> Key:
        """Return the class of a node's input."""
        return axis, self.roots[axis][2 * node]

    def after(self, axis: int, node: int) -> Key:
        """Return the class of a node's output."""
        return axis, self.roots[axis][2 * node + 1]

    # --- domains ---

    def _fix_and_relate(self) -> None:
        """Restrict classes to fixed shapes and choices, and note relations and sums."""
        problem = self.problem
        for node in problem.plan.order:
            rule = problem.plan.rules[node]
            for axis, dimensions in enumerate(self.axes):
                on_channels = axis == self.channel_axis
                summed = on_channels and rule.sums_channels
                for shape in () if summed else problem.entries[node]:
                    self._restrict(self.before(axis, node), [_part(shape, dimensions)])
                for shape in problem.exits[node]:
                    self._restrict(self.after(axis, node), [_part(shape, dimensions)])
                permitted = problem.choices[axis][node]
                if permitted is not None:
                    self._restrict(self.after(axis, node), permitted)
                if summed:
                    self._add_sum(node)
                elif not on_channels:
                    self._relate(axis, node, rule.spatial)

    def _add_sum(self, node: int) -> None:
        """Note the channel sum of a concat."""
        axis, problem = self.channel_axis, self.problem
        operands = Counter(self.after(axis, other) for other in problem.plan.operands[node])
        constant = sum(shape[2] for shape in problem.entries[node])
        self.sums.append(Sum(self.after(axis, node), dict(operands), constant))

    def _relate(self, axis: int, node: int, spatial: Spatial) -> None:
        """Note how H, W or both of a node's output depend on its input."""
        before, after = self.before(axis, node), self.after(axis, node)
        dimensions = self.axes[axis]
        if spatial is Spatial.UNIT:
            self._restrict(after, [(1,) * len(dimensions)])
        elif spatial is Spatial.CHOOSE:
            permits = _legacy_window if self.problem.rules.legacy else _window
            self.relations.append(Relation(before, after, permits, None))
        elif spatial is Spatial.PAD:
            growth = _part(self.problem.plan.growth[node], dimensions)

            def grown(size: Shape) -> Shape:
                return tuple(a + b for a, b in zip(size, growth, strict=True))

            self.relations.append(
                Relation(before, after, lambda given, made: grown(given) == made, grown)
            )

    def _restrict(self, key: Key, permitted: Sequence[Shape]) -> bool:
        """Intersect a domain; return whether it shrank."""
        known = self.domains.get(key)
        if known is None:
            left = [value for value in permitted if within(value, self.problem.rules)]
        else:
            left = [value for value in known if value in permitted]
        if not left:
            raise Infeasible
        self.domains[key] = left
        return known is None or len(left) < len(known)

    def _filter(self) -> None:
        """Remove values that no relation or sum supports, until nothing changes."""
        changed = bool(self.relations or self.sums)
        while changed:
            changed = False
            for before, after, permits, image in self.relations:
                given = self.domains[before]
                if before == after:
                    changed |= self._restrict(
                        after, [size for size in given if permits(size, size)]
                    )
                    continue
                if image is not None:
                    made = [image(size) for size in given]
                else:
                    made = [y for y in self.domains[after] if any(permits(x, y) for x in given)]
                changed |= self._restrict(after, made)
                made = self.domains[after]
                changed |= self._restrict(
                    before, [x for x in given if any(permits(x, y) for y in made)]
                )
            for item in self.sums:
                changed |= self._filter_sum(item)

    def _filter_sum(self, item: Sum) -> bool:
        """Filter the classes of a sum by enumeration, if small; return whether one shrank."""
        keys = list(item.operands)
        tables = [self.domains.get(key) for key in keys]
        known = [table for table in tables if table is not None]
        if len(known) < len(tables) or prod(map(len, known)) > LARGEST_SUM_TABLE:
            return False
        target = self.domains.get(item.total)
        supported: list[set[Shape]] = [set() for _ in keys]
        totals: set[Shape] = set()
        for values in product(*known):
            total = (item.constant + _weighted(values, item.operands.values()),)
            if target is None or total in target:
                totals.add(total)
                for support, value in zip(supported, values, strict=True):
                    support.add(value)
        changed = False
        if target is not None or len(totals) == 1:
            changed |= self._restrict(item.total, sorted(totals))
        for key, support in zip(keys, supported, strict=True):
            changed |= self._restrict(key, sorted(support))
        return changed

    # --- costs ---

    def _collect_costs(self) -> None:
        """Spread the objective over the classes (same terms as ``shape_problem.objective``)."""
        problem, rules = self.problem, self.problem.rules
        for node, weight in enumerate(problem.plan.weights):
            rule = problem.plan.rules[node]
            if weight == 0:
                continue
            for axis, dimensions in enumerate(self.axes):
                after = self.after(axis, node)
                centre = _part(problem.forward[node], dimensions)
                if not rule.is_mutable:
                    self.linear[self.before(axis, node)] += weight * rules.tensor_size
                elif axis == self.channel_axis:
                    if rule.chooses_channels:
                        coefficient = weight * rules.channel_change
                        self.deviations.append((after, coefficient, centre, rules.legacy))
                elif rule.spatial is Spatial.CHOOSE:
                    self.linear[self.before(axis, node)] += weight * rules.downsampling
                    self.linear[after] -= weight * rules.downsampling
                    if not rules.legacy:
                        coefficient = weight * rules.spatial_change
                        self.deviations.append((after, coefficient, centre, False))
            if rules.legacy and rule.is_mutable:
                parts = [self.after(axis, node) for axis in range(len(self.axes))]
                self.joints.append(Joint(weight, parts, sum(problem.forward[node])))

    def _is_open(self, key: Key) -> bool:
        """Whether a class still has more than one value, or no domain."""
        return len(self.domains.get(key, ())) != 1

    def _cost_tables(self) -> dict[Key, list[float]]:
        """Return the cost of every value of every open class; joints with one open part go in."""
        tables: dict[Key, list[float]] = {
            key: [self.linear[key] * sum(value) for value in domain]
            for key, domain in self.domains.items()
            if len(domain) > 1
        }
        for key, weight, centre, only_below in self.deviations:
            for index, value in enumerate(self.domains[key] if key in tables else ()):
                tables[key][index] += weight * _deviation(value, centre, only_below)
        left = []
        for joint in self.joints:
            unknown = [key for key in joint.parts if key in tables]
            if len(unknown) > 1:
                left.append(joint)
            for key in unknown if len(unknown) == 1 else ():
                fixed = sum(self.domains[other][0][0] for other in joint.parts if other != key)
                for index, value in enumerate(self.domains[key]):
                    tables[key][index] += joint.weight * abs(fixed + value[0] - joint.centre)
        self.joints = left
        return tables

    # --- program ---

    def _build_program(self) -> Program:
        """Return the 0-1 program over the open classes that depend on each other."""
        program = Program()
        for before, after, permits, _ in self.relations:
            if before != after and self._is_open(before) and self._is_open(after):
                self._relation_rows(program, before, after, permits)
        for item in self.sums:
            if any(self._is_open(key) for key in (item.total, *item.operands)):
                self._sum_row(program, item)
        for joint in self.joints:
            self._joint_rows(program, joint)
        return program

    def _columns(self, program: Program, key: Key) -> range:
        """Return the columns of an open class, made on first use."""
        if key not in program.columns:
            domain = self.domains.get(key)
            if domain is None:
                limit = float(self.problem.rules.largest)
                columns = program.add_columns([self.linear[key]], limit, binary=False)
            else:
                columns = program.add_columns(self.costs[key], 1.0, binary=True)
                program.rows.append((dict.fromkeys(columns, 1.0), 1.0, 1.0))
            program.columns[key] = columns
        return program.columns[key]

    def _relation_rows(
        self, program: Program, before: Key, after: Key, permits: Callable[[Shape, Shape], bool]
    ) -> None:
        """Each output value needs one of the input values that permit it."""
        table = [[permits(x, y) for x in self.domains[before]] for y in self.domains[after]]
        if all(map(all, table)):
            return
        given, made = self._columns(program, before), self._columns(program, after)
        for column, permitted in zip(made, table, strict=True):
            if not all(permitted):
                row = {other: -1.0 for other, ok in zip(given, permitted, strict=True) if ok}
                row[column] = 1.0
                program.rows.append((row, -float("inf"), 0.0))

    def _expression(
        self, program: Program, terms: Iterable[tuple[Key, float]]
    ) -> tuple[dict[int, float], float]:
        """Return a weighted sum of classes as row coefficients and the constant of fixed ones."""
        row: dict[int, float] = {}
        constant = 0.0
        for key, factor in terms:
            if not self._is_open(key):
                constant += factor * self.domains[key][0][0]
                continue
            columns = self._columns(program, key)
            sizes = [value[0] for value in self.domains.get(key, [(1,)])]
            for column, size in zip(columns, sizes, strict=True):
                row[column] = row.get(column, 0.0) + factor * size
        return row, constant

    def _sum_row(self, program: Program, item: Sum) -> None:
        """Total minus operands equals the constant."""
        terms = [(item.total, 1.0)] + [(key, -float(count)) for key, count in item.operands.items()]
        row, fixed = self._expression(program, terms)
        program.rows.append((row, item.constant - fixed, item.constant - fixed))

    def _joint_rows(self, program: Program, joint: Joint) -> None:
        """A column at least as large as the deviation, in either direction."""
        row, fixed = self._expression(program, [(key, 1.0) for key in joint.parts])
        (slack,) = program.add_columns([joint.weight], float("inf"), binary=False)
        rest = joint.centre - fixed
        program.rows.append(({**row, slack: -1.0}, -float("inf"), rest))
        program.rows.append(({**row, slack: 1.0}, rest, float("inf")))

    # --- solution ---

    def assign(self, columns: Sequence[float]) -> Assignment:
        """Return the whole-number shapes of a solution of ``program`` (its column values)."""
        values: dict[Key, Shape] = {}
        for key, domain in self.domains.items():
            if len(domain) == 1:
                values[key] = domain[0]
            elif key in self.program.columns:
                chosen = [columns[k] for k in self.program.columns[key]]
                values[key] = domain[chosen.index(max(chosen))]
            else:
                costs = self.costs[key]
                values[key] = domain[costs.index(min(costs))]
        for item in self.sums:
            operands = [values[key] for key in item.operands]
            total = item.constant + _weighted(operands, item.operands.values())
            values.setdefault(item.total, (total,))
        inputs, outputs = (
            [self._shape(values, 2 * node + side) for node in range(len(self.problem.plan.order))]
            for side in (0, 1)
        )
        return Assignment(inputs, outputs)

    def _shape(self, values: dict[Key, Shape], tensor: int) -> Shape:
        """Return (H, W, C) of one tensor."""
        shape: Shape = ()
        for axis in range(len(self.axes)):
            shape += values[axis, self.roots[axis][tensor]]
        return shape


def _part(shape: Shape, dimensions: tuple[int, ...]) -> Shape:
    """Return the extents of one axis."""
    return tuple(shape[k] for k in dimensions)


def _weighted(values: Iterable[Shape], counts: Iterable[int]) -> int:
    """Return the sum of count x value."""
    return sum(count * value[0] for value, count in zip(values, counts, strict=True))


def _deviation(value: Shape, centre: Shape, only_below: bool) -> int:
    """Return sum |value - centre|, or only what ``value`` falls short by."""
    return sum(
        max(wanted - extent, 0) if only_below else abs(wanted - extent)
        for extent, wanted in zip(value, centre, strict=True)
    )


_window = partial(window_permits, legacy=False)
_legacy_window = partial(window_permits, legacy=True)
