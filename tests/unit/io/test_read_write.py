"""``read`` and ``write``: recognition by content, choice by ending, advice for everything else."""

import json
import sys
from pathlib import Path
from types import ModuleType

import pytest

from archloom.errors import DataError, FormatError, GraphError
from archloom.graph import Graph, GraphBuilder
from archloom.io import read, read_graph, write
from archloom.io.reference.cg_json import to_state_dict
from archloom.io.store import GraphStore
from reference_pickles import compute_graph, dump
from strategies import assert_identical


@pytest.fixture
def graph() -> Graph:
    b = GraphBuilder(name="net", family="test")
    x = b.input(8, 8, 3)
    b.output(b.matmul(b.unary("mean", b.conv(x, 4, 3, 2)), 10))
    return b.build()


@pytest.mark.parametrize("ending", [".json", ".cg.json", ".state.json", ".parquet", ".JSON"])
def test_what_is_written_is_read_again(graph, tmp_path, ending):
    path = tmp_path / f"net{ending}"
    write(graph, path)
    found = read(path)
    if isinstance(found, GraphStore):
        (found,) = found
    assert found.hash == graph.hash
    assert found.name == "net"


def test_the_content_decides_not_the_name(graph, tmp_path):
    for ending in (".json", ".cg.json", ".state.json", ".parquet"):
        write(graph, tmp_path / f"net{ending}")
        path = (tmp_path / f"net{ending}").rename(tmp_path / "whatever.bin")
        found = read(path)
        assert (found if isinstance(found, Graph) else found[0]).hash == graph.hash
    path = dump(tmp_path / "net.bin", compute_graph(to_state_dict(graph)))
    assert read(path).hash == graph.hash


def test_own_json_keeps_everything(graph, tmp_path):
    graph = graph.replace(ids=graph.ids * 3 + 7)
    write(graph, tmp_path / "net.json")
    assert_identical(read(tmp_path / "net.json"), graph)


def test_the_schema_of_a_json_file_follows_its_ending(graph, tmp_path):
    for ending, key in {
        ".json": "format",
        ".cg.json": "schema",
        ".state.json": "weighted_nodes",
    }.items():
        write(graph, tmp_path / f"net{ending}")
        assert key in json.loads((tmp_path / f"net{ending}").read_text())


def test_several_graphs_go_into_a_store_only(graph, tmp_path):
    write((graph.replace(name=str(i)) for i in range(3)), tmp_path / "all.parquet")
    assert read(tmp_path / "all.parquet").names() == ["0", "1", "2"]
    with pytest.raises(FormatError, match=r"all.json can hold one graph only.*\.parquet"):
        write([graph, graph], tmp_path / "all.json")


def test_a_segment_is_read_from_own_json_a_network_is_wanted_elsewhere(graph, tmp_path):
    part = graph.subgraph([1, 2], name="part")
    write(part, tmp_path / "part.json")
    assert read(tmp_path / "part.json").n_nodes == 2
    write(part, tmp_path / "part.state.json")
    with pytest.raises(GraphError, match=r"part.state.json: graph 'part'.*must be an input"):
        read(tmp_path / "part.state.json")


@pytest.mark.parametrize("ending", [".json", ".cg.json", ".state.json"])
def test_a_shape_error_in_a_file_names_file_and_node(graph, tmp_path, ending):
    resolution = graph.resolution.copy()
    resolution[1, 1] = 7
    path = tmp_path / f"net{ending}"
    write(graph.replace(resolution=resolution), path)
    with pytest.raises(GraphError, match=r"net.*json: graph 'net': node \d \("):
        read(path)


def test_a_cyclic_graph_in_a_file_is_refused(graph, tmp_path):
    path = tmp_path / "net.state.json"
    document = to_state_dict(graph)
    document["edge_pairs"].append(document["edge_pairs"][0][::-1])
    path.write_text(json.dumps(document))
    with pytest.raises(GraphError, match=r"net.state.json: .*cycle"):
        read(path)


@pytest.mark.parametrize("start", [b"\x08\x07\x12\x07pytorch", b"\x08\x0a:\x10"])
def test_a_truncated_onnx_file_is_recognised_by_its_start(tmp_path, start):
    for name in ("model.onnx", "model.bin"):
        path = tmp_path / name
        path.write_bytes(start)
        with pytest.raises(FormatError, match=f"{name}: this (is no complete ONNX|holds no ONNX)"):
            read(path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty.*What can be read"),
        (b"hello", "no kind that archloom knows.*What can be read"),
        (b"\x1f\x8b\x08\x00", "no kind that archloom knows"),
        (b"[1, 2]", "no kind that archloom knows"),
        (b"{}", "no format entry.*What can be read"),
        (b'{"a": {"b": 1}}', "no format entry"),
        (b'{"format": "archloom-graph/9"}', "archloom-graph/9.*reads archloom-graph/1"),
        (b'{"schema": "autogo-cg/2", "nodes": []}', "format 'autogo-cg/2'.*autogo-cg/1"),
        (b'{"format": "archloom-datasets"}', "format 'archloom-datasets', which is no graph"),
        (b'{"format": 3}', "format 3"),
        (b'{"format": "archloom-gra', "not a complete JSON"),
        (b"PAR1", "graph store"),
    ],
)
def test_what_cannot_be_read_is_refused_with_path_and_advice(tmp_path, content, message):
    path = tmp_path / "file.dat"
    path.write_bytes(content)
    with pytest.raises(FormatError, match=message) as error:
        read(path)
    assert "file.dat" in str(error.value)


def test_missing_files_and_folders_are_data_errors(tmp_path):
    with pytest.raises(DataError, match="none.json could not be read"):
        read(tmp_path / "none.json")
    with pytest.raises(DataError, match="could not be read"):
        read(tmp_path)


@pytest.mark.parametrize("name", ["net.txt", "net", "json", "net.pkl", "net.pb"])
def test_an_unknown_ending_lists_the_known_ones(graph, tmp_path, name):
    with pytest.raises(FormatError, match=rf"{name}: the ending.*\.json.*\.parquet.*\.onnx.*\.svg"):
        write(graph, tmp_path / name)
    assert list(tmp_path.iterdir()) == []


def test_one_graph_is_wanted(graph, tmp_path):
    write(graph, tmp_path / "one.json")
    assert read_graph(tmp_path / "one.json").hash == graph.hash
    write([graph], tmp_path / "all.parquet")
    with pytest.raises(FormatError, match="holds many graphs where one is wanted"):
        read_graph(tmp_path / "all.parquet")


def test_an_svg_is_a_drawing(graph, tmp_path):
    write(graph, tmp_path / "net.svg")
    text = (tmp_path / "net.svg").read_text()
    assert text.lstrip().startswith("<")
    assert "<svg" in text
    assert "conv" in text


def test_onnx_gets_graph_path_and_weights(graph, tmp_path, monkeypatch):
    calls = []
    module = ModuleType("archloom.io.exporting.file")
    module.write_onnx = lambda *arguments, verify: calls.append((*arguments, verify))
    monkeypatch.setitem(sys.modules, "archloom.io.exporting.file", module)
    weights = {"1.weight": object()}
    write(graph, tmp_path / "net.onnx", weights)
    write(graph, tmp_path / "net.onnx", weights, verify=False)
    target = (graph, tmp_path / "net.onnx", weights)
    assert calls == [(*target, True), (*target, False)]


def test_weights_travel_in_onnx_only(graph, tmp_path):
    with pytest.raises(FormatError, match=r"net.json: weights travel inside \.onnx"):
        write(graph, tmp_path / "net.json", {"1.weight": object()})


def test_reading_json_does_not_import_pyarrow():
    import subprocess

    code = "import archloom.io, sys; sys.exit('pyarrow' in sys.modules or 'torch' in sys.modules)"
    source = str(Path(sys.modules["archloom"].__file__).parents[1])
    assert subprocess.run([sys.executable, "-c", code], env={"PYTHONPATH": source}).returncode == 0
