"""Nodes of imported networks: their names, sizes and counts."""

import onnx
import pytest

import archloom as al
from archloom.io import read_model
from import_suite.handmade import Builder, floats


def graph_of(shape, build, tmp_path):
    b = Builder("n", *shape)
    path = tmp_path / "net.onnx"
    onnx.save(b.model(build(b)), path)
    return read_model(path).graph


@pytest.mark.parametrize(
    ("shape", "build", "name", "macs", "parameters"),
    [
        ((5, 8), lambda b: b("MatMul", "x", b.constant(floats(8, 6))), "matmul", 5 * 8 * 6, 48),
        (
            (2, 5, 4),
            lambda b: b("MatMul", "x", b("Transpose", "x", perm=[0, 1, 3, 2])),
            "batched_matmul",
            2 * 5 * 4 * 5,
            0,
        ),
        ((8,), lambda b: b("MatMul", "x", b.constant(floats(8, 6))), "matmul", 48, 48),
        (
            (4, 9),
            lambda b: b("Conv", "x", b.constant(floats(6, 2, 3)), b.constant(floats(6)), group=2),
            "conv",
            7 * 3 * 2 * 6,
            42,
        ),
        (
            (4, 5, 6),
            lambda b: b("ConvTranspose", "x", b.constant(floats(4, 3, 2, 2)), strides=[2, 2]),
            "conv_transpose",
            5 * 6 * 4 * 4 * 3,
            48,
        ),
        (
            (4, 5, 6),
            lambda b: b("PRelu", "x", b.constant(floats(4, 1, 1))),
            "elementwise",
            0,
            4,
        ),
    ],
)
def test_fixed_nodes_are_counted(shape, build, name, macs, parameters, tmp_path):
    graph = graph_of(shape, build, tmp_path)
    names = [graph.op_name(node) for node in range(graph.n_nodes)]
    assert name in names and graph.is_fixed[names.index(name)]
    assert al.flops(graph, "mac") == 2 * macs
    assert al.parameters(graph) == parameters


def test_a_node_of_the_vocabulary_reads_a_fixed_one_as_a_map(tmp_path):
    def build(b):
        y = b("Reshape", "x", b.constant([0, 6, 4, 5]))
        return b("Relu", b("Conv", y, b.constant(floats(3, 6, 1, 1))))

    graph = graph_of((20, 6), build, tmp_path)
    names = [graph.op_name(node) for node in range(graph.n_nodes)]
    assert names == ["input", "reshape", "conv", "relu", "output"]
    assert graph.is_fixed.tolist() == [True, True, False, False, False]
    assert graph.resolution[2].tolist() == [4, 4, 5, 5, 6, 3]


def test_an_image_that_is_transposed_at_once_is_no_map(tmp_path):
    def build(b):
        y = b("Transpose", "x", perm=[0, 3, 1, 2])
        return b("Conv", y, b.constant(floats(4, 3, 3, 3)))

    graph = graph_of((8, 9, 3), build, tmp_path)
    assert graph.definition_of(0).outputs[0].shape == (1, 8, 9, 3)
    assert graph.resolution[2].tolist() == [8, 6, 9, 7, 3, 4]
