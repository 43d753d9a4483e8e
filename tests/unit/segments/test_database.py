from collections import Counter
from itertools import combinations

import numpy as np
import pytest

from archloom.errors import DataError
from archloom.graph import OPS, GraphBuilder, is_isomorphic
from archloom.segments.database import build_database, merge_databases
from archloom.segments.interface import permitted_ops, sink_shapes, source_shapes
from archloom.segments.tokeniser import Tokeniser
from archloom.segments.vocabulary import Vocabulary
from archloom.views.labels import Encoding


@pytest.fixture(scope="module")
def database(networks, tokeniser):
    return build_database(networks, tokeniser)


def groups(graphs, tokeniser):
    """Every group of every graph as (graph, subgraph, token)."""
    for graph in graphs:
        segmentation = tokeniser.segment(graph)
        for k, token in enumerate(segmentation.tokens()):
            yield graph, graph.subgraph(segmentation.group(k)), token


def test_every_group_is_counted_once(database, networks, tokeniser):
    families = Counter(graph.family for graph, _, _ in groups(networks, tokeniser))
    counted = Counter()
    for entry in database.topologies:
        if entry.unit == "segment":
            counted += entry.frequency
            assert entry.frequency.total() == sum(entry.instances.values())
    assert counted == families
    nodes = sum(entry.frequency.total() for entry in database.topologies if entry.unit == "op")
    assert nodes == sum(graph.n_nodes for graph in networks)
    assert database.count.sum() == database.frequency.sum() == nodes + families.total()


def test_every_group_is_found_by_its_interface(database, networks, tokeniser):
    for graph, segment, token in groups(networks, tokeniser):
        found = database.exact(source_shapes(segment), sink_shapes(segment))
        matches = [i for i in found.tolist() if is_isomorphic(database.graph(i), segment)]
        assert len(matches) == 1
        topology = database.topologies[database.topology_of[matches[0]]]
        assert token in topology.tokens
        assert topology.frequency[graph.family] > 0
        counts = database.by_count(len(segment.sources), len(segment.sinks)).tolist()
        assert database.topology_of[matches[0]] in counts


def test_no_two_topologies_and_no_two_instances_are_isomorphic(database):
    for unit in ("segment", "op"):
        rows = [k for k, entry in enumerate(database.topologies) if entry.unit == unit]
        graphs = {k: database.graph(int(database.representative[k])) for k in rows}
        for a, b in combinations(rows, 2):
            if database.n_nodes[a] == database.n_nodes[b]:
                assert not is_isomorphic(graphs[a], graphs[b], "topology")
    for k in range(database.n_topologies):
        members = range(database.first_instance[k], database.first_instance[k + 1])
        for a, b in combinations(members, 2):
            assert not is_isomorphic(database.graph(a), database.graph(b))


def test_exact_lookup_equals_a_search_through_all_instances(database):
    units = [database.topologies[k].unit for k in database.topology_of.tolist()]
    for unit in ("segment", "op"):
        for instance in range(0, database.n_instances, 7):
            graph = database.graph(instance)
            wanted = source_shapes(graph), sink_shapes(graph)
            expected = [
                i
                for i in range(database.n_instances)
                if units[i] == unit
                and (source_shapes(database.graph(i)), sink_shapes(database.graph(i))) == wanted
            ]
            assert database.exact(*wanted, unit=unit).tolist() == expected


def test_the_order_of_wanted_shapes_does_not_matter():
    b = GraphBuilder()
    x = b.input(8, 8, 3)
    wide, narrow = b.conv(x, 16), b.conv(x, 4)
    b.output(b.concat([wide, narrow]))
    graph = b.build()
    vocabulary = Vocabulary(Encoding("op_nio"), ("conv2d", "concat"), ((1, 1), (1, 1, 2)))
    database = build_database([graph], Tokeniser(vocabulary))
    sources = ((8, 8, 3), (8, 8, 3))
    assert len(database.exact(sources, ((8, 8, 20),))) == 1
    database = build_database(
        [graph], Tokeniser(Vocabulary(vocabulary.encoding, ("conv2d",), ((1, 1),)))
    )
    found = [
        database.exact(sources, sinks)
        for sinks in (((8, 8, 16), (8, 8, 4)), ((8, 8, 4), (8, 8, 16)))
    ]
    assert len(found[0]) == 1
    assert np.array_equal(found[0], found[1])


def test_unknown_interfaces_find_nothing(database):
    assert database.exact(((1, 2, 3),), ((4, 5, 6),)).tolist() == []
    assert database.by_count(9, 9).tolist() == []


def test_only_permitted_operations_are_found(database):
    with_maxpool, without = permitted_ops("nb101"), permitted_ops("edsr")
    for unit in ("segment", "op"):
        everything = database.by_count(1, 1, unit=unit).tolist()
        allowed = set(database.by_count(1, 1, unit=unit, permitted=without).tolist())
        for topology in everything:
            graph = database.graph(int(database.representative[topology]))
            names = {OPS.by_code(code).canonical for code in graph.op.tolist()}
            assert (topology in allowed) == (
                not names & {"input", "output", "maxpool", "fusedbatchnorm"}
            )
    pool = (((16, 16, 8),), ((16, 16, 8),))
    found = database.exact(*pool, unit="op", permitted=with_maxpool)
    kept = database.exact(*pool, unit="op", permitted=without)
    assert "maxpool" in {database.graph(i).op_name(0) for i in found.tolist()}
    assert {database.graph(i).op_name(0) for i in kept.tolist()} == {"conv", "relu", "add"}


def test_the_representative_is_the_most_frequent_instance(database):
    for k, best in enumerate(database.representative.tolist()):
        members = range(database.first_instance[k], database.first_instance[k + 1])
        assert best in members
        assert database.count[best] == max(database.count[i] for i in members)


def test_segments_carry_no_graph_attributes(database):
    graph = database.graph(int(database.representative[0]))
    assert (graph.name, graph.family) == ("", "")
    assert graph.ids.tolist() == list(range(graph.n_nodes))


def test_shards_merge_to_the_same_database_in_any_order(database, networks, tokeniser):
    shards = [build_database(networks[start::3], tokeniser) for start in range(3)]
    for order in ([0, 1, 2], [2, 0, 1]):
        merged = merge_databases([shards[k] for k in order])
        assert merged.topologies == database.topologies
        assert merged.vocabulary == database.vocabulary
    assert build_database(networks[::-1], tokeniser).topologies == database.topologies


def test_renumbered_graphs_give_the_same_segments_under_sorted_labels(networks, tokeniser):
    """Single nodes do not depend on numbering at all."""
    turned = [
        graph.subgraph(np.random.default_rng(0).permutation(graph.n_nodes)).replace(
            family=graph.family
        )
        for graph in networks[:6]
    ]
    one, other = (build_database(graphs, tokeniser, ("op",)) for graphs in (networks[:6], turned))
    assert one.topologies == other.topologies


def test_one_unit_alone(networks, tokeniser):
    assert {entry.unit for entry in build_database(networks[:2], tokeniser, ["op"]).topologies} == {
        "op"
    }


def test_databases_of_different_vocabularies_do_not_merge(database, networks):
    other = build_database(networks[:1], Tokeniser(Vocabulary(Encoding("op"), (), ())))
    with pytest.raises(DataError, match="same vocabulary"):
        merge_databases([database, other])
    with pytest.raises(DataError):
        merge_databases([])


def test_no_graphs_make_no_database(tokeniser):
    with pytest.raises(DataError, match="no graphs"):
        build_database([], tokeniser)


def test_the_shipped_graphs_give_155_topologies(published, shipped):
    database = build_database(shipped.values(), published)
    segments = [entry for entry in database.topologies if entry.unit == "segment"]
    assert len(segments) == 155
    assert sum(len(entry.instances) for entry in segments) == 340
    pieces = sum(published.segment(graph).n_groups for graph in shipped.values())
    assert sum(entry.frequency.total() for entry in segments) == pieces
    hashes = {graph.hash for graph in shipped.values()}
    assert {entry.example for entry in database.topologies} <= hashes
