"""Import of frozen TensorFlow graphs, written byte by byte by the tests themselves.

Outputs are compared with PyTorch on (N, H, W, C) tensors.
"""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

import archloom as al
from archloom.errors import ArchloomError, DataError, FormatError
from archloom.io import read_model
from archloom.io.importing.tensorflow import RULES
from archloom.spaces import hiaml, nb101
from tensorflow_graphs import GraphDef, Raw, Shape, Type, block, graph_def_of, number, shape

random = np.random.default_rng(0)


def noise(*shape: int) -> np.ndarray:
    return random.normal(size=shape).astype(np.float32)


def tensor(array: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(array)


X, W33, WDW = noise(2, 9, 9, 3), noise(3, 3, 3, 4), noise(3, 3, 3, 2)
NORM = [abs(noise(3)) + 0.5, noise(3), noise(3), abs(noise(3)) + 0.5]
ROW, COLUMN, BIAS, DENSE = noise(3), noise(1, 9, 1, 1), noise(4), noise(243, 5)
WUP, GATE = noise(3, 3, 4, 3), noise(1, 1, 3, 3)


def on_maps(function):
    return lambda x: function(x.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)


def oihw(weight: np.ndarray) -> torch.Tensor:
    return tensor(weight).permute(3, 2, 0, 1)


def ints(g: GraphDef, value) -> str:
    return g.const(value, "int32")


def dilated(g: GraphDef, x: str) -> str:
    y = g.op("SpaceToBatchND", x, ints(g, [2, 2]), ints(g, [[2, 3], [2, 3]]))
    y = g.op("BiasAdd", g.conv(y, W33, padding="VALID"), g.read(BIAS))
    return g.op("BatchToSpaceND", y, ints(g, [2, 2]), ints(g, [[0, 1], [0, 1]]))


def pools(g: GraphDef, x: str) -> str:
    window = {"ksize": [1, 3, 3, 1], "strides": [1, 2, 2, 1], "padding": "SAME"}
    parts = g.op("MaxPool", x, **window), g.op("AvgPool", x, **window)
    return g.op("ConcatV2", *parts, ints(g, -1))


def pads(g: GraphDef, x: str) -> str:
    y = g.op("Pad", x, ints(g, [[0, 0], [1, 0], [0, 2], [0, 0]]))
    y = g.op("PadV2", y, ints(g, [[0, 0], [0, 0], [1, 1], [0, 1]]), g.const(2.0))
    return g.op("MirrorPad", y, ints(g, [[0, 0], [1, 1], [2, 0], [0, 0]]), mode="REFLECT")


def padded(x):
    x = F.pad(F.pad(x, (0, 2, 1, 0)), (1, 1, 0, 0, 0, 1), value=2.0)
    return F.pad(x, (2, 0, 1, 1), "reflect")


def arithmetic(g: GraphDef, x: str) -> str:
    parts = [
        g.op("Mul", x, g.read(ROW)),
        g.op("Maximum", g.op("SquaredDifference", g.read(COLUMN), x), x),
        g.op("LeakyRelu", g.op("Sub", g.const(1.0), x)),
    ]
    return g.op("RealDiv", g.op("AddN", *parts), g.const(2.0))


def calculated(x):
    leaky = F.leaky_relu(1 - x, 0.2)
    return (x * tensor(ROW) + torch.maximum((tensor(COLUMN) - x) ** 2, x) + leaky) / 2


def squeeze_excite(g: GraphDef, x: str) -> str:
    gate = g.op("Mean", x, ints(g, [1, 2]), keep_dims=True)
    gate = g.op("Sigmoid", g.conv(gate, GATE))
    return g.op("Mul", x, gate)


def flattened(g: GraphDef, x: str) -> str:
    """Flatten with the batch taken from the shape."""
    shape = g.op("Shape", x, out_type=Type("int32"))
    bounds = [ints(g, [one]) for one in (0, 1, 1)]
    batch = g.op("StridedSlice", shape, *bounds, shrink_axis_mask=1)
    target = g.op("Pack", batch, ints(g, 243), axis=0)
    return g.op("MatMul", g.op("Reshape", x, target), g.read(DENSE))


def layer_norm(g: GraphDef, x: str) -> str:
    mean = g.op("Mean", x, ints(g, [-1]), keep_dims=True)
    spread = g.op("Mean", g.op("SquaredDifference", x, mean), ints(g, [-1]), keep_dims=True)
    scale = g.op("Rsqrt", g.op("AddV2", spread, g.const(1e-3)))
    return g.op("Mul", g.op("Sub", x, mean), scale)


def reordered(g: GraphDef, x: str) -> str:
    parts = g.op("Split", ints(g, 3), x, num_split=3)
    return g.op("ConcatV2", f"{parts}:2", parts, f"{parts}:1", ints(g, 3))


def conditional(g: GraphDef, x: str) -> str:
    default = g.const(False, "bool", how="values")
    learning = g.op("PlaceholderWithDefault", default, dtype=Type("bool"), shape=Shape(()))
    branches = g.op("Switch", x, learning)
    return g.op("Merge", g.op("Relu", branches), g.op("Neg", f"{branches}:1"))


def strided(g: GraphDef, x: str) -> str:
    bounds = [ints(g, one) for one in ([0, 1, 0, 0], [0, 8, 0, 2], [1, 2, 1, 1])]
    return g.op("StridedSlice", x, *bounds, begin_mask=5, end_mask=5)


def ends_first(g: GraphDef, x: str) -> str:
    """x[..., ::-1]"""
    bounds = [ints(g, one) for one in ([0, 0], [0, 0], [1, -1])]
    return g.op("StridedSlice", x, *bounds, ellipsis_mask=1, begin_mask=2, end_mask=2)


def widened(g: GraphDef, x: str) -> str:
    """x[:, 2, ..., None, :2], summed over the new axis"""
    bounds = [ints(g, one) for one in ([0, 2, 0, 0, 0], [0, 3, 0, 0, 2], [1] * 5)]
    masks = {"begin_mask": 17, "end_mask": 1, "shrink_axis_mask": 2}
    y = g.op("StridedSlice", x, *bounds, ellipsis_mask=4, new_axis_mask=8, **masks)
    return g.op("Sum", y, ints(g, [2]))


def sliced_by_the_batch(g: GraphDef, x: str) -> str:
    shape = g.op("Shape", x, out_type=Type("int32"))
    batch = g.op("StridedSlice", shape, *(ints(g, [one]) for one in (0, 1, 1)), shrink_axis_mask=1)
    sizes = g.op("Pack", batch, ints(g, 3), ints(g, 9), ints(g, 3), axis=0)
    return g.op("Slice", x, ints(g, [0, 2, 0, 0]), sizes)


def resized(kind: str, **how):
    return lambda g, x: g.op(kind, x, ints(g, [18, 12]), **how)


CASES = {
    "conv": (
        lambda g, x: g.op("Relu6", g.op("BiasAdd", g.conv(x, W33), g.read(BIAS))),
        on_maps(lambda x: F.relu6(F.conv2d(x, oihw(W33), tensor(BIAS), padding=1))),
        "conv relu6",
    ),
    "strided conv": (
        lambda g, x: g.conv(
            x, W33, stride=2, padding="EXPLICIT", explicit_paddings=[0] * 3 + [1] + [0] * 4
        ),
        on_maps(lambda x: F.conv2d(F.pad(x, (0, 0, 0, 1)), oihw(W33), stride=2)),
        "conv",
    ),
    "depthwise": (
        lambda g, x: g.op(
            "DepthwiseConv2dNative", x, g.read(WDW), strides=[1, 1, 1, 1], padding="VALID"
        ),
        on_maps(
            lambda x: F.conv2d(x, tensor(WDW).permute(2, 3, 0, 1).reshape(6, 1, 3, 3), groups=3)
        ),
        "conv",
    ),
    "dilated": (
        dilated,
        on_maps(lambda x: F.conv2d(x, oihw(W33), tensor(BIAS), padding=2, dilation=2)),
        "conv",
    ),
    "transposed": (
        lambda g, x: g.op(
            "Conv2DBackpropInput",
            ints(g, [1, 18, 18, 4]),
            g.read(WUP),
            x,
            strides=[1, 2, 2, 1],
            padding="SAME",
        ),
        on_maps(lambda x: F.conv_transpose2d(x, oihw(WUP), stride=2)[:, :, :18, :18]),
        "conv_transpose",
    ),
    "batch norm": (
        lambda g, x: g.op(
            "FusedBatchNormV3", x, *map(g.read, NORM), epsilon=2e-3, is_training=False
        ),
        on_maps(lambda x: F.batch_norm(x, *[tensor(NORM[i]) for i in (2, 3, 0, 1)], eps=2e-3)),
        "batchnorm",
    ),
    "pools": (
        pools,
        on_maps(
            lambda x: torch.cat(
                [F.max_pool2d(x, 3, 2, 1), F.avg_pool2d(x, 3, 2, 1, count_include_pad=False)], 1
            )
        ),
        "maxpool avgpool concat",
    ),
    "pads": (pads, on_maps(padded), None),
    "bilinear": (
        resized("ResizeBilinear", half_pixel_centers=True),
        on_maps(lambda x: F.interpolate(x, (18, 12), mode="bilinear")),
        "resize",
    ),
    "bilinear of corners": (
        resized("ResizeBilinear", align_corners=True),
        on_maps(lambda x: F.interpolate(x, (18, 12), mode="bilinear", align_corners=True)),
        "resize",
    ),
    "nearest": (
        resized("ResizeNearestNeighbor"),
        on_maps(lambda x: F.interpolate(x, (18, 12))),
        "resize",
    ),
    "depth to space": (
        lambda g, x: g.op("DepthToSpace", g.conv(x, W33), block_size=2),
        lambda x: (
            on_maps(lambda x: F.conv2d(x, oihw(W33), padding=1))(x)
            .reshape(len(x), 9, 9, 2, 2)
            .permute(0, 1, 3, 2, 4)
            .reshape(len(x), 18, 18, 1)
        ),
        None,
    ),
    "arithmetic": (arithmetic, calculated, None),
    "squeeze-excite": (
        squeeze_excite,
        lambda x: x * torch.sigmoid(x.mean((1, 2), keepdim=True) @ tensor(GATE[0, 0])),
        "mean conv sigmoid mul",
    ),
    "hard-swish": (
        lambda g, x: g.op(
            "Mul", x, g.op("Mul", g.op("Relu6", g.op("AddV2", x, g.const(3.0))), g.const(1 / 6))
        ),
        F.hardswish,
        "hardswish",
    ),
    "flatten": (flattened, lambda x: x.flatten(1) @ tensor(DENSE), "transpose reshape matmul"),
    "transpositions": (
        lambda g, x: g.op(
            "Transpose",
            g.op("Relu", g.op("Transpose", x, ints(g, [0, 3, 1, 2]))),
            ints(g, [0, 2, 3, 1]),
        ),
        F.relu,
        "relu",
    ),
    "reshapes": (
        lambda g, x: g.op(
            "Reshape",
            g.op("Transpose", g.op("Reshape", x, ints(g, [-1, 81, 3])), ints(g, [0, 2, 1])),
            ints(g, [-1, 9, 27, 1]),
        ),
        lambda x: x.reshape(-1, 81, 3).transpose(1, 2).reshape(-1, 9, 27, 1),
        None,
    ),
    "split": (reordered, lambda x: x[..., [2, 0, 1]], "slice slice slice concat"),
    "strided slice": (strided, lambda x: x[:, 1:8:2, :, :2], "slice"),
    "slice": (
        lambda g, x: g.op("Slice", x, ints(g, [0, 1, 0, 1]), ints(g, [-1, 3, -1, 2])),
        lambda x: x[:, 1:4, :, 1:3],
        "slice",
    ),
    "last axis turned": (ends_first, lambda x: x.flip(3), "slice"),
    "new axis": (widened, lambda x: x[:, 2, :, :2], None),
    "slice of the batch's size": (sliced_by_the_batch, lambda x: x[:, 2:5], "slice"),
    "squeeze": (
        lambda g, x: g.op(
            "Squeeze", g.op("Mean", x, ints(g, [1, 2]), keep_dims=True), squeeze_dims=[1, 2]
        ),
        lambda x: x.mean((1, 2)),
        "mean",
    ),
    "layer norm": (layer_norm, lambda x: F.layer_norm(x, (3,), eps=1e-3), None),
    "a constant condition": (conditional, F.relu, "relu"),
    "softmax": (lambda g, x: g.op("Softmax", x), lambda x: x.softmax(-1), "softmax"),
}


@pytest.mark.parametrize("name", CASES)
def test_operators_compute_what_tensorflow_says(name, tmp_path):
    build, reference, ops = CASES[name]
    g = GraphDef()
    g.op("Identity", build(g, g.input(-1, 9, 9, 3)), name="output")
    model = read_model(g.save(tmp_path / "model.pb"))
    if ops is not None:
        found = [model.graph.op_name(node) for node in range(model.graph.n_nodes)]
        assert found == ["input", *ops.split(), "output"]
    network = al.to_torch(model.graph, model.weights).eval()
    for batch in (X, np.concatenate([X, X[:1]])):
        found = network(tensor(batch).permute(0, 3, 1, 2))
        found = found.permute(0, 2, 3, 1) if found.dim() == 4 else found
        torch.testing.assert_close(found, reference(tensor(batch)), atol=1e-4, rtol=1e-4)


FAMILY_GRAPHS = {
    "hiaml": lambda: hiaml.build("z-a22-b23-l20", hiaml.REDUCED, "upstream"),
    "hiaml of many sums": lambda: hiaml.build("t31-r30-src7-g30", hiaml.REDUCED, "upstream"),
    "nb101": lambda: nb101.sample(1, 0, nb101.REDUCED, "upstream")[0],
}


@pytest.mark.parametrize("name", FAMILY_GRAPHS)
def test_graphs_of_the_families_come_back(name, tmp_path):
    graph = FAMILY_GRAPHS[name]()
    module = al.to_torch(graph).eval()
    weights = {
        key: one.uniform_(0.5, 1.0) if key.endswith("var") else one
        for key, one in module.weights().items()
    }
    module.load(weights)
    model = read_model(graph_def_of(graph, weights).save(tmp_path / "model.pb"))
    assert model.graph.hash == graph.hash
    x = torch.randn(2, *graph.resolution[graph.sources[0], [4, 0, 2]].tolist())
    found = al.to_torch(model.graph, model.weights).eval()(x)
    torch.testing.assert_close(found, module(x), atol=1e-4, rtol=1e-4)


def test_channels_may_come_first(tmp_path):
    g = GraphDef()
    more = {"data_format": "NCHW"}
    x = g.op(
        "Conv2D", g.input(-1, 3, 9, 10), g.read(W33), strides=[1, 1, 2, 2], padding="SAME", **more
    )
    x = g.op(
        "MaxPool",
        g.op("BiasAdd", x, g.read(BIAS), **more),
        ksize=[1, 1, 3, 3],
        strides=[1, 1, 2, 2],
        padding="VALID",
        **more,
    )
    model = read_model(g.save(tmp_path / "model.pb"))
    x = torch.randn(2, 3, 9, 10)
    wanted = F.conv2d(F.pad(x, (0, 1, 1, 1)), oihw(W33), tensor(BIAS), stride=2)
    found = al.to_torch(model.graph, model.weights).eval()(x)
    torch.testing.assert_close(found, F.max_pool2d(wanted, 3, 2), atol=1e-4, rtol=1e-4)


def test_several_inputs_and_outputs(tmp_path):
    g = GraphDef()
    one, two = g.input(-1, 9, 9, 3, name="left"), g.input(-1, 9, 9, 3, name="right")
    g.op("Mean", g.op("AddV2", one, two), ints(g, [1, 2]), name="mean")
    g.op("Relu", two, name="relu")
    model = read_model(g.save(tmp_path / "model.pb"))
    assert set(model.inputs) == {"left", "right"} and len(model.outputs) == 2
    feeds = {"left": torch.randn(2, 3, 9, 9), "right": torch.randn(2, 3, 9, 9)}
    found = al.to_torch(model.graph, model.weights).eval()(*(feeds[n] for n in model.inputs))
    wanted = {"mean": (feeds["left"] + feeds["right"]).mean((2, 3)), "relu": feeds["right"].relu()}
    for name, value in zip(model.outputs, found, strict=True):
        torch.testing.assert_close(value, wanted[name])


def test_constants_of_few_values_and_of_half_precision(tmp_path):
    g = GraphDef()
    half = np.array([0.5, -1.25, 3.0], dtype=np.float16)
    cast = g.op("Cast", g.const(half, "float16", how="values"), DstT=Type("float32"))
    same = g.const(np.full((1, 1, 1, 3), 1.5), how="values")  # one value stands for all
    g.op("AddV2", g.op("Mul", g.input(-1, 9, 9, 3), cast), same)
    model = read_model(g.save(tmp_path / "model.pb"))
    found = al.to_torch(model.graph, model.weights).eval()(tensor(X).permute(0, 3, 1, 2))
    wanted = tensor(X) * tensor(half.astype(np.float32)) + 1.5
    torch.testing.assert_close(found.permute(0, 2, 3, 1), wanted)


def test_a_constant_that_is_not_there_is_refused(tmp_path):
    g = GraphDef()
    huge = Raw(block(8, number(1, 1) + block(2, shape([1 << 20, 1 << 20])) + block(5, bytes(4))))
    g.op("Add", g.input(-1, 9, 9, 3), g.op("Const", name="huge", value=huge, dtype=Type("float32")))
    with pytest.raises(FormatError, match="'huge': a constant of 1,099,511,627,776 elements"):
        read_model(g.save(tmp_path / "model.pb"))


def test_a_resize_to_an_impossible_size_is_refused(tmp_path):
    g = GraphDef()
    g.op("ResizeNearestNeighbor", g.input(-1, 9, 9, 3), ints(g, [369098770, 12]))
    with pytest.raises(FormatError, match="9 to 369,098,770: the model is damaged"):
        read_model(g.save(tmp_path / "model.pb"))


def test_open_sizes_have_to_be_given(tmp_path):
    g = GraphDef()
    g.op("Mean", g.conv(g.input(-1, -1, -1, 3), W33), ints(g, [1, 2]))
    path = g.save(tmp_path / "model.pb")
    with pytest.raises(
        FormatError, match=r"'input' \(Placeholder\).*\[\?, \?, \?, 3\].*input-shape"
    ):
        read_model(path)
    model = read_model(path, (1, 12, 10, 3))
    assert model.graph.resolution[0].tolist() == [12, 12, 10, 10, 3, 3]
    with pytest.raises(FormatError, match="does not fit"):
        read_model(path, (1, 12, 10, 4))
    with pytest.raises(FormatError, match="'other' is no input of the graph: its inputs are input"):
        read_model(path, {"other": (1, 12, 10, 3)})


def broken(op: str, *inputs: str, **attributes) -> GraphDef:
    g = GraphDef()
    x = g.input(-1, 9, 9, 3)
    g.op("Relu", g.op(op, x, *inputs, name="there", **attributes))
    return g


REFUSED = {
    "variable": (broken("VariableV2"), "'there' .VariableV2.: a variable.*not frozen"),
    "loop": (broken("While"), "'there' .While.: control flow"),
    "call": (broken("PartitionedCall"), "'there' .PartitionedCall.: a call of a function"),
    "unknown": (broken("Warp"), "'there' .Warp.: this operator has no meaning.*tf2onnx"),
    "missing": (broken("AddV2", "nowhere"), "'nowhere' is read but not there"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_frozen_network_is_refused(name, tmp_path):
    g, message = REFUSED[name]
    path = g.save(tmp_path / "model.pb")
    with pytest.raises(FormatError, match=rf"model.pb: .*{message}"):
        read_model(path)


def test_a_loop_is_refused(tmp_path):
    g = GraphDef()
    g.op("Relu", g.op("AddV2", g.input(-1, 9, 9, 3), "behind", name="front"), name="behind")
    g.op("Neg", "behind")
    with pytest.raises(FormatError, match="part of a loop"):
        read_model(g.save(tmp_path / "model.pb"))


def test_training_norms_and_lone_batches_are_refused(tmp_path):
    g = GraphDef()
    g.op("FusedBatchNormV3", g.input(-1, 9, 9, 3), *map(g.read, NORM), is_training=True)
    with pytest.raises(FormatError, match="training mode"):
        read_model(g.save(tmp_path / "model.pb"))
    g = GraphDef()
    g.op(
        "SpaceToBatchND", g.input(-1, 8, 8, 3), ints(g, [2, 2]), ints(g, [[0, 0], [0, 0]]), name="x"
    )
    g.op("Relu", "x")
    with pytest.raises(FormatError, match="SpaceToBatchND that does not stand around"):
        read_model(g.save(tmp_path / "model.pb"))


def normalised_rows(g: GraphDef, x: str, rank: int) -> str:
    """Layer normalisation of the last 8 numbers as Keras freezes it: a batch norm of rows."""
    sizes = g.op("Shape", x)
    first = g.op("StridedSlice", sizes, *(ints(g, [i]) for i in (0, 1, 1)), shrink_axis_mask=1)
    rows = g.op("Mul", first, ints(g, 6 if rank == 3 else 1))
    flat = g.op("Reshape", x, g.op("Pack", ints(g, 1), rows, ints(g, 8), ints(g, 1)))
    many = g.op("Pack", rows)
    ones, zeros = (g.op("Fill", many, g.const(value)) for value in (1.0, 0.0))
    empty = [g.const(np.zeros(0)) for _ in range(2)]
    training = {"is_training": True, "epsilon": 1e-3, "data_format": "NCHW"}
    norm = g.op("FusedBatchNormV3", flat, ones, zeros, *empty, **training)
    return g.op("Reshape", norm, sizes)


@pytest.mark.parametrize("shape", [(6, 8), (8,)])
def test_layer_norms_of_keras_are_read(shape, tmp_path):
    g, scale, shift = GraphDef(), noise(8), noise(8)
    y = normalised_rows(g, g.input(-1, *shape), 1 + len(shape))
    g.op("AddV2", g.op("Mul", y, g.read(scale)), g.read(shift))
    model = read_model(g.save(tmp_path / "model.pb"))
    x = torch.randn(3, *shape)
    found = al.to_torch(model.graph, model.weights)(x)
    wanted = F.layer_norm(x, (8,), tensor(scale), tensor(shift), 1e-3)
    torch.testing.assert_close(found, wanted, atol=1e-5, rtol=1e-4)


def test_scalars_have_the_shape_of_nothing(tmp_path):
    g = GraphDef()
    rate = g.op("Placeholder", name="rate", dtype=Type("float32"))
    g.op("Mul", g.op("MatMul", g.input(-1, 8), g.read(noise(8, 4))), rate)
    path = g.save(tmp_path / "model.pb")
    model = read_model(path, {"rate": (), "input": [2, 8]})
    al.write(model.graph, tmp_path / "model.onnx", model.weights)
    again = read_model(tmp_path / "model.onnx")
    assert (again.graph.hash, set(again.inputs)) == (model.graph.hash, {"rate", "input"})
    values = {"rate": torch.tensor(0.5), "input": torch.randn(3, 8)}
    found = al.to_torch(model.graph, model.weights)(*(values[name] for name in model.inputs))
    assert found.shape == (3, 4)
    with pytest.raises(FormatError, match="no list of whole numbers"):
        read_model(path, {"rate": None, "input": (2, 8)})


@pytest.mark.parametrize("sizes", [(-1, -1, 4), (6, -1, 4), (6, 2, 4)])
def test_time_may_come_first(sizes, tmp_path):
    g = GraphDef()
    steps = g.op("Unpack", g.input(*sizes), num=6, axis=0)
    weight, state = g.read(noise(4, 4)), steps
    for time in range(1, 6):
        state = g.op("Tanh", g.op("AddV2", g.op("MatMul", state, weight), f"{steps}:{time}"))
    g.op("Identity", state, name="last")
    model = read_model(g.save(tmp_path / "model.pb"), (6, 2, 4))
    x = torch.randn(6, 2, 4)
    module = al.to_torch(model.graph, model.weights)
    matrix = next(one for one in model.weights.values() if one.shape == (4, 4))
    assert al.parameters(model.graph) == 16  # the same in every step
    h = x[0]
    for step in x[1:]:
        h = torch.tanh(h @ matrix + step)
    torch.testing.assert_close(module(x), h, atol=1e-5, rtol=1e-4)


def test_files_are_told_apart_by_content(tmp_path):
    g = GraphDef()
    g.op("Relu", g.input(-1, 9, 9, 3))
    graph = read_model(g.save(tmp_path / "model.pb")).graph
    assert al.read(g.save(tmp_path / "model.frozen")).hash == graph.hash
    (tmp_path / "saved.pb").write_bytes(b"\x08\x01\x12\x05abcde")
    with pytest.raises(FormatError, match="SavedModel.*freeze it first"):
        al.read(tmp_path / "saved.pb")
    with pytest.raises(DataError):
        read_model(tmp_path / "nothing.pb")
    al.write(graph, tmp_path / "model.onnx")
    (tmp_path / "renamed.pb").write_bytes((tmp_path / "model.onnx").read_bytes())
    assert al.read(tmp_path / "renamed.pb").hash == graph.hash


def test_damaged_files_end_with_an_error(tmp_path):
    g = GraphDef()
    x = g.op("Relu", g.op("BiasAdd", g.conv(g.input(-1, 9, 9, 3), W33), g.read(BIAS)))
    g.op("Reshape", g.op("Mean", x, ints(g, [1, 2])), ints(g, [-1, 4]))
    content, path = g.content(), tmp_path / "model.pb"
    for position in range(0, len(content), 11):
        for damaged in (
            content[:position],
            content[:position] + bytes([content[position] ^ 0x15]) + content[position + 1 :],
        ):
            path.write_bytes(damaged)
            try:
                read_model(path)
            except ArchloomError:
                continue


def test_the_page_names_every_operator(project):
    page = (project / "docs" / "import.md").read_text()
    named = page.partition("## From TensorFlow")[2]
    assert [name for name in RULES if f"`{name}`" not in named] == []
