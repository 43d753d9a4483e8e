"""Fixed nodes: executed, exported, stored and hashed by their ONNX definition."""

import json

import numpy as np
import pytest
import torch

import archloom as al
from archloom.errors import FormatError, GraphError
from archloom.graph import Graph, GraphBuilder, check, disjoint_union, graph_hashes
from archloom.graph.definition import (
    OPSET,
    OWN_DOMAIN,
    Definition,
    Literal,
    Operand,
    TensorType,
    Weight,
)
from archloom.io.exporting.file import to_onnx
from archloom.io.native import from_native, to_native
from archloom.io.store import GraphStore, write_store

MAP = TensorType("float32", (1, 4, 6, 6))
FLAT = TensorType("float32", (1, 4))


def sub(*, literal: float = 0.5) -> Definition:
    scale = Literal(TensorType("float32", (1,)), (literal,))
    return Definition("Sub", (Operand(MAP), scale), (MAP,))


def network(
    definition: Definition | None = None, operands: tuple[int, ...] = (0,), name: str = "net"
) -> Graph:
    """input -> conv, relu -> fixed node -> mean -> matmul -> output."""
    b = GraphBuilder(name=name)
    x = b.input(6, 6, 3)
    ends = [b.conv(x, 4), b.unary("relu", b.conv(x, 4))]
    shape = b.shape(ends[0])
    y = b.fixed("elementwise", [ends[i] for i in operands], definition or sub(), shape, shape)
    b.output(b.matmul(b.unary("mean", b.add([y, ends[1]])), 5))
    return b.build()


def plain() -> Graph:
    b = GraphBuilder(name="plain")
    b.output(b.conv(b.input(6, 6, 3), 4))
    return b.build()


def run_onnx(graph: Graph, x: torch.Tensor, weights=None) -> np.ndarray:
    import onnxruntime

    session = onnxruntime.InferenceSession(to_onnx(graph, weights).SerializeToString())
    return session.run(None, {session.get_inputs()[0].name: x.numpy()})[0]


def test_a_fixed_node_computes_its_definition():
    b = GraphBuilder()
    x = b.input(6, 6, 4)
    y = b.fixed("elementwise", [x], sub(literal=0.25), (6, 6, 4), (6, 6, 4))
    b.output(y)
    x = torch.randn(2, 4, 6, 6)
    torch.testing.assert_close(al.to_torch(b.build())(x), x - 0.25)


def test_weights_of_a_fixed_node_are_loaded_and_exported():
    shift = Weight("shift", TensorType("float32", (1, 4, 1, 1)))
    graph = network(Definition("Sub", (Operand(MAP), shift), (MAP,)))
    module = al.to_torch(graph)
    module.load({k: torch.randn_like(v) * 0.3 for k, v in module.weights().items()})
    assert sum(key.endswith(".shift") for key in module.weights()) == 1
    x = torch.randn(3, 3, 6, 6)
    found = run_onnx(graph, x, module.weights())
    np.testing.assert_allclose(found, module.eval()(x).detach().numpy(), atol=1e-5)
    assert al.parameters(graph) - al.parameters(network()) == 4


@pytest.mark.parametrize("producer", ["fixed", "vocabulary"])
def test_maps_of_one_pixel_lose_and_regain_height_and_width(producer):
    flat = Definition("Relu", (Operand(FLAT),), (FLAT,))
    b = GraphBuilder()
    y = b.unary("mean", b.conv(b.input(6, 6, 3), 4))
    y = b.fixed("elementwise", [y], flat, (1, 1, 4), (1, 1, 4))
    if producer == "vocabulary":
        y = b.conv(b.unary("relu", y), 4, 1)
    y = b.fixed("elementwise", [y], flat, (1, 1, 4), (1, 1, 4))
    b.output(y)
    graph = b.build()
    module, x = al.to_torch(graph).eval(), torch.randn(2, 3, 6, 6)
    assert module(x).shape == (2, 4)
    np.testing.assert_allclose(run_onnx(graph, x), module(x).detach().numpy(), atol=1e-5)


def test_ends_may_state_their_own_rank_and_type():
    tokens = TensorType("float32", (1, 7, 4))
    b = GraphBuilder()
    own = Definition("Input", (), (tokens,), domain=OWN_DOMAIN)
    x = b.fixed("input", [], own, (7, 1, 4), (7, 1, 4))
    x = b.fixed(
        "elementwise", [x], Definition("Relu", (Operand(tokens),), (tokens,)), (7, 1, 4), (7, 1, 4)
    )
    b.fixed(
        "output",
        [x],
        Definition("Output", (Operand(tokens),), (tokens,), domain=OWN_DOMAIN),
        (7, 1, 4),
        (7, 1, 4),
    )
    graph = b.build()
    check(graph)
    module, x = al.to_torch(graph), torch.randn(2, 7, 4)
    assert torch.equal(module(x), x.relu())
    np.testing.assert_array_equal(run_onnx(graph, x), x.relu().numpy())
    with pytest.raises(GraphError, match=r"\(7, 4\)"):
        module(torch.randn(2, 8, 4))


def test_an_operator_without_implementation_is_named():
    graph = network(Definition("Warp", (Operand(MAP),), (MAP,), domain="acme", version=1))
    with pytest.raises(GraphError, match=r"node \d+ \(elementwise\).*'Warp' of 'acme'"):
        al.to_torch(graph)


def test_the_hash_sees_definitions_and_the_order_of_their_operands():
    two = Definition("Sub", (Operand(MAP), Operand(MAP)), (MAP,))
    graphs = [
        network(),
        network(sub(literal=0.6)),
        network(two, (0, 1)),
        network(two, (1, 0)),
    ]
    assert len({graph.hash for graph in graphs}) == 4
    fresh = [graph.replace(ids=graph.ids + 5) for graph in graphs]
    assert graph_hashes(fresh) == [graph.hash for graph in graphs]
    union, bounds = disjoint_union(graphs)
    again = union.subgraph(np.arange(bounds[2], bounds[3]))
    assert again.hash == graphs[2].hash


def test_groups_count_and_are_exported():
    def build(groups: int) -> Graph:
        b = GraphBuilder()
        b.output(b.conv(b.input(6, 6, 8), 8, groups=groups))
        return b.build()

    plain, grouped = build(1), build(4)
    assert plain.hash != grouped.hash
    assert al.flops(plain, "mac") == 4 * al.flops(grouped, "mac")
    assert al.parameters(plain) == 4 * al.parameters(grouped)
    x = torch.randn(2, 8, 6, 6)
    found = al.to_torch(grouped)(x).detach().numpy()
    np.testing.assert_allclose(run_onnx(grouped, x), found, atol=1e-5)
    with pytest.raises(GraphError, match="common divisor"):
        build(3)


SPECIAL = Definition(
    "Odd",
    (
        Operand(MAP),
        None,
        Weight("w", TensorType("int64", (2, 3))),
        Literal(TensorType("float32", (3,)), (float("inf"), float("-inf"), 1.0)),
    ),
    (MAP, FLAT),
    (
        ("alpha", 0.5),
        ("axes", (1, 2)),
        ("bound", float("inf")),
        ("mode", "edge"),
        ("names", ("a", "b")),
        ("scales", (1.0, 2.0)),
        ("value", Literal(TensorType("bool", ()), (True,))),
    ),
    domain="acme",
    version=3,
)


def test_definitions_survive_json():
    again = Definition.from_json(json.loads(json.dumps(SPECIAL.to_json(), allow_nan=False)))
    assert again == SPECIAL and again.digest == SPECIAL.digest
    assert [type(value) for _, value in again.attributes] == [
        type(value) for _, value in SPECIAL.attributes
    ]


@pytest.mark.parametrize(
    "damage",
    [
        {"op_type": None, "extra": 1},
        {"inputs": [{"weight": "w"}]},
        {"outputs": [[]]},
        {"inputs": 3},
    ],
    ids=["unknown entry", "no type", "empty type", "no list"],
)
def test_a_damaged_definition_is_refused(damage):
    with pytest.raises(FormatError, match="definition"):
        Definition.from_json({**SPECIAL.to_json(), **damage})


def test_native_files_and_stores_keep_definitions(tmp_path):
    graphs = [network(SPECIAL), network(), plain()]
    for graph in graphs:
        again = from_native(json.loads(json.dumps(to_native(graph), allow_nan=False)))
        assert again.hash == graph.hash
        assert [again.definition_of(n) for n in range(again.n_nodes)] == [
            graph.definition_of(n) for n in range(graph.n_nodes)
        ]
    write_store(graphs, tmp_path / "graphs.parquet")
    for again, graph in zip(GraphStore(tmp_path / "graphs.parquet"), graphs, strict=True):
        assert again.hash == graph.hash == again.replace(ids=again.ids + 1).hash


def test_another_input_size_is_refused_where_a_fixed_node_would_change():
    with pytest.raises(GraphError, match=r"node \d \(elementwise\) is fixed to the input sizes"):
        al.infer_shapes(network(), (8, 8, 3))
    assert al.infer_shapes(network()).hash == network().hash


def test_a_missing_operand_is_refused():
    two = Definition("Sub", (Operand(MAP), Operand(MAP)), (MAP,))
    with pytest.raises(GraphError, match=r"has 1 operands where its definition \(Sub\) takes 2"):
        check(network(two, (0,)))


def test_fixed_nodes_ask_for_their_operator_set():
    assert to_onnx(network()).opset_import[0].version == OPSET
    b = GraphBuilder()
    one = TensorType("float32", (1, 4, 6, 6))
    scale = [Weight(part, TensorType("float32", (4,))) for part in ("weight", "bias")]
    norm = Definition("GroupNormalization", (Operand(one), *scale), (one,), (("num_groups", 2),))
    b.output(b.fixed("groupnorm", [b.input(6, 6, 4)], norm, (6, 6, 4), (6, 6, 4)))
    assert to_onnx(b.build()).opset_import[0].version == OPSET
    with pytest.raises(GraphError, match="opset 18"):
        to_onnx(b.build(), opset=18)


def test_products_spread_maps_of_one_pixel():
    b = GraphBuilder()
    x = b.input(6, 6, 4)
    gate = b.unary("hardsigmoid", b.unary("hardswish", b.conv(b.unary("mean", x), 4, 1)))
    b.output(b.mul([x, gate]))
    graph = b.build()
    check(graph)
    assert al.infer_shapes(graph, (9, 9, 4)).resolution[-1].tolist() == [9, 9, 9, 9, 4, 4]
    x = torch.randn(2, 4, 6, 6)
    found = al.to_torch(graph)(x).detach().numpy()
    np.testing.assert_allclose(run_onnx(graph, x), found, atol=1e-5)


def test_negative_pads_cut():
    b = GraphBuilder()
    b.output(b.pad(b.input(6, 6, 4), (1, -2, 0, -1)))
    graph = b.build()
    check(graph)
    x = torch.randn(1, 4, 6, 6)
    assert al.to_torch(graph)(x).shape == (1, 4, 7, 3)
    np.testing.assert_array_equal(run_onnx(graph, x), al.to_torch(graph)(x).numpy())
