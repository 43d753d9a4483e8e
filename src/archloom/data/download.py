"""One file over HTTP(S): resumed where it was cut, bounded in time, tries and bytes.

What has come lies in a partial file with a note beside it (address, version, length); a later call
goes on from there, if the server still has the same version. Whether the bytes are the right ones
is for the caller to check: nothing here trusts a server.
"""

from __future__ import annotations

import http.client
import json
import logging
import os
import re
import shutil
import socket
import ssl
import time
import urllib.request
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit

from archloom.errors import DataError
from archloom.files import unwritable, write_text

logger = logging.getLogger(__name__)

Progress = Callable[[int, int], None]
"""Called with the bytes that are here and the bytes of the file."""

REDIRECTS = 5
CHUNK = 1 << 16
STEP = 1 << 20
"""Bytes that make a cut try count as progress."""
SLOWEST = 1 << 10
"""Bytes per second below which a server counts as stuck."""
PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})
"""States of a server that may be over soon."""


class SourceError(DataError):
    """An address does not give the file; another one might."""


@dataclass(frozen=True)
class Patience:
    """How long a server is waited for.

    tries      tries in a row that bring less than 1 MiB each
    timeout_s  for a connection and for each answer, seconds
    pause_s    before the second try, seconds; doubled before each later one
    longest_s  longest pause, seconds, whatever the server asks for
    """

    tries: int = 5
    timeout_s: float = 60.0
    pause_s: float = 2.0
    longest_s: float = 60.0


class _InterruptedError(Exception):
    """A try failed in a way that the next one may not."""

    def __init__(self, reason: str, wait_s: float = 0.0) -> None:
        super().__init__(reason)
        self.wait_s = wait_s


@dataclass
class _Note:
    """What is known of a partial file: where it comes from, which version it is, its length."""

    url: str
    version: str
    total: int

    @classmethod
    def read(cls, partial: Path) -> _Note | None:
        with suppress(OSError, ValueError, TypeError, RecursionError):
            found = cls(**json.loads(_note_path(partial).read_text(encoding="utf-8")))
            if found.is_sound and _length(partial) <= found.total:
                return found
        return None

    @property
    def is_sound(self) -> bool:
        """Whether the note is of the right types, with a version that a request can carry."""
        kinds = [type(value) for value in (self.url, self.version, self.total)]
        return kinds == [str, str, int] and self.version.isascii() and self.version.isprintable()

    def write(self, partial: Path) -> None:
        write_text(_note_path(partial), json.dumps(self.__dict__))


def download(
    url: str,
    partial: Path,
    size: int | None = None,
    patience: Patience | None = None,
    progress: Progress | None = None,
) -> None:
    """Bring the file at ``url`` into ``partial``, going on with what is there already.

    ``size`` is the length in bytes where it is known. Raises ``SourceError`` when the address does
    not give the file, ``DataError`` when it cannot be written.
    """
    patience = patience or Patience()
    failures = 0
    while True:
        before = _length(partial)
        try:
            _go_on(url, partial, size, patience, progress)
            return
        except _InterruptedError as error:
            failures = 0 if _length(partial) - before >= STEP else failures + 1
            if failures >= patience.tries:
                raise SourceError(f"{error}; given up after {failures} tries in a row") from None
            pause = max(patience.pause_s * 2 ** max(failures - 1, 0), error.wait_s)
            pause = min(pause, patience.longest_s)
            logger.warning("%s: %s; next try in %.1f s", url, error, pause)
            time.sleep(pause)


def discard(partial: Path) -> None:
    """Remove a partial file and the note beside it; raises ``DataError`` where that fails."""
    try:
        partial.unlink(missing_ok=True)
        _note_path(partial).unlink(missing_ok=True)
    except OSError as error:
        raise unwritable(partial, error) from error


def _note_path(partial: Path) -> Path:
    return partial.with_name(f"{partial.name}.json")


def _length(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0


def _go_on(
    url: str, partial: Path, size: int | None, patience: Patience, progress: Progress | None
) -> None:
    """Make one try."""
    note = _Note.read(partial)
    if note is not None and (note.url != url or (size is not None and note.total != size)):
        note = None  # what is here stays until this address has something to replace it with
    offset = _length(partial) if note is not None else 0
    if note is not None and offset == note.total:
        return
    if note is not None and size is None and not note.version:
        note, offset = None, 0  # neither version nor checksum would tell two versions apart
    headers = _headers(note, offset)
    try:
        request = urllib.request.Request(url, headers=headers)  # noqa: S310 - checked
        with _opener().open(request, timeout=patience.timeout_s) as answer:
            start, note = _understand(answer, url, offset, size)
            _check_space(partial, note.total - start)
            _receive(answer, partial, start, note, patience, progress)
    except HTTPError as error:
        raise _refusal(error, partial) from error
    except DataError:
        raise
    except (ValueError, http.client.InvalidURL) as error:
        raise SourceError(f"it is no address, or redirects to none ({error})") from error
    except URLError as error:
        if isinstance(error.reason, ssl.SSLCertVerificationError):
            raise SourceError(f"its certificate is not valid ({error.reason})") from error
        if isinstance(error.reason, socket.gaierror) and error.reason.errno == socket.EAI_NONAME:
            raise SourceError(f"its host is not known here ({error.reason.strerror})") from error
        raise _InterruptedError(f"no connection ({error.reason})") from error
    except TimeoutError as error:
        raise _InterruptedError(f"no answer in {patience.timeout_s:g} s") from error
    except (http.client.HTTPException, OSError) as error:
        raise _InterruptedError(
            f"the connection broke ({error or type(error).__name__})"
        ) from error


def _headers(note: _Note | None, offset: int) -> dict[str, str]:
    headers = {"User-Agent": "archloom", "Accept-Encoding": "identity"}
    if note is not None and offset:
        headers["Range"] = f"bytes={offset}-"
        if note.version:
            headers["If-Range"] = note.version
    return headers


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follows a few redirects, to any host, but never from https to anything else."""

    max_redirections = REDIRECTS
    max_repeats = 2

    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: Any,
        newurl: str,
    ) -> urllib.request.Request | None:  # fmt: skip
        """Return the request to follow; raises ``SourceError`` where it is not safe to."""
        if urlsplit(newurl).scheme not in {"https", urlsplit(req.full_url).scheme}:
            raise SourceError(f"it redirects from {req.full_url} to {newurl}, which is not safe")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _opener() -> urllib.request.OpenerDirector:
    return urllib.request.build_opener(_Redirects)


def _understand(answer: Any, url: str, offset: int, size: int | None) -> tuple[int, _Note]:
    """Return at which byte the answer begins, and what it says of the file."""
    encoding = answer.headers.get("Content-Encoding", "identity")
    if encoding != "identity":
        raise SourceError(f"it sends the file compressed ({encoding}), unasked")
    start, total = 0, _number(answer.headers.get("Content-Length"))
    if answer.status == 206:
        found = re.fullmatch(r"bytes (\d+)-\d+/(\d+)", answer.headers.get("Content-Range", ""))
        start, total = (int(found[1]), int(found[2])) if found else (-1, None)
        if start != offset:
            raise SourceError("it sends another part of the file than the one asked for")
    total = size if total is None else total
    if total is None:
        raise SourceError("it does not say how long the file is, and no size is registered")
    if size is not None and total != size:
        raise SourceError(f"it has {total} bytes, but {size} are registered: another version")
    strong = answer.headers.get("ETag", "")
    version = "" if strong.startswith("W/") else strong
    return start, _Note(url, version or answer.headers.get("Last-Modified", ""), total)


def _number(text: str | None) -> int | None:
    return int(text) if text is not None and text.isdigit() else None


def _check_space(partial: Path, needed: int) -> None:
    try:
        partial.parent.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(partial.parent).free
    except OSError as error:
        raise unwritable(partial, error) from error
    if needed > free:
        raise DataError(
            f"{partial.parent} has {free / 1e9:.2f} GB of free space, and {needed / 1e9:.2f} GB "
            "more are needed: free space, or name another folder in data.mirror and put the file "
            "there."
        )


def _receive(
    answer: Any,
    partial: Path,
    start: int,
    note: _Note,
    patience: Patience,
    progress: Progress | None,
) -> None:
    """Write the body behind the first ``start`` bytes of the partial file."""
    done, since, mark = start, time.monotonic(), start
    with _open(partial, "r+b" if start else "wb") as stream:
        stream.seek(start)
        note.write(partial)
        while chunk := answer.read1(CHUNK):
            done += len(chunk)
            if done > note.total:
                raise SourceError(f"it sends more than the {note.total} bytes of the file")
            _write(stream, chunk, partial)
            if progress is not None:
                progress(done, note.total)
            passed = time.monotonic() - since
            if passed > patience.timeout_s:
                if done - mark < SLOWEST * passed:
                    raise _InterruptedError(f"only {done - mark} bytes in {passed:.0f} s")
                since, mark = time.monotonic(), done
        os.fsync(stream.fileno())
    if done < note.total:
        raise _InterruptedError(f"the connection was cut after {done} of {note.total} bytes")


def _open(path: Path, mode: str) -> IO[bytes]:
    try:
        return path.open(mode, buffering=0)
    except OSError as error:
        raise unwritable(path, error) from error


def _write(stream: IO[bytes], chunk: bytes, path: Path) -> None:
    try:
        stream.write(chunk)
    except OSError as error:
        raise unwritable(path, error) from error


def _refusal(error: HTTPError, partial: Path) -> Exception:
    """Return the exception that an error status stands for."""
    words = f"it answers {error.code} {error.reason}"
    if error.code in PASSING:
        wait = _number(error.headers.get("Retry-After"))
        return _InterruptedError(words, float(wait or 0))
    if error.code == 416:
        discard(partial)
        return _InterruptedError("it has no such part of the file any more")
    if 300 <= error.code < 400:
        return SourceError(f"it redirects in a circle, or more than {REDIRECTS} times")
    return SourceError(words)
