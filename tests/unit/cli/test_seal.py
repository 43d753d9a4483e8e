"""Commands on the files of a run: what they print, and their status."""

import shutil

import pytest
from typer.testing import CliRunner

from archloom.cli import app
from job_chain import Chain

LABELS = "resources/labels.parquet"


@pytest.fixture
def world(tmp_path) -> Chain:
    """A checkout with a chain of jobs made."""
    made = Chain(tmp_path / "here")
    made.make_all()
    return made


def run(world, *arguments: str) -> tuple[int, str]:
    """Status and output of a command in a checkout."""
    done = CliRunner().invoke(app, [*arguments, "--root", str(world.root)])
    return done.exit_code, done.output


def test_intact_files_are_counted(world):
    status, text = run(world, "verify")
    assert status == 0
    assert "3 intact, 0 not" in text


def test_a_corrupt_file_gives_status_1_its_rule_and_a_command(world):
    world.write(LABELS, "damaged")
    status, text = run(world, "verify", LABELS)
    assert status == 1
    assert f"corrupt: {LABELS} (measure_labels)" in text
    assert f"--force -- {LABELS}" in text


def test_what_is_sealed_here_is_adopted_there(world, tmp_path):
    status, text = run(world, "seal")
    assert status == 0
    assert "resources/provenance.json" in text
    there = Chain(tmp_path / "there")
    shutil.copytree(world.root / "resources", there.root / "resources")
    status, text = run(there, "adopt")
    assert status == 0
    assert "3 recognised, 0 outdated, 0 unknown, 0 absent" in text


def test_what_will_be_made_again_is_named(world):
    run(world, "seal")
    world.write(LABELS, "damaged")
    assert LABELS in run(world, "seal")[1]
    text = run(world, "adopt")[1]
    assert f"unknown, will be made again: {LABELS}" in text
    assert "outdated, will be made again: resources/weights" in text
