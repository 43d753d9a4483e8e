"""What Snakemake remembers of the outputs of a checkout, in its folder ``.snakemake``.

For every output there is a file of metadata: rule, inputs, parameters and command that made it.
Snakemake compares them with what the rules say now. They name no place, so they hold in another
checkout too; but a fresh clone has none, and its time stamps mean nothing.
"""

from __future__ import annotations

import json
import os
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from archloom.files import write_text

NAME_LENGTH = 254
"""Longest piece of an encoded path; Snakemake puts the rest into folders that start with @."""
DIRECTORY_STAMP = ".snakemake_timestamp"
"""File in an output folder whose time stamp stands for the folder's."""
LONG_AGO = 1_000_000_000
"""A time stamp (nanoseconds since 1970) that is older than any input's."""


class SnakemakeFolder:
    """The folder ``.snakemake`` of a checkout, read and written as Snakemake does it."""

    def __init__(self, root: Path) -> None:
        self._folder = root / ".snakemake"
        self._root = root

    def metadata(self, path: str) -> dict[str, Any] | None:
        """Return the metadata of an output; None where there are none or they are damaged."""
        with suppress(OSError, ValueError):
            found = json.loads(self._file("metadata", path).read_text(encoding="utf-8"))
            return found if isinstance(found, dict) else None
        return None

    def write_metadata(self, path: str, values: Mapping[str, Any]) -> None:
        """Keep the metadata of an output; it counts as finished."""
        write_text(self._file("metadata", path), json.dumps(values))
        self._file("incomplete", path).unlink(missing_ok=True)

    def mark_incomplete(self, path: str) -> None:
        """Say that an output is not what its rule makes: the next run makes it again."""
        write_text(self._file("incomplete", path), json.dumps({"external_jobid": None}))

    def outputs(self) -> Iterator[str]:
        """Yield the paths that there are metadata of."""
        folder = self._folder / "metadata"
        for file in sorted(folder.rglob("*")):
            if file.is_file():
                pieces = [piece.removeprefix("@") for piece in file.relative_to(folder).parts]
                with suppress(ValueError):
                    yield urlsafe_b64decode("".join(pieces)).decode()

    def set_time(self, path: str, nanoseconds: int) -> None:
        """Set the time stamp (nanoseconds) of an output that Snakemake looks at; a folder keeps it
        in a file.
        """
        target = self._root / path
        if target.is_dir() and not target.is_symlink():
            target = target / DIRECTORY_STAMP
            target.touch()
        os.utime(target, ns=(nanoseconds, nanoseconds), follow_symlinks=False)

    def time(self, path: str) -> int:
        """Return the time stamp (nanoseconds) of a file or folder that is there."""
        target = self._root / path
        stamp = target / DIRECTORY_STAMP
        return (stamp if stamp.exists() else target).lstat().st_mtime_ns

    def _file(self, kind: str, path: str) -> Path:
        name = urlsafe_b64encode(path.encode()).decode()
        pieces = [name[at : at + NAME_LENGTH] for at in range(0, len(name), NAME_LENGTH)]
        return self._folder.joinpath(kind, *(f"@{piece}" for piece in pieces[:-1]), pieces[-1])
