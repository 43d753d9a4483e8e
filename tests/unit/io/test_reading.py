"""``read_file`` and ``read_network``: a file is opened once, whatever it holds."""

import sys

import numpy as np
import pytest
import torch

from archloom import io
from archloom.errors import ConfigError, DataError, FormatError, GraphError
from archloom.execute.module import to_torch
from archloom.graph import Graph, GraphBuilder
from archloom.io.importing.model import Model
from archloom.io.weights import write_weights
from tensorflow_graphs import GraphDef

_opened: list[str] = []
sys.addaudithook(lambda event, given: _opened.append(str(given[0])) if event == "open" else None)


@pytest.fixture
def graph() -> Graph:
    b = GraphBuilder(name="net")
    b.output(b.matmul(b.unary("mean", b.conv(b.input(8, 8, 3), 4, 3, 2)), 10))
    return b.build()


@pytest.fixture
def files(graph, tmp_path):
    """The same network in every format that is read as a whole."""
    for ending in (".json", ".cg.json", ".state.json", ".onnx", ".svg"):
        io.write(graph, tmp_path / f"net{ending}")
    g = GraphDef()
    g.op("Relu", g.conv(g.input(-1, 8, 8, 3), np.full((3, 3, 3, 4), 0.1)))
    g.save(tmp_path / "net.pb")
    return tmp_path


@pytest.mark.parametrize("ending", [".json", ".cg.json", ".state.json", ".onnx", ".pb"])
@pytest.mark.parametrize("read", [io.read, io.read_file, io.read_graph, io.read_network])
def test_a_file_is_opened_once(files, read, ending):
    path = files / f"net{ending}"
    read(path)  # imports open files, too
    _opened.clear()
    read(path)
    assert _opened.count(str(path)) == 1


def test_a_model_is_opened_once(files):
    io.read_model(files / "net.onnx")
    _opened.clear()
    io.read_model(files / "net.onnx")
    assert _opened.count(str(files / "net.onnx")) == 1


def test_a_file_of_another_kind_is_no_model(files):
    with pytest.raises(FormatError, match=r"net.json is a JSON document, not a model with weights"):
        io.read_model(files / "net.json")
    with pytest.raises(FormatError, match=r"net.svg is of no kind that archloom knows"):
        io.read_file(files / "net.svg")
    with pytest.raises(FormatError, match=r"net.svg: this is no complete ONNX file"):
        io.read_model(files / "net.svg")
    with pytest.raises(DataError, match="absent"):
        io.read_network(files / "absent.json")


def test_a_network_comes_with_its_weights_and_notes(files, graph):
    found, weights, notes = io.read_network(files / "net.onnx")
    assert found.hash == graph.hash and not notes
    own = to_torch(graph).weights()
    assert {shape(one) for one in weights.values()} == {shape(one) for one in own.values()}
    x = torch.rand(2, 3, 8, 8)
    torch.testing.assert_close(to_torch(found, weights).eval()(x), to_torch(graph, own).eval()(x))


def shape(tensor):
    return tuple(tensor.shape)


def test_a_graph_comes_without_weights_or_with_those_given(files, graph):
    found, *rest = io.read_network(files / "net.json")
    assert found.hash == graph.hash and rest == [None, ()]
    given = to_torch(graph, seed=3).weights()
    write_weights(files / "own.safetensors", given, graph)
    _, weights, _ = io.read_network(files / "net.json", files / "own.safetensors")
    assert all(torch.equal(weights[name], one) for name, one in given.items())
    other = files / "net.pb"
    with pytest.raises(FormatError, match="weights of graph 'net'"):
        io.read_network(other, files / "own.safetensors")


def test_a_graph_takes_another_size_of_its_input(files):
    found, _, _ = io.read_network(files / "net.json", input_shape=(1, 3, 12, 16))
    assert found.resolution[0].tolist() == [12, 12, 16, 16, 3, 3]
    assert found.resolution[1, [1, 3]].tolist() == [6, 8]
    for wrong in ((3, 12, 16), {"x": (1, 3, 12, 16)}):
        with pytest.raises(ConfigError, match="give batch, channels, height and width"):
            io.read_network(files / "net.json", input_shape=wrong)
    with pytest.raises(GraphError):
        io.read_network(files / "net.json", input_shape=(1, 3, 0, 16))


def test_sizes_of_other_files_are_known(files):
    with pytest.raises(ConfigError, match="leave the option out"):
        io.read_file(files / "net.json", (1, 3, 8, 8))
    model = io.read_file(files / "net.onnx", (1, 3, 8, 8))
    assert isinstance(model, Model) and model.inputs == ("input",)
    assert list(model.arrays) == list(model.weights)
