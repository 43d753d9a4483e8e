"""A Slurm cluster for the session, and clean checkouts in which Snakemake submits jobs to it."""

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from slurm_checkout import Checkout
from slurm_cluster import Cluster, SlurmError

ENABLED = "ARCHLOOM_TEST_SLURM"


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """A running Slurm; skips unless `make test-slurm` asks for it."""
    if os.environ.get(ENABLED) != "1":
        pytest.skip("`make test-slurm` installs and starts a real Slurm")
    try:
        running = Cluster.start()
    except SlurmError as error:
        pytest.fail(f"no Slurm: {error}", pytrace=False)
    yield running
    running.stop()


@pytest.fixture
def checkout(project: Path, tmp_path: Path, cluster: Cluster) -> Iterator[Checkout]:
    """A clean checkout where each job of Snakemake's is one of Slurm's; what a failed test leaves
    running on the cluster is cancelled.
    """
    checkout = Checkout(project, tmp_path / "checkout", ["--groups", "read_model=models"])
    yield checkout
    for job in cluster.jobs(checkout.root):
        if job.state in ("RUNNING", "PENDING"):
            cluster.cancel(job)


@pytest.fixture
def started(checkout: Checkout) -> Iterator[list[subprocess.Popen[str]]]:
    """Append a process to this list and it does not outlive the test."""
    processes: list[subprocess.Popen[str]] = []
    yield processes
    for process in processes:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        process.stdout.close()
