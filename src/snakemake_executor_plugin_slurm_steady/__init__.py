"""Snakemake executor ``slurm-steady``: Slurm for runs that outlive a pause of its scheduler.

What it does beyond the executor ``slurm``, which it extends and whose options it takes under its
own name (``--slurm-steady-status-command`` and so on):

1. A status check that reaches nobody forgets no job. While Slurm's controller is away, jobs are
   kept and asked about again, and new ones wait to be submitted, for an hour at most.
2. A job that a killed run left behind is cancelled before the job that redoes it is submitted, so
   that two never write the same files.
3. ``--seconds-between-status-checks`` holds: the pause between two checks does not grow.
4. No account is guessed: without ``slurm_account`` Slurm takes the user's own default.
"""

from __future__ import annotations

import getpass
import json
import shlex
import subprocess
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from snakemake_executor_plugin_slurm import Executor as SlurmExecutor
from snakemake_executor_plugin_slurm import ExecutorSettings, common_settings
from snakemake_interface_executor_plugins.executors.base import SubmittedJobInfo
from snakemake_interface_executor_plugins.jobs import JobExecutorInterface

__all__ = ["Executor", "ExecutorSettings", "common_settings"]

PATIENCE = 3600.0
PAUSE = 2.0
TIMEOUT = 60.0


class Executor(SlurmExecutor):  # type: ignore[misc]
    """The executor of a run: submits jobs to Slurm and learns how they ended."""

    def __post_init__(self, test_mode: bool = False) -> None:
        """Prepare the run; called by the constructor."""
        self._stopping = threading.Event()
        self._settled: set[int] = set()
        self._notes = Path(self.workflow.persistence.path) / "slurm-steady"
        super().__post_init__(test_mode)

    @property
    def next_seconds_between_status_checks(self) -> int:
        """Seconds until the next status check: what the user asked for."""
        return self.workflow.remote_execution_settings.seconds_between_status_checks

    @next_seconds_between_status_checks.setter
    def next_seconds_between_status_checks(self, value: int) -> None:
        """Take no notice of a growing pause."""

    async def check_active_jobs(
        self, active_jobs: list[SubmittedJobInfo]
    ) -> AsyncIterator[SubmittedJobInfo]:
        """Report the jobs that ended and yield all others, whether or not Slurm could be asked."""
        unsettled = {id(job): job for job in active_jobs}
        if not active_jobs or self._controller_answers():
            async for job in super().check_active_jobs(active_jobs):
                unsettled.pop(id(job), None)
                yield job
        else:
            self.logger.warning(
                f"Slurm's controller does not answer. {len(active_jobs)} jobs are kept and asked "
                f"about again in {self.next_seconds_between_status_checks} s."
            )
        for key, job in unsettled.items():
            if key in self._settled:
                self._settled.discard(key)
            else:
                yield job

    def report_job_submission(self, job_info: SubmittedJobInfo, register_job: bool = True) -> None:
        """Note that a job was submitted, and report it."""
        self._note(job_info)
        super().report_job_submission(job_info, register_job)

    def report_job_success(self, job_info: SubmittedJobInfo) -> None:
        """Note that a job has ended, and report it."""
        self._settle(job_info)
        super().report_job_success(job_info)

    def report_job_error(self, job_info: SubmittedJobInfo, *args: Any, **kwargs: Any) -> None:
        """Note that a job has ended, and report it."""
        self._settle(job_info)
        super().report_job_error(job_info, *args, **kwargs)

    def run_job(self, job: JobExecutorInterface) -> None:
        """Submit a job, or a group of jobs, once the way is clear."""
        self._clear_way([job])
        super().run_job(job)

    def run_array_jobs(self, jobs: list[JobExecutorInterface]) -> None:
        """Submit jobs as an array once the way is clear."""
        self._clear_way(jobs)
        super().run_array_jobs(jobs)

    def get_account_arg(self, job: JobExecutorInterface) -> Iterator[str]:
        """Yield the option of sbatch that names the account, or nothing."""
        if job.resources.get("slurm_account"):
            yield from super().get_account_arg(job)
        else:
            yield ""

    def shutdown(self) -> None:
        """End the run; nothing waits any longer."""
        self._stopping.set()
        super().shutdown()

    def _clear_way(self, jobs: Sequence[JobExecutorInterface]) -> None:
        """Wait for the controller, and cancel what a killed run left of these jobs."""
        self._wait_until(self._controller_answers)
        left = self._submitted_before(_outputs(jobs))
        if left and not self._ended(left):
            self.logger.info(f"Cancelling Slurm jobs of an earlier run: {', '.join(left)}.")
            _slurm("scancel", "--quiet", f"--user={getpass.getuser()}", *left)
            self._wait_until(lambda: self._ended(left))
        for name in left:
            (self._notes / f"{name}.json").unlink(missing_ok=True)

    def _submitted_before(self, outputs: set[str]) -> list[str]:
        """Return the Slurm jobs that may write one of these files, as far as was ever noted."""
        notes = [(file, json.loads(file.read_text())) for file in self._notes.glob("*.json")]
        return [file.stem for file, written in notes if outputs.intersection(written)]

    def _note(self, job_info: SubmittedJobInfo) -> None:
        """Note which files a Slurm job writes, in case nobody is there to see it end."""
        self._notes.mkdir(parents=True, exist_ok=True)
        file = self._notes / f"{job_info.external_jobid}.json"
        half = file.with_suffix(".part")
        half.write_text(json.dumps(sorted(_outputs([job_info.job]))))
        half.replace(file)

    def _settle(self, job_info: SubmittedJobInfo) -> None:
        self._settled.add(id(job_info))
        (self._notes / f"{job_info.external_jobid}.json").unlink(missing_ok=True)

    def _wait_until(self, condition: Callable[[], bool]) -> None:
        """Wait until ``condition()`` holds, the run ends or an hour has passed."""
        waited = 0.0
        while not condition() and waited < PATIENCE and not self._stopping.wait(PAUSE):
            waited += PAUSE

    @staticmethod
    def _controller_answers() -> bool:
        """Tell whether the controller, or one that stands in for it, is up."""
        return "is UP" in _slurm("scontrol", "ping").stdout

    @staticmethod
    def _ended(names: Sequence[str]) -> bool:
        """Tell whether none of these jobs runs or waits; Slurm forgets old ones."""
        listed = _slurm("squeue", "--noheader", "--me", "--format=%i", "--jobs", ",".join(names))
        if listed.returncode:
            return "Invalid job id" in listed.stderr
        return not listed.stdout.strip()


def _outputs(jobs: Sequence[JobExecutorInterface]) -> set[str]:
    """Return the files that jobs write, groups of jobs included."""
    members = [member for job in jobs for member in (job.jobs if job.is_group() else [job])]
    return {str(file) for member in members for file in member.output}


def _slurm(*command: str) -> subprocess.CompletedProcess[str]:
    """Run a command of Slurm's; one that takes a minute counts as failed."""
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT, check=False)
    except subprocess.TimeoutExpired:
        return subprocess.CompletedProcess(command, 124, "", f"{shlex.join(command)}: no answer")
