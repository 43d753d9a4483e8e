"""Our generators against the instance counts that the paper gives for its families (Table 7)."""

import numpy as np
import pytest

from archloom.spaces import hiaml, two_path

COUNTS = {hiaml: 65_100 / 4_629, two_path: 193_100 / 6_900}
"""Instances per network."""


@pytest.mark.parametrize("family", COUNTS, ids=lambda family: family.FAMILY)
def test_networks_are_cut_into_as_many_pieces_as_the_published_ones(published, family):
    graphs = family.sample(300, 0, family.FULL, "upstream")
    pieces = [published.segment(graph).n_groups for graph in graphs]
    error = 3 * np.std(pieces) / np.sqrt(len(pieces))
    assert abs(np.mean(pieces) - COUNTS[family]) < error


def test_no_label_of_a_hiaml_network_is_new(published):
    for block in hiaml.BLOCKS:
        graph = hiaml.build("-".join([block] * 4), hiaml.FULL, "upstream")
        assert published.vocabulary.unknown_labels(graph) == []
