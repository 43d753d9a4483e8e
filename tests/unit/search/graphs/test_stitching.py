"""Regions, closures and stitched children."""

import numpy as np
import pytest

from archloom.graph import GraphBuilder, check, flops, infer_shapes
from archloom.search.graphs.regions import FIXED_OPS, find_regions, single_node_regions
from archloom.search.graphs.stitching import Closure, Opening, Wiring
from archloom.segments.interface import permitted_ops


def residual_network():
    b = GraphBuilder("residual", "nb201")
    x = b.conv(b.input(8, 8, 3), 4)
    y = b.unary("batchnorm", b.conv(b.unary("relu", x), 4))
    b.output(b.matmul(b.unary("mean", b.add([y, x])), 10))
    return b.build()


def single(op, channels=4):
    b = GraphBuilder()
    x = b.input(8, 8, channels)
    node = b.conv(x, channels, 1) if op == "conv" else b.unary(op, x)
    return b.build().subgraph([node])


def regions_of(graph, tokeniser, **kwargs):
    rng = np.random.default_rng(0)
    options = {"consecutive": 2, "limit": 1000, **kwargs}
    return find_regions(
        graph, tokeniser.segment(graph).by_node(), permitted_ops("nb201"), rng=rng, **options
    )


def test_regions_leave_the_ends_and_fixed_operations_alone(network, tokeniser):
    regions = regions_of(network, tokeniser)
    covered = {int(node) for region in regions for node in region.nodes}
    assert regions and not {network.op_name(node) for node in covered} & set(FIXED_OPS)
    assert all(0 < region.start < region.stop < network.n_nodes for region in regions)


def test_an_entering_value_counts_per_edge_and_a_leaving_one_once(tokeniser):
    graph = residual_network()
    add = int(np.flatnonzero(graph.op == 9)[0])
    by_nodes = {tuple(region.nodes.tolist()): region for region in regions_of(graph, tokeniser)}
    assert by_nodes[(add,)].inputs.tolist() == [[8, 8, 4], [8, 8, 4]]
    conv = int(graph.predecessors(add)[1])
    assert by_nodes[(conv,)].outputs.tolist() == [[8, 8, 4]]
    assert graph.out_degree[conv] == 2


def test_a_limit_keeps_the_cheapest_half(network, tokeniser):
    cheapest = min(flops(network.subgraph(r.nodes)) for r in regions_of(network, tokeniser))
    kept = regions_of(network, tokeniser, limit=6)
    assert len(kept) == 6
    assert min(flops(network.subgraph(r.nodes)) for r in kept) == cheapest


def test_op_unit_spares_convolutions_that_change_shape(network, tokeniser):
    rng = np.random.default_rng(0)
    segmentation = tokeniser.segment(network).by_node()
    regions = single_node_regions(
        network, segmentation, permitted_ops("nb201"), limit=1000, rng=rng
    )
    for region in regions:
        node = int(region.nodes[0])
        size = network.resolution[node]
        if network.op_name(node) == "conv":
            assert size[0] == size[1] and size[4] == size[5]


def test_replacing_a_relu_by_a_conv_changes_that_node_only(tokeniser):
    graph = residual_network()
    relu = int(np.flatnonzero(graph.op == 6)[0])
    region = next(r for r in regions_of(graph, tokeniser) if r.nodes.tolist() == [relu])
    segment = single("conv")
    child = Opening(graph, region).fill(
        segment, Closure(segment), Wiring(np.array([0]), np.array([0])), first_id=100
    )
    check(child)
    assert sorted(set(child.ids.tolist()) - set(graph.ids.tolist())) == [100]
    assert set(graph.ids.tolist()) - set(child.ids.tolist()) == {int(graph.ids[relu])}
    assert np.array_equal(infer_shapes(child).resolution, child.resolution)
    add = int(np.flatnonzero(child.op == 9)[0])
    before = int(np.flatnonzero(graph.op == 9)[0])
    operands = [child.ids[node] for node in child.predecessors(add)]
    assert operands == [graph.ids[node] for node in graph.predecessors(before)]


def test_an_addition_left_with_one_operand_is_bridged(tokeniser):
    graph = residual_network()
    relu = int(np.flatnonzero(graph.op == 6)[0])
    region = next(r for r in regions_of(graph, tokeniser) if r.nodes.tolist() == [relu])
    b = GraphBuilder()
    x = b.input(8, 8, 4)
    total = b.add([b.unary("relu", x), b.unary("identity", x)])
    whole = b.build()
    lonely = whole.subgraph([1, total])  # relu -> add, the other operand is lost
    child = Opening(graph, region).fill(
        lonely, Closure(lonely), Wiring(np.array([0]), np.array([0])), first_id=100
    )
    check(child)
    assert child.hash == graph.hash
    alone = whole.subgraph([total])
    passing = Opening(graph, region).fill(
        alone, Closure(alone), Wiring(np.array([0]), np.array([0])), first_id=100
    )
    check(passing)
    assert passing.n_nodes == graph.n_nodes - 1


@pytest.mark.parametrize("kind", ["add", "mul", "concat"])
def test_closures_depend_on_structure_only(kind):
    b = GraphBuilder()
    x, y = b.input(8, 8, 4), b.input(8, 8, 4)
    merged = b.merge(kind, [b.unary("relu", x), b.unary("relu", y)])
    segment = b.build().subgraph([2, 3, merged])
    closure = Closure(segment)
    assert closure.kept.tolist() == [0, 1, 2]
    assert closure.edges.tolist() == [[-1, 0], [-2, 1], [0, 2], [1, 2]]
    assert closure.exits.tolist() == [2]
