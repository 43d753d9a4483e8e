"""Files that a user takes away."""

import numpy as np
import onnxruntime
import pytest
import torch

from archloom.errors import FormatError
from archloom.execute.module import to_torch
from archloom.graph import OPS
from archloom.io import read_graph
from archloom.io.weights import read_weights, write_weights
from archloom.report.autogo.artefacts import Weights, write_artefacts
from report_world import network

GRAPH = network((3, 1), "small")


def test_without_training_there_is_a_graph_and_an_untrained_model(tmp_path):
    artefact = write_artefacts(GRAPH, "input", tmp_path, Weights())
    assert artefact.weights == "" and artefact.note == ""
    assert read_graph(tmp_path / artefact.json).hash == GRAPH.hash
    assert (tmp_path / artefact.onnx).is_file()


def test_the_model_holds_the_trained_weights_of_this_graph(tmp_path):
    for seed, graph in enumerate((network((3, 3)), GRAPH)):
        module = to_torch(graph, seed=7)
        write_weights(tmp_path / "trained" / f"{seed}.safetensors", module.weights(), graph)
    artefact = write_artefacts(
        GRAPH, "rank_1", tmp_path, Weights.find([tmp_path / "trained"], GRAPH)
    )
    tensors, card = read_weights(tmp_path / artefact.weights, GRAPH)
    assert card["graph"] == GRAPH.hash and tensors.keys() == module.weights().keys()
    images = np.random.default_rng(0).normal(size=(2, 1, 8, 8)).astype(np.float32)
    session = onnxruntime.InferenceSession(tmp_path / artefact.onnx)
    (found,) = session.run(None, {session.get_inputs()[0].name: images})
    with torch.no_grad():
        expected = module.eval()(torch.from_numpy(images)).numpy()
    assert np.abs(found - expected).max() < 1e-4


def test_damaged_weights_are_refused(tmp_path):
    path = tmp_path / "trained" / "0.safetensors"
    write_weights(path, to_torch(GRAPH).weights(), GRAPH)
    path.write_bytes(path.read_bytes()[:-4])
    with pytest.raises(FormatError, match="not the file its card describes"):
        write_artefacts(GRAPH, "rank_1", tmp_path, Weights.find([path.parent], GRAPH))


def test_a_graph_that_onnx_cannot_express_keeps_its_json_and_says_why(tmp_path):
    op = GRAPH.op.copy()
    op[2] = OPS.code("reserved1")
    artefact = write_artefacts(GRAPH.replace(op=op), "rank_1", tmp_path, Weights())
    assert artefact.onnx == "" and "node 2" in artefact.note
    assert (tmp_path / artefact.json).is_file()


def test_networks_that_were_not_trained_take_over_what_the_input_came_with(tmp_path):
    own = to_torch(GRAPH, seed=3).weights()
    write_weights(tmp_path / "model" / "model.safetensors", own, GRAPH)
    weights = Weights.find([], GRAPH, tmp_path / "model")
    artefact = write_artefacts(GRAPH, "input", tmp_path, weights)
    assert artefact.coverage == 1
    variant = network((3, 3), "variant")
    artefact = write_artefacts(variant, "rank_1", tmp_path, weights)
    tensors, card = read_weights(tmp_path / artefact.weights, variant)
    assert 0 < artefact.coverage < 1 and card["facts"] == {"coverage": artefact.coverage}
    same = [key for key, one in own.items() if key in tensors and one.shape == tensors[key].shape]
    assert same and all(torch.equal(own[key], tensors[key]) for key in same)


def test_an_empty_folder_of_inherited_weights_means_that_there_are_none(tmp_path):
    assert Weights.find([], GRAPH, tmp_path).inherited is None
