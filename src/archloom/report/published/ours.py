"""Our figure beside a published one: computed, measured, recorded before, or not run."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archloom.errors import FormatError
from archloom.files import read_json
from archloom.graph import flops
from archloom.io import read_graph
from archloom.report.published.facts import Entry, Table, Value
from archloom.search.front import rank_sum

COMPUTED, MEASURED, RECORDED, NOT_RUN = "computed", "measured", "recorded", "not run"


@dataclass(frozen=True)
class Ours:
    """Our figure in the unit of the published one, or None, and how it was made.

    spread : standard deviation; quartiles : first and third, of a measured time
    state  : computed, measured, recorded or not run; command : what runs it, "" where nothing does
    machine : what a time or a training depends on, "" where it is no matter
    """

    value: Value
    how: str
    state: str = COMPUTED
    spread: float | None = None
    quartiles: tuple[float, float] | None = None
    command: str = ""
    machine: str = ""


@dataclass(frozen=True)
class Sources:
    """Files that our figures are made from; what is missing becomes a row that says so.

    graphs    : released graphs by name (dataset autogo_cgs)
    records   : result files of the benchmarks by name
    latency, instances : files of ``archloom.report.published.figures``
    """

    graphs: Mapping[str, Path] = field(default_factory=dict)
    records: Mapping[str, Path] = field(default_factory=dict)
    latency: Path | None = None
    instances: Path | None = None


class _Missing(Exception):
    """What a figure needs and why it is not there; ``command`` makes it."""

    def __init__(self, reason: str, command: str = "") -> None:
        super().__init__(reason)
        self.command = command


def ours_of(entry: Entry, table: Table, sources: Sources) -> Ours:
    """Return our figure for an entry; raises ``FormatError`` for an unknown kind."""
    if not entry.ours:
        return Ours(None, table.missing, NOT_RUN, command=table.command)
    kind = next((kind for kind in KINDS if kind in entry.ours), None)
    if kind is None:
        raise FormatError(
            f"{table.name}, row {entry.row}: ours has {', '.join(entry.ours)}; known are "
            f"{', '.join(KINDS)}."
        )
    try:
        return KINDS[kind](entry.ours, table, sources)
    except _Missing as missing:
        return Ours(None, str(missing), NOT_RUN, command=missing.command)


def _flops(ours: Mapping[str, Any], _: Table, sources: Sources) -> Ours:
    count = _flops_of(ours["flops"], sources)
    return Ours(count * ours["scale"], f"counted on the released graph {ours['flops']}")


def _flops_change(ours: Mapping[str, Any], _: Table, sources: Sources) -> Ours:
    base, changed = (_flops_of(name, sources) for name in ours["flops_change"])
    names = " and ".join(ours["flops_change"])
    return Ours(100 * (changed - base) / base, f"counted on the released graphs {names}")


def _latency(ours: Mapping[str, Any], _: Table, sources: Sources) -> Ours:
    found = _timings(sources)
    one = found["graphs"][ours["latency"]]
    quartiles = one["lower"], one["upper"]
    return Ours(
        one["median"], found["timing"], MEASURED, quartiles=quartiles, machine=found["machine"]
    )


def _latency_change(ours: Mapping[str, Any], _: Table, sources: Sources) -> Ours:
    found = _timings(sources)
    base, changed = (found["graphs"][name]["median"] for name in ours["latency_change"])
    change = 100 * (changed - base) / base
    return Ours(change, found["timing"], MEASURED, machine=found["machine"])


def _instances(ours: Mapping[str, Any], _: Table, sources: Sources) -> Ours:
    family, what = ours["instances"]
    if sources.instances is None:
        raise _Missing("dataset autogo_vocab is missing: see config/datasets.yaml")
    counts = read_json(sources.instances)["families"]
    if family not in counts:
        raise _Missing(f"no networks of family {family} were generated")
    made = "the same cells" if family == "nb201" else "random networks of the family"
    return Ours(counts[family][what], f"counted on {made}")


def _rank_sum(ours: Mapping[str, Any], table: Table, _: Sources) -> Ours:
    return Ours(int(_rank_sums(table)[ours["rank_sum"]]), "archloom.search.front.rank_sum")


def _rank_choice(ours: Mapping[str, Any], table: Table, _: Sources) -> Ours:
    chosen = np.argsort(_rank_sums(table), kind="stable")[: table.deficit]
    answer = "yes" if ours["rank_choice"] in chosen else "no"
    return Ours(answer, f"{table.deficit} least rank sums")


def _rank_sums(table: Table) -> NDArray[np.int64]:
    """Return the rank sums of the table's points."""
    points = np.asarray(table.points, dtype=np.float64)
    return rank_sum(points, np.array([True, False]))


def _recorded(ours: Mapping[str, Any], table: Table, sources: Sources) -> Ours:
    """Return a figure of a result file, which a script among the system's benchmarks writes."""
    told = ours["recorded"]
    name, script = told["file"], f"benchmarks/{table.system}/bench_{told['file']}.py"
    command = f"python -m {script.removesuffix('.py').replace('/', '.')}"
    if name not in sources.records:
        raise _Missing("not recorded yet", command)
    document = read_json(sources.records[name])
    value = _at(document["figures"], told["path"])
    if value is None:
        raise _Missing("not recorded yet", command)
    how = f"{document['date']}, {script}"
    spread = _at(document["figures"], told.get("std_path", ()))
    scaled = value * told["scale"] if "scale" in told else value
    spread = spread if isinstance(spread, float) else None
    return Ours(scaled, how, RECORDED, spread, machine=document["hardware"])


KINDS: dict[str, Callable[[Mapping[str, Any], Table, Sources], Ours]] = {
    "flops": _flops,
    "flops_change": _flops_change,
    "latency": _latency,
    "latency_change": _latency_change,
    "instances": _instances,
    "rank_sum": _rank_sum,
    "rank_choice": _rank_choice,
    "recorded": _recorded,
}
"""How our figures are made, by the key in an entry's ``ours``."""


def _flops_of(name: str, sources: Sources) -> int:
    if name not in sources.graphs:
        raise _Missing("dataset autogo_cgs is missing: see config/datasets.yaml")
    return flops(read_graph(sources.graphs[name]))


def _timings(sources: Sources) -> dict[str, Any]:
    """Return the latencies by graph, and how and on what they were measured."""
    if sources.latency is None:
        raise _Missing("dataset autogo_cgs is missing: see config/datasets.yaml")
    return read_json(sources.latency)


def _at(document: Any, path: Sequence[str | int]) -> Any:
    """Return what lies at ``path`` in nested mappings and lists, None where there is nothing."""
    for key in path:
        try:
            document = document[key]
        except (KeyError, IndexError, TypeError):
            return None
    return document if path else None
