"""Results that travel: ``seal`` writes down where they come from, ``adopt`` recognises them
elsewhere.

Time stamps do not survive a download and Snakemake's metadata stay behind, so a fresh clone with
all files would make everything again. ``seal`` therefore puts the records of all intact outputs
and Snakemake's metadata of them into one file, ``<resources>/provenance.json``, which travels with
the outputs. ``adopt`` compares the bytes of outputs and inputs with it. What agrees gets its
metadata back and a time stamp that is no older than its inputs'; Snakemake then compares
parameters, code and sets of inputs by itself. What does not agree will be made again.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from enum import Enum
from pathlib import Path, PurePosixPath
from typing import Any

from archloom.data.registry import OWN_FOLDER
from archloom.errors import DataError, FormatError
from archloom.files import read_json, write_text
from archloom.workflow.content import EMPTY_FOLDER, content_digests, content_size
from archloom.workflow.records import RECORD_FORMAT, RECORDS, Content, Record, latest_records
from archloom.workflow.snakemake_folder import LONG_AGO, SnakemakeFolder

PROVENANCE = "provenance.json"
PROVENANCE_FORMAT = "archloom-provenance/1"

Progress = Callable[[int], None]


@dataclass(frozen=True)
class Sealed:
    """One output: the record of the job that made it and Snakemake's metadata of it."""

    record: Record
    metadata: Mapping[str, Any]

    def made(self, path: str, digest: str) -> bool:
        """Tell whether the job made ``path`` with these bytes."""
        return self.record.outputs[path].digest == digest

    @property
    def paths(self) -> list[str]:
        """All paths that the record names."""
        record = self.record
        return [*record.outputs, *record.inputs, record.file, record.log]


class Verdict(Enum):
    """What ``adopt`` found of an output.

    RECOGNISED  its bytes and its inputs are those of a record: it stands
    OUTDATED    its bytes are, but an input is another one: made again when it is needed
    UNKNOWN     no record has its bytes (damaged, edited, half downloaded): made again
    ABSENT      it is not here, and is no matter unless something asks for it
    """

    RECOGNISED = "recognised"
    OUTDATED = "outdated"
    UNKNOWN = "unknown"
    ABSENT = "absent"


def seal(root: Path, resources: Path, progress: Progress = lambda size: None) -> list[str]:
    """Write ``provenance.json`` of a run and return the outputs that had to be left out.

    ``root`` is the checkout, ``resources`` the run's folder of intermediate files, relative to it.
    Left out is what no longer holds the bytes of a record, and what was made of files outside of
    the checkout. Entries of an older file are kept for
    outputs that are not here, so that a checkout with a part of the outputs loses none.
    """
    folder = SnakemakeFolder(root)
    records = latest_records(root / resources)
    retrieved = _without_record(folder, resources, records)
    digests = content_digests(root, [*records, *retrieved], progress=progress)
    records |= {
        path: _record_of(path, values, Content(digests[path], content_size(root / path)))
        for path, values in retrieved.items()
        if path in digests
    }
    older = _read_if_there(root / resources / PROVENANCE)
    sealed = {path: one for path, one in older.items() if path not in digests}
    left_out = []
    for path, digest in digests.items():
        metadata = folder.metadata(path)
        own = Sealed(records[path], metadata) if metadata else None
        fitting = [
            one
            for one in (own, older.get(path))
            if one and one.made(path, digest) and all(map(_is_inside, one.paths))
        ]
        if fitting:
            sealed[path] = fitting[0]
        else:
            left_out.append(path)
    _write(root / resources / PROVENANCE, sealed)
    return left_out


def adopt(
    root: Path, resources: Path, progress: Progress = lambda size: None
) -> dict[str, Verdict]:
    """Compare all outputs of a run with what is known of them, and let those stand that agree.

    Returns a verdict per output. Run it while no Snakemake works in the folder. Raises
    ``DataError`` where neither ``provenance.json`` nor a record is there, ``FormatError`` for a
    damaged one.
    """
    sealed = _read_if_there(root / resources / PROVENANCE)
    records = latest_records(root / resources)
    if not sealed and not records:
        raise DataError(
            f"nothing is known of the files in {resources}: there are neither {PROVENANCE} nor "
            "records. Pull them with `archloom pull`, or copy the file along with the outputs."
        )
    _restore_empty_folders(root, sealed)
    folder = SnakemakeFolder(root)
    known = [*records.values(), *(one.record for one in sealed.values())]
    paths = [*records, *sealed, *(path for record in known for path in record.inputs)]
    judge = _Judge(folder, records, sealed, content_digests(root, paths, progress=progress))
    outputs = sorted({*records, *sealed})
    verdicts = {path: judge.verdict(path) for path in outputs}
    stamp = _newest(folder, judge.digests, verdicts)
    for path, verdict in verdicts.items():
        _settle(folder, root / resources, path, verdict, judge, stamp)
    return verdicts


def _restore_empty_folders(root: Path, sealed: Mapping[str, Sealed]) -> None:
    """Make the outputs that are folders without a file, which tools for files leave behind."""
    for path, one in sealed.items():
        if one.made(path, EMPTY_FOLDER):
            (root / path).mkdir(parents=True, exist_ok=True)


class _Judge:
    """Finds for every output the record that explains what is here."""

    def __init__(
        self,
        folder: SnakemakeFolder,
        records: Mapping[str, Record],
        sealed: Mapping[str, Sealed],
        digests: Mapping[str, str],
    ) -> None:
        self.digests = digests
        self.sealed = sealed
        self._own = {path: one for path, one in records.items() if folder.metadata(path)}
        self._standing: dict[tuple[str, str], Record | None] = {}

    def verdict(self, path: str) -> Verdict:
        """Judge one output."""
        if path not in self.digests:
            return Verdict.ABSENT
        if self.standing(path, self.digests[path]):
            return Verdict.RECOGNISED
        return Verdict.OUTDATED if self.made(path, self.digests[path]) else Verdict.UNKNOWN

    def is_own(self, path: str) -> bool:
        """Tell whether the checkout's own record, rather than the sealed one, explains a path."""
        found = self.standing(path, self.digests[path]) or self.made(path, self.digests[path])
        return found is not None and found is self._own.get(path)

    def made(self, path: str, digest: str) -> Record | None:
        """Return a record of the making of these bytes, whatever its inputs."""
        return next(iter(self._candidates(path, digest)), None)

    def standing(self, path: str, digest: str) -> Record | None:
        """Return a record of the making of these bytes of what is here; an input that is not here
        stands when a record of it does.
        """
        key = path, digest
        if key not in self._standing:
            self._standing[key] = None
            for record in self._candidates(path, digest):
                if all(self._holds(name, want.digest) for name, want in record.inputs.items()):
                    self._standing[key] = record
                    break
        return self._standing[key]

    def _candidates(self, path: str, digest: str) -> list[Record]:
        both = [self._own.get(path), self.sealed[path].record if path in self.sealed else None]
        return [one for one in both if one is not None and one.outputs[path].digest == digest]

    def _holds(self, path: str, digest: str) -> bool:
        if path in self.digests:
            return self.digests[path] == digest
        return self.standing(path, digest) is not None


def _newest(
    folder: SnakemakeFolder, digests: Mapping[str, str], verdicts: Mapping[str, Verdict]
) -> int:
    """Return a time (nanoseconds) that is no older than any input which is not an output itself."""
    committed = [folder.time(path) for path in digests if path not in verdicts]
    return max([time.time_ns(), *committed])


def _settle(
    folder: SnakemakeFolder,
    resources: Path,
    path: str,
    verdict: Verdict,
    judge: _Judge,
    stamp: int,
) -> None:
    """Tell Snakemake of the verdict on one output."""
    entry = judge.sealed.get(path)
    if verdict is Verdict.UNKNOWN:
        folder.mark_incomplete(path)
        return
    if verdict is Verdict.ABSENT:
        if entry is not None and folder.metadata(path) is None:
            folder.write_metadata(path, entry.metadata)
        return
    if entry is not None and not judge.is_own(path):
        folder.write_metadata(path, entry.metadata)
        entry.record.write(resources / RECORDS / entry.record.file)
    folder.set_time(path, stamp if verdict is Verdict.RECOGNISED else LONG_AGO)


def _without_record(
    folder: SnakemakeFolder, resources: Path, records: Mapping[str, Record]
) -> dict[str, dict[str, Any]]:
    """Return the metadata of outputs of jobs without inputs that keep no record: external data."""
    below = (f"{resources.as_posix()}/", f"{OWN_FOLDER.as_posix()}/")
    found = {path: folder.metadata(path) for path in folder.outputs() if path not in records}
    return {
        path: values
        for path, values in found.items()
        if values and path.startswith(below) and not values.get("input")
    }


def _record_of(path: str, metadata: Mapping[str, Any], content: Content) -> Record:
    begun = float(metadata.get("starttime") or 0)
    return Record(
        rule=str(metadata.get("rule")),
        wildcards={},
        settings={},
        seed=0,
        code="",
        inputs={},
        outputs={path: content},
        log=next(iter(metadata.get("log") or [f"{path}.log"])),
        host="",
        started=datetime.fromtimestamp(begun, UTC).isoformat(timespec="seconds"),
        seconds=0.0,
    )


def _write(path: Path, sealed: Mapping[str, Sealed]) -> None:
    outputs = {
        name: {"record": {"format": RECORD_FORMAT, **asdict(one.record)}, "metadata": one.metadata}
        for name, one in sorted(sealed.items())
    }
    text = json.dumps({"format": PROVENANCE_FORMAT, "outputs": outputs}, indent=1, sort_keys=True)
    write_text(path, text + "\n")


def _read_if_there(path: Path) -> dict[str, Sealed]:
    """Read a file of provenance by output; nothing where there is none."""
    if not path.exists():
        return {}
    try:
        values = read_json(path)
        if values["format"] != PROVENANCE_FORMAT:
            raise FormatError(f"{path} has format {values['format']!r}, not {PROVENANCE_FORMAT}.")
        found = {
            name: Sealed(Record.from_dict(one["record"], f"{path}: {name}"), dict(one["metadata"]))
            for name, one in values["outputs"].items()
        }
    except (KeyError, TypeError, AttributeError) as error:
        raise FormatError(
            f"{path} is not a file of provenance ({error}): pull it again, or write it anew with "
            "`archloom seal` where the outputs were made."
        ) from error
    for name, one in found.items():
        _check_inside(path, name, *one.paths)
        if name not in one.record.outputs:
            raise FormatError(f"{path}: the record of {name} does not name it: pull it again.")
    return found


def _check_inside(where: Path, *paths: str) -> None:
    """Refuse paths that lead out of the checkout: the file comes from elsewhere."""
    for path in paths:
        if not _is_inside(path):
            raise FormatError(
                f"{where} names {path}, which lies outside the checkout: do not use this file."
            )


def _is_inside(path: str) -> bool:
    parts = PurePosixPath(path)
    return not parts.is_absolute() and ".." not in parts.parts and path.isprintable()
