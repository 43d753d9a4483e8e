"""NAS-Bench-Macro: published parameters and multiply-adds, equal codes, and plain PyTorch."""

import pandas as pd
import pytest

from archloom.errors import GraphError
from archloom.graph import check, flops, graph_hashes, parameters
from archloom.spaces import nb_macro
from reference_models.layers import assert_same_outputs
from reference_models.mobile import nb_macro as network


@pytest.mark.parametrize(
    ("code", "params", "macs"),
    [
        ("00000000", 387_882, 7_713_280),
        ("22212202", 1_985_514, 85_164_544),
        ("22222222", 2_932_586, 105_660_928),
        ("02012100", 890_666, 47_327_744),
    ],
)
def test_check_values(code, params, macs):
    graph = nb_macro.build(code)
    assert (parameters(graph), flops(graph, "mac")) == (params, 2 * macs)


def test_canonical_codes_are_the_3969_different_networks():
    codes = list(nb_macro.enumerate_all())
    assert len(codes) == len(set(codes)) == 3969
    graphs = [nb_macro.build(code, nb_macro.REDUCED) for code in codes]
    assert len(set(graph_hashes(graphs))) == 3969


@pytest.mark.parametrize(
    ("code", "canonical"),
    [("00102010", "00120010"), ("01002021", "01020021"), ("20002201", "20020210")],
)
def test_place_of_an_identity_does_not_change_the_network(code, canonical):
    assert nb_macro.canonical(code) == canonical
    assert nb_macro.build(code).hash == nb_macro.build(canonical).hash


@pytest.mark.slow
def test_all_published_counts(data_folder):
    table = pd.read_parquet(data_folder / "nasbench_macro" / "cifar10.parquet")
    graphs = [nb_macro.build(code) for code in table["arch"]]
    assert [parameters(graph) for graph in graphs] == table["params"].tolist()
    assert [flops(graph, "mac") for graph in graphs] == (2 * table["flops"]).tolist()
    same = table.groupby([nb_macro.canonical(code) for code in table["arch"]])
    assert len(same) == 3969
    assert (same["mean_acc"].nunique() == 1).all()


@pytest.mark.parametrize("text", ["", "0000000", "000000000", "00000003", "0000000-"])
def test_damaged_string_is_refused(text):
    with pytest.raises(GraphError, match="eight digits"):
        nb_macro.build(text)


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("code", ["00000000", "12012021", "21120210"])
def test_output_equals_plain_pytorch(code, training):
    compare(code, nb_macro.REDUCED, training)


def test_output_of_a_full_network_equals_plain_pytorch():
    compare("22212202", nb_macro.FULL, training=False)


def compare(code, skeleton, training):
    graph = nb_macro.build(code, skeleton)
    check(graph)
    channels = skeleton.shape[2]
    model = network(code, channels, skeleton.stem, skeleton.widths, skeleton.head)
    assert_same_outputs(model, graph, training)
