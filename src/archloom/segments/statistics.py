"""What a segment database offers a search, in numbers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

import numpy as np

from archloom.graph import OPS, graph_hashes
from archloom.segments.database import UNITS, SegmentDatabase
from archloom.segments.dedup import Topology
from archloom.segments.pattern import NODE, STATE, Pattern


def statistics(database: SegmentDatabase) -> dict[str, Any]:
    """Return counts of topologies, instances and occurrences, by unit of mutation.

    ``per_operation`` says for each operation how many topologies and instances hold it;
    ``per_family`` counts occurrences; ``op_level`` describes the topologies that are left when
    only operations and edges count, as in the published number of unique segments (AutoGO spec
    3.3). JSON-ready.
    """
    return {unit: _of_unit([e for e in database.topologies if e.unit == unit]) for unit in UNITS}


def op_level_hashes(topologies: Iterable[Topology]) -> list[str]:
    """Return a hash per topology that covers operations (relu6 counts as relu) and edges alone."""
    return graph_hashes([_bare(entry).graph() for entry in topologies], "topology")


def _of_unit(entries: list[Topology]) -> dict[str, Any]:
    one_of_each = dict(zip(op_level_hashes(entries), entries, strict=True))
    families: Counter[str] = sum((entry.frequency for entry in entries), Counter())
    return {
        **_described(entries),
        "instances": sum(len(entry.instances) for entry in entries),
        "occurrences": families.total(),
        "per_family": dict(sorted(families.items())),
        "per_operation": _per_operation(entries),
        "op_level": _described(list(one_of_each.values())),
    }


def _described(entries: list[Topology]) -> dict[str, Any]:
    """Return how many topologies there are, and how large they are."""
    sizes = Counter(entry.n_nodes for entry in entries)
    return {
        "topologies": len(entries),
        "mean_nodes": round(float(np.mean([e.n_nodes for e in entries])), 2) if entries else 0.0,
        "mean_edges": round(float(np.mean([e.n_edges for e in entries])), 2) if entries else 0.0,
        "sizes": {str(size): count for size, count in sorted(sizes.items())},
    }


def _per_operation(entries: list[Topology]) -> dict[str, dict[str, int]]:
    """Return by canonical name of an operation how many topologies and instances hold it."""
    topologies, instances = Counter[str](), Counter[str]()
    for entry in entries:
        codes = np.unique(np.frombuffer(entry.nodes, dtype=NODE)["op"]).tolist()
        for name in {OPS.by_code(code).canonical for code in codes}:
            topologies[name] += 1
            instances[name] += len(entry.instances)
    return {
        name: {"topologies": topologies[name], "instances": instances[name]}
        for name in sorted(topologies)
    }


def _bare(entry: Topology) -> Pattern:
    """Return a topology with nothing but operations and edges."""
    nodes = np.frombuffer(entry.nodes, dtype=NODE)
    bare = np.zeros(len(nodes), dtype=NODE)
    bare["op"] = np.where(nodes["op"] == OPS.code("relu6"), OPS.code("relu"), nodes["op"])
    return Pattern(bare.tobytes(), entry.edges, bytes(len(nodes) * STATE.itemsize))
