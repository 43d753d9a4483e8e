"""Inception networks from nested lists: stages of (blocks, [(operations, inner, width), ...])."""

import torch
from torch import nn

from reference_models.layers import SameAvgPool, SameConv, SameMaxPool, norm

NO_CONV = ("conv1x1", "double1x1", "avgpool3x3", "maxpool3x3")


def conv(c_in, c_out, kernel, stride=1, activation=True, groups=1):
    layers = [SameConv(c_in, c_out, kernel, stride, bias=True, groups=groups), norm(c_out)]
    return nn.Sequential(*layers, *([nn.ReLU6()] if activation else []))


class InceptionP(nn.Module):
    def __init__(self, c_in, c_out, k, stride, on_branches):
        super().__init__()
        first, second = c_out // 2, c_out - c_out // 2
        self.rows = nn.Sequential(conv(c_in, first, (1, k), (1, stride), False))
        self.columns = nn.Sequential(conv(c_in, second, (k, 1), (stride, 1), False))
        if stride == 2:
            self.rows.append(conv(first, first, (k, 1), (stride, 1), False))
            self.columns.append(conv(second, second, (1, k), (1, stride), False))
        self.activation = nn.ReLU6() if on_branches else nn.Identity()

    def forward(self, x):
        parts = [self.activation(self.rows(x)), self.activation(self.columns(x))]
        return nn.functional.relu6(torch.cat(parts, dim=1))


def operation(name, c_in, c_out, stride, on_branches):
    kind, k = name[:-3], int(name[-1])
    if kind == "conv":
        return conv(c_in, c_out, (k, k), (stride, stride))
    if kind == "double":
        return nn.Sequential(conv(c_in, c_out, (1, 1)), conv(c_out, c_out, (1, 1)))
    if kind == "depthwise":
        layers = [] if c_in == c_out else [SameConv(c_in, c_out, (1, 1))]
        return nn.Sequential(*layers, conv(c_out, c_out, (k, k), (stride, stride), groups=c_out))
    if kind == "inception_s":
        return nn.Sequential(
            conv(c_in, c_out, (1, k), (1, stride)), conv(c_out, c_out, (k, 1), (stride, 1))
        )
    if kind == "inception_p":
        return InceptionP(c_in, c_out, k, stride, on_branches)
    pool = {"avgpool": SameAvgPool, "maxpool": SameMaxPool}[kind]
    return nn.Sequential(pool(k, 1), norm(c_in))


def path(names, inner, width, c_in, stride, on_branches):
    capable = [i for i, name in enumerate(names) if not name.endswith("pool3x3")]
    layers, strided = nn.Sequential(), False
    for i, name in enumerate(names):
        takes_stride = not strided and name not in NO_CONV
        strided |= takes_stride
        c_out = c_in
        if i == capable[-1]:
            c_out = width
        elif i == capable[0]:
            c_out = inner
        layers.append(operation(name, c_in, c_out, stride if takes_stride else 1, on_branches))
        c_in = c_out
    return layers


class Block(nn.Module):
    def __init__(self, paths, c_in, c_out, stride, on_branches):
        super().__init__()
        self.paths = nn.ModuleList(path(*p, c_in, stride, on_branches) for p in paths)
        total = sum(width for _, _, width in paths)
        self.join = nn.Identity() if total == c_out else conv(total, c_out, (1, 1), 1, False)
        self.residual = stride == 1 and c_in == c_out

    def forward(self, x):
        y = self.join(torch.cat([p(x) for p in self.paths], dim=1))
        return x + y if self.residual else y


def network(stages, channels, stem, widths, head, on_branches, classes=10):
    layers, before = [conv(channels, stem, (3, 3))], stem
    for number, ((blocks, paths), width) in enumerate(zip(stages, widths, strict=True)):
        for index in range(blocks):
            stride = 2 if number and not index else 1
            layers.append(Block(paths, before, width, stride, on_branches))
            before = width
    layers.append(conv(before, head, (3, 3)))
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(head, classes))
