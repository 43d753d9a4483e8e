"""Sending and getting the large files of runs with DVC: ``archloom push`` and ``archloom pull``.

``dvc.yaml`` names the outputs that are worth sharing; ``dvc.lock`` says which bytes they hold, and
belongs into version control. Snakemake decides what to compute, DVC only keeps bytes.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from archloom.errors import DataError
from archloom.workflow.records import read_records
from archloom.workflow.sharing import PROVENANCE, seal

if TYPE_CHECKING:
    from dvc.repo import Repo
    from dvc.stage import Stage

REMOTE_VARIABLE = "DVC_REMOTE_URL"
"""Names a remote for this call, such as s3://bucket/folder; else the checkout's default one."""


@dataclass(frozen=True)
class Pushed:
    """What was sent: stages of ``dvc.yaml``, number of files, outputs left out of the seal."""

    stages: Sequence[str]
    files: int
    left_out: list[str]


@dataclass(frozen=True)
class Pulled:
    """What was got: number of files, and the outputs that the remote has lost."""

    files: int
    missing: Sequence[str]


def push(root: Path) -> Pushed:
    """Seal every run of ``dvc.yaml`` that was made here, record all stages that are here
    whole in ``dvc.lock``, and send their files to the remote.

    Raises ``DataError`` when DVC or a remote is missing, or a file could not be sent.
    """
    with _repository(root) as repo:
        left_out: list[str] = []
        for resources in _runs(root):
            if next(read_records(root / resources), None) is not None:
                left_out += seal(root, resources)
        complete = [stage for stage in repo.index.stages if stage.outs and _is_here(stage)]
        names = sorted(stage.addressing for stage in complete)
        for name in names:
            repo.commit(name, force=True)
        sent = repo.push(targets=names) if names else 0
    return Pushed(names, sent, left_out)


def pull(root: Path, paths: Sequence[str] = ()) -> Pulled:
    """Get the outputs that ``dvc.lock`` names, or those at ``paths`` (relative to ``root``), and
    what is known of them.

    Files that differ from what DVC knows are never replaced without a question on the terminal.
    Raises ``DataError`` when DVC or the remote is missing.
    """
    with _repository(root) as repo:
        shared = [out.fs_path for out in repo.index.outs if out.hash_info]
        wanted = [str((root / path).absolute()) for path in paths]
        if wanted:
            wanted += [place for place in shared if Path(place).name == PROVENANCE]
        elif not shared:
            raise DataError("dvc.lock names no files: push some where they are, and commit it.")
        found = repo.pull(targets=wanted or shared, allow_missing=True)
        missing = [place for place in wanted or shared if not Path(place).exists()]
        names = [Path(place).relative_to(repo.root_dir).as_posix() for place in missing]
    return Pulled(int(found["stats"]["fetched"]), names)


def runs_with_provenance(root: Path) -> list[str]:
    """Return the names of the runs ("" is the one without a name) whose provenance is here."""
    found = (run for run in _runs(root) if (root / run / PROVENANCE).is_file())
    return [
        name if (name := run.relative_to("resources").as_posix()) != "." else "" for run in found
    ]


def _runs(root: Path) -> list[Path]:
    """Return the folders of intermediate files of the runs in ``dvc.yaml``."""
    with _repository(root) as repo:
        places = [Path(out.fs_path) for out in repo.index.outs]
        return sorted(p.parent.relative_to(repo.root_dir) for p in places if p.name == PROVENANCE)


def _is_here(stage: Stage) -> bool:
    return all(part.exists for part in (*stage.outs, *stage.deps))


@contextmanager
def _repository(root: Path) -> Iterator[Repo]:
    """Yield DVC's view of the checkout; its errors become ``DataError``."""
    try:
        from dvc.exceptions import DvcException
        from dvc.repo import Repo
    except ImportError as error:
        raise DataError("DVC is not installed: pip install 'archloom[dvc]'.") from error
    try:
        with Repo(str(root), config=_remote_settings()) as repo:
            yield repo
    except DvcException as error:
        raise DataError(
            f"DVC: {error}. Name a remote with `dvc remote add -d NAME URL` or {REMOTE_VARIABLE} "
            "if there is none; otherwise see docs/sharing.md."
        ) from error


def _remote_settings() -> dict[str, Any]:
    url = os.environ.get(REMOTE_VARIABLE)
    if not url:
        return {}
    return {"core": {"remote": "environment"}, "remote": {"environment": {"url": url}}}
