"""Import of PyTorch modules: the modules of the import suite through ``from_torch``.

    python -m benchmarks.graphs.bench_import_torch

Every module is imported, run with the weights that came with it, and compared with itself at the
batch size of its example and at another one. Errors are relative to the largest output. Seconds are
process time of the import alone, torch.export included. Where the ``transformers`` library is
installed its networks take part, with random weights.
"""

import time
from importlib.metadata import PackageNotFoundError, version

from benchmarks.recording import at_scale, figures, one_thread, record, with_tests

one_thread()
with_tests()

import torch  # noqa: E402
from torch import Tensor  # noqa: E402
from torch.utils._pytree import tree_leaves  # noqa: E402

import archloom as al  # noqa: E402
from archloom.errors import ArchloomError  # noqa: E402
from import_suite import Case, convolutional, difference, libraries, tokens  # noqa: E402


def tensors(found) -> list[Tensor]:
    return [one for one in tree_leaves(found) if isinstance(one, Tensor)]


def error(case: Case, module, network, inputs) -> float:
    with torch.no_grad():
        wanted, found = tensors(module(*inputs)), tensors(network(*inputs))
    return difference(wanted, [f.reshape(w.shape) for f, w in zip(found, wanted, strict=True)])


def measured(case: Case) -> dict:
    module, inputs = case.module(), case.inputs()
    start = time.process_time()
    try:
        model = al.from_torch(module, inputs)
    except ArchloomError as refused:
        return {"refused": str(refused)}
    seconds = time.process_time() - start
    network = al.to_torch(model.graph, model.weights).eval()
    longer = tuple(torch.cat([one, one[:1]]) for one in inputs)
    return {
        "nodes": model.graph.n_nodes,
        "fixed": int(model.graph.is_fixed.sum()),
        "parameters_traced": len(model.origins),
        "weights": len(model.weights),
        "error": error(case, module, network, inputs),
        "error_of_another_batch": None
        if model.notes or not case.batch
        else error(case, module, network, longer),
        "seconds": round(seconds, 2),
        "notes": list(model.notes),
    }


def main() -> None:
    cases = {**convolutional.CASES, **tokens.CASES, **libraries.CASES}
    torch.export.export(torch.nn.ReLU(), (torch.zeros(1),))  # loads the exporter
    chosen = list(cases.items())[:: at_scale(1, 12)]
    rows = {name: measured(case) for name, case in chosen}
    done = [row for row in rows.values() if "error" in row]
    good = [row for row in done if max(row["error"], row["error_of_another_batch"] or 0.0) <= 1e-3]
    figures = {
        "modules": len(rows),
        "imported": len(done),
        "equal_outputs": len(good),
        "largest_error": max(
            max(row["error"], row["error_of_another_batch"] or 0.0) for row in done
        ),
        "longest_seconds": max(row["seconds"] for row in done),
        "rows": rows,
    }
    try:
        library = f"transformers {version('transformers')}"
    except PackageNotFoundError:
        library = "transformers not installed: its networks did not take part"
    record("import_torch", figures, seeds=[0], note=library)


def row() -> list[object]:
    """Return what was imported with equal outputs, and of how many."""
    found = figures("import_torch")
    what = "PyTorch modules: imported with equal outputs"
    return [what, found["equal_outputs"], found["modules"]]


def largest_error() -> float:
    """Return the largest error relative to the largest output."""
    return figures("import_torch")["largest_error"]


if __name__ == "__main__":
    main()
