"""Small files that pretend to be huge: refused before they take the memory they ask for."""

import io
import json
import struct
import tracemalloc
import zipfile
from contextlib import contextmanager

import numpy as np
import pytest

from archloom.errors import ArchloomError, FormatError
from archloom.io import read
from archloom.io.weights import read_weights
from archloom.predict import load_predictor
from archloom.predict.card import LARGEST_NPZ

MUCH = 50 << 20


@contextmanager
def modest():
    """Fail if the block takes more than 50 MiB at once."""
    tracemalloc.start()
    try:
        yield
        assert tracemalloc.get_traced_memory()[1] < MUCH
    finally:
        tracemalloc.stop()


def npy(shape, content=b""):
    """The bytes of an npy file whose header says ``shape``."""
    buffer = io.BytesIO()
    header = {"descr": "|u1", "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(buffer, header)
    return buffer.getvalue() + content


def test_an_archive_that_announces_more_than_the_limit_is_refused(tmp_path):
    path = tmp_path / "bomb.npz"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.npy", npy((1 << 20,), bytes(1 << 20)))
    whole = path.read_bytes()
    size = struct.pack("<I", len(npy((1 << 20,))) + (1 << 20))
    assert whole.count(size) == 2  # in the header of the member, and in the directory
    path.write_bytes(whole.replace(size, struct.pack("<I", LARGEST_NPZ + 1)))
    with modest(), pytest.raises(FormatError, match=r"bomb\.npz.*unpack to 1,073,741,825 bytes"):
        load_predictor(path)


def test_a_header_that_claims_a_huge_array_is_refused(tmp_path):
    path = tmp_path / "claim.npz"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.npy", npy((1 << 60,)))
    with pytest.raises(FormatError, match=r"claim\.npz"):
        load_predictor(path)


@pytest.mark.parametrize("length", [1 << 40, 1 << 63, (1 << 64) - 1])
def test_a_safetensors_header_that_claims_to_be_huge_is_refused(tmp_path, length):
    path = tmp_path / "claim.safetensors"
    path.write_bytes(struct.pack("<Q", length) + b"{}")
    with modest(), pytest.raises(FormatError, match=r"claim\.safetensors"):
        load_predictor(path)


def test_offsets_beyond_the_end_of_a_safetensors_file_are_refused(tmp_path):
    entry = {"dtype": "F32", "shape": [1 << 38], "data_offsets": [0, 1 << 40]}
    header = json.dumps({"a": entry}).encode()
    path = tmp_path / "claim.safetensors"
    path.write_bytes(struct.pack("<Q", len(header)) + header)
    path.with_suffix(".json").write_text("{}")
    with modest(), pytest.raises(FormatError, match=r"claim\.safetensors"):
        load_predictor(path)
    with pytest.raises(FormatError, match="claim"):
        read_weights(path)


@pytest.mark.parametrize("text", ["[" * 100_000, '{"a":' * 100_000, "9" * 100_000])
def test_json_that_is_deep_or_long_is_refused(tmp_path, text):
    path = tmp_path / "deep.json"
    path.write_text(text)
    with modest(), pytest.raises(ArchloomError, match=r"deep\.json"):
        read(path)
