"""Figures of networks from predictors, tables and measurements, and how they are written."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from archloom.errors import ConfigError
from archloom.predict.blocks.network import BlockNetwork, BlockShape
from archloom.predict.blocks.predictor import BlockPredictor
from archloom.search.units.figures import Figure, MeasuredLatency, evaluate, identity
from archloom.train.latency import Timing

TWO = ["e3k3,e3k3|" * 4 + "e3k3,e3k3", "e6k7,e6k7|" * 4 + "e6k7,e6k7"]


@pytest.fixture
def predictor(tmp_path):
    torch.manual_seed(0)
    made = BlockPredictor.of(BlockNetwork(BlockShape()).eval(), "ofa_mbv3", "acc")
    made.save(tmp_path / "acc.safetensors")
    return made


def test_a_label_model_gives_its_predictions(predictor, tmp_path):
    figure = Figure.parse(f"max:acc={tmp_path / 'acc.safetensors'}", "ofa_mbv3", 192)
    assert figure.maximise
    assert np.array_equal(figure.evaluator(TWO), predictor.predict(TWO, 192))
    assert len(figure.evaluator([])) == 0
    other = Figure.parse(f"max:acc={tmp_path / 'acc.safetensors'}", "ofa_mbv3", 224)
    assert identity([figure]) != identity([other])


def test_a_label_model_of_another_family_is_refused(predictor, tmp_path):
    with pytest.raises(ConfigError, match="networks of ofa_mbv3, these are of ofa_pn"):
        Figure.parse(f"acc={tmp_path / 'acc.safetensors'}", "ofa_pn")


def test_a_table_knows_its_networks_only(tmp_path):
    path = tmp_path / "measured.parquet"
    columns = {"architecture": [TWO[0], *TWO], "energy": [3.5, 2.0, 7.0]}
    pq.write_table(pa.table(columns | {"resolution": [224, 192, 192]}), path)
    figure = Figure.parse(f"energy={path}", "ofa_mbv3")
    assert not figure.maximise
    np.testing.assert_array_equal(evaluate([figure], TWO)["energy"], [3.5, np.nan])
    smaller = Figure.parse(f"energy={path}", "ofa_mbv3", 192)
    assert smaller.evaluator(TWO).tolist() == [2.0, 7.0]
    with pytest.raises(ConfigError, match="sizes are 192, 224"):
        Figure.parse(f"energy={path}", "ofa_mbv3", 160)
    with pytest.raises(ConfigError, match="no metric 'power': write one of energy"):
        Figure.parse(f"power={path}", "ofa_mbv3")


def test_latency_is_measured_per_network():
    small = MeasuredLatency("ofa_mbv3", Timing("torch", warm_up=0, repeats=3), resolution=32)
    latencies = small(TWO)
    assert latencies.shape == (2,) and (latencies > 0).all()


@pytest.mark.parametrize(
    "text", ["acc", "best:acc=a.safetensors", "a-b=a.safetensors", "acc=a.txt", "=measured"]
)
def test_unreadable_objectives_say_what_to_write(text):
    with pytest.raises(ConfigError, match=r"measured"):
        Figure.parse(text, "ofa_mbv3")
