"""Fold isomorphic segments together, at the two levels of AutoGO spec 3.4.

Canonical forms with equal bytes are isomorphic; forms that differ but share a hash are compared
exactly. The result depends neither on the order of segments nor on how they were divided over
shards.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from archloom.graph import graph_hashes, is_isomorphic
from archloom.segments.pattern import EDGE, NODE, STATE, Pattern

Token = tuple[int, ...]


@dataclass
class Topology:
    """Isomorphic segments that differ in resolution or bias only.

    unit          : "segment" (a piece of the vocabulary) or "op" (a single node)
    nodes, edges  : as in ``Pattern``, in canonical order
    frequency     : occurrences per family
    tokens        : symbol sequences that it occurred under; empty for unknown labels
    example       : hash of a graph that contains it
    instances     : occurrences per ``Pattern.states``
    hash          : canonical hash at topology level, filled by ``fold``
    """

    unit: str
    nodes: bytes
    edges: bytes
    frequency: Counter[str] = field(default_factory=Counter)
    tokens: set[Token] = field(default_factory=set)
    example: str = ""
    instances: Counter[bytes] = field(default_factory=Counter)
    hash: str = ""

    @property
    def n_nodes(self) -> int:
        """Number of nodes."""
        return len(self.nodes) // NODE.itemsize

    @property
    def n_edges(self) -> int:
        """Number of edges."""
        return len(self.edges) // EDGE.itemsize

    def pattern(self, states: bytes) -> Pattern:
        """Return the instance with ``states``."""
        return Pattern(self.nodes, self.edges, states)

    def absorb(self, other: Topology, mapping: list[int] | None = None) -> None:
        """Add what ``other`` counted; node i of this one is node ``mapping[i]`` of the other."""
        self.frequency += other.frequency
        self.tokens |= other.tokens
        self.example = first_hash(self.example, other.example)
        for states, count in other.instances.items():
            self.instances[states if mapping is None else _permuted(states, mapping)] += count

    def sort_key(self) -> tuple[Any, ...]:
        """Return what orders topologies in a database."""
        return (self.unit, len(self.nodes), self.hash, self.nodes, self.edges)


def fold(topologies: Iterable[Topology]) -> list[Topology]:
    """Return ``topologies`` with isomorphic ones joined, hashes filled, in database order.

    The arguments are left as they are.
    """
    joined: dict[tuple[str, bytes, bytes], Topology] = {}
    for topology in topologies:
        key = (topology.unit, topology.nodes, topology.edges)
        joined.setdefault(key, Topology(*key)).absorb(topology)
    buckets: dict[tuple[str, str], list[Topology]] = {}
    ordered = [joined[key] for key in sorted(joined)]
    for topology, digest in zip(ordered, topology_hashes(ordered), strict=True):
        topology.hash = digest
        _join_bucket(buckets.setdefault((topology.unit, topology.hash), []), topology)
    result = [topology for bucket in buckets.values() for topology in bucket]
    for topology in result:
        _join_instances(topology)
    return sorted(result, key=Topology.sort_key)


def topology_hashes(topologies: Sequence[Topology]) -> list[str]:
    """Return the canonical hash of operations, windows and edges of each topology."""
    no_states = [bytes(topology.n_nodes * STATE.itemsize) for topology in topologies]
    graphs = [
        topology.pattern(states).graph()
        for topology, states in zip(topologies, no_states, strict=True)
    ]
    return graph_hashes(graphs, "topology")


def isomorphism(first: Topology, second: Topology) -> list[int] | None:
    """Return the node of ``second`` that matches each node of ``first``, or None."""
    from networkx.algorithms.isomorphism import (
        DiGraphMatcher,
        categorical_edge_match,
        categorical_node_match,
    )

    matcher = DiGraphMatcher(
        _digraph(first),
        _digraph(second),
        node_match=categorical_node_match("record", None),
        edge_match=categorical_edge_match("count", None),
    )
    if not matcher.is_isomorphic():
        return None
    return [matcher.mapping[node] for node in range(len(matcher.mapping))]


def first_hash(one: str, other: str) -> str:
    """Return the smaller of two hashes; an empty one does not count."""
    return min(one, other) if one and other else one or other


def _join_bucket(bucket: list[Topology], topology: Topology) -> None:
    """Join ``topology`` with the one of equal hash that it is isomorphic to, or append it."""
    for known in bucket:
        mapping = isomorphism(known, topology)
        if mapping is not None:
            known.absorb(topology, mapping)
            return
    bucket.append(topology)


def _join_instances(topology: Topology) -> None:
    """Join instances that a symmetry of the topology turns into each other.

    Candidates hold the same states in another order.
    """
    buckets: dict[tuple[bytes, ...], list[bytes]] = {}
    for states in sorted(topology.instances):
        bucket = buckets.setdefault(_multiset(states), [])
        pattern = topology.pattern(states)
        for known in bucket:
            if is_isomorphic(topology.pattern(known).graph(), pattern.graph()):
                topology.instances[known] += topology.instances.pop(states)
                break
        else:
            bucket.append(states)


def _digraph(topology: Topology) -> Any:
    """Return the topology as a networkx digraph; repeated edges become a count."""
    import networkx

    records = np.frombuffer(topology.nodes, dtype=NODE)
    graph = networkx.DiGraph()
    graph.add_nodes_from((node, {"record": row.tobytes()}) for node, row in enumerate(records))
    edges = Counter(map(tuple, topology.pattern(b"").edge_array().tolist()))
    graph.add_edges_from((*edge, {"count": count}) for edge, count in edges.items())
    return graph


def _multiset(states: bytes) -> tuple[bytes, ...]:
    """Return the state records of an instance, sorted."""
    width = STATE.itemsize
    return tuple(sorted(states[at : at + width] for at in range(0, len(states), width)))


def _permuted(states: bytes, mapping: list[int]) -> bytes:
    """Return state records in the order of ``mapping``."""
    return np.frombuffer(states, dtype=STATE)[mapping].tobytes()
