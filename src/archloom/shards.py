"""Shards: work cut into a number of parts, each for a job or a machine of its own.

A shard is written ``3of8``, also in names of files, or ``3/8``, as on the command line. Shares
interleave, so that costly items that lie side by side are spread over the shards; what merges them
puts results into the order of the items again, so that nothing depends on the number of shards.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Self, TypeVar

from archloom.errors import ConfigError

PATTERN = r"[1-9]\d*of[1-9]\d*"
"""What the name of a shard looks like."""

Item = TypeVar("Item")


@dataclass(frozen=True)
class Shard:
    """Number ``number`` (from 1 on) of ``total`` shards; the only one by default."""

    number: int = 1
    total: int = 1

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``3of8`` or ``3/8``; raises ``ConfigError`` for anything else."""
        name = text.replace("/", "of", 1)
        number, _, total = name.partition("of")
        if not re.fullmatch(PATTERN, name) or int(number) > int(total):
            raise ConfigError(f"{text!r} is no shard: write 3of8 or 3/8, the third of eight.")
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


def chunks(items: Any, size: int) -> Iterator[Any]:
    """Yield consecutive slices of at most ``size`` items of a sequence or of an array's rows."""
    for start in range(0, len(items), size):
        yield items[start : start + size]
