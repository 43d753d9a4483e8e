"""Shards: a stage's work cut into a number of jobs.

A shard is written ``3of8``. Shares interleave, so that costly items that lie side by side are
spread over the jobs; a job that merges puts results into the order of the items again, so that
nothing depends on the number of shards.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Self, TypeVar

from archloom.errors import ConfigError

PATTERN = r"[1-9]\d*of[1-9]\d*"
"""What the name of a shard looks like."""

Item = TypeVar("Item")


@dataclass(frozen=True)
class Shard:
    """Number ``number`` (from 1 on) of ``total`` shards."""

    number: int
    total: int

    @classmethod
    def parse(cls, name: str) -> Self:
        """Read a name such as ``3of8``; raises ``ConfigError`` for anything else."""
        number, _, total = name.partition("of")
        if not re.fullmatch(PATTERN, name) or int(number) > int(total):
            raise ConfigError(f"{name!r} is not the name of a shard: write 3of8 or the like.")
        return cls(int(number), int(total))

    def __str__(self) -> str:
        return f"{self.number}of{self.total}"

    @property
    def slice(self) -> slice:
        """What cuts the share of this shard out of a list."""
        return slice(self.number - 1, None, self.total)

    def share(self, items: Iterable[Item]) -> Iterator[Item]:
        """Yield the items of this shard; every item is in exactly one of the ``total`` shards."""
        return islice(items, self.number - 1, None, self.total)

    def seeds(self, wanted: Sequence[Sequence[int]]) -> list[list[int]]:
        """Return which seeds of each graph are this shard's, given all seeds of each graph."""
        pairs = [(place, seed) for place, seeds in enumerate(wanted) for seed in seeds]
        own: list[list[int]] = [[] for _ in wanted]
        for place, seed in self.share(pairs):
            own[place].append(seed)
        return own


def shard_names(total: int) -> list[str]:
    """Return the names of all shards, in order."""
    return [str(Shard(number, total)) for number in range(1, total + 1)]
