"""DARTS networks of two cells, each a list of steps of (operation, state) pairs."""

import torch
from torch import nn

from reference_models.layers import norm


def relu_conv(c_in, c_out):
    return nn.Sequential(nn.ReLU(), nn.Conv2d(c_in, c_out, 1, bias=False), norm(c_out))


class FactorizedReduce(nn.Module):
    def __init__(self, c_in, c_out):
        super().__init__()
        self.relu = nn.ReLU()
        self.even = nn.Conv2d(c_in, c_out // 2, 1, 2, bias=False)
        self.odd = nn.Conv2d(c_in, c_out // 2, 1, 2, bias=False)
        self.norm = norm(c_out)

    def forward(self, x):
        x = self.relu(x)
        return self.norm(torch.cat([self.even(x), self.odd(x[:, :, 1:, 1:])], dim=1))


class Zero(nn.Module):
    def __init__(self, stride):
        super().__init__()
        self.stride = stride

    def forward(self, x):
        return torch.zeros_like(x[:, :, :: self.stride, :: self.stride])


def half(c, k, stride, dilation=1, relu=True):
    padding = dilation * (k // 2)
    return [
        *([nn.ReLU()] if relu else []),
        nn.Conv2d(c, c, k, stride, padding, dilation, groups=c, bias=False),
        nn.Conv2d(c, c, 1, bias=False),
        norm(c),
    ]


def operation(name, c, stride, upstream):
    if name == "none":
        return Zero(stride)
    if name == "skip_connect":
        return nn.Identity() if stride == 1 else FactorizedReduce(c, c)
    k = int(name[-1])
    if name.startswith("max"):
        return nn.MaxPool2d(k, stride, k // 2)
    if name.startswith("avg"):
        return nn.AvgPool2d(k, stride, k // 2, count_include_pad=False)
    if name.startswith("dil"):
        return nn.Sequential(*half(c, k, stride, dilation=2))
    return nn.Sequential(*half(c, k, stride), *half(c, k, 1, relu=not upstream))


class Cell(nn.Module):
    def __init__(self, steps, c_before, c_last, c, reduces, after_reduction, upstream):
        super().__init__()
        self.first = FactorizedReduce(c_before, c) if after_reduction else relu_conv(c_before, c)
        self.second = relu_conv(c_last, c)
        self.states = [[state for _, state in step] for step in steps]
        self.steps = nn.ModuleList(
            nn.ModuleList(
                operation(name, c, 2 if reduces and state < 2 else 1, upstream)
                for name, state in step
            )
            for step in steps
        )

    def forward(self, before, last):
        states = [self.first(before), self.second(last)]
        for sources, operations in zip(self.states, self.steps, strict=True):
            ends = [op(states[s]) for s, op in zip(sources, operations, strict=True)]
            states.append(ends[0] + ends[1])
        return torch.cat(states[2:], dim=1)


class Network(nn.Module):
    def __init__(self, normal, reduction, channels, stem, width, layers, upstream, classes=10):
        super().__init__()

        def stem_layer():
            order = [nn.ReLU(), norm(stem)] if upstream else [norm(stem)]
            return nn.Sequential(nn.Conv2d(channels, stem, 3, padding=1, bias=False), *order)

        self.stems = nn.ModuleList(stem_layer() for _ in range(2 if upstream else 1))
        self.cells = nn.ModuleList()
        c_before = c_last = stem
        after_reduction = False
        for index in range(layers):
            reduces = index in (layers // 3, 2 * layers // 3)
            width *= 2 if reduces else 1
            steps = reduction if reduces else normal
            self.cells.append(
                Cell(steps, c_before, c_last, width, reduces, after_reduction, upstream)
            )
            c_before, c_last, after_reduction = c_last, 4 * width, reduces
        self.classifier = nn.Linear(c_last, classes)
        if upstream:
            self.classifier = nn.Conv2d(c_last, classes, 1)
        self.upstream = upstream

    def forward(self, x):
        states = [stem(x) for stem in self.stems]
        before, last = states[0], states[-1]
        for cell in self.cells:
            before, last = last, cell(before, last)
        pooled = last.mean(dim=(2, 3), keepdim=True)
        if self.upstream:
            return self.classifier(pooled).flatten(1)
        return self.classifier(pooled.flatten(1))
