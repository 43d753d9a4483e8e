"""The published figures of a system: ``config/published/SYSTEM.yaml``."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from archloom.config.document import load_yaml
from archloom.errors import ConfigError, FormatError
from archloom.files import reader

FORMAT, VERSION = "archloom-published", 1
Value = float | str | None


class Printed(float):
    """A number with as many decimals as it was printed with: 4.20 keeps its zero."""

    decimals: int


@dataclass(frozen=True)
class Entry:
    """One printed figure.

    value : as printed (``Printed``), a text for a range; None where only we have a figure
    std   : standard deviation, where printed
    ours  : how ours is made, one key of ``archloom.report.published.ours.KINDS``; empty: not run
    """

    row: str
    column: str
    metric: str
    value: Value
    std: float | None = None
    unit: str = ""
    ours: Mapping[str, Any] = field(default_factory=dict)
    note: str = ""


@dataclass(frozen=True)
class Table:
    """One table of the paper.

    missing : why entries without ``ours`` were not run; command : what runs them, "" for nothing
    points  : accuracy in percent and MFLOPs of each row, deficit : parents wanted (rank sums only)
    system  : name of the file, and of the folder of benchmarks that measure ours
    """

    name: str
    title: str
    entries: tuple[Entry, ...]
    missing: str
    command: str = ""
    notes: tuple[str, ...] = ()
    points: tuple[tuple[float, float], ...] = ()
    deficit: int = 0
    system: str = ""


@dataclass(frozen=True)
class Published:
    """All tables of one paper."""

    system: str
    paper: str
    tables: tuple[Table, ...]


@reader("file of published figures", "restore it")
def read_published(path: str | Path) -> Published:
    """Return the tables in ``path``; raises ``FormatError`` for anything else."""
    try:
        document = load_yaml(Path(path), _Loader)
        found = document["format"], document["version"]
        if found != (FORMAT, VERSION):
            raise FormatError(f"{path} has format {found}, expected {(FORMAT, VERSION)}.")
        tables = tuple(_table(one, Path(path).stem) for one in document["tables"])
        return Published(document["system"], document["paper"], tables)
    except (KeyError, TypeError, ConfigError) as error:
        raise FormatError(
            f"{path} is no file of published figures ({error}): restore it."
        ) from error


class _Loader(yaml.SafeLoader):  # type: ignore[misc]
    """Reads numbers with their decimals."""


def _number(loader: _Loader, node: yaml.ScalarNode) -> float:
    value = loader.construct_yaml_float(node)
    found = re.fullmatch(r"[-+]?\d+\.(\d+)", node.value)
    if found is None:
        return float(value)
    number = Printed(value)
    number.decimals = len(found[1])
    return number


_Loader.add_constructor("tag:yaml.org,2002:float", _number)


def _table(values: Mapping[str, Any], system: str) -> Table:
    lists = {
        "entries": tuple(Entry(**entry) for entry in values["entries"]),
        "notes": tuple(values.get("notes", ())),
        "points": tuple((first, second) for first, second in values.get("points", ())),
    }
    return Table(**{**values, **lists, "system": system})
