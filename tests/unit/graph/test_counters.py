"""FLOPs and parameters: the reference's counter bit for bit, and true multiply-accumulates."""

import pytest
from hypothesis import given

from archloom.errors import GraphError
from archloom.graph import GraphBuilder, flops, node_flops, node_parameters, parameters
from archloom.graph.definition import Definition, Operand, TensorType, Weight
from strategies import networks, renumbered_networks


def test_flops_and_parameters_of_every_shipped_graph(shipped, shipped_documents):
    for name, graph in shipped.items():
        stats = shipped_documents[name]["stats"]
        assert flops(graph) == stats["flops"], name
        assert parameters(graph) == stats["params"], name
        assert (graph.n_nodes, graph.n_edges) == (stats["n_nodes"], stats["n_edges"])
        assert int(graph.is_weighted.sum()) == stats["n_weighted"]


def test_counts_of_single_nodes():
    b = GraphBuilder()
    x = b.input(8, 8, 3)
    conv = b.conv(x, 4, (3, 1), 2, bias=True)  # 4x4x4 out
    depthwise = b.depthwise(conv, 3, bias=True)
    norm = b.unary("batchnorm", depthwise)
    total = b.add([norm, conv])
    pool = b.pool("maxpool", total, 2, 2)
    mean = b.unary("mean", pool)
    dense = b.matmul(mean, 10)
    b.output(dense)
    graph = b.build()
    macs = {
        conv: 3 * 3 * 4 * 16 + 4 * 16,
        depthwise: 9 * 4 * 16 + 4 * 16,
        norm: 2 * 16 * 4,
        total: 2 * 16 * 4,
        pool: 4 * 4,
        mean: 4,
        dense: 4 * 10 + 10,
    }
    assert {node: int(n) // 2 for node, n in enumerate(node_flops(graph)) if n} == macs
    true_macs = {conv: 3 * 3 * 4 * 16, depthwise: 9 * 4 * 16, dense: 40}
    counted = {node: int(n) // 2 for node, n in enumerate(node_flops(graph, "mac")) if n}
    assert counted == true_macs
    counts = {conv: 3 * 3 * 4 + 4, depthwise: 9 * 4 + 4, norm: 8, dense: 50}
    assert {node: int(n) for node, n in enumerate(node_parameters(graph)) if n} == counts
    assert parameters(graph) == sum(counts.values())


def test_the_in_degree_multiplies_the_references_cost_but_not_the_true_one():
    b = GraphBuilder()
    x = b.input(4, 4, 2)
    y = b.conv(x, 2, 1)
    graph = b.build()
    twice = graph.replace(in_ptr=graph.in_ptr + (graph.in_ptr > 0), in_src=graph.in_src.repeat(2))
    assert node_flops(twice)[y] == 2 * node_flops(graph)[y]
    assert node_flops(twice, "mac")[y] == node_flops(graph, "mac")[y]


def test_running_statistics_of_a_fixed_norm_are_no_parameters():
    vector, one = TensorType("float32", (3,)), TensorType("float32", (1, 3, 4, 4))
    weights = (Weight(part, vector) for part in ("weight", "bias", "mean", "var"))
    norm = Definition("BatchNormalization", (Operand(one), *weights), (one,))
    b = GraphBuilder()
    shape = (4, 4, 3)
    b.output(b.fixed("batchnorm", [b.input(*shape)], norm, shape, shape))
    assert parameters(b.build()) == 6


def test_large_networks_do_not_overflow():
    b = GraphBuilder()
    x = b.conv(b.input(4096, 4096, 1024), 1024)
    b.output(x)
    assert flops(b.build()) == 2 * 9 * 1024**2 * 4096**2


@given(renumbered_networks())
def test_renumbering_keeps_the_counts(pair):
    graph, other = pair
    assert flops(graph) == flops(other)
    assert flops(graph, "mac") == flops(other, "mac")
    assert parameters(graph) == parameters(other)


@given(networks())
def test_true_macs_never_exceed_the_references_count(graph):
    assert (node_flops(graph, "mac") <= node_flops(graph)).all()


def test_an_unknown_counter_is_refused():
    b = GraphBuilder()
    b.input(1, 1, 1)
    with pytest.raises(GraphError, match="counter 'mega'.*autogo"):
        flops(b.build(), "mega")
