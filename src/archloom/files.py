"""Reading and writing of files: writes are atomic, and system errors become messages with
advice.
"""

from __future__ import annotations

import csv
import inspect
import json
import os
import re
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import wraps
from io import StringIO
from pathlib import Path
from typing import Any, TypeVar, cast
from uuid import uuid4

from archloom.errors import ArchloomError, DataError, FormatError
from archloom.visible import visible

Read = TypeVar("Read", bound=Callable[..., Any])


@contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path beside ``path``; it replaces ``path`` when the block ends without an
    error.

    Missing parent folders are made. On any error, Ctrl-C included, the temporary file is removed
    and ``path`` stays as it was. An unwritable folder or a full disk raises ``DataError``.
    """
    target = Path(path)
    temporary = target.with_name(f".{target.name}.{uuid4().hex[:8]}.part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        os.replace(temporary, target)
    except OSError as error:
        raise unwritable(target, error) from error
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def unwritable(target: Path, error: OSError) -> DataError:
    """Return the error that says that ``target`` could not be written."""
    return DataError(
        f"{target} could not be written ({error.strerror or error}): free space or choose a "
        "writable folder. Nothing was changed."
    )


def write_text(path: str | Path, text: str) -> None:
    """Write ``text`` (UTF-8, half characters escaped) to ``path`` atomically."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8", errors="backslashreplace")


def write_bytes(path: str | Path, content: bytes) -> None:
    """Write ``content`` to ``path`` atomically."""
    with replacing(path) as temporary:
        temporary.write_bytes(content)


def write_csv(path: str | Path, rows: Iterable[Iterable[Any]]) -> None:
    """Write ``rows``, the head first, as CSV to ``path`` atomically."""
    buffer = StringIO()
    csv.writer(buffer, lineterminator="\n").writerows(rows)
    write_text(path, buffer.getvalue())


def link_or_copy(source: str | Path, target: str | Path) -> None:
    """Give the file ``source`` a second name ``target``, or copy it where that cannot be done.

    For files that are only ever replaced, never changed. ``target`` must not exist.
    """
    try:
        os.link(source, target)
    except FileExistsError:
        raise
    except OSError:
        shutil.copyfile(source, target)


@contextmanager
def reading(path: str | Path) -> Iterator[None]:
    """Turn system errors of the block (missing file, folder, no permission) into ``DataError``."""
    try:
        yield
    except OSError as error:
        raise DataError(
            f"{path} could not be read ({error.strerror or error}): check the path and its "
            "permissions."
        ) from error


@contextmanager
def naming(where: str | Path) -> Iterator[None]:
    """Put ``where`` (a file, or an entry of one) in front of the message of an
    ``ArchloomError`` that does not name it already.
    """
    try:
        yield
    except ArchloomError as error:
        # a file beside it, whose name goes on, is another one
        if re.search(re.escape(visible(str(where))) + r"(?![\w/-]|\.\w)", str(error)):
            raise
        raise type(error)(f"{where}: {error}") from error


@contextmanager
def understanding(
    path: str | Path, what: str = "model", advice: str = "check it with the tool it comes from"
) -> Iterator[None]:
    """Name ``path`` in errors of the block, and take whatever else goes wrong in it for a ``what``
    that is not understood; only an ``ArchloomError`` comes out.
    """
    with naming(path):
        try:
            yield
        except ArchloomError:
            raise
        except MemoryError as error:
            raise FormatError(
                f"the {what} takes more memory than there is: check its sizes, or use a machine "
                "with more."
            ) from error
        except Exception as error:  # a damaged file may break any assumption
            raise FormatError(
                f"the {what} cannot be understood ({type(error).__name__}: {error}): it holds a "
                f"form that archloom does not know, {advice}."
            ) from error


def reader(
    what: str, advice: str = "make it again", argument: str = "path"
) -> Callable[[Read], Read]:
    """Make a function that reads ``what`` from the file named by an ``argument`` raise nothing but
    an ``ArchloomError`` that names the file, see ``understanding``.
    """

    def decorate(function: Read) -> Read:
        signature = inspect.signature(function)

        @wraps(function)
        def read(*args: Any, **options: Any) -> Any:
            path = signature.bind(*args, **options).arguments[argument]
            with understanding(path, what, advice):
                return function(*args, **options)

        return cast(Read, read)

    return decorate


def read_json(path: str | Path) -> Any:
    """Return the JSON document at ``path``; raises ``FormatError`` when it is truncated or no
    JSON.
    """
    with reading(path):
        content = Path(path).read_bytes()
    return parse_json(path, content)


def parse_json(path: str | Path, content: bytes) -> Any:
    """Return the JSON document in ``content``, that of ``path``; raises as ``read_json``."""
    try:
        return json.loads(content.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise FormatError(
            f"{path} is not a complete JSON file ({error}): it is truncated, damaged or of another "
            "kind, get it again."
        ) from error
