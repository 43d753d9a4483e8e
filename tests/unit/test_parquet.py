"""Parquet tables on damaged files."""

import pyarrow as pa
import pytest

from archloom.errors import DataError, FormatError
from archloom.parquet import read_parquet, write_parquet

TABLE = pa.table({"number": range(40), "word": [f"w{n}" for n in range(40)]})


@pytest.fixture
def path(tmp_path):
    write_parquet(TABLE, tmp_path / "t.parquet")
    return tmp_path / "t.parquet"


def test_a_table_comes_back_whole_or_in_part(path):
    assert read_parquet(path).equals(TABLE)
    assert read_parquet(path, columns=["word"]).equals(TABLE.select(["word"]))


def test_the_names_of_folders_are_no_columns(path, tmp_path):
    (tmp_path / "seed=3").mkdir()
    moved = path.rename(tmp_path / "seed=3" / path.name)
    assert read_parquet(moved).column_names == TABLE.column_names


def test_a_truncated_file_is_refused_with_advice(path):
    whole = path.read_bytes()
    for size in range(0, len(whole), 7):
        path.write_bytes(whole[:size])
        with pytest.raises(FormatError, match=r"t\.parquet is no .*damaged.*, make it again\."):
            read_parquet(path, "make it again")


def test_a_changed_bit_is_refused_or_does_no_harm(path):
    """The footer alone, which names columns and pages, has no checksum."""
    whole = path.read_bytes()
    footer = len(whole) - int.from_bytes(whole[-8:-4], "little") - 8
    refused = 0
    for place in range(0, len(whole), 3):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 128]) + whole[place + 1 :])
        try:
            found = read_parquet(path)
            assert place >= footer or found.equals(TABLE), place
        except FormatError:
            refused += place < footer
    assert refused > 0.8 * footer / 3


def test_what_is_no_file_or_another_table_is_refused(path, tmp_path):
    for wrong in (tmp_path, tmp_path / "none.parquet"):
        with pytest.raises(DataError, match="could not be read"):
            read_parquet(wrong)
    with pytest.raises(FormatError, match="number, word, not score, loss: .*, get it again"):
        read_parquet(path, columns=["score", "word", "loss"])


def test_an_interrupted_write_leaves_the_old_table(path):
    with pytest.raises(AttributeError):
        write_parquet("no table", path)
    assert read_parquet(path).equals(TABLE)
    assert [one.name for one in path.parent.iterdir()] == [path.name]
