import numpy as np

from archloom.graph import OPS, GraphBuilder
from archloom.report.published.figures import count_instances, latency_figures, networks_of
from archloom.segments.psc_index import psc_ranges
from archloom.segments.tokeniser import Tokeniser
from archloom.segments.training import train_vocabulary
from archloom.spaces import FAMILIES
from archloom.train.latency import Timing


def small(width):
    b = GraphBuilder(f"net{width}")
    b.output(b.conv(b.input(8, 8, 1), width))
    return b.build()


def test_instances_are_counted_over_all_graphs():
    graphs = networks_of("nb201", 6)
    tokeniser = Tokeniser(train_vocabulary(graphs, size=200))
    counts = [len(psc_ranges(tokeniser.segment(graph))[1]) for graph in graphs]
    assert count_instances(graphs, tokeniser) == {
        "graphs": 6,
        "instances": sum(counts),
        "folds": max(min(10, max(counts)), min(counts)),
        "unknown_percent": 0.0,
    }
    small_vocabulary = Tokeniser(train_vocabulary([small(4)], size=20))
    assert count_instances(graphs, small_vocabulary)["unknown_percent"] > 50


def test_networks_have_the_form_of_the_caches():
    graphs = networks_of("nb201", 3)
    assert len(graphs) == 3
    identity = OPS.code("identity")
    assert [np.count_nonzero(graph.op == identity) for graph in graphs] == [1] * 3  # dropout
    assert not any("none" in graph.name for graph in graphs)
    released = FAMILIES["hiaml"].sample(2, 0, FAMILIES["hiaml"].FULL, "upstream")
    assert [one.hash for one in networks_of("hiaml", 2)] == [one.hash for one in released]


def test_latencies_are_measured_per_graph():
    groups = [{"a": small(2), "b": small(4)}, {"c": small(8)}]
    found = latency_figures(groups, Timing(warm_up=0, repeats=3))
    assert list(found["graphs"]) == ["a", "b", "c"]
    for one in found["graphs"].values():
        assert 0 < one["lower"] <= one["median"] <= one["upper"]
    assert found["timing"] == "onnxruntime, 1 thread, median of 3 interleaved rounds"
    assert isinstance(found["machine"], str) and np.isfinite(found["graphs"]["a"]["median"])
