"""Replacements: exact fits first, then what is preferred most, then what the shapes permit."""

from collections import Counter
from types import SimpleNamespace

import numpy as np
import pytest

from archloom.search.graphs.regions import find_regions
from archloom.search.graphs.replacements import ReplacementFinder
from archloom.segments.interface import permitted_ops
from search_world import make_world

PERMITTED = permitted_ops("generic")


class FitsAll:
    """A propagator that leaves every segment as it is, or finds none that fits."""

    def __init__(self, fits=True):
        self.fits = fits

    def __call__(self, segment, entering, leaving):
        return SimpleNamespace(
            succeeded=self.fits, status="infeasible", apply=lambda graph: graph, of=segment
        )


@pytest.fixture
def region(network):
    """A region that several segments fit exactly."""
    database, tokeniser = make_world()
    regions = find_regions(
        network,
        tokeniser.segment(network),
        PERMITTED,
        consecutive=3,
        limit=10_000,
        rng=np.random.default_rng(0),
    )
    return max(regions, key=lambda one: len(database.exact(*one.interface, permitted=PERMITTED)))


def found(region, limit, preference, seed=0, fits=True, unit="segment"):
    """Return the hashes of the replacements, and how many were rejected by reason."""
    rejected = Counter()
    finder = ReplacementFinder(make_world()[0], FitsAll(fits), PERMITTED, unit)
    rng = np.random.default_rng(seed)
    some = list(finder.find(region, limit, preference, rng, rejected))
    return [one.segment.hash for one in some], rejected


def exact_fits(region):
    database, _ = make_world()
    fits = database.exact(*region.interface, permitted=PERMITTED)
    return {database.graph(instance).hash for instance in fits.tolist()}


def test_what_is_rated_best_is_tried_first_and_nothing_else(region):
    database, _ = make_world()
    asked = []

    def rated(topologies):
        asked.append(topologies)
        return np.sin(topologies.astype(float))

    names, _ = found(region, 9, rated)
    (topologies,) = asked
    wanted = topologies[np.argsort(-np.sin(topologies.astype(float)))]
    n_exact = min(9 // 2, len(exact_fits(region)))
    assert n_exact > 0 and set(names[:n_exact]) <= exact_fits(region)
    others = names[n_exact:]
    assert len(others) == 9 - n_exact < len(topologies)
    representatives = database.representative[wanted[: len(others)]].tolist()
    assert others == [database.graph(instance).hash for instance in representatives]


def test_without_a_preference_the_choice_is_random(region):
    one, other = (found(region, 9, lambda topologies: None, seed)[0] for seed in (0, 1))
    assert len(one) == len(other) == 9 and one != other


def test_what_cannot_be_made_to_fit_is_counted(region):
    names, rejected = found(region, 9, lambda topologies: None, fits=False)
    assert set(names) <= exact_fits(region)
    assert rejected == {"shapes: infeasible": 9 - len(names)}


def test_single_nodes_have_to_fit_exactly(region):
    names, rejected = found(region, 9, lambda topologies: None, fits=False, unit="op")
    database, _ = make_world()
    fits = database.exact(*region.interface, unit="op", permitted=PERMITTED)
    assert len(names) == min(9, len(fits)) and not rejected
