"""Reduced spaces: files, order of their networks, joining, and what is refused."""

import json
from itertools import product

import numpy as np
import pytest

from archloom.errors import ConfigError, FormatError, GraphError
from archloom.search.units.space import UnitSpace, joined
from archloom.views.block_space import block_space
from block_world import SMALL


def written(path, **changes):
    units = [
        [{"blocks": blocks, "score": score} for blocks, score in zip(pool, scores, strict=True)]
        for pool, scores in zip(SMALL.pools, SMALL.scores, strict=True)
    ]
    content = {"format": "archloom-unit-space/1", "family": "ofa_mbv3", "target": "made up"}
    path.write_text(json.dumps(content | {"units": units} | changes))
    return path


def test_a_space_is_read_as_rank_units_writes_it(tmp_path):
    assert UnitSpace.read(written(tmp_path / "space.json")) == SMALL


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"format": "other/1"}, FormatError, "format is 'other/1'"),
        ({"units": [[], [], [], [], []]}, FormatError, "at least one unit"),
        ({"units": [[{"blocks": "e3k3,e3k3", "score": 1}]] * 4}, FormatError, "has 5 places"),
        ({"units": [[{"blocks": "e3k3", "score": 1}]] * 5}, GraphError, "space.json"),
        ({"units": 3}, FormatError, "rank-units"),
    ],
)
def test_other_files_are_refused(tmp_path, change, error, words):
    with pytest.raises(error, match=words):
        UnitSpace.read(written(tmp_path / "space.json", **change))


def test_networks_come_once_each_best_sum_of_scores_first():
    networks = SMALL.networks()
    assert len(networks) == SMALL.n_networks == 24
    every = {"|".join(units) for units in product(*SMALL.pools)}
    assert set(SMALL.architectures(networks)) == every
    sums = SMALL.sums(networks)
    assert (np.diff(sums) <= 0).all()
    assert sums[0] == 2.0 + 0.5 + 0.0 + 1.0 + 0.1
    assert networks[:2, 3].tolist() == [0, 1]  # equal scores: as in the pool


def test_units_of_proxylessnas_keep_the_last_stage():
    space = UnitSpace.full("ofa_pn")
    assert [len(pool) for pool in space.pools] == [7371] * 4 + [66339]
    first = np.zeros((1, 5), dtype=np.int64)
    (architecture,) = space.architectures(first)
    assert block_space("ofa_pn").units(architecture) == [pool[0] for pool in space.pools]


def test_too_many_networks_are_refused():
    with pytest.raises(ConfigError, match="too many to evaluate one by one"):
        UnitSpace.full("ofa_mbv3").networks()


def test_joined_spaces_have_the_units_of_all_once():
    other = UnitSpace(
        "ofa_mbv3",
        "else",
        (("e6k7,e6k7", "e4k4,e4k4"), *SMALL.pools[1:]),
        ((1.0, 2.0), *SMALL.scores[1:]),
    )
    both = joined([SMALL, other])
    assert both.pools[0] == ("e3k3,e3k3", "e6k7,e6k7", "e4k4,e4k4")
    assert both.pools[1:] == SMALL.pools[1:]
    assert not any(score for scores in both.scores for score in scores)
    assert joined([SMALL]) is SMALL
    with pytest.raises(ConfigError, match="of one family"):
        joined([SMALL, UnitSpace("ofa_pn", "", (), ())])
