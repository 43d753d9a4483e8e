"""Nodes that share one embedding, in NumPy: what makes the encoder fast.

After l layers a node's embedding depends only on its own features and those of its predecessors up
to l steps back. Nodes that agree in all of that, in whatever graph or part, form a *class* of level
l and are computed once. Networks repeat cells, families repeat cells across networks, and the parts
P, S and C of one graph repeat most of its nodes, so there are far fewer classes than nodes. The
result is the plain encoder's, not an approximation of it.

A class of level l is a row of ``Level``: its own class and its predecessors' at level l - 1.
Classes are told apart by 64-bit hashes (for a million classes a collision has probability 3e-8).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from archloom.predict.nodes.union import FlatGraphs, IntArray, Union, pointers, ranges

Hashes = NDArray[np.uint64]
Ids = NDArray[np.int32]

_ODD, _SALT = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xD1B54A32D192ED03)


@dataclass(frozen=True, eq=False)
class Level:
    """Classes of one level as sums over rows of the level below.

    ptr, index : (K + 1,) and (E,), CSR with one row per class. The first entry of a row is
                 2i + 1, i the node's own class below; the others are 2j, j a predecessor's class
                 below.
    """

    ptr: NDArray[np.integer]
    index: Ids

    def take(self, rows: NDArray[np.integer]) -> Level:
        """Return the given rows (R,), in that order."""
        lengths = self.ptr[rows + 1] - self.ptr[rows]
        return Level(pointers(lengths), self.index[ranges(self.ptr[rows], lengths)])

    @property
    def below(self) -> Ids:
        """(E,) class of the level below that each entry refers to."""
        return self.index >> 1

    @property
    def own(self) -> Ids:
        """(K,) class of the level below that each class's own nodes have."""
        return self.index[self.ptr[:-1]] >> 1

    def renumbered(self, number: Ids) -> Level:
        """Return the level with class i of the B below called ``number[i]``, (B,)."""
        return Level(self.ptr, (number[self.below] << 1) | (self.index & 1))


@dataclass(frozen=True, eq=False)
class Classes:
    """What the encoder computes: features of level 0, and levels 1 to L.

    features : (K_0, F) feature rows
    levels   : L levels; class ids of the last one are rows of the encoder's result
    """

    features: NDArray[np.int32]
    levels: tuple[Level, ...]

    @classmethod
    def unshared(cls, flat: FlatGraphs, union: Union, n_layers: int) -> Self:
        """Every node its own class: the plain computation, faster for a few small graphs."""
        n = len(union.origin)
        index = np.insert(union.in_src << 1, union.in_ptr[:-1], (np.arange(n) << 1) | 1)
        level = Level(union.in_ptr + np.arange(n + 1), index.astype(np.int32))
        return cls(flat.features[union.origin], (level,) * n_layers)


class ClassStore:
    """A growing collection of classes with stable ids."""

    def __init__(self, n_layers: int) -> None:
        self._known = [_Known() for _ in range(n_layers + 1)]
        self._features: list[NDArray[np.int32]] = []
        self._levels: list[list[Level]] = [[] for _ in range(n_layers)]

    @property
    def n_layers(self) -> int:
        """Number of layers of the encoder."""
        return len(self._levels)

    def add(self, flat: FlatGraphs, union: Union) -> Ids:
        """Add all nodes of ``union``; return ``(U,)`` the last-level class of each."""
        hashes = _node_hashes(flat, union, self.n_layers)
        top, first, class_of = np.unique(hashes[-1], return_index=True, return_inverse=True)
        needed = [(top, first)]  # per level: hashes and one node of each class
        for level in reversed(hashes[:-1]):
            nodes = np.concatenate([needed[-1][1], _predecessors(union, needed[-1][1])])
            values, at = np.unique(level[nodes], return_index=True)
            needed.append((values, nodes[at]))
        ids = self._add_level(0, *needed.pop(), flat, union, hashes)
        for level_number in range(1, self.n_layers + 1):
            ids = self._add_level(level_number, *needed.pop(), flat, union, hashes)
        return ids[class_of]

    def _add_level(
        self,
        level: int,
        values: Hashes,
        nodes: IntArray,
        flat: FlatGraphs,
        union: Union,
        hashes: list[Hashes],
    ) -> Ids:
        """Add the classes ``values``, of which ``nodes`` are examples; return their ids."""
        ids, new = self._known[level].add(values)
        nodes = nodes[new]
        if level == 0:
            self._features.append(flat.features[union.origin[nodes]])
            return ids
        degree = union.in_ptr[nodes + 1] - union.in_ptr[nodes]
        below, known = hashes[level - 1], self._known[level - 1]
        index = np.insert(
            known.ids(below[_predecessors(union, nodes)]) << 1,
            pointers(degree)[:-1],
            (known.ids(below[nodes]) << 1) | 1,
        )
        self._levels[level - 1].append(Level(pointers(degree + 1), index))
        return ids

    def frozen(self) -> Classes:
        """Return everything that was added."""
        levels = tuple(_joined(parts) for parts in self._levels)
        return Classes(np.concatenate(self._features), levels)


def select(classes: Classes, top: NDArray[np.integer]) -> tuple[Classes, Ids]:
    """Return what is needed for the last-level classes ``top``, (T,), renumbered from 0.

    Also returns the new number by old id, (K_L,); it is undefined for ids that are not in ``top``.
    """
    levels: list[Level] = []
    wanted, numbers = _wanted(top, len(classes.levels[-1].ptr) - 1)
    top_numbers = numbers
    for number in range(len(classes.levels) - 1, -1, -1):
        level = classes.levels[number].take(wanted)
        n_below = len(classes.levels[number - 1].ptr) - 1 if number else len(classes.features)
        wanted, numbers = _wanted(level.below, n_below)
        levels.append(level.renumbered(numbers))
    return Classes(classes.features[wanted], tuple(reversed(levels))), top_numbers


def _wanted(ids: NDArray[np.integer], n_ids: int) -> tuple[IntArray, Ids]:
    """Return the distinct ``ids``, ascending, and their rank by id (undefined for others)."""
    marked = np.zeros(n_ids, dtype=np.bool_)
    marked[ids] = True
    wanted = np.flatnonzero(marked)
    numbers = np.empty(n_ids, dtype=np.int32)
    numbers[wanted] = np.arange(len(wanted), dtype=np.int32)
    return wanted, numbers


class _Known:
    """Hashes of one level, sorted, and their ids."""

    def __init__(self) -> None:
        self._hashes = np.empty(0, dtype=np.uint64)
        self._ids = np.empty(0, dtype=np.int32)

    def add(self, values: Hashes) -> tuple[Ids, NDArray[np.bool_]]:
        """Add sorted distinct hashes; return their ids and which of them are new."""
        place = np.searchsorted(self._hashes, values)
        new = np.ones(len(values), dtype=np.bool_)
        inside = place < len(self._hashes)
        new[inside] = self._hashes[place[inside]] != values[inside]
        fresh = len(self._ids) + np.arange(new.sum(), dtype=np.int32)
        self._hashes = np.insert(self._hashes, place[new], values[new])
        self._ids = np.insert(self._ids, place[new], fresh)
        return self.ids(values), new

    def ids(self, values: Hashes) -> Ids:
        """Return the ids of hashes that were added."""
        return self._ids[np.searchsorted(self._hashes, values)]


def _joined(parts: list[Level]) -> Level:
    """Return the rows of all parts, one part after the other."""
    lengths = np.concatenate([np.diff(part.ptr) for part in parts])
    return Level(pointers(lengths), np.concatenate([part.index for part in parts]))


def _predecessors(union: Union, nodes: IntArray) -> IntArray:
    """Return the predecessors of ``nodes``, one node after the other."""
    return union.in_src[ranges(union.in_ptr[nodes], union.in_ptr[nodes + 1] - union.in_ptr[nodes])]


def _node_hashes(flat: FlatGraphs, union: Union, n_layers: int) -> list[Hashes]:
    """Return per level 0..L the ``(U,)`` class hashes; predecessors count as a multiset."""
    row_hash = np.zeros(len(flat.features), dtype=np.uint64)
    for column in flat.features.T:
        row_hash = _mix(row_hash * _ODD + column.astype(np.uint64))
    hashes = [row_hash[union.origin]]
    for _ in range(n_layers):
        messages = _mix(hashes[-1] ^ _SALT)[union.in_src]
        total = np.concatenate([np.zeros(1, dtype=np.uint64), np.cumsum(messages)])
        received = total[union.in_ptr[1:]] - total[union.in_ptr[:-1]]
        hashes.append(_mix(hashes[-1] * _ODD + received))
    return hashes


def _mix(x: Hashes) -> Hashes:
    """Scramble 64-bit words, one to one (the finaliser of SplitMix64)."""
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))
