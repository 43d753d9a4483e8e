"""Figures of networks from predictors, tables and measurements, and how they are written."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from archloom.errors import ConfigError
from archloom.graph.memory import peak_activations
from archloom.predict.blocks.network import BlockNetwork, BlockShape
from archloom.predict.blocks.predictor import BlockPredictor
from archloom.search.figures import OfGraphs, identities, numbers_of
from archloom.search.latency import MeasuredLatency
from archloom.search.units.figures import evaluate, figure_of
from archloom.spaces import FAMILIES
from archloom.train.latency import Timing
from archloom.views.sequence import skeleton_at

TWO = ["e3k3,e3k3|" * 4 + "e3k3,e3k3", "e6k7,e6k7|" * 4 + "e6k7,e6k7"]


@pytest.fixture
def predictor(tmp_path):
    torch.manual_seed(0)
    made = BlockPredictor.of(BlockNetwork(BlockShape()).eval(), "ofa_mbv3", "acc")
    made.save(tmp_path / "acc.safetensors")
    return made


def test_a_label_model_gives_its_predictions(predictor, tmp_path):
    figure = figure_of(f"max:acc={tmp_path / 'acc.safetensors'}", "ofa_mbv3", 192)
    assert figure.maximise
    assert np.array_equal(figure.values(TWO), predictor.predict(TWO, 192))
    assert figure.values([]) == []
    other = figure_of(f"max:acc={tmp_path / 'acc.safetensors'}", "ofa_mbv3", 224)
    assert identities([figure]) != identities([other])


def test_a_label_model_of_another_family_is_refused(predictor, tmp_path):
    with pytest.raises(ConfigError, match="networks of ofa_mbv3, these are of ofa_pn"):
        figure_of(f"acc={tmp_path / 'acc.safetensors'}", "ofa_pn")


def test_a_table_knows_its_networks_only(tmp_path):
    path = tmp_path / "measured.parquet"
    columns = {"architecture": [TWO[0], *TWO], "energy": [3.5, 2.0, 7.0]}
    pq.write_table(pa.table(columns | {"resolution": [224, 192, 192]}), path)
    figure = figure_of(f"energy={path}", "ofa_mbv3")
    assert not figure.maximise
    np.testing.assert_array_equal(evaluate([figure], TWO)["energy"], [3.5, np.nan])
    smaller = figure_of(f"energy={path}", "ofa_mbv3", 192)
    assert smaller.values(TWO) == [2.0, 7.0]
    with pytest.raises(ConfigError, match="sizes are 192, 224"):
        figure_of(f"energy={path}", "ofa_mbv3", 160)
    with pytest.raises(ConfigError, match="no metric 'power': write one of energy"):
        figure_of(f"power={path}", "ofa_mbv3")


def test_latency_is_measured_per_network():
    figure = figure_of("latency=measured:torch", "ofa_mbv3", 32)
    assert isinstance(figure, OfGraphs) and isinstance(figure.figure, MeasuredLatency)
    assert figure.figure.timing.runtime == "torch" and figure.unit == "ms"
    quick = MeasuredLatency(timing=Timing("torch", warm_up=0, repeats=3))
    latencies = numbers_of(OfGraphs.of(quick, figure.build).values(TWO))
    assert latencies.shape == (2,) and (latencies > 0).all()


def test_what_is_known_of_graphs_is_known_of_networks_of_blocks():
    figure = figure_of("max:activations", "ofa_mbv3", 64)
    space, skeleton = FAMILIES["ofa_mbv3"], skeleton_at("ofa_mbv3", 64)
    graphs = [space.build(one, skeleton) for one in TWO]
    assert figure.values(TWO) == [peak_activations(graph) for graph in graphs]
    assert figure.maximise and figure.unit == "bytes"
    depth = figure_of("depth=archloom.graph.memory:peak_activations", "ofa_mbv3", 64)
    assert depth.values(TWO) == figure.values(TWO) and depth.name == "depth"
    assert identities([figure]) != identities([figure_of("max:activations", "ofa_mbv3", 96)])


@pytest.mark.parametrize(
    "text", ["acc", "best:acc=a.safetensors", "a-b=a.safetensors", "acc=a.txt", "=measured"]
)
def test_unreadable_objectives_say_what_to_write(text):
    with pytest.raises(ConfigError, match=r"measured"):
        figure_of(text, "ofa_mbv3")
