"""Snakemake's own folder, checked against Snakemake."""

from pathlib import Path

import pytest
from snakemake.persistence.file import FilePersistence

from archloom.workflow.snakemake_folder import DIRECTORY_STAMP, SnakemakeFolder

LONG = "resources/" + "x" * 190 + "/" + "y" * 200
PATHS = ["resources/labels/nb201.parquet", "results/autogo/Größe 2", LONG]


@pytest.fixture
def snakemake(tmp_path: Path) -> FilePersistence:
    return FilePersistence(path=tmp_path / ".snakemake")


@pytest.mark.parametrize("path", PATHS)
def test_metadata_are_where_snakemake_looks_for_them(snakemake, tmp_path, path):
    folder = SnakemakeFolder(tmp_path)
    folder.write_metadata(path, {"rule": "measure_labels", "record_format_version": 6})
    assert snakemake._read_record(path).rule == "measure_labels"
    assert folder.metadata(path)["rule"] == "measure_labels"
    assert list(folder.outputs()) == [path]


@pytest.mark.parametrize("path", PATHS)
def test_an_incomplete_output_is_incomplete_for_snakemake_until_it_has_metadata(
    snakemake, tmp_path, path
):
    folder = SnakemakeFolder(tmp_path)
    folder.mark_incomplete(path)
    assert snakemake._filter_incomplete_keys([path]) == {path}
    folder.write_metadata(path, {})
    snakemake._clear_cache()
    assert snakemake._filter_incomplete_keys([path]) == set()


def test_damaged_metadata_are_none(tmp_path):
    folder = SnakemakeFolder(tmp_path)
    folder.write_metadata("a", {"rule": "r"})
    (file,) = (tmp_path / ".snakemake/metadata").iterdir()
    file.write_text(file.read_text()[:5])
    assert folder.metadata("a") is None
    assert folder.metadata("b") is None


def test_the_time_of_a_folder_is_that_of_a_file_in_it(tmp_path):
    (tmp_path / "made").mkdir()
    (tmp_path / "file").write_text("content")
    folder = SnakemakeFolder(tmp_path)
    for path in ("made", "file"):
        folder.set_time(path, 10**18)
        assert folder.time(path) == 10**18
    assert (tmp_path / "made" / DIRECTORY_STAMP).stat().st_mtime_ns == 10**18
