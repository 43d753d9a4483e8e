"""Every network of a reduced space: shards, resuming, merging."""

import pytest

from archloom.errors import ConfigError, DataError, FormatError
from archloom.parquet import write_parquet
from archloom.search.units.exhaustive import evaluate_space, gather_space
from archloom.shards import Shard
from block_world import SMALL, SumOf, figures


def test_the_table_has_every_network_with_its_figures(tmp_path):
    evaluate_space(SMALL, figures(), tmp_path, chunk=7)
    table = gather_space(tmp_path)
    architectures = table["architecture"].to_pylist()
    assert architectures == SMALL.architectures(SMALL.networks())
    assert table["cost"].to_pylist() == SumOf("cost", place=3).values(architectures)
    assert table["score"].to_pylist() == sorted(table["score"].to_pylist(), reverse=True)
    write_parquet(table, tmp_path / "all.parquet")
    assert (tmp_path / "all.parquet").stat().st_size


def test_shards_in_any_order_give_the_files_of_one_run(tmp_path):
    evaluate_space(SMALL, figures(), tmp_path / "whole", chunk=5)
    for number in (3, 1):
        evaluate_space(SMALL, figures(), tmp_path / "parts", Shard(number, 3), chunk=5)
    with pytest.raises(DataError, match="lacks 2 of 5 parts"):
        gather_space(tmp_path / "parts")
    evaluate_space(SMALL, figures(), tmp_path / "parts", Shard(2, 3), chunk=5)
    for path in sorted((tmp_path / "whole").iterdir()):
        assert path.read_bytes() == (tmp_path / "parts" / path.name).read_bytes()


def test_what_is_there_is_not_evaluated_again(tmp_path):
    evaluate_space(SMALL, figures(), tmp_path, chunk=10)
    (tmp_path / "part-000001.parquet").unlink()
    seen = []
    evaluate_space(SMALL, figures(), tmp_path, chunk=10, on_chunk=lambda *done: seen.append(done))
    assert seen == [(1, 1)]


def test_a_damaged_part_is_named(tmp_path):
    evaluate_space(SMALL, figures(), tmp_path, chunk=10)
    (tmp_path / "part-000001.parquet").write_bytes(b"half")
    with pytest.raises(FormatError, match=r"part-000001.parquet is no .* delete it"):
        gather_space(tmp_path)


def test_a_folder_of_another_evaluation_is_refused(tmp_path):
    evaluate_space(SMALL, figures(), tmp_path)
    with pytest.raises(ConfigError, match="figures differ"):
        evaluate_space(SMALL, figures()[:1], tmp_path)
