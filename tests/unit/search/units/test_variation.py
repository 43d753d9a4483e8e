"""Random networks and mutants stay in their space and change what they may."""

import numpy as np
import pytest

from archloom.errors import ConfigError
from archloom.search.units.variation import (
    INSIGHTS,
    LayerVariation,
    UnitVariation,
    layer_insight,
)
from archloom.views.block_space import block_space
from block_world import SMALL


def stages(architecture, family="ofa_mbv3"):
    return block_space(family).parse(architecture)


def test_units_are_drawn_and_replaced_from_their_pools():
    variation, rng = UnitVariation(SMALL), np.random.default_rng(0)
    seen = [set() for _ in SMALL.pools]
    changed = set()
    for _ in range(200):
        parent = variation.draw(rng)
        child = variation.mutate(parent, rng)
        before, after = (block_space("ofa_mbv3").units(one) for one in (parent, child))
        for place, unit in enumerate(after):
            assert unit in SMALL.pools[place]
            seen[place].add(unit)
            changed |= {place} if unit != before[place] else set()
    assert seen == [set(pool) for pool in SMALL.pools]
    assert changed == {0, 1, 3, 4}  # the third place has one unit


def test_a_unit_search_of_proxylessnas_replaces_the_last_two_stages_together():
    words = ("e3k3,e3k3", "e3k3,e3k3", "e3k3,e3k3", "e3k3,e3k3")
    pools = [*((word,) for word in words), ("e3k3,e3k3|e3k3", "e6k7,e6k7|e6k7")]
    space = type(SMALL)("ofa_pn", "", tuple(pools), ((0.0,),) * 4 + ((0.0, 0.0),))
    variation, rng = UnitVariation(space), np.random.default_rng(0)
    ends = {variation.mutate(variation.draw(rng), rng).split("|", 4)[4] for _ in range(50)}
    assert ends == set(pools[4])


@pytest.mark.parametrize("family", ["ofa_mbv3", "ofa_pn"])
@pytest.mark.parametrize("device", INSIGHTS)
def test_layer_search_keeps_blocks_and_depths(family, device):
    variation, rng = layer_insight(family, device), np.random.default_rng(1)
    allowed = block_space(family).depths
    for _ in range(60):
        parent = variation.draw(rng)
        for architecture in (parent, variation.mutate(parent, rng)):
            for blocks, most, depths in zip(
                stages(architecture, family), variation.depths, allowed, strict=True
            ):
                assert depths[0] <= len(blocks) <= most
                assert set(blocks) <= set(variation.blocks)


def test_a_layer_mutation_changes_at_most_one_block_of_a_stage():
    variation, rng = LayerVariation("ofa_mbv3"), np.random.default_rng(2)
    lengths = set()
    for _ in range(200):
        parent = variation.draw(rng)
        for before, after in zip(
            stages(parent), stages(variation.mutate(parent, rng)), strict=True
        ):
            lengths.add(len(after) - len(before))
            if len(after) == len(before):
                assert sum(a != b for a, b in zip(before, after, strict=True)) <= 1
            else:
                long, short = sorted([list(before), list(after)], key=len, reverse=True)
                assert any(long[:i] + long[i + 1 :] == short for i in range(len(long)))
    assert lengths == {-1, 0, 1}


def test_insights_are_those_of_the_paper():
    gpu, npu = layer_insight("ofa_pn", "gpu"), layer_insight("ofa_pn", "npu")
    assert gpu.depths == (3, 3, 3, 4, 4, 1) and len(gpu.blocks) == 6
    assert npu.probabilities == (0.25, 0.25, 0.25, 0.5, 0.5, 0.5)
    assert not [block for block in npu.blocks if block.endswith("k7")]
    assert layer_insight("ofa_mbv3", "max_acc").blocks == ("e4k5", "e4k7", "e6k3", "e6k5", "e6k7")


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: LayerVariation("ofa_mbv3", ("e5k3",)), "no block 'e5k3'"),
        (lambda: LayerVariation("ofa_mbv3", depths=(4, 4)), "5 stages"),
        (lambda: LayerVariation("ofa_mbv3", depths=(1, 4, 4, 4, 4)), "5 stages"),
        (lambda: LayerVariation("ofa_mbv3", probabilities=(0.0,)), "shares from 0 to 1"),
        (lambda: UnitVariation(SMALL, 1.5), "shares from 0 to 1"),
        (lambda: layer_insight("ofa_mbv3", "watch"), "gpu"),
    ],
)
def test_settings_out_of_range_say_what_to_write(make, words):
    with pytest.raises(ConfigError, match=words):
        make()


@pytest.mark.parametrize(("family", "device"), [("nb201", "gpu"), ("nb_macro", "cpu")])
def test_insights_are_about_once_for_all_networks_only(family, device):
    with pytest.raises(ConfigError, match="no Once-for-All family"):
        layer_insight(family, device)
