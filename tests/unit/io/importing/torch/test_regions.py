"""Regions with a mode of their own, TorchScript, patches that overlap, and kernels per example."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

import archloom as al
from archloom.errors import FormatError


class Guarded(nn.Module):
    """Linear attention in full precision, a region inside of a region."""

    def __init__(self):
        super().__init__()
        self.project = nn.Conv2d(3, 6, 1)
        self.scale = nn.Parameter(torch.tensor([0.5, 1.5, 2.0]))

    def forward(self, x):
        y = self.project(x).flatten(2)
        with torch.autocast("cpu", enabled=False):
            a, b = y.float().chunk(2, 1)
            with torch.no_grad():
                b = torch.relu(b)
            y = torch.relu(a) @ b.transpose(1, 2)
        with torch.autocast("cpu", enabled=False):
            z = y * self.scale
        return y, z + y


class Frozen(nn.Module):
    """A body without gradients in front of a head."""

    def __init__(self):
        super().__init__()
        self.body, self.head = nn.Linear(4, 5), nn.Linear(5, 2)

    def forward(self, x):
        with torch.no_grad():
            x = self.body(x).relu()
        return self.head(x)


class Patches(nn.Module):
    """Overlapping patches, changed and added up."""

    def __init__(self, kernel, **window):
        super().__init__()
        self.kernel, self.window = kernel, window
        self.mix = nn.Linear(4 * kernel[0] * kernel[1], 4 * kernel[0] * kernel[1])

    def forward(self, x):
        patches = F.unfold(x, self.kernel, **self.window).transpose(1, 2)
        patches = self.mix(patches).transpose(1, 2)
        return F.fold(patches, x.shape[-2:], self.kernel, **self.window)


class Mixed(nn.Module):
    """A convolution whose kernel is mixed for every image."""

    def __init__(self):
        super().__init__()
        self.route = nn.Linear(4, 3)
        self.kernels = nn.Parameter(torch.randn(3, 8 * 4 * 3 * 3))

    def forward(self, x):
        n, c, h, w = x.shape
        kernel = (self.route(x.mean((2, 3))).sigmoid() @ self.kernels).view(n * 8, c, 3, 3)
        return F.conv2d(x.reshape(1, n * c, h, w), kernel, padding=1, groups=n).view(n, 8, h, w)


IMAGES = torch.randn(2, 3, 8, 8)
CASES = {
    "guarded": (Guarded, IMAGES),
    "frozen": (Frozen, torch.randn(2, 4)),
    "patches": (lambda: Patches((3, 3), padding=1, stride=2), torch.randn(2, 4, 8, 8)),
    "long patches": (
        lambda: Patches((2, 3), padding=(1, 2), stride=(2, 1), dilation=(1, 2)),
        torch.randn(2, 4, 8, 9),
    ),
    "a kernel for one": (Mixed, torch.randn(1, 4, 8, 8)),
}


@pytest.mark.parametrize("name", CASES)
def test_it_computes_what_the_module_computes(name, tmp_path):
    build, example = CASES[name]
    module = build().eval()
    model = al.from_torch(module, example)
    with torch.no_grad():
        found = al.to_torch(model.graph, model.weights).eval()(example)
        wanted = module(example)
    wanted = list(wanted) if isinstance(wanted, tuple) else wanted
    torch.testing.assert_close(found, wanted, atol=1e-5, rtol=1e-4)
    assert al.parameters(model.graph) == sum(one.numel() for one in module.parameters())
    al.write(model.graph, tmp_path / "again.onnx", model.weights)
    again = al.read_model(tmp_path / "again.onnx")
    bound = any("batches of one" in note for note in model.notes)
    assert bound == (name == "a kernel for one")
    assert bound or again.graph.hash == model.graph.hash


def test_a_kernel_for_every_example_is_refused_for_several():
    with pytest.raises(FormatError, match="kernel is computed for every example"):
        al.from_torch(Mixed().eval(), torch.randn(2, 4, 8, 8))


@pytest.mark.parametrize("inside", [False, True])
def test_torchscript_is_named(inside):
    traced = torch.jit.trace(nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU()).eval(), IMAGES)
    module = nn.Sequential(traced, nn.Flatten()) if inside else traced
    with pytest.raises(FormatError, match="TorchScript"):
        al.from_torch(module, IMAGES)
