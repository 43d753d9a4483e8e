"""Parts of graphs as classes of nodes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from archloom.graph import Graph
from archloom.predict.nodes.classes import Classes, ClassStore, Ids, select
from archloom.predict.nodes.union import FeaturesOf, IntArray, flatten, pointers, ranges, whole
from archloom.shards import chunks
from archloom.views.features import node_features

GRAPHS_PER_CHUNK = 64
"""Graphs that are laid out at once; bounds memory, has no influence on results."""


@dataclass(frozen=True, eq=False)
class Parts:
    """Classes of the nodes of parts: entries (E,), ptr (Q + 1,)."""

    entries: Ids
    ptr: IntArray

    def take(self, rows: NDArray[np.integer]) -> Parts:
        """Return the given parts (R,), in that order."""
        lengths = np.diff(self.ptr)[rows]
        return Parts(self.entries[ranges(self.ptr[rows], lengths)], pointers(lengths))

    def selected(self, classes: Classes) -> tuple[Classes, Parts]:
        """Return only those of ``classes`` that these parts need, and the parts' new ids."""
        needed, number = select(classes, self.entries)
        return needed, Parts(number[self.entries], self.ptr)


def add_whole(
    store: ClassStore, graphs: Sequence[Graph], features_of: FeaturesOf = node_features
) -> Parts:
    """Add whole graphs to ``store``, with the feature rows of a view; one part each."""
    entries, lengths = [], []
    for chunk in chunks(graphs, GRAPHS_PER_CHUNK):
        flat = flatten(chunk, features_of=features_of)
        union = whole(flat, bridge=False)
        entries.append(store.add(flat, union))
        lengths.append(union.sizes)
    return Parts(np.concatenate(entries), pointers(np.concatenate(lengths)))
