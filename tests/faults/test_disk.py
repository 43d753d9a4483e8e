"""A disk that is really full: a small file system in memory, where mounting is permitted."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from archloom.data.download import Patience, download
from archloom.data.labels import Label
from archloom.errors import DataError
from archloom.files import write_text
from archloom.train.kept import append, read_kept
from archloom.train.recipe import Recipe
from data_server import plain, running

SIZE = 1 << 20
JOB = """
from archloom.workflow import job

with job() as run:
    run.output["small"].write_text("small")
    run.output["large"].write_bytes(bytes(2 << 20))
"""


@pytest.fixture
def disk(tmp_path):
    """A file system of 1 MiB."""
    place = tmp_path / "disk"
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", place]
    if os.geteuid() or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("mounting is not permitted here")
    yield place
    subprocess.run(["umount", place], check=True)


def files(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_a_file_that_does_not_fit_leaves_the_old_one(disk):
    write_text(disk / "a.json", "old")
    with pytest.raises(
        DataError, match=r"a\.json could not be written \(No space left on device\)"
    ):
        write_text(disk / "a.json", "x" * 2 * SIZE)
    assert (disk / "a.json").read_text() == "old"
    assert files(disk) == ["a.json"]


def test_a_job_that_fills_the_disk_leaves_none_of_its_outputs(disk, tmp_path):
    script = tmp_path / "fill.py"
    script.write_text(JOB)
    places = [disk / "resources/small.json", disk / "resources/large.bin"]
    command = [sys.executable, script, "--log", disk / "logs/fill.log"]
    command += ["--output", "small", places[0], "--output", "large", places[1]]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "No space left on device" in done.stderr
    assert "Free space" in done.stderr and "what is finished is kept" in done.stderr
    assert not [name for name in files(disk) if name.startswith("resources")]


def test_results_noted_before_the_disk_was_full_are_read_again(disk):
    recipe = Recipe()
    label = Label("0" * 32, "accuracy", "measured", recipe.hash, 0, 0.5, "fraction", "net", "toy")
    (disk / "ballast").write_bytes(bytes(SIZE - (64 << 10)))
    shard, noted = disk / f"{recipe.hash}-1.jsonl", 0
    with pytest.raises(DataError, match="What was measured before is kept"):
        while noted < 10_000:
            append(shard, replace(label, seed=noted))
            noted += 1
    assert 0 < noted < 10_000
    found = read_kept(disk, recipe.hash)
    assert [one.seed for one in found] == list(range(noted))  # what a full disk cut is left out


def test_a_download_that_cannot_fit_is_refused_before_it_begins(disk):
    with running() as server:
        server.answers = [plain(bytes(2 * SIZE))]
        with pytest.raises(DataError, match="free space"):
            download(f"{server.url}/file", disk / "file", 2 * SIZE, Patience(tries=1))
    assert files(disk) == []
