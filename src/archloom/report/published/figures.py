"""Our figures that take minutes to make: instance counts and latencies, kept as JSON files."""

from __future__ import annotations

import platform
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from archloom.graph import Graph
from archloom.predict.metrics import n_folds
from archloom.segments.psc_index import psc_ranges
from archloom.segments.tokeniser import Tokeniser
from archloom.spaces import FAMILIES
from archloom.spaces.caches import in_cache_form
from archloom.train.latency import Timing, measure_latency

TIMING = Timing(runtime="onnxruntime", threads=1, warm_up=1, repeats=7)


def networks_of(family: str, count: int, seed: int = 0) -> list[Graph]:
    """Return ``count`` networks of a family in the form of the reference's caches."""
    module = FAMILIES[family]
    graphs = module.sample(count, seed, module.FULL, "upstream")
    return [in_cache_form(graph) for graph in graphs]


def count_instances(graphs: Iterable[Graph], tokeniser: Tokeniser) -> dict[str, float]:
    """Return the number of graphs, of their P/S/C instances and of test folds, and the share of
    nodes whose label the vocabulary does not know, in percent.
    """
    counts, n_nodes, n_unknown = [], 0, 0
    for graph in graphs:
        cut = tokeniser.segment(graph)
        counts.append(len(psc_ranges(cut)[1]))
        n_nodes += graph.n_nodes
        n_unknown += sum(symbol < 0 for symbol in cut.symbols)
    return {
        "graphs": len(counts),
        "instances": sum(counts),
        "folds": n_folds(np.array(counts)),
        "unknown_percent": 100 * n_unknown / n_nodes,
    }


def latency_figures(
    groups: Sequence[Mapping[str, Graph]], timing: Timing = TIMING
) -> dict[str, Any]:
    """Return the latency in ms of named graphs, those of a group measured in the same rounds."""
    found: dict[str, Any] = {}
    for group in groups:
        measured = measure_latency(list(group.values()), timing)
        found |= {name: asdict(one) for name, one in zip(group, measured, strict=True)}
    words = f"{timing.words}, median of {timing.repeats} interleaved rounds"
    return {"timing": words, "machine": machine(), "graphs": found}


def machine() -> str:
    """Return the processor's name where the system tells it."""
    facts = Path("/proc/cpuinfo")
    lines = facts.read_text(encoding="utf-8").splitlines() if facts.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()
