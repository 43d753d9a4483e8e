"""Node labels: what a node is, in the words of AutoGO's vocabulary (AutoGO spec 2.2).

A label names the operation, an encoding-dependent field, and the operations around the node::

    conv2d,3,in,relu,,out,fusedbatchnorm,

Text is slow, so nodes are told apart by ``label_keys``, 64-bit digests made on whole arrays, and
``label_text`` spells the label of one node of each key.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from archloom.errors import ConfigError
from archloom.graph.graph import Graph
from archloom.graph.hashing import mix
from archloom.graph.ops import OPS
from archloom.graph.order import weighted_first_rank

_FIELDS = ("op", "res", "res_ratio", "shp", "chn")
_NO_NEIGHBOURS = "nio"


@dataclass(frozen=True)
class Encoding:
    """How nodes are labelled.

    name              : ``op``, ``res``, ``res_ratio``, ``shp`` or ``chn``, optionally followed by
                        ``_nio`` to leave the neighbourhood out; anything else is a ``ConfigError``
    sorted_neighbours : neighbours by name, so that a label does not depend on node numbering.
                        The published vocabulary has them by node index, weighted nodes first.
    """

    name: str = "shp"
    sorted_neighbours: bool = True

    def __post_init__(self) -> None:
        if self.field not in _FIELDS:
            raise ConfigError(
                f"unknown label encoding {self.name!r}: use one of {', '.join(_FIELDS)}, "
                f"each alone or with _{_NO_NEIGHBOURS} behind it."
            )

    @property
    def field(self) -> str:
        """What a label tells beside the operation: one of op, res, res_ratio, shp, chn."""
        return self.name.removesuffix(f"_{_NO_NEIGHBOURS}")

    @property
    def has_neighbours(self) -> bool:
        """Whether labels name the operations before and after a node."""
        return self.name == self.field


def label_keys(graph: Graph, encoding: Encoding) -> NDArray[np.uint64]:
    """Return ``(n,)`` keys by node index; nodes with equal keys have equal labels.

    ``graph`` may be a disjoint union. Equal descriptions have equal keys in every graph.
    """
    spoken = _op_tables(len(OPS))[0][graph.op]
    keys = np.zeros(graph.n_nodes, dtype=np.uint64)
    for column in (spoken, *_extra(graph, encoding.field).T):
        keys = mix(keys + column.astype(np.uint64))
    if encoding.has_neighbours:
        before, after = _neighbours(graph, encoding.sorted_neighbours)
        keys += _row_digests(spoken[before], graph.in_ptr, _IN)
        keys += _row_digests(spoken[after], graph.out_ptr, _OUT)
    return keys


def label_text(graph: Graph, node: int, encoding: Encoding) -> str:
    """Return the label of ``node``."""
    (extra,) = _extra(graph, encoding.field, slice(node, node + 1)).tolist()
    label = ",".join([_name(graph, node), *_spell(extra, encoding.field)])
    if not encoding.has_neighbours:
        return label
    around = (
        graph.predecessors(node).tolist(),
        graph.out_dst[graph.out_ptr[node] : graph.out_ptr[node + 1]].tolist(),
    )
    before, after = (_spell_ops(graph, nodes, encoding.sorted_neighbours) for nodes in around)
    return f"{label},in,{before},out,{after}"


def node_labels(graph: Graph, encoding: Encoding) -> list[str]:
    """Return the label of every node, by node index."""
    return [label_text(graph, node, encoding) for node in range(graph.n_nodes)]


_ABSENT = -1
_IN, _OUT = 0x8CB92BA72F3D8DD7, 0xD1B54A32D192ED03


def _extra(graph: Graph, field: str, nodes: slice = slice(None)) -> NDArray[np.int32]:
    """Return one row per node of the integers that the encoding's field is spelled from; -1 for
    "no field".

    Depthwise nodes have one channel per group, so their ``chn`` field is 1.
    """
    if field == "op":
        return np.empty((len(graph.op[nodes]), 0), dtype=np.int32)
    if field in ("res", "res_ratio"):
        return graph.resolution[nodes]
    if field == "shp":
        value = graph.kernel[nodes, 1].astype(np.int32)
    else:
        value = np.where(graph.op[nodes] == OPS.code("depthwise"), 1, graph.resolution[nodes, 5])
    return np.where(graph.is_weighted[nodes], value, _ABSENT)[:, None]


def _spell(extra: list[int], field: str) -> list[str]:
    """Return the words of the encoding's field."""
    if field == "res_ratio":
        h_in, h_out, w_in, w_out, c_in, c_out = extra
        ratios = (1.0, h_out / h_in, 1.0, w_out / w_in, 1.0, c_out / c_in)
        return [str(ratio) for ratio in ratios]
    return [str(value) for value in extra if value != _ABSENT]


def _name(graph: Graph, node: int) -> str:
    """Return the canonical name of the operation at ``node``."""
    return OPS.by_code(int(graph.op[node])).canonical


def _spell_ops(graph: Graph, nodes: list[int], by_name: bool) -> str:
    """Return the canonical names of ``nodes`` in label order, each followed by a comma."""
    if by_name:
        names = sorted(_name(graph, node) for node in nodes)
    else:
        first = sorted(nodes, key=lambda node: (not graph.is_weighted[node], node))
        names = [_name(graph, node) for node in first]
    return "".join(f"{name}," for name in names)


def _neighbours(graph: Graph, by_name: bool) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Return predecessors and successors of all nodes as CSR values, in label order."""
    rank = _op_tables(len(OPS))[1][graph.op] if by_name else weighted_first_rank(graph)
    source, target = graph.in_src, graph.edge_dst
    incoming = source[np.lexsort((rank[source], target))]
    outgoing = target[np.lexsort((rank[target], source))]
    return incoming, outgoing


def _row_digests(
    values: NDArray[np.integer], pointer: NDArray[np.integer], factor: int
) -> NDArray[np.uint64]:
    """Return ``(n,)`` digests of the CSR rows ``values[pointer[i] : pointer[i + 1]]``, order
    included; ``factor`` tells apart what they are digests of.
    """
    position = np.arange(len(values)) - np.repeat(pointer[:-1], np.diff(pointer))
    entries = values.astype(np.uint64) << np.uint64(32) | position.astype(np.uint64)
    mixed = mix(entries * np.uint64(factor))
    total = np.zeros(len(mixed) + 1, dtype=np.uint64)
    np.cumsum(mixed, out=total[1:])
    return total[pointer[1:]] - total[pointer[:-1]]


@lru_cache(maxsize=1)
def _op_tables(n_codes: int) -> tuple[NDArray[np.int16], NDArray[np.int64]]:
    """Return by op code: the smallest code of the same canonical name; the name's rank in a-z."""
    ops = sorted(OPS, key=lambda op: op.code)
    names = sorted({op.canonical for op in ops})
    spoken, name_rank = np.zeros(n_codes, dtype="<i2"), np.zeros(n_codes, dtype=np.int64)
    first: dict[str, int] = {}
    for op in ops:
        spoken[op.code] = first.setdefault(op.canonical, op.code)
        name_rank[op.code] = names.index(op.canonical)
    return spoken, name_rank
