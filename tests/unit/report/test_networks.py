"""Files of one network."""

import pytest
import torch

from archloom.errors import GraphError
from archloom.execute.module import to_torch
from archloom.graph import OPS
from archloom.io import read_graph
from archloom.io.weights import read_weights
from archloom.report.networks import write_network
from report_world import network

GRAPH = network((3, 1), "small")


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_network_without_weights_is_a_graph_and_an_untrained_model(tmp_path):
    write_network(GRAPH, tmp_path / "v1.5")
    assert names(tmp_path) == ["v1.5.json", "v1.5.onnx"]
    assert read_graph(tmp_path / "v1.5.json").hash == GRAPH.hash


def test_weights_come_with_a_card_and_a_parent_with_a_picture(tmp_path):
    own = to_torch(GRAPH, seed=3).weights()
    write_network(GRAPH, tmp_path / "one", own, {"seed": 3}, parent=network((3, 3)))
    endings = ["json", "onnx", "weights.json", "weights.safetensors"]
    assert names(tmp_path) == sorted([*(f"one.{end}" for end in endings), "one_changes.svg"])
    tensors, card = read_weights(tmp_path / "one.weights.safetensors", GRAPH)
    assert card["facts"] == {"seed": 3}
    assert all(torch.equal(own[key], tensors[key]) for key in own)


def test_what_onnx_cannot_express_leaves_the_other_files(tmp_path):
    op = GRAPH.op.copy()
    op[2] = OPS.code("reserved1")
    with pytest.raises(GraphError, match="node 2"):
        write_network(GRAPH.replace(op=op), tmp_path / "one")
    assert names(tmp_path) == ["one.json"]
