"""A whole AutoGO target through a real Slurm, and what Slurm's own records say of its jobs."""

from dataclasses import dataclass

import pytest
import yaml

from archloom.workflow.engine import PlannedJob, make_plan
from slurm_checkout import Checkout
from slurm_cluster import Cluster, SlurmJob

pytestmark = pytest.mark.slurm

TARGET = "results/tiny/autogo/nb201"
CONFIGURATIONS = ("config/test/tiny.yaml", "tests/slurm/small.yaml")


@dataclass
class Run:
    """A finished run: its folder, its jobs, and the cluster that knows them."""

    checkout: Checkout
    planned: tuple[PlannedJob, ...]
    jobs: list[SlurmJob]
    cluster: Cluster

    @property
    def profile(self) -> dict:
        return yaml.safe_load((self.checkout.root / "profiles/slurm/config.yaml").read_text())


@pytest.fixture(scope="module")
def run(project, tmp_path_factory, cluster):
    checkout = Checkout(project, tmp_path_factory.mktemp("pipeline") / "checkout")
    planned = make_plan([TARGET], CONFIGURATIONS, root=checkout.root).jobs
    checkout.run(TARGET, "--configfile", *CONFIGURATIONS)
    return Run(checkout, planned, cluster.jobs(checkout.root), cluster)


def test_the_target_is_made(run):
    assert (run.checkout.root / TARGET / "report.html").is_file()


def test_few_jobs_are_submitted_and_all_of_them_end_well(run):
    assert len(run.jobs) <= 15
    assert {job.state for job in run.jobs} == {"COMPLETED"}
    assert {run.cluster.finished()[job.id] for job in run.jobs} == {"COMPLETED"}


def test_jobs_of_gpu_rules_and_only_they_get_a_gpu_on_its_node(run):
    gpu_rules = set(run.profile["set-resources"])
    assert {job.rule for job in run.jobs if job.gpus} == gpu_rules
    for job in run.jobs:
        wanted = ("gpu", "g1", 1) if job.rule in gpu_rules else ("cpu", job.node, 0)
        assert (job.partition, job.node, job.gpus) == wanted
        assert job.gpus or job.node in ("c1", "c2")


def test_a_gpu_job_sees_its_gpu_and_the_others_see_none(run):
    devices = run.cluster.devices()
    for job in run.jobs:
        assert devices[job.id] <= ({"0", "1"} if job.gpus else {"none"})


def test_memory_time_and_cores_are_what_the_rules_ask_for(run):
    asked = {
        job.rule: (job.threads, job.resources["mem_mb"], job.resources["runtime"])
        for job in run.planned
    }
    alone = {
        job.rule: (job.cpus, job.memory_mb, job.minutes) for job in run.jobs if job.rule in asked
    }
    assert {*run.profile["set-resources"], "search_graphs", "build_segments"} <= set(alone)
    assert alone == {rule: asked[rule] for rule in alone}


def test_jobs_of_seconds_travel_together(run):
    rules = [job.rule for job in run.jobs]
    assert "graphs_build_family_split_family" in rules
    assert "reports_build_autogo_report_merge_front" in rules


def test_no_log_of_slurm_is_left_of_jobs_that_ended_well(run):
    assert not list((run.checkout.root / "logs/slurm").rglob("*.log"))
