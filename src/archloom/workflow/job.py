"""``job``: one run of a rule's script, from one uniform command line to outputs in their place."""

from __future__ import annotations

import argparse
import errno
import hashlib
import json
import logging
import os
import random
import shutil
import signal
import socket
import sys
import time
import traceback
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn, TypeVar

from archloom.errors import ArchloomError
from archloom.visible import visible
from archloom.workflow.content import content_digest, content_size
from archloom.workflow.progress import Meter
from archloom.workflow.records import Content, Record
from archloom.workflow.words import duration

LOG_LINES = 8
CLOCKS_DIFFER = 60.0
"""Seconds that the clocks of two machines may differ by."""
UNWRITABLE = (
    errno.ENOSPC,
    errno.EDQUOT,
    errno.EACCES,
    errno.EPERM,
    errno.EROFS,
    errno.ENOTDIR,
    errno.EEXIST,
)

Item = TypeVar("Item")

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Job:
    """One run of a rule's script.

    ``inputs`` holds lists of paths by name; ``output`` holds *temporary* paths by name, moved into
    place when the job ends without an error (a script may make a folder of one); ``settings`` is
    the rule's part of the configuration; ``resume`` is a folder for checkpoints that outlives a
    killed job and depends on code, settings, seed and inputs, so that it never holds stale ones.
    """

    inputs: Mapping[str, list[Path]]
    output: Mapping[str, Path]
    settings: Mapping[str, Any]
    wildcards: Mapping[str, str]
    seed: int
    threads: int
    resume: Path | None
    meter: Meter

    def input(self, name: str) -> Path:
        """Return the one path of input ``name``; raises ``KeyError`` when it is not exactly one."""
        paths = self.inputs.get(name, [])
        if len(paths) != 1:
            raise KeyError(f"input {name!r} has {len(paths)} paths, expected one")
        return paths[0]

    def progress(self, done: int, total: int) -> None:
        """Say that ``done`` of ``total`` steps are finished: on a terminal, in the log, to
        ``archloom status``. Call it as often as you like.
        """
        self.meter.update(done, total)

    def track(self, items: Collection[Item]) -> Iterator[Item]:
        """Yield the items and count each as a finished step when the next one is asked for."""
        for done, item in enumerate(items, start=1):
            yield item
            self.progress(done, len(items))


@contextmanager
def job(arguments: Sequence[str] | None = None) -> Iterator[Job]:
    """Parse the command line that a rule passes, log to its log file, move the outputs into place.

    On an error nothing of the outputs is left, the end of the log goes to standard error and the
    process exits with status 1 (130 on Ctrl-C, 143 when terminated).
    """
    options = _parser().parse_args(arguments)
    meter = Meter(Path(options.log), dict(options.wildcard))
    targets = {name: Path(path) for name, path in options.output}
    temporary = {name: _temporary(path) for name, path in targets.items()}
    handlers: list[logging.Handler] = []
    previous = signal.signal(signal.SIGTERM, _terminate)
    try:
        handlers += _start_logging(Path(options.log))
        _clear_way(targets.values())
        begun = time.time()
        inputs = {name: [Path(path) for path in paths] for name, *paths in options.input}
        contents = {str(path): _content(path) for paths in inputs.values() for path in paths}
        _tell_of_future(contents, begun)
        run = _job(options, inputs, contents, temporary, meter)
        _seed_everything(run.seed, run.threads)
        logger.info("start %s with settings %s", " ".join(run.wildcards.values()), options.settings)
        yield run
        _check_written(temporary)
        made = {str(targets[name]): _content(path) for name, path in temporary.items()}
        _publish(temporary, targets)
        if options.records:
            _write_record(options, contents, made, begun)
        if run.resume:
            shutil.rmtree(run.resume.parent, ignore_errors=True)
        meter.end("done")
    except KeyboardInterrupt:
        logger.error("%s: interrupted; outputs are removed, checkpoints are kept", meter.name)
        sys.exit(130)
    except Exception as error:
        words = _explain(error)
        meter.end("failed", words)
        sys.stderr.write(f"{words}\nThe whole log is in {options.log}\n")
        sys.exit(1)
    finally:
        if meter.state.phase == "running":
            meter.end("interrupted")
        signal.signal(signal.SIGTERM, previous)
        for path in temporary.values():
            _remove(path)
        _stop_logging(handlers)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="Called by a rule of the workflow.")
    parser.add_argument("--input", nargs="+", action="append", default=[], metavar="NAME")
    parser.add_argument("--output", nargs=2, action="append", default=[], metavar=("NAME", "PATH"))
    parser.add_argument("--wildcard", nargs=2, action="append", default=[], metavar=("NAME", "V"))
    parser.add_argument("--settings", default="{}", metavar="JSON")
    parser.add_argument("--code", default="")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--resume", type=Path)
    parser.add_argument("--records", type=Path)
    parser.add_argument("--log", required=True)
    return parser


def _job(
    options: argparse.Namespace,
    inputs: Mapping[str, list[Path]],
    contents: Mapping[str, Content],
    temporary: Mapping[str, Path],
    meter: Meter,
) -> Job:
    resume = None
    if options.resume:
        resume = options.resume / _fingerprint(options, contents)
        resume.mkdir(parents=True, exist_ok=True)
    return Job(
        inputs=inputs,
        output=temporary,
        settings=json.loads(options.settings),
        wildcards=dict(options.wildcard),
        seed=options.seed,
        threads=options.threads,
        resume=resume,
        meter=meter,
    )


def _fingerprint(options: argparse.Namespace, contents: Mapping[str, Content]) -> str:
    """Digest of all that a checkpoint depends on: code, settings, seed, wildcards and inputs."""
    facts = [options.code, options.settings, options.seed, options.wildcard]
    facts += [found.digest for found in contents.values()]
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:16]


def _tell_of_future(paths: Iterable[str], now: float) -> None:
    """Warn of inputs that are dated later than now: Snakemake takes them for newer than whatever is
    made of them.
    """
    for path in paths:
        ahead = Path(path).stat().st_mtime - now
        if ahead > CLOCKS_DIFFER:
            logger.warning(
                "%s is dated %s in the future: what is made of it counts as outdated until then, "
                "set its time with `touch`",
                path,
                duration(ahead),
            )


def _content(path: Path) -> Content:
    return Content(content_digest(path), content_size(path))


def _write_record(
    options: argparse.Namespace,
    inputs: Mapping[str, Content],
    outputs: Mapping[str, Content],
    begun: float,
) -> None:
    """Write the record of this job; its log lies in ``<logs>/<rule>/<job>.log``."""
    log = Path(options.log)
    record = Record(
        rule=log.parent.name,
        wildcards=dict(options.wildcard),
        settings=json.loads(options.settings),
        seed=options.seed,
        code=options.code,
        inputs=inputs,
        outputs=outputs,
        log=options.log,
        host=socket.gethostname(),
        started=datetime.fromtimestamp(begun, UTC).isoformat(timespec="seconds"),
        seconds=round(time.time() - begun, 3),
    )
    record.write(options.records / record.file)


def _temporary(path: Path) -> Path:
    """Return a path beside ``path`` with the same suffix."""
    return path.with_name(f".part-{os.getpid()}-{path.name}")


def _clear_way(targets: Iterable[Path]) -> None:
    """Make the folders of the outputs and remove what killed jobs left in them."""
    for path in targets:
        path.parent.mkdir(parents=True, exist_ok=True)
        for stale in path.parent.glob(f".part-*-{path.name}"):
            _remove(stale)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    elif path.parent.is_dir():
        path.unlink(missing_ok=True)


def _check_written(temporary: Mapping[str, Path]) -> None:
    missing = [name for name, path in temporary.items() if not path.exists()]
    if missing:
        raise FileNotFoundError(f"the script did not write its output {', '.join(missing)}")


def _publish(temporary: Mapping[str, Path], targets: Mapping[str, Path]) -> None:
    """Move every output into place."""
    for name, path in temporary.items():
        if targets[name].is_dir():
            shutil.rmtree(targets[name])
        os.replace(path, targets[name])


class _VisibleFormatter(logging.Formatter):
    """Shows names of files and networks instead of doing what is in them."""

    def format(self, record: logging.LogRecord) -> str:
        return visible(super().format(record))


def _start_logging(path: Path) -> list[logging.Handler]:
    """Send everything to the log file and, on a terminal, progress and warnings to standard
    error.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    file = logging.FileHandler(path, mode="w", encoding="utf-8")
    file.setFormatter(_VisibleFormatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    handlers: list[logging.Handler] = [file]
    if sys.stderr.isatty():
        terminal = logging.StreamHandler()
        terminal.setFormatter(_VisibleFormatter())
        terminal.addFilter(_concerns_a_person)
        handlers.append(terminal)
    root = logging.getLogger()
    root.setLevel(logging.INFO)
    for handler in handlers:
        root.addHandler(handler)
    logging.captureWarnings(True)
    return handlers


def _concerns_a_person(record: logging.LogRecord) -> bool:
    return record.levelno >= logging.WARNING or record.name == Meter.__module__


def _stop_logging(handlers: Sequence[logging.Handler]) -> None:
    logging.captureWarnings(False)
    for handler in handlers:
        logging.getLogger().removeHandler(handler)
        handler.close()


def _seed_everything(seed: int, threads: int) -> None:
    """Seed the global generators and bound the threads of what is loaded already.

    The library passes its own generators; this only keeps third-party code deterministic. Snakemake
    sets OMP_NUM_THREADS and its like for every job.
    """
    random.seed(seed)
    if "numpy" in sys.modules:
        sys.modules["numpy"].random.seed(seed)
    if "torch" in sys.modules:
        sys.modules["torch"].manual_seed(seed)
        sys.modules["torch"].set_num_threads(threads)


def _terminate(_signal: int, _frame: FrameType | None) -> NoReturn:
    sys.exit(143)


def _explain(error: Exception) -> str:
    """Log the error whole and return what a person needs of it."""
    logger.error("failed", exc_info=error)
    if isinstance(error, ArchloomError):
        return f"error: {error}"
    if isinstance(error, OSError) and error.errno in UNWRITABLE:
        return (
            f"error: {error.filename or 'a file'}: {error.strerror}. Free space or make the folder "
            "writable, then run the same command again; what is finished is kept."
        )
    lines = "".join(traceback.format_exception(error)).rstrip().splitlines()
    return "\n".join(lines[-LOG_LINES:])
