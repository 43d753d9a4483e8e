"""Importance of features: the scalars of the 0-hop embedding, by category and by value."""

import numpy as np
import pytest
import torch

from archloom.predict.blocks.importance import CATEGORIES, category_importance, value_importance
from archloom.predict.blocks.network import BlockNetwork, BlockShape, Nodes
from archloom.spaces import FAMILIES
from archloom.views.sequence import sequence_graphs

FAMILY = "ofa_mbv3"
NETWORKS = ["|".join(["e3k3,e6k7"] * 5), "|".join(["e4k5,e4k5,e3k7"] * 5)]


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    return BlockNetwork(BlockShape(width=8)).eval()


def test_categories_are_distributed_as_the_scalars_of_all_blocks(network):
    pixels = np.array([192, 224])
    found = category_importance(network, FAMILY, NETWORKS, pixels)
    nodes = Nodes.of(sequence_graphs(FAMILIES[FAMILY], NETWORKS, pixels))
    scalars = network.hops(nodes)[0].detach().double().numpy()
    assert tuple(found) == CATEGORIES
    for column, one in zip(scalars.T, found.values(), strict=True):
        wanted = column.mean(), column.std(), column.min(), column.max()
        assert (one.mean, one.std, one.min, one.max) == pytest.approx(wanted)
    assert found["Kind"].std == 0 < found["Resolution"].std


def test_values_are_those_that_the_family_has(network):
    found = value_importance(network, FAMILY)
    sizes = {"Stage": 5, "Place": 4, "Expansion": 3, "Kernel": 3}
    assert {name: len(values) for name, values in found.items()} == sizes
    assert len(value_importance(network, "ofa_pn")["Stage"]) == 6
    layer = network.embed_layer
    for title, feature in (("Expansion", "exp"), ("Kernel", "kernel")):
        weight = layer.get_submodule(f"{feature}_embed").weight
        scalar = layer.get_submodule(f"{feature}_mlp")(weight).abs().detach().flatten()
        assert list(found[title].values()) == pytest.approx(scalar.tolist())


def test_values_have_the_words_of_the_family(network):
    found = value_importance(network, "nb_macro")
    assert list(found["Expansion"]) == ["expansion identity", "expansion 3", "expansion 6"]
    assert list(found["Kernel"]) == ["kernel identity", "kernel 3", "kernel 5"]
    assert list(value_importance(network, "nb201")["Kernel"]) == ["kernel 1x1", "kernel 3x3"]
