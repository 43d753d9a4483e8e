"""Results of trainings as they come, one JSON line each, with what shows whether a line is still as
it was written: a checksum, and the SHA-256 of the files that were written with it.

A kill can only cut the last line of a file, which then has no end; such a line is no fault.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from archloom.data.labels import Label
from archloom.errors import DataError

log = logging.getLogger(__name__)

_CHECKSUM, _FILES = "checksum", "files"


@dataclass(frozen=True)
class Line:
    """One line of a file of kept results.

    number : of the line, from 1
    label  : None where the line is not as it was written
    files  : SHA-256 of what was written with it, by path relative to the folder of the file
    """

    number: int
    label: Label | None
    files: Mapping[str, str]

    def damaged_files(self, folder: Path) -> list[Path]:
        """Return the files that are missing or not as they were written."""
        paths = {folder / name: digest for name, digest in self.files.items()}
        return [path for path, digest in paths.items() if _digest(path) != digest]


def append(file: Path, label: Label, others: Sequence[Path] = ()) -> None:
    """Add the line of a label, and of the files that belong to it, to ``file``.

    Raises ``DataError`` where it cannot be written.
    """
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        files = {os.path.relpath(path, file.parent): _digest(path) for path in others}
        line = {**asdict(label), _FILES: files}
        with file.open("a", encoding="utf-8") as stream:
            stream.write(json.dumps({**line, _CHECKSUM: _checksum(line)}) + "\n")
    except OSError as error:
        raise DataError(
            f"{file} cannot be written ({error.strerror}): free space or choose another folder. "
            "What was measured before is kept."
        ) from error


def read_lines(file: Path) -> Iterator[Line]:
    """Yield the lines of ``file``, but not a last one that was cut."""
    content = file.read_bytes()
    for number, text in enumerate(content.split(b"\n"), start=1):
        line = _line(number, text)
        if text and (line.label is not None or number <= content.count(b"\n")):
            yield line


def read_kept(folder: Path, recipe: str) -> list[Label]:
    """Return the labels in the files of a recipe; what is not as it was written is left out and
    told.
    """
    labels = []
    for file in sorted(folder.glob(f"{recipe}-*.jsonl")):
        for line in read_lines(file):
            changed = line.damaged_files(folder)
            if line.label is not None and not changed:
                labels.append(line.label)
            else:
                what = ", ".join(map(str, changed)) or "the line"
                log.warning(
                    "%s, line %d: %s is not as it was written; the result is left out, its "
                    "training runs again",
                    file,
                    line.number,
                    what,
                )
    return labels


def _line(number: int, text: bytes) -> Line:
    try:
        found = json.loads(text)
        checksum = found.pop(_CHECKSUM)
        if checksum != _checksum(found):
            return Line(number, None, {})
        files = dict(found.pop(_FILES))
        return Line(number, Label(**found), files)
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError):
        return Line(number, None, {})


def _checksum(line: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(line, sort_keys=True).encode()).hexdigest()[:16]


def _digest(path: Path) -> str:
    """Return the SHA-256 of a file; empty where it cannot be read."""
    try:
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError:
        return ""
