import json
import os
import subprocess
import sys

import pytest
import torch

from archloom.errors import FormatError
from archloom.execute.module import to_torch
from archloom.graph import GraphBuilder
from archloom.io.weights import card_path, read_card, read_weights, write_weights


def network(width=4):
    b = GraphBuilder(name="net", family="f")
    b.output(b.unary("batchnorm", b.conv(b.input(4, 4, 1), width)))
    return b.build()


@pytest.fixture
def written(tmp_path):
    graph = network()
    weights = to_torch(graph, seed=3).weights()
    path = tmp_path / "net.safetensors"
    write_weights(path, weights, graph, {"accuracy": 0.5})
    return graph, weights, path


def test_others_may_read_the_file(tmp_path):
    path = tmp_path / "w.safetensors"
    write_weights(path, to_torch(network()).weights(), network())
    (tmp_path / "plain").touch()
    assert path.stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_round_trip(written):
    graph, weights, path = written
    found, card = read_weights(path, graph)
    assert found.keys() == weights.keys()
    assert all(torch.equal(found[name], weights[name]) for name in found)
    assert card["facts"] == {"accuracy": 0.5}
    assert card["tensors"]["1.weight"] == [4, 1, 3, 3]
    assert (card["graph"], card["name"], card["family"]) == (graph.hash, "net", "f")
    assert sorted(one.name for one in path.parent.iterdir()) == ["net.json", "net.safetensors"]


def test_weights_of_another_graph_are_refused(written):
    with pytest.raises(FormatError, match="holds the weights of graph 'net'"):
        read_weights(written[2], network(width=5))


@pytest.mark.parametrize("keep", [0, 20, 200])
def test_a_truncated_file_is_refused(written, keep):
    path = written[2]
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(FormatError, match="is not the file its card describes"):
        read_weights(path)


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"format": "archloom-weights/2"}', '{"format": "archloom-weights/1"}']
)
def test_a_damaged_or_foreign_card_is_refused(written, text):
    card_path(written[2]).write_text(text)
    with pytest.raises(FormatError):
        read_card(written[2])


def test_missing_files_are_named(written, tmp_path):
    with pytest.raises(FormatError, match="none.json is no readable card"):
        read_weights(tmp_path / "none.safetensors")
    written[2].unlink()
    with pytest.raises(FormatError, match="holds no readable weights"):
        read_weights(written[2])


def test_the_card_is_json_for_people(written):
    assert json.loads(card_path(written[2]).read_text())["format"] == "archloom-weights/1"


def test_the_same_weights_give_the_same_bytes(tmp_path):
    """In every process: the order of what a safetensors file says of itself is drawn anew there."""
    code = (
        "import sys, torch\n"
        "from archloom.io.weights import write_weights\n"
        "from archloom.graph import GraphBuilder\n"
        "b = GraphBuilder()\n"
        "b.output(b.conv(b.input(4, 4, 1), 2))\n"
        "write_weights(sys.argv[1], {'1.weight': torch.ones(2, 1, 1, 1)}, b.build())\n"
    )
    written = set()
    for number in range(3):
        path = tmp_path / f"{number}.safetensors"
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
        subprocess.run([sys.executable, "-c", code, str(path)], env=environment, check=True)
        written.add(path.read_bytes())
    assert len(written) == 1
