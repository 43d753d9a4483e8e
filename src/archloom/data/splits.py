"""Splits of graphs into train, dev and test by whole isomorphism classes, so that no twin leaks."""

from __future__ import annotations

import json
import operator
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any

from archloom.errors import DataError, FormatError, GraphError
from archloom.files import read_json, reader, write_text
from archloom.graph import Graph, graph_hashes
from archloom.spaces import CELL_CLASSES

FORMAT = "archloom-split/1"
PARTS = ("train", "dev", "test")


@dataclass(frozen=True)
class Split:
    """Which graphs train, select and test a predictor, as graph hashes in ascending order."""

    train: tuple[str, ...]
    dev: tuple[str, ...]
    test: tuple[str, ...]
    seed: int = 0

    def rows(self, part: str, hashes: Sequence[str]) -> list[int]:
        """Return the positions in ``hashes`` of the graphs of ``part``."""
        wanted = set(getattr(self, part))
        return [row for row, graph_hash in enumerate(hashes) if graph_hash in wanted]

    @property
    def digest(self) -> str:
        """What model cards name a split by: 16 hex digits over its members."""
        text = json.dumps([getattr(self, part) for part in PARTS])
        return blake2b(text.encode(), digest_size=8).hexdigest()

    def save(self, path: str | Path) -> None:
        """Write the split as JSON."""
        write_text(path, json.dumps({"format": FORMAT, **asdict(self)}, indent=1) + "\n")

    @classmethod
    @reader("split")
    def load(cls, path: str | Path) -> Split:
        """Read a split; raises ``FormatError`` when the file is not one."""
        document = read_json(path)
        if not isinstance(document, dict) or document.get("format") != FORMAT:
            found = (
                document.get("format") if isinstance(document, dict) else type(document).__name__
            )
            raise FormatError(
                f"{path} has the format {found!r}, {FORMAT} is wanted: make it again."
            )
        parts = {part: _hashes(document.get(part), part, path) for part in PARTS}
        if len(set().union(*parts.values())) != sum(map(len, parts.values())):
            raise FormatError(f"{path} has a graph in two parts or twice: make it again.")
        return cls(**parts, seed=operator.index(document.get("seed", 0)))


def split_graphs(graphs: Sequence[Graph], *, dev: float, test: float, seed: int) -> Split:
    """Split ``graphs`` by class; see ``split_classes``."""
    hashes = graph_hashes(graphs)
    return split_classes(hashes, isomorphism_classes(graphs, hashes), dev=dev, test=test, seed=seed)


def split_classes(
    hashes: Sequence[str], classes: Sequence[str], *, dev: float, test: float, seed: int
) -> Split:
    """Split graphs so that all of one class are in one part.

    ``dev`` and ``test`` are the shares held out. Classes are ordered by a digest of ``seed`` and
    their name, so the result does not depend on the order of the graphs. A class joins dev or test
    only while it fits in the share: one that is larger trains. Raises ``DataError`` when a part
    with a share gets nothing.
    """
    members: dict[str, list[str]] = {}
    for graph_hash, name in sorted(set(zip(hashes, classes, strict=True))):
        members.setdefault(name, []).append(graph_hash)
    total = sum(map(len, members.values()))
    room = {"test": round(test * total), "dev": round(dev * total), "train": total}
    parts: dict[str, list[str]] = {part: [] for part in PARTS}
    for name in sorted(members, key=lambda name: _digest(seed, name)):
        part = next(part for part in room if len(members[name]) <= room[part])
        room[part] -= len(members[name])
        parts[part] += members[name]
    for part, share in (("train", 1 - dev - test), ("dev", dev), ("test", test)):
        if share > 0 and not parts[part]:
            raise DataError(
                f"{total} graphs in {len(members)} classes leave nothing for {part} ({share:.0%}): "
                "generate more graphs or hold out a larger share."
            )
    train, held_dev, held_test = (tuple(sorted(parts[part])) for part in PARTS)
    return Split(train, held_dev, held_test, seed)


def isomorphism_classes(graphs: Sequence[Graph], hashes: Sequence[str] | None = None) -> list[str]:
    """Return the class of each graph: its hash or, in families with twins, what it computes.

    ``hashes`` are the graphs' hashes, computed when left out.
    """
    keys = graph_hashes(graphs) if hashes is None else hashes
    return [_function_class(graph) or key for graph, key in zip(graphs, keys, strict=True)]


def _function_class(graph: Graph) -> str | None:
    """Return the class of a graph that a family with twins built, None for any other."""
    cell_class = CELL_CLASSES.get(graph.family)
    if cell_class is None:
        return None
    architecture, _, rest = graph.name.partition("@")
    try:
        return f"{cell_class(architecture)}@{rest}"
    except GraphError:
        return None


def _digest(seed: int, name: str) -> bytes:
    return blake2b(f"{seed}:{name}".encode(), digest_size=16).digest()


def _hashes(value: Any, part: str, path: str | Path) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(entry, str) for entry in value):
        raise FormatError(f"{path}: {part} is not a list of graph hashes: make the file again.")
    return tuple(value)
