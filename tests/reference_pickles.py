"""Pickles as the reference projects write them, made without the reference: stand-in classes under
its module paths.
"""

import pickle
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

GRAPH_MODULE = "model_src.comp_graph.tf_comp_graph"
ENCODER_MODULE = "encoder.network_encoder"


def _stand_in(module: str, name: str) -> type:
    return type(name, (), {"__module__": module})


ComputeGraph = _stand_in(GRAPH_MODULE, "ComputeGraph")
RegularNode = _stand_in(GRAPH_MODULE, "RegularNode")
WeightedNode = _stand_in(GRAPH_MODULE, "WeightedNode")
NetworkEncoder = _stand_in(ENCODER_MODULE, "Network_Encoder")


@contextmanager
def reference_modules() -> Iterator[None]:
    """Make the stand-ins importable under the reference's module paths, as pickling demands."""
    before = dict(sys.modules)
    for path, classes in (
        (GRAPH_MODULE, (ComputeGraph, RegularNode, WeightedNode)),
        (ENCODER_MODULE, (NetworkEncoder,)),
    ):
        parts = path.split(".")
        for depth in range(1, len(parts) + 1):
            sys.modules[".".join(parts[:depth])] = ModuleType(".".join(parts[:depth]))
        for found in classes:
            setattr(sys.modules[path], found.__name__, found)
    try:
        yield
    finally:
        sys.modules.clear()
        sys.modules.update(before)


def with_attributes(kind: type, attributes: dict[str, Any]) -> Any:
    """An object of the stand-in class ``kind``."""
    found = kind()
    vars(found).update(attributes)
    return found


def compute_graph(state: dict[str, Any]) -> Any:
    """The reference's object for a state-dict, with the tuples and the bookkeeping that it has."""
    nodes = {
        key: [with_attributes(kind, _node_attributes(node, number)) for node in state[key]]
        for key, kind, number in (
            ("regular_nodes", RegularNode, 0),
            ("weighted_nodes", WeightedNode, 1),
        )
    }
    pairs = [tuple(pair) for pair in state["edge_pairs"]]
    own = {"parent": None, "depth": None, "h_depth": None, "iter": None, "n_weighted_nodes": 0}
    return with_attributes(ComputeGraph, {**state, **nodes, "edge_pairs": pairs, **own})


def _node_attributes(node: dict[str, Any], kind: int) -> dict[str, Any]:
    resolution, strides = tuple(node["resolution"]), node["strides"] and tuple(node["strides"])
    return {**node, "type_idx": kind, "resolution": resolution, "strides": strides}


def dump(path: Path, content: Any, protocol: int = 4) -> Path:
    """Pickle ``content`` (stand-ins allowed) to ``path``."""
    with reference_modules():
        path.write_bytes(pickle.dumps(content, protocol))
    return path
