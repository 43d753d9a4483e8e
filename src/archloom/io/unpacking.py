"""Zip archives (npz files, checkpoints of PyTorch) looked at before anything is unpacked."""

from __future__ import annotations

import zipfile
from pathlib import Path

from archloom.errors import FormatError

LARGEST_UNPACKED = 1 << 30
"""Bytes that an archive smaller than that may unpack to; a larger one may unpack to its own size,
since weights are hardly ever compressed.
"""


def check_unpacked(path: Path) -> None:
    """Raise ``FormatError`` for an archive that announces more bytes than ``LARGEST_UNPACKED`` and
    than it has: its members are compressed, or lie over each other. What is no archive passes.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            size = sum(member.file_size for member in archive.infolist())
    except (zipfile.BadZipFile, ValueError, NotImplementedError, EOFError):
        return
    limit = max(path.stat().st_size, LARGEST_UNPACKED)
    if size > limit:
        raise FormatError(
            f"{path} would unpack to {size:,} bytes, {limit:,} at most are read from a file of its "
            "size: write it without compression."
        )
