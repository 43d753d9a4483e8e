"""TransNAS-Bench-101 networks: encoder of cells or basic blocks, and a head per kind of task."""

import torch
import torch.nn.functional as F
from torch import nn

from reference_models.layers import norm


def rcb(c_in, c_out, kernel, stride=1):
    conv = nn.Conv2d(c_in, c_out, kernel, stride, kernel // 2, bias=False)
    return nn.Sequential(nn.ReLU(), conv, norm(c_out))


class FactorizedReduce(nn.Module):
    """Halves a map; the second half of the channels sees it shifted, with zeros behind."""

    def __init__(self, c_in, c_out, relu=True):
        super().__init__()
        self.relu = nn.ReLU() if relu else nn.Identity()
        self.even = nn.Conv2d(c_in, c_out // 2, 1, 2, bias=False)
        self.odd = nn.Conv2d(c_in, c_out // 2, 1, 2, bias=False)
        self.norm = norm(c_out)

    def forward(self, x):
        x = self.relu(x)
        shifted = F.pad(x, (0, 1, 0, 1))[:, :, 1:, 1:]
        return self.norm(torch.cat([self.even(x), self.odd(shifted)], dim=1))


class Zero(nn.Module):
    def __init__(self, c_out, stride):
        super().__init__()
        self.c_out, self.stride = c_out, stride

    def forward(self, x):
        height, width = (-(-size // self.stride) for size in x.shape[2:])
        return x.new_zeros(len(x), self.c_out, height, width)


def edge(digit, c_in, c_out, stride):
    if digit == "0":
        return Zero(c_out, stride)
    if digit == "1":
        return nn.Identity() if stride == 1 else FactorizedReduce(c_in, c_out)
    return rcb(c_in, c_out, 1 if digit == "2" else 3, stride)


class Cell(nn.Module):
    def __init__(self, words, c_in, c_out, stride):
        super().__init__()
        self.nodes = nn.ModuleList(
            nn.ModuleList(
                edge(digit, c_out if source else c_in, c_out, 1 if source else stride)
                for source, digit in enumerate(word)
            )
            for word in words
        )

    def forward(self, x):
        states = [x]
        for edges in self.nodes:
            states.append(sum(op(state) for op, state in zip(edges, states, strict=True)))
        return states[-1]


class Block(nn.Module):
    def __init__(self, c_in, c_out, stride):
        super().__init__()
        self.main = nn.Sequential(rcb(c_in, c_out, 3, stride), rcb(c_out, c_out, 3))
        self.shortcut = nn.Identity()
        if stride > 1 or c_in != c_out:
            conv = nn.Conv2d(c_in, c_out, 1, stride, bias=False)
            self.shortcut = nn.Sequential(conv, norm(c_out))

    def forward(self, x):
        return self.main(x) + self.shortcut(x)


def encoder(text, channels, stem, stem_stride, repeats):
    """The layers in front of the head, the number of their channels and of stride-2 stages."""
    _, stages, rest = text.split("-")
    layers = [
        nn.Conv2d(channels, stem // 2, 3, stem_stride, 1, bias=False),
        norm(stem // 2),
        nn.ReLU(),
        nn.Conv2d(stem // 2, stem, 3, stem_stride, 1, bias=False),
        norm(stem),
    ]
    width = stem
    for digit in stages:
        for index in range(repeats):
            before, stride = width, 1
            if index == 0:
                width *= 2 if digit in "24" else 1
                stride = 2 if digit in "34" else 1
            if rest == "basic":
                layers.append(Block(before, width, stride))
            else:
                layers.append(Cell(rest.split("_"), before, width, stride))
    return layers, width, sum(digit in "34" for digit in stages)


def conv(c_in, c_out):
    layers = [nn.Conv2d(c_in, c_out, 3, 1, 1), norm(c_out), nn.LeakyReLU(0.2)]
    return nn.Sequential(*layers)


def up(c_in, c_out):
    transposed = nn.ConvTranspose2d(c_in, c_out, 3, 2, 1, output_padding=1)
    return nn.Sequential(transposed, norm(c_out), nn.LeakyReLU(0.2))


def segmentation(c, width, u, classes):
    layers = [conv(c, width)]
    for kind in [conv] * (6 - u) + [up] * (u - 1):
        layers.append(kind(width, width // 2))
        width //= 2
    return [*layers, up(width, width), nn.Conv2d(width, classes, 3, 1, 1)]


def image(c, width, u, colours):
    share = {size: size * width // 1024 for size in (1024, 512, 256, 128, 64, 32, 16)}

    def layer(kind, c_in, c_out):
        return kind(share[c_in], share[c_out])

    return [
        conv(c, width),
        layer(conv, 1024, 1024),
        layer(up if u == 6 else conv, 1024, 512),
        layer(conv, 512, 512),
        layer(up if u >= 5 else conv, 512, 256),
        layer(conv, 256, 128),
        layer(up if u >= 4 else conv, 128, 64),
        layer(conv, 64, 64),
        layer(up if u >= 3 else conv, 64, 32),
        layer(conv, 32, 32),
        layer(up, 32, 16),
        layer(conv, 16, 32),
        layer(up, 32, 16),
        nn.Conv2d(share[16], colours, 3, 1, 1),
        nn.Tanh(),
    ]


class Jigsaw(nn.Module):
    """Nine tiles, each as three channels of the input, through one encoder."""

    def __init__(self, layers, c, classes):
        super().__init__()
        self.encoder = nn.Sequential(*layers)
        self.classifier = nn.Linear(9 * c, classes)

    def forward(self, x):
        size = x.shape[1] // 9
        maps = [self.encoder(tile) for tile in torch.split(x, size, dim=1)]
        return self.classifier(torch.cat(maps, dim=1).mean(dim=(2, 3)))


def network(text, skeleton):
    if skeleton.output == "tiles":
        channels = skeleton.shape[2] // 9
        plan = skeleton.stem, skeleton.stem_stride, skeleton.repeats
        layers, c, _ = encoder(text, channels, *plan)
        return Jigsaw(layers, c, skeleton.classes)
    layers, c, halvings = encoder(
        text, skeleton.shape[2], skeleton.stem, skeleton.stem_stride, skeleton.repeats
    )
    u = halvings + (2 if skeleton.stem_stride == 2 else 0)
    if skeleton.output == "segmentation":
        layers += segmentation(c, skeleton.head, u, skeleton.classes)
    elif skeleton.output == "image":
        layers += image(c, skeleton.head, u, skeleton.classes)
    else:
        layers += [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(c, skeleton.classes)]
    return nn.Sequential(*layers)
