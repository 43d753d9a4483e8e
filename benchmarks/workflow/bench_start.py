"""Start-up of the command line: processor time of whole processes, beside another version.

    python -m benchmarks.workflow.bench_start [--beside SRC]

SRC is the folder ``src`` of another checkout, measured in turns with this one. Times are user and
system time of the process and its children, the best of several, with the file system warm.
"""

import argparse
import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

from archloom.graph import Graph, GraphBuilder
from archloom.io import write
from benchmarks.recording import ROOT, at_scale, figures, record, table

ROUNDS = at_scale(7, 1)
BARS = {"help": 0.45, "inspect_onnx": 1.2, "inspect_json": 0.5}
_MAIN = "import sys; sys.argv[0] = 'archloom'; from archloom.cli import main; main()"


def network() -> Graph:
    """Return a residual network of 250 nodes with batch norms."""
    b = GraphBuilder(name="start")
    x = b.unary("relu", b.unary("batchnorm", b.conv(b.input(32, 32, 3), 16, 3)))
    for _ in range(40):
        y = b.unary("relu", b.unary("batchnorm", b.conv(x, 16, 3)))
        x = b.add([x, b.unary("batchnorm", b.conv(y, 16, 3))])
    for _ in range(3):
        x = b.unary("relu", x)
    b.output(b.matmul(b.unary("mean", x), 10))
    return b.build()


def seconds(source: Path, arguments: list[str]) -> float:
    """Return the processor time of one call of the command line."""
    environment = {**os.environ, "PYTHONPATH": str(source), "OMP_NUM_THREADS": "1"}
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(
        [sys.executable, "-c", _MAIN, *arguments],
        env=environment,
        check=True,
        stdout=subprocess.DEVNULL,
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime


def main() -> None:
    """Measure and write the result file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--beside", type=Path, help="folder src of another checkout")
    beside = parser.parse_args().beside
    versions = {"here": ROOT / "src"}
    versions |= {"beside": beside.resolve()} if beside else {}
    graph = network()
    with tempfile.TemporaryDirectory() as folder:
        files = {ending: Path(folder) / f"start.{ending}" for ending in ("onnx", "json")}
        for path in files.values():
            write(graph, path)
        calls = {
            "help": ["--help"],
            **{f"inspect_{ending}": ["inspect", str(path)] for ending, path in files.items()},
            "convert_onnx": ["convert", str(files["onnx"]), str(Path(folder) / "again.json")],
        }
        rows: dict[str, dict[str, float]] = {}
        for name, arguments in calls.items():
            found: dict[str, list[float]] = {version: [] for version in versions}
            for _ in range(ROUNDS):
                for version, source in versions.items():
                    found[version].append(seconds(source, arguments))
            rows[name] = {version: round(min(times), 3) for version, times in found.items()}
            rows[name] |= {"bar": BARS[name]} if name in BARS else {}
            print(name, rows[name])
    record(
        "start",
        {"nodes": graph.n_nodes, "processor_seconds": rows},
        note=f"whole processes, user and system time, best of {ROUNDS}, in turns",
    )


def section() -> str:
    """Return how long the command line takes to start, beside another version if one was there."""
    found = figures("start")
    words = {
        "help": "`archloom --help`",
        "inspect_onnx": f"`archloom inspect` of an ONNX file, {found['nodes']} nodes",
        "inspect_json": "the same of our JSON",
        "convert_onnx": "`archloom convert` of the ONNX file",
    }
    keys = ("here", "beside", "bar")
    rows = [
        [words[name], *(f"{one[key]:.2f}" if key in one else "" for key in keys)]
        for name, one in found["processor_seconds"].items()
    ]
    head = ["command", "s", "s, version beside it", "aim, s"]
    intro = "Processor time of whole processes, best of several, in turns."
    return f"## Start-up\n\n{intro}\n\n{table(head, rows)}"


if __name__ == "__main__":
    main()
