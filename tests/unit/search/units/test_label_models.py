"""Label models: what they compute, what stands in for what, tables with their sources."""

from itertools import islice

import numpy as np
import pytest

from archloom.data.block_table import BlockTable, read_block_table, read_sources, write_labelled
from archloom.errors import DataError, FormatError
from archloom.graph import flops
from archloom.predict.blocks.task import BlockTraining
from archloom.search.units.label_models import (
    MadeUpAccuracy,
    OperatorLatency,
    covering_networks,
    figures_of,
    graphs_of,
    label,
    learnt_models,
    published_models,
    run_models,
    sources_of,
)
from archloom.spaces import FAMILIES
from archloom.train.latency_table import LatencyTable, operator_keys

FAMILY = "ofa_mbv3"
SMALL, LARGE = ("|".join([stage] * 5) for stage in ("e3k3,e3k3", "e6k7,e6k7,e6k7,e6k7"))


@pytest.fixture(scope="module")
def operators():
    """Every operator takes a microsecond, and a convolution one more per kernel element."""
    keys = {key for graph in covering_networks(FAMILY) for key in operator_keys(graph)}
    return LatencyTable({key: 1e-3 * (2 if "kernel=7x7" in key else 1) for key in keys})


@pytest.mark.parametrize("family", ["ofa_mbv3", "ofa_pn"])
def test_few_networks_have_every_operator_of_a_family(family):
    known = {key for graph in covering_networks(family) for key in operator_keys(graph, True)}
    names = list(islice(FAMILIES[family].architectures(0), 20))
    assert {key for graph in graphs_of(family, names) for key in operator_keys(graph, True)} < known


def test_latency_is_the_sum_of_the_operators(operators):
    model = OperatorLatency(family=FAMILY, table=operators)
    graph = FAMILIES[FAMILY].build(SMALL)
    assert model.values([SMALL, LARGE])[0] == pytest.approx(
        sum(operators.entries[key] for key in operator_keys(graph))
    )
    assert model.values([LARGE]) > model.values([SMALL])
    with pytest.raises(DataError, match="measure the operators of ofa_mbv3"):
        OperatorLatency(family=FAMILY, table=LatencyTable({})).values([SMALL])


def test_the_made_up_accuracy_grows_with_the_work():
    names = list(islice(FAMILIES[FAMILY].architectures(1), 30))
    found = np.array(MadeUpAccuracy(family=FAMILY).values([SMALL, LARGE, *names]))
    assert found[0] == found.min() and found[1] == found.max()
    assert 0.5 < found[0] < found[1] < 0.9
    assert flops(FAMILIES[FAMILY].build(SMALL)) < flops(FAMILIES[FAMILY].build(LARGE))


def test_without_published_predictors_a_formula_stands_in_and_says_so(operators):
    models = published_models(FAMILY, [], "gpu", operators)
    assert sources_of(models) == {
        "acc": "a made-up formula, no measurement",
        "latency": "the sum of operators measured one by one",
    }
    accuracy, latency = figures_of(models)
    assert (accuracy.name, accuracy.maximise) == ("acc", True)
    assert (latency.name, latency.maximise) == ("latency", False)
    with pytest.raises(DataError, match=r"no published predictor of ofa_mbv3 on gpu.*here"):
        published_models(FAMILY, [], "gpu", None)


def test_published_predictors_are_used_where_they_are(data_folder):
    folder = data_folder / "autobuild_models"
    files = [folder / f"ofa_mbv3_{name}.safetensors" for name in ("acc", "latency_npu")]
    models = published_models(FAMILY, files, "npu", None)
    assert "ofa_mbv3_latency_npu published" in models["latency"].source
    assert models["acc"].values([LARGE])[0] == pytest.approx(0.7923, abs=1e-4)


def test_a_table_of_ones_own_is_learnt(tmp_path):
    names = tuple(islice(FAMILIES[FAMILY].architectures(0), 400))
    size = np.array([name.count("e6") for name in names], dtype=float)
    table = BlockTable(
        FAMILY, names, {"acc": 0.7 + 0.01 * size, "latency": 5 + size}, np.full(400, 224)
    )
    path = tmp_path / "mine.parquet"
    write_labelled(table, {}, path)
    files = {"table": [path], "published": [], "operators": []}
    models = run_models(FAMILY, files, "here", BlockTraining(epochs=3))
    assert models["latency"].source.startswith("a predictor of your measurements")
    assert len(models["acc"].values([SMALL])) == 1
    with pytest.raises(DataError, match="no column latency"):
        learnt_models(BlockTable(FAMILY, names, {"acc": size}, np.full(400, 224)), BlockTraining())


def test_labelled_networks_are_different_and_keep_their_sources(operators, tmp_path):
    models = published_models(FAMILY, [], "gpu", operators)
    table = label(FAMILY, 40, 0, models)
    assert len(set(table.architectures)) == 40
    write_labelled(table, sources_of(models), tmp_path / "networks.parquet")
    again = read_block_table(tmp_path / "networks.parquet", FAMILIES[FAMILY])
    assert again.architectures == table.architectures
    np.testing.assert_array_equal(again.metrics["acc"], table.metrics["acc"])
    assert read_sources(tmp_path / "networks.parquet") == sources_of(models)
    (tmp_path / "networks.parquet").write_bytes(b"PAR1")
    with pytest.raises(FormatError, match="no table of labelled networks"):
        read_sources(tmp_path / "networks.parquet")


def test_the_made_up_accuracy_is_its_formula(operators):
    table = label(FAMILY, 40, 0, published_models(FAMILY, [], "gpu", operators))
    networks = [FAMILIES[FAMILY].build(one) for one in table.architectures]
    macs = np.array([flops(one, "mac") / 2e6 for one in networks])
    stages = [one.split("|") for one in table.architectures]
    blocks = np.array([1 + (third + "," + fourth).count(",") for _, _, third, fourth, *_ in stages])
    assert len(set(blocks.tolist())) > 3
    wanted = 0.82 - 0.8 / np.sqrt(macs) + 0.002 * blocks
    assert table.metrics["acc"] == pytest.approx(wanted, rel=1e-6)
