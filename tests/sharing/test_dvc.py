"""Pushing and pulling without Snakemake: what is sent, what is lost, what is missing."""

import pytest

from archloom.errors import DataError
from archloom.workflow import dvc

LABELS = "resources/labels.parquet"


@pytest.fixture
def maker(chain_repository, tmp_path, monkeypatch):
    """A repository with a chain of jobs made, and a remote."""
    monkeypatch.setenv(dvc.REMOTE_VARIABLE, str(tmp_path / "remote"))
    made = chain_repository(tmp_path / "maker")
    made.make_all()
    return made


def test_without_a_remote_the_error_says_how_to_name_one(maker, monkeypatch):
    monkeypatch.delenv(dvc.REMOTE_VARIABLE)
    with pytest.raises(DataError, match="dvc remote add"):
        dvc.push(maker.root)


def test_where_nobody_has_pushed_there_is_nothing_to_pull(maker):
    with pytest.raises(DataError, match="dvc.lock names no files"):
        dvc.pull(maker.root)


def test_a_file_that_is_not_as_its_job_made_it_is_told_when_pushing(maker):
    maker.write(LABELS, "damaged")
    assert dvc.push(maker.root).left_out == [LABELS]


def test_what_the_remote_has_lost_is_named_and_the_rest_comes(maker, chain_repository, tmp_path):
    maker.make(LABELS, "labels made")
    dvc.push(maker.root)
    clone = chain_repository(tmp_path / "clone")
    clone.write("dvc.lock", (maker.root / "dvc.lock").read_text())
    stored = [path for path in (tmp_path / "remote").rglob("*") if path.is_file()]
    (lost,) = [path for path in stored if path.read_bytes() == b"labels made"]
    lost.unlink()
    pulled = dvc.pull(clone.root)
    assert pulled.missing == [LABELS]
    assert (clone.root / "resources/graphs.parquet").is_file()
    assert dvc.runs_with_provenance(clone.root) == [""]
