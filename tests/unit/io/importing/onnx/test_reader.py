"""What an ONNX model may hold, and what is said about the rest."""

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper

import archloom as al
from archloom.errors import FormatError, GraphError
from archloom.io import read, read_model
from archloom.io.exporting.file import to_onnx
from import_suite import run_onnx
from import_suite.handmade import Builder, floats


def conv_net(*shape, dtype=TensorProto.FLOAT):
    b = Builder(*(shape or ("n", 3, 8, 8)), dtype=dtype)
    b.constants.append(numpy_helper.from_array(floats(4, 3, 3, 3), "kernel"))
    b.constants.append(numpy_helper.from_array(floats(4), "shift"))
    return b, b("Conv", "x", "kernel", "shift", pads=[1, 1, 1, 1])


def save(model, tmp_path):
    path = tmp_path / "net.onnx"
    onnx.save(model, path)
    return path


def test_weights_are_traced_to_their_names(tmp_path):
    b, x = conv_net()
    model = read_model(save(b.model(b("Relu", x)), tmp_path))
    assert dict(model.origins) == {"1.weight": "kernel", "1.bias": "shift"}
    assert (model.inputs, model.outputs) == (("x",), (b.nodes[-1].output[0],))
    assert read(tmp_path / "net.onnx").hash == model.graph.hash
    assert al.parameters(model.graph) == 4 * 27 + 4


def test_open_sizes_are_asked_for(tmp_path):
    b, x = conv_net("n", 3, "h", "w")
    path = save(b.model(b("Relu", x)), tmp_path)
    with pytest.raises(FormatError, match=r"input 'x' has the shape \[n, 3, h, w\].*input_shape"):
        read_model(path)
    assert read_model(path, (1, 3, 10, 12)).graph.resolution[0, :4].tolist() == [10, 10, 12, 12]
    assert read_model(path, {"x": (4, 3, 10, 12)}).graph.n_nodes == 4
    for wrong in ((1, 4, 8, 8), (3, 8, 8), (1, 3, 0, 8)):
        with pytest.raises(FormatError, match="does not fit"):
            read_model(path, wrong)
    with pytest.raises(FormatError, match="'y' is no input of the model: its inputs are x"):
        read_model(path, {"y": (1, 3, 8, 8)})


def test_stripped_weights_are_drawn_and_noted(tmp_path):
    b, x = conv_net()
    model = b.model(b("Relu", x))
    for tensor in model.graph.initializer:
        tensor.ClearField("raw_data")
    found = read_model(save(model, tmp_path))
    assert "drawn" in found.notes[0]
    assert 0.1 < found.weights["1.weight"].abs().max() <= (6 / 27) ** 0.5
    assert not found.weights["1.bias"].any()


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_no_numbers_are_refused(tmp_path, value):
    b, x = conv_net()
    weight = floats(4, 3, 3, 3)
    weight[1, 0, 0, 0] = value
    b.constants[0].CopyFrom(numpy_helper.from_array(weight, "kernel"))
    with pytest.raises(FormatError, match="tensor 'kernel' holds NaN or infinite"):
        read_model(save(b.model(b("Relu", x)), tmp_path))


def test_control_flow_is_named(tmp_path):
    b, x = conv_net()
    positive = b("Greater", b("ReduceMax", x, keepdims=0), b.constant(0.0, np.float32))

    def branch(op):
        node = helper.make_node(op, [x], [f"{op} of x"])
        return helper.make_graph(
            [node], op, [], [helper.make_empty_tensor_value_info(f"{op} of x")]
        )

    y = b("If", positive, then_branch=branch("Relu"), else_branch=branch("Neg"))
    with pytest.raises(FormatError, match=r"node 'node\d' \(If\) is control flow"):
        read_model(save(b.model(y), tmp_path))


def test_a_foreign_operator_is_kept_and_written_but_not_run(tmp_path):
    b, x = conv_net()
    b.nodes.append(helper.make_node("Warp", [x, "shift"], ["w"], "warp", domain="acme", power=2))
    model = b.model(b("Relu", "w"))
    model.opset_import.append(helper.make_opsetid("acme", 3))
    path = save(model, tmp_path)
    with pytest.raises(FormatError, match=r"node 'warp' \(Warp\): nothing is known of the shape"):
        read_model(path)
    model.graph.value_info.append(helper.make_tensor_value_info("w", 1, ["n", 4, 8, 8]))
    found = read_model(save(model, tmp_path))
    node = [found.graph.op_name(i) for i in range(found.graph.n_nodes)].index("opaque")
    definition = found.graph.definition_of(node)
    assert (definition.domain, definition.version, definition.attribute("power")) == ("acme", 3, 2)
    with pytest.raises(
        GraphError, match=r"node \d \(opaque\) cannot be executed.*'Warp' of 'acme'"
    ):
        al.to_torch(found.graph)
    written = to_onnx(found.graph, found.weights)
    assert read_model(save(written, tmp_path)).graph.hash == found.graph.hash


def test_sizes_that_do_not_fit_name_the_node(tmp_path):
    b, x = conv_net()
    y = b("Add", x, b.constant(floats(5, 1, 1)))
    with pytest.raises(FormatError, match=r"node 'node1' \(Add\): Add cannot take inputs"):
        read_model(save(b.model(y), tmp_path))


def test_huge_constants_are_refused(tmp_path):
    b, x = conv_net()
    y = b("Add", x, b("ConstantOfShape", b.constant([1 << 20, 1 << 20])))
    with pytest.raises(FormatError, match="would fill 1,099,511,627,776 elements"):
        read_model(save(b.model(y), tmp_path))


def test_a_tensor_that_says_more_than_it_holds_is_refused(tmp_path):
    b, x = conv_net()
    b.constants[0].dims[:] = [1 << 40, 3, 3, 3]
    with pytest.raises(FormatError, match="tensor 'kernel' does not hold"):
        read_model(save(b.model(b("Relu", x)), tmp_path))


def test_random_numbers_and_constant_outputs_are_refused(tmp_path):
    b, x = conv_net()
    noise = b("RandomNormal", shape=[1, 4, 8, 8])
    with pytest.raises(FormatError, match=r"\(RandomNormal\).*from nothing"):
        read_model(save(b.model(b("Add", x, noise)), tmp_path))
    b, x = conv_net()
    with pytest.raises(FormatError, match="is a constant"):
        read_model(save(b.model(b("Relu", x), b("Relu", "shift")), tmp_path))


def test_unused_inputs_are_left_out_with_a_note(tmp_path):
    b, x = conv_net()
    b.inputs.append(helper.make_tensor_value_info("flag", TensorProto.INT64, ["n"]))
    found = read_model(save(b.model(b("Relu", x)), tmp_path))
    assert found.inputs == ("x",) and "flag" in found.notes[0]


def test_a_value_that_is_computed_twice_is_refused(tmp_path):
    b, x = conv_net()
    b.nodes.append(helper.make_node("Relu", [x], [x], "again"))
    with pytest.raises(FormatError, match="which is there already"):
        read_model(save(b.model(x), tmp_path))


def test_text_is_refused(tmp_path):
    b = Builder("n", 3, dtype=TensorProto.STRING)
    with pytest.raises(FormatError, match="'x' has the element type"):
        read_model(save(b.model(b("Identity", "x")), tmp_path))


@pytest.mark.parametrize("batch", [1, 4])
def test_a_batch_that_is_fixed_in_the_file_becomes_free(tmp_path, batch):
    b, x = conv_net(batch, 3, 8, 8)
    x = b("Reshape", b("Relu", x), b.constant([batch, 2, -1]))
    y = b(
        "Gemm",
        b("Reshape", x, b.constant([batch, 256])),
        b.constant(floats(256, 5)),
        b.constant(floats(5)),
    )
    path = save(b.model(y), tmp_path)
    found = read_model(path)
    inputs = torch.randn(batch, 3, 8, 8, dtype=torch.float64)
    module = al.to_torch(found.graph, found.weights).double()
    result = module(inputs)
    np.testing.assert_allclose(
        run_onnx(path.read_bytes(), (inputs.float(),))[0], result.detach(), rtol=1e-5, atol=1e-4
    )
    torch.testing.assert_close(module(inputs[:1]), result[:1])
    torch.testing.assert_close(module(inputs.repeat(2, 1, 1, 1))[:batch], result)
    assert not found.notes


@pytest.mark.parametrize(
    ("element", "name"),
    [
        (TensorProto.STRING, "object"),
        (TensorProto.FLOAT8E4M3FN, "float8_e4m3fn"),
        (TensorProto.INT4, "int4"),
        (99, "object"),
    ],
)
def test_weights_of_elements_that_are_not_computed_with_are_refused(tmp_path, element, name):
    b, x = conv_net()
    b.constants[0].data_type = element
    with pytest.raises(FormatError, match=f"tensor 'kernel' has the element type {name}, with"):
        read_model(save(b.model(x), tmp_path))


@pytest.mark.parametrize("element", [np.float16, np.float64])
def test_weights_of_other_floats_are_read_as_32_bits_and_noted(tmp_path, element):
    b, x = conv_net()
    kernel = floats(4, 3, 3, 3).astype(element)
    b.constants[0].CopyFrom(numpy_helper.from_array(kernel, "kernel"))
    b.constants[1].CopyFrom(numpy_helper.from_array(floats(4).astype(element), "shift"))
    found = read_model(save(b.model(b("Relu", x)), tmp_path))
    assert any("16 and 64 bits were read as 32 bits" in note for note in found.notes)
    assert found.weights["1.weight"].dtype == torch.float32
    np.testing.assert_array_equal(found.weights["1.weight"], kernel.astype(np.float32))
