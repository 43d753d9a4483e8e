"""``verify``: are the files of a run still what its rules made, and which rule makes them again?

Everything is decided by bytes: outputs are compared with the records of their jobs, external data
with the registered checksums, single results that are kept with the checksums of their lines.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum
from itertools import chain
from pathlib import Path
from shlex import quote

from archloom.config.document import load_yaml
from archloom.data.registry import OWN_FOLDER, REGISTRY_PATH, read_registry
from archloom.errors import ConfigError, DataError
from archloom.train.kept import read_lines
from archloom.workflow.content import UNREADABLE, content_digests, files_in
from archloom.workflow.records import RECORDS, RETRIEVAL, latest_records
from archloom.workflow.sharing import PROVENANCE

KEPT = "kept"
"""Folder of single results; every line of its files has a checksum."""
NOT_OUTPUTS = (RECORDS, "resume", KEPT, "data")
"""Folders beside the outputs of a run: what is known of them, checkpoints, external data."""


class Fault(Enum):
    """What is wrong with a file."""

    CORRUPT = "corrupt"
    UNREADABLE = "unreadable"
    MISSING = "missing"
    UNRECORDED = "unrecorded"


@dataclass(frozen=True)
class Problem:
    """One file or folder that is not as it was made.

    rule      the rule that makes it; empty where none is known
    command   what makes it again, or removes what no rule should take up; empty where no rule is
              known
    """

    path: str
    fault: Fault
    rule: str
    command: str


@dataclass(frozen=True)
class Verification:
    """What was compared, and what is wrong, by path."""

    intact: int
    problems: Sequence[Problem]


@dataclass(frozen=True)
class _Expected:
    """What makes a path and which bytes it must have; None where nobody has pinned them."""

    rule: str
    digest: str | None


def verify(
    root: Path,
    resources: Path,
    paths: Collection[str] = (),
    threads: int | None = None,
    progress: Callable[[int], None] = lambda size: None,
) -> Verification:
    """Hash the files of a run again and compare them with what is known of them.

    ``root`` is the checkout, ``resources`` the run's folder of intermediate files, relative to it.
    With ``paths`` (files or folders, relative to ``root``) only what lies there is compared.
    ``progress`` is given the bytes of each output that is done. Raises ``DataError`` where nothing
    is known of a path that was named.
    """
    expected = {**_registered(root), **_made(root / resources)}
    unrecorded = [path for path in _files(root, resources) if not _belongs(path, expected)]
    kept = [file.relative_to(root) for file in sorted((root / resources / KEPT).rglob("*.jsonl"))]
    for path in paths:
        if not any(_touches(path, one) for one in (*expected, *unrecorded, *map(str, kept))):
            raise DataError(f"{path}: no rule of this run made it, and it is not there: check it.")
    if paths:
        expected = {p: one for p, one in expected.items() if any(_touches(q, p) for q in paths)}
        unrecorded = [p for p in unrecorded if any(_touches(q, p) for q in paths)]
        kept = [p for p in kept if any(_touches(q, str(p)) for q in paths)]
    digests = content_digests(root, expected, threads, progress)
    options = _options_of(root, resources)
    problems = [
        Problem(path, fault, one.rule, _command(path, fault, options))
        for path, one in expected.items()
        if (fault := _fault(digests.get(path), one.digest))
    ]
    problems += [Problem(path, Fault.UNRECORDED, "", "") for path in unrecorded]
    damaged = list(filter(None, (_kept_problem(root, file) for file in kept)))
    problems += damaged
    intact = sum(digests.get(path) == one.digest for path, one in expected.items())
    intact += len(kept) - len(damaged)
    return Verification(intact, sorted(problems, key=lambda problem: problem.path))


def _kept_problem(root: Path, file: Path) -> Problem | None:
    """Return what is wrong with a file of kept results: lines that are not as they were written, or
    whose files are not. The command removes these lines; their trainings run again when needed.
    """
    try:
        lines = list(read_lines(root / file))
    except OSError:
        return Problem(file.as_posix(), Fault.UNREADABLE, file.parts[-4], f"rm {quote(str(file))}")
    folder = (root / file).parent
    wrong = [one.number for one in lines if one.label is None or one.damaged_files(folder)]
    if not wrong:
        return None
    edit = ";".join(f"{number}d" for number in wrong)
    command = f"sed -i {quote(edit)} {quote(file.as_posix())}"
    return Problem(file.as_posix(), Fault.CORRUPT, file.parts[-4], command)


def _made(resources: Path) -> dict[str, _Expected]:
    return {
        path: _Expected(record.rule, record.outputs[path].digest)
        for path, record in latest_records(resources).items()
    }


def _registered(root: Path) -> dict[str, _Expected]:
    """Return what is registered of the external data that are here; others are not asked for."""
    if not (root / REGISTRY_PATH).is_file():
        return {}
    return {
        (OWN_FOLDER / dataset.name / file.name).as_posix(): _Expected(RETRIEVAL, file.sha256)
        for dataset in read_registry(root / REGISTRY_PATH).values()
        for file in dataset.files.values()
        if (root / OWN_FOLDER / dataset.name / file.name).exists()
    }


def _files(root: Path, resources: Path) -> Iterator[str]:
    """Return the files of a run and of the external data; runs of another name lie in folders of
    their own, which have records.
    """
    others = {folder.parent for folder in (root / resources).glob(f"*/{RECORDS}")}
    tops = [*(root / resources).iterdir()] if (root / resources).is_dir() else []
    tops = [top for top in tops if top.name not in NOT_OUTPUTS and top not in others]
    files = chain.from_iterable(map(files_in, [*tops, root / OWN_FOLDER]))
    return (file.relative_to(root).as_posix() for file in files if file.name != PROVENANCE)


def _belongs(path: str, expected: Mapping[str, _Expected]) -> bool:
    """Tell whether a file is an output, or lies in a folder that is one."""
    return any(str(place) in expected for place in (Path(path), *Path(path).parents))


def _touches(named: str, path: str) -> bool:
    """Tell whether one of two paths is the other or lies in it."""
    one, other = Path(named), Path(path)
    return one.is_relative_to(other) or other.is_relative_to(one)


def _fault(found: str | None, expected: str | None) -> Fault | None:
    if found is None:
        return Fault.MISSING
    if found == UNREADABLE:
        return Fault.UNREADABLE
    return Fault.CORRUPT if expected not in (None, found) else None


def _command(path: str, fault: Fault, options: Iterable[str]) -> str:
    force = ["--force"] if fault is not Fault.MISSING else []
    return " ".join(
        ["snakemake", "--profile", "profiles/local", *options, *force, "--", quote(path)]
    )


def _options_of(root: Path, resources: Path) -> list[str]:
    """Return the options that choose a run: the configuration that names it, if one does."""
    name = resources.relative_to("resources").as_posix()
    if name == ".":
        return []
    for file in sorted((root / "config").rglob("*.yaml")):
        with suppress(ConfigError, AttributeError):
            run = (load_yaml(file) or {}).get("run") or {}
            if name in (run.get("cache"), run.get("name")):
                return ["--configfile", quote(file.relative_to(root).as_posix())]
    return ["--configfile", "YOUR_CONFIGURATION"]
