"""Shards: a stage's work cut into a number of jobs.

A shard is written ``3of8``. Shares interleave, so that costly items that lie side by side are
spread over the jobs; what shards make is put together in the order of the items again.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple, Self, TypeVar

from archloom.errors import ConfigError

PATTERN = r"[1-9]\d*of[1-9]\d*"
"""What the name of a shard looks like."""

Item = TypeVar("Item")


class Shard(NamedTuple):
    """Number ``number`` (from 1 on) of ``count`` shards."""

    number: int
    count: int

    @classmethod
    def parse(cls, name: str) -> Self:
        """Read a name such as ``3of8``; raises ``ConfigError`` for anything else."""
        number, _, count = name.partition("of")
        if not re.fullmatch(PATTERN, name) or int(number) > int(count):
            raise ConfigError(f"{name!r} is not the name of a shard: write 3of8 or the like.")
        return cls(int(number), int(count))

    def __str__(self) -> str:
        return f"{self.number}of{self.count}"

    def share(self, items: Sequence[Item]) -> list[Item]:
        """Return the items of this shard; every item is in exactly one of the ``count`` shards."""
        return list(items[self.number - 1 :: self.count])


def shard_names(count: int) -> list[str]:
    """Return the names of all shards, in order."""
    return [str(Shard(number, count)) for number in range(1, count + 1)]


def woven(parts: Sequence[Sequence[Item]]) -> list[Item]:
    """Return items in their order again, given the shares of all shards in order."""
    total = sum(map(len, parts))
    return [parts[index % len(parts)][index // len(parts)] for index in range(total)]
