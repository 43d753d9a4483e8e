"""The kinds of files that are fuzzed: those of the test of readers, and every format of graphs."""

from pathlib import Path

from tests.faults.test_files import network
from tests.faults.test_readers import KINDS, Kind, written

from archloom.graph import Graph
from archloom.io import read, read_model, write
from archloom.io.reference.cg_json import to_state_dict
from reference_pickles import compute_graph, dump


def read_graphs(path: Path) -> None:
    """Read a file of graphs to its end, and what is derived of each."""
    found = read(path)
    for one in [found] if isinstance(found, Graph) else found:
        graph = one if isinstance(one, Graph) else one.graph
        _ = graph.hash, graph.order


def graph_file(name: str) -> Kind:
    """A format of graphs."""
    return Kind(name, written(name, lambda path: write(network(), path)), read_graphs)


def pickle_file() -> Kind:
    """A reference pickle."""
    content = compute_graph(to_state_dict(network()))
    return Kind("net.pkl", written("net.pkl", lambda path: dump(path, content)), read_graphs)


def old_onnx(path: Path) -> None:
    """Write a model of operator set 9 with attributes that became inputs, and a function."""
    import numpy as np
    from onnx import TensorProto, helper, numpy_helper

    weight = numpy_helper.from_array(np.ones((4, 3, 3, 3), np.float32), "w")
    relu = helper.make_node("Relu", ["a"], ["b"])
    f = helper.make_function("f", "F", ["a"], ["b"], [relu], [helper.make_opsetid("", 9)])
    nodes = [
        helper.make_node("Pad", ["x"], ["p"], pads=[0, 0, 1, 1, 0, 0, 1, 1], mode="constant"),
        helper.make_node("Conv", ["p", "w"], ["c"], kernel_shape=[3, 3]),
        helper.make_node("F", ["c"], ["r"], domain="f"),
        helper.make_node("Clip", ["r"], ["k"], min=0.0, max=6.0),
        helper.make_node("MaxPool", ["k"], ["m"], kernel_shape=[2, 2], strides=[2, 2]),
        helper.make_node("Slice", ["m"], ["s"], axes=[1], starts=[0], ends=[2]),
        helper.make_node("ReduceMean", ["s"], ["e"], axes=[2, 3], keepdims=0),
        helper.make_node("Unsqueeze", ["e"], ["u"], axes=[2]),
        helper.make_node("Squeeze", ["u"], ["q"], axes=[2]),
        helper.make_node("Softmax", ["q"], ["y"], axis=1),
    ]
    ends = [
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)]
        for name, shape in (("x", [1, 3, 8, 8]), ("y", [1, 2]))
    ]
    graph = helper.make_graph(nodes, "g", *ends, [weight])
    domains = [helper.make_opsetid("", 9), helper.make_opsetid("f", 1)]
    model = helper.make_model(graph, opset_imports=domains, functions=[f])
    path.write_bytes(model.SerializeToString())


FUZZED = [
    *KINDS,
    *(graph_file(f"net.{ending}") for ending in ("json", "cg.json", "state.json", "parquet")),
    pickle_file(),
    Kind("old onnx", written("old.onnx", old_onnx), read_model),
]

SEEDS = {
    "split": [35],
    "labels": [1],
    "instances": [3],
    "topologies": [15],
    "psc index": [3, 7, 18, 29, 50, 59],
    "ranking": [11],
    "net.state.json": [5],
}
"""Mutants that a reader once took badly."""
