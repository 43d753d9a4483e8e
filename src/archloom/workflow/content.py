"""Digests of files and folders: what makes two copies the same, whatever their time stamps."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from archloom.errors import DataError
from archloom.files import reading
from archloom.workflow.snakemake_folder import DIRECTORY_STAMP

IGNORED = frozenset({DIRECTORY_STAMP, ".gitignore"})
"""Files inside an output folder that other tools keep there and that are no part of it."""


def content_digest(path: str | Path) -> str:
    """Return the SHA-256 (hexadecimal) of a file, or of a folder's file names and contents.

    Raises ``DataError`` when something cannot be read.
    """
    path = Path(path)
    with reading(path):
        if not path.is_dir():
            with path.open("rb") as stream:
                return hashlib.file_digest(stream, "sha256").hexdigest()
        found = [(str(file.relative_to(path)), content_digest(file)) for file in files_in(path)]
    return _listing_digest(found)


def _listing_digest(files: list[tuple[str, str]]) -> str:
    return hashlib.sha256(json.dumps(files).encode()).hexdigest()


EMPTY_FOLDER = _listing_digest([])
"""The digest of a folder without files."""


def content_size(path: str | Path) -> int:
    """Return the bytes of a file, or of all files of a folder; 0 where there is neither."""
    return sum(file.stat().st_size for file in files_in(Path(path)))


def files_in(path: Path) -> list[Path]:
    """Return the files of an output in a fixed order: those in a folder at any depth, or itself."""
    found = path.rglob("*") if path.is_dir() else [path]
    return sorted(file for file in found if file.is_file() and file.name not in IGNORED)


UNREADABLE = "unreadable"
"""Stands for the digest of what cannot be read; no content has it."""


def content_digests(
    root: Path,
    paths: Iterable[str],
    threads: int | None = None,
    progress: Callable[[int], None] = lambda size: None,
) -> dict[str, str]:
    """Return the digests of those of ``paths`` (relative to ``root``) that exist.

    ``threads`` defaults to the number of processors; ``progress`` is given the bytes of each path
    that is done. What cannot be read (a bad disk, no permission) has the digest ``UNREADABLE``.
    """
    present = [path for path in dict.fromkeys(paths) if (root / path).exists()]

    def digest(path: str) -> str:
        try:
            found = content_digest(root / path)
            progress(content_size(root / path))
        except (DataError, OSError):
            return UNREADABLE
        return found

    with ThreadPoolExecutor(threads or os.cpu_count()) as pool:
        return dict(zip(present, pool.map(digest, present), strict=True))
