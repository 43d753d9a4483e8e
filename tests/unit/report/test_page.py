"""Copies of files inside a page."""

import gzip
import os
from base64 import b64decode

import pytest

from archloom.report import page
from archloom.report.page import LARGEST_COPY, pack


@pytest.fixture
def folder(tmp_path):
    for name, content in {"a": b"a" * 900_000, "b": os.urandom(60_000), "c": b"c"}.items():
        (tmp_path / name).write_bytes(content)
    return tmp_path


def test_copies_unpack_to_the_files(folder):
    packed = pack(folder, ["a", "", "b", "c"])
    assert list(packed) == ["a", "b", "c"]
    for name, content in packed.items():
        assert gzip.decompress(b64decode(content)) == (folder / name).read_bytes()


def test_a_file_that_stays_large_is_left_out(folder):
    (folder / "random").write_bytes(os.urandom(LARGEST_COPY + 1))
    assert list(pack(folder, ["random", "c"])) == ["c"]


def test_later_files_give_way_when_the_page_is_full(folder, monkeypatch):
    monkeypatch.setattr(page, "LARGEST_TOTAL", 81_000)
    assert list(pack(folder, ["b", "a", "c"])) == ["b", "c"]


def test_the_same_files_give_the_same_copies(folder):
    assert pack(folder, ["a", "b"]) == pack(folder, ["a", "b"])
