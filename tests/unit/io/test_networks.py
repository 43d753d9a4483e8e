"""Networks in any form: what ``archloom``'s names take, and what they refuse."""

import numpy as np
import pytest
import torch

import archloom as al
from archloom.io import LabelledGraph, read_model
from archloom.io.store import GraphStore
from archloom.io.weights import read_weights
from search_world import make_network


@pytest.fixture(scope="module")
def model():
    net = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3, padding=1), torch.nn.ReLU())
    return al.from_torch(net.eval(), torch.zeros(1, 3, 8, 8), name="mine")


@pytest.fixture(params=["graph", "model", "labelled", "text", "path"])
def network(request, model, tmp_path):
    """One network in each form."""
    al.write(model, tmp_path / "mine.onnx")
    forms = {
        "graph": model.graph,
        "model": model,
        "labelled": LabelledGraph(model.graph, 0.9),
        "text": str(tmp_path / "mine.onnx"),
        "path": tmp_path / "mine.onnx",
    }
    return forms[request.param]


def test_every_form_is_counted_drawn_checked_and_compared(network, model, tmp_path):
    graph = model.graph
    assert al.flops(network, counter="mac") == al.flops(graph, "mac") > 0
    assert al.parameters(network) == 4 * 3 * 9 + 4
    assert al.peak_activations(network) == al.peak_activations(graph)
    al.check(network)
    assert al.infer_shapes(network, (16, 16, 3)).n_nodes == graph.n_nodes
    assert al.is_isomorphic(network, graph)
    assert al.draw(network, path=tmp_path / "a.svg").count("<title>") > graph.n_nodes
    assert "nothing changed" in al.draw_changes(graph, network)
    assert [one.median > 0 for one in al.measure_latency([network, graph])] == [True, True]


def test_a_model_runs_with_its_weights_wherever_it_comes_from(network, model):
    inputs = torch.randn(2, 3, 8, 8)
    wanted = al.to_torch(model.graph, model.weights)(inputs)
    same = torch.allclose(al.to_torch(network).eval()(inputs), wanted, atol=1e-6)
    assert same == (not isinstance(network, al.Graph | LabelledGraph))
    assert torch.equal(al.to_torch(network, weights=model.weights).eval()(inputs), wanted)


def test_weights_are_written_with_a_model(model, tmp_path):
    assert al.write(model, tmp_path / "a.onnx") == [tmp_path / "a.onnx"]
    (weight,) = (one for one in read_model(tmp_path / "a.onnx").arrays.values() if one.ndim == 4)
    np.testing.assert_array_equal(weight, next(a for a in model.arrays.values() if a.ndim == 4))
    files = al.write(tmp_path / "a.onnx", tmp_path / "b.json")
    assert files == [tmp_path / "b.json", tmp_path / "b.weights.safetensors"]
    assert read_weights(files[1])[0].keys() == model.weights.keys()
    al.write([model, model.graph, str(tmp_path / "a.onnx")], tmp_path / "c.parquet")
    assert len(GraphStore(tmp_path / "c.parquet")) == 3


@pytest.mark.parametrize("name", ["flops", "draw", "to_torch", "check", "optimise"])
@pytest.mark.parametrize("wrong", [3, None, torch.nn.ReLU(), {}])
def test_what_is_no_network_is_refused_by_type(name, wrong):
    with pytest.raises(al.ArchloomError, match=rf"^{type(wrong).__name__} is no network"):
        getattr(al, name)(wrong)


def test_other_wrong_types_are_refused_too(model, tmp_path):
    for call, words in [
        (lambda: al.read(3), "int is no path"),
        (lambda: al.from_torch(3, torch.zeros(1)), "int is no PyTorch module"),
        (lambda: al.write(3, tmp_path / "x.json"), "int is no network"),
        (lambda: al.measure_latency(3), "int is no network"),
        (lambda: al.predict([3]), "int is no network"),
        (lambda: al.optimise(model, 3), "int holds no artefacts"),
        (lambda: al.optimise(model, settings={"iterations": 3}), "settings of type dict"),
        (lambda: al.optimise(model, constraints="flops<5%"), '"flops<5%" stands alone'),
    ]:
        with pytest.raises(al.ArchloomError, match=words):
            call()
    assert not list(tmp_path.iterdir())


def test_models_and_graphs_are_short_texts_and_pictures_in_a_notebook(model):
    assert repr(model) == "<Model 'mine': 4 nodes, 3 edges, 2 weights>"
    assert model._repr_svg_() == model.graph._repr_svg_() == al.draw(model)
    assert len(repr(al.transfer(model.weights, make_network()))) < 80
