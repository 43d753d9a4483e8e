"""Regions, closures and stitched children."""

from collections import Counter

import numpy as np
import pytest

from archloom.graph import GraphBuilder, check, flops, infer_shapes
from archloom.search.graphs.regions import FIXED_OPS, find_regions, single_node_regions
from archloom.search.graphs.stitching import Children, Closure, Opening, Wiring, stitch
from archloom.search.graphs.validation import validate
from archloom.segments.interface import permitted_ops
from strategies import assert_identical


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


def filled(graph, region, segment):
    wiring = Wiring(np.array([0]), np.array([0]))
    graft = Opening(graph, region).graft(segment, Closure(segment), wiring)
    return stitch(graph, [graft], first_id=100)[0]


def proposals(network, mutator, seed=0):
    """Every fitting replacement of the regions of a network, as grafts."""
    rng, rejected = np.random.default_rng(seed), Counter()
    segmentation = mutator.tokeniser.segment(network)
    found = []
    for region in find_regions(
        network, segmentation, permitted_ops("nb201"), consecutive=2, limit=8, rng=rng
    ):
        opening = Opening(network, region)
        for one in mutator._finder.find(region, 12, lambda _: None, rng, rejected):
            found.append(opening.graft(one.segment, one.closure, one.wiring))
    return found


def test_children_stitched_together_are_those_stitched_alone(mutator, network):
    grafts = proposals(network, mutator)
    children = stitch(network, grafts, first_id=1000)
    assert len(grafts) > 20
    for index, graft in enumerate(grafts):
        assert_identical(children[index], stitch(network, [graft], first_id=1000)[0])


def test_equal_keys_of_one_opening_mean_equal_children(mutator, network):
    groups = {}
    for graft in [*proposals(network, mutator), *proposals(network, mutator, seed=1)]:
        child = stitch(network, [graft], first_id=1000)[0]
        key = (graft.opening.region.start, graft.opening.region.stop, graft.key)
        groups.setdefault(key, []).append(child)
    twins = [group for group in groups.values() if len(group) > 1]
    assert twins
    for first, *others in twins:
        for other in others:
            assert_identical(other, first)


def test_what_is_untouched_need_not_be_validated_again(mutator, network):
    children = stitch(network, proposals(network, mutator), first_id=1000)
    everything = np.ones_like(children.touched)
    whole = Children(children.union, children.bounds, children.origin, everything)
    assert 0 < children.touched.sum() < len(everything)
    doubled = network.replace(
        in_src=np.concatenate([network.in_src, network.in_src[-1:]]),
        in_ptr=np.concatenate([network.in_ptr[:-1], network.in_ptr[-1:] + 1]),
    )
    torn = stitch(doubled, proposals(doubled, mutator), first_id=1000)
    all_torn = Children(torn.union, torn.bounds, torn.origin, np.ones_like(torn.touched))
    for parent, some, all_ in ((network, children, whole), (doubled, torn, all_torn)):
        local, complete = Counter(), Counter()
        times = np.ones(len(some.bounds) - 1, dtype=np.int64)
        sound = validate(parent, some, times, local)
        assert np.array_equal(sound, validate(parent, all_, times, complete))
        assert local == complete
    assert not sound.any() and local["repeated edge"] == len(sound)


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
    child = filled(graph, region, segment)
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
    child = filled(graph, region, lonely)
    check(child)
    assert child.hash == graph.hash
    alone = whole.subgraph([total])
    passing = filled(graph, region, alone)
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
