"""Reader and writer of archloom's own JSON, ``archloom-graph/2``: one graph, one node per line.

A node names its operands by the ids of the nodes that feed it, in operand order. What has its
default value is left out. ``ends`` holds what a model calls its inputs and outputs: node id, name
and the size to which it fixes the batch (0: open), ``shared`` the ids of nodes whose parameters
another node counts. Version 1, which knew neither groups nor
definitions, is read as well. The entry ``hash`` is a checksum: it may be missing, but when it is
there it has to fit.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from archloom.errors import ArchloomError, FormatError
from archloom.graph import OPS, Definition, Graph, Padding
from archloom.graph.graph import End

FORMAT = "archloom-graph/2"
_READABLE = ("archloom-graph/1", FORMAT)

_HEAD = ("format", "name", "family", "hash", "ends", "shared", "nodes")
_DEFAULTS: dict[str, Any] = {
    "inputs": [],
    "kernel": [0, 0],
    "stride": [1, 1],
    "dilation": [1, 1],
    "padding": "none",
    "pads": [0, 0, 0, 0],
    "bias": False,
    "groups": 1,
    "definition": None,
}
_REQUIRED = ("id", "op", "resolution")
_PADDINGS = {padding.name.lower(): int(padding) for padding in Padding}
_PADDING_WORDS = {code: word for word, code in _PADDINGS.items()}


def to_native(graph: Graph) -> dict[str, Any]:
    """Return ``graph`` as an ``archloom-graph/2`` document."""
    ids = graph.ids.tolist()
    definitions = [one.to_json() for one in graph.definitions]
    columns = {
        "id": ids,
        "op": [OPS.name(code) for code in graph.op.tolist()],
        "inputs": [
            [ids[source] for source in graph.predecessors(node)] for node in range(len(ids))
        ],
        "resolution": graph.resolution.tolist(),
        "kernel": graph.kernel.tolist(),
        "stride": graph.stride.tolist(),
        "dilation": graph.dilation.tolist(),
        "padding": [_PADDING_WORDS[code] for code in graph.padding.tolist()],
        "pads": graph.pads.tolist(),
        "bias": graph.bias.tolist(),
        "groups": graph.groups.tolist(),
        "definition": [
            definitions[index] if index >= 0 else None for index in graph.definition.tolist()
        ],
    }
    nodes = [
        {key: value for key, value in zip(columns, row, strict=True) if value != _DEFAULTS.get(key)}
        for row in zip(*columns.values(), strict=True)
    ]
    return {
        "format": FORMAT,
        "name": graph.name,
        "family": graph.family,
        "hash": graph.hash,
        **({"ends": [list(end) for end in graph.ends]} if graph.ends else {}),
        **({"shared": list(graph.shared)} if graph.shared else {}),
        "nodes": nodes,
    }


def to_native_text(graph: Graph) -> str:
    """Return ``graph`` as JSON text with one node per line."""
    document = to_native(graph)
    lines = ",\n".join(f"  {json.dumps(node)}" for node in document.pop("nodes"))
    head = "".join(f" {json.dumps(key)}: {json.dumps(value)},\n" for key, value in document.items())
    return f'{{\n{head} "nodes": [\n{lines}\n ]\n}}\n'


def from_native(document: Mapping[str, Any]) -> Graph:
    """Return the graph of an ``archloom-graph/1`` or ``/2`` document.

    Raises ``FormatError`` for another version, a missing or unknown entry and a checksum that does
    not fit.
    """
    _check_head(document)
    name = document.get("name", "")
    try:
        graph = _from_nodes(document["nodes"], name, document.get("family", ""))
        graph = graph.replace(
            ends=_ends(document.get("ends", []), name),
            shared=_shared(document.get("shared", []), name),
        )
    except ArchloomError:
        raise
    except (TypeError, ValueError, OverflowError, AttributeError) as error:
        raise FormatError(
            f"graph {name!r}: a node entry is damaged ({error}): get the file again."
        ) from error
    if document.get("hash", graph.hash) != graph.hash:
        raise FormatError(
            f"graph {name!r} has the hash {graph.hash} but the file says {document['hash']!r}: it "
            "is damaged; if it was edited on purpose, remove the entry 'hash'."
        )
    return graph


def _ends(entries: Any, name: str) -> tuple[End, ...]:
    """Return the names of inputs and outputs; raises ``FormatError`` for anything else."""
    if not isinstance(entries, list):
        raise FormatError(f"graph {name!r}: the ends have to be a list: correct the file.")
    for entry in entries:
        kinds = [type(value) for value in entry] if isinstance(entry, list) else None
        if kinds != [int, str, int] or entry[2] < 0:
            raise FormatError(
                f"graph {name!r}: the end {entry!r} is not a node id, a name and a batch size (0: "
                "open): correct the file."
            )
    return tuple(End(*entry) for entry in entries)


def _shared(entries: Any, name: str) -> tuple[int, ...]:
    if not isinstance(entries, list) or any(type(entry) is not int for entry in entries):
        raise FormatError(
            f"graph {name!r}: 'shared' has to be a list of node ids: correct the file."
        )
    return tuple(entries)


def _check_head(document: Mapping[str, Any]) -> None:
    found = document.get("format")
    if found not in _READABLE:
        raise FormatError(
            f"the format is {found!r}, this version reads {' and '.join(_READABLE)}: write the "
            "file again, or update archloom."
        )
    unknown = sorted(set(document) - set(_HEAD))
    if unknown or not isinstance(document.get("nodes"), list):
        what = f"the unknown entry {unknown[0]!r}" if unknown else "no list of nodes"
        raise FormatError(f"a file of {FORMAT!r} has {what}: its entries are {', '.join(_HEAD)}.")
    if not all(isinstance(document.get(key, ""), str) for key in ("name", "family", "hash")):
        raise FormatError("name, family and hash have to be texts: correct the file.")


def _from_nodes(entries: list[Any], name: str, family: str) -> Graph:
    for line, entry in enumerate(entries):
        _check_node(entry, line, name)
    position = {entry["id"]: line for line, entry in enumerate(entries)}
    nodes = [{**_DEFAULTS, **entry} for entry in entries]
    pointer, sources = [0], []
    for node in nodes:
        missing = [operand for operand in node["inputs"] if operand not in position]
        if missing:
            raise FormatError(
                f"graph {name!r}: node {node['id']} takes its input from {missing[0]!r}, which no "
                "node has as its id: correct it, or get the file again."
            )
        sources += [position[operand] for operand in node["inputs"]]
        pointer.append(len(sources))
    definitions: dict[Definition, int] = {}
    columns = {
        "op": [OPS.code(node["op"]) for node in nodes],
        "padding": [_PADDINGS[node["padding"]] for node in nodes],
        "ids": [node["id"] for node in nodes],
        **{
            key: [node[key] for node in nodes]
            for key in ("resolution", "kernel", "stride", "dilation", "pads", "bias", "groups")
        },
        "definition": [_number(node["definition"], definitions) for node in nodes],
    }
    return Graph.from_arrays(
        name=name,
        family=family,
        definitions=tuple(definitions),
        in_ptr=pointer,
        in_src=sources,
        **columns,
    )


def _number(document: Mapping[str, Any] | None, known: dict[Definition, int]) -> int:
    """Return the number of a definition among those ``known``, which grow; -1 for none."""
    if document is None:
        return -1
    return known.setdefault(Definition.from_json(document), len(known))


def _check_node(entry: Any, line: int, name: str) -> None:
    """Raise ``FormatError`` unless ``entry`` has the required entries and no unknown ones, with
    known words.
    """
    where = f"graph {name!r}: node entry {line}"
    if not isinstance(entry, dict):
        raise FormatError(
            f"{where} is {type(entry).__name__}, an object is wanted: get the file again."
        )
    missing = [key for key in _REQUIRED if key not in entry]
    unknown = sorted(set(entry) - set(_REQUIRED) - set(_DEFAULTS))
    if missing or unknown:
        what = f"lacks {missing[0]!r}" if missing else f"has the unknown entry {unknown[0]!r}"
        raise FormatError(f"{where} {what}: entries are {', '.join([*_REQUIRED, *_DEFAULTS])}.")
    if not isinstance(entry["id"], int):
        raise FormatError(f"{where} has the id {entry['id']!r}: ids are whole numbers.")
    if not isinstance(entry["op"], str) or entry["op"] not in OPS:
        raise FormatError(
            f"{where} has the unknown operation {entry['op']!r}: known are "
            f"{', '.join(op.name for op in OPS)}."
        )
    padding = entry.get("padding", "none")
    if padding not in _PADDINGS:
        raise FormatError(f"{where} has the padding {padding!r}: known are {', '.join(_PADDINGS)}.")
