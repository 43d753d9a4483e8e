"""Cut many graphs into segments at once, with the whole vocabulary.

Graphs stand side by side as one disjoint union, so that node orders, labels and symbols come from
whole arrays. Symbols are cut word by word (``MergeTable.word_starts``): the same words return in
thousands of networks, and each is cut once.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice, pairwise

import numpy as np
from numpy.typing import NDArray

from archloom.graph import Graph, autogo_order, disjoint_union
from archloom.segments.tokeniser import Segmentation, Tokeniser

BATCH = 512
"""Graphs that are worked on at once: enough for whole-array work, little memory."""


@dataclass(frozen=True, eq=False)
class Batch:
    """Graphs side by side, each in its AutoGO node order.

    union  : the graphs as one
    bounds : (g + 1,) graph k has the nodes and the positions ``bounds[k]`` to the next one
    order  : (n,) node of the union at each position
    """

    graphs: Sequence[Graph]
    union: Graph
    bounds: NDArray[np.int64]
    order: NDArray[np.int32]

    @cached_property
    def graph_of(self) -> NDArray[np.int64]:
        """(n,) number of the graph that each position belongs to."""
        return np.repeat(np.arange(len(self.graphs)), np.diff(self.bounds))


@dataclass(frozen=True, eq=False)
class BatchSegmentation:
    """A batch cut into groups of consecutive positions; no group spans two graphs.

    symbols : (n,) symbol at each position, 0 where the label is unknown
    starts  : (k + 1,) first position of each group, then n
    """

    batch: Batch
    symbols: NDArray[np.int32]
    starts: NDArray[np.int64]

    @cached_property
    def first_group(self) -> NDArray[np.int64]:
        """(g + 1,) first group of each graph, then the number of groups."""
        return np.searchsorted(self.starts, self.batch.bounds)

    @cached_property
    def graph_of(self) -> NDArray[np.int64]:
        """(k,) number of the graph that each group belongs to."""
        return self.batch.graph_of[self.starts[:-1]]

    def taken(self, groups: NDArray[np.integer]) -> tuple[Graph, Segmentation]:
        """Return the nodes of ``groups`` (k,) as one graph, and its cut into those k groups."""
        lengths = np.diff(self.starts)[groups]
        starts = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)
        positions = np.repeat(self.starts[groups] - starts[:-1], lengths) + np.arange(starts[-1])
        graph = self.batch.union.subgraph(self.batch.order[positions])
        order = np.arange(graph.n_nodes, dtype=np.int32)
        return graph, Segmentation(order, starts, tuple(self.symbols[positions].tolist()))

    def by_node(self) -> BatchSegmentation:
        """Return the segmentation with every node its own group (the search's op unit)."""
        return BatchSegmentation(self.batch, self.symbols, np.arange(len(self.symbols) + 1))


def batches(graphs: Iterable[Graph], size: int = BATCH) -> Iterator[Batch]:
    """Yield ``graphs`` in batches of ``size``, the last one smaller."""
    stream = iter(graphs)
    while members := list(islice(stream, size)):
        union, bounds = disjoint_union(members)
        order = autogo_order(union)
        graph_of = np.searchsorted(bounds, order, side="right")
        yield Batch(members, union, bounds, order[np.argsort(graph_of, kind="stable")])


class BatchTokeniser:
    """Cuts batches with the whole vocabulary of a tokeniser; remembers the words it has met."""

    def __init__(self, tokeniser: Tokeniser) -> None:
        self.vocabulary = tokeniser.vocabulary
        self._lengths: dict[bytes, list[int]] = {}

    def segment(self, batch: Batch) -> BatchSegmentation:
        """Return ``batch`` cut as ``Tokeniser.segment`` cuts its graphs one by one."""
        symbols = self.vocabulary.symbols(batch.union)[batch.order]
        is_start = self.vocabulary.table.word_starts(symbols)
        is_start[batch.bounds[:-1]] = True
        words = np.append(np.flatnonzero(is_start), len(symbols))
        lengths: list[int] = []
        for word in _slices(symbols, words):
            known = self._lengths.get(word)
            lengths += self._cut(word) if known is None else known
        starts = np.cumsum([0, *lengths], dtype=np.int64)
        return BatchSegmentation(batch, symbols, starts)

    def _cut(self, word: bytes) -> list[int]:
        """Return the lengths of the pieces of a word."""
        symbols = np.frombuffer(word, dtype=np.int32).tolist()
        lengths = self._lengths[word] = self.vocabulary.table.piece_lengths(symbols)
        return lengths


def _slices(symbols: NDArray[np.int32], bounds: NDArray[np.integer]) -> Iterator[bytes]:
    """Yield the bytes of ``symbols`` from each bound to the next."""
    data = symbols.tobytes()
    for start, stop in pairwise((bounds * symbols.itemsize).tolist()):
        yield data[start:stop]
