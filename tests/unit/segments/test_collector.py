from collections import Counter

import numpy as np
import pytest

from archloom.graph import GraphBuilder
from archloom.graph.definition import Definition, Operand, TensorType
from archloom.segments.batch import BatchTokeniser, batches
from archloom.segments.canonical import canonical_form
from archloom.segments.collector import SegmentCollector
from archloom.segments.pattern import cut
from archloom.segments.tokeniser import Tokeniser
from archloom.segments.training import train_vocabulary
from archloom.spaces import nb101


def collected(graphs, tokeniser, size=100, unit="segment"):
    collector, cutter = SegmentCollector(), BatchTokeniser(tokeniser)
    for batch in batches(graphs, size):
        cuts = cutter.segment(batch)
        collector.add(cuts.by_node() if unit == "op" else cuts, unit)
    return collector


@pytest.mark.parametrize("unit", ["segment", "op"])
def test_the_batches_do_not_matter(networks, tokeniser, unit):
    wanted = collected(networks, tokeniser, unit=unit).topologies()
    for size in (1, 5):
        assert collected(networks[::-1], tokeniser, size, unit).topologies() == wanted


def test_every_pattern_of_every_graph_is_counted(networks, tokeniser):
    wanted, families = Counter(), Counter()
    for graph in networks:
        for pattern in cut(graph, tokeniser.segment(graph)):
            wanted[canonical_form(pattern)] += 1
            families[graph.family] += 1
    topologies = collected(networks, tokeniser).topologies()
    found = {
        entry.pattern(states): count
        for entry in topologies
        for states, count in entry.instances.items()
    }
    assert found == wanted
    assert sum((entry.frequency for entry in topologies), Counter()) == families


def test_the_example_is_the_smallest_hash(networks, tokeniser):
    (stem,) = (
        entry
        for entry in collected(networks, tokeniser, 7, "op").topologies()
        if entry.frequency.total() == len(networks)
        and entry.pattern(b"").n_nodes == 1
        and b"\x01" == entry.nodes[:1]
    )  # the node input, which every graph holds once
    assert stem.example == min(graph.hash for graph in networks)


def grouped_network():
    b = GraphBuilder(name="grouped", family="even")
    x = b.conv(b.input(16, 16, 3), 8)
    x = b.unary("relu", b.unary("batchnorm", b.conv(x, 8, 3, groups=2)))
    b.output(b.matmul(b.unary("mean", x), 10))
    return b.build()


def test_grouped_convolutions_are_left_out_and_counted(networks, tokeniser):
    graph = grouped_network()
    pieces = collected([graph], tokeniser)
    held = sum(entry.frequency.total() for entry in pieces.topologies())
    assert pieces.skipped["segment"] == 1
    assert held == tokeniser.segment(graph).n_groups - 1
    nodes = collected([graph], tokeniser, unit="op")
    assert nodes.skipped["op"] == 1
    assert sum(entry.frequency.total() for entry in nodes.topologies()) == graph.n_nodes - 1


def fixed_network():
    b = GraphBuilder(name="fixed", family="even")
    x = b.unary("relu", b.unary("batchnorm", b.conv(b.input(16, 16, 3), 8)))
    softmax = Definition(
        "Softmax",
        (Operand(TensorType("float32", (1, 8, 16, 16))),),
        (TensorType("float32", (1, 8, 16, 16)),),
    )
    x = b.fixed("softmax", [x], softmax, (16, 16, 8), (16, 16, 8))
    b.output(b.matmul(b.unary("mean", x), 10))
    return b.build()


def test_nodes_with_a_definition_are_left_out_and_counted(tokeniser):
    graph = fixed_network()
    for unit in ("segment", "op"):
        collector = collected([graph], tokeniser, unit=unit)
        assert collector.skipped[unit] == 1
        names = {
            entry.pattern(states).graph().op_name(0)
            for entry in collector.topologies()
            for states in entry.instances
        }
        assert "softmax" not in names


def test_an_operation_that_the_vocabulary_does_not_know_is_cut_all_the_same(tokeniser):
    graph = fixed_network()
    segmentation = tokeniser.segment(graph)
    assert sorted(segmentation.order.tolist()) == list(range(graph.n_nodes))
    symbol = {
        graph.op_name(node): segmentation.symbols[place]
        for place, node in enumerate(segmentation.order.tolist())
    }
    assert symbol["softmax"] < 0
    assert any(
        label.startswith("softmax,in,relu,") for label in tokeniser.vocabulary.unknown_labels(graph)
    )


def test_a_cell_with_cut_channels_keeps_its_other_segments():
    """The slice of NB-101's channel truncation has symbols of its own, and no segment."""
    cell = "conv3x3~0|conv1x1~0,1|maxpool3x3~1,2|output~2,3"
    graphs = [nb101.build(cell, nb101.REDUCED), *nb101.sample(6, 0, nb101.REDUCED)]
    tokeniser = Tokeniser(train_vocabulary(graphs, size=400))
    fixed = np.array([graph.is_fixed.sum() for graph in graphs])
    collector = collected(graphs, tokeniser, unit="op")
    assert collector.skipped["op"] == fixed.sum()
    assert (fixed > 0).any()
