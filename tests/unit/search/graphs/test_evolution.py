"""Mutation and the evolution loop: valid children, no repeats, resumable, the same for any number
of processes.
"""

import json
import os
import subprocess
import sys
from collections import Counter

import numpy as np
import pytest

from archloom.errors import ConfigError, FormatError, GraphError, SearchError
from archloom.graph import OPS, check, disjoint_union, flops, infer_shapes
from archloom.io.store import GraphStore
from archloom.search.graphs.evolution import ID_BLOCK, evolve
from archloom.search.graphs.record import save_search
from archloom.search.graphs.settings import SearchSettings
from archloom.search.graphs.stitching import Children
from archloom.search.graphs.validation import validate
from archloom.search.loop import stream
from archloom.segments.tables import write_database
from search_world import ConvCount, make_mutator, make_world


def front(result):
    return [(member.graph.hash, member.score, member.flops) for member in result.members]


@pytest.mark.parametrize("unit", ["segment", "op"])
def test_children_are_valid_distinct_and_scored(network, unit):
    mutator = make_mutator(unit=unit, max_targets=30)
    brood = mutator(network, stream(0, 1, network.hash), ID_BLOCK)
    assert len(brood.hashes) > 10
    assert len(set(brood.hashes)) == len(brood.hashes) == len(brood.scores)
    for child, digest in zip(brood.graphs, brood.hashes, strict=True):
        check(child)
        assert child.hash == digest
        assert np.array_equal(infer_shapes(child).resolution, child.resolution)
        new = np.setdiff1d(child.ids, network.ids)
        assert (new >= ID_BLOCK).all()


def test_the_front_beats_the_input_and_obeys_the_flops_limits(mutator, network):
    result = evolve(network, mutator)
    assert result.members
    for member in result.members:
        assert member.score > result.score
        assert member.flops == flops(member.graph) < 2 * flops(network)
        assert [step["iteration"] for step in member.steps] == sorted(
            s["iteration"] for s in member.steps
        )
        assert member.steps[-1]["iteration"] == member.iteration


def test_no_graph_is_scored_twice_and_every_child_is_accounted_for(mutator, network):
    result = evolve(network, mutator)
    hashes = result.visited["hash"].to_pylist()
    assert len(set(hashes)) == len(hashes)
    for entry in result.statistics[1:]:
        refused = Counter(entry["rejected"])
        assert entry["children"] == entry["unique"] + refused["seen before"]
        judged = sum(number for reason, number in refused.items() if reason.startswith("not "))
        assert entry["unique"] == entry["accepted"] + judged


def test_the_same_seed_gives_the_same_front_for_any_number_of_processes(mutator, network):
    alone, two = evolve(network, mutator, seed=3), evolve(network, mutator, seed=3, n_jobs=2)
    assert front(alone) == front(two)
    assert alone.visited.equals(two.visited)


def test_another_seed_gives_another_search(mutator, network):
    first, second = evolve(network, mutator, seed=0), evolve(network, mutator, seed=1)
    assert first.visited["hash"].to_pylist() != second.visited["hash"].to_pylist()


def test_a_search_that_was_stopped_continues_to_the_same_result(mutator, network, tmp_path):
    class Stop(Exception):
        pass

    def stop(iteration, iterations, done, total):
        if (iteration, done) == (2, 2):
            raise Stop

    whole = evolve(network, mutator)
    with pytest.raises(Stop):
        evolve(network, mutator, folder=tmp_path, progress=stop)
    assert len(list(tmp_path.glob("iteration-*.json"))) == 2
    again = evolve(network, mutator, folder=tmp_path)
    assert front(again) == front(whole)


def test_more_iterations_extend_a_finished_search(network, tmp_path):
    evolve(network, make_mutator(iterations=1), folder=tmp_path)
    longer = evolve(network, make_mutator(iterations=2), folder=tmp_path)
    assert front(longer) == front(evolve(network, make_mutator(iterations=2)))


def test_a_folder_of_another_search_is_refused(mutator, network, tmp_path):
    evolve(network, mutator, folder=tmp_path)
    with pytest.raises(SearchError, match="other settings .*seed"):
        evolve(network, mutator, seed=1, folder=tmp_path)


def test_two_searches_in_one_folder_are_refused(mutator, network, tmp_path):
    def start_a_second_one(*_):
        with pytest.raises(SearchError, match="another search is running"):
            evolve(network, mutator, folder=tmp_path)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        evolve(network, mutator, folder=tmp_path, progress=start_a_second_one)
    assert evolve(network, mutator, folder=tmp_path).members  # the lock went with the run


def test_a_budget_ends_the_search_after_its_iteration(network):
    result = evolve(network, make_mutator(iterations=50, max_visited=2))
    assert len(result.statistics) == 2


def test_a_search_needs_neither_pandas_nor_arrows_computations(tmp_path):
    write_database(make_world()[0], tmp_path)
    code = (
        "import sys, search_world as world\n"
        "from archloom.search.graphs.evolution import evolve\n"
        "from archloom.segments.tables import read_database\n"
        "read_database(sys.argv[1])\n"
        "assert evolve(world.make_network(), world.make_mutator()).members\n"
        "print(*sorted({'pandas', 'pyarrow.compute', 'numpy'} & set(sys.modules)))"
    )
    paths = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", code, str(tmp_path)]
    found = subprocess.run(command, env=paths, capture_output=True, text=True, check=True)
    assert found.stdout.split() == ["numpy"]


def test_a_folder_of_another_version_is_refused_by_name(mutator, network, tmp_path):
    evolve(network, mutator, folder=tmp_path)
    settings = json.loads((tmp_path / "settings.json").read_text())
    (tmp_path / "settings.json").write_text(json.dumps(settings | {"format": "archloom-search/1"}))
    with pytest.raises(FormatError, match=r"'archloom-search/1'.*'archloom-search/2'.*optimise"):
        evolve(network, mutator, folder=tmp_path)


def test_an_invalid_input_is_refused(mutator, network):
    broken = network.replace(resolution=network.resolution + 1)
    with pytest.raises(GraphError, match="node"):
        evolve(broken, mutator)


def test_an_input_without_a_score_is_refused(network, monkeypatch):
    monkeypatch.setattr(ConvCount, "baseline", lambda *_: float("nan"))
    with pytest.raises(SearchError, match="none of its segments can be replaced"):
        evolve(network, make_mutator())


def test_children_that_break_a_rule_are_counted_by_reason(network):
    wider = network.resolution.copy()
    wider[5, 5] += 1
    doubled = network.replace(
        in_src=np.concatenate([network.in_src, network.in_src[-1:]]),
        in_ptr=np.concatenate([network.in_ptr[:-1], network.in_ptr[-1:] + 1]),
    )
    torn = network.subgraph(np.flatnonzero(network.op != OPS.code("mean")))
    members = [network, network.replace(resolution=wider), doubled, torn]
    union, bounds = disjoint_union(members)
    origin, touched = np.zeros(union.n_nodes, dtype=np.int64), np.ones(union.n_nodes, dtype=bool)
    rejected: Counter[str] = Counter()
    times = np.array([1, 2, 3, 4])
    sound = validate(network, Children(union, bounds, origin, touched), times, rejected)
    assert sound.tolist() == [True, False, False, False]
    assert rejected == {"shape rule broken": 2, "repeated edge": 3, "loose end": 4}


def test_results_are_written_as_store_table_and_json(mutator, network, tmp_path):
    result = evolve(network, mutator)
    save_search(
        result, tmp_path / "front.parquet", tmp_path / "visited.parquet", tmp_path / "stats.json"
    )
    stored = list(GraphStore(tmp_path / "front.parquet"))
    assert [graph.hash for graph in stored] == [member.graph.hash for member in result.members]
    document = json.loads((tmp_path / "stats.json").read_text())
    assert [m["values"]["flops"] for m in document["front"]["members"]] == [
        m.flops for m in result.members
    ]
    assert document["visited"] == len(result.visited)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"top_k": 0}, "search.top_k = 0"),
        ({"sparsity": 1.5}, "search.sparsity = 1.5"),
        ({"unit": "block"}, "segment or op"),
        ({"minutes": 0.0}, "search.minutes = 0.0"),
        ({"constraints": ["flops=<3"]}, "at .=<3.: <=, <, >= or > is expected"),
    ],
)
def test_settings_out_of_range_say_what_to_write(change, message):
    with pytest.raises(ConfigError, match=message):
        SearchSettings(**change)
