"""Labels from public benchmark tables (provenance "benchmark")."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from archloom.data import registry
from archloom.data.labels import Label
from archloom.errors import DataError, FormatError
from archloom.graph import Graph
from archloom.spaces import architecture_of

NB201_COLUMN = "cifar10_test_acc_200"
NB201_RECIPE = "nasbench201-cifar10-200"


def nb201_accuracies(mirror: str | Path | None = None) -> dict[str, float]:
    """Return the CIFAR-10 test accuracy after 200 epochs of every cell string, as a fraction.

    The means over the benchmark's seeds, from the registered dataset ``nasbench201``, looked for
    in ``mirror`` first. Raises ``DataError`` where there is none, ``FormatError`` for a foreign
    table.
    """
    import pyarrow as arrow
    import pyarrow.parquet as parquet

    path = registry.find("nasbench201", "accuracy.parquet", mirror)
    try:
        table = parquet.read_table(path, columns=["arch_str", NB201_COLUMN])
    except (OSError, arrow.ArrowException) as error:
        raise FormatError(f"{path} is no table of NB-201 accuracies ({error}).") from error
    percent: Iterable[float] = table.column(NB201_COLUMN).to_pylist()
    names: Iterable[str] = table.column("arch_str").to_pylist()
    return {name: value / 100 for name, value in zip(names, percent, strict=True)}


def nb201_labels(graphs: Sequence[Graph], mirror: str | Path | None = None) -> list[Label]:
    """Return the benchmark's accuracy of each of ``graphs``, named by their cell strings.

    Raises ``DataError`` for a graph whose cell is not in the table.
    """
    accuracies = nb201_accuracies(mirror)
    labels = []
    for graph in graphs:
        cell = architecture_of(graph)
        if cell not in accuracies:
            raise DataError(
                f"NAS-Bench-201 has no network {cell!r}: benchmark labels are for graphs of the "
                "family nb201 only, choose another label source for the others."
            )
        labels.append(
            Label(
                graph=graph.hash,
                metric="accuracy",
                provenance="benchmark",
                recipe=NB201_RECIPE,
                seed=-1,
                value=accuracies[cell],
                unit="fraction",
                name=graph.name,
                family=graph.family,
            )
        )
    return labels
