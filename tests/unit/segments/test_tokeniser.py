import numpy as np
import pytest

from archloom.errors import ConfigError
from archloom.graph import autogo_order


def test_groups_partition_the_nodes_in_order(tokeniser, networks):
    for graph in networks:
        segmentation = tokeniser.segment(graph)
        groups = [segmentation.group(k) for k in range(segmentation.n_groups)]
        assert np.array_equal(np.concatenate(groups), autogo_order(graph))
        assert [len(group) for group in groups] == segmentation.lengths.tolist()
        assert [len(token) for token in segmentation.tokens()] == segmentation.lengths.tolist()
        assert np.array_equal(segmentation.group(1, 2), np.concatenate(groups[1:3]))


def test_fewer_merges_give_more_groups(tokeniser, networks):
    rng = np.random.default_rng(0)
    full = [tokeniser.segment(graph).n_groups for graph in networks]
    sparse = [tokeniser.segment(graph, 0.3, rng).n_groups for graph in networks]
    assert sum(sparse) > sum(full)
    assert tokeniser.segment(networks[0], 1.0, rng).n_groups == full[0]
    assert tokeniser.segment(networks[0], 0.0, rng).n_groups == networks[0].n_nodes


def test_a_draw_repeats_with_its_generator(tokeniser, networks):
    draws = [
        [tokeniser.segment(graph, 0.5, rng).starts.tolist() for graph in networks]
        for rng in (np.random.default_rng(3), np.random.default_rng(3), np.random.default_rng(4))
    ]
    assert draws[0] == draws[1] != draws[2]


def test_by_node_makes_every_node_a_group(tokeniser, networks):
    nodes = tokeniser.segment(networks[0]).by_node()
    assert nodes.n_groups == networks[0].n_nodes
    assert set(nodes.lengths.tolist()) == {1}


@pytest.mark.parametrize("keep", [-0.1, 1.1])
def test_a_share_outside_zero_to_one_is_refused(tokeniser, networks, keep):
    with pytest.raises(ConfigError, match="from 0 to 1"):
        tokeniser.segment(networks[0], keep, np.random.default_rng(0))


def test_a_share_without_a_generator_is_refused(tokeniser, networks):
    with pytest.raises(ConfigError, match="random generator"):
        tokeniser.segment(networks[0], 0.5)


def test_published_segmentations_full_and_sparse(published, goldens, shipped):
    kept = set(goldens["sparse_kept_piece_ids"])
    n_merges = len(published.vocabulary.merges)
    disabled = np.array([rank + 3 not in kept for rank in range(n_merges)])
    assert len(goldens["graphs"]) == 21
    for name, golden in goldens["graphs"].items():
        full = published.segment(shipped[name])
        sparse = published.segment(shipped[name], disabled=disabled)
        assert full.order.tolist() == golden["order"], name
        assert full.lengths.tolist() == golden["piece_lengths"], name
        assert sparse.lengths.tolist() == golden["sparse_piece_lengths"], name
