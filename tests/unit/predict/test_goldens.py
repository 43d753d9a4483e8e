"""Predictions of the published checkpoints on every shipped graph, as the reference gave them."""

from types import SimpleNamespace

import numpy as np
import pytest

from archloom.graph import autogo_order
from archloom.predict import PSC, load_predictor
from archloom.predict.gnn.network import N_LAYERS
from archloom.predict.nodes.classes import ClassStore
from archloom.views.features import Normalisers

TOLERANCE = 1e-4


@pytest.fixture(scope="module")
def cases(shipped, goldens):
    """Name, graph, group starts and golden values of the 21 released graphs."""
    assert len(goldens.predictions) == 21
    return [
        (name, shipped[name], starts(goldens.segmentations[name]), row)
        for name, row in goldens.predictions.items()
    ]


def starts(segmentation):
    return np.concatenate([[0], np.cumsum(segmentation["piece_lengths"])])


def own_normalisers(row):
    sizes = row["normalizers"]
    return Normalisers(sizes["max_derived_H"], sizes["max_derived_W"], sizes["max_hidden_size"])


def test_gnn(cases, goldens):
    gnn = load_predictor(goldens.models / "gnn.safetensors")
    fixed = gnn.predict([graph for _, graph, _, _ in cases])
    assert fixed == pytest.approx([row["gnn_fixed_norm"] for *_, row in cases], abs=TOLERANCE)
    for name, graph, _, row in cases:
        own = gnn.predict([graph], own_normalisers(row))
        assert own[0] == pytest.approx(row["gnn"], abs=TOLERANCE), name


def test_psc_on_every_instance(cases, goldens):
    psc = load_predictor(goldens.models / "psc.safetensors")
    for name, graph, bounds, row in cases:
        fixed = psc.predict_instances(graph, bounds)
        assert fixed == pytest.approx(values(row["psc_fixed_norm"]), abs=TOLERANCE), name
        own = psc.predict_instances(graph, bounds, normalisers=own_normalisers(row))
        assert own == pytest.approx(values(row["psc"]), abs=TOLERANCE), name


def values(instances):
    return [entry["pred"] if isinstance(entry, dict) else entry for entry in instances]


def test_psc_keeps_and_skips_what_the_reference_does(cases):
    for name, graph, bounds, row in cases:
        cut = SimpleNamespace(order=autogo_order(graph), starts=bounds)
        instances = PSC(segment=lambda _, cut=cut: cut).index(ClassStore(N_LAYERS), [graph])
        assert instances.sizes.tolist() == [entry["kept"] for entry in row["psc"]], name
        assert len(bounds) - 1 - len(instances) == len(row["psc_empty"]), name


def test_psc_of_a_graph_is_the_mean_over_its_instances(cases, goldens):
    bounds = {name: bounds for name, _, bounds, _ in cases}

    def segment(graph):
        name = next(name for name, other, _, _ in cases if other is graph)
        return SimpleNamespace(order=autogo_order(graph), starts=bounds[name])

    psc = load_predictor(goldens.models / "psc.safetensors", segment=segment)
    wanted = [np.mean(values(row["psc_fixed_norm"])) for *_, row in cases]
    graphs = [graph for _, graph, _, _ in cases]
    assert psc.predict(graphs) == pytest.approx(wanted, abs=TOLERANCE)
    assert psc.predict(graphs[::-1]) == pytest.approx(wanted[::-1], abs=TOLERANCE)


def test_the_npz_copies_hold_the_same_predictors(cases, goldens):
    _, graph, bounds, row = cases[0]
    psc = load_predictor(goldens.models / "psc.npz")
    fixed = psc.predict_instances(graph, bounds)
    assert fixed == pytest.approx(values(row["psc_fixed_norm"]), abs=TOLERANCE)
