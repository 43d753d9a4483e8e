import json

import pytest

from archloom.errors import FormatError
from archloom.graph import GraphBuilder, flops
from archloom.io import write
from archloom.report.published.facts import Entry, Table
from archloom.report.published.ours import MEASURED, NOT_RUN, RECORDED, Sources, ours_of


def table(*entries, **changes):
    values = {"name": "t", "title": "T", "missing": "needs a GPU", "command": "snakemake x"}
    values["system"] = "autogo"
    return Table(entries=entries, **{**values, **changes})


def ours(made, sources=None, **changes):
    entry = Entry("row", "column", "metric", 1.0, ours=made)
    return ours_of(entry, table(entry, **changes), sources or Sources())


def network(width):
    b = GraphBuilder(f"net{width}")
    b.output(b.matmul(b.unary("mean", b.conv(b.input(8, 8, 1), width)), 2))
    return b.build()


@pytest.fixture
def sources(tmp_path):
    """Two graphs, one benchmark, latencies and instance counts."""
    graphs = {}
    for width in (4, 8):
        graphs[f"net{width}"] = tmp_path / f"net{width}.json"
        write(network(width), graphs[f"net{width}"])
    record = {
        "date": "2026-01-02",
        "hardware": "a machine",
        "figures": {"srcc": {"mean": 0.5, "std": 0.1}, "runs": [{"seconds": 90}]},
    }
    latency = {
        "timing": "onnxruntime, 1 thread",
        "machine": "a machine",
        "graphs": {
            "net4": {"median": 2.0, "lower": 1.9, "upper": 2.2},
            "net8": {"median": 3.0, "lower": 2.9, "upper": 3.1},
        },
    }
    instances = {"families": {"nb201": {"graphs": 2, "instances": 9, "folds": 4}}}
    documents = {"speed": record, "latency": latency, "instances": instances}
    paths = {name: tmp_path / f"{name}.json" for name in documents}
    for name, document in documents.items():
        paths[name].write_text(json.dumps(document))
    return Sources(graphs, {"speed": paths["speed"]}, paths["latency"], paths["instances"])


def test_what_was_not_run_says_why_and_what_runs_it():
    found = ours({})
    assert (found.value, found.state) == (None, NOT_RUN)
    assert (found.how, found.command) == ("needs a GPU", "snakemake x")


def test_flops_are_counted_on_the_graph(sources):
    counted = ours({"flops": "net4", "scale": 1e-6}, sources).value
    assert counted == pytest.approx(flops(network(4)) / 1e6)
    change = ours({"flops_change": ["net4", "net8"]}, sources).value
    assert change == pytest.approx(100 * (flops(network(8)) / flops(network(4)) - 1))


def test_latency_comes_with_quartiles_and_change(sources):
    found = ours({"latency": "net4"}, sources)
    assert (found.value, found.quartiles, found.state) == (2.0, (1.9, 2.2), MEASURED)
    assert (found.how, found.machine) == ("onnxruntime, 1 thread", "a machine")
    assert ours({"latency_change": ["net4", "net8"]}, sources).value == pytest.approx(50)


def test_recorded_figures_come_from_the_result_file(sources):
    recorded = {"file": "speed", "path": ["srcc", "mean"], "std_path": ["srcc", "std"]}
    found = ours({"recorded": recorded}, sources)
    assert (found.value, found.spread, found.state) == (0.5, 0.1, RECORDED)
    assert found.how == "2026-01-02, benchmarks/autogo/bench_speed.py"
    assert found.machine == "a machine"
    scaled = {"file": "speed", "path": ["runs", 0, "seconds"], "scale": 1 / 60}
    assert ours({"recorded": scaled}, sources).value == pytest.approx(1.5)


def test_instances_of_a_family(sources):
    assert ours({"instances": ["nb201", "instances"]}, sources).value == 9
    assert ours({"instances": ["hiaml", "graphs"]}, sources).state == NOT_RUN


def test_the_example_of_rank_sums():
    points = ((91.21, 260), (91.1, 215), (91.02, 200), (90.75, 210), (90.35, 220), (89.05, 250))
    sums = [ours({"rank_sum": row}, points=points).value for row in range(6)]
    assert sums == [5, 3, 2, 4, 7, 9]
    chosen = [ours({"rank_choice": row}, points=points, deficit=3).value for row in range(6)]
    assert chosen == ["no", "yes", "yes", "yes", "no", "no"]


@pytest.mark.parametrize(
    ("made", "how", "command"),
    [
        ({"flops": "net4", "scale": 1}, "dataset autogo_cgs is missing", ""),
        ({"latency": "net4"}, "dataset autogo_cgs is missing", ""),
        ({"instances": ["nb201", "graphs"]}, "dataset autogo_vocab is missing", ""),
        (
            {"recorded": {"file": "speed", "path": ["x"]}},
            "not recorded yet",
            "python -m benchmarks.autogo.bench_speed",
        ),
    ],
)
def test_what_is_missing_is_named(made, how, command):
    found = ours(made)
    assert (found.value, found.state) == (None, NOT_RUN)
    assert how in found.how and found.command == command


def test_a_record_without_the_figure_counts_as_missing(sources):
    assert ours({"recorded": {"file": "speed", "path": ["runs", 7]}}, sources).state == NOT_RUN


def test_an_unknown_kind_is_refused():
    with pytest.raises(FormatError, match="ours has wish; known are flops"):
        ours({"wish": 1})
