"""Functions of ONNX models are counted before they take the place of their calls."""

import pytest
from onnx import TensorProto, helper

from archloom.errors import FormatError
from archloom.io import read_model
from archloom.io.importing.onnx.functions import check_functions

DOMAINS = [helper.make_opsetid("", 21), helper.make_opsetid("f", 1)]


def function(name, nodes):
    return helper.make_function("f", name, ["a"], ["b"], nodes, DOMAINS)


def call(name, before="a", after="b"):
    return helper.make_node(name, [before], [after], domain="f")


def model_of(functions, *nodes):
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 3, 8, 8]) for name in "xy"]
    graph = helper.make_graph(nodes or [call("F0", "x", "y")], "g", ends[:1], ends[1:])
    return helper.make_model(graph, opset_imports=DOMAINS, functions=functions)


def last(number):
    return function(f"F{number}", [helper.make_node("Relu", ["a"], ["b"])])


def twice(number):
    return function(
        f"F{number}", [call(f"F{number + 1}", "a", "t"), call(f"F{number + 1}", "t", "b")]
    )


def once(number):
    return function(f"F{number}", [call(f"F{number + 1}")])


def test_functions_that_would_become_too_many_nodes_are_refused(tmp_path):
    path = tmp_path / "many.onnx"
    path.write_bytes(model_of([*map(twice, range(40)), last(40)]).SerializeToString())
    with pytest.raises(FormatError, match=r"many\.onnx.*1,099,511,627,776 nodes"):
        read_model(path)


def test_a_few_calls_are_read(tmp_path):
    path = tmp_path / "few.onnx"
    path.write_bytes(model_of([*map(twice, range(4)), last(4)]).SerializeToString())
    graph = read_model(path).graph
    assert [graph.op_name(node) for node in range(graph.n_nodes)].count("relu") == 16


@pytest.mark.parametrize("length", [1, 2, 5])
def test_functions_that_call_themselves_are_refused(length):
    ring = [function(f"F{k}", [call(f"F{(k + 1) % length}")]) for k in range(length)]
    with pytest.raises(FormatError, match="calls itself"):
        check_functions(model_of(ring))


def test_functions_nested_too_deep_are_refused():
    check_functions(model_of([*map(once, range(90)), last(90)]))
    with pytest.raises(FormatError, match="more than 100 deep"):
        check_functions(model_of([*map(once, range(5000)), last(5000)]))


def test_calls_inside_branches_are_counted():
    branch = helper.make_graph([call("F0", "x", "z")], "b", [], [])
    choice = helper.make_node("If", ["x"], ["y"], then_branch=branch, else_branch=branch)
    with pytest.raises(FormatError, match=r"2,097,153 nodes"):
        check_functions(model_of([*map(twice, range(20)), last(20)], choice))


def test_large_bodies_are_counted_in_bytes():
    constant = helper.make_tensor("c", TensorProto.FLOAT, [1 << 20], bytes(1 << 22), raw=True)
    body = [helper.make_node("Constant", [], ["t"], value=constant), call("F8", "a", "b")]
    functions = [*map(twice, range(7)), function("F7", body), last(8)]
    with pytest.raises(FormatError, match=r"nodes of 5\d\d,\d{3},\d{3} bytes"):
        check_functions(model_of(functions))
