"""Vocabulary: which node labels have symbols, and which symbol sequences are merges.

Symbol i stands for ``labels[i - 1]``: symbols count from 1 in order of first appearance. A merge
is a tuple of symbols; its position is its rank. A vocabulary never changes: labels it does not
know get negative symbols that hold for one graph only.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from operator import index
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archloom.errors import FormatError
from archloom.files import read_json, reader, write_text
from archloom.graph import Graph, autogo_order
from archloom.segments.bpe import MergeTable
from archloom.views.labels import Encoding, label_keys, label_text

FORMAT = "archloom-vocabulary/1"
_ENCODER_SCHEMA = "autogo-symbol-encoder/1"
_PIECES_SCHEMA = "autogo-bpe/1"
_ENCODER_FILE, _PIECES_FILE = "encoder.json", "bpe_pieces.json"


@dataclass(frozen=True, repr=False)
class Vocabulary:
    """Labels, merges and how labels are made.

    encoding : how nodes are labelled
    labels   : label of symbol i at position i - 1
    merges   : symbol tuples by rank
    families : where the labels were seen (for people; no influence on results)
    """

    encoding: Encoding
    labels: tuple[str, ...]
    merges: tuple[tuple[int, ...], ...]
    families: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"<Vocabulary: {len(self.labels):,} labels, {len(self.merges):,} merges>"

    @property
    def n_symbols(self) -> int:
        """Number of known labels."""
        return len(self.labels)

    @cached_property
    def symbol_of(self) -> dict[str, int]:
        """Symbol by label."""
        return {label: position + 1 for position, label in enumerate(self.labels)}

    @cached_property
    def _by_key(self) -> dict[int, int | str]:
        """By label key met so far: its symbol, or the label itself where it is unknown."""
        return {}

    @cached_property
    def table(self) -> MergeTable:
        """Pair table of the merges; raises ``FormatError`` when a merge is damaged or repeated."""
        return MergeTable(self.merges, self.n_symbols)

    @cached_property
    def digest(self) -> str:
        """16 hex digits that identify encoding, labels and merges."""
        document = self.to_json()
        del document["families"]
        return sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()[:16]

    def symbols(self, graph: Graph) -> NDArray[np.int32]:
        """Return ``(n,)`` the symbol of every node by index, 0 where its label is unknown.

        ``graph`` may be a disjoint union.
        """
        keys = label_keys(graph, self.encoding)
        distinct, nodes, inverse = np.unique(keys, return_index=True, return_inverse=True)
        found = self._look_up(graph, distinct.tolist(), nodes.tolist())
        known = [symbol if isinstance(symbol, int) else 0 for symbol in found]
        return np.array(known, dtype=np.int32)[inverse]

    def encode(self, graph: Graph, order: NDArray[np.int32] | None = None) -> list[int]:
        """Return the n symbols of ``graph`` in AutoGO node ``order`` (n,) (computed when left out).

        Unknown labels are -1, -2, ... in order of first appearance in this graph.
        """
        unknown: dict[str, int] = {}
        return [
            found if isinstance(found, int) else unknown.setdefault(found, -len(unknown) - 1)
            for found in self._in_order(graph, order)
        ]

    def unknown_labels(self, graph: Graph) -> list[str]:
        """Return the labels of ``graph`` that have no symbol, in order of first appearance."""
        labels = (found for found in self._in_order(graph) if isinstance(found, str))
        return list(dict.fromkeys(labels))

    def _in_order(self, graph: Graph, order: NDArray[np.int32] | None = None) -> list[int | str]:
        """Return the symbol, or else the label, of every node in AutoGO order."""
        order = autogo_order(graph) if order is None else order
        keys = label_keys(graph, self.encoding)[order]
        return self._look_up(graph, keys.tolist(), order.tolist())

    def _look_up(self, graph: Graph, keys: list[int], nodes: list[int]) -> list[int | str]:
        """Return the symbol, or else the label, of ``nodes`` with these label keys."""
        by_key, result = self._by_key, []
        for key, node in zip(keys, nodes, strict=True):
            found = by_key.get(key)
            if found is None:
                label = label_text(graph, node, self.encoding)
                found = by_key[key] = self.symbol_of.get(label, label)
            result.append(found)
        return result

    def to_json(self) -> dict[str, Any]:
        """Return the document that ``save`` writes."""
        return {
            "format": FORMAT,
            "encoding": self.encoding.name,
            "sorted_neighbours": self.encoding.sorted_neighbours,
            "families": list(self.families),
            "labels": list(self.labels),
            "merges": [list(merge) for merge in self.merges],
        }

    def save(self, path: str | Path) -> None:
        """Write the vocabulary as JSON (format ``archloom-vocabulary/1``), atomically."""
        write_text(path, json.dumps(self.to_json(), ensure_ascii=False))

    @classmethod
    @reader("vocabulary", "train or fetch it again")
    def load(cls, path: str | Path) -> Vocabulary:
        """Read what ``save`` wrote; raises ``FormatError`` for anything else."""
        document = _read_document(Path(path), "format", FORMAT)
        try:
            vocabulary = cls(
                encoding=Encoding(document["encoding"], bool(document["sorted_neighbours"])),
                labels=tuple(str(label) for label in document["labels"]),
                merges=tuple(tuple(map(index, merge)) for merge in document["merges"]),
                families=tuple(str(family) for family in document["families"]),
            )
        except (LookupError, TypeError, ValueError, ArithmeticError, AttributeError) as error:
            raise _damaged(path, error) from error
        return vocabulary.checked()

    @classmethod
    def from_published(cls, folder: str | Path) -> Vocabulary:
        """Read AutoGO's vocabulary: ``encoder.json`` and ``bpe_pieces.json`` in ``folder``."""
        encoder = _read_document(Path(folder) / _ENCODER_FILE, "schema", _ENCODER_SCHEMA)
        pieces = _read_document(Path(folder) / _PIECES_FILE, "schema", _PIECES_SCHEMA)
        try:
            symbols = {int(entry["index"]): str(entry["label"]) for entry in encoder["symbols"]}
            ranked = sorted(
                (entry for entry in pieces["pieces"] if entry["kind"] == "merge"),
                key=lambda entry: -float(entry["score"]),
            )
            vocabulary = cls(
                encoding=Encoding(str(encoder["encoding"]), sorted_neighbours=False),
                labels=tuple(symbols[index + 1] for index in range(len(symbols))),
                merges=tuple(tuple(int(i) for i in entry["symbols"]) for entry in ranked),
                families=tuple(str(family) for family in encoder["families"]),
            )
        except (LookupError, TypeError, ValueError, ArithmeticError, AttributeError) as error:
            raise _damaged(folder, error) from error
        return vocabulary.checked()

    def checked(self) -> Vocabulary:
        """Return itself; raises ``FormatError`` for repeated labels or damaged merges."""
        if len(self.symbol_of) != len(self.labels):
            raise FormatError(
                f"the vocabulary has {len(self.labels)} labels, {len(self.symbol_of)} of them "
                "different: every label may occur once, train or fetch it again."
            )
        _ = self.table
        return self


def _read_document(path: Path, key: str, wanted: str) -> dict[str, Any]:
    """Return the JSON object in ``path``; raises ``FormatError`` unless ``key`` is ``wanted``."""
    document = read_json(path)
    found = document.get(key) if isinstance(document, dict) else None
    if found != wanted:
        raise FormatError(
            f"{path}: {key} is {found!r}, this version of archloom reads {wanted!r}: give a "
            "vocabulary file, or use the archloom version that wrote it."
        )
    return dict(document)


def _damaged(path: str | Path, error: Exception) -> FormatError:
    """Return the error for a vocabulary file that cannot be understood."""
    return FormatError(f"{path} is no readable vocabulary ({error}): train or fetch it again.")
