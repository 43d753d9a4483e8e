"""Node labels: what a node is, in the words of AutoGO's vocabulary (AutoGO spec 2.2).

A label names the operation, an encoding-dependent field, and the operations around the node::

    conv2d,3,in,relu,,out,fusedbatchnorm,

Labels are built once per distinct node description: ``label_keys`` cuts cheap byte keys out of the
graph's arrays and ``label_text`` spells a key out, remembering the answer.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from archloom.errors import ConfigError
from archloom.graph.graph import Graph
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


def label_keys(graph: Graph, encoding: Encoding) -> list[bytes]:
    """Return one key per node, by node index; nodes with equal keys have equal labels."""
    head = np.concatenate([graph.op[:, None], _extra(graph, encoding.field)], axis=1, dtype="<i4")
    width = head.shape[1] * 4
    data = head.tobytes()
    heads = [data[at : at + width] for at in range(0, len(data), width)]
    if not encoding.has_neighbours:
        return heads
    incoming, outgoing = _neighbour_ops(graph, encoding.sorted_neighbours)
    in_ptr, out_ptr = graph.in_ptr.tolist(), graph.out_ptr.tolist()
    return [
        heads[node]
        + incoming[2 * in_ptr[node] : 2 * in_ptr[node + 1]]
        + _BETWEEN
        + outgoing[2 * out_ptr[node] : 2 * out_ptr[node + 1]]
        for node in range(graph.n_nodes)
    ]


@lru_cache(maxsize=1 << 16)
def label_text(key: bytes, encoding: Encoding) -> str:
    """Return the label that ``key`` (of ``label_keys`` with the same encoding) stands for."""
    width = 4 * (1 + _N_EXTRA[encoding.field])
    op, *extra = np.frombuffer(key[:width], dtype="<i4").tolist()
    words = [OPS.by_code(op).canonical, *_spell(extra, encoding.field)]
    label = ",".join(words)
    if not encoding.has_neighbours:
        return label
    around = np.frombuffer(key[width:], dtype="<i2").tolist()
    before, after = around[: around.index(_ABSENT)], around[around.index(_ABSENT) + 1 :]
    return f"{label},in,{_spell_ops(before)},out,{_spell_ops(after)}"


def node_labels(graph: Graph, encoding: Encoding) -> list[str]:
    """Return the label of every node, by node index."""
    return [label_text(key, encoding) for key in label_keys(graph, encoding)]


_N_EXTRA = {"op": 0, "res": 6, "res_ratio": 6, "shp": 1, "chn": 1}
_ABSENT = -1
_BETWEEN = np.int16(_ABSENT).tobytes()


def _extra(graph: Graph, field: str) -> NDArray[np.int32]:
    """Return ``(n, k)`` integers that the encoding's field is spelled from; -1 for "no field".

    Depthwise nodes have one channel per group, so their ``chn`` field is 1.
    """
    if field == "op":
        return np.empty((graph.n_nodes, 0), dtype=np.int32)
    if field in ("res", "res_ratio"):
        return graph.resolution
    if field == "shp":
        value = graph.kernel[:, 1].astype(np.int32)
    else:
        value = np.where(graph.op == OPS.code("depthwise"), 1, graph.resolution[:, 5])
    return np.where(graph.is_weighted, value, _ABSENT)[:, None]


def _spell(extra: list[int], field: str) -> list[str]:
    """Return the words of the encoding's field."""
    if field == "res_ratio":
        h_in, h_out, w_in, w_out, c_in, c_out = extra
        ratios = (1.0, h_out / h_in, 1.0, w_out / w_in, 1.0, c_out / c_in)
        return [str(ratio) for ratio in ratios]
    return [str(value) for value in extra if value != _ABSENT]


def _spell_ops(codes: list[int]) -> str:
    """Return the canonical names of op codes, each followed by a comma."""
    return "".join(f"{OPS.by_code(code).canonical}," for code in codes)


def _neighbour_ops(graph: Graph, by_name: bool) -> tuple[bytes, bytes]:
    """Return int16 op codes of predecessors and successors as CSR values, in label order.

    relu6 counts as relu, as in every label (AutoGO spec 1.4).
    """
    spoken, name_rank = _op_tables(len(OPS))
    code = spoken[graph.op]
    rank = name_rank[graph.op] if by_name else weighted_first_rank(graph)
    source, target = graph.in_src, graph.edge_dst
    incoming = source[np.lexsort((rank[source], target))]
    outgoing = target[np.lexsort((rank[target], source))]
    return code[incoming].tobytes(), code[outgoing].tobytes()


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
