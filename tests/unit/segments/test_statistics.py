import json

from archloom.graph import GraphBuilder
from archloom.segments.database import SegmentDatabase, build_database
from archloom.segments.statistics import op_level_hashes, statistics
from archloom.segments.tokeniser import Tokeniser
from archloom.segments.vocabulary import Vocabulary
from archloom.views.labels import Encoding


def network(kernel, activation):
    b = GraphBuilder(name=f"{kernel}{activation}", family="toy")
    b.output(b.unary(activation, b.conv(b.input(8, 8, 3), 4, kernel)))
    return b.build()


def database():
    vocabulary = Vocabulary(Encoding("op_nio"), ("conv2d", "relu"), ((1, 2),))
    graphs = [network(1, "relu"), network(3, "relu"), network(3, "relu6"), network(3, "tanh")]
    return build_database(graphs, Tokeniser(vocabulary))


def test_counts_are_those_of_the_database():
    base = database()
    found = statistics(base)
    assert json.loads(json.dumps(found)) == found
    for unit in ("segment", "op"):
        assert found[unit]["occurrences"] == found[unit]["per_family"]["toy"]
    assert sum(found[unit]["topologies"] for unit in found) == base.n_topologies
    assert sum(found[unit]["instances"] for unit in found) == base.n_instances
    assert found["op"]["sizes"] == {"1": found["op"]["topologies"]}


def test_operations_are_counted_under_their_canonical_names():
    segments = statistics(database())["segment"]["per_operation"]
    assert segments["relu"]["topologies"] == 3
    assert segments["conv2d"]["topologies"] == 4
    assert "relu6" not in segments


def test_op_level_sees_operations_and_edges_alone():
    base = database()
    entries = [entry for entry in base.topologies if entry.unit == "segment" and entry.n_nodes == 2]
    hashes = op_level_hashes(entries)
    assert len(entries) == 4
    assert len(set(hashes)) == 2
    assert statistics(base)["segment"]["op_level"]["sizes"]["2"] == 2


def test_an_empty_database_has_empty_counts():
    found = statistics(SegmentDatabase((), ""))
    assert found["segment"]["topologies"] == found["op"]["occurrences"] == 0
