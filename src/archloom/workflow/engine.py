"""The engine of the workflow, Snakemake, asked in this process: which jobs it would run, and why.

The only module that knows Snakemake's interface. It plans; to run, start ``snakemake`` itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from archloom.config import Config
from archloom.config.reading import check_config
from archloom.errors import ConfigError

CORES = 1_000_000
"""Cores and, with them, threads of a job are not limited by this machine."""
CHECKSUM_BYTES = 500_000_000
"""Inputs up to this size are compared by content where their time stamps are new, as
``profiles/default`` says too.
"""


@dataclass(frozen=True)
class PlannedJob:
    """One job that a target needs.

    resources   limits of the first attempt by name: ``mem_mb``, ``runtime`` (minutes), ``disk_mb``
    reason      why it runs, as Snakemake says it
    """

    rule: str
    wildcards: Mapping[str, str]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    threads: int
    resources: Mapping[str, int | str]
    reason: str


@dataclass(frozen=True)
class Plan:
    """The jobs that are still to run, in no order; ``settings`` are those of the run."""

    jobs: tuple[PlannedJob, ...]
    settings: Config


def make_plan(
    targets: Sequence[str] = (),
    configfiles: Sequence[str | Path] = (),
    config: Mapping[str, Any] | None = None,
    root: str | Path = ".",
) -> Plan:
    """Return what ``snakemake TARGETS`` would run in the checkout ``root``; nothing is started.

    targets       files, folders or rules; none: everything in the table of models
    configfiles   as after ``--configfile``
    config        settings that win over those of the files

    Raises ``ConfigError`` for settings, targets or a workflow that Snakemake refuses.
    """
    from snakemake.api import SnakemakeApi  # type: ignore[import-untyped]
    from snakemake.exceptions import (  # type: ignore[import-untyped]
        RuleException,
        WorkflowError,
    )
    from snakemake.settings.enums import Quietness  # type: ignore[import-untyped]
    from snakemake.settings.types import (  # type: ignore[import-untyped]
        ConfigSettings,
        DAGSettings,
        OutputSettings,
        ResourceSettings,
    )

    home = Path(root).resolve()
    files = [Path(path).resolve() for path in configfiles]
    snakefile = home / "Snakefile"
    if not snakefile.is_file():
        raise ConfigError(f"there is no workflow in {home}: name the folder with the Snakefile.")
    try:
        with SnakemakeApi(OutputSettings(quiet={Quietness.ALL})) as api:
            workflow = api.workflow(
                resource_settings=ResourceSettings(cores=CORES),
                config_settings=ConfigSettings(config=dict(config or {}), configfiles=files),
                snakefile=snakefile,
                workdir=home,
            )
            flow = workflow.dag(
                DAGSettings(targets=set(targets), max_checksum_file_size=CHECKSUM_BYTES)
            ).workflow_api._workflow
            flow._prepare_dag(forceall=False, ignore_incomplete=True, lock_warn_only=True)
            flow._build_dag()
            settings = check_config(flow.globals["config"], files)
            return Plan(
                tuple(_planned(flow.dag, job) for job in flow.dag.needrun_jobs() if job.output),
                settings,
            )
    except (WorkflowError, RuleException) as error:
        raise ConfigError(_told(error)) from error


def _told(error: Exception) -> str:
    """Return the message of an error without the place in the rules that it came through."""
    text = str(error).partition("\nWildcards:")[0]
    return text.removeprefix("Error:\n").strip()


def _planned(dag: Any, job: Any) -> PlannedJob:
    return PlannedJob(
        rule=job.rule.name,
        wildcards=dict(job.wildcards_dict),
        inputs=tuple(map(str, job.input)),
        outputs=tuple(map(str, job.output)),
        threads=int(job.threads),
        resources={name: found for name, found in job.resources.items() if name[0] != "_"},
        reason=str(dag.reason(job)),
    )
