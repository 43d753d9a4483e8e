"""Child process of ``archloom.io.reference.restricted``: reads one reference pickle and writes it
as JSON lines.

It is run as a script, isolated, without site packages, and imports the standard library only. The
pickle comes in on standard input, the result goes to standard output: first ``{"kind": "object"}``
or ``{"kind": "list"}``, then one line per object. A refusal goes to standard error as one JSON
object. Arguments: limits of memory (bytes), processor time (seconds) and output (bytes).

Class names in a pickle are looked up in a table, never imported: the classes of the reference
become inert holders of attributes, NumPy's scalars become Python numbers, any other name is
refused.
"""

from __future__ import annotations

import json
import pickle
import resource
import struct
import sys
from typing import Any, BinaryIO, NoReturn

_NUMBER_CODES = {
    "f8": "d", "f4": "f", "f2": "e", "i8": "q", "i4": "i", "i2": "h", "i1": "b",
    "u8": "Q", "u4": "I", "u2": "H", "u1": "B", "b1": "?",
}  # fmt: skip
_GRAPH_FIELDS = frozenset(
    (
        "name", "input_shape", "edge_pairs", "regular_nodes", "weighted_nodes",
        "max_hidden_size", "max_kernel_size", "max_derived_H", "max_derived_W",
    )
)  # fmt: skip


class RefusedError(Exception):
    """The pickle holds something that a reference file does not."""


class Holder:
    """An object of the reference: its attributes, nothing else."""

    attributes: dict[str, Any]

    def __setstate__(self, state: Any) -> None:
        if not isinstance(state, dict) or not all(isinstance(key, str) for key in state):
            raise RefusedError("an object whose state is not a dictionary of attributes")
        self.attributes = state


class ComputeGraph(Holder):
    """A compute graph; search bookkeeping (parent, depth) is left behind."""


class RegularNode(Holder):
    """A node without weights."""


class WeightedNode(Holder):
    """A node with weights."""


class NetworkEncoder(Holder):
    """The symbol encoder of the vocabulary."""


class NumberType:
    """NumPy's dtype as far as a plain number needs it."""

    def __init__(self, code: str, align: bool = False, copy: bool = False) -> None:
        self.code, self.order = code, "="

    def __setstate__(self, state: Any) -> None:
        self.order = state[1] if state[1] in ("<", ">") else "="


class Number:
    """NumPy's scalar constructor: gives a Python number."""

    def __new__(cls, kind: NumberType, content: bytes) -> Any:
        """Return the number that ``content`` holds."""
        if not isinstance(kind, NumberType) or kind.code not in _NUMBER_CODES:
            raise RefusedError("a NumPy value that is not a plain number")
        return struct.unpack(kind.order + _NUMBER_CODES[kind.code], content)[0]


ALLOWED: dict[tuple[str, str], type] = {
    ("tf_comp_graph", "ComputeGraph"): ComputeGraph,
    ("tf_comp_graph", "RegularNode"): RegularNode,
    ("tf_comp_graph", "WeightedNode"): WeightedNode,
    ("network_encoder", "Network_Encoder"): NetworkEncoder,
    ("numpy", "dtype"): NumberType,
    ("multiarray", "scalar"): Number,
}
"""What a class name stands for: (last part of the module path, name) -> our own class."""


class RestrictedReader(pickle.Unpickler):
    """An unpickler that knows the names of ``ALLOWED`` only."""

    def find_class(self, module: str, name: str) -> Any:
        """Return our stand-in for ``module.name``; any other name raises ``RefusedError``."""
        try:
            return ALLOWED[module.rpartition(".")[2], name]
        except KeyError:
            raise RefusedError(f"the class or function {module}.{name}") from None


def plain(value: Any) -> Any:
    """Return ``value`` with holders turned into dictionaries; raises ``RefusedError`` for anything
    unexpected.
    """
    if value is None or isinstance(value, str | int | float):
        return value
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(entry) for entry in value]
    if isinstance(value, dict):
        if not all(isinstance(key, str | int) for key in value):
            raise RefusedError("a dictionary with keys that are neither text nor whole numbers")
        return {key: plain(entry) for key, entry in value.items()}
    if isinstance(value, Holder):
        return plain_holder(value)
    raise RefusedError(f"a value of the kind {type(value).__name__}")


def plain_holder(holder: Holder) -> dict[str, Any]:
    """Return the attributes of ``holder`` with its class name under ``__class__``."""
    graph = isinstance(holder, ComputeGraph)
    kept = {
        key: plain(entry)
        for key, entry in holder.attributes.items()
        if not graph or key in _GRAPH_FIELDS
    }
    return {"__class__": type(holder).__name__, **kept}


def refuse(problem: str, detail: str) -> NoReturn:
    """Report why the file is not read, and end."""
    json.dump({"problem": problem, "detail": detail}, sys.stderr)
    sys.exit(1)


def set_limits(memory: int, seconds: int, output: int) -> None:
    """Limit this process: memory and output in bytes, processor time in seconds; no further file or
    socket, no process, no core dump.
    """
    limits = {
        resource.RLIMIT_AS: memory,
        resource.RLIMIT_CPU: seconds,
        resource.RLIMIT_FSIZE: output,
        resource.RLIMIT_NOFILE: 3,
        resource.RLIMIT_NPROC: 0,
        resource.RLIMIT_CORE: 0,
    }
    for kind, limit in limits.items():
        hard = resource.getrlimit(kind)[1]
        lowest = limit if hard == resource.RLIM_INFINITY else min(limit, hard)
        resource.setrlimit(kind, (lowest, lowest))


def convert(source: BinaryIO) -> None:
    """Write the pickle in ``source`` to standard output as JSON lines."""
    content = RestrictedReader(source).load()
    if source.read(1):
        raise RefusedError("further bytes behind its end")
    items = content if isinstance(content, list) else [content]
    sys.stdout.write(json.dumps({"kind": "list" if isinstance(content, list) else "object"}) + "\n")
    for item in items:
        sys.stdout.write(json.dumps(plain(item)) + "\n")
    sys.stdout.flush()


def main() -> None:
    """Read, convert, and report every failure as one line."""
    memory, seconds, output = map(int, sys.argv[1:])
    set_limits(memory, seconds, output)
    try:
        convert(sys.stdin.buffer)
    except RefusedError as error:
        refuse("refused", str(error))
    except MemoryError:
        refuse("limit", "memory")
    except RecursionError:
        refuse("limit", "nesting")
    except OSError as error:
        refuse("limit", f"output ({error.strerror})")
    except Exception as error:  # a damaged pickle can raise anything
        refuse("damaged", f"{type(error).__name__}: {error}"[:300])


if __name__ == "__main__":
    main()
