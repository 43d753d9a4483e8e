"""How far a job is: a line on the terminal and in the log now and then, and a small file that
``archloom status`` reads.

The file, ``<logs>/<rule>/<job>.state.json``, is renewed while the job lives, so that one that was
killed without a word is recognised by its age.
"""

from __future__ import annotations

import json
import logging
import os
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Literal

from archloom.errors import ArchloomError, FormatError
from archloom.files import read_json, reader, write_text
from archloom.workflow.words import duration, job_name, pace

STATE_FORMAT = "archloom-state/1"
HEARTBEAT_SECONDS = 20.0
SILENCE_SECONDS = 90.0
"""A running job on another machine whose file is older than this counts as killed."""
LINE_SECONDS = (5.0, 30.0)
"""Time between two lines of progress, in the first minute and later."""

logger = logging.getLogger(__name__)

Phase = Literal["running", "done", "failed", "interrupted"]


@dataclass(frozen=True)
class State:
    """Where a job stands. Times are seconds since 1970; ``total`` is 0 where it is not known.

    place        the batch job that it runs in, such as ``slurm 42``; empty on this machine
    per_second   steps of this run, not of an earlier one that it continues; 0: not known
    words        the error of a failed job
    """

    rule: str
    wildcards: Mapping[str, str]
    phase: Phase
    host: str
    process: int
    place: str
    log: str
    started: float
    ended: float = 0.0
    done: int = 0
    total: int = 0
    per_second: float = 0.0
    words: str = ""

    def write(self, path: Path) -> None:
        """Write the state as JSON."""
        write_text(path, json.dumps({"format": STATE_FORMAT, **asdict(self)}, indent=1) + "\n")

    @classmethod
    @reader("state of a job", "delete it")
    def read(cls, path: Path) -> State:
        """Read a state file; raises ``FormatError`` for damage or another format."""
        values = read_json(path)
        try:
            if values.pop("format") != STATE_FORMAT:
                raise FormatError(f"{path} is not of format {STATE_FORMAT}: delete it.")
            return cls(**values)
        except (AttributeError, KeyError, TypeError) as error:
            raise FormatError(f"{path} is not the state of a job ({error}): delete it.") from error

    @property
    def remaining(self) -> float | None:
        """Seconds that are left at the pace so far; None where that is not known."""
        return (self.total - self.done) / self.per_second if self.per_second else None

    def __str__(self) -> str:
        """Return how far the job is, such as 120 of 320, 3.1 per s, 1 min 5 s left."""
        parts = [f"{self.done} of {self.total}"]
        if self.remaining is not None:
            parts.append(pace(self.per_second))
            parts += [f"{duration(self.remaining)} left"] if self.remaining else []
        return ", ".join(parts)


class Meter:
    """Keeps the state file of the job of this process and says now and then how far it is.

    A folder that cannot be written costs the state file, never the job.
    """

    def __init__(self, log: Path, wildcards: Mapping[str, str]) -> None:
        self._path = log.with_suffix(".state.json")
        self.state = State(
            rule=log.parent.name,
            wildcards=dict(wildcards),
            phase="running",
            host=socket.gethostname(),
            process=os.getpid(),
            place=f"slurm {os.environ['SLURM_JOB_ID']}" if "SLURM_JOB_ID" in os.environ else "",
            log=str(log),
            started=time.time(),
        )
        self._since, self._first = self.state.started, 0
        self._spoken = self.state.started
        self._ended = threading.Event()
        self._write()
        threading.Thread(target=self._beat, daemon=True).start()

    def update(self, done: int, total: int) -> None:
        """Note that ``done`` of ``total`` steps are finished; those of the first call may be from
        an earlier run and do not count for the pace.
        """
        now = time.time()
        if not self.state.total:
            self._since, self._first = now, done
        fresh, spent = done - self._first, now - self._since
        per_second = fresh / spent if fresh > 0 and spent > 0 else 0.0
        self.state = replace(self.state, done=done, total=total, per_second=per_second)
        gap = LINE_SECONDS[now - self.state.started > 60]
        if now - self._spoken >= gap or done == total:
            self._spoken = now
            self._write()
            logger.info("%s: %s", self.name, self.state)

    @property
    def name(self) -> str:
        """The job, by rule and wildcards."""
        return job_name(self.state.rule, self.state.wildcards)

    def end(self, phase: Phase, words: str = "") -> None:
        """Write the last state."""
        self._ended.set()
        self.state = replace(self.state, phase=phase, ended=time.time(), words=words)
        self._write()

    def _write(self) -> None:
        with suppress(ArchloomError):
            self.state.write(self._path)

    def _beat(self) -> None:
        while not self._ended.wait(HEARTBEAT_SECONDS):
            with suppress(OSError):
                os.utime(self._path)


def read_states(logs: str | Path) -> Iterator[tuple[State, float]]:
    """Yield the state of every job below a folder of logs and the time of its last sign of life;
    what is damaged or just being replaced is left out.
    """
    for path in sorted(Path(logs).glob("*/*.state.json")):
        with suppress(ArchloomError, OSError):
            yield State.read(path), path.stat().st_mtime
