"""The hand-written training step: its loss and gradients are those of the network as defined."""

from itertools import islice

import numpy as np
import pytest
import torch

from archloom.predict.blocks.network import BlockNetwork, BlockShape, Nodes
from archloom.predict.blocks.step import ChainSet, StepGradient
from archloom.predict.norms.soft_rank import rank_loss, ranked
from archloom.spaces import FAMILIES
from archloom.views.sequence import sequence_graphs

SPACE = FAMILIES["ofa_mbv3"]
ROWS = np.array([7, 0, 3, 9, 4])


@pytest.fixture(scope="module")
def graphs():
    networks = list(islice(SPACE.architectures(0), 10))
    return sequence_graphs(SPACE, networks, np.array([224, 192] * 5))


def network_of(shape):
    """A network with random values everywhere, also where it starts with zeros, and gradients."""
    torch.manual_seed(0)
    network = BlockNetwork(shape)
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.5)
        parameter.grad = torch.full_like(parameter, torch.nan)
    return network


@pytest.mark.parametrize("rank_weight", [0.0, 0.7])
@pytest.mark.parametrize(
    "shape",
    [
        BlockShape("gatv2", 8),
        BlockShape("gatv2", 8, "sum", "leaky_relu"),
        BlockShape("graphconv", 8),
        BlockShape("graphconv", 8, "sum", "leaky_relu"),
    ],
)
def test_loss_gradients_and_running_statistics_are_those_of_the_definition(
    graphs, shape, rank_weight
):
    labels = np.random.default_rng(0).normal(size=len(ROWS)).astype(np.float32)
    network, twin = network_of(shape), network_of(shape)
    step = StepGradient(network, ChainSet(graphs), len(ROWS), rank_weight, ranked)
    found = [step(ROWS, labels) for _ in range(2)]
    for parameter in twin.parameters():
        parameter.grad = None
    for _ in range(2):
        twin.zero_grad()
        predicted, norms = twin(Nodes.of(graphs.take(ROWS)))
        wanted = torch.from_numpy(labels)
        loss = torch.nn.functional.mse_loss(predicted, wanted)
        loss = loss + rank_weight * rank_loss(norms, wanted)
        loss.backward()
    assert found == pytest.approx([loss.item()] * 2, rel=1e-4)
    others = dict(twin.named_parameters())
    largest = max(one.grad.abs().max().item() for one in others.values())
    for name, parameter in network.named_parameters():
        error = (parameter.grad - others[name].grad).abs().max().item()
        assert error < 1e-4 * largest, name
    buffers = dict(twin.named_buffers())
    for name, buffer in network.named_buffers():
        if "running" in name:
            torch.testing.assert_close(buffer, buffers[name], rtol=1e-4, atol=1e-4)


def test_distinct_nodes_stand_for_all(graphs):
    chains = ChainSet(graphs)
    taken = chains.take(ROWS)
    wanted = graphs.take(ROWS)
    np.testing.assert_array_equal(chains.codes[taken.kind], wanted.codes)
    np.testing.assert_array_equal(chains.resolution[taken.kind], wanted.resolution)
    np.testing.assert_array_equal(taken.ptr, wanted.ptr)
    assert len(np.unique(np.column_stack([chains.codes, chains.resolution]), axis=0)) == len(
        chains.codes
    )
