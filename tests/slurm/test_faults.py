"""What befalls runs on a cluster: jobs, nodes, the scheduler and Snakemake itself go away.

The scripts of the rules are stubs, the profile and all of Slurm are real. Simulated is one thing:
nothing enforces memory limits here, so a job that has too little kills itself as the kernel would.
"""

import os
import re
import signal
import subprocess
from pathlib import Path

import pytest

from archloom.workflow.engine import make_plan
from slurm_checkout import SNAKEMAKE, Checkout, Gate
from slurm_cluster import Cluster, SlurmJob

pytestmark = pytest.mark.slurm

GRAPHS = "resources/graphs/{}.parquet"
TARGET = GRAPHS.format("nb201")
TOO_LITTLE = """
import os, re, signal, subprocess
asked = subprocess.run(
    ["scontrol", "show", "job", os.environ["SLURM_JOB_ID"]], capture_output=True, text=True
).stdout
if "mem={}" in asked:
    os.kill(os.getpid(), signal.SIGKILL)
"""


def states(jobs: list[SlurmJob]) -> list[str]:
    return [job.state for job in jobs]


def read_until(process: subprocess.Popen[str], text: str) -> None:
    """Read what a run says until it says ``text``."""
    said = []
    for line in process.stdout:
        said.append(line)
        if text in line:
            return
    pytest.fail(f"{text!r} was never said:\n{''.join(said)}")


def finish(process: subprocess.Popen[str]) -> str:
    said, _ = process.communicate()
    assert process.returncode == 0, said
    return said


def test_a_cancelled_job_is_tried_again(cluster, checkout, started):
    gate = Gate(checkout, "build_family", "nb201")
    started.append(run := checkout.start(TARGET))
    gate.wait()
    gate.remove()
    cluster.cancel(cluster.jobs(checkout.root)[0])
    finish(run)
    jobs = cluster.jobs(checkout.root)
    assert states(jobs) == ["CANCELLED", "COMPLETED"]
    assert [cluster.finished()[job.id] for job in jobs] == ["CANCELLED", "COMPLETED"]
    assert (checkout.root / TARGET).is_file()


def test_a_job_short_of_memory_is_tried_again_with_more(cluster, checkout):
    asked = make_plan([TARGET], root=checkout.root).jobs[0].resources["mem_mb"]
    checkout.stub("build_family", TOO_LITTLE.format(slurm_amount(asked)))
    checkout.run(TARGET)
    jobs = cluster.jobs(checkout.root)
    assert states(jobs) == ["FAILED", "COMPLETED"]
    assert [job.memory_mb for job in jobs] == [asked, 2 * asked]


def slurm_amount(megabytes: int) -> str:
    return f"{megabytes}M" if megabytes % 1024 else f"{megabytes // 1024}G"


def test_a_lost_node_costs_a_try_on_another(cluster, checkout, started):
    gate = Gate(checkout, "build_family", "nb201")
    started.append(run := checkout.start(TARGET))
    gate.wait()
    node = cluster.jobs(checkout.root)[0].node
    gate.remove()
    cluster.lose_node(node)
    finish(run)
    lost, redone = cluster.jobs(checkout.root)
    cluster.start_node(node)
    cluster.wait_until(lambda: node in cluster.idle_nodes(), f"{node} back")
    assert (lost.state, redone.state) == ("NODE_FAIL", "COMPLETED")
    assert redone.node != node


def test_a_run_outlives_a_pause_of_the_scheduler(cluster, checkout, started):
    checkout.stub("split_family")
    gate = Gate(checkout, "build_family", "nb201")
    started.append(run := checkout.start("resources/splits/nb201.json"))
    gate.wait()
    cluster.stop_controller()
    try:
        read_until(run, "controller does not answer")
        gate.open()
    finally:
        cluster.start_controller()
    finish(run)
    assert states(cluster.jobs(checkout.root)) == ["COMPLETED", "COMPLETED"]


def test_a_failed_job_shows_the_end_of_its_log_and_where_the_logs_are(cluster, checkout, started):
    checkout.stub("build_family", 'raise RuntimeError("the graphs are on fire")')
    started.append(run := checkout.start("--retries", "0", TARGET))
    said, _ = run.communicate()
    assert run.returncode == 1
    assert "RuntimeError: the graphs are on fire" in said
    assert "logs/build_family/nb201.log" in said
    log = checkout.root / f"logs/slurm/rule_build_family/nb201/{newest(cluster, checkout).id}.log"
    assert str(log) in said
    assert "The whole log is in logs/build_family/nb201.log" in log.read_text()


def newest(cluster: Cluster, checkout: Checkout) -> SlurmJob:
    return cluster.jobs(checkout.root)[-1]


def test_after_a_kill_of_snakemake_only_what_ran_is_redone(cluster, checkout, started):
    gate = Gate(checkout, "build_family", "hiaml")
    targets = [GRAPHS.format(name) for name in ("nb201", "hiaml")]
    started.append(run := checkout.start(*targets))
    gate.wait()
    read_until(run, "1 of 2 steps")
    os.killpg(run.pid, signal.SIGKILL)
    run.wait()
    orphan = next(job for job in cluster.jobs(checkout.root) if job.state == "RUNNING")
    gate.remove()
    unlock(checkout.root)
    said = checkout.run(*targets)
    assert f"Cancelling Slurm jobs of an earlier run: {orphan.id}." in said
    redone = [job for job in cluster.jobs(checkout.root) if job.run != orphan.run]
    assert [(job.comment, job.state) for job in redone] == [
        ("rule_build_family_wildcards_hiaml", "COMPLETED")
    ]
    assert cluster.finished()[orphan.id] == "CANCELLED"


def test_an_interrupted_run_cancels_its_jobs(cluster, checkout, started):
    gate = Gate(checkout, "build_family", "nb201")
    started.append(run := checkout.start(TARGET))
    gate.wait()
    os.killpg(run.pid, signal.SIGINT)
    run.communicate()
    assert run.returncode != 0
    job = newest(cluster, checkout)
    cluster.wait_until(lambda: job.id in cluster.finished(), f"end of job {job.id}")
    assert cluster.finished()[job.id] == "CANCELLED"
    assert not (checkout.root / TARGET).exists()


def unlock(root: Path) -> None:
    command = [SNAKEMAKE, "--unlock"]
    subprocess.run(command, cwd=root, check=True, capture_output=True)


def test_jobs_of_a_rule_can_go_as_one_array(cluster, checkout):
    checkout.stub("build_family")
    targets = [GRAPHS.format(name) for name in ("nb201", "hiaml")]
    said = checkout.run("--slurm-steady-array-jobs=build_family", *targets)
    assert re.search(r"SLURM job ID \d+. The individual task IDs are 1-2", said)
    assert states(cluster.jobs(checkout.root)) == ["COMPLETED", "COMPLETED"]
