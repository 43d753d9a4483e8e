"""Members of a front inherit the input's weights where their nodes survived."""

import numpy as np
import pytest
import torch

from archloom.execute.module import to_torch
from archloom.graph import parameters
from archloom.search.graphs.evolution import evolve
from archloom.search.graphs.transfer import transfer
from search_world import make_mutator


def trained(graph):
    """Weights that no initialisation gives."""
    weights = to_torch(graph, seed=7).weights()
    return {key: tensor + 0.5 for key, tensor in weights.items()}


def test_the_input_itself_takes_everything_over(network):
    weights = trained(network)
    found = transfer(weights, network)
    assert found.coverage == 1.0
    assert found.weights.keys() == weights.keys()
    assert all(torch.equal(found.weights[key], weights[key]) for key in weights)


def test_what_survived_is_equal_and_what_is_new_is_fresh(mutator, network):
    weights = trained(network)
    for member in evolve(network, mutator):
        found = transfer(weights, member.graph)
        kept = np.isin(member.graph.ids, network.ids)
        for node, survived in zip(member.graph.ids.tolist(), kept.tolist(), strict=True):
            for key in (key for key in found.weights if key.split(".")[0] == str(node)):
                same = key in weights and torch.equal(found.weights[key], weights[key])
                assert same == survived, key
        old = member.graph.subgraph(np.flatnonzero(kept))
        assert found.coverage == pytest.approx(parameters(old) / parameters(member.graph))
        assert 0 < found.coverage <= 1
        to_torch(member.graph, found.weights)


def test_a_tensor_of_another_shape_is_not_cut_to_fit(network):
    weights = trained(network)
    key = next(key for key, tensor in weights.items() if tensor.dim() == 4)
    larger = torch.cat([weights[key], weights[key]])
    found = transfer({**weights, key: larger}, network)
    assert found.coverage < 1 and not torch.equal(found.weights[key], weights[key])


def test_ids_beyond_the_first_block_do_not_collide_with_new_nodes(network):
    far = network.replace(ids=network.ids + (1 << 20) + 5)
    for member in evolve(far, make_mutator(iterations=2)):
        new = np.setdiff1d(member.graph.ids, far.ids)
        assert len(np.unique(member.graph.ids)) == member.graph.n_nodes
        assert not len(new) or new.min() > far.ids.max()
