"""Records of finished jobs: what was made, of which bytes, by which code and settings.

A job writes one JSON file, ``<resources>/records/<rule>/<job>.json``, when its outputs have moved
into place. Records answer by content what time stamps cannot: is this file still what the rule
made (``archloom verify``), and may it stand for the rule's result in another checkout.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from archloom.errors import FormatError
from archloom.files import read_json, reader, write_text

RECORD_FORMAT = "archloom-record/1"
RECORDS = "records"
"""The folder of the records among a run's intermediate files."""
RETRIEVAL = "retrieve_file"
"""The rule that brings external data. Its jobs keep no record: the checksums are registered."""


@dataclass(frozen=True)
class Content:
    """What a file or folder held. ``digest`` as in ``content_digest``, ``size`` in bytes."""

    digest: str
    size: int


@dataclass(frozen=True)
class Record:
    """One finished job. Paths are as the rule names them, relative to the folder of the run.

    code      digest of the code, see ``source_digest``
    started   ISO time in UTC
    """

    rule: str
    wildcards: Mapping[str, str]
    settings: Mapping[str, Any]
    seed: int
    code: str
    inputs: Mapping[str, Content]
    outputs: Mapping[str, Content]
    log: str
    host: str
    started: str
    seconds: float

    def write(self, path: Path) -> None:
        """Write the record as JSON."""
        write_text(path, json.dumps({"format": RECORD_FORMAT, **asdict(self)}, indent=1) + "\n")

    @property
    def file(self) -> str:
        """Path of the record below the folder of records."""
        return f"{self.rule}/{Path(self.log).stem}.json"

    @classmethod
    @reader("record", "delete it and run the rule again")
    def read(cls, path: Path) -> Record:
        """Read a record; raises ``FormatError`` for a damaged file or another format."""
        return cls.from_dict(read_json(path), str(path))

    @classmethod
    def from_dict(cls, values: Mapping[str, Any], where: str) -> Record:
        """Build a record of its JSON object; ``where`` names it in the ``FormatError``."""
        try:
            if values["format"] != RECORD_FORMAT:
                raise FormatError(
                    f"{where} has format {values['format']!r}, not {RECORD_FORMAT}: delete it and "
                    "run the rule again."
                )
            fields = {name: value for name, value in values.items() if name != "format"}
            for name in ("inputs", "outputs"):
                fields[name] = {path: Content(**found) for path, found in fields[name].items()}
            return cls(**fields)
        except (KeyError, TypeError, AttributeError) as error:
            raise FormatError(
                f"{where} is not a record of a job ({error}): delete it and run the rule again."
            ) from error


def read_records(resources: str | Path) -> Iterator[Record]:
    """Yield the records below a run's folder of intermediate files, by rule and job."""
    for path in sorted(Path(resources).glob(f"{RECORDS}/*/*.json")):
        yield Record.read(path)


def latest_records(resources: str | Path) -> dict[str, Record]:
    """Return, for each output that a record names, the record of the job that made it last."""
    records = sorted(read_records(resources), key=lambda record: record.started)
    return {path: record for record in records for path in record.outputs}
