"""Two-Path networks from lists of (operations, reduces) per path."""

import re

import torch
from torch import nn

from reference_models.layers import SameAvgPool, conv_bn, inception_s, norm

PLAIN = ("conv1x1", "avgpool3x3", "maxpool3x3", "bottleneck-r2-k1", "bottleneck-e2-k1")


def operation(name, c_in, c, stride, bottleneck_activation):
    if match := re.fullmatch(r"bottleneck-([re])(\d)-k(\d)", name):
        kind, factor, kernel = match[1], int(match[2]), int(match[3])
        hidden = c_in // factor if kind == "r" else c_in * factor
        return nn.Sequential(
            conv_bn(c_in, hidden, kernel, stride, bottleneck_activation),
            conv_bn(hidden, c, kernel, 1, bottleneck_activation),
        )
    kernel = int(name[-1])
    if name.startswith("conv"):
        return conv_bn(c_in, c, kernel, stride, nn.ReLU6)
    if name.startswith("double"):
        return nn.Sequential(
            conv_bn(c_in, c_in, kernel, stride, nn.ReLU6), conv_bn(c_in, c, kernel, 1, nn.ReLU6)
        )
    if name.startswith("inception_s"):
        return inception_s(c_in, c, kernel, stride)
    pool = SameAvgPool(kernel, 1) if name.startswith("avg") else nn.MaxPool2d(kernel, 1, 1)
    return nn.Sequential(pool, norm(c))


class Block(nn.Module):
    def __init__(self, names, reduces, c_in, bottleneck_activation):
        super().__init__()
        self.reduces = reduces
        self.operations = nn.Sequential()
        pending = reduces
        for name in names:
            change = pending and name not in PLAIN
            c = c_in * 2 if change else c_in
            self.operations.append(
                operation(name, c_in, c, 2 if change else 1, bottleneck_activation)
            )
            pending, c_in = pending and not change, c
        self.width = c_in

    def forward(self, x):
        y = self.operations(x)
        return y if self.reduces else x + y


class Network(nn.Module):
    def __init__(self, paths, channels, stem, stem_stride, head, bottleneck_activation):
        super().__init__()
        self.stem = nn.Sequential(
            conv_bn(channels, stem, 3, 1, nn.ReLU6), conv_bn(stem, stem, 3, stem_stride, nn.ReLU6)
        )
        self.paths = nn.ModuleList()
        for path in paths:
            blocks, width = nn.Sequential(), stem
            for names, reduces in path:
                blocks.append(Block(names, reduces, width, bottleneck_activation))
                width = blocks[-1].width
            self.paths.append(blocks)
        self.post = conv_bn(8 * stem, head, 3, 1, nn.ReLU6)
        self.classifier = nn.Linear(head, 10)

    def forward(self, x):
        x = self.stem(x)
        x = self.post(torch.cat([path(x) for path in self.paths], dim=1))
        return self.classifier(x.mean(dim=(2, 3)))
