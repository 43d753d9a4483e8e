"""Measured latencies: the reference network takes part, so that the machine's speed cancels out."""

import numpy as np
import pytest

from archloom.search import latency
from archloom.search.latency import MeasuredLatency
from archloom.train.latency import Timing

QUICK = Timing(warm_up=0, repeats=3)


def test_measured_times_are_stated_at_the_machines_first_speed(network, monkeypatch):
    speeds = iter([1.0, 3.0, 0.5])

    def rounds(graphs, timing):
        assert timing == QUICK and graphs[0].hash == latency.reference_network().hash
        speed = next(speeds) * np.array([[2.0], [7.0], [4.0]])  # others use the machine, too
        return speed * [1.0, *(graph.n_nodes / 10 for graph in graphs[1:])]

    monkeypatch.setattr(latency, "latency_rounds", rounds)
    graphs = [network.subgraph(range(size)) for size in range(network.n_nodes, 4, -1)][:18]
    found = MeasuredLatency(timing=QUICK).values(graphs)
    assert found == pytest.approx([4.0 * graph.n_nodes / 10 for graph in graphs])
    assert next(speeds, None) is None
