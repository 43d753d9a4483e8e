"""The one compute-graph type: immutable, array-based, without weights.

Letters in shapes: n nodes, m edges. Spatial sizes are H (height) and W (width), channels C.

More than 400 lines: one class, its ends and how it is put together from arrays.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from importlib import import_module
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from archloom.errors import GraphError
from archloom.graph.definition import Definition
from archloom.graph.hashing import graph_hash
from archloom.graph.ops import OPS, Merge
from archloom.graph.order import depth_levels, generation_order
from archloom.visible import whole

ARRAY_FIELDS: dict[str, tuple[type, int]] = {
    "op": (np.int16, 0),
    "in_ptr": (np.int32, 0),
    "in_src": (np.int32, 0),
    "resolution": (np.int32, 6),
    "kernel": (np.int16, 2),
    "stride": (np.int16, 2),
    "dilation": (np.int16, 2),
    "padding": (np.int8, 0),
    "pads": (np.int16, 4),
    "bias": (np.bool_, 0),
    "groups": (np.int32, 0),
    "definition": (np.int32, 0),
    "ids": (np.int64, 0),
}
"""Array fields of a graph: dtype and number of columns (0: one-dimensional)."""

_NAMES = ("name", "family", "ends")
_FACTS = (*_NAMES, "definitions", "shared")
_DEFAULTS = {"groups": 1, "definition": -1}

NODE_FIELDS = tuple(name for name in ARRAY_FIELDS if name not in ("in_ptr", "in_src"))
"""The fields with one row per node."""


class End(NamedTuple):
    """What the model that a graph was read from says of one of its inputs or outputs.

    node    id of the input or output node
    name    by which programs ask for the tensor
    batch   size to which the model fixes the batch, 0 where it is open
    """

    node: int
    name: str
    batch: int = 0


@dataclass(frozen=True, eq=False)
class Graph:
    """A directed acyclic compute graph (whole network or segment).

    op          (n,) int16: code in ``archloom.graph.OPS``
    in_ptr      (n + 1,) int32, in_src (m,) int32: predecessors of each node in operand order (CSR)
    resolution  (n, 6) int32: H_in, H_out, W_in, W_out, C_in, C_out; 2-D tensors have H = W = 1
    kernel      (n, 2) int16: k_h, k_w of convolutions and pools, 0 elsewhere
    stride, dilation  (n, 2) int16: 1 where they do not apply
    padding     (n,) int8: ``archloom.graph.Padding``
    pads        (n, 4) int16: top, left, bottom, right, for ``Padding.EXPLICIT`` and the paddings op
    bias        (n,) bool
    groups      (n,) int32: channel groups of a convolution, 1 elsewhere (a depthwise says so by op)
    definition  (n,) int32: index into ``definitions`` of a fixed node, -1 elsewhere
    ids         (n,) int64: stable node ids, kept by mutation; weights are keyed by them
    ends        names of inputs and outputs in the model it was read from, no part of the hash
    shared      ids of nodes whose parameters are another node's, or constants, no part of the hash

    Arrays are read-only. Build one with ``GraphBuilder`` or ``Graph.from_arrays``; the plain
    constructor trusts its arguments. Two graphs are the same architecture when their ``hash`` is
    equal.
    """

    op: NDArray[np.int16]
    in_ptr: NDArray[np.int32]
    in_src: NDArray[np.int32]
    resolution: NDArray[np.int32]
    kernel: NDArray[np.int16]
    stride: NDArray[np.int16]
    dilation: NDArray[np.int16]
    padding: NDArray[np.int8]
    pads: NDArray[np.int16]
    bias: NDArray[np.bool_]
    groups: NDArray[np.int32]
    definition: NDArray[np.int32]
    ids: NDArray[np.int64]
    name: str = ""
    family: str = ""
    definitions: tuple[Definition, ...] = ()
    ends: tuple[End, ...] = ()
    shared: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        # a file that holds half a character could not be written
        for field in ("name", "family"):
            name = getattr(self, field)
            if not name.isascii():
                object.__setattr__(self, field, whole(name))
        if not all(end.name.isascii() for end in self.ends):
            ends = tuple(end._replace(name=whole(end.name)) for end in self.ends)
            object.__setattr__(self, "ends", ends)

    @classmethod
    def from_arrays(
        cls,
        *,
        name: str = "",
        family: str = "",
        definitions: Sequence[Definition] = (),
        ends: Sequence[End] = (),
        shared: Sequence[int] = (),
        **arrays: ArrayLike,
    ) -> Graph:
        """Build a graph from array-likes: dtypes coerced, shapes checked, arrays frozen.

        Defaults for what is left out: kernel 0, stride, dilation and groups 1, no padding, no bias,
        no definition, ids 0..n-1. Raises ``GraphError`` for a wrong shape, an unknown op code or an
        edge to a missing node.
        """
        n = len(np.asarray(arrays["op"]))
        defaults: dict[str, Any] = {
            "kernel": np.zeros((n, 2)),
            "stride": np.ones((n, 2)),
            "dilation": np.ones((n, 2)),
            "padding": np.zeros(n),
            "pads": np.zeros((n, 4)),
            "bias": np.zeros(n),
            "groups": np.ones(n),
            "definition": np.full(n, -1),
            "ids": np.arange(n),
        }
        coerced = {
            field: _coerce(field, arrays.get(field, defaults.get(field)), n)
            for field in ARRAY_FIELDS
        }
        _check_structure(coerced, name, len(definitions))
        return cls(
            **coerced,
            name=name,
            family=family,
            definitions=tuple(definitions),
            ends=tuple(ends),
            shared=tuple(shared),
        )

    # --- structure ---

    @property
    def n_nodes(self) -> int:
        """Number of nodes."""
        return len(self.op)

    @property
    def n_edges(self) -> int:
        """Number of edges."""
        return len(self.in_src)

    @cached_property
    def in_degree(self) -> NDArray[np.int32]:
        """(n,) number of incoming edges."""
        return np.diff(self.in_ptr)

    @cached_property
    def edge_dst(self) -> NDArray[np.int32]:
        """(m,) target of each edge, aligned with ``in_src``."""
        return np.repeat(np.arange(self.n_nodes, dtype=np.int32), self.in_degree)

    @cached_property
    def edges(self) -> NDArray[np.int32]:
        """(m, 2) source and target of each edge, by target, then operand."""
        return np.stack([self.in_src, self.edge_dst], axis=1)

    @cached_property
    def out_degree(self) -> NDArray[np.int64]:
        """(n,) number of outgoing edges."""
        return np.bincount(self.in_src, minlength=self.n_nodes)

    @cached_property
    def out_ptr(self) -> NDArray[np.int64]:
        """(n + 1,) start of each node's successors in ``out_dst``."""
        return np.concatenate([[0], np.cumsum(self.out_degree)])

    @cached_property
    def out_dst(self) -> NDArray[np.int32]:
        """(m,) successors of each node, ascending within a node."""
        return self.edge_dst[np.argsort(self.in_src, kind="stable")]

    @cached_property
    def sources(self) -> NDArray[np.int64]:
        """(k,) nodes without predecessors, ascending."""
        return np.flatnonzero(self.in_degree == 0)

    @cached_property
    def sinks(self) -> NDArray[np.int64]:
        """(k,) nodes without successors, ascending."""
        return np.flatnonzero(self.out_degree == 0)

    @cached_property
    def order(self) -> NDArray[np.int32]:
        """(n,) topological order by generations; raises ``GraphError`` on a cycle."""
        return generation_order(self)

    @cached_property
    def levels(self) -> list[NDArray[np.int64]]:
        """Nodes grouped by longest distance from a source, ascending, (k,) of each distance; raises
        ``GraphError`` on a cycle.
        """
        return depth_levels(self)

    @cached_property
    def is_weighted(self) -> NDArray[np.bool_]:
        """(n,) whether a node is a convolution or matmul (AutoGO spec 1.2)."""
        return OPS.table("weighted")[self.op].astype(np.bool_)

    @cached_property
    def is_concat(self) -> NDArray[np.bool_]:
        """(n,) whether a node joins its operands along channels."""
        return OPS.table("merge")[self.op] == Merge.CONCAT

    @cached_property
    def is_fixed(self) -> NDArray[np.bool_]:
        """(n,) whether a node has a definition, so that mutation leaves it alone."""
        return self.definition >= 0

    @cached_property
    def hash(self) -> str:
        """Canonical content hash, 32 hex digits, stable under renumbering (see
        ``archloom.graph.hashing``).
        """
        return graph_hash(self)

    def predecessors(self, node: int) -> NDArray[np.int32]:
        """Return (k,) predecessors of ``node`` in operand order."""
        return self.in_src[self.in_ptr[node] : self.in_ptr[node + 1]]

    # --- names ---

    def op_name(self, node: int) -> str:
        """Return the registry name of the operation at ``node``."""
        return OPS.name(int(self.op[node]))

    def definition_of(self, node: int) -> Definition | None:
        """Return the definition of ``node``, None where its operation says all."""
        index = int(self.definition[node])
        return None if index < 0 else self.definitions[index]

    def describe(self, node: int) -> str:
        """Return how messages speak of ``node``: graph, index and operation."""
        where = f"graph {self.name!r}: " if self.name else ""
        return f"{where}node {node} ({self.op_name(node)})"

    def __repr__(self) -> str:
        title = f" {self.name!r}" if self.name else ""
        return f"<Graph{title}: {self.n_nodes} nodes, {self.n_edges} edges>"

    def _repr_svg_(self) -> str:
        """Return the picture that a notebook shows."""
        # by name: nothing here needs what draws a graph
        picture: str = import_module("archloom.drawing.graphs").draw(self)
        return picture

    def __getstate__(self) -> dict[str, Any]:
        """Leave derived arrays out when a graph travels to another process; keep a known hash."""
        kept = (*ARRAY_FIELDS, *_FACTS, "hash")
        return {field: self.__dict__[field] for field in kept if field in self.__dict__}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Freeze the arrays again: they arrive writeable."""
        for field in ARRAY_FIELDS:
            state[field].setflags(write=False)
        self.__dict__.update(state)

    # --- new graphs ---

    def replace(self, **changes: Any) -> Graph:
        """Return a graph with some fields replaced; unchanged arrays are shared, nothing is
        re-checked. Where only names change, what was derived is shared too.
        """
        for value in changes.values():
            if isinstance(value, np.ndarray):
                value.setflags(write=False)
        result = replace(self, **changes)
        if changes.keys() <= set(_NAMES):
            derived = {k: v for k, v in self.__dict__.items() if k not in result.__dict__}
            result.__dict__.update(derived)
        return result

    def remember_hash(self, digest: str) -> None:
        """Take ``digest`` as this graph's hash, where it was computed with others' at once."""
        self.__dict__["hash"] = digest

    @property
    def hash_is_known(self) -> bool:
        """Whether reading ``hash`` costs nothing."""
        return "hash" in self.__dict__

    def take(self, nodes: Sequence[int] | NDArray[np.integer]) -> dict[str, NDArray[Any]]:
        """Return the per-node arrays, (k, ...) each, of ``nodes`` (k,) in that order."""
        index = np.asarray(nodes)
        return {field: getattr(self, field)[index] for field in NODE_FIELDS}

    def subgraph(self, nodes: Sequence[int] | NDArray[np.integer], name: str = "") -> Graph:
        """Return the subgraph that ``nodes`` (k,) induce; its node i is ``nodes[i]`` of this graph.

        Ids and stored resolutions are kept, name and family are not: a segment carries no graph
        attributes (AutoGO spec 8.1, B6).
        """
        index = np.asarray(nodes, dtype=np.int64)
        position = np.full(self.n_nodes, -1, dtype=np.int32)
        position[index] = np.arange(len(index), dtype=np.int32)
        source, target = position[self.in_src], position[self.edge_dst]
        kept = (source >= 0) & (target >= 0)
        return assemble(
            self.take(index), source[kept], target[kept], name=name, definitions=self.definitions
        )


def assemble(
    node_arrays: dict[str, NDArray[Any]],
    source: NDArray[np.integer],
    target: NDArray[np.integer],
    *,
    name: str = "",
    family: str = "",
    definitions: tuple[Definition, ...] = (),
    ends: tuple[End, ...] = (),
    shared: tuple[int, ...] = (),
) -> Graph:
    """Return the graph of per-node arrays and an edge list whose order gives the operand order of
    each target.

    node_arrays    : (n,) or (n, k) by the names of ``Graph``; groups and definition may be left out
    source, target : (m,) nodes that each edge joins
    """
    n = len(node_arrays["op"])
    plain = {
        field: np.full(n, value, dtype=np.int32)
        for field, value in _DEFAULTS.items()
        if field not in node_arrays
    }
    by_target = np.argsort(target, kind="stable")
    in_ptr = np.zeros(n + 1, dtype=np.int32)
    np.cumsum(np.bincount(target, minlength=n), out=in_ptr[1:])
    arrays: dict[str, Any] = {
        **node_arrays,
        **plain,
        "in_ptr": in_ptr,
        "in_src": source[by_target].astype(np.int32),
    }
    for array in arrays.values():
        array.setflags(write=False)
    return Graph(
        **arrays, name=name, family=family, definitions=definitions, ends=ends, shared=shared
    )


def _coerce(field: str, value: Any, n: int) -> NDArray[Any]:
    """Return ``value`` as a frozen array of the field's dtype and shape, or raise
    ``GraphError``.
    """
    dtype, columns = ARRAY_FIELDS[field]
    if value is None:
        raise GraphError(f"a graph needs the array {field!r}: give it, or use GraphBuilder.")
    try:
        wide = np.asarray(value)
    except ValueError as error:
        raise GraphError(
            f"graph array {field!r} has rows of different lengths: check the file."
        ) from error
    if wide.size == 0:
        wide = wide.reshape((0, columns) if columns else (0,))
    if wide.dtype.kind not in "iubf" or (wide.dtype.kind == "f" and (wide != np.trunc(wide)).any()):
        raise GraphError(
            f"graph array {field!r} holds {wide.dtype} values: whole numbers are wanted."
        )
    array: NDArray[Any] = wide.astype(dtype)
    if dtype is not np.bool_ and not np.array_equal(array, wide):
        raise GraphError(
            f"graph array {field!r} holds values outside {np.dtype(dtype).name}: check the file."
        )
    rows = {"in_ptr": n + 1, "in_src": len(array)}.get(field, n)
    wanted = (rows, columns) if columns else (rows,)
    if array.shape != wanted:
        raise GraphError(f"graph array {field!r} has shape {array.shape}, {wanted} is wanted.")
    array.setflags(write=False)
    return array


def _check_structure(arrays: dict[str, NDArray[Any]], name: str, n_definitions: int) -> None:
    """Raise ``GraphError`` unless op codes and definitions are known and the edge arrays are
    consistent.
    """
    n, pointer, source = len(arrays["op"]), arrays["in_ptr"], arrays["in_src"]
    where = f"graph {name!r}" if name else "graph"
    if n and (arrays["op"].min() < 0 or arrays["op"].max() >= len(OPS)):
        bad = int(np.flatnonzero((arrays["op"] < 0) | (arrays["op"] >= len(OPS)))[0])
        raise GraphError(
            f"{where}: node {bad} has op code {arrays['op'][bad]}, known are 0 to {len(OPS) - 1}: "
            f"the file is damaged or needs a newer archloom."
        )
    if n and not -1 <= arrays["definition"].min() <= arrays["definition"].max() < n_definitions:
        raise GraphError(
            f"{where}: a node names a definition that is not there, {n_definitions} are: the file "
            "is damaged."
        )
    if pointer[0] != 0 or pointer[-1] != len(source) or (np.diff(pointer) < 0).any():
        raise GraphError(
            f"{where}: in_ptr does not partition the {len(source)} edges: the file is damaged."
        )
    if len(source) and (source.min() < 0 or source.max() >= n):
        raise GraphError(
            f"{where}: an edge starts at node {int(source.max())}, there are {n} nodes."
        )
    if len(set(arrays["ids"].tolist())) != n:  # np.unique would import numpy.ma
        raise GraphError(f"{where}: node ids are not unique, weights could not be told apart.")
