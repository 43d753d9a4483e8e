"""Digests of files and folders."""

import os

import pytest

from archloom.errors import DataError
from archloom.workflow.content import content_digest, content_size, files_in


def folder(root, **files):
    for name, text in files.items():
        path = root / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def test_copies_are_equal_whatever_their_times(tmp_path):
    one = folder(tmp_path / "one", a="1", deep__b="22")
    two = folder(tmp_path / "two", deep__b="22", a="1")
    os.utime(two / "a", (0, 0))
    assert content_digest(one) == content_digest(two)
    assert content_size(one) == content_size(two) == 3


@pytest.mark.parametrize(
    "files",
    [
        {"a": "2", "deep__b": "22"},
        {"c": "1", "deep__b": "22"},
        {"a": "1"},
        {"a": "1", "b": "22"},
        {"a": "1", "deeper__b": "22"},
        {"a": "22", "deep__b": "1"},
        {"a": "1", "deep__b": "22", "empty": ""},
    ],
)
def test_another_byte_name_or_file_is_another_digest(tmp_path, files):
    one = folder(tmp_path / "one", a="1", deep__b="22")
    assert content_digest(one) != content_digest(folder(tmp_path / "two", **files))


def test_time_stamp_files_of_snakemake_do_not_count(tmp_path):
    one = folder(tmp_path / "one", a="1")
    before = content_digest(one)
    (one / ".snakemake_timestamp").touch()
    assert content_digest(one) == before


def test_the_files_of_a_file_are_itself(tmp_path):
    one = folder(tmp_path / "one", b="1", a__c="22")
    assert files_in(one) == [one / "a/c", one / "b"]
    assert files_in(one / "b") == [one / "b"]
    assert content_size(one / "b") == 1


def test_a_missing_file_is_named_and_has_no_size(tmp_path):
    with pytest.raises(DataError, match="nowhere"):
        content_digest(tmp_path / "nowhere")
    assert content_size(tmp_path / "nowhere") == 0
