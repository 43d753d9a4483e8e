"""The one reader of foreign pickles: a child process with limits, an allow-list of class names,
JSON as the result.

Pickles are programs. Ours never runs one in its own process: a child that knows only the class
names of the reference (AutoGO spec 1.6 and 8.4) reads it into inert holders and hands back JSON.
The child has limited memory, processor time and output, may open no file or socket and start no
process. Compressed files are refused unread.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any

from archloom.errors import FormatError
from archloom.files import reading

_CHILD = Path(__file__).with_name("restricted_child.py")
_COMPRESSED = {
    b"\x1f\x8b": "gzip",
    b"PK": "zip",
    b"BZ": "bzip2",
    b"\xfd7": "xz",
    b"\x28\xb5": "zstandard",
}


@dataclass(frozen=True)
class Limits:
    """Limits of one reading: memory and file size in MiB, processor and wall time in seconds."""

    memory_mb: int = 4096
    file_mb: int = 4096
    seconds: int = 300


@dataclass(frozen=True)
class Unpickled:
    """Content of a pickle as plain JSON values, objects as dictionaries with ``__class__``.

    ``items`` streams the entries of a list, or the one object where ``is_list`` is False.
    """

    is_list: bool
    items: Iterator[Any]


def unpickle(path: str | Path, limits: Limits | None = None) -> Unpickled:
    """Return the content of the reference pickle at ``path``.

    Raises ``FormatError`` when it is damaged or compressed, names anything but the reference's
    classes, or needs more than ``limits`` allow.
    """
    limits = limits or Limits()
    with reading(path), Path(path).open("rb", buffering=0) as source:
        _check_file(path, source, limits)
        output = TemporaryFile("w+b")  # noqa: SIM115 - lives as long as the items are read
        _run(path, source, output, limits)
    output.seek(0)
    lines = iter(output)
    header = json.loads(next(lines))
    return Unpickled(header["kind"] == "list", map(json.loads, lines))


def _check_file(path: str | Path, source: IO[bytes], limits: Limits) -> None:
    size = os.fstat(source.fileno()).st_size
    if size > limits.file_mb << 20:
        raise FormatError(
            f"{path} has {size >> 20} MiB, the limit for pickles is {limits.file_mb}: split it, or "
            "raise file_mb if you trust it."
        )
    start = source.read(2)
    source.seek(0)
    if start in _COMPRESSED:
        raise FormatError(
            f"{path} is compressed ({_COMPRESSED[start]}), and compressed files are not opened "
            "here since they may expand without bound: unpack it first."
        )


def _run(path: str | Path, source: IO[bytes], output: IO[bytes], limits: Limits) -> None:
    size = os.fstat(source.fileno()).st_size
    numbers = (limits.memory_mb << 20, limits.seconds, (64 << 20) + 20 * size)
    command = [sys.executable, "-I", "-S", str(_CHILD), *map(str, numbers)]
    try:
        done = subprocess.run(  # noqa: S603 - our own script, no shell
            command,
            stdin=source,
            stdout=output,
            stderr=subprocess.PIPE,
            env={},
            cwd="/",
            timeout=limits.seconds,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise _over_limit(path, "time", limits) from None
    if done.returncode:
        raise _failure(path, done.returncode, done.stderr, limits)


def _failure(path: str | Path, code: int, report: bytes, limits: Limits) -> FormatError:
    """Return the error that the child's exit stands for."""
    if code in (-signal.SIGXCPU, -signal.SIGKILL):
        return _over_limit(path, "time", limits)
    try:
        found = json.loads(report)
        problem, detail = found["problem"], found["detail"]
    except (ValueError, KeyError, TypeError):
        problem, detail = "damaged", f"the reader ended with code {code}"
    if problem == "limit":
        return _over_limit(path, detail, limits)
    if problem == "refused":
        return FormatError(
            f"{path} is not a reference graph file: it holds {detail}, and the reference's files "
            "hold compute graphs and plain values only. It may be hostile: do not open it with "
            "other tools, get the file from its source again."
        )
    return FormatError(
        f"{path} is no complete pickle ({detail}): it is truncated or damaged, get it again."
    )


def _over_limit(path: str | Path, what: str, limits: Limits) -> FormatError:
    return FormatError(
        f"{path} was given up: it went over the limit of {what} ({limits.memory_mb} MiB memory, "
        f"{limits.seconds} s). A reference file of usual size does not: it may be hostile; if you "
        "trust it, raise the limits."
    )
