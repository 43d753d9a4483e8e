"""Every setting of a search changes what it finds."""

from dataclasses import fields

from archloom.search.graphs.evolution import evolve
from archloom.search.graphs.settings import SearchSettings
from search_world import make_mutator

CHANGES = {
    "unit": "op",
    "family": "edsr",
    "iterations": 1,
    "top_k": 1,
    "max_sources": 2,
    "max_targets": 6,
    "consecutive": 1,
    "sparsity": 0.0,
    "objectives": ("score", "params"),
    "constraints": ("flops<-5%",),
    "max_visited": 10,
}
ELSEWHERE = {"latency_threads", "minutes", "legacy", "solver"}
"""Of measuring, of time, and of shape propagation, where they are tested."""


def found(network, **changes):
    """Return what a short search finds, as one value."""
    result = evolve(network, make_mutator(**changes), seed=3)
    counts = [(entry["children"], entry["unique"]) for entry in result.statistics]
    return counts, [(member.graph.hash, *member.values.values()) for member in result.members]


def test_every_setting_reaches_the_search(network):
    assert {one.name for one in fields(SearchSettings)} == set(CHANGES) | ELSEWHERE
    before = found(network)
    assert before == found(network)
    same = [name for name, value in CHANGES.items() if found(network, **{name: value}) == before]
    assert same == []
