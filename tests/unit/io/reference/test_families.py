"""Reference pickles and family files."""

import json

import numpy as np
import pytest

from archloom.errors import ArchloomError, FormatError
from archloom.graph import Graph, GraphBuilder
from archloom.io import read
from archloom.io.reference.cg_json import from_state_dict, to_state_dict
from archloom.io.reference.families import read_encoder, read_pickle
from reference_pickles import NetworkEncoder, compute_graph, dump, with_attributes


def state(name="net", channels=4) -> dict:
    b = GraphBuilder(name=name)
    x = b.input(8, 8, 3)
    x = b.unary("relu", b.conv(x, channels, 3, 2, bias=True))
    b.output(b.matmul(b.unary("mean", b.pool("avgpool", x, 2)), 10))
    return to_state_dict(b.build())


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_a_pickled_graph_equals_its_state_dict(tmp_path, protocol):
    path = dump(tmp_path / "net.pkl", compute_graph(state()), protocol)
    graph = read_pickle(path)
    assert isinstance(graph, Graph)
    assert graph.hash == from_state_dict(state()).hash
    assert graph.name == "net"


def test_shipped_graphs_survive_the_way_through_a_pickle(shipped, tmp_path):
    for name in ("hiaml_best", "inception_best", "vgg16_bn"):
        path = dump(tmp_path / f"{name}.pkl", compute_graph(to_state_dict(shipped[name])))
        assert read(path).hash == shipped[name].hash


def test_a_pickled_cache_streams_graphs_and_accuracies(tmp_path):
    entries = [
        {"compute graph": compute_graph(state(f"net{i}", i + 1)), "acc": i / 4, "flops": 1e9}
        for i in range(4)
    ]
    found = list(read(dump(tmp_path / "cache.pkl", entries)))
    assert [graph.name for graph, _ in found] == ["net0", "net1", "net2", "net3"]
    assert [accuracy for _, accuracy in found] == [0, 0.25, 0.5, 0.75]
    assert found[2].graph.hash == from_state_dict(state("x", 3)).hash


@pytest.mark.parametrize("kind", [np.float32, np.float64, np.float16])
def test_numpy_numbers_become_plain_ones(tmp_path, kind):
    entry = {"compute graph": compute_graph(state()), "acc": kind(0.75), "epoch": np.int64(7)}
    (found,) = read_pickle(dump(tmp_path / "cache.pkl", [entry]))
    assert found.accuracy == 0.75


def test_a_json_family_gives_accuracies_as_fractions(tmp_path):
    family = {
        "a": {"cg": state("first"), "max_perf": 92.5, "perfs": [92.0, 92.5]},
        "b": {"cg": {**state("x"), "name": None}, "max_perf": 10, "flops": 3},
    }
    path = tmp_path / "family.json"
    path.write_text(json.dumps(family))
    found = list(read(path))
    assert [graph.name for graph, _ in found] == ["first", "b"]
    assert [accuracy for _, accuracy in found] == [0.925, 0.1]


@pytest.mark.parametrize("accuracy", [101, -1, "92", None, True, float("nan")])
def test_a_senseless_accuracy_is_refused_with_its_entry(tmp_path, accuracy):
    path = tmp_path / "family.json"
    path.write_text(json.dumps({"key7": {"cg": state(), "max_perf": accuracy}}))
    with pytest.raises(FormatError, match=r"family.json, entry 'key7' has the accuracy"):
        list(read(path))


@pytest.mark.parametrize("graph", [None, 3, [], {}, {"weighted_nodes": 1}])
def test_a_senseless_graph_is_refused_with_its_entry(tmp_path, graph):
    path = tmp_path / "family.json"
    path.write_text(json.dumps({"key7": {"cg": graph, "max_perf": 90}}))
    with pytest.raises(FormatError, match=r"family.json, entry 'key7'.*state-dict"):
        list(read(path))


def test_an_inconsistent_graph_is_refused_with_its_entry(tmp_path):
    broken = state()
    broken["regular_nodes"][1]["resolution"] = [4, 4, 4, 4, 4, 9]
    path = dump(tmp_path / "cache.pkl", [{"compute graph": compute_graph(broken), "acc": 0.5}])
    with pytest.raises(ArchloomError, match=r"cache.pkl, entry 0: graph 'net': node 4 .*avgpool"):
        list(read_pickle(path))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"a": 1}, "pickle without a compute graph"),
        (3, "pickle without a compute graph"),
        ([1, 2], "entry 0 has no 'compute graph'"),
        ([{"acc": 0.5}], "entry 0 has no 'compute graph'"),
    ],
)
def test_other_plain_content_is_refused(tmp_path, content, message):
    with pytest.raises(FormatError, match=message):
        list(read_pickle(dump(tmp_path / "x.pkl", content)))


def test_an_encoder_gives_its_table_and_is_no_graph(tmp_path):
    table = {"relu,in,add,,out,conv2d,": "的", "input,in,,out,conv2d,": "一"}
    encoder = with_attributes(
        NetworkEncoder, {"op2vocab": table, "encoding": "shp", "families": ["hiaml"]}
    )
    path = dump(tmp_path / "encoder.pkl", encoder)
    assert read_encoder(path) == table
    with pytest.raises(FormatError, match="read_encoder"):
        read(path)
    with pytest.raises(FormatError, match="encoder's table"):
        read_encoder(dump(tmp_path / "graph.pkl", compute_graph(state())))
