import numpy as np
import pytest

from archloom.errors import GraphError
from archloom.graph import OPS, Graph, GraphBuilder
from archloom.views.features import Normalisers, node_features, weighted_rows


def test_a_row_holds_op_sizes_kernel_and_bias():
    b = GraphBuilder()
    x = b.conv(b.input(32, 16, 3), 8, kernel=(3, 5), stride=2, bias=True)
    b.pool("maxpool", x, 2, 2)
    rows = node_features(b.build())
    assert rows.tolist() == [
        [1, 32, 32, 16, 16, 3, 3, 0, 0, 0],
        [3, 32, 16, 16, 8, 3, 8, 3, 5, 1],
        [12, 16, 8, 8, 4, 8, 8, 0, 0, 0],  # a pool's window is no feature
    ]
    assert weighted_rows(rows).tolist() == [False, True, False]


def test_a_kernel_above_seven_names_the_node():
    b = GraphBuilder(name="wide")
    b.conv(b.input(32, 32, 3), 8, kernel=9)
    wide = b.build()
    b = GraphBuilder(name="narrow")
    b.conv(b.input(32, 32, 3), 8, kernel=7)
    with pytest.raises(GraphError, match=r"wide.*node 1.*9, 9"):
        node_features(b.build(), wide)


def test_graphs_follow_each_other():
    b = GraphBuilder()
    b.conv(b.input(32, 32, 3), 8, kernel=3)
    graph = b.build()
    rows = node_features(graph)
    assert (node_features(graph, graph) == np.concatenate([rows, rows])).all()


def test_operations_behind_the_vocabulary_count_as_unknown(monkeypatch):
    graph = Graph.from_arrays(op=[1], in_ptr=[0, 0], in_src=[], resolution=[[8] * 6])
    later = graph.replace(op=np.array([32], dtype=np.int16))
    monkeypatch.setattr(OPS, "_tables", {"weighted": np.zeros(33, dtype=np.int8)})
    assert node_features(later)[0, 0] == 0


def test_normalisers_divide_sizes_in_the_order_of_a_resolution():
    assert Normalisers(10, 20, 30).divisors.tolist() == [10, 10, 20, 20, 30, 30]
    assert Normalisers() == (256, 256, 512)


def test_the_largest_sizes_of_graphs_can_be_the_normalisers():
    b = GraphBuilder()
    x = b.conv(b.input(8, 6, 3), 5, stride=2)
    b.output(x)
    c = GraphBuilder()
    c.output(c.input(7, 9, 2))
    assert Normalisers.largest_of([b.build(), c.build()]) == Normalisers(8, 9, 5)
