"""The shape-propagation model written out in Pyomo, unreduced, for any solver that Pyomo knows.

It follows the formulas of AutoGO (spec 5.5) with one variable per tensor, edge and choice, and is
the oracle of the reduced program in the tests.
"""

from __future__ import annotations

from typing import Any

from archloom.errors import ConfigError
from archloom.search.shapes.problem import Assignment, Shape, ShapeProblem, window_permits
from archloom.search.shapes.rules import Spatial

EXACT = {
    "appsi_highs": {"mip_rel_gap": 0.0, "mip_abs_gap": 1e-6, "threads": 1},
    "highs": {"mip_rel_gap": 0.0, "mip_abs_gap": 1e-6, "threads": 1},
}
"""Options that make a solver prove the optimum; others run with their own default gap."""


def solve_with_pyomo(problem: ShapeProblem, solver: str) -> tuple[str, Assignment | None]:
    """Solve with the Pyomo solver called ``solver`` ("appsi_highs", "glpk", "cbc", ...).

    Returns the status ("optimal", "infeasible" or "unsolved") and the shapes. A solver that Pyomo
    does not know or that is not installed raises ``ConfigError``.
    """
    from pyomo.environ import SolverFactory, TerminationCondition, value

    factory = SolverFactory(solver)
    if not factory.available(exception_flag=False):
        raise ConfigError(
            f'search.solver = "pyomo:{solver}": this solver is not installed. Install it, or use '
            '"highs" (built in) or "pyomo:appsi_highs".'
        )
    model = build_model(problem)
    options = EXACT.get(solver, {})
    result = factory.solve(model, load_solutions=False, options=options)
    condition = result.solver.termination_condition
    if condition == TerminationCondition.optimal:
        if hasattr(factory, "load_vars"):
            factory.load_vars()
        else:
            model.solutions.load_from(result)
        nodes = range(len(problem.plan.order))
        inputs, outputs = (
            [tuple(round(value(tensor[node, k])) for k in range(3)) for node in nodes]
            for tensor in (model.given, model.made)
        )
        return "optimal", Assignment(inputs, outputs)
    infeasible = (TerminationCondition.infeasible, TerminationCondition.infeasibleOrUnbounded)
    return ("infeasible" if condition in infeasible else "unsolved"), None


def build_model(problem: ShapeProblem) -> Any:
    """Return the Pyomo model: variables ``given`` and ``made`` are in(n, k) and out(n, k)."""
    from pyomo.environ import (
        ConcreteModel,
        ConstraintList,
        Integers,
        NonNegativeReals,
        Objective,
        Var,
    )

    model = ConcreteModel()
    nodes, rules = range(len(problem.plan.order)), problem.rules
    bounds = (rules.smallest, rules.largest)
    model.given = Var(nodes, range(3), domain=Integers, bounds=bounds)
    model.made = Var(nodes, range(3), domain=Integers, bounds=bounds)
    model.rows = ConstraintList()
    edges = [(u, v) for v in nodes for u in problem.plan.operands[v]]
    model.flow = Var(range(len(edges)), range(3), domain=NonNegativeReals)
    _add_interface(model, problem, edges)
    for node in nodes:
        _add_operation(model, problem, node)
    model.excess = Var(nodes, range(4), domain=NonNegativeReals)
    model.cost = Objective(
        expr=sum(
            weight * _node_cost(model, problem, node)
            for node, weight in enumerate(problem.plan.weights)
            if weight
        )
    )
    return model


def _add_interface(model: Any, problem: ShapeProblem, edges: list[tuple[int, int]]) -> None:
    """Edges carry shapes, entries and exits are fixed, a concat sums the channels it gets."""
    plan = problem.plan
    for edge, (source, target) in enumerate(edges):
        for k in range(3):
            model.rows.add(model.flow[edge, k] == model.made[source, k])
            if not (k == 2 and plan.rules[target].sums_channels):
                model.rows.add(model.flow[edge, k] == model.given[target, k])
    for node, rule in enumerate(plan.rules):
        if rule.sums_channels:
            carried = [model.flow[edge, 2] for edge, (_, to) in enumerate(edges) if to == node]
            outside = sum(shape[2] for shape in problem.entries[node])
            model.rows.add(model.given[node, 2] == sum(carried) + outside)
        for shape in problem.entries[node]:
            for k in range(2 if rule.sums_channels else 3):
                model.rows.add(model.given[node, k] == shape[k])
        for shape in problem.exits[node]:
            for k in range(3):
                model.rows.add(model.made[node, k] == shape[k])


def _add_operation(model: Any, problem: ShapeProblem, node: int) -> None:
    """What one node does to a shape."""
    rule, given, made = problem.plan.rules[node], model.given, model.made
    if rule.keeps_channels:
        model.rows.add(given[node, 2] == made[node, 2])
    for axis, choices in zip(problem.rules.axes, problem.choices, strict=True):
        permitted = choices[node]
        if permitted is not None:
            _add_choice(model, node, axis, permitted)
    for k in (0, 1):
        if rule.spatial is Spatial.UNIT:
            model.rows.add(made[node, k] == 1)
        elif rule.spatial is Spatial.CHOOSE:
            model.rows.add(given[node, k] >= made[node, k])
        else:
            model.rows.add(made[node, k] == given[node, k] + problem.plan.growth[node][k])
    if rule.spatial is Spatial.CHOOSE and not problem.rules.legacy:
        _add_transitions(model, problem, node)


def _add_choice(model: Any, node: int, axis: tuple[int, ...], permitted: list[Shape]) -> None:
    """out(n, k) = sum_t z(n, t) v(n, k, t) with exactly one z, for the dimensions of one axis."""
    from pyomo.environ import Binary, Var

    z = Var(range(len(permitted)), domain=Binary)
    model.add_component(f"z_{node}_{axis[0]}", z)
    model.rows.add(sum(z.values(), 0) == 1 if permitted else model.made[node, axis[0]] == -1)
    for position, k in enumerate(axis):
        chosen = sum(z[t] * value[position] for t, value in enumerate(permitted))
        if permitted:
            model.rows.add(model.made[node, k] == chosen)


def _add_transitions(model: Any, problem: ShapeProblem, node: int) -> None:
    """Pick one pair (input size, output size) for which some integer stride exists."""
    from pyomo.environ import Binary, Var

    pairs = [
        (given, made)
        for given in _possible_inputs(problem, node)
        for made in problem.choices[0][node] or ()
        if window_permits(given, made, legacy=False)
    ]
    q = Var(range(len(pairs)), domain=Binary)
    model.add_component(f"q_{node}", q)
    if not pairs:
        model.rows.add(model.made[node, 0] == -1)
        return
    model.rows.add(sum(q.values()) == 1)
    for k in (0, 1):
        for tensor, side in ((model.given, 0), (model.made, 1)):
            chosen = sum(q[p] * pair[side][k] for p, pair in enumerate(pairs))
            model.rows.add(tensor[node, k] == chosen)


def _possible_inputs(problem: ShapeProblem, node: int) -> list[Shape]:
    """Return every H, W that could reach a node along its first operands."""
    if problem.entries[node]:
        return [problem.entries[node][0][:2]]
    operand = problem.plan.operands[node][0]
    rule = problem.plan.rules[operand]
    if rule.spatial is Spatial.CHOOSE:
        return problem.choices[0][operand] or []
    if rule.spatial is Spatial.UNIT:
        return [(1, 1)]
    grown_h, grown_w = problem.plan.growth[operand]
    return [(h + grown_h, w + grown_w) for h, w in _possible_inputs(problem, operand)]


def _node_cost(model: Any, problem: ShapeProblem, node: int) -> Any:
    """Return the objective term of one node; deviations are variables bounded from below."""
    rule, rules, forward = problem.plan.rules[node], problem.rules, problem.forward[node]
    given, made, excess = model.given, model.made, model.excess
    if not rule.is_mutable:
        return rules.tensor_size * sum(given[node, k] for k in range(3))
    cost: Any = 0
    if rule.spatial is Spatial.CHOOSE:
        cost += rules.downsampling * sum(given[node, k] - made[node, k] for k in (0, 1))
    if rules.legacy:
        total = sum(made[node, k] - forward[k] for k in range(3))
        model.rows.add(made[node, 2] - forward[2] >= -excess[node, 2])
        model.rows.add(total <= excess[node, 3])
        model.rows.add(total >= -excess[node, 3])
        return cost + excess[node, 2] + excess[node, 3]
    dimensions = [(k, rules.spatial_change) for k in (0, 1) if rule.spatial is Spatial.CHOOSE]
    if rule.chooses_channels:
        dimensions.append((2, rules.channel_change))
    for k, coefficient in dimensions:
        model.rows.add(made[node, k] - forward[k] <= excess[node, k])
        model.rows.add(made[node, k] - forward[k] >= -excess[node, k])
        cost += coefficient * excess[node, k]
    return cost
