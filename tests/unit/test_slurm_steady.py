"""The executor for Slurm, where Slurm itself is a table of answers."""

import asyncio
import json
import subprocess
import threading
from types import SimpleNamespace

import pytest
from snakemake_interface_executor_plugins.executors.base import SubmittedJobInfo

import snakemake_executor_plugin_slurm_steady as plugin


class FakeSlurm:
    """Answers of Slurm's commands; notes which jobs were cancelled."""

    def __init__(self):
        self.up = True
        self.alive = set()
        self.cancelled = []

    def __call__(self, *command):
        answer = {"scontrol": self.ping, "squeue": self.list, "scancel": self.cancel}
        return subprocess.CompletedProcess(command, *answer[command[0]](command), "")

    def ping(self, _command):
        return (0, "Slurmctld(primary) at head is UP") if self.up else (1, "primary is DOWN")

    def list(self, command):
        return 0, "\n".join(sorted(self.alive & set(command[-1].split(","))))

    def cancel(self, command):
        names = [part for part in command[1:] if not part.startswith("--")]
        self.cancelled += names
        self.alive -= set(names)
        return 0, ""


@pytest.fixture
def slurm(monkeypatch):
    """What the executor takes for Slurm."""
    fake = FakeSlurm()
    monkeypatch.setattr(plugin, "_slurm", fake)
    monkeypatch.setattr(plugin, "PAUSE", 0.001)
    return fake


@pytest.fixture
def executor(tmp_path):
    """An executor that is not part of a run."""
    executor = object.__new__(plugin.Executor)
    executor._stopping, executor._settled = threading.Event(), set()
    executor._notes = tmp_path / "notes"
    executor.logger = SimpleNamespace(info=print, warning=print)
    settings = SimpleNamespace(seconds_between_status_checks=15)
    executor.workflow = SimpleNamespace(remote_execution_settings=settings)
    return executor


def job(*outputs):
    return SimpleNamespace(is_group=lambda: False, output=outputs)


def group(*jobs):
    return SimpleNamespace(is_group=lambda: True, jobs=jobs)


def kept(executor, jobs):
    async def check():
        return [found async for found in executor.check_active_jobs(jobs)]

    return asyncio.run(check())


def test_jobs_are_kept_while_the_controller_is_away(executor, slurm):
    jobs = [SubmittedJobInfo(job("a"), "1"), SubmittedJobInfo(job("b"), "2")]
    slurm.up = False
    assert kept(executor, jobs) == jobs


def test_a_job_that_a_failed_check_forgets_is_kept_and_one_that_ended_is_not(
    executor, slurm, monkeypatch
):
    ended, forgotten, running = (SubmittedJobInfo(job(name), name) for name in "123")

    async def check(self, _jobs):
        self._settle(ended)
        yield running

    monkeypatch.setattr(plugin.SlurmExecutor, "check_active_jobs", check)
    assert kept(executor, [ended, forgotten, running]) == [running, forgotten]
    assert kept(executor, [running]) == [running]


def test_what_a_killed_run_left_of_a_job_is_cancelled_before_it_is_redone(executor, slurm):
    executor._note(SubmittedJobInfo(group(job("a"), job("b")), "7"))
    executor._note(SubmittedJobInfo(job("c"), "8"))
    slurm.alive = {"7", "8"}
    executor._clear_way([job("b", "d")])
    assert slurm.cancelled == ["7"]
    assert [file.stem for file in executor._notes.iterdir()] == ["8"]


def test_nothing_is_cancelled_that_ended_by_itself(executor, slurm):
    executor._note(SubmittedJobInfo(job("a"), "7"))
    executor._clear_way([job("a")])
    assert not slurm.cancelled
    assert not list(executor._notes.iterdir())


def test_a_settled_job_leaves_no_note(executor):
    submitted = SubmittedJobInfo(job("a"), "7")
    executor._note(submitted)
    assert json.loads((executor._notes / "7.json").read_text()) == ["a"]
    executor._settle(submitted)
    assert not list(executor._notes.iterdir())


def test_submission_waits_until_the_controller_is_back_or_the_run_ends(executor, slurm):
    answers = iter([False, False, True])
    executor._controller_answers = lambda: next(answers)
    executor._clear_way([job("a")])
    assert not list(answers)
    executor._controller_answers = lambda: False
    executor._stopping.set()
    executor._clear_way([job("a")])


def test_the_pause_between_two_checks_does_not_grow(executor):
    executor.next_seconds_between_status_checks = 180
    assert executor.next_seconds_between_status_checks == 15


def test_no_account_is_guessed(executor):
    assert list(executor.get_account_arg(SimpleNamespace(resources={}))) == [""]
