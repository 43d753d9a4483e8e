"""Cut a graph into segments: node order, symbols, pieces (AutoGO spec 2.6 and 5.3)."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import accumulate, pairwise

import numpy as np
from numpy.typing import NDArray

from archloom.errors import ConfigError
from archloom.graph import Graph, autogo_order
from archloom.segments.bpe import Mask
from archloom.segments.vocabulary import Vocabulary


@dataclass(frozen=True, eq=False)
class Segmentation:
    """A graph's nodes in AutoGO order, cut into consecutive groups.

    order   : (n,) int32; node index at each position
    starts  : (n_groups + 1,) int32; group k holds positions ``starts[k]`` to ``starts[k + 1] - 1``,
              the last entry is n
    symbols : (n,) symbol at each position; negative where the label is unknown
    """

    order: NDArray[np.int32]
    starts: NDArray[np.int32]
    symbols: tuple[int, ...]

    @property
    def n_groups(self) -> int:
        """Number of groups."""
        return len(self.starts) - 1

    @property
    def lengths(self) -> NDArray[np.int32]:
        """(n_groups,) number of nodes in each group."""
        return np.diff(self.starts)

    def group(self, first: int, count: int = 1) -> NDArray[np.int32]:
        """Return (k,) nodes of groups ``first`` to ``first + count - 1``, in order."""
        return self.order[self.starts[first] : self.starts[first + count]]

    def tokens(self) -> list[tuple[int, ...]]:
        """Return the symbols of every group."""
        return [self.symbols[start:stop] for start, stop in pairwise(self.starts.tolist())]

    def by_node(self) -> Segmentation:
        """Return the segmentation with every node its own group (the search's op unit)."""
        starts = np.arange(len(self.order) + 1, dtype=np.int32)
        return Segmentation(self.order, starts, self.symbols)


class Tokeniser:
    """Segments graphs with a vocabulary, whole or thinned out at random."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self.vocabulary = vocabulary

    def segment(
        self,
        graph: Graph,
        keep: float | None = None,
        rng: np.random.Generator | None = None,
        *,
        disabled: Mask | None = None,
    ) -> Segmentation:
        """Return the segmentation of ``graph``.

        keep, rng : keep a random share of the merges, drawn from ``rng``; all single symbols stay
        disabled  : or name the merges to leave out, by rank

        Raises ``ConfigError`` for a share outside [0, 1] or without a generator.
        """
        if keep is not None:
            if rng is None or not 0 <= keep <= 1 or disabled is not None:
                raise ConfigError(
                    f"keep={keep}: the share of merges to keep is a number from 0 to 1 and needs a "
                    "random generator (rng=...) and no explicit mask."
                )
            disabled = self.vocabulary.table.draw(keep, rng)
        order = autogo_order(graph)
        symbols = self.vocabulary.encode(graph, order)
        lengths = self.vocabulary.table.piece_lengths(symbols, disabled)
        starts = np.fromiter(accumulate(lengths, initial=0), dtype=np.int32, count=len(lengths) + 1)
        return Segmentation(order, starts, tuple(symbols))
