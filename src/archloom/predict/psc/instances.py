"""PSC instances: a graph cut into predecessor P, segment S and successor C (AutoGO spec 4.1).

With a graph's nodes in vocabulary order, an instance is two positions: P = [0, start),
S = [start, end), C = [end, n). Messages flow forward only, so

* P is closed under predecessors: its nodes have the embeddings of the whole graph;
* in C, a node differs from the whole graph's only within L steps behind a cut edge. Those nodes lie
  in a *window* [end, tail); behind it, C too has the whole graph's embeddings.

So an instance needs, beside one pass over the graph, the few nodes of S and of its window only.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from archloom.errors import GraphError
from archloom.graph import Graph
from archloom.predict.nodes.classes import Classes, ClassStore, Ids, select
from archloom.predict.nodes.pooling import gather_sum
from archloom.predict.nodes.union import (
    FlatGraphs,
    IntArray,
    Union,
    cut,
    flatten,
    pointers,
    ranges,
    whole,
)


class Cut(Protocol):
    """A graph cut into consecutive groups, as ``archloom.segments`` returns it.

    order  : (n,) node index at each position
    starts : (n_groups + 1,) first position of each group, then n
    """

    @property
    def order(self) -> NDArray[np.int32]:
        """(n,) node index at each position."""

    @property
    def starts(self) -> NDArray[np.int32]:
        """(n_groups + 1,) first position of each group, then n."""


Segmenter = Callable[[Graph], Cut]


@dataclass(frozen=True, eq=False)
class Instances:
    """Instances of several graphs, ready for pooling; ids are last-level classes.

    base     : (B,) class of every kept node of every graph, in order
    base_ptr : (G + 1,) start of each graph in ``base``
    graph    : (I,) graph of each instance, ascending
    prefix   : (I,) P is ``base`` from the graph's start up to here
    tail     : (I,) C has ``base`` from here to the graph's end
    entries  : (E,) classes of S and of the window
    entry_ptr: (2 I + 1,) S of instance i is entries [2i], its window entries [2i + 1]
    sizes    : (I, 3) number of nodes kept in P, S, C
    """

    base: Ids
    base_ptr: IntArray
    graph: IntArray
    prefix: IntArray
    tail: IntArray
    entries: Ids
    entry_ptr: IntArray
    sizes: IntArray

    def __len__(self) -> int:
        return len(self.graph)

    @property
    def counts(self) -> IntArray:
        """(G,) number of instances of each graph."""
        return np.bincount(self.graph, minlength=len(self.base_ptr) - 1)

    def take(self, rows: NDArray[np.integer]) -> Instances:
        """Return these instances (R,), ascending by graph, and their graphs, renumbered from 0."""
        graphs, graph = np.unique(self.graph[rows], return_inverse=True)
        lengths = np.diff(self.base_ptr)[graphs]
        base_ptr = pointers(lengths)
        shift = (base_ptr[:-1] - self.base_ptr[graphs])[graph]
        pairs = (2 * rows[:, None] + [0, 1]).ravel()
        entry_lengths = np.diff(self.entry_ptr)[pairs]
        return Instances(
            base=self.base[ranges(self.base_ptr[graphs], lengths)],
            base_ptr=base_ptr,
            graph=graph,
            prefix=self.prefix[rows] + shift,
            tail=self.tail[rows] + shift,
            entries=self.entries[ranges(self.entry_ptr[pairs], entry_lengths)],
            entry_ptr=pointers(entry_lengths),
            sizes=self.sizes[rows],
        )

    def selected(self, classes: Classes) -> tuple[Classes, Instances]:
        """Return only those of ``classes`` that are needed, and the instances with new ids."""
        needed, number = select(classes, np.concatenate([self.base, self.entries]))
        new = replace(self, base=number[self.base], entries=number[self.entries])
        return needed, new


def add_instances(
    store: ClassStore,
    graphs: Sequence[Graph],
    orders: Sequence[NDArray[np.integer]],
    rows: Sequence[NDArray[np.integer]],
) -> Instances:
    """Add graphs and their parts to ``store``; return their instances.

    rows : per graph ``(i, 2)`` start and end, 1 <= start < end < n, else ``GraphError``
    """
    flat = flatten(graphs, orders)
    sizes = np.diff(flat.node_ptr)
    graph = np.repeat(np.arange(len(graphs)), [len(part) for part in rows])
    bounds = np.concatenate([np.asarray(part, dtype=np.int64).reshape(-1, 2) for part in rows])
    _check_bounds(bounds, graph, sizes, graphs)
    start, end = (bounds + flat.node_ptr[graph, None]).T
    base = whole(flat, bridge=True)
    stop = _window_ends(flat, base, graph, end, store.n_layers)
    starts, stops = np.stack([start, end], axis=1).ravel(), np.stack([end, stop], axis=1).ravel()
    parts = cut(flat, starts, stops - starts, bridge=True)
    kept = _kept_before(base, len(flat.features))
    prefix, tail, base_ptr = kept[start], kept[stop], kept[flat.node_ptr]
    in_segment, in_window = parts.sizes.reshape(-1, 2).T
    in_successor = in_window + base_ptr[graph + 1] - tail
    return Instances(
        base=store.add(flat, base),
        base_ptr=base_ptr,
        graph=graph,
        prefix=prefix,
        tail=tail,
        entries=store.add(flat, parts),
        entry_ptr=parts.part_ptr,
        sizes=np.stack([prefix - base_ptr[graph], in_segment, in_successor], axis=1),
    )


def joined(chunks: Sequence[Instances]) -> Instances:
    """Return the instances of all chunks, graphs numbered on."""
    bases = pointers(np.array([len(chunk.base) for chunk in chunks]))[:-1]
    graphs = pointers(np.array([len(chunk.base_ptr) - 1 for chunk in chunks]))[:-1]

    def all_of(field: str, shifts: Sequence[int] | IntArray | None = None) -> NDArray[np.int64]:
        arrays = [getattr(chunk, field) for chunk in chunks]
        if shifts is not None:
            arrays = [array + shift for array, shift in zip(arrays, shifts, strict=True)]
        return np.concatenate(arrays)

    return Instances(
        base=np.concatenate([chunk.base for chunk in chunks]),
        base_ptr=pointers(np.concatenate([np.diff(chunk.base_ptr) for chunk in chunks])),
        graph=all_of("graph", graphs),
        prefix=all_of("prefix", bases),
        tail=all_of("tail", bases),
        entries=np.concatenate([chunk.entries for chunk in chunks]),
        entry_ptr=pointers(np.concatenate([np.diff(chunk.entry_ptr) for chunk in chunks])),
        sizes=all_of("sizes"),
    )


def instance_means(rows: Tensor, instances: Instances) -> Tensor:
    """Return ``(I, 3 D)``: the means of P, S and C of each instance, side by side.

    rows : (K, D) embeddings of classes

    The base of each graph is summed once in pieces, from one P or tail boundary to the next; P and
    the tail of C are sums of pieces.
    """
    bounds = (instances.base_ptr, instances.prefix, instances.tail)
    points, places = np.unique(np.concatenate(bounds), return_inverse=True)
    at_graph, prefix, tail = np.split(places, np.cumsum([len(bound) for bound in bounds[:2]]))
    pieces = gather_sum(rows, instances.base, points)
    low = np.stack([at_graph[instances.graph], tail], axis=1).ravel()
    high = np.stack([prefix, at_graph[instances.graph + 1]], axis=1).ravel()
    shared = gather_sum(pieces, ranges(low, high - low), pointers(high - low))
    own = gather_sum(rows, instances.entries, instances.entry_ptr)
    sums = torch.stack([shared[0::2], own[0::2], own[1::2] + shared[1::2]], dim=1)
    sizes = torch.from_numpy(instances.sizes.astype(np.float32)).to(rows.device).unsqueeze(2)
    return (sums / sizes).flatten(1)


def _check_bounds(
    bounds: IntArray, graph: IntArray, sizes: IntArray, graphs: Sequence[Graph]
) -> None:
    """Raise ``GraphError`` for an instance with an empty part."""
    wrong = (bounds[:, 0] < 1) | (bounds[:, 0] >= bounds[:, 1]) | (bounds[:, 1] >= sizes[graph])
    if wrong.any():
        row = int(np.flatnonzero(wrong)[0])
        name = graphs[graph[row]].name
        raise GraphError(
            f"graph {name!r} with {sizes[graph[row]]} nodes: the segment from position "
            f"{bounds[row, 0]} to {bounds[row, 1]} leaves predecessor, segment or successor empty; "
            "choose 1 <= start < end < number of nodes."
        )


def _kept_before(union: Union, n_nodes: int) -> IntArray:
    """Return ``(N + 1,)``: how many nodes of a union of whole graphs stand before a position."""
    kept = np.zeros(n_nodes, dtype=np.int64)
    kept[union.origin] = 1
    return pointers(kept)


def _window_ends(
    flat: FlatGraphs, base: Union, graph: IntArray, end: IntArray, n_layers: int
) -> IntArray:
    """Return ``(I,)`` the first position of the tail of every instance, in the flat layout.

    A node with a cut edge differs from layer 1 on, so its descendants up to L - 1 steps away do; a
    merge may be bridged, and then differs from layer 0 on: L steps. Graphs with merges that are
    bridged in the whole graph get windows up to their end.
    """
    target, source = flat.edge_dst, flat.in_src
    here = np.arange(len(flat.features))
    reach = plain = here  # last position that can be reached in l steps
    for step in range(n_layers):
        if step == n_layers - 1:
            plain = reach
        further = here.copy()
        np.maximum.at(further, source, reach[target])
        reach = further
    reach = np.where(flat.is_merge, reach, plain)
    crossing = here.copy()
    np.maximum.at(crossing, source, reach[target])
    # Edges before the cut reach no further than the crossing ones; all before count, for speed.
    stops = np.maximum(np.maximum.accumulate(crossing)[end - 1] + 1, end)
    thinned = base.sizes < np.diff(flat.node_ptr)
    return np.where(thinned[graph], flat.node_ptr[graph + 1], stops)
