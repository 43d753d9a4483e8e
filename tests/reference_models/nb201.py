"""NAS-Bench-201 networks: the benchmark's own, and the reference's TensorFlow rendering."""

import re

import torch
from torch import nn

from reference_models.layers import SameAvgPool, SameConv, norm


class ReLUConvBN(nn.Sequential):
    def __init__(self, c_in, c_out, kernel, stride=1):
        conv = nn.Conv2d(c_in, c_out, kernel, stride, kernel // 2, bias=False)
        super().__init__(nn.ReLU(), conv, norm(c_out))


class Zero(nn.Module):
    def forward(self, x):
        return torch.zeros_like(x)


def operation(name, width, upstream):
    if name == "none":
        return Zero()
    if name == "skip_connect":
        return nn.Identity()
    if name == "avg_pool_3x3":
        pool = nn.AvgPool2d(3, 1, 1, count_include_pad=False)
        return nn.Sequential(pool, norm(width)) if upstream else pool
    return ReLUConvBN(width, width, int(name[-1]))


class Cell(nn.Module):
    def __init__(self, text, width, upstream):
        super().__init__()
        self.nodes = nn.ModuleList()
        self.inputs = []
        for node in text.split("+"):
            edges = re.findall(r"(\w+)~(\d)", node)
            self.nodes.append(nn.ModuleList(operation(op, width, upstream) for op, _ in edges))
            self.inputs.append([int(source) for _, source in edges])

    def forward(self, x):
        states = [x]
        for operations, sources in zip(self.nodes, self.inputs, strict=True):
            terms = [op(states[source]) for op, source in zip(operations, sources, strict=True)]
            states.append(sum(terms))
        return states[-1]


class BenchmarkReduction(nn.Module):
    def __init__(self, c_in, c_out):
        super().__init__()
        self.a = ReLUConvBN(c_in, c_out, 3, 2)
        self.b = ReLUConvBN(c_out, c_out, 3)
        self.shortcut = nn.Sequential(nn.AvgPool2d(2, 2), nn.Conv2d(c_in, c_out, 1, bias=False))

    def forward(self, x):
        return self.b(self.a(x)) + self.shortcut(x)


class UpstreamReduction(nn.Module):
    def __init__(self, c_in, c_out):
        super().__init__()
        self.main = nn.Sequential(
            SameConv(c_in, c_in, 3), nn.ReLU(), SameConv(c_in, c_out, 3, stride=2)
        )
        self.shortcut = nn.Sequential(SameAvgPool(3, 2), SameConv(c_in, c_out, 1))

    def forward(self, x):
        return torch.relu(self.main(x) + self.shortcut(x))


def network(text, channels, widths, cells, classes=10, upstream=False):
    reduction = UpstreamReduction if upstream else BenchmarkReduction
    layers = [SameConv(channels, widths[0], 3), norm(widths[0])]
    for stage, width in enumerate(widths):
        if stage:
            layers.append(reduction(widths[stage - 1], width))
        layers += [Cell(text, width, upstream) for _ in range(cells)]
    if not upstream:
        layers += [norm(widths[-1]), nn.ReLU()]
    return nn.Sequential(
        *layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(widths[-1], classes)
    )
