"""Import of ONNX models: every network of the import suite, and the time for one of 1,000 nodes.

    python -m benchmarks.graphs.bench_import

The networks of the ``transformers`` library are taken in where it is installed. Errors are relative
to the largest output of ONNX Runtime on the file as it was written.
"""

import tempfile
import time
import warnings
from functools import partial
from pathlib import Path

import onnx

from benchmarks.graphs import bench_import_torch
from benchmarks.recording import at_scale, figures, one_thread, record, table, with_tests

one_thread()
with_tests()

from archloom.errors import ArchloomError  # noqa: E402
from archloom.execute.types import output_types  # noqa: E402
from archloom.io import read_model  # noqa: E402
from import_suite import (  # noqa: E402
    Case,
    convolutional,
    families,
    handmade,
    libraries,
    tokens,
    try_import,
)

TOLERANCE = 1e-3
EVERY = at_scale(1, 12)
LARGE = {
    "efficientnet": partial(convolutional.efficientnet, 11),
    "densenet": partial(convolutional.densenet, 55),
}


def outcome(case, folder: Path) -> dict:
    """Return what the import makes of ``case``."""
    path = folder / "model.onnx"
    row = {"kind": case.kind}
    try:
        inputs = case.write(path)
    except Exception as error:  # the library's or the exporter's own
        return {**row, "not_exported": f"{type(error).__name__}: {str(error).splitlines()[0]}"}
    row["onnx_nodes"] = len(onnx.load(path).graph.node)
    start = time.process_time()
    try:
        read_model(path)
        row["cpu_seconds"] = round(time.process_time() - start, 3)
        found = try_import(path, inputs)
    except ArchloomError as error:
        return {**row, "passes": False, "failure": str(error)}
    graph = found.model.graph
    same = found.again.hash == graph.hash
    return {
        **row,
        "graph_nodes": graph.n_nodes,
        "share_in_vocabulary": round(1 - float(graph.is_fixed.mean()), 3),
        "run_error": float(f"{found.run_error:.1e}"),
        "export_error": float(f"{found.export_error:.1e}"),
        "same_graph_again": same,
        "passes": max(found.run_error, found.export_error) <= TOLERANCE and same,
        "notes": list(found.model.notes),
    }


def speed(build, folder: Path) -> dict:
    """Return the time to import a network of about 1,000 nodes, the best of three; nothing that is
    known of its operators is kept in between.
    """
    path = folder / "large.onnx"
    Case("large", build, convolutional.images).write(path)
    walls, cpus = [], []
    for _ in range(3):
        output_types.cache_clear()
        wall, cpu = time.perf_counter(), time.process_time()
        model = read_model(path)
        walls.append(time.perf_counter() - wall)
        cpus.append(time.process_time() - cpu)
    return {
        "onnx_nodes": len(onnx.load(path).graph.node),
        "graph_nodes": model.graph.n_nodes,
        "seconds": round(min(walls), 2),
        "cpu_seconds": round(min(cpus), 2),
        "bar_seconds": 2,
    }


def main() -> None:
    """Run the suite and write the result file."""
    warnings.simplefilter("ignore")
    cases = {}
    for part in (convolutional, tokens, families, handmade, libraries):
        cases.update(list(part.CASES.items())[::EVERY])
    with tempfile.TemporaryDirectory() as folder:
        rows = {name: outcome(case, Path(folder)) for name, case in cases.items()}
        large = {name: speed(build, Path(folder)) for name, build in LARGE.items()}
    written = [row for row in rows.values() if "not_exported" not in row]
    passed = sum(row["passes"] for row in written)
    record(
        "import",
        {
            "networks": len(written),
            "pass": passed,
            "share": round(passed / len(written), 3),
            "bar_share": 0.95,
            "failures": {name: row["failure"] for name, row in rows.items() if "failure" in row},
            "speed": large,
            "suite": rows,
        },
        note="import, run, export and import again; errors relative to the largest output",
    )


def section() -> str:
    """Return how the networks of the import suite fare."""
    files = figures("import")
    suite = files["suite"]
    error = max(max(one["run_error"], one["export_error"]) for one in suite.values())
    whole = sum(one["share_in_vocabulary"] == 1 for one in suite.values())
    rows = [
        ["ONNX files: imported, run, exported, imported again", files["pass"], files["networks"]],
        bench_import_torch.row(),
    ]
    large = ", ".join(
        f"{name} of {one['onnx_nodes']:,} nodes {one['seconds']} s"
        for name, one in files["speed"].items()
    )
    return (
        "## Imported networks\n\n"
        "Networks of many kinds from ONNX files and PyTorch modules, compared with ONNX Runtime on "
        "the file and with the module; a graph has to come back the same from its own export. The "
        f"largest error relative to the largest output is {error:.0e} for files and "
        f"{bench_import_torch.largest_error():.0e} for modules. {whole} of the files consist of "
        f"nodes of the vocabulary alone. Import of large files: {large}.\n\n"
        + table(["networks", "pass", "of"], rows)
    )


if __name__ == "__main__":
    main()
