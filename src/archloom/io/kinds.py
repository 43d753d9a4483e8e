"""Which kind of model a file is, by its first bytes."""

from __future__ import annotations

import re
from pathlib import Path

from archloom.files import reading

_ONNX = re.compile(rb"\x08[\x01-\x20][\x12\x1a\x22\x2a\x32\x3a\x42]")
_GRAPH_DEF = re.compile(rb"\n[\x80-\xff]{0,4}[\x00-\x7f]\n[\x01-\x7f][A-Za-z0-9.][\w.\-/>]*\x12")
_SAVED_MODEL = b"\x08\x01\x12"


def is_onnx(path: str | Path, start: bytes) -> bool:
    """Return whether the file at ``path``, which begins with ``start``, is an ONNX model."""
    ending = Path(path).suffix.lower()
    return ending == ".onnx" or (_ONNX.match(start) is not None and not is_graph_def(path, start))


def is_graph_def(path: str | Path, start: bytes) -> bool:
    """Return whether it is a TensorFlow graph (or a SavedModel, which is told so)."""
    ending = Path(path).suffix.lower()
    if ending == ".pb":
        return start.startswith(_SAVED_MODEL) or not _ONNX.match(start)
    return ending != ".onnx" and _GRAPH_DEF.match(start) is not None


def is_model(path: str | Path) -> bool:
    """Return whether the file at ``path`` is a network with weights that ``read_model`` reads."""
    with reading(path), Path(path).open("rb") as file:
        start = file.read(64)
    return is_onnx(path, start) or is_graph_def(path, start)
