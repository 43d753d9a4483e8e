"""Families as AutoBuild sees them: units made of stages, stages made of blocks.

Of the Once-for-All families a unit is a stage (a last stage of one block belongs to the unit before
it, AutoBuild spec 1.2). The method carries over to spaces that are tabulated in full:

* NAS-Bench-201: a unit is a state of the cell, its blocks are the operations on the edges that lead
  there, from the first source on; 5 * 25 * 125 units of the three states make the 15,625 cells.
* NAS-Bench-Macro: a unit is a stage, its blocks are the layers, identities behind the first layer
  at the end as in the benchmark; 9 * 21 * 21 make the 3,969 networks.

A block is two codes, as the published predictors have them: expansion and kernel. In NAS-Bench-201
the first says whether an operation gives zero, passes on or convolves, the second whether it sees
one pixel or 3x3; in NAS-Bench-Macro an identity has the smallest codes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise

from archloom.errors import ConfigError
from archloom.spaces import FAMILIES, nb201, nb_macro
from archloom.spaces.ofa_mobile import EXPANSIONS, KERNELS, MobileSpace

Codes = tuple[int, int]
"""Codes of a block: expansion and kernel."""

_NB201_CODES: Mapping[str, Codes] = {
    "none": (0, 0),
    "skip_connect": (1, 0),
    "avg_pool_3x3": (1, 1),
    "nor_conv_1x1": (2, 0),
    "nor_conv_3x3": (2, 1),
}
_MACRO_CODES: Mapping[str, Codes] = {"0": (0, 0), "1": (1, 1), "2": (2, 2)}


@dataclass(frozen=True)
class BlockSpace:
    """What AutoBuild needs to know of a family.

    kind     : code of the family's kind of block
    depths   : numbers of blocks that each stage may have
    spans    : first and last stage of each unit
    codes    : codes of the blocks by their words
    values   : words for the values of the two codes, expansion and kernel
    sizes    : whether networks of several input sizes are told apart
    parse    : words of the blocks of every stage of an architecture; raises ``GraphError``
    join     : architecture of the words of its units, "," between blocks and "|" between stages
    distinct : whether a unit is the one that stands for all that compute the same
    twins    : what all architectures that compute the same have in common
    """

    kind: int
    depths: tuple[tuple[int, ...], ...]
    spans: tuple[tuple[int, int], ...]
    codes: Mapping[str, Codes]
    values: tuple[Sequence[str], Sequence[str]]
    sizes: bool
    parse: Callable[[str], Sequence[Sequence[str]]]
    join: Callable[[Sequence[str]], str]
    distinct: Callable[[str], bool] = lambda unit: True
    twins: Callable[[str], str] = lambda architecture: architecture

    def units(self, architecture: str) -> list[str]:
        """Return the words of the units of an architecture."""
        stages = [",".join(blocks) for blocks in self.parse(architecture)]
        return ["|".join(stages[first : last + 1]) for first, last in self.spans]


def block_space(family: str) -> BlockSpace:
    """Return what AutoBuild sees of a family; raises ``ConfigError`` for one without blocks."""
    if family not in BLOCK_SPACES:
        raise ConfigError(
            f"{family!r} is no family of block networks: write one of {', '.join(BLOCK_SPACES)}."
        )
    return BLOCK_SPACES[family]


def _mobile(family: str, kind: int) -> BlockSpace:
    space = FAMILIES[family]
    assert isinstance(space, MobileSpace)
    firsts = [i for i, stage in enumerate(space.stages) if stage.depths != (1,)]

    def parse(architecture: str) -> list[list[str]]:
        return [[f"e{e}k{k}" for e, k in blocks] for blocks in space.parse(architecture)]

    return BlockSpace(
        kind=kind,
        depths=tuple(stage.depths for stage in space.stages),
        spans=tuple((i, j - 1) for i, j in pairwise([*firsts, len(space.stages)])),
        codes={
            f"e{expansion}k{kernel}": (i, j)
            for i, expansion in enumerate(EXPANSIONS)
            for j, kernel in enumerate(KERNELS)
        },
        values=([str(one) for one in EXPANSIONS], [str(one) for one in KERNELS]),
        sizes=True,
        parse=parse,
        join="|".join,
    )


def _nb201() -> BlockSpace:
    edges = [nb201.TARGETS.count(state) for state in sorted(set(nb201.TARGETS))]
    bounds = list(pairwise([0, *accumulate(edges)]))
    return BlockSpace(
        kind=0,
        depths=tuple((count,) for count in edges),
        spans=tuple((state, state) for state in range(len(edges))),
        codes=_NB201_CODES,
        values=(("zero", "pass", "conv"), ("1x1", "3x3")),
        sizes=False,
        parse=lambda cell: [nb201.parse(cell)[start:stop] for start, stop in bounds],
        join=lambda units: nb201.format_cell(",".join(units).split(",")),
        twins=nb201.cell_class,
    )


def _nb_macro() -> BlockSpace:
    layers = nb_macro.LAYERS_PER_STAGE
    return BlockSpace(
        kind=0,
        depths=tuple((count,) for count in layers),
        spans=tuple((stage, stage) for stage in range(len(layers))),
        codes=_MACRO_CODES,
        values=(("identity", "3", "6"), ("identity", "3", "5")),
        sizes=False,
        parse=nb_macro.parse,
        join=lambda units: "".join(units).replace(",", ""),
        distinct=lambda unit: "0" not in unit[1:].rstrip(",0"),
        twins=nb_macro.canonical,
    )


BLOCK_SPACES: Mapping[str, BlockSpace] = {
    "ofa_mbv3": _mobile("ofa_mbv3", 1),
    "ofa_mbv3_w10": _mobile("ofa_mbv3_w10", 1),
    "ofa_pn": _mobile("ofa_pn", 0),
    "nb201": _nb201(),
    "nb_macro": _nb_macro(),
}
"""The families of block networks. The published predictors call mbconv3 1 and mbconv2 0."""
