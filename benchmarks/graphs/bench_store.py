"""The Parquet graph store: writing and reading per graph, and opening a store of 500,000 graphs.

    python -m benchmarks.graphs.bench_store [--graphs 500000]

Writing (hash included) and reading are timed on NB-201 networks of the full skeleton. The large
store repeats those rows under new names, so that it is made quickly; a fresh process opens it, and
the memory is what the opening adds to that process.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.recording import at_scale, figures, one_thread, record

one_thread()

import pyarrow as pa  # noqa: E402
import pyarrow.parquet as pq  # noqa: E402

from archloom.io.store import ROW_GROUP, GraphStore, write_store  # noqa: E402
from archloom.spaces import nb201  # noqa: E402

OPENING = """
import json, sys, time
from archloom.io.store import GraphStore

def resident_mb():
    pages = int(open("/proc/self/statm").read().split()[1])
    return pages * 4096 / 2**20

before, start = resident_mb(), time.process_time()
store = GraphStore(sys.argv[1])
opened, opened_mb = time.process_time() - start, resident_mb() - before
start = time.process_time()
wanted = store[len(store) // 2]
row = time.process_time() - start
start = time.process_time()
names = store.names()
print(json.dumps({
    "graphs": len(store), "open_ms": round(1e3 * opened, 1), "open_adds_mb": round(opened_mb, 1),
    "one_row_ms": round(1e3 * row, 1), "all_names_ms": round(1e3 * (time.process_time() - start)),
    "then_resident_adds_mb": round(resident_mb() - before, 1),
}))
"""


def main() -> None:
    """Measure, and record the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--graphs", type=int, default=at_scale(500_000, 2000))
    options = parser.parse_args()
    graphs = nb201.sample(4 * ROW_GROUP, seed=0)
    with tempfile.TemporaryDirectory() as folder:
        small, large = Path(folder, "small.parquet"), Path(folder, "large.parquet")
        figures = timed(graphs, small)
        enlarge(small, large, options.graphs)
        figures["large"] = opening(large)
        figures["large"]["file_mb"] = round(large.stat().st_size / 2**20, 1)
    record(
        "store",
        figures,
        note="all times are processor time, which other work on the machine does not lengthen",
    )


def timed(graphs: list, path: Path) -> dict:
    """Return processor times per graph of writing and reading ``graphs`` at ``path``."""
    start = time.process_time()
    write_store(graphs, path)
    written = time.process_time()
    nodes = sum(graph.n_nodes for graph in GraphStore(path))
    read = time.process_time()
    return {
        "graphs": len(graphs),
        "nodes_per_graph": round(nodes / len(graphs)),
        "bytes_per_graph": round(path.stat().st_size / len(graphs)),
        "write_ms": round(1e3 * (written - start) / len(graphs), 3),
        "read_ms": round(1e3 * (read - written) / len(graphs), 3),
    }


def enlarge(small: Path, large: Path, count: int) -> None:
    """Write ``count`` rows to ``large``: those of ``small`` over and over, under new names."""
    rows = pq.read_table(small).slice(0, ROW_GROUP)
    place = rows.schema.get_field_index("name")
    with pq.ParquetWriter(large, rows.schema, compression="zstd", write_statistics=False) as writer:
        for first in range(0, count, ROW_GROUP):
            part = rows.slice(0, min(ROW_GROUP, count - first))
            names = pa.array([f"net{first + row}" for row in range(len(part))])
            writer.write_table(part.set_column(place, rows.schema.field(place), names))


def opening(path: Path) -> dict:
    """Return what opening ``path`` costs a fresh process."""
    done = subprocess.run(
        [sys.executable, "-c", OPENING, str(path)], capture_output=True, text=True, check=True
    )
    return json.loads(done.stdout)


def speeds() -> list[list[object]]:
    """Return rows: what, ours, the reference's."""
    found = figures("store")
    large = found["large"]
    return [
        ["reading a graph from a store, ms", found["read_ms"], ""],
        [f"opening a store of {large['graphs']:,} graphs, ms", large["open_ms"], ""],
    ]


if __name__ == "__main__":
    main()
