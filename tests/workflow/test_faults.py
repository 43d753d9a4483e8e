"""Runs that are killed, two in one folder, folders that cannot be written or have odd names."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from benchmarks.workflow import bench_faults

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
    locked = checkout.snakemake(TARGET, "--cores", "1")
    assert locked.returncode != 0
    assert "--unlock" in locked.stdout + locked.stderr  # what a person is told to do
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


def test_random_kills_lose_no_finished_step(checkout):
    """The benchmark's procedure with stub scripts, killed at random numbers of finished outputs."""

    class Counted(bench_faults.Checkout):
        def run_until(self, count):
            process = self.start(self.target)
            while process.poll() is None and len(self.finished()) < count:
                time.sleep(0.02)
            if process.poll() is not None:
                return False
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            return self.start("--unlock").wait() == 0

    run = Counted(checkout.root, "resources/segments")
    found, last = bench_faults.kill_again_and_again([run], 3, (1, 5))
    assert last is run and found.runs == 1
    assert sorted(found.finished) == found.finished and found.finished[0] >= 1
    assert found.lost == []
    assert (checkout.root / run.target).is_dir()
    assert not checkout.planned(run.target)


@pytest.mark.parametrize("checkout", ["Ordner mit Lücken, 空 & 'so'"], indirect=True)
def test_a_folder_with_an_odd_name_is_as_good_as_any(checkout):
    checkout.run(TARGET)
    assert (checkout.root / TARGET).is_file()
    assert not checkout.planned(TARGET)


@pytest.fixture
def read_only():
    """Return a function that makes a folder read-only, for root too, until the test ends."""
    mounted = []

    def make(folder: Path) -> None:
        for options in (["--bind", folder, folder], ["-o", "remount,ro,bind", folder]):
            done = subprocess.run(["mount", *options], capture_output=True, check=False)
            if done.returncode:
                pytest.skip("mounting is not permitted here")
            mounted.append(folder)

    yield make
    for folder in dict.fromkeys(mounted):
        subprocess.run(["umount", folder], check=True)


@pytest.mark.parametrize("folder", ["resources", "logs"])
def test_a_folder_that_cannot_be_written_is_named(checkout, read_only, folder):
    (checkout.root / folder).mkdir()
    read_only(checkout.root / folder)
    done = checkout.snakemake(TARGET, "--cores", "1")
    assert done.returncode != 0
    told = done.stdout + done.stderr
    assert "Read-only file system" in told and folder in told


def test_read_only_results_are_named_and_nothing_else_is_lost(checkout, read_only):
    checkout.run(TARGET)
    (checkout.root / "results").mkdir(exist_ok=True)
    read_only(checkout.root / "results")
    done = checkout.snakemake("results/tables/autogo", "--cores", "1")
    told = done.stdout + done.stderr
    assert done.returncode != 0
    assert "Read-only file system" in told and "results" in told
    assert not checkout.planned(TARGET)
