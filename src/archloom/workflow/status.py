"""What a run has done, is doing and failed to do, read from its files alone.

Records say what was made, states what is going on, benchmark tables of Snakemake how long it took
and how much memory. Nothing is started and no lock is taken, so this may be called at any time and
from any machine that sees the folder.
"""

from __future__ import annotations

import csv
import os
import socket
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from archloom.workflow.progress import SILENCE_SECONDS, State, read_states
from archloom.workflow.records import Record, read_records


@dataclass(frozen=True)
class Folders:
    """Where a run keeps its files: intermediate ones with records, logs with states."""

    resources: Path
    logs: Path

    @classmethod
    def of_run(cls, name: str, root: Path) -> Folders:
        """Return the folders below ``root`` of the run (or cache) called ``name``; "" is the run
        without a name.
        """
        return cls(root / "resources" / name, root / "logs" / name)


@dataclass(frozen=True)
class Made:
    """One finished job: its record, what it cost, and whether all outputs are still there.

    ended     seconds since 1970
    seconds   from the start of its process to its end
    memory    largest resident set in bytes, 0 where it is not known
    size      bytes of the outputs
    """

    record: Record
    ended: float
    seconds: float
    memory: float
    size: int
    is_present: bool


@dataclass
class Stage:
    """All jobs of one rule. ``killed`` ones gave no sign of life any more."""

    rule: str
    made: list[Made] = field(default_factory=list)
    running: list[State] = field(default_factory=list)
    failed: list[State] = field(default_factory=list)
    killed: list[State] = field(default_factory=list)

    @property
    def size(self) -> int:
        """Bytes of all outputs."""
        return sum(made.size for made in self.made)

    @property
    def seconds(self) -> float:
        """Seconds of all finished jobs together."""
        return sum(made.seconds for made in self.made)

    @property
    def memory(self) -> float:
        """Largest memory of a finished job, in bytes."""
        return max((made.memory for made in self.made), default=0)


def stages(folders: Folders, root: Path) -> list[Stage]:
    """Return the stages of a run in the order in which they began.

    ``root`` is the folder that the paths in the records start from.
    """
    found: dict[str, Stage] = {}
    begun: dict[str, str] = {}
    for record in read_records(folders.resources):
        stage = found.setdefault(record.rule, Stage(record.rule))
        stage.made.append(_made(record, root))
        begun[record.rule] = min(begun.get(record.rule, record.started), record.started)
    for state, seen in read_states(folders.logs):
        if state.phase == "done":
            continue
        stage = found.setdefault(state.rule, Stage(state.rule))
        begun.setdefault(state.rule, _iso(state.started))
        if state.phase == "failed":
            stage.failed.append(state)
        elif state.phase == "running" and _lives(state, seen):
            stage.running.append(state)
        else:
            stage.killed.append(state)
    return sorted(found.values(), key=lambda stage: begun[stage.rule])


def last_lines(log: Path, count: int = 8) -> Sequence[str]:
    """Return the last lines of a log; none where there is no log."""
    with suppress(OSError):
        return log.read_text(encoding="utf-8", errors="replace").splitlines()[-count:]
    return ()


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")


def _made(record: Record, root: Path) -> Made:
    seconds, memory = _cost(root / Path(record.log).with_suffix(".tsv"))
    begun = datetime.fromisoformat(record.started).timestamp()
    return Made(
        record=record,
        ended=begun + record.seconds,
        seconds=max(seconds, record.seconds),
        memory=memory,
        size=sum(content.size for content in record.outputs.values()),
        is_present=all((root / path).exists() for path in record.outputs),
    )


def _cost(table: Path) -> tuple[float, float]:
    """Return wall time (s) and largest resident set (bytes) of Snakemake's benchmark table of a
    job; zeros where there is none.
    """
    with suppress(OSError, ValueError, KeyError, csv.Error):
        with table.open(encoding="utf-8", newline="") as stream:
            (row,) = csv.DictReader(stream, delimiter="\t")
        return float(row["s"]), float(row["max_rss"]) * 2**20
    return 0.0, 0.0


def _lives(state: State, seen: float) -> bool:
    """Tell whether a job that says it runs still does: by its process here, elsewhere by its
    last sign of life.
    """
    if state.host != socket.gethostname():
        return abs(time.time() - seen) < SILENCE_SECONDS  # a clock may be far ahead
    try:
        os.kill(state.process, 0)
    except PermissionError:
        return True  # it is there, of another user
    except OSError:
        return False
    return True
