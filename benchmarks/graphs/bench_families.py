"""Architecture families: time to build a graph, size of the graphs, and all cells of NB-101.

    python -m benchmarks.graphs.bench_families [--graphs 200]

Architecture strings are drawn first; what is timed is string -> graph on the full skeleton in both
variants, by processor time of one thread, the best of three rounds. The cells of NAS-Bench-101 are
enumerated in a fresh process, with the memory that it takes at most.
"""

import argparse
import json
import subprocess
import sys
import time

from benchmarks.recording import at_scale, figures, one_thread, record, table

one_thread()

import numpy as np  # noqa: E402

from archloom.graph import flops, parameters  # noqa: E402
from archloom.spaces import FAMILIES, VARIANTS, Space, Variant, architecture_of  # noqa: E402

ROUNDS = at_scale(3, 1)
ENUMERATION = """
import json, re, time
from archloom.spaces import nb101, nb101_cells

def peak():
    with open("/proc/self/status") as status:
        return int(re.search(r"VmHWM:\\s+(\\d+) kB", status.read())[1]) / 1024

before, start = peak(), time.process_time()
table = nb101_cells.all_cells()
classes, adds = time.process_time() - start, peak() - before
start = time.process_time()
strings = sum(1 for _ in nb101.enumerate_all())
print(json.dumps({
    "cells": len(table), "strings": strings, "classes_s": round(classes, 2),
    "strings_s": round(time.process_time() - start, 2), "peak_adds_mb": round(adds),
}))
"""


def main() -> None:
    """Measure, and record the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--graphs", type=int, default=at_scale(200, 2))
    options = parser.parse_args()
    families = {name: measured(family, options.graphs) for name, family in FAMILIES.items()}
    ran = subprocess.run(
        [sys.executable, "-c", ENUMERATION], capture_output=True, text=True, check=True
    )
    figures = {"families": families, "nb101_enumeration": json.loads(ran.stdout)}
    record("families", figures, seeds=[0], note=f"{options.graphs} graphs per family")


def measured(family: Space, count: int) -> dict[str, object]:
    """Return milliseconds per graph, and means over the graphs."""
    graphs = family.sample(count, 0)
    architectures = [architecture_of(graph) for graph in graphs]
    return {
        "graphs": count,
        "build_ms": {
            variant: round(1e3 * build_seconds(family, architectures, variant), 2)
            for variant in VARIANTS
        },
        "nodes": round(float(np.mean([graph.n_nodes for graph in graphs]))),
        "nodes_most": max(graph.n_nodes for graph in graphs),
        "with_fixed_nodes": sum(bool(graph.definitions) for graph in graphs),
        "parameters_m": round(float(np.mean([parameters(graph) for graph in graphs])) / 1e6, 2),
        "mac_gflops": round(float(np.mean([flops(graph, "mac") for graph in graphs])) / 1e9, 3),
    }


def build_seconds(family: Space, architectures: list[str], variant: Variant) -> float:
    """Return the processor time per graph of the best round."""
    rounds = []
    for _ in range(ROUNDS):
        start = time.process_time()
        for architecture in architectures:
            family.build(architecture, family.FULL, variant)
        rounds.append(time.process_time() - start)
    return min(rounds) / len(architectures)


def section() -> str:
    """Return what building the families' graphs takes."""
    found = figures("families")
    rows = [
        [
            name,
            f"{one['build_ms']['benchmark']} / {one['build_ms']['upstream']}",
            one["nodes"],
            one["parameters_m"],
            one["mac_gflops"],
            f"{100 * one['with_fixed_nodes'] / one['graphs']:.0f} %",
        ]
        for name, one in found["families"].items()
    ]
    head = ["family", "ms per graph, benchmark / upstream", "nodes", "parameters, M"]
    head += ["GFLOPs (2 x MAC)", "with fixed nodes"]
    cells = found["nb101_enumeration"]
    return (
        "## Families\n\nArchitecture string to graph, full skeleton, processor time of one thread; "
        "means of random networks.\n\n"
        + table(head, rows)
        + f"\n\nAll {cells['cells']:,} classes of NAS-Bench-101 cells: {cells['classes_s']} s and "
        f"{cells['peak_adds_mb']} MB at most; as strings {cells['strings_s']} s more."
    )


if __name__ == "__main__":
    main()
