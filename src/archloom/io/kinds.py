"""Which kind of file a file is, by its first bytes (and its name where those leave it open)."""

from __future__ import annotations

import re
from enum import Enum
from pathlib import Path

START = 64
"""Bytes of a file that say what it is."""

_ONNX = re.compile(rb"\x08[\x01-\x20][\x12\x1a\x22\x2a\x32\x3a\x42]")
_GRAPH_DEF = re.compile(rb"\n[\x80-\xff]{0,4}[\x00-\x7f]\n[\x01-\x7f][A-Za-z0-9.][\w.\-/>]*\x12")
_SAVED_MODEL = b"\x08\x01\x12"
_BLANK = b"\xef\xbb\xbf \t\r\n"


class Kind(Enum):
    """The kinds of files that hold networks."""

    STORE = "Parquet graph store"
    ONNX = "ONNX model"
    TENSORFLOW = "frozen TensorFlow graph"
    JSON = "JSON document"
    PICKLE = "pickle"


LARGEST_MODEL = 2**31 - 1
"""Bytes of the largest protobuf that can be parsed."""

MODELS = (Kind.ONNX, Kind.TENSORFLOW)
"""Kinds that hold a network with its weights."""


def kind_of(path: str | Path, start: bytes) -> Kind | None:
    """Return what the file at ``path`` is, which begins with ``start`` (its first ``START`` bytes);
    None for what archloom does not read.
    """
    ending = Path(path).suffix.lower()
    if start.startswith(b"PAR1"):
        return Kind.STORE
    if _is_graph_def(ending, start):
        return Kind.TENSORFLOW
    if ending == ".onnx" or _ONNX.match(start):
        return Kind.ONNX
    if start.lstrip(_BLANK).startswith(b"{"):
        return Kind.JSON
    if start.startswith(b"\x80") or ending in (".pkl", ".pickle"):
        return Kind.PICKLE
    return None


def _is_graph_def(ending: str, start: bytes) -> bool:
    """Return whether it is a TensorFlow graph (or a SavedModel, which is told so)."""
    if ending == ".pb":
        return start.startswith(_SAVED_MODEL) or not _ONNX.match(start)
    return ending != ".onnx" and _GRAPH_DEF.match(start) is not None
