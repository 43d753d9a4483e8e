"""Byte-pair encoding over integer symbols, with merges that can be disabled (AutoGO spec 2.5).

SentencePiece no longer lets a caller restrict its vocabulary, which the search needs at every
segmentation; so the algorithm is written out here. Results equal SentencePiece's, piece by piece.

Symbols are positive integers 1..n_symbols; anything else is unknown. Unknown symbols never merge,
and a run of consecutive unknown symbols is one piece.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from heapq import heapify, heappop, heappush
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from archloom.errors import FormatError

Mask = NDArray[np.bool_]
"""(n_merges,) True where a merge is disabled."""

_UNKNOWN = 0
_NONE = -1


class MergeTable:
    """Merges in order of rank, indexed by the pair of pieces that form them.

    merges    : symbol tuples of length >= 2; position = rank, an earlier merge is applied first
    n_symbols : single symbols are 1..n_symbols

    A piece is a symbol or a merge; piece ids are the symbols, then ``n_symbols + 1 + rank``. Two
    neighbours merge when their concatenation is a known piece, however that piece was learned, so
    every split of every merge into two pieces is a key of the table.
    """

    def __init__(self, merges: Sequence[tuple[int, ...]], n_symbols: int) -> None:
        self.merges = tuple(merges)
        self.n_symbols = n_symbols
        self._base = n_symbols + 1
        self._size = self._base + len(self.merges)
        self._rank = self._index_pairs()

    def __len__(self) -> int:
        return len(self.merges)

    def _index_pairs(self) -> dict[int, int]:
        """Return rank by ``left id * size + right id`` for every split of every merge."""
        piece_id: dict[tuple[int, ...], int] = {(s,): s for s in range(1, self._base)}
        for rank, merge in enumerate(self.merges):
            _check_merge(merge, rank, self.n_symbols)
            if piece_id.setdefault(merge, self._base + rank) != self._base + rank:
                raise FormatError(
                    f"merge {rank} repeats the symbols of merge {piece_id[merge] - self._base}: "
                    "every merge may occur once, the vocabulary is damaged."
                )
        table = {}
        for rank, merge in enumerate(self.merges):
            for cut in range(1, len(merge)):
                left, right = piece_id.get(merge[:cut]), piece_id.get(merge[cut:])
                if left is not None and right is not None:
                    table[left * self._size + right] = rank
        return table

    def draw(self, keep: float, rng: np.random.Generator) -> Mask:
        """Return a mask that keeps a random ``int(n_merges * keep)`` of the merges.

        keep : share in [0, 1]; AutoGO's segment sparsity is ``1 - keep``.
        """
        disabled = np.ones(len(self.merges), dtype=np.bool_)
        disabled[rng.permutation(len(self.merges))[: int(len(self.merges) * keep)]] = False
        return disabled

    @cached_property
    def _inner_pairs(self) -> NDArray[np.int64]:
        """Sorted ``left * size + right`` of all pairs of symbols that stand side by side in a
        merge.
        """
        pairs = {
            left * self._size + right for merge in self.merges for left, right in pairwise(merge)
        }
        return np.array(sorted(pairs), dtype=np.int64)

    def word_starts(self, symbols: NDArray[np.integer]) -> NDArray[np.bool_]:
        """Return ``(n,)`` bool: where a word begins, a stretch that no piece of ``symbols`` leaves.

        No merge holds the two symbols at the edge of a word side by side, so that words are cut
        into pieces independently of each other. A run of unknown symbols is one word.
        """
        known = np.where((symbols > 0) & (symbols < self._base), symbols, _UNKNOWN).astype(np.int64)
        pairs = known[:-1] * self._size + known[1:]
        starts = np.ones(len(symbols), dtype=np.bool_)
        starts[1:] = ~np.isin(pairs, self._inner_pairs) & (pairs > 0)
        return starts

    def piece_lengths(self, symbols: Sequence[int], disabled: Mask | None = None) -> list[int]:
        """Return the lengths of the pieces of ``symbols``, left to right; they sum to its length.

        disabled : (n_merges,) merges that may be used on the way to a longer piece, but not stay in
                   the result
        """
        known = self._base
        ids = [symbol if 0 < symbol < known else _UNKNOWN for symbol in symbols]
        following, formed_by = self._merge(ids, None if disabled is None else disabled.tolist())
        return self._lengths(ids, following, formed_by)

    def _merge(
        self, ids: list[int], disabled: list[bool] | None
    ) -> tuple[list[int], dict[int, tuple[int, int]]]:
        """Merge ``ids`` in place; return successor positions and the split of disabled pieces.

        A position that was merged into its left neighbour holds -1 afterwards. The queue orders
        candidates by rank, then position. ``rank_at`` is the rank of the pair that starts at a
        position now: an entry whose rank differs is stale.
        """
        n, size, base, table = len(ids), self._size, self._base, self._rank
        formed_by: dict[int, tuple[int, int]] = {}
        following, previous = list(range(1, n + 1)), list(range(-1, n))
        rank_at = [table.get(left * size + right, _NONE) for left, right in pairwise(ids)]
        rank_at.append(_NONE)
        queue = [rank * n + at for at, rank in enumerate(rank_at) if rank >= 0]
        if disabled is not None:
            for at, rank in enumerate(rank_at):
                if rank >= 0 and disabled[rank]:
                    formed_by[base + rank] = (ids[at], ids[at + 1])
        heapify(queue)
        while queue:
            rank, at = divmod(heappop(queue), n)
            if rank_at[at] != rank:
                continue
            gone = following[at]
            beyond = following[gone]
            ids[at], ids[gone] = base + rank, _NONE
            rank_at[gone] = _NONE
            following[at], previous[beyond] = beyond, at
            for left, right in ((previous[at], at), (at, beyond)):
                if left < 0:
                    continue
                new = table.get(ids[left] * size + ids[right], _NONE) if right < n else _NONE
                rank_at[left] = new
                if new >= 0:
                    heappush(queue, new * n + left)
                    if disabled is not None and disabled[new]:
                        formed_by[base + new] = (ids[left], ids[right])
        return following, formed_by

    def _lengths(
        self, ids: list[int], following: list[int], formed_by: dict[int, tuple[int, int]]
    ) -> list[int]:
        """Return piece lengths after merging: disabled pieces split back, unknown runs joined."""
        lengths: list[int] = []
        at, was_unknown = 0, False
        while at < len(ids):
            if ids[at] == _UNKNOWN:
                if was_unknown:
                    lengths[-1] += 1
                else:
                    lengths.append(1)
                was_unknown = True
            else:
                self._split(ids[at], formed_by, lengths)
                was_unknown = False
            at = following[at]
        return lengths

    def _split(self, piece: int, formed_by: dict[int, tuple[int, int]], lengths: list[int]) -> None:
        """Append the length of ``piece``, or those of its two parts when it is disabled."""
        parts = formed_by.get(piece)
        if parts is not None:
            self._split(parts[0], formed_by, lengths)
            self._split(parts[1], formed_by, lengths)
        else:
            lengths.append(1 if piece < self._base else len(self.merges[piece - self._base]))


def _check_merge(merge: tuple[int, ...], rank: int, n_symbols: int) -> None:
    """Raise ``FormatError`` unless ``merge`` has two or more known symbols."""
    if len(merge) < 2 or not all(0 < symbol <= n_symbols for symbol in merge):
        raise FormatError(
            f"merge {rank} is {merge}: a merge has two or more symbols from 1 to {n_symbols}; "
            "the vocabulary is damaged, train or fetch it again."
        )
