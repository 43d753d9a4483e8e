"""Import of PyTorch modules through torch.export."""

import copy
import warnings

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import archloom as al
from archloom.errors import FormatError, GraphError
from archloom.io import read_model
from archloom.io.importing.torch import RULES
from import_suite.convolutional import CASES

MAP, TOKENS = (4, 8, 8), (6, 8)


class Written(nn.Module):
    """A module of a function of its input and of submodules."""

    def __init__(self, function, *parts: nn.Module) -> None:
        super().__init__()
        self.function = function
        self.parts = nn.ModuleList(parts)

    def forward(self, x: Tensor):
        return self.function(x, *self.parts)


def listed(found) -> list[Tensor]:
    return [one for one in torch.utils._pytree.tree_leaves(found) if isinstance(one, Tensor)]


def run(model, *inputs: Tensor) -> list[Tensor]:
    with torch.no_grad():
        return listed(al.to_torch(model.graph, model.weights).eval()(*inputs))


def assert_same(module: nn.Module, size: tuple[int, ...], batches=(2, 3)):
    """Import ``module`` and compare outputs at several batch sizes."""
    torch.manual_seed(0)
    module.eval()
    model = al.from_torch(module, torch.randn(2, *size))
    for batch in batches:
        x = torch.randn(batch, *size)
        with torch.no_grad():
            wanted = listed(module(x))
        for found, value in zip(run(model, x), wanted, strict=True):
            assert found.reshape(value.shape).dtype == value.dtype
            torch.testing.assert_close(
                found.reshape(value.shape), value, atol=1e-4, rtol=1e-3, equal_nan=True
            )
    return model


def assigned(x: Tensor) -> Tensor:
    """Views are changed and read later through their base."""
    y = x * 2
    part = y[:, :2]
    part.add_(1)
    y.mul_(2)
    y[:, 0] = 0
    y[:, 1:2, 2:4] = x[:, :1, 2:4]
    return y.relu_()


def shift_mask() -> Tensor:
    """A mask as shifted windows build it, part by part."""
    mask = torch.zeros(1, 1, 8, 8)
    for number, rows in enumerate((slice(0, -4), slice(-4, -2), slice(-2, None))):
        mask[:, :, rows] = number
    return mask


OPERATORS = {
    "convolutions": Written(
        lambda x, a, b, c: (a(x), b(x), c(x.flatten(2))),
        nn.Conv2d(4, 6, (4, 3), padding="same", dilation=2),
        nn.ConvTranspose2d(4, 6, 3, 2, 1, 1, groups=2),
        nn.Conv1d(4, 3, 3, stride=2),
    ),
    "pools": Written(
        lambda x: (
            F.max_pool2d(x, 3, 2, 1, ceil_mode=True),
            F.avg_pool2d(x, 3, 2, 1),
            F.avg_pool2d(x, 3, 2, ceil_mode=True),
            F.adaptive_avg_pool2d(x, (3, 5)),
            F.adaptive_avg_pool2d(x, (4, 2)),
            F.adaptive_max_pool2d(x, 2),
        )
    ),
    "norms": Written(
        lambda x, *norms: [norm(x) for norm in norms],
        nn.GroupNorm(2, 4),
        nn.InstanceNorm2d(4, affine=True),
        nn.LayerNorm([8, 8]),
        nn.RMSNorm(8),
        nn.LocalResponseNorm(3),
    ),
    "padding and resizing": Written(
        lambda x: (
            F.pad(x, (1, 2, 0, -1)),
            F.pad(x, (1, 2, 3, 1), "reflect"),
            F.pad(x, (1, 0, 2, 1), "replicate"),
            F.pad(x, (1, 1, 1, 1), "circular"),
            F.interpolate(x, size=(5, 11)),
            F.interpolate(x, scale_factor=1.3),
            F.interpolate(x, size=(5, 12), mode="nearest-exact"),
            F.interpolate(x, scale_factor=2, mode="bilinear"),
            F.interpolate(x, size=(5, 11), mode="bilinear", align_corners=True),
            F.interpolate(x, size=(16, 12), mode="bicubic"),
            F.pixel_shuffle(x, 2),
            F.pixel_unshuffle(x, 2),
            F.channel_shuffle(x, 2),
        )
    ),
    "activations": Written(
        lambda x, prelu: (
            F.hardtanh(x),
            x.clamp(min=0.1),
            F.leaky_relu(x, 0.2),
            F.celu(x, 0.5),
            F.gelu(x, approximate="tanh"),
            F.softplus(x, 2),
            F.mish(x),
            F.logsigmoid(x),
            F.threshold(x, 0.1, 0.2),
            prelu(x),
            F.glu(x, 1),
            F.hardshrink(x),
            F.log_softmax(x, -1),
        ),
        nn.PReLU(4),
    ),
    "arithmetic": Written(
        lambda x: (
            1 - x,
            torch.rsub(x, x, alpha=2),
            torch.add(x, x, alpha=0.5),
            x**3,
            x // 0.3,
            torch.lerp(x, x * 2, 0.3),
            torch.div(x, 0.3, rounding_mode="trunc"),
            x.long() // 3,
            x.long() / 2,
            x.int() + 1.5,
            torch.where(x > 0, x, 0.0),
            x.masked_fill((x < 0) & ~(x < -1), -1e9),
            torch.nan_to_num(x / x.relu()),
        )
    ),
    "reductions": Written(
        lambda x: (
            x.mean((2, 3), keepdim=True),
            x.amax((1, 2)),
            x.max(1),
            x.argmax(1),
            x.std((2, 3)),
            torch.var_mean(x, 1, unbiased=False),
            F.normalize(x, dim=1),
            x.cumsum(2),
            x.topk(2, 1),
            (x > 0).any(1),
        )
    ),
    "products": Written(
        lambda x, linear: (
            linear(x),
            linear(x[:, 0, 0]),
            x @ x,
            torch.einsum("bchw, bdhw -> bcd", x, x),
            F.scaled_dot_product_attention(x, x, x, is_causal=True),
            F.scaled_dot_product_attention(x, x, x, attn_mask=x[:, :, :1] < 5, scale=0.2),
        ),
        nn.Linear(8, 5),
    ),
    "shapes": Written(
        lambda x: (
            x.flatten(0, 1),
            x.unflatten(3, (2, 4)),
            x.movedim(1, -1),
            x[:, :, None].expand(-1, -1, 3, -1, -1),
            x.repeat(1, 2, 1, 1),
            x.repeat_interleave(2, 1),
            torch.stack([x, x], 1),
            x.split([1, 3], 1),
            x.chunk(2, 1),
            x[:, 0].unbind(1),
            torch.flip(x, (2, 3)),
            x.roll((1, -2), (2, 3)),
            x[:, 1:3, ::2],
            x.tril(),
        )
    ),
    "indices": Written(
        lambda x: (
            x[:, [0, 2]],
            x[:, torch.tensor([[1], [3]])],
            x[:, :, torch.tensor([0, 2])[:, None], torch.tensor([1, 3, 5])],
            x[:, torch.tensor([0, 2]), torch.tensor([1, 3])],
            x[:, torch.tensor([0, 2]), :, torch.tensor([1, 3])],
            x.index_select(1, torch.tensor([1, 0])),
            torch.gather(x, 1, x.long().clamp(0, 3)),
            torch.zeros_like(x).scatter(1, x[:, :1].long() * 0, x[:, :1] * 2),
            x.unfold(2, 3, 2),
            F.unfold(x, 3, padding=1),
            x / x.shape[0],
        )
    ),
    "windows": Written(
        lambda x: (
            x.view(x.shape[0], 4, 2, 4, 2, 4)
            .permute(0, 2, 4, 3, 5, 1)
            .reshape(-1, 16, 4)
            .view(-1, 2, 2, 4, 4, 4)
            .permute(0, 5, 1, 3, 2, 4)
            .reshape(-1, 4, 8, 8)
        )
    ),
    "assignments": Written(lambda x: assigned(x)),
    "a computed mask": Written(lambda x: x + shift_mask()),
    "computed weights": Written(
        lambda x, conv: conv(x), nn.utils.parametrizations.weight_norm(nn.Conv2d(4, 4, 3))
    ),
}


@pytest.mark.parametrize("name", OPERATORS)
def test_operators_compute_the_same_for_every_batch(name):
    assert_same(OPERATORS[name], MAP)


TOKEN_NETWORKS = {
    "lstm": Written(
        lambda x, lstm: lstm(x), nn.LSTM(8, 3, 2, batch_first=True, bidirectional=True)
    ),
    "gru": Written(lambda x, gru: gru(x)[0], nn.GRU(8, 3, batch_first=True, bias=False)),
    "class token": Written(
        lambda x, one: torch.cat([one.weight[None].expand(x.shape[0], -1, -1), x], 1),
        nn.Linear(8, 1, bias=False),
    ),
}


@pytest.mark.parametrize("name", TOKEN_NETWORKS)
def test_networks_of_tokens_compute_the_same(name):
    assert_same(TOKEN_NETWORKS[name], TOKENS)


@pytest.mark.parametrize("name", ["resnet18", "mobilenet_v3", "densenet"])
def test_the_graph_is_that_of_the_onnx_file(name, tmp_path):
    case = CASES[name]
    module, inputs = case.module(), case.inputs()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            module,
            inputs,
            str(tmp_path / "model.onnx"),
            dynamo=False,
            opset_version=17,
            training=torch.onnx.TrainingMode.PRESERVE,  # batch norms stay
            input_names=["x"],
            dynamic_axes={"x": {0: "batch"}},
        )
    model = al.from_torch(module, inputs)
    assert model.graph.hash == read_model(tmp_path / "model.onnx").graph.hash
    with torch.no_grad():
        torch.testing.assert_close(run(model, *inputs)[0], module(*inputs), atol=1e-5, rtol=1e-4)


def small() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 4, 3, bias=False),
        nn.BatchNorm2d(4),
        nn.ReLU(inplace=True),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Dropout(0.5),
        nn.Linear(4, 5),
    )


def test_weights_are_traced_to_parameters():
    module = small()
    model = al.from_torch(module, torch.zeros(1, 3, 8, 8), name="tiny")
    assert model.graph.name == "tiny"
    ops = [model.graph.op_name(node) for node in range(model.graph.n_nodes)]
    assert ops == ["input", "conv", "batchnorm", "relu", "mean", "matmul", "output"]
    named = dict(module.state_dict())
    kept = set(model.origins.values())
    assert {"0.weight", "1.bias", "1.running_mean", "6.weight", "6.bias"} <= kept
    for key, name in model.origins.items():
        torch.testing.assert_close(model.weights[key], named[name], atol=0, rtol=0)
        assert model.weights[key].data_ptr() != named[name].data_ptr()


def test_weights_made_on_the_way_have_no_origin():
    model = assert_same(nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), TOKENS)
    named = dict(nn.TransformerEncoderLayer(8, 2, 16).state_dict())
    assert "norm1.weight" in set(model.origins.values()) <= named.keys()


def test_the_module_stays_as_it_was():
    module = small().train()
    module[2].eval()
    before = copy.deepcopy(module.state_dict())
    al.from_torch(module, torch.randn(2, 3, 8, 8))
    assert [one.training for one in module] == [True, True, False, True, True, True, True]
    assert all(torch.equal(one, before[name]) for name, one in module.state_dict().items())
    assert all(one.requires_grad and one.grad is None for one in module.parameters())


def test_an_example_of_one_leaves_the_batch_open():
    model = al.from_torch(small(), torch.zeros(1, 3, 8, 8))
    assert run(model, torch.zeros(7, 3, 8, 8))[0].shape == (7, 5) and not model.notes


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_other_precisions_become_float32(dtype):
    module = small().to(dtype)
    model = al.from_torch(module, torch.zeros(1, 3, 8, 8, dtype=dtype))
    assert {one.dtype for one in model.weights.values()} == {torch.float32}
    assert {one.dtype for one in module.parameters()} == {dtype}
    x = torch.randn(2, 3, 8, 8)
    wanted = module.float().eval()(x).detach()
    torch.testing.assert_close(run(model, x)[0], wanted, atol=1e-5, rtol=1e-4)


def test_a_module_used_twice_gives_two_nodes():
    conv = nn.Conv2d(4, 4, 3, padding=1)
    model = assert_same(Written(lambda x, conv: conv(conv(x).relu()), conv), MAP)
    assert sum(model.graph.op_name(node) == "conv" for node in range(model.graph.n_nodes)) == 2
    assert list(model.origins.values()).count("parts.0.weight") == 2


class Named(nn.Module):
    """Two inputs, and outputs by name, of which one is no tensor."""

    def forward(self, image: Tensor, scale: Tensor, *, times: int = 2) -> dict:
        scaled = image * scale[:, :, None, None]
        return {"maps": [scaled * times, scaled.relu()], "none": None, "mean": image.mean((2, 3))}


def test_inputs_and_outputs_have_names():
    inputs = {"image": torch.randn(1, 4, 8, 8), "scale": torch.randn(1, 4), "times": 3}
    model = al.from_torch(Named(), inputs)
    assert model.inputs == ("image", "scale") and model.outputs == ("maps.0", "maps.1", "mean")
    assert any("'none'" in note for note in model.notes)
    image, scale = torch.randn(2, 4, 8, 8), torch.randn(2, 4)
    wanted = listed(Named()(image, scale, times=3))
    for found, value in zip(run(model, image, scale), wanted, strict=True):
        torch.testing.assert_close(found.reshape(value.shape), value)


def test_one_tensor_may_stand_for_two_inputs():
    image = torch.randn(3, 4, 8, 8)
    model = al.from_torch(Siamese(), (image, image))
    other = torch.randn(3, 4, 8, 8)
    torch.testing.assert_close(run(model, image, other)[0], image.relu() - other / 3)


class Siamese(nn.Module):
    """Two inputs, and the batch size as a number."""

    def forward(self, left: Tensor, right: Tensor) -> Tensor:
        return left.relu() - right / left.shape[0]


class Counting(nn.Module):
    """Changes a buffer."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("seen", torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        self.seen.add_(1)
        return x.relu() * self.seen


def test_a_changed_buffer_is_told_and_kept():
    module = Counting()
    model = al.from_torch(module, torch.zeros(1, 3, 8, 8))
    assert any("'seen'" in note for note in model.notes) and module.seen == 0


def test_a_batch_of_one_is_taken_where_no_other_can_be():
    module = Written(lambda x: x.reshape(1, 256).relu())
    model = al.from_torch(module, torch.zeros(1, 4, 8, 8))
    assert model.notes and run(model, torch.zeros(1, 4, 8, 8))[0].shape == (1, 256)


class Squared(torch.autograd.Function):
    """A function with a gradient of its own."""

    @staticmethod
    def forward(ctx, x: Tensor) -> Tensor:
        return x * x

    @staticmethod
    def backward(ctx, gradient: Tensor) -> Tensor:
        return gradient


def test_functions_with_their_own_gradient_are_read_through():
    assert_same(Written(lambda x: Squared.apply(x)), MAP)


def choose(x: Tensor) -> Tensor:
    return x if x.sum() > 0 else x + 1


REFUSED = {
    "control flow": (Written(choose), r"values of a tensor at File .*choose.*torch\.where"),
    "selection": (Written(lambda x: x[x > 0]), r"aten\.index\.Tensor.*depends on the data: use"),
    "unknown operator": (
        Written(torch.fft.rfft2),
        r"operator aten\._fft_r2c.*cannot be decomposed",
    ),
    "error in forward": (
        Written(lambda x: x @ torch.zeros(3, 3)),
        "refuses it.*runs on this example",
    ),
    "statistics of the batch": (
        Written(lambda x, norm: norm(x), nn.BatchNorm2d(4, track_running_stats=False)),
        "statistics of the batch.*track_running_stats",
    ),
    "random numbers": (Written(lambda x: x + torch.rand(8)), r"aten\.rand.*draws random numbers"),
    "a condition": (
        Written(lambda x: torch.cond(x.sum() > 0, torch.sin, torch.cos, (x,))),
        "write the branch or loop with torch.where",
    ),
    "no output": (Written(lambda x: None), "returns no tensor"),
    "no batch": (Written(lambda x, conv: conv(x[0]), nn.Conv2d(4, 4, 3)), "batch"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_imported_is_named(name, capsys):
    module, message = REFUSED[name]
    with pytest.raises(FormatError, match=message):
        al.from_torch(module, torch.randn(1, *MAP))
    printed = capsys.readouterr()
    assert not printed.out and not printed.err


def test_examples_that_cannot_be_used_are_refused():
    with pytest.raises(GraphError, match="int without a tensor: give the input"):
        al.from_torch(small(), 3)
    with pytest.raises(FormatError, match="batch of one in front"):
        al.from_torch(Written(lambda x: x.reshape(2, -1)), torch.zeros(2, 4, 8, 8))
    with pytest.raises(FormatError, match="meta device"):
        al.from_torch(small().to("meta"), torch.zeros(1, 3, 8, 8))


def test_the_page_names_every_operator(project):
    page = (project / "docs" / "import.md").read_text()
    named = page.partition("## From PyTorch")[2].partition("## From TensorFlow")[0]
    assert [name for name in RULES if f"`{name}`" not in named] == []
