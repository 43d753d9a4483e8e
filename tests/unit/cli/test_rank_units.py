"""``archloom rank-units`` on the families that are tabulated in full."""

import json
from itertools import islice

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from archloom.predict.blocks.predictor import BlockPredictor
from archloom.spaces import nb201, nb_macro
from archloom.views.block_space import BLOCK_SPACES, block_space
from command_line import run

TABLES = {
    "nb201": ("arch_str", nb201.enumerate_all, 60, "nor_conv_3x3", 155),
    "nb_macro": ("arch", nb_macro.enumerate_all, 16, "2", 51),
}
"""Name of the column, networks, which of them are taken, the block that pays, number of units."""


@pytest.mark.parametrize("family", TABLES)
def test_units_of_a_tabulated_family_are_ranked(family, tmp_path, capsys):
    column, networks, step, best, count = TABLES[family]
    names = list(islice(networks(), 0, None, step))
    columns = {column: names, "paying": [float(one.count(best)) for one in names]}
    pq.write_table(pa.table(columns), tmp_path / "table.parquet")
    options = ["--family", family, "--target", "paying", "--epochs", 20, "--top-k", 2]
    assert run("rank-units", tmp_path / "table.parquet", tmp_path / "ranked", *options) == 0
    shown = capsys.readouterr().out
    assert f"{count} units scored" in shown
    space = json.loads((tmp_path / "ranked" / "space.json").read_text())
    top = [pool[0]["blocks"] for pool in space["units"]]
    seen = block_space(family)
    assert top == [",".join([best] * depths[-1]) for depths in seen.depths]
    predictor = BlockPredictor.load(tmp_path / "ranked" / "predictor.safetensors")
    assert predictor.family == family and predictor.card.metrics["srcc"] > 0.6
    importance = json.loads((tmp_path / "ranked" / "importance.json").read_text())
    words = [f"expansion {value}" for value in seen.values[0]]
    assert list(importance["values"][0]["Expansion"]) == words


def test_the_help_lists_all_families(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "300")
    assert run("rank-units", "--help") == 0
    shown = capsys.readouterr().out
    assert all(family in shown for family in BLOCK_SPACES)
