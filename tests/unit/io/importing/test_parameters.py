"""Parameters of imported networks are what an optimiser trains."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

import archloom as al


class Shared(nn.Module):
    """One head on maps of two sizes."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 4, 3, padding=1)
        self.head = nn.Sequential(nn.Conv2d(4, 4, 3, padding=1), nn.ReLU(), nn.Conv2d(4, 2, 1))

    def forward(self, x):
        x = self.stem(x)
        return self.head(x), self.head(F.max_pool2d(x, 2))


class Tied(nn.Module):
    """An embedding that is the last matrix too."""

    def __init__(self):
        super().__init__()
        self.table = nn.Embedding(11, 6)
        self.mix = nn.Linear(6, 6)

    def forward(self, x):
        return self.mix(self.table(x)) @ self.table.weight.t()


class Constants(nn.Module):
    """Norms without parameters, a mask, and a learnt temperature."""

    def __init__(self):
        super().__init__()
        self.first = nn.Conv2d(3, 4, 1, bias=False)
        self.norm = nn.BatchNorm2d(4, affine=False)
        self.rows = nn.LayerNorm(5, elementwise_affine=False)
        self.heat = nn.Parameter(torch.tensor(2.0))
        self.register_buffer("mask", torch.randn(5, 5))

    def forward(self, x):
        return (self.rows(self.norm(self.first(x))) + self.mask) * self.heat


class Table(nn.Module):
    """Places looked up by a fixed index, and a token for every example."""

    def __init__(self):
        super().__init__()
        self.table = nn.Parameter(torch.randn(9, 2))
        self.token = nn.Parameter(torch.randn(1, 1, 4))
        self.heads = nn.Linear(4, 8, bias=False)
        self.register_buffer("index", torch.randint(0, 9, (6, 6)))

    def forward(self, x):
        x = torch.cat([self.token.expand(x.shape[0], 1, 4), x], 1)
        a, b = self.heads(x).reshape(x.shape[0], 6, 2, 4).permute(0, 2, 1, 3).split(2, -1)
        return (a @ b.mT + self.table[self.index].permute(2, 0, 1)).softmax(-1)


class Recurrent(nn.Module):
    """Two layers in both directions."""

    def __init__(self):
        super().__init__()
        self.steps = nn.GRU(4, 3, 2, batch_first=True, bidirectional=True)

    def forward(self, x):
        return self.steps(x)[0]


CASES = {
    "shared": (Shared, torch.randn(2, 3, 8, 8)),
    "tied": (Tied, torch.randint(0, 11, (2, 5))),
    "constants": (Constants, torch.randn(2, 3, 5, 5)),
    "table": (Table, torch.randn(2, 5, 4)),
    "recurrent": (Recurrent, torch.randn(2, 5, 4)),
}


@pytest.mark.parametrize("name", CASES)
def test_a_module_has_as_many_as_its_optimiser_trains(name, tmp_path):
    build, example = CASES[name]
    module = build().eval()
    model = al.from_torch(module, example)
    wanted = sum(one.numel() for one in module.parameters())
    assert al.parameters(model.graph) == wanted
    with torch.no_grad():
        found = al.to_torch(model.graph, model.weights).eval()(example)
        torch.testing.assert_close(
            found, [*out] if isinstance(out := module(example), tuple) else out
        )
    al.write(model.graph, tmp_path / "again.onnx", model.weights)
    again = al.read_model(tmp_path / "again.onnx").graph
    assert (again.hash, al.parameters(again)) == (model.graph.hash, wanted)
    al.write(model.graph, tmp_path / "graph.json")
    assert al.parameters(al.read(tmp_path / "graph.json")) == wanted
