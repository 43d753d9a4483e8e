"""ONNX files: external data, operator sets, damage."""

import shutil

import numpy as np
import onnx
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import helper

import archloom as al
from archloom import io
from archloom.errors import ArchloomError, DataError, FormatError, GraphError
from archloom.graph import GraphBuilder, check
from archloom.io import read_model
from archloom.io.exporting import file as writer
from archloom.io.exporting.file import to_onnx, write_onnx
from archloom.io.importing.onnx.reader import network_of
from import_suite.handmade import Builder, floats


def network():
    b = GraphBuilder(name="net")
    x = b.conv(b.input(6, 6, 3), 16, bias=True)
    x = b.unary("relu", b.unary("batchnorm", b.conv(x, 16, groups=4)))
    b.output(b.matmul(b.unary("mean", x), 5))
    return b.build()


@pytest.fixture
def external(tmp_path, monkeypatch):
    """A model whose larger tensors lie in net.onnx.data."""
    monkeypatch.setattr(writer, "LARGEST_INLINE", 100)
    path = tmp_path / "net.onnx"
    write_onnx(network(), path)
    return path


def test_large_models_keep_their_tensors_beside_the_file(external):
    weights = al.to_torch(network()).weights()
    stored = onnx.load(external, load_external_data=False).graph.initializer
    assert any(one.data_location == onnx.TensorProto.EXTERNAL for one in stored)
    model = read_model(external)
    assert model.graph.hash == network().hash
    x = torch.randn(2, 3, 6, 6)
    again = al.to_torch(model.graph, model.weights).eval()(x)
    torch.testing.assert_close(again, al.to_torch(network(), weights).eval()(x))
    import onnxruntime

    session = onnxruntime.InferenceSession(external)
    found = session.run(None, {"input": x.numpy()})[0]
    np.testing.assert_allclose(found, again.detach().numpy(), atol=1e-5)
    with pytest.raises(GraphError, match="write_onnx"):
        to_onnx(network())


def test_missing_and_short_external_data_is_named(external):
    data = external.with_name("net.onnx.data")
    content = data.read_bytes()
    data.write_bytes(content[:-100])
    with pytest.raises(FormatError, match=r"net.onnx: tensor '\d+.weight' of shape .* bytes"):
        read_model(external)
    data.unlink()
    with pytest.raises(DataError, match="which is not there: put the file beside the model"):
        read_model(external)


@pytest.mark.parametrize(
    "location",
    ["../secret", "/etc/passwd", "a/../../secret", "C:\\secret", "..\\secret", "link", ""],
)
def test_external_data_outside_of_the_folder_is_not_opened(external, location, tmp_path):
    secret = tmp_path.parent / "secret"
    shutil.copy(external.with_name("net.onnx.data"), secret)
    if location == "link":
        (tmp_path / "link").symlink_to(secret)
    model = onnx.load(external, load_external_data=False)
    for tensor in model.graph.initializer:
        for entry in tensor.external_data:
            entry.value = location if entry.key == "location" else entry.value
    external.write_bytes(model.SerializeToString())
    with pytest.raises(FormatError, match="not inside the folder of the model"):
        read_model(external)


def test_a_file_beyond_two_gibibytes_is_refused(tmp_path, monkeypatch):
    path = tmp_path / "net.onnx"
    write_onnx(network(), path)
    monkeypatch.setattr(io, "LARGEST_MODEL", 100)
    with pytest.raises(FormatError, match="2 GiB.*external data"):
        read_model(path)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_damaged_files_are_refused_or_read(tmp_path_factory, data):
    content = bytearray(to_onnx(network()).SerializeToString())
    kind = data.draw(st.sampled_from(["cut", "flip", "fill"]))
    at = data.draw(st.integers(0, len(content) - 1))
    if kind == "cut":
        del content[at:]
    elif kind == "flip":
        content[at] ^= 1 << data.draw(st.integers(0, 7))
    else:
        content[at : at + 8] = b"\xff" * 8
    path = tmp_path_factory.mktemp("fuzz") / "net.onnx"
    path.write_bytes(content)
    try:
        model = read_model(path)
    except ArchloomError as error:
        assert str(path) in str(error)
    else:
        check(model.graph)


@pytest.mark.parametrize(
    ("opset", "op", "fails"),
    [(25, "Relu", False), (25, "Identity", False), (24, "Swish", False), (6, "Relu", True)],
)
def test_operator_sets_that_mean_the_same_are_accepted(tmp_path, opset, op, fails):
    b = Builder("n", 3, 4, 4)
    model = b.model(b("Relu", b(op, "x")), opset=opset, ir=11)
    path = tmp_path / "net.onnx"
    onnx.save(model, path)
    if not fails:
        assert read_model(path).graph.n_nodes in (3, 4)
        return
    with pytest.raises(FormatError, match=r"\(Swish\) is written in|operator set 6"):
        read_model(path)


def test_functions_are_put_in_place_of_their_calls(tmp_path):
    node = helper.make_node("Twice", ["x"], ["y"], domain="own")
    body = [helper.make_node("Add", ["a", "a"], ["b"])]
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("own", 1)]
    twice = helper.make_function("own", "Twice", ["a"], ["b"], body, opsets[:1])
    ends = [helper.make_tensor_value_info(n, 1, ["n", 3, 4, 4]) for n in "xy"]
    graph = helper.make_graph([node], "g", ends[:1], ends[1:])
    path = tmp_path / "net.onnx"
    onnx.save(helper.make_model(graph, functions=[twice], opset_imports=opsets), path)
    model = read_model(path)
    x = torch.randn(2, 3, 4, 4)
    torch.testing.assert_close(al.to_torch(model.graph)(x), 2 * x)


def test_a_network_keeps_the_names_of_its_tensors():
    b = Builder("n", 3, 6, 6)
    model = b.model(b("Conv", "x", b.constant(floats(4, 3, 3, 3))), opset=21)
    assert list(network_of(model).constants) == ["c0"]
