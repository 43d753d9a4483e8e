import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from archloom.errors import ConfigError
from archloom.graph import Graph, GraphBuilder, autogo_order
from archloom.io.reference.cg_json import from_cg_json
from archloom.views.labels import Encoding, label_keys, node_labels


def branchy() -> Graph:
    """relu -> (conv 1x1, conv 5x5, avgpool) -> concat -> relu6."""
    b = GraphBuilder()
    x = b.unary("relu", b.conv(b.input(8, 8, 3), 16))
    one, five, pooled = b.conv(x, 8, 1), b.conv(x, 8, 5), b.pool("avgpool", x, 3)
    depthwise = b.depthwise(b.unary("relu6", b.concat([pooled, one, five])), 3, 2)
    b.output(b.matmul(b.unary("mean", depthwise), 10))
    return b.build()


def renumbered(graph: Graph, seed: int) -> Graph:
    return graph.subgraph(np.random.default_rng(seed).permutation(graph.n_nodes))


def test_shp_labels_name_kernel_and_neighbours():
    labels = node_labels(branchy(), Encoding("shp"))
    assert labels[0] == "input,in,,out,conv2d,"
    assert labels[1] == "conv2d,3,in,input,,out,relu,"
    assert labels[2] == "relu,in,conv2d,,out,avgpool,conv2d,conv2d,"
    assert labels[-2] == "matmul,0,in,mean,,out,output,"


def test_relu6_is_spelled_relu():
    graph = branchy()
    labels = node_labels(graph, Encoding("shp"))
    names = [graph.op_name(node) for node in range(graph.n_nodes)]
    assert labels[names.index("relu6")] == "relu,in,concat,,out,depthwise,"
    assert labels[names.index("depthwise")] == "depthwise,3,in,relu,,out,mean,"


def test_unsorted_neighbours_come_weighted_first_then_by_index():
    concat = next(
        label
        for label in node_labels(branchy(), Encoding("shp", False))
        if label.startswith("concat")
    )
    assert concat == "concat,in,conv2d,conv2d,avgpool,,out,relu,"


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("op", "conv2d,in,input,,out,relu,"),
        ("op_nio", "conv2d"),
        ("shp_nio", "conv2d,3"),
        ("chn", "conv2d,16,in,input,,out,relu,"),
        ("chn_nio", "conv2d,16"),
        ("res_nio", "conv2d,8,8,8,8,3,16"),
        ("res_ratio_nio", f"conv2d,1.0,1.0,1.0,1.0,1.0,{16 / 3}"),
    ],
)
def test_each_encoding_spells_its_own_field(name, label):
    assert node_labels(branchy(), Encoding(name))[1] == label


def test_chn_of_a_depthwise_node_is_its_multiplier():
    assert "depthwise,1" in node_labels(branchy(), Encoding("chn_nio"))


def test_unweighted_nodes_have_no_kernel_field():
    assert "avgpool" in node_labels(branchy(), Encoding("shp_nio"))


@given(st.integers(0, 1000))
def test_sorted_labels_do_not_depend_on_numbering(seed):
    graph = branchy()
    assert sorted(node_labels(renumbered(graph, seed), Encoding())) == sorted(
        node_labels(graph, Encoding())
    )


def test_unsorted_labels_do_depend_on_numbering():
    graph, encoding = branchy(), Encoding("shp", False)
    reverse = graph.subgraph(np.arange(graph.n_nodes)[::-1])
    found = {tuple(sorted(node_labels(g, Encoding()))) for g in (graph, reverse)}
    assert len(found) == 1
    b = GraphBuilder()
    x = b.input(4, 4, 4)
    b.output(b.add([b.unary("relu", x), b.pool("avgpool", x, 3)]))
    one = b.build()
    other = one.subgraph([0, 2, 1, 3, 4])
    assert sorted(node_labels(one, encoding)) != sorted(node_labels(other, encoding))


def test_equal_keys_mean_equal_labels_and_different_keys_different_labels():
    encoding = Encoding("shp", False)
    graph = branchy()
    pairs = set(zip(label_keys(graph, encoding), node_labels(graph, encoding), strict=True))
    assert len({key for key, _ in pairs}) == len(pairs) == len({label for _, label in pairs})


def test_a_node_may_have_hundreds_of_operands():
    b = GraphBuilder()
    x = b.input(2, 2, 1)
    b.output(b.add([b.unary("relu", x) for _ in range(300)]))
    label = next(label for label in node_labels(b.build(), Encoding()) if label.startswith("add"))
    assert label == f"add,in,{'relu,' * 300},out,output,"


@pytest.mark.parametrize("name", ["", "shape", "nio", "shp-nio", "SHP"])
def test_an_unknown_encoding_is_refused(name):
    with pytest.raises(ConfigError, match="res_ratio"):
        Encoding(name)


def test_labels_of_all_published_graphs_equal_the_goldens(data_folder):
    goldens = json.loads((data_folder / "autogo_vocab/golden_segmentation.json").read_text())
    for name, golden in goldens["graphs"].items():
        document = json.loads((data_folder / f"autogo_cgs/{name}.json").read_text())
        graph = from_cg_json(document)
        labels = node_labels(graph, Encoding("shp", sorted_neighbours=False))
        assert [labels[node] for node in autogo_order(graph)] == golden["labels"], name
