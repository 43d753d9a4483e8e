"""Kept results: what was changed since it was written is seen."""

import json
from dataclasses import replace

import pytest

from archloom.data.labels import Label
from archloom.errors import DataError
from archloom.train.kept import append, read_kept, read_lines

LABEL = Label("0" * 32, "accuracy", "measured", "r", 0, 0.53125, "fraction", "n\u2028[/b]", "f")


@pytest.fixture
def file(tmp_path):
    """Three results, each with a file."""
    path = tmp_path / "r-1.jsonl"
    for seed in range(3):
        weights = tmp_path / "weights" / f"{seed}.bin"
        weights.parent.mkdir(exist_ok=True)
        weights.write_bytes(bytes([seed]) * 9)
        append(path, replace(LABEL, seed=seed), [weights])
    return path


def seeds(file):
    return [label.seed for label in read_kept(file.parent, "r")]


def test_what_was_written_is_read(file):
    assert read_kept(file.parent, "r") == [replace(LABEL, seed=seed) for seed in range(3)]
    assert read_kept(file.parent, "other") == []


def test_every_changed_bit_of_a_line_is_seen(file):
    whole = file.read_bytes()
    start = whole.index(b"\n") + 1
    end = whole.index(b"\n", start)
    for place in range(start, end):
        for bit in (0, 6):
            changed = bytes([whole[place] ^ (1 << bit)])
            file.write_bytes(whole[:place] + changed + whole[place + 1 :])
            assert seeds(file) in ([0, 2], [0, 1, 2]), whole[place : place + 1]
            if seeds(file) == [0, 1, 2]:  # white space or the case of an escape
                assert read_kept(file.parent, "r")[1] == replace(LABEL, seed=1)


def test_a_changed_figure_is_left_out_and_told(file, caplog):
    file.write_text(file.read_text().replace("0.53125", "0.93125", 1))
    assert seeds(file) == [1, 2]
    assert f"{file}, line 1: the line is not as it was written" in caplog.text


@pytest.mark.parametrize("change", ["other", "missing"])
def test_a_result_whose_file_was_changed_is_left_out_and_told(file, caplog, change):
    weights = file.parent / "weights" / "1.bin"
    weights.write_bytes(b"x") if change == "other" else weights.unlink()
    assert seeds(file) == [0, 2]
    assert f"line 2: {weights} is not as it was written" in caplog.text


def test_a_cut_last_line_is_no_fault(file, caplog):
    file.write_bytes(file.read_bytes()[:-30])
    assert seeds(file) == [0, 1]
    assert not caplog.text
    assert all(line.label for line in read_lines(file))


def test_a_line_without_checksum_is_left_out(file):
    with file.open("a") as stream:
        stream.write(json.dumps({"graph": "g", "value": 1.0}) + "\n[1]\n" + "[" * 9999 + "\n")
    assert seeds(file) == [0, 1, 2]


def test_an_unwritable_folder_is_explained(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="cannot be written"):
        append(tmp_path / "file" / "r-1.jsonl", LABEL)
