"""Weights that stand as inputs without values."""

import onnx
import pytest
import torch
from torch import nn

import archloom as al
from import_suite.kinds import Kind, floats


class Tokens(nn.Module):
    """Patches with a class token and places, a projection, a norm and a head."""

    def __init__(self):
        super().__init__()
        self.token = nn.Parameter(torch.zeros(1, 1, 8))
        self.places = nn.Parameter(torch.zeros(1, 17, 8))
        self.patches = nn.Conv2d(3, 8, 2, 2)
        self.inner = nn.Linear(8, 12, bias=False)
        self.norm = nn.LayerNorm(12)
        self.head = nn.Linear(12, 5)

    def forward(self, x):
        x = self.patches(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.token.expand(x.shape[0], -1, -1), x], 1) + self.places
        return self.head(self.norm(torch.relu(self.inner(x)))[:, 0])


class Convolutions(nn.Module):
    """A small network of convolutions, norms and a recurrence."""

    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(3, 4, 3, bias=False), nn.BatchNorm2d(4), nn.PReLU(4), nn.Conv2d(4, 4, 1)
        )
        self.steps = nn.LSTM(6, 5, batch_first=True)

    def forward(self, x):
        return self.steps(self.body(x).mean(1))[0][:, -1]


@pytest.mark.parametrize("build", [Tokens, Convolutions])
def test_a_file_without_its_parameters_has_them(build, tmp_path):
    module = build().eval()
    wanted = sum(one.numel() for one in module.parameters())
    path = tmp_path / "bare.onnx"
    torch.onnx.export(
        module,
        torch.zeros(1, 3, 8, 8),
        str(path),
        dynamo=False,
        export_params=False,
        do_constant_folding=False,
        training=torch.onnx.TrainingMode.PRESERVE,
        input_names=["image"],
        opset_version=17,
    )
    assert len(onnx.load(path).graph.input) > 5
    model = al.read_model(path)
    assert model.inputs == ("image",)
    assert al.parameters(model.graph) == wanted
    assert "taken for weights without values" in " ".join(model.notes)
    al.write(model.graph, tmp_path / "again.onnx", model.weights)
    assert al.read_model(tmp_path / "again.onnx").graph.hash == model.graph.hash


def test_factors_of_a_file_without_any_weights_are_inputs(tmp_path):
    text = "g (float[n,4] x, float[4,3] z) => (float[n,3] y) { y = MatMul(x, z) }"
    model = Kind(text, {"x": floats(2, 4), "z": floats(4, 3)}).check(tmp_path)
    assert model.inputs == ("x", "z")


def test_weights_that_are_open_are_inputs(tmp_path):
    text = "g (float[n,2,5,5] x, float[k,2,3,3] w) => (float[n,k,3,3] y) { y = Conv(x, w) }"
    kind = Kind(text, {"x": floats(1, 2, 5, 5), "w": floats(1, 2, 3, 3)})
    assert kind.read(tmp_path).inputs == ("x", "w")
