"""Objectives by name, user functions, tables, and the goals that a search is given."""

from itertools import count

import numpy as np
import pytest

from archloom.errors import ConfigError, DataError, SearchError
from archloom.graph import flops, parameters
from archloom.graph.memory import peak_activations
from archloom.search.goals import Goals
from archloom.search.graphs.evolution import GraphSearch, evolve
from archloom.search.latency import EstimatedLatency, MeasuredLatency, TabledLatency
from archloom.search.objectives import CustomObjective, objective_of
from archloom.train.latency import Comparison, Latency, Timing
from archloom.train.latency_table import LatencyTable, measure_table
from search_world import make_mutator

QUICK = Timing(warm_up=0, repeats=3)


def depth(graph) -> float:
    return float(len(graph.levels))


def picky(graph) -> float:
    if graph.n_nodes % 3 == 0:
        raise ValueError("a multiple of three")
    return float("nan") if graph.n_nodes % 3 == 1 else depth(graph)


@pytest.mark.parametrize(
    ("name", "function"),
    [("flops", flops), ("params", parameters), ("activations", peak_activations)],
)
def test_counts_are_those_of_the_graphs(name, function, network):
    graphs = [network, network.subgraph(range(network.n_nodes - 1))]
    assert objective_of(name).values(graphs).tolist() == [function(g) for g in graphs]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("flop", "did you mean flops"),
        ("nothing.here:f", "No module named 'nothing'"),
        ("search_world:nothing", "has no attribute 'nothing'"),
        ("search_world:SETTINGS", "no function"),
        ("latency:tvm", "onnxruntime or torch"),
        ("some words", "is not known"),
    ],
)
def test_a_name_that_is_not_known_gets_advice(text, message):
    with pytest.raises(ConfigError, match=message):
        objective_of(text)


def test_a_function_is_named_by_its_module_and_minimised_unless_told_otherwise():
    least = objective_of("archloom.graph:parameters")
    most = objective_of("max:archloom.graph:parameters")
    assert (least.name, least.maximise, most.maximise) == ("parameters", False, True)
    assert least.identity == "archloom.graph.counters:parameters"


def test_goals_name_every_figure_once_and_add_the_default_limits():
    goals = Goals.of(["params", "score"], ["activations<=1e6"])
    assert goals.names == ("score", "flops", "params", "activations")
    assert goals.columns == [2, 0] and goals.maximise.tolist() == [False, True]
    assert [str(one) for one in goals.constraints] == ["score>0%", "activations<=1000000"]
    assert [str(one) for one in Goals.of().constraints] == ["score>0%", "flops<10%"]
    assert [str(one) for one in Goals.of(["flops"], ["score>=0", "flops<0%"]).constraints] == [
        "score>=0",
        "flops<0%",
    ]


@pytest.mark.parametrize(
    ("objectives", "constraints", "message"),
    [
        ([], [], "at least one"),
        (["latency", "measured_latency"], [], "once"),
        (["score"], ["energy<3"], "no objective is called energy"),
    ],
)
def test_goals_that_contradict_themselves_are_refused(objectives, constraints, message):
    with pytest.raises(ConfigError, match=message):
        Goals.of(objectives, constraints)


@pytest.mark.parametrize("objectives", [["params"], ["score", "params", "activations"]])
def test_a_search_finds_the_front_of_any_number_of_objectives(network, objectives):
    goals = Goals.of(objectives, ["score>=-50%", "params<=0%"])
    result = evolve(network, make_mutator(), goals)
    table = result.visited.to_pandas()
    table = table[table.accepted]
    assert result.members
    gains = [1 if one.maximise else -1 for one in goals.objectives]
    points = table[[one.name for one in goals.objectives]].to_numpy() * gains
    for member in result:
        own = np.array([member.values[name] for name in objectives]) * gains
        assert not ((points >= own).all(axis=1) & (points > own).any(axis=1)).any()
        assert member.values["params"] == parameters(member.graph) <= parameters(network)
    assert len(objectives) > 1 or len(result) <= 1


def test_a_function_rejects_what_it_cannot_rate_and_sees_no_graph_twice(network):
    seen = []

    def rate(graph):
        seen.append(graph.hash)
        return picky(graph) if graph.hash != network.hash else depth(graph)

    goals = Goals.of(["score", CustomObjective("depth", function=rate)])
    result = evolve(network, make_mutator(), goals)
    assert len(seen) == len(set(seen)) > 10
    reasons = result.rejected
    assert reasons["no depth: ValueError: a multiple of three"] > 0
    assert reasons["no depth: its value is nan"] > 0
    accepted = result.visited.filter(result.visited["accepted"])["depth"].to_pylist()
    assert None not in accepted and len(accepted) > 1


def test_costly_figures_are_not_asked_for_what_the_cheap_ones_refuse(network):
    asked = []

    def rate(graph):
        asked.append(flops(graph))
        return 0.0

    goals = Goals.of(["score", CustomObjective("rate", function=rate)], ["flops<-20%"])
    result = evolve(network, make_mutator(iterations=1), goals)
    refused = result.visited.filter(result.visited["rate"].is_null())
    assert len(refused) > 0 and max(asked[1:]) <= flops(network)
    assert all(member.flops < 0.8 * flops(network) for member in result)


def test_an_input_without_a_figure_is_refused(network):
    def fail(graph):
        raise OSError("no device")

    with pytest.raises(SearchError, match="the input has no energy: OSError: no device"):
        evolve(network, make_mutator(), Goals.of([CustomObjective("energy", function=fail)]))


def test_a_target_is_reached_in_several_steps_and_the_front_holds_nothing_less(network):
    goals = Goals.of(["score", "flops"], ["flops<=-30%"])
    result = evolve(network, make_mutator(iterations=3), goals)
    accepted = result.visited.filter(result.visited["accepted"])["flops"].to_pylist()
    limit = 0.7 * flops(network)
    assert any(value > limit for value in accepted[1:])
    assert all(member.flops <= limit for member in result)


def test_goals_of_another_search_are_refused(network, tmp_path):
    evolve(network, make_mutator(iterations=1), folder=tmp_path)
    with pytest.raises(SearchError, match="objectives differ"):
        evolve(network, make_mutator(iterations=1), Goals.of(["score", "params"]), folder=tmp_path)


def test_a_search_that_time_ended_continues_to_the_result_of_an_undisturbed_one(network, tmp_path):
    result = evolve(network, make_mutator(iterations=1000, minutes=1e-6), folder=tmp_path)
    assert result.stopped == "time" and len(result.statistics) == 1
    longer = evolve(network, make_mutator(iterations=2), folder=tmp_path)
    assert longer.stopped == "iterations"
    assert longer.visited.equals(evolve(network, make_mutator(iterations=2)).visited)


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_an_iteration_that_time_cuts_short_keeps_what_is_done(network, n_jobs, monkeypatch):
    looks = count()
    monkeypatch.setattr(GraphSearch, "_out_of_time", lambda self: next(looks) >= 3)
    result = evolve(network, make_mutator(iterations=9), n_jobs=n_jobs)
    assert [entry["parents"] for entry in result.statistics] == [0, 1, 1]
    assert result.stopped == "time" and result.statistics[2]["unique"] > 0


def test_graphs_that_time_does_not_suffice_for_are_left_out(network, monkeypatch):
    monkeypatch.setattr("archloom.search.graphs.evolution.COSTLY_CHUNK", 5)
    looks = count()
    monkeypatch.setattr(GraphSearch, "_out_of_time", lambda self: next(looks) >= 3)
    goals = Goals.of(["score", CustomObjective("depth", function=depth)])
    result = evolve(network, make_mutator(iterations=9), goals)
    assert result.statistics[1]["unique"] == len(result.visited) - 1 == 10
    assert result.stopped == "time"


def test_estimated_latency_measures_each_operator_once_and_the_front_again(network):
    objective = EstimatedLatency(timing=QUICK)
    result = evolve(network, make_mutator(iterations=1), Goals.of(["score", objective]))
    entries = len(objective.table.entries)
    objective.values([network, *(member.graph for member in result)])
    assert len(objective.table.entries) == entries
    assert result.members
    for member in result:
        assert member.latency.own.median > 0 and member.latency.reference.median > 0
        assert member.values["latency"] >= 0  # zero where an empty network took no less time


@pytest.mark.parametrize(
    ("limit", "holds"), [("latency<=-15%", True), ("latency<=-30%", False), ("latency<9", True)]
)
def test_limits_are_checked_against_what_is_measured_again(limit, holds):
    goals = Goals.of(["score", EstimatedLatency(timing=QUICK)], [limit])
    own, base = Latency(8.0, 7.0, 9.0), Latency(10.0, 9.0, 11.0)
    assert goals.confirmed(Comparison(own, base, ratio=0.8)) is holds


def test_measured_latency_says_which_graph_cannot_run(network):
    broken = network.replace(
        op=np.where(network.op == network.op[3], 27, network.op).astype(np.int16)
    )
    good, bad = MeasuredLatency(timing=QUICK).values([network, broken])
    assert good > 0 and isinstance(bad, str)


def test_a_table_adds_up_and_names_what_it_lacks(network, tmp_path):
    full = measure_table([network], QUICK)
    full.write(tmp_path / "table.json")
    objective = objective_of(f"table:{tmp_path / 'table.json'}")
    assert isinstance(objective, TabledLatency)
    assert objective.values([network]) == full.latencies([network])
    key = next(key for key in full.entries if key.startswith("conv"))
    lacking = LatencyTable({k: v for k, v in full.entries.items() if k != key}, full.fuses)
    (reason,) = TabledLatency(table=lacking).values([network])
    assert key in reason
    with pytest.raises(DataError, match="missing.csv"):
        objective_of(f"table:{tmp_path / 'missing.csv'}")
