"""One Snakemake at a time in a folder, also where two are started in the same instant.

Snakemake looks for a lock and then makes its own; two that look at once both go on.
"""

from __future__ import annotations

from pathlib import Path

from filelock import FileLock, Timeout

from archloom.errors import DataError
from archloom.files import unwritable

LOCK = Path(".snakemake") / "archloom.lock"

_held: list[FileLock] = []


def hold(root: Path) -> None:
    """Hold the folder ``root`` until this process ends, however it ends.

    Raises ``DataError`` while another process holds it.
    """
    lock = FileLock(root / LOCK)
    try:
        (root / LOCK).parent.mkdir(exist_ok=True)
        lock.acquire(timeout=0)
    except Timeout:
        raise DataError(
            f"another Snakemake runs in {root.resolve()} (`archloom status`): wait for it, or use "
            "a checkout of its own. Nothing was started."
        ) from None
    except OSError as error:
        raise unwritable(root / LOCK, error) from error
    _held.append(lock)
