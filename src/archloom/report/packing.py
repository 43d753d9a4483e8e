"""Copies of a result folder's files inside its page, so that the page alone is enough."""

from __future__ import annotations

import gzip
from base64 import b64encode
from collections.abc import Iterable
from pathlib import Path

LARGEST_COPY = 128 * 1024
"""A file that is larger than this many bytes when compressed is linked, not copied."""
LARGEST_TOTAL = 3 * 1024 * 1024
"""Bytes of all copies of a page together."""


def pack(folder: Path, names: Iterable[str]) -> dict[str, str]:
    """Return base64 of the gzipped content of files in ``folder``, by name.

    Names are taken in order; what is too large, alone or together with those before it, is left
    out, and so are empty names. The same files give the same text.
    """
    packed: dict[str, str] = {}
    room = LARGEST_TOTAL
    for name in filter(None, names):
        content = b64encode(gzip.compress((folder / name).read_bytes(), mtime=0)).decode()
        if len(content) <= min(LARGEST_COPY * 4 // 3, room):
            packed[name] = content
            room -= len(content)
    return packed
