"""Atomic writes and messages of system errors."""

import errno
import os

import pytest

from archloom.errors import DataError, FormatError, GraphError
from archloom.files import link_or_copy, naming, read_json, reading, replacing, write_text


def test_a_file_appears_whole_in_a_folder_that_is_made(tmp_path):
    path = tmp_path / "new" / "folder" / "x.txt"
    with replacing(path) as temporary:
        temporary.write_text("whole")
        assert temporary.parent == path.parent
        assert not path.exists()
    assert path.read_text() == "whole"
    assert [entry.name for entry in path.parent.iterdir()] == ["x.txt"]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
def test_an_interrupted_write_leaves_the_old_file_and_nothing_else(tmp_path, error):
    path = tmp_path / "x.txt"
    write_text(path, "old")
    with pytest.raises(error), replacing(path) as temporary:
        temporary.write_text("half")
        raise error
    assert path.read_text() == "old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["x.txt"]


def test_a_folder_in_the_way_and_a_file_as_a_folder_are_data_errors(tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_text("kept")
    for path in (tmp_path / "folder", tmp_path / "file" / "x.txt"):
        with pytest.raises(DataError, match="could not be written.*Nothing was changed"):
            write_text(path, "x")
    assert (tmp_path / "file").read_text() == "kept"
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["file", "folder"]


def test_system_errors_of_reading_name_the_path(tmp_path):
    with pytest.raises(DataError, match=r"x.txt could not be read \(No such file"):
        with reading("x.txt"):
            (tmp_path / "x.txt").read_bytes()


@pytest.mark.parametrize(
    "content",
    [b"", b'{"a": ', b"\xff\xfe{}", b"[" * 100_000, b'{"a": ' + b"9" * 5000 + b"}"],
    ids=["empty", "cut", "not UTF-8", "deep", "huge number"],
)
def test_what_is_no_complete_json_is_refused_with_its_path(tmp_path, content):
    path = tmp_path / "x.json"
    path.write_bytes(content)
    with pytest.raises(FormatError, match=r"x.json is not a complete JSON file"):
        read_json(path)


def test_a_byte_order_mark_does_no_harm(tmp_path):
    path = tmp_path / "x.json"
    path.write_bytes(b'\xef\xbb\xbf{"a": 1}')
    assert read_json(path) == {"a": 1}


def test_naming_keeps_the_kind_of_the_error():
    with pytest.raises(GraphError, match=r"^file.json: broken$"), naming("file.json"):
        raise GraphError("broken")


def test_a_second_name_or_a_copy(tmp_path, monkeypatch):
    (tmp_path / "source").write_text("content")
    link_or_copy(tmp_path / "source", tmp_path / "linked")
    assert (tmp_path / "linked").samefile(tmp_path / "source")
    with pytest.raises(FileExistsError):
        link_or_copy(tmp_path / "source", tmp_path / "linked")

    def refuse(*_):
        raise OSError(errno.EXDEV, "Invalid cross-device link")

    monkeypatch.setattr(os, "link", refuse)
    link_or_copy(tmp_path / "source", tmp_path / "copied")
    assert (tmp_path / "copied").read_text() == "content"
    assert not (tmp_path / "copied").samefile(tmp_path / "source")
