"""All 15,625 NB-201 networks on the full skeleton: built, hashed and stored, on one core.

    python -m benchmarks.graphs.bench_nb201_all [--variant benchmark]

Times are given as wall time and as processor time, which other work on the machine does not
lengthen. The store is read back and its hashes are counted. The bar is 60 s.
"""

import argparse
import resource
import tempfile
import time
from itertools import islice
from pathlib import Path

from archloom.graph import graph_hashes
from archloom.io.store import GraphStore, write_store
from archloom.spaces import VARIANTS, nb201
from benchmarks.recording import at_scale, figures, record

BAR_S = 60
BATCH = 1000
CELLS = at_scale(None, 200)
"""How many; None: all."""


class Stopwatch:
    """Sums wall and processor seconds over ``with`` blocks."""

    def __init__(self):
        self.wall = self.processor = 0.0

    def __enter__(self):
        """Start."""
        self._start = time.perf_counter(), time.process_time()

    def __exit__(self, *_):
        """Stop and add."""
        self.wall += time.perf_counter() - self._start[0]
        self.processor += time.process_time() - self._start[1]

    def seconds(self):
        """Return both sums, rounded."""
        return {"wall_s": round(self.wall, 2), "processor_s": round(self.processor, 2)}


def cells():
    """Return the architecture strings."""
    return islice(nb201.enumerate_all(), CELLS)


def run_all(variant, path):
    """Build, hash and store every cell as a user would; return the seconds."""
    watch = Stopwatch()
    with watch:
        write_store((nb201.build(a, variant=variant) for a in cells()), path)
    return watch.seconds()


def run_stages(variant):
    """Return the seconds of building and of hashing alone."""
    building, hashing = Stopwatch(), Stopwatch()
    names = list(cells())
    for start in range(0, len(names), BATCH):
        with building:
            graphs = [nb201.build(a, variant=variant) for a in names[start : start + BATCH]]
        with hashing:
            graph_hashes(graphs)
    return {"build": building.seconds(), "hash": hashing.seconds()}


def main():
    """Run, print and write the result."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--variant", choices=VARIANTS, default="benchmark")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "nb201.parquet"
        total = run_all(options.variant, path)
        store = GraphStore(path)
        facts = {"graphs": len(store), "hashes": len(set(store.hashes()))}
        facts["store_mb"] = round(path.stat().st_size / 1e6, 2)
    facts["peak_mb"] = round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
    result = {
        "variant": options.variant,
        "bar_s": BAR_S,
        **facts,
        "all": total,
        "stages": run_stages(options.variant),
    }
    record("nb201_all", result)


def speeds() -> list[list[object]]:
    """Return rows: what, ours, the reference's."""
    found = figures("nb201_all")
    what = f"all {found['graphs']:,} NB-201 graphs built, hashed and stored, s"
    return [[what, found["all"]["wall_s"], ""]]


if __name__ == "__main__":
    main()
