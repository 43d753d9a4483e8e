"""Latency is measured in interleaved rounds and stated with its spread."""

import numpy as np
import pytest

from archloom.errors import ConfigError, GraphError
from archloom.graph import OPS, Definition, Graph, GraphBuilder
from archloom.graph.definition import OWN_DOMAIN, Operand, TensorType
from archloom.train import latency
from archloom.train.latency import RUNTIMES, Timing, compare_latency, measure_latency

QUICK = {"warm_up": 1, "repeats": 3}


def network(convolutions: int, size: int = 32) -> Graph:
    b = GraphBuilder(name=f"{convolutions} convolutions")
    x = b.input(size, size, 16)
    for _ in range(convolutions):
        x = b.conv(x, 16)
    b.output(b.matmul(b.unary("mean", x), 10))
    return b.build()


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_more_work_takes_longer_and_the_median_lies_within_its_quartiles(runtime):
    small, large = measure_latency([network(1), network(24)], Timing(runtime, **QUICK))
    assert 0 < small.median < large.median
    for found in (small, large):
        assert found.lower <= found.median <= found.upper


def test_every_round_runs_each_network_once(monkeypatch):
    ran = []
    monkeypatch.setattr(latency, "_runner", lambda graph, timing: lambda: ran.append(graph.name))
    monkeypatch.setattr(latency, "SAMPLE_SECONDS", 0.0)
    measure_latency([network(1), network(2)], Timing(warm_up=2, repeats=4))
    names = [network(1).name, network(2).name]
    assert ran == 3 * names[:1] + 3 * names[1:] + 4 * names


def test_a_fast_network_runs_several_times_per_sample(monkeypatch):
    ran = []
    monkeypatch.setattr(latency, "_runner", lambda graph, timing: lambda: ran.append(1))
    measure_latency([network(1)], Timing(**QUICK))
    assert len(ran) > 20


def test_the_reference_takes_part_in_every_group(monkeypatch):
    groups = []

    def fake(graphs, timing):
        groups.append([graph.n_nodes for graph in graphs])
        speed = np.array([[1.0], [5.0], [2.0]])  # the machine grows slower and recovers
        return speed * [float(graph.n_nodes) for graph in graphs]

    monkeypatch.setattr(latency, "latency_rounds", fake)
    base, others = network(1), [network(k) for k in range(2, 7)]
    found = compare_latency(base, others, group=2)
    assert [group[0] for group in groups] == [base.n_nodes] * 3
    assert [one.own.median for one in found] == [2 * graph.n_nodes for graph in others]
    assert found[0].change == pytest.approx(100 * (others[0].n_nodes / base.n_nodes - 1))


def test_torch_gets_its_threads_back():
    import torch

    before = torch.get_num_threads()
    measure_latency([network(1)], Timing("torch", threads=before + 1, **QUICK))
    assert torch.get_num_threads() == before


@pytest.mark.parametrize(
    ("change", "message"),
    [({"runtime": "tvm"}, "onnxruntime or torch"), ({"threads": 0}, "threads = 0")],
)
def test_settings_out_of_range_are_refused(change, message):
    with pytest.raises(ConfigError, match=message):
        Timing(**change)


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_a_network_that_does_not_run_is_named(runtime):
    graph = network(1)
    codes = np.where(graph.op == OPS.code("conv"), OPS.code("reserved1"), graph.op)
    with pytest.raises(GraphError, match="1 convolutions"):
        measure_latency([graph.replace(op=codes.astype(np.int16))], Timing(runtime, **QUICK))


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_inputs_that_are_no_maps_have_the_type_that_their_definition_states(runtime):
    tokens = TensorType("int64", (1, 4))
    given = Definition("Input", (), (tokens,), domain=OWN_DOMAIN)
    ends = Definition("Output", (Operand(tokens),), (tokens,), domain=OWN_DOMAIN)
    graph = Graph.from_arrays(
        op=[OPS.code("input"), OPS.code("output")],
        in_ptr=[0, 0, 1],
        in_src=[0],
        resolution=[[1, 1, 1, 1, 4, 4]] * 2,
        definition=[0, 1],
        definitions=[given, ends],
    )
    (found,) = measure_latency([graph], Timing(runtime, **QUICK))
    assert found.median > 0


@pytest.mark.parametrize(("used", "told"), [(0.5, True), (0.95, False), (1.9, False)])
def test_a_busy_machine_is_told(monkeypatch, caplog, used, told):
    clock = iter([0.0, 1.0])
    monkeypatch.setattr(latency, "process_time", iter([0.0, used]).__next__)
    monkeypatch.setattr(latency, "perf_counter", clock.__next__)
    with latency._watched():
        pass
    assert ("the machine is busy: for 50 % of the time" in caplog.text) == told
