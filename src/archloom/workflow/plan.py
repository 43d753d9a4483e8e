"""What a run would take, before anything is started: jobs, cores, GPU hours, memory, bytes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from archloom.data.registry import dataset_named
from archloom.workflow.content import content_size
from archloom.workflow.engine import Plan, PlannedJob
from archloom.workflow.estimates import Need, need
from archloom.workflow.records import RETRIEVAL

MEGABYTE = 1_000_000


@dataclass(frozen=True)
class PlannedStage:
    """All planned jobs of one rule.

    threads      of one job
    memory_mb    of the largest job, at the first attempt
    longest      minutes of the longest job
    core_hours   minutes times threads, of all jobs
    gpu_hours    of the jobs that train on a GPU
    read         bytes of files that no planned job makes, each counted once per rule
    written      bytes that remain
    is_assumed   whether the hours rest on assumptions rather than on measurements
    """

    rule: str
    jobs: int
    threads: int
    memory_mb: int
    longest: float
    core_hours: float
    gpu_hours: float
    read: int
    written: int
    is_assumed: bool


def stages(plan: Plan, root: Path = Path(".")) -> list[PlannedStage]:
    """Return the planned stages, those with the most hours first."""
    by_rule: dict[str, list[PlannedJob]] = {}
    for job in plan.jobs:
        by_rule.setdefault(job.rule, []).append(job)
    made = {path for job in plan.jobs for path in job.outputs}
    found = [_stage(plan, rule, jobs, made, root) for rule, jobs in by_rule.items()]
    return sorted(found, key=lambda stage: (-stage.gpu_hours, -stage.core_hours, stage.rule))


def total(found: Sequence[PlannedStage]) -> PlannedStage:
    """Return the sums over stages; threads, memory and minutes are those of the largest job."""
    return PlannedStage(
        rule="total",
        jobs=sum(stage.jobs for stage in found),
        threads=max((stage.threads for stage in found), default=0),
        memory_mb=max((stage.memory_mb for stage in found), default=0),
        longest=max((stage.longest for stage in found), default=0.0),
        core_hours=sum(stage.core_hours for stage in found),
        gpu_hours=sum(stage.gpu_hours for stage in found),
        read=sum(stage.read for stage in found),
        written=sum(stage.written for stage in found),
        is_assumed=any(stage.is_assumed for stage in found),
    )


def _stage(
    plan: Plan, rule: str, jobs: Sequence[PlannedJob], made: set[str], root: Path
) -> PlannedStage:
    needs = [need(plan.settings, rule, job.wildcards) for job in jobs]
    return PlannedStage(
        rule=rule,
        jobs=len(jobs),
        threads=max(job.threads for job in jobs),
        memory_mb=max(one.memory_mb for one in needs),
        longest=max(one.minutes for one in needs),
        core_hours=sum(
            one.minutes * job.threads / 60 for one, job in zip(needs, jobs, strict=True)
        ),
        gpu_hours=sum(one.minutes / 60 for one in needs if one.gpu),
        read=_read(jobs, made, root),
        written=_written(jobs, needs),
        is_assumed=any(one.is_assumed for one in needs),
    )


def _read(jobs: Sequence[PlannedJob], made: set[str], root: Path) -> int:
    """Return the bytes of what the jobs of a rule read and no planned job makes."""
    if jobs[0].rule == RETRIEVAL:
        return sum(map(_registered, jobs))
    paths = {root / path for job in jobs for path in job.inputs if path not in made}
    return sum(map(content_size, paths))


def _written(jobs: Sequence[PlannedJob], needs: Sequence[Need]) -> int:
    if jobs[0].rule == RETRIEVAL:
        return sum(map(_registered, jobs))
    return sum(one.output_mb * MEGABYTE for one in needs)


def _registered(job: PlannedJob) -> int:
    """Return the registered size of the file that a job retrieves."""
    return dataset_named(job.wildcards["dataset"]).files[job.wildcards["file"]].size or 0
