"""Execution of graphs: TensorFlow's padding, merges, slicing, weights by node id."""

import copy

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from archloom.errors import GraphError
from archloom.execute.module import to_torch
from archloom.graph import OPS, Graph, GraphBuilder, output_shapes, window_pads

SIZES = st.integers(5, 9)
PADDINGS = st.sampled_from(["same", "valid", 1, (0, 1, 2, 0), (2, 0, 1, 1)])


def window_graph(op, height, width, kernel, stride, padding, dilation=1):
    b = GraphBuilder()
    x = b.input(height, width, 3)
    if op == "conv":
        y = b.conv(x, 4, kernel, stride, padding=padding, dilation=dilation, bias=True)
    elif op == "depthwise":
        y = b.depthwise(x, kernel, stride, padding=padding, dilation=dilation)
    else:
        y = b.pool(op, x, kernel, stride, padding)
    b.output(y)
    return b.build()


def windows(x, graph):
    """Yield (row, column, values, inside) of every window of node 1; values are (N, C, kh, kw)."""
    top, left, bottom, right = window_pads(graph, 1)
    (kh, kw), (sh, sw), (dh, dw) = graph.kernel[1], graph.stride[1], graph.dilation[1]
    pads = ((0, 0), (0, 0), (top, bottom), (left, right))
    padded = np.pad(x, pads)
    inside = np.pad(np.ones_like(x, dtype=bool), pads)
    rows, columns = output_shapes(graph)[1, :2]
    for i in range(rows):
        for j in range(columns):
            part = np.s_[:, :, i * sh : i * sh + (kh - 1) * dh + 1 : dh, j * sw :][:3]
            cut = (*part, slice(j * sw, j * sw + (kw - 1) * dw + 1, dw))
            yield i, j, padded[cut], inside[cut]


def plain_result(x, graph, module):
    """Compute node 1 window by window."""
    rows, columns, channels = output_shapes(graph)[1]
    result = np.zeros((len(x), channels, rows, columns))
    weights = {name: tensor.numpy() for name, tensor in module.weights().items()}
    op = graph.op_name(1)
    for i, j, values, inside in windows(x, graph):
        if op == "conv":
            cell = np.einsum("nchw,ochw->no", values, weights["1.weight"]) + weights["1.bias"]
        elif op == "depthwise":
            cell = np.einsum("nchw,cohw->nc", values, weights["1.weight"])
        elif op == "maxpool":
            cell = np.where(inside, values, -np.inf).max((2, 3))
        else:
            cell = (values * inside).sum((2, 3)) / inside.sum((2, 3))
        result[:, :, i, j] = cell
    return result


@given(
    st.sampled_from(["conv", "depthwise", "maxpool", "avgpool"]),
    SIZES,
    SIZES,
    st.sampled_from([3, (3, 4), 5]),
    st.integers(1, 3),
    PADDINGS,
    st.integers(1, 2),
)
def test_windows_follow_tensorflow(op, height, width, kernel, stride, padding, dilation):
    if op.endswith("pool") or height < 9 or width < 9:
        dilation = 1
    graph = window_graph(op, height, width, kernel, stride, padding, dilation)
    module = to_torch(graph, seed=3).eval()
    x = np.random.default_rng(0).normal(size=(2, 3, height, width)) - 1  # maxima are negative
    with torch.no_grad():
        found = module(torch.from_numpy(x).float()).numpy()
    wanted = plain_result(x, graph, module)
    np.testing.assert_allclose(found.reshape(wanted.shape), wanted, atol=1e-5)


def test_same_padding_puts_the_smaller_half_first():
    graph = window_graph("maxpool", 8, 8, 3, 2, "same")
    x = torch.arange(64.0).reshape(1, 1, 8, 8).repeat(1, 3, 1, 1)
    assert to_torch(graph)(x)[0, 0, 0, 0] == 18  # rows 0 to 2, nothing in front


@pytest.mark.parametrize(
    ("op", "function"),
    [
        ("relu", lambda x: np.maximum(x, 0)),
        ("relu6", lambda x: np.clip(x, 0, 6)),
        ("sigmoid", lambda x: 1 / (1 + np.exp(-x))),
        ("tanh", np.tanh),
        ("swish", lambda x: x / (1 + np.exp(-x))),
        ("identity", lambda x: x),
        ("zero", lambda x: 0 * x),
        ("mean", lambda x: x.mean((2, 3))),
        ("global", lambda x: x.mean((2, 3))),
    ],
)
def test_elementwise_operations(op, function):
    b = GraphBuilder()
    b.output(b.unary(op, b.input(4, 4, 2)))
    x = 5 * np.random.default_rng(1).normal(size=(3, 2, 4, 4))
    found = to_torch(b.build())(torch.from_numpy(x))
    np.testing.assert_allclose(found.numpy(), function(x), atol=1e-12)


def test_gelu_is_the_exact_one():
    b = GraphBuilder()
    b.output(b.unary("gelu", b.input(1, 1, 1)))
    assert float(to_torch(b.build())(torch.ones(1, 1, 1, 1))) == pytest.approx(0.8413447, abs=1e-6)


def test_paddings_nodes_add_zeros():
    graph = Graph.from_arrays(
        op=[OPS.code(name) for name in ("input", "paddings", "output")],
        resolution=[[2, 2, 2, 2, 1, 1], [2, 5, 2, 3, 1, 1], [5, 5, 3, 3, 1, 1]],
        pads=[[0, 0, 0, 0], [1, 0, 2, 1], [0, 0, 0, 0]],
        in_ptr=[0, 0, 1, 2],
        in_src=[0, 1],
    )
    found = to_torch(graph)(torch.ones(1, 1, 2, 2))[0, 0]
    wanted = torch.zeros(5, 3)
    wanted[1:3, :2] = 1
    assert torch.equal(found, wanted)


def merge_graph(op, channels, c_in):
    """Inputs of the given channels, one op over all of them."""
    n = len(channels)
    resolution = [[2, 2, 2, 2, c, c] for c in channels] + [[2, 2, 2, 2, c_in, c_in]]
    return Graph.from_arrays(
        op=[OPS.code("input")] * n + [OPS.code(op)],
        resolution=resolution,
        in_ptr=[0] * (n + 1) + [n],
        in_src=list(range(n)),
    )


def tensors(channels):
    generator = torch.Generator().manual_seed(0)
    return [torch.randn(2, c, 2, 2, generator=generator) for c in channels]


def test_merges_join_operands_in_their_order():
    a, b, c = tensors([3, 3, 3])
    join = {op: to_torch(merge_graph(op, [3, 3, 3], 3))(a, b, c) for op in ("add", "mul", "relu")}
    torch.testing.assert_close(join["add"], a + b + c)
    torch.testing.assert_close(join["mul"], a * b * c)
    torch.testing.assert_close(join["relu"], torch.relu(a + b + c))
    found = to_torch(merge_graph("concat", [3, 3, 3], 9))(a, b, c)
    assert torch.equal(found, torch.cat([a, b, c], 1))


def test_operands_are_left_as_they_were():
    a, b, c = tensors([3, 3, 3])
    before = a.clone()
    to_torch(merge_graph("add", [3, 3, 3], 3))(a, b, c)
    assert torch.equal(a, before)


def test_sums_are_sliced_to_the_fewest_channels():
    a, b = tensors([5, 3])
    torch.testing.assert_close(to_torch(merge_graph("add", [5, 3], 3))(a, b), a[:, :3] + b)


def test_too_few_channels_are_an_error_that_names_the_node():
    with pytest.raises(GraphError, match=r"node 2 \(add\) takes 4 channels .* gives 3"):
        to_torch(merge_graph("add", [5, 3], 4))


def test_several_sinks_give_a_list_and_one_a_tensor():
    b = GraphBuilder()
    x = b.input(4, 4, 2)
    b.output(b.unary("mean", x))
    b.output(b.unary("relu", x))
    found = to_torch(b.build())(torch.ones(3, 2, 4, 4))
    assert [tuple(one.shape) for one in found] == [(3, 2), (3, 2, 4, 4)]


def test_squeezing_can_be_switched_off():
    b = GraphBuilder()
    b.output(b.matmul(b.unary("mean", b.input(4, 4, 2)), 7))
    graph = b.build()
    x = torch.ones(3, 2, 4, 4)
    assert to_torch(graph)(x).shape == (3, 7)
    assert to_torch(graph, squeeze=False)(x).shape == (3, 7, 1, 1)


def test_matmul_works_on_the_channels_of_maps_too():
    b = GraphBuilder()
    b.output(b.matmul(b.input(4, 4, 2), 3))
    module = to_torch(b.build(), seed=1)
    x = torch.randn(2, 2, 4, 4)
    wanted = torch.einsum("nchw,oc->nohw", x, module.weights()["1.weight"])
    torch.testing.assert_close(module(x), wanted)


@pytest.mark.parametrize("op", ["unknown", "spacetodepthnd", "reserved1"])
def test_an_op_that_cannot_be_executed_is_named(op):
    b = GraphBuilder(name="net")
    b.output(b.unary(op, b.input(4, 4, 2)))
    with pytest.raises(GraphError, match=rf"graph 'net': node 1 \({op}\) cannot be executed"):
        to_torch(b.build())


def small_network():
    b = GraphBuilder(name="small")
    x = b.unary("relu", b.unary("batchnorm", b.conv(b.input(6, 6, 2), 4)))
    b.output(b.matmul(b.unary("mean", b.depthwise(x, bias=True)), 3))
    return b.build()


def test_weights_are_keyed_by_node_ids():
    graph = small_network()
    graph = graph.replace(ids=graph.ids + 10)
    assert sorted(to_torch(graph).weights()) == [
        *("11.weight", "12.bias", "12.mean", "12.var", "12.weight"),
        *("14.bias", "14.weight", "16.bias", "16.weight"),
    ]


def test_initial_weights_depend_on_seed_and_id_only():
    graph = small_network()
    first, again = to_torch(graph, seed=4).weights(), to_torch(graph, seed=4).weights()
    other = to_torch(graph, seed=5).weights()
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not torch.equal(first["1.weight"], other["1.weight"])
    moved = graph.subgraph([1, 0, 2, 3, 4, 5, 6, 7])
    assert torch.equal(to_torch(moved, seed=4).weights()["1.weight"], first["1.weight"])


def test_initial_weights_are_he_uniform():
    weight = to_torch(small_network(), seed=0).weights()["1.weight"]
    bound = (6 / (2 * 9)) ** 0.5
    assert 0.9 * bound < float(weight.abs().max()) <= bound


def test_loading_and_inheriting():
    graph = small_network()
    weights = to_torch(graph, seed=1).weights()
    module = to_torch(graph, weights)
    assert all(torch.equal(one, weights[name]) for name, one in module.weights().items())
    part = {name: one for name, one in weights.items() if not name.startswith("6.")}
    child = to_torch(graph, seed=2)
    total = sum(one.numel() for one in weights.values())
    left = weights["6.weight"].numel() + weights["6.bias"].numel()
    assert child.inherit(part) == pytest.approx(1 - left / total)
    assert torch.equal(child.weights()["1.weight"], weights["1.weight"])


def test_foreign_weights_are_refused():
    graph = small_network()
    weights = to_torch(graph).weights()
    with pytest.raises(GraphError, match=r"missing \['1.weight'\]"):
        to_torch(graph, {name: one for name, one in weights.items() if name != "1.weight"})
    with pytest.raises(GraphError, match=r"weight 1.weight .* has shape \(4, 2, 3, 3\)"):
        to_torch(graph, {**weights, "1.weight": torch.zeros(1)})


def test_inputs_of_another_shape_are_refused():
    with pytest.raises(GraphError, match=r"takes inputs of shape \[\(2, 6, 6\)\]"):
        to_torch(small_network())(torch.zeros(1, 2, 7, 7))


def test_batch_norm_follows_the_momentum():
    b = GraphBuilder()
    b.output(b.unary("batchnorm", b.input(4, 4, 1)))
    module = to_torch(b.build(), norm_momentum=0.25).train()
    x = torch.randn(8, 1, 4, 4) + 2
    module(x)
    torch.testing.assert_close(module.weights()["1.mean"], 0.25 * x.mean().reshape(1))
    module.eval()
    weights = module.weights()
    wanted = (x - weights["1.mean"]) / (weights["1.var"] + 1e-3).sqrt()
    torch.testing.assert_close(module(x).detach(), wanted)


def test_a_module_can_be_copied_and_trained():
    module = copy.deepcopy(to_torch(small_network(), seed=0))
    loss = module(torch.randn(4, 2, 6, 6)).square().sum()
    loss.backward()
    assert all(one.grad is not None for one in module.parameters())


def test_shipped_graphs_compute_their_stored_shapes(shipped):
    for name in ("nb201_best", "two_path_autogo", "hiaml_autogo"):
        with torch.no_grad():
            assert to_torch(shipped[name]).eval()(torch.zeros(1, 3, 32, 32)).shape == (1, 10)
