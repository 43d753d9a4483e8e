"""External datasets: ``config/datasets.yaml`` names them, this module finds their files and
checks the bytes.

A file ``<dataset>/<file>`` is looked for, in this order, in the mirror folder, in the folder
named by the environment variable ``ARCHLOOM_DATA``, in ``../shared/data`` and in
``resources/data`` (both relative to the project root, the nearest folder upwards that holds
``config/datasets.yaml``). Nothing is downloaded.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import lru_cache
from pathlib import Path

import yaml

from archloom.errors import DataError

ENVIRONMENT_VARIABLE = "ARCHLOOM_DATA"
DOWNLOAD_VARIABLE = "ARCHLOOM_DOWNLOAD"
"""Set to 1: jobs may download what is in no folder; the setting ``data.download`` sets it."""
REGISTRY_PATH = Path("config/datasets.yaml")
FORMAT, VERSION = "archloom-datasets", 1


@dataclass(frozen=True)
class DataFile:
    """One file of a dataset. ``size`` is in bytes, ``sha256`` in lower-case hexadecimal digits."""

    name: str
    size: int
    sha256: str


@dataclass(frozen=True)
class Dataset:
    """One external dataset: what it is, under which licence, where it comes from, and its files
    by name.
    """

    name: str
    what: str
    licence: str
    source: str
    url: str
    files: Mapping[str, DataFile]


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

    Raises ``DataError`` when the table is missing or is not of format archloom-datasets, version 1.
    """
    return _read_table(Path(path) if path else project_root() / REGISTRY_PATH)


@lru_cache(maxsize=8)
def _read_table(path: Path) -> dict[str, Dataset]:
    try:
        table = yaml.safe_load(path.read_text(encoding="utf-8"))
        found = table["format"], table["version"]
        if found != (FORMAT, VERSION):
            raise DataError(f"{path} has format {found}, expected {(FORMAT, VERSION)}.")
        return {name: _dataset(name, row) for name, row in table["datasets"].items()}
    except (OSError, yaml.YAMLError, KeyError, TypeError, AttributeError) as error:
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
        files={file: DataFile(file, int(v["size"]), str(v["sha256"])) for file, v in files.items()},
    )


def search_folders(mirror: str | Path | None = None) -> list[Path]:
    """Return the folders that hold datasets, in the order in which they are looked in, existing
    or not.
    """
    root = project_root()
    named = [str(place) for place in (mirror, os.environ.get(ENVIRONMENT_VARIABLE)) if place]
    places = [root / Path(place).expanduser() for place in named]
    return [*dict.fromkeys([*places, root / "../shared/data", root / "resources/data"])]


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


def find(dataset: str, file: str, mirror: str | Path | None = None) -> Path:
    """Return the path of one file of a dataset, after checking its size and SHA-256 (once per
    process).

    Raises ``DataError`` when the dataset or file is not registered, when no folder holds the
    file, or when the bytes differ from the registered ones.
    """
    entry = dataset_named(dataset)
    if file not in entry.files:
        raise DataError(f"Dataset {dataset} has no file {file!r}; it has {', '.join(entry.files)}.")
    folders = search_folders(mirror)
    for folder in folders:
        path = folder / dataset / file
        if path.is_file():
            state = path.stat()
            _check_bytes(path, entry.files[file], state.st_size, state.st_mtime_ns)
            return path
    raise DataError(_missing(entry, file, folders))


def _missing(entry: Dataset, file: str, folders: Sequence[Path]) -> str:
    looked = ", ".join(str(folder / entry.name) for folder in folders)
    return (
        f"{entry.name}/{file} is not here ({entry.what}). Looked in: {looked}. "
        f"Source: {entry.source}; see {entry.url}. "
        f"Put the file into one of these folders, or name the folder that holds {entry.name}/ "
        f"in data.mirror or {ENVIRONMENT_VARIABLE}."
    )


@lru_cache(maxsize=1024)
def _check_bytes(path: Path, expected: DataFile, size: int, modified_ns: int) -> None:
    """Compare a file with its registered size and checksum; cached until it changes."""
    if size != expected.size:
        found = f"{size} bytes instead of {expected.size}"
    else:
        with path.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
        if digest == expected.sha256:
            return
        found = f"SHA-256 {digest} instead of {expected.sha256}"
    raise DataError(f"{path} has {found}: it is incomplete or another version. Fetch it again.")
