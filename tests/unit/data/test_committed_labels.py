"""The committed label tables belong to the graphs that the families generate today."""

import hashlib
import json

import pytest

from archloom.data.labels import noise, read_labels
from archloom.spaces import FAMILIES
from archloom.train.recipe import recipe_named

COUNT, REPEATED = 320, 40


@pytest.fixture(params=("hiaml", "nb201", "two_path"))
def family(request):
    return request.param


@pytest.fixture
def tables(project):
    return project / "labels" / "digits"


def test_the_description_fits_the_table(tables, family):
    facts = json.loads((tables / "recipe.json").read_text())
    row, table = facts["families"][family], tables / f"{family}.parquet"
    assert row["sha256"] == hashlib.sha256(table.read_bytes()).hexdigest()
    labels = read_labels(table)
    spread = noise(labels)
    assert (row["graphs"], row["trainings"]) == (spread["graphs"], len(labels))
    assert row["noise"]["seed_std"] == pytest.approx(spread["seed_std"], abs=1e-5)
    assert {label.recipe for label in labels} == {facts["recipe_hash"]}
    assert facts["recipe_hash"] == recipe_named("digits").hash


def test_the_graphs_of_the_default_run_are_labelled(tables, family):
    seeds = {}
    for label in read_labels(tables / f"{family}.parquet"):
        assert (label.provenance, label.family) == ("measured", family)
        assert 0 <= label.value <= 1
        seeds.setdefault(label.graph, []).append(label.seed)
    graphs = FAMILIES[family].sample(COUNT, 0, FAMILIES[family].REDUCED)
    wanted = [[0, 1, 2]] * REPEATED + [[0]] * (COUNT - REPEATED)
    assert [seeds[graph.hash] for graph in graphs] == wanted


def test_the_best_cell_of_the_benchmark_is_labelled(tables):
    cell = "|nor_conv_3x3~0|+|nor_conv_3x3~0|nor_conv_3x3~1|+"
    cell += "|skip_connect~0|nor_conv_3x3~1|nor_conv_3x3~2|"
    graph = FAMILIES["nb201"].build(cell, FAMILIES["nb201"].REDUCED)
    assert graph.hash in {label.graph for label in read_labels(tables / "nb201.parquet")}
