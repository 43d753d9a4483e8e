"""Parquet tables on damaged files, and columns that are made and read without pandas."""

import numpy as np
import pyarrow as pa
import pytest

from archloom.errors import DataError, FormatError
from archloom.parquet import (
    list_column,
    lists,
    number_column,
    numbers,
    read_parquet,
    text_column,
    write_parquet,
)

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


@pytest.mark.parametrize("values", [[], ["", "a", "größer", "b" * 300]])
def test_texts_are_the_column_that_arrow_makes(values):
    assert text_column(values).equals(pa.array(values, pa.string()))


@pytest.mark.parametrize("dtype", [np.int8, np.int32, np.int64, np.float64, np.bool_])
def test_numbers_are_the_column_that_arrow_makes_and_come_back(dtype):
    values = np.arange(-5, 14).astype(dtype)
    known = np.arange(19) % 3 > 0
    assert number_column(values).equals(pa.array(values))
    assert number_column(values[::2]).equals(pa.array(values[::2]))
    assert number_column(values, known).equals(pa.array(values, mask=~known))
    for part in (slice(0), slice(19), slice(3, 12)):
        column = pa.chunked_array([number_column(values)[part]])
        assert np.array_equal(numbers(column), values[part])
        assert numbers(column).dtype == dtype
    both = pa.chunked_array([number_column(values), number_column(values[:3])])
    assert np.array_equal(numbers(both), [*values, *values[:3]])


def test_missing_numbers_are_nan():
    column = number_column(np.array([1.0, 2.0]), np.array([True, False]))
    assert np.array_equal(numbers(column), [1.0, np.nan], equal_nan=True)


def test_lists_come_back_from_the_middle_of_a_column():
    column = list_column(np.arange(9, dtype=np.int16), np.array([0, 4, 4, 9]))
    assert column.to_pylist() == [[0, 1, 2, 3], [], [4, 5, 6, 7, 8]]
    values, bounds = lists(pa.chunked_array([column[1:]]))
    assert values.tolist() == [4, 5, 6, 7, 8] and bounds.tolist() == [0, 0, 5]
