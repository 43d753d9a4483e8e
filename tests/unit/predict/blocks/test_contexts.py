"""Units in contexts: their scores are the predictions for the networks that they make."""

import numpy as np
import pytest
import torch

from archloom.predict.blocks.network import BlockNetwork, BlockShape
from archloom.predict.blocks.predictor import BlockPredictor, _contexts
from archloom.spaces import FAMILIES
from archloom.views.block_space import block_space
from archloom.views.units import largest_unit


@pytest.mark.parametrize("family", ["ofa_mbv3", "ofa_pn", "nb_macro"])
def test_units_in_contexts_are_scored_by_the_networks_that_they_make(family):
    torch.manual_seed(3)
    slots = largest_unit(FAMILIES[family])
    for shape in (BlockShape(width=8, slots=slots), BlockShape("graphconv", 8, "sum", slots=slots)):
        predictor = BlockPredictor.of(BlockNetwork(shape).eval(), family, "acc")
        scored = predictor.score_units(contexts=2)
        seen, units = block_space(family), scored.units
        contexts = [seen.units(one) for one in _contexts(family, units, 2)]
        assert contexts[0] != contexts[1]
        for i in np.random.default_rng(0).choice(len(units), 40):
            place = int(units.unit[i])
            parts = [[*one[:place], units.blocks[i], *one[place + 1 :]] for one in contexts]
            wanted = predictor.predict([seen.join(one) for one in parts]).mean()
            assert scored.score[i] == pytest.approx(wanted, abs=1e-4)
