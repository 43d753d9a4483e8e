"""ONNX files: checked, named after the graph's nodes, equal to the PyTorch module."""

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from archloom.errors import DataError, GraphError
from archloom.execute.layers import Norm
from archloom.execute.module import to_torch
from archloom.graph import OPS, Graph, GraphBuilder
from archloom.io import read_model
from archloom.io.exporting import check, nodes
from archloom.io.exporting.file import to_onnx, write_onnx


def calibrated(graph, seed=0):
    """Return a module with random weights whose batch norms fit random images.

    Shifts around 0.5 keep rounding errors from growing with depth.
    """
    module = to_torch(graph, seed=seed, norm_momentum=1.0).train()
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for tensor in module.parameters():
            if tensor.dim() == 1:
                tensor.add_(0.2 * torch.randn(tensor.shape, generator=generator))
        for part in module.children():
            if isinstance(part, Norm):
                part.bias.add_(0.5)
        module(*inputs(graph, 4, generator))
    return module.eval()


def inputs(graph, count, generator):
    shapes = graph.resolution[graph.sources][:, [4, 0, 2]].tolist()
    return [torch.randn(count, *shape, generator=generator) for shape in shapes]


def run(model, arrays):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(model.SerializeToString(), options)
    names = [value.name for value in session.get_inputs()]
    return session.run(None, dict(zip(names, arrays, strict=True)))


def assert_equal_outputs(graph, count=3, opset=17):
    module = calibrated(graph)
    x = inputs(graph, count, torch.Generator().manual_seed(9))
    with torch.no_grad():
        wanted = module(*x)
    model = to_onnx(graph, module.weights(), opset)
    found = run(model, [one.numpy() for one in x])
    for one, other in zip(wanted if isinstance(wanted, list) else [wanted], found, strict=True):
        atol = 1e-4 * max(1.0, float(one.abs().max()))
        np.testing.assert_allclose(other, one.numpy(), atol=atol, rtol=0)
    return model


@pytest.mark.parametrize(
    "name", ["nb201_best", "two_path_autogo", "hiaml_best", "inception_autogo"]
)
def test_shipped_graphs_give_the_same_output(shipped, name):
    assert_equal_outputs(shipped[name])


UNARY = ("relu", "relu6", "sigmoid", "tanh", "swish", "gelu", "batchnorm", "identity", "zero")


@given(
    st.lists(st.sampled_from([*UNARY, "conv", "depthwise", "maxpool", "avgpool"]), max_size=6),
    st.integers(5, 8),
    st.integers(1, 3),
    st.sampled_from(["same", "valid", 1, (1, 0, 2, 1)]),
    st.booleans(),
)
@settings(max_examples=25)
def test_chains_give_the_same_output(names, size, stride, padding, pooled):
    b = GraphBuilder(name="chain")
    x = b.input(size, size + 1, 3)
    for name in names:
        if name in UNARY:
            x = b.unary(name, x)
        elif min(b.shape(x)[:2]) >= 3:
            window = {"kernel": 3, "stride": stride, "padding": padding}
            if name == "conv":
                x = b.conv(x, 4, bias=True, **window)
            elif name == "depthwise":
                x = b.depthwise(x, **window)
            else:
                x = b.pool(name, x, **window)
    if pooled:
        x = b.unary("relu", b.matmul(b.unary("mean", x), 5))
    b.output(x)
    assert_equal_outputs(b.build())


def test_merges_slices_and_several_ends():
    graph = Graph.from_arrays(
        op=[OPS.code(name) for name in ("input", "input", "mul", "conv", "concat", "relu")],
        resolution=[
            [4, 4, 4, 4, 5, 5],
            [4, 4, 4, 4, 3, 3],
            [4, 4, 4, 4, 3, 3],
            [4, 4, 4, 4, 3, 2],
            [4, 4, 4, 4, 5, 5],
            [4, 4, 4, 4, 3, 3],
        ],
        kernel=[[0, 0], [0, 0], [0, 0], [1, 1], [0, 0], [0, 0]],
        in_ptr=[0, 0, 0, 3, 5, 7, 8],
        in_src=[0, 1, 1, 1, 0, 2, 3, 0],
        name="merges",
    )
    assert_equal_outputs(graph)


def test_flat_tensors_grow_to_maps_where_an_op_needs_them():
    b = GraphBuilder(name="gate")
    x = b.input(4, 4, 3)
    squeezed = b.matmul(b.unary("mean", x), 3)
    deep = b.conv(b.unary("swish", b.unary("batchnorm", squeezed)), 3, 1, bias=True)
    b.output(b.mul([b.add([deep, squeezed]), b.unary("mean", x)]))
    b.output(b.matmul(x, 2))
    assert_equal_outputs(b.build())


def test_later_opsets_can_be_asked_for(shipped):
    model = assert_equal_outputs(shipped["two_path_autogo"], opset=21)
    assert model.opset_import[0].version == 21
    with pytest.raises(GraphError, match="opset 11 cannot be written"):
        to_onnx(shipped["two_path_autogo"], opset=11)


def test_the_file_reads_like_the_graph(shipped):
    graph = shipped["nb201_best"]
    graph = graph.replace(ids=graph.ids + 1000)
    model = to_onnx(graph)
    names = {node.name for node in model.graph.node}
    inner = [
        node for node in range(graph.n_nodes) if graph.op_name(node) not in ("input", "output")
    ]
    assert {f"{graph.op_name(node)}_{graph.ids[node]}" for node in inner} <= names
    kinds = [node.op_type for node in model.graph.node]
    assert kinds.count("BatchNormalization") == 76
    assert kinds.count("Gemm") == 1
    value = model.graph.input[0].type.tensor_type.shape.dim
    assert [dim.dim_param or dim.dim_value for dim in value] == ["batch", 3, 32, 32]
    assert {prop.key: prop.value for prop in model.metadata_props}["archloom.graph"] == graph.hash
    assert model.producer_name == "archloom"


def test_windows_that_onnx_cannot_say_are_named():
    b = GraphBuilder()
    b.output(b.pool("maxpool", b.input(6, 6, 2), 2, 2, padding=2))
    with pytest.raises(GraphError, match=r"node 1 \(maxpool\) pads .* put a paddings node"):
        to_onnx(b.build())


def test_writing_is_atomic(shipped, tmp_path):
    path = tmp_path / "net.onnx"
    write_onnx(shipped["two_path_autogo"], path)
    onnx.checker.check_model(onnx.load(path))
    assert list(tmp_path.iterdir()) == [path]
    before = path.read_bytes()
    b = GraphBuilder()
    b.output(b.unary("unknown", b.input(4, 4, 2)))
    with pytest.raises(GraphError):
        write_onnx(b.build(), path)
    assert path.read_bytes() == before
    with pytest.raises(DataError, match="could not be written"):
        write_onnx(shipped["two_path_autogo"], path / "below" / "net.onnx")


def test_a_file_that_computes_something_else_replaces_nothing(shipped, tmp_path, monkeypatch):
    path, graph = tmp_path / "net.onnx", shipped["two_path_autogo"]
    write_onnx(graph, path)
    before = path.read_bytes()
    monkeypatch.setitem(nodes._SIMPLE, "relu", "Sigmoid")
    with pytest.raises(GraphError, match=r"output 0 would be other numbers.*verify=False"):
        write_onnx(graph, path)
    assert path.read_bytes() == before and list(tmp_path.iterdir()) == [path]
    write_onnx(graph, path, verify=False)
    assert path.read_bytes() != before


def test_a_file_that_ends_the_runtime_is_an_error(shipped, tmp_path, monkeypatch):
    child = tmp_path / "child.py"
    child.write_text("import os\nos.abort()\n")
    monkeypatch.setattr(check, "_CHILD", child)
    with pytest.raises(GraphError, match="cannot run it .status -6"):
        write_onnx(shipped["two_path_autogo"], tmp_path / "net.onnx")
    assert list(tmp_path.iterdir()) == [child]


def test_what_onnx_cannot_load_is_an_error_of_ours(tmp_path):
    b = GraphBuilder(name="wide")
    b.output(b.conv(b.input(5, 5, 3), 4, bias=True))
    graph = b.build()
    wrong = graph.replace(resolution=np.where(graph.resolution == 4, 6, graph.resolution))
    with pytest.raises(GraphError):
        write_onnx(wrong, tmp_path / "net.onnx", to_torch(graph).weights())
    assert not list(tmp_path.iterdir())


def test_an_output_that_nobody_reads_is_written_where_the_operator_names_it(tmp_path):
    text = "<ir_version: 10, opset_import: ['' : 21]> net (float[N,3,8,8] x) => (float[N,3,8,2] y) "
    text += "<int64[1] k = {2}> { found, places = TopK(x, k) y = Relu(found) }"
    onnx.save(onnx.parser.parse_model(text.replace("'", '"')), tmp_path / "net.onnx")
    model = read_model(tmp_path / "net.onnx")
    write_onnx(model.graph, tmp_path / "again.onnx")
    (top_k,) = [
        one for one in onnx.load(tmp_path / "again.onnx").graph.node if one.op_type == "TopK"
    ]
    assert len(top_k.output) == 2
    x = torch.randn(2, 3, 8, 8)
    wanted = x.topk(2).values.relu()
    torch.testing.assert_close(to_torch(model.graph)(x), wanted)
    session = onnxruntime.InferenceSession(tmp_path / "again.onnx")
    (found,) = session.run(None, {session.get_inputs()[0].name: x.numpy()})
    np.testing.assert_allclose(found, wanted.numpy())
