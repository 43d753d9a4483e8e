from dataclasses import replace

import pytest

from archloom.data.labels import read_labels
from archloom.errors import FormatError, TrainingError
from archloom.files import read_json
from archloom.graph import OPS
from archloom.shards import Shard, shard_names
from archloom.train.measure import measure
from archloom.train.measurement import merge_measurements, read_failures, write_measurement


@pytest.fixture
def graphs(network):
    return [network(width, name=f"w{width}") for width in (2, 3, 4)]


@pytest.fixture
def broken(network):
    graph = network(5, name="broken")
    op = graph.op.copy()
    op[op == OPS.code("relu")] = OPS.code("spacetobatchnd")
    return graph.replace(op=op)


def merged(graphs, images, recipe, folder, total, kept=None):
    """The bytes of the merged label table and summary of ``total`` shards."""
    labels, summaries = [], []
    for name in shard_names(total):
        seeds = Shard.parse(name).seeds([range(2)] * len(graphs))
        found = measure(graphs, images, recipe, lambda at, own=seeds: own[at], n_jobs=1, out=kept)
        labels.append(folder / f"{name}.parquet")
        summaries.append(folder / f"{name}.json")
        write_measurement(found, sum(map(bool, seeds)), labels[-1], summaries[-1])
    result = merge_measurements([graph.hash for graph in graphs], labels, summaries)
    write_measurement(result, len(graphs), folder / "all.parquet", folder / "all.json")
    return [(folder / name).read_bytes() for name in ("all.parquet", "all.json")]


def test_the_merged_table_is_the_same_for_any_number_of_jobs(graphs, images, recipe, tmp_path):
    folders = [tmp_path / str(total) for total in (1, 2, 5, 8)]
    made = [merged(graphs, images, recipe, folder, int(folder.name)) for folder in folders]
    assert made[1:] == made[:-1]
    labels = read_labels(folders[0] / "all.parquet")
    assert [(one.name, one.seed) for one in labels[:3]] == [("w2", 0), ("w2", 1), ("w3", 0)]


def test_another_number_of_jobs_trains_nothing_again(graphs, images, recipe, tmp_path):
    first = merged(graphs, images, recipe, tmp_path / "one", 1, tmp_path / "kept")
    untrainable = replace(images, classes=5)
    again = merged(graphs, untrainable, recipe, tmp_path / "three", 3, tmp_path / "kept")
    assert again == first


def test_what_failed_is_counted_with_its_reason(graphs, broken, images, recipe, tmp_path):
    merged([*graphs, broken], images, recipe, tmp_path, 2)
    summary = read_json(tmp_path / "all.json")
    assert (summary["graphs"], summary["labelled"], summary["labels"]) == (4, 3, 6)
    failures = read_failures(tmp_path / "all.json")
    assert [(one.name, one.seed) for one in failures] == [("broken", 0), ("broken", 1)]
    assert all(one.reason for one in failures)


def test_a_family_without_any_label_is_an_error(broken, images, recipe, tmp_path):
    with pytest.raises(TrainingError, match="none of 1 graphs has a label: "):
        merged([broken], images, recipe, tmp_path, 2)


@pytest.mark.parametrize("text", ["{}", '{"format": "other"}', "[]", "{"])
def test_another_file_is_no_summary(tmp_path, text):
    (tmp_path / "summary.json").write_text(text)
    with pytest.raises(FormatError, match="summary.json"):
        read_failures(tmp_path / "summary.json")
