"""Two runs in one folder, and a run that is killed."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

TARGET = "resources/splits/nb201.json"
WAITING = """
from pathlib import Path

from archloom.workflow import job

with job() as run:
    run.output["graphs"].write_text("half")
    Path("started").open("w").close()
    Path("go").open().close()
"""


@pytest.fixture
def running(checkout):
    """A run whose first job has written half of its output and waits for the pipe `go`."""
    os.mkfifo(checkout.root / "go")
    os.mkfifo(checkout.root / "started")
    (checkout.root / "workflow/scripts/build_family.py").write_text(WAITING)
    process = subprocess.Popen(
        [sys.executable, "-m", "snakemake", TARGET, "--cores", "1"],
        cwd=checkout.root,
        start_new_session=True,
        stderr=subprocess.DEVNULL,
    )
    (checkout.root / "started").open().close()
    yield process
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def release(root: Path) -> None:
    """Let jobs pass from now on."""
    (root / "go").unlink()
    (root / "go").write_text("")
    (root / "started").unlink()


def test_a_second_run_in_the_folder_is_refused_and_the_first_goes_on(checkout, running):
    second = checkout.snakemake(TARGET, "--cores", "1")
    assert second.returncode != 0
    assert "lock" in (second.stdout + second.stderr).lower()
    (checkout.root / "go").open("w").close()
    assert running.wait() == 0
    assert (checkout.root / TARGET).is_file()


def test_after_a_kill_nothing_looks_finished_and_the_next_run_finishes(checkout, running):
    os.killpg(running.pid, signal.SIGKILL)
    running.wait()
    assert not (checkout.root / "resources/graphs/nb201.parquet").exists()
    release(checkout.root)
    checkout.snakemake("--unlock", "--cores", "1")
    checkout.run(TARGET)
    assert (checkout.root / TARGET).is_file()
    assert os.listdir(checkout.root / "resources/graphs") == ["nb201.parquet"]


def test_a_terminated_run_cleans_up_behind_itself(checkout, running):
    os.killpg(running.pid, signal.SIGINT)
    assert running.wait() != 0
    assert not [path for path in (checkout.root / "resources").rglob("*") if path.is_file()]
    release(checkout.root)
    checkout.run(TARGET)
