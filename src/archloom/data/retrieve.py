"""Files of external datasets, brought here: from a local folder first, else from their sources.

Nothing is downloaded unless somebody asks for it (``archloom fetch``, or the setting
``data.download``), and nothing is trusted that has not the registered SHA-256. What has come of an
unfinished download lies beside its place, ``resources/data/<dataset>/.<file>.partial``.
"""

from __future__ import annotations

import logging
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from archloom.data import registry
from archloom.data.download import Patience, Progress, SourceError, discard, download
from archloom.data.registry import DataFile
from archloom.errors import DataError
from archloom.files import replacing, unwritable

HUB_VARIABLE = "HF_ENDPOINT"
"""Environment variable with the address of another hub, the one that the hub's own tools read."""
HUB = "https://huggingface.co"
LONGEST_WAIT_S = 24 * 3600.0

logger = logging.getLogger(__name__)


def may_download() -> bool:
    """Return whether the settings of the run permit its jobs to download."""
    return os.environ.get(registry.DOWNLOAD_VARIABLE) == "1"


def own_place(dataset: str, file: str) -> Path:
    """Return where a file that is downloaded lies."""
    return registry.project_root() / registry.OWN_FOLDER / dataset / file


def retrieve(
    dataset: str,
    file: str,
    to: Path,
    *,
    online: bool = False,
    patience: Patience | None = None,
    progress: Progress | None = None,
) -> None:
    """Put a file of a dataset at ``to``, its bytes checked.

    It is copied from the first local folder that has it. With ``online`` a file that is nowhere,
    or damaged in ``resources/data``, is downloaded from the first source that gives the right
    bytes; a second process that wants the same file waits for the first. Raises ``DataError`` when
    there is no such file, when its bytes are wrong or none are registered, and when ``to`` cannot
    be written.
    """
    wanted = registry.file_named(dataset, file)
    if not online:
        return _copy(registry.find(dataset, file), to)
    if _is_here(dataset, wanted):
        return _copy(registry.find(dataset, file), to)
    if not wanted.sources:
        raise DataError(f"{registry.missing(dataset, file)} It has no address to download it from.")
    partial = own_place(dataset, f".{file}.partial")
    with _alone(partial):
        if _is_here(dataset, wanted):  # another process has brought it meanwhile
            return _copy(registry.find(dataset, file), to)
        _bring(dataset, wanted, partial, patience, progress)
        os.replace(partial, to)
        discard(partial)


def address(source: str) -> str:
    """Return the web address of a registered source: an address, or a reference to the hub."""
    if not source.startswith("hub:"):
        return source
    found = re.fullmatch(r"hub:(.+)@([^/]+)/(.+)", source)
    if found is None:
        raise DataError(
            f"{source!r} is no reference to the hub: write hub:OWNER/REPO@REVISION/FILE"
        )
    repository, revision, file = found.groups()
    hub = os.environ.get(HUB_VARIABLE) or HUB
    return f"{hub.rstrip('/')}/{repository}/resolve/{revision}/{file}"


def _is_here(dataset: str, wanted: DataFile) -> bool:
    """Return whether a local folder has the file; one that is damaged in our own folder counts as
    missing, since it can be brought again.
    """
    path = registry.locate(dataset, wanted.name)
    if path is None:
        return False
    if path == own_place(dataset, wanted.name) and wanted.is_pinned:
        difference = registry.difference(path, wanted)
        if difference:
            logger.warning("%s has %s: it is downloaded again", path, difference)
        return difference is None
    return True


def _copy(source: Path, to: Path) -> None:
    if source != to:
        with replacing(to) as temporary:
            shutil.copyfile(source, temporary)


@contextmanager
def _alone(partial: Path) -> Iterator[None]:
    """Keep other processes from the partial file. The lock ends with the process that holds it,
    killed or not.
    """
    try:
        partial.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(partial.with_suffix(".lock"), timeout=LONGEST_WAIT_S)
        with lock:
            yield
    except Timeout:
        raise DataError(
            f"another process has been downloading {partial} for a day: end it and try again."
        ) from None
    except OSError as error:
        raise unwritable(partial, error) from error


def _bring(
    dataset: str,
    wanted: DataFile,
    partial: Path,
    patience: Patience | None,
    progress: Progress | None,
) -> None:
    """Download the file from the first source that gives the registered bytes."""
    reasons = []
    for source in wanted.sources:
        url = address(source)
        logger.info("downloading %s/%s from %s", dataset, wanted.name, url)
        try:
            resumed = partial.is_file()
            download(url, partial, wanted.size, patience, progress)
            difference = registry.difference(partial, wanted)
            if difference and wanted.is_pinned and resumed:  # parts of two versions may have met
                discard(partial)
                download(url, partial, wanted.size, patience, progress)
                difference = registry.difference(partial, wanted)
            if difference and wanted.is_pinned:
                discard(partial)
                raise SourceError(f"it gave {difference}")
            registry.check_bytes(partial, wanted)
            return
        except SourceError as error:
            reasons.append(f"{url}: {error}")
    raise DataError(f"{registry.missing(dataset, wanted.name)} Tried {'; '.join(reasons)}.")
