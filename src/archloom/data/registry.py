"""External datasets: ``config/datasets.yaml`` names them, this module finds their files and
checks the bytes.

A file ``<dataset>/<file>`` is looked for, in this order, in the mirror folder, in the folder
named by the environment variable ``ARCHLOOM_DATA``, in ``../shared/data`` and in
``resources/data`` (both relative to the project root, the nearest folder upwards that holds
``config/datasets.yaml``). Nothing is downloaded here, see ``archloom.data.retrieve``.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from archloom.config.document import load_yaml
from archloom.errors import DataError
from archloom.files import reading

ENVIRONMENT_VARIABLE = "ARCHLOOM_DATA"
DOWNLOAD_VARIABLE = "ARCHLOOM_DOWNLOAD"
"""Set to 1: jobs may download what is in no folder; the setting ``data.download`` sets it."""
REGISTRY_PATH = Path("config/datasets.yaml")
FORMAT, VERSION = "archloom-datasets", 2
SHARED_FOLDER, OWN_FOLDER = Path("../shared/data"), Path("resources/data")
_SOURCE = re.compile(r"https?://[^\s/]+/\S+|hub:(datasets/)?[\w.-]+/[\w.-]+@[\w.-]+/[\w./+=-]+")


@dataclass(frozen=True)
class DataFile:
    """One file of a dataset.

    size, sha256  bytes, and lower-case hexadecimal digits; None where nobody has pinned them yet
    sources       where it can be downloaded, best first: an http(s) address, or
                  ``hub:OWNER/REPO@REVISION/FILE`` (data: ``hub:datasets/OWNER/...``)
    """

    name: str
    size: int | None
    sha256: str | None
    sources: tuple[str, ...] = ()

    @property
    def is_pinned(self) -> bool:
        """Whether it is known which bytes the file must have."""
        return self.sha256 is not None


@dataclass(frozen=True)
class Dataset:
    """One external dataset: what it is, under which licence, where it comes from, and its files
    by name. ``steps`` says what a person must do to get it, where that is more than a download.
    """

    name: str
    what: str
    licence: str
    source: str
    url: str
    files: Mapping[str, DataFile]
    steps: str = ""


def project_root() -> Path:
    """Return the nearest folder, from the current one upwards, that holds ``config/datasets.yaml``.

    Raises ``DataError`` when there is none.
    """
    here = Path.cwd()
    for folder in (here, *here.parents):
        if (folder / REGISTRY_PATH).is_file():
            return folder
    raise DataError(
        f"No {REGISTRY_PATH} in {here} or above it, so the external datasets are unknown. "
        "Run from the root of the archloom checkout."
    )


def read_registry(path: str | Path | None = None) -> dict[str, Dataset]:
    """Read the table of external datasets (default: the project's), by name.

    Raises ``DataError`` when the table is missing or is not of format archloom-datasets, version 2.
    """
    return _read_table(Path(path) if path else project_root() / REGISTRY_PATH)


class _Loader(yaml.SafeLoader):  # type: ignore[misc]
    """Reads YAML, but a key that is there twice is an error: the second would hide the first."""

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        """Return the mapping of ``node``; raises ``ValueError`` for a key that is there twice."""
        keys = [key.value for key, _ in node.value]
        twice = sorted({key for key in keys if keys.count(key) > 1})
        if twice:
            raise ValueError(f"{', '.join(twice)} is there twice")
        return super().construct_mapping(node, deep)


@lru_cache(maxsize=8)
def _read_table(path: Path) -> dict[str, Dataset]:
    try:
        table = load_yaml(path, _Loader)
        found = table["format"], table["version"]
        if found != (FORMAT, VERSION):
            raise DataError(f"{path} has format {found}, expected {(FORMAT, VERSION)}.")
        return {name: _dataset(name, row) for name, row in table["datasets"].items()}
    except DataError:
        raise
    except (LookupError, TypeError, AttributeError, ValueError, ArithmeticError) as error:
        raise DataError(f"{path} is not a table of datasets ({error}): restore it.") from error


def _dataset(name: str, row: Mapping[str, object]) -> Dataset:
    """Build one ``Dataset`` from its row of the table."""
    files = row["files"]
    if not isinstance(files, dict):
        raise TypeError(f"{name}.files must map file names to size and sha256")
    return Dataset(
        name=name,
        what=str(row["what"]),
        licence=str(row["licence"]),
        source=str(row["source"]),
        url=str(row["url"]),
        files={file: _file(f"{name}/{file}", file, values) for file, values in files.items()},
        steps=str(row.get("steps", "")),
    )


def _file(where: str, name: str, values: Mapping[str, Any]) -> DataFile:
    """Build one ``DataFile`` of its entry; ``ValueError`` says what is wrong with it."""
    size, sha256 = values["size"], values["sha256"]
    sources = tuple(values.get("from", ()))
    if "/" in name or name.startswith("."):
        raise ValueError(f"{where} is no plain file name")
    if (size is None) != (sha256 is None):
        raise ValueError(f"{where} needs both size and sha256, or null for both")
    if sha256 is not None and not (re.fullmatch(r"[0-9a-f]{64}", str(sha256)) and int(size) > 0):
        raise ValueError(f"{where} has no proper size and sha256")
    for source in sources:
        if not _SOURCE.fullmatch(source):
            raise ValueError(f"{where} comes from {source!r}, which is no address")
    return DataFile(name, size, sha256, sources)


def search_folders(mirror: str | Path | None = None) -> list[Path]:
    """Return the folders that hold datasets, in the order in which they are looked in, existing
    or not.
    """
    root = project_root()
    named = [str(place) for place in (mirror, os.environ.get(ENVIRONMENT_VARIABLE)) if place]
    places = [root / Path(place).expanduser() for place in named]
    return [*dict.fromkeys([*places, root / SHARED_FOLDER, root / OWN_FOLDER])]


def dataset_named(name: str) -> Dataset:
    """Return the registered dataset of this name; ``DataError`` with the nearest name when there
    is none.
    """
    table = read_registry()
    if name in table:
        return table[name]
    close = get_close_matches(name, table, n=1)
    hint = f"did you mean {close[0]}?" if close else f"known: {', '.join(sorted(table))}."
    raise DataError(f"There is no dataset {name!r} in {REGISTRY_PATH}; {hint}")


def file_named(dataset: str, file: str) -> DataFile:
    """Return the registered file; ``DataError`` when the dataset has none of that name."""
    entry = dataset_named(dataset)
    if file not in entry.files:
        raise DataError(f"Dataset {dataset} has no file {file!r}; it has {', '.join(entry.files)}.")
    return entry.files[file]


def locate(dataset: str, file: str, mirror: str | Path | None = None) -> Path | None:
    """Return where a file of a dataset lies, its bytes not checked; None when it is nowhere."""
    name = file_named(dataset, file).name
    candidates = (folder / dataset / name for folder in search_folders(mirror))
    return next((path for path in candidates if path.is_file()), None)


def find(dataset: str, file: str, mirror: str | Path | None = None) -> Path:
    """Return the path of one file of a dataset, after checking its size and SHA-256 (once per
    process).

    Raises ``DataError`` when the dataset or file is not registered, when no folder holds the
    file, or when the bytes differ from the registered ones or none are registered.
    """
    path = locate(dataset, file, mirror)
    if path is None:
        raise DataError(missing(dataset, file, mirror))
    check_bytes(path, file_named(dataset, file))
    return path


def missing(dataset: str, file: str, mirror: str | Path | None = None) -> str:
    """Return what to tell somebody who needs a file that is in no folder: what it is, where it
    comes from and where to put it.
    """
    entry = dataset_named(dataset)
    looked = ", ".join(str(folder / dataset) for folder in search_folders(mirror))
    steps = f" {entry.steps}" if entry.steps else ""
    return (
        f"{dataset}/{file} is not here ({entry.what}). Looked in: {looked}. "
        f"Source: {entry.source}; see {entry.url}.{steps} "
        f"Put the file into one of these folders, or name the folder that holds {dataset}/ "
        f"in data.mirror or {ENVIRONMENT_VARIABLE}."
    )


def check_bytes(path: Path, expected: DataFile) -> None:
    """Raise ``DataError`` unless a file has the registered bytes; also when none are registered."""
    found = difference(path, expected)
    if found is None:
        return
    if not expected.is_pinned:
        raise DataError(
            f"{path} has {found}, and {REGISTRY_PATH} does not say which bytes it must have, so it "
            "is not used. If these are what the source publishes, write them there as size and "
            "sha256, then do the same again."
        )
    raise DataError(f"{path} has {found}: it is incomplete or another version. Fetch it again.")


def difference(path: Path, expected: DataFile) -> str | None:
    """Return how a file differs from the registered size and SHA-256, None where it does not; of a
    file without registered ones what it has. A file that stays as it is, is read once per process.
    """
    state = path.stat()
    if expected.size is not None and state.st_size != expected.size:
        return f"{state.st_size} bytes instead of {expected.size}"
    digest = _digest(path, state.st_size, state.st_mtime_ns)
    if expected.sha256 is None:
        return f"{state.st_size} bytes with SHA-256 {digest}"
    return None if digest == expected.sha256 else f"SHA-256 {digest} instead of {expected.sha256}"


@lru_cache(maxsize=1024)
def _digest(path: Path, size: int, modified_ns: int) -> str:
    """Return the SHA-256 of a file; cached until the file changes."""
    with reading(path), path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
