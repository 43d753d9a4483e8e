"""The front as files: graphs, pictures, table, and weights taken over from the input."""

import csv
import json
from dataclasses import replace

import onnxruntime
import pytest
import torch

from archloom.execute.module import to_torch
from archloom.graph import flops
from archloom.io import read_graph
from archloom.io.weights import read_weights
from archloom.predict.range import Place
from archloom.report.autogo.front import write_front
from archloom.report.record import read_search
from archloom.search.goals import Goals
from archloom.search.graphs.evolution import evolve
from archloom.search.latency import EstimatedLatency
from archloom.train.latency import Timing
from search_world import make_mutator, make_network


@pytest.fixture(scope="module")
def result():
    objective = EstimatedLatency(timing=Timing(warm_up=0, repeats=3))
    found = evolve(make_network(), make_mutator(iterations=1), Goals.of(["score", objective]))
    places = [Place(0.5, 0.2, ("nodes: 9, nearest 8",)), Place(0.1, 0.2)]
    members = [replace(one, place=places[index > 0]) for index, one in enumerate(found)]
    return replace(found, members=members[:2], place=places[1])


def test_weights_travel_into_every_file(result, tmp_path):
    weights = {
        key: tensor + 0.25 for key, tensor in to_torch(result.graph, seed=3).weights().items()
    }
    coverages = write_front(result, tmp_path, weights)
    assert len(coverages) == len(result)
    image = torch.randn(2, 1, 8, 8)
    for rank, (member, coverage) in enumerate(zip(result, coverages, strict=True), start=1):
        assert read_graph(tmp_path / f"rank_{rank}.json").hash == member.graph.hash
        tensors, card = read_weights(tmp_path / f"rank_{rank}.weights.safetensors", member.graph)
        assert card["facts"] == {"coverage": coverage, "from": result.graph.hash}
        kept = [key for key in tensors if key in weights]
        assert kept and all(torch.equal(tensors[key], weights[key]) for key in kept)
        session = onnxruntime.InferenceSession(tmp_path / f"rank_{rank}.onnx")
        (found,) = session.run(None, {session.get_inputs()[0].name: image.numpy()})
        wanted = to_torch(member.graph, tensors).eval()(image).detach()
        assert torch.allclose(
            torch.from_numpy(found), wanted, atol=1e-3 * float(wanted.abs().max())
        )


def test_the_table_holds_figures_changes_measurements_and_coverage(result, tmp_path):
    weights = to_torch(result.graph).weights()
    coverages = write_front(result, tmp_path, weights)
    rows = list(csv.DictReader((tmp_path / "front.csv").open()))
    assert [row["rank"] for row in rows] == [str(k) for k in range(len(result) + 1)]
    assert float(rows[0]["flops"]) == flops(result.graph)
    for row, member, coverage in zip(rows[1:], result, coverages, strict=True):
        assert float(row["measured_ms"]) == member.latency.own.median
        assert float(row["measured_change_percent"]) == member.latency.change
        assert float(row["latency"]) == member.values["latency"]
        assert float(row["coverage"]) == coverage
    entries = json.loads((tmp_path / "stats.json").read_text())["front"]["members"]
    assert [entry["coverage"] for entry in entries] == coverages


def test_without_weights_there_is_no_coverage(result, tmp_path):
    assert write_front(result, tmp_path) == []
    assert "coverage" not in (tmp_path / "front.csv").read_text()
    assert not list(tmp_path.glob("*.weights.*"))


def test_an_empty_front_is_a_table_of_the_input(result, tmp_path):
    write_front(replace(result, members=[]), tmp_path)
    assert len(list(csv.DictReader((tmp_path / "front.csv").open()))) == 1


def test_the_record_is_read_back_with_all_figures(result, tmp_path):
    write_front(result, tmp_path)
    record = read_search(tmp_path / "stats.json", tmp_path / "visited.parquet")
    assert record.objectives == ("score", "latency")
    assert [one.name for one in record.figures] == ["score", "flops", "latency"]
    assert "measured on this machine" in record.figures[2].source
    assert record.constraints == ("score>0%",)
    assert record.baseline.range["inside"] and not record.winners[0].range["inside"]
    for winner, member in zip(record.winners, result, strict=True):
        assert winner.values == member.values
        assert winner.latency["change_percent"] == member.latency.change
        assert winner.delta_flops_percent == pytest.approx(
            100 * (member.flops / result.flops - 1), abs=1e-9
        )
    assert set(record.visited.values) == {"score", "flops", "latency"}
