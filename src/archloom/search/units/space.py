"""Reduced spaces: some units for each place of a network (AutoBuild spec 4)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import prod
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from archloom.errors import ConfigError, FormatError
from archloom.files import naming, read_json, reader
from archloom.predict.blocks.scores import FORMAT
from archloom.views.block_space import block_space
from archloom.views.sequence import block_family
from archloom.views.units import all_units

LARGEST = 10_000_000
"""Networks of a space that are put in order by their scores."""


@dataclass(frozen=True)
class UnitSpace:
    """Networks that are made of these units, one of each pool.

    target : expression that the scores belong to; "" where several were joined or there are none
    pools  : words of the units at each place, all different
    scores : of the units, larger is better; 0 where they have none
    """

    family: str
    target: str
    pools: tuple[tuple[str, ...], ...]
    scores: tuple[tuple[float, ...], ...]

    @classmethod
    @reader("space of units")
    def read(cls, path: str | Path) -> UnitSpace:
        """Read ``space.json`` of ``archloom rank-units``.

        Raises ``FormatError`` for another file, ``GraphError`` for units outside the family.
        """
        content = read_json(path)
        try:
            if content["format"] != FORMAT:
                raise ValueError(f"its format is {content['format']!r}, not {FORMAT}")
            pools = [[str(one["blocks"]) for one in pool] for pool in content["units"]]
            scores = [[float(one["score"]) for one in pool] for pool in content["units"]]
            found = cls(
                str(content["family"]),
                str(content["target"]),
                tuple(map(tuple, pools)),
                tuple(map(tuple, scores)),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise FormatError(
                f"{path} is no space of units ({error}): give the space.json of archloom "
                "rank-units."
            ) from error
        with naming(path):
            found.check()
        return found

    @classmethod
    def full(cls, family: str) -> UnitSpace:
        """Return the space of all units of a family."""
        units = all_units(block_family(family))
        words = np.array(units.blocks)
        pools = [words[units.unit == place].tolist() for place in range(units.unit.max() + 1)]
        scores = [(0.0,) * len(pool) for pool in pools]
        return cls(family, "", tuple(map(tuple, pools)), tuple(scores))

    @property
    def n_networks(self) -> int:
        """Number of networks."""
        return prod(map(len, self.pools))

    def check(self) -> None:
        """Raise ``FormatError`` for empty or missing pools, ``GraphError`` for units that the
        family does not have.
        """
        seen = block_space(self.family)
        if len(self.pools) != len(seen.spans) or not all(self.pools):
            raise FormatError(
                f"{[len(pool) for pool in self.pools]} units for the places of a network: "
                f"{self.family} has {len(seen.spans)} places, and each needs at least one unit."
            )
        for place, pool in enumerate(self.pools):
            for unit in pool:
                words = [first[0] for first in self.pools]
                words[place] = unit
                seen.parse(seen.join(words))

    def networks(self) -> NDArray[np.int64]:
        """Return (N, P) the units of all networks at P places, best sum of scores first, those with
        better first units first among equals.

        Raises ``ConfigError`` for more than ``LARGEST`` networks.
        """
        if self.n_networks > LARGEST:
            raise ConfigError(
                f"{self.n_networks:,} networks are too many to evaluate one by one (limit "
                f"{LARGEST:,}): keep fewer units, or search with archloom search-units."
            )
        order = np.argsort(-self._sums(), kind="stable")
        return np.stack(np.unravel_index(order, [len(pool) for pool in self.pools]), axis=1)

    def sums(self, networks: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return (N,) the sums of the scores of networks (N, P)."""
        columns = zip(self.scores, networks.T, strict=True)
        return np.sum([np.array(scores)[column] for scores, column in columns], axis=0)

    def architectures(self, networks: NDArray[np.int64]) -> list[str]:
        """Return the architectures of networks (N, P)."""
        join = block_space(self.family).join
        return [
            join([pool[i] for pool, i in zip(self.pools, row, strict=True)])
            for row in networks.tolist()
        ]

    def _sums(self) -> NDArray[np.float64]:
        """Return (N,) the sums of scores of all networks, the last place counting fastest."""
        total = np.zeros(1)
        for scores in self.scores:
            total = np.add.outer(total, np.array(scores)).reshape(-1)
        return total


def joined(spaces: Sequence[UnitSpace]) -> UnitSpace:
    """Return the space with the units of all spaces, without their scores, which do not compare
    between targets. One space comes back as it is.

    Raises ``ConfigError`` for none or several families.
    """
    families = {space.family for space in spaces}
    if len(families) != 1:
        raise ConfigError(
            f"spaces of {', '.join(sorted(families)) or 'no family'} cannot be joined: give spaces "
            "of one family."
        )
    if len(spaces) == 1:
        return spaces[0]
    places = zip(*(space.pools for space in spaces), strict=True)
    pools = tuple(tuple(_distinct(pools)) for pools in places)
    return UnitSpace(families.pop(), "", pools, tuple((0.0,) * len(pool) for pool in pools))


def _distinct(pools: Sequence[Sequence[str]]) -> Iterator[str]:
    yield from dict.fromkeys(unit for pool in pools for unit in pool)
