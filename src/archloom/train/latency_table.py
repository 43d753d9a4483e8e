"""Latency tables: the time of every operator at every size, added up over the nodes of a graph.

The key of an operator says what it is, such as ``conv in=56x56x64 out=56x56x64 kernel=3x3
padding=same``: sizes are H x W x C, what is left out is 1 or absent. A table is a CSV file with the
columns ``operator,ms``, or JSON of the format ``archloom-latency-table/1``. A sum of operators is
an estimate: it leaves out how a runtime joins operators beyond what ``fuses`` says, and nodes with
a definition of their own, which no mutation touches.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from math import isfinite
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archloom.errors import DataError, FormatError
from archloom.files import read_json, reader, write_csv, write_text
from archloom.graph import (
    OPS,
    Graph,
    GraphBuilder,
    Padding,
    assemble,
    disjoint_union,
    node_flops,
)
from archloom.graph.graph import NODE_FIELDS
from archloom.train.latency import Timing, latency_rounds, measure_latency, reference_network

FORMAT = "archloom-latency-table/1"
CSV_COLUMNS = ["operator", "ms"]
FREE = "free"
"""Key of nodes that take no time of their own."""
REFERENCE, EMPTY = "reference", "empty"
"""Keys of networks that every measurement needs: a convolution whose time tells how fast the
machine is just now, and those that do nothing, to know what a run costs in itself.
"""
_GROUP = 16  # networks of one operator that are measured in the same rounds
_COPIES = 16  # of an operator too small to be told from the cost of a run
_SMALL = 1_000_000  # FLOPs


@dataclass(frozen=True)
class LatencyTable:
    """Time in ms by operator key.

    fuses    whether the runtime joins a convolution with the batch norm and the activation that
             alone follow it, so that these take no time
    timing   how it was measured, where that is known
    """

    entries: Mapping[str, float]
    fuses: bool = False
    timing: Mapping[str, Any] | None = None

    def latencies(self, graphs: Sequence[Graph]) -> list[float | str]:
        """Return the sum over the nodes of each graph in ms; where operators are missing, which."""
        return [self._sum(keys, counts) for keys, counts in _histograms(graphs, self.fuses)]

    def _sum(self, keys: Sequence[str], counts: Sequence[int]) -> float | str:
        missing = [key for key in keys if key not in self.entries]
        if missing:
            more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
            return f'the table has no "{missing[0]}"{more}'
        return float(
            sum(self.entries[key] * count for key, count in zip(keys, counts, strict=True))
        )

    def write(self, path: str | Path) -> None:
        """Write a table by the ending of ``path``: .csv (entries alone) or .json.

        A table that ``fuses`` operators cannot say so in CSV and raises ``FormatError``.
        """
        rows = sorted(self.entries.items())
        if Path(path).suffix == ".csv":
            if self.fuses:
                raise FormatError(
                    f"{path}: a CSV file cannot say that norms and activations behind convolutions "
                    "are free in this table: write .json."
                )
            write_csv(path, [CSV_COLUMNS, *rows])
            return
        document = {
            "format": FORMAT,
            "unit": "ms",
            "fuses": self.fuses,
            "timing": self.timing,
            "entries": dict(rows),
        }
        write_text(path, json.dumps(document, indent=1) + "\n")


@reader("latency table")
def read_table(path: str | Path) -> LatencyTable:
    """Read a table; raises ``DataError`` for a missing file and ``FormatError`` naming the line or
    entry for a damaged one.
    """
    if Path(path).suffix == ".csv":
        return LatencyTable(_checked(path, _csv_rows(path)))
    document = read_json(path)
    if document.get("format") != FORMAT or not isinstance(document.get("entries"), dict):
        raise FormatError(
            f"{path} has the format {document.get('format')!r} and is no latency table: {FORMAT}, "
            f"or a CSV file with the columns {','.join(CSV_COLUMNS)}, is wanted."
        )
    entries = _checked(path, document["entries"].items())
    return LatencyTable(entries, bool(document.get("fuses")), document.get("timing"))


def measure_table(
    graphs: Sequence[Graph], timing: Timing | None = None, known: LatencyTable | None = None
) -> LatencyTable:
    """Return a table of the distinct nodes of ``graphs``, measured on this machine.

    known   a table of the same timing, whose entries are taken over

    Every operator runs as a network of its own (small ones many times side by side), in rounds with
    the reference; its time is stated at the speed that the machine had when the table was begun,
    less the time of an empty network.
    Raises ``GraphError`` for a node that cannot be executed.
    """
    timing = timing or Timing()
    fuses = timing.runtime == "onnxruntime"
    entries = dict(known.entries) if known else {FREE: 0.0}
    if REFERENCE not in entries:
        entries |= _yardsticks(timing)
    kinds = _Kinds(graphs, fuses)
    cost = node_flops(kinds.union)
    missing = {
        key: (_alone(kinds.union, node), _COPIES if cost[node] < _SMALL else 1)
        for key, node in zip(kinds.keys, kinds.first, strict=True)
        if key not in entries
    }
    keys = list(missing)
    for start in range(0, len(keys), _GROUP):
        group = keys[start : start + _GROUP]
        networks = [_repeated(*missing[key]) for key in group]
        rounds = latency_rounds([reference_network(), *networks], timing)
        ratios = np.median(rounds[:, 1:] / rounds[:, :1], axis=0)
        for key, ratio in zip(group, ratios.tolist(), strict=True):
            copies = missing[key][1]
            spent = ratio * entries[REFERENCE] - entries[_empty_key(copies)]
            entries[key] = max(spent / copies, 0.0)
    return LatencyTable(entries, fuses, asdict(timing))


def _yardsticks(timing: Timing) -> dict[str, float]:
    """Return the entries that all others are measured against."""
    builder = GraphBuilder()
    builder.unary("identity", builder.input(1, 1, 1))
    networks = [reference_network(), *(_repeated(builder.build(), k) for k in (1, _COPIES))]
    found = [one.median for one in measure_latency(networks, timing)]
    return dict(zip((REFERENCE, _empty_key(1), _empty_key(_COPIES)), found, strict=True))


def _empty_key(copies: int) -> str:
    return f"{EMPTY} x{copies}"


# --- keys ----------------------------------------------------------------------------------------


def operator_keys(graph: Graph, fuses: bool = False) -> list[str]:
    """Return the key of each node; ``FREE`` where it takes no time of its own."""
    kinds = _Kinds([graph], fuses)
    return [kinds.keys[k] for k in kinds.of_node.tolist()]


def _histograms(graphs: Sequence[Graph], fuses: bool) -> Iterator[tuple[list[str], list[int]]]:
    """Yield the keys of each graph and how often each occurs."""
    if not graphs:
        return
    kinds = _Kinds(graphs, fuses)
    for start, stop in pairwise(kinds.bounds.tolist()):
        found, counts = np.unique(kinds.of_node[start:stop], return_counts=True)
        yield [kinds.keys[k] for k in found.tolist()], counts.tolist()


class _Kinds:
    """The distinct operators of some graphs.

    keys      of each kind;  first: a node of the union of that kind
    of_node   (n,) kind of each node of ``union``, whose members start at ``bounds``
    """

    def __init__(self, graphs: Sequence[Graph], fuses: bool) -> None:
        self.union, self.bounds = disjoint_union(graphs)
        rows = self._rows(fuses)
        _, first, self.of_node = np.unique(rows, axis=0, return_index=True, return_inverse=True)
        self.of_node = self.of_node.reshape(-1)
        self.first: list[int] = first.tolist()
        free: list[bool] = (rows[first, 0] < 0).tolist()
        self.keys = [
            FREE if nothing else _key(self.union, node)
            for node, nothing in zip(self.first, free, strict=True)
        ]

    def _rows(self, fuses: bool) -> NDArray[np.int64]:
        """Return ``(n, c)`` all that tells operators apart, -1 for nodes that are free."""
        g = self.union
        columns = (g.op, g.resolution, g.kernel, g.stride, g.dilation, g.padding, g.pads)
        rows = np.column_stack([*columns, g.bias, g.groups, g.in_degree]).astype(np.int64)
        free = g.is_fixed | np.isin(g.op, _FREE_CODES)
        rows[free | (_absorbed(g) if fuses else False)] = -1
        return rows


_FREE_CODES = [OPS.code(name) for name in ("input", "output")]
_CONVOLUTIONS = [OPS.code(name) for name in ("conv", "depthwise")]
_FUSED_ACTIVATIONS = [OPS.code(name) for name in ("relu", "relu6", "sigmoid", "tanh")]


def _absorbed(graph: Graph) -> NDArray[np.bool_]:
    """Return ``(n,)``: batch norms and activations that are joined with the convolution before."""
    single = graph.in_degree == 1
    before = np.zeros(graph.n_nodes, dtype=np.int64)
    before[single] = graph.in_src[graph.in_ptr[:-1][single]]
    carries = np.isin(graph.op, _CONVOLUTIONS) & (graph.out_degree == 1)
    norm = single & (graph.op == OPS.code("batchnorm")) & carries[before]
    carries |= norm & (graph.out_degree == 1)
    return norm | (single & np.isin(graph.op, _FUSED_ACTIVATIONS) & carries[before])


def _key(graph: Graph, node: int) -> str:
    """Return what people call an operator."""
    height, out_height, width, out_width, channels, out_channels = graph.resolution[node].tolist()
    words = [graph.op_name(node), f"in={height}x{width}x{channels}"]
    words.append(f"out={out_height}x{out_width}x{out_channels}")
    for name in ("kernel", "stride", "dilation"):
        pair = getattr(graph, name)[node].tolist()
        if any(size > 1 for size in pair) or (name == "kernel" and pair != [0, 0]):
            words.append(f"{name}={pair[0]}x{pair[1]}")
    padding = Padding(int(graph.padding[node]))
    pads = ".".join(map(str, graph.pads[node].tolist()))
    if padding == Padding.EXPLICIT or graph.pads[node].any():
        words.append(f"pads={pads}")
    elif padding != Padding.NONE:
        words.append(f"padding={padding.name.lower()}")
    operands = int(graph.in_degree[node])
    words += [f"groups={int(graph.groups[node])}"] if graph.groups[node] > 1 else []
    words += ["bias"] if graph.bias[node] else []
    words += [f"operands={operands}"] if operands > 1 else []
    return " ".join(words)


# --- measurement ---------------------------------------------------------------------------------


def _alone(graph: Graph, node: int) -> Graph:
    """Return a network of that node: its operands are inputs of equal shape, or of equal shares of
    the channels where it joins them.
    """
    height, _, width, _, channels, _ = graph.resolution[node].tolist()
    operands = max(int(graph.in_degree[node]), 1)
    shares = [channels] * operands
    if graph.is_concat[node]:
        shares = [channels // operands] * (operands - 1)
        shares.append(channels - sum(shares))
    sizes = [[height, height, width, width, share, share] for share in shares]
    inputs = Graph.from_arrays(
        op=[OPS.code("input")] * operands,
        in_ptr=[0] * (operands + 1),
        in_src=[],
        resolution=sizes,
    )
    arrays = {
        field: np.concatenate([getattr(inputs, field), getattr(graph, field)[[node]]])
        for field in NODE_FIELDS
    }
    arrays["ids"] = np.arange(operands + 1)
    return assemble(arrays, np.arange(operands), np.full(operands, operands))


def _repeated(graph: Graph, copies: int) -> Graph:
    """Return a network of copies side by side."""
    union, _ = disjoint_union([graph] * copies)
    return union.replace(ids=np.arange(union.n_nodes))


# --- files ---------------------------------------------------------------------------------------


def _csv_rows(path: str | Path) -> Iterator[tuple[str, Any]]:
    try:
        lines = Path(path).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path} could not be read ({error}): check the path.") from error
    head, *rows = csv.reader(lines) if lines else [[]]
    if head != CSV_COLUMNS:
        raise FormatError(
            f"{path}: the first line is {','.join(head)!r}, a latency table begins with "
            f"{','.join(CSV_COLUMNS)}."
        )
    for number, row in enumerate(rows, start=2):
        if len(row) != len(CSV_COLUMNS):
            raise FormatError(
                f"{path}, line {number}: {len(row)} columns, {CSV_COLUMNS} are wanted."
            )
        yield row[0], row[1]


def _checked(path: str | Path, rows: Iterable[tuple[str, Any]]) -> dict[str, float]:
    """Return the entries; each must be a time >= 0 and may stand there once."""
    entries: dict[str, float] = {}
    for key, value in rows:
        try:
            time = float(value)
        except (TypeError, ValueError):
            time = -1.0
        if not (isfinite(time) and time >= 0):
            raise FormatError(f'{path}: "{key}" takes {value!r}, a time in ms is wanted.')
        if key in entries:
            raise FormatError(f'{path}: "{key}" stands there twice, leave one.')
        entries[key] = time
    return {FREE: 0.0, **entries}
