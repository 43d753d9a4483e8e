"""A run's folder with records, states, logs and benchmark tables."""

import os
import socket
from pathlib import Path

import pytest

from archloom.files import write_text
from archloom.workflow.progress import State
from archloom.workflow.records import Content, Record
from archloom.workflow.status import Folders
from job_chain import Chain


class Run:
    """A folder in which jobs have run; ``did`` adds a finished one, ``says`` one with a state."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.folders = Folders.of_run("", root)

    def did(self, rule: str, name: str, inputs=(), minute: int = 0, seconds: float = 5.0) -> None:
        output = f"resources/{rule}/{name}.txt"
        write_text(self.root / output, "x" * 100)
        Record(
            rule=rule,
            wildcards={"name": name},
            settings={},
            seed=0,
            code="abc",
            inputs={path: Content("d", 1) for path in inputs},
            outputs={output: Content("d", 100)},
            log=f"logs/{rule}/{name}.log",
            host="here",
            started=f"2026-01-01T00:{minute:02}:00+00:00",
            seconds=seconds,
        ).write(self.folders.resources / "records" / rule / f"{name}.json")

    def cost(self, rule: str, name: str, seconds: float, megabytes: float) -> None:
        table = f"s\tmax_rss\n{seconds}\t{megabytes}\n"
        write_text(self.folders.logs / rule / f"{name}.tsv", table)

    def says(self, rule: str, name: str, **values) -> None:
        facts = {
            "rule": rule,
            "wildcards": {"name": name},
            "phase": "running",
            "host": socket.gethostname(),
            "process": os.getpid(),
            "place": "",
            "log": f"logs/{rule}/{name}.log",
            "started": 1_767_225_600.0,
        } | values
        path = self.folders.logs / rule / f"{name}.state.json"
        State(**facts).write(path)
        write_text(path.with_name(f"{name}.log"), f"one\ntwo\nlast of {name}\n")


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """A folder in which nothing has run yet."""
    return Run(tmp_path)


@pytest.fixture
def world(tmp_path: Path) -> Chain:
    """A checkout with a chain of jobs made."""
    made = Chain(tmp_path / "here")
    made.make_all()
    return made


@pytest.fixture
def elsewhere(tmp_path: Path) -> Chain:
    """Another checkout, with the committed files only."""
    return Chain(tmp_path / "elsewhere")
