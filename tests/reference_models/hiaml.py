"""HiAML networks; ``activation`` is that of the blocks' own convolutions."""

import torch
from torch import nn

from reference_models.layers import conv_bn, inception_s


class Block(nn.Module):
    """One block; ``forward`` runs the layers in the order in which they are declared."""

    def __init__(self, name, c_in, c, stride, activation):
        super().__init__()
        self.run = getattr(self, f"_{name}")
        first = {"kernel": 3, "stride": stride, "activation": activation}
        layers = {
            "z": lambda: [conv_bn(c_in, c, **first), inception_s(c, c)],
            "a22": lambda: [
                conv_bn(c_in, c, **first),
                conv_bn(c, c, 1, 1, activation),
                conv_bn(c, c, 1),
            ],
            "b23": lambda: [project(), inception_s(c_in, c, 3, stride), inception_s(c, c)],
            "j30": lambda: [project(), conv_bn(c_in, c, **first), inception_s(c, c)],
            "g30": lambda: [
                project(),
                inception_s(c_in, c, 3, stride),
                inception_s(c, c),
                conv_bn(c, c, 1),
            ],
            "r30": lambda: [
                project(),
                project(),
                inception_s(c_in, c, 3, stride),
                conv_bn(c, c, 1),
                inception_s(c, c),
            ],
            "l20": lambda: [conv_bn(c_in, c, **first), conv_bn(c, c, 1)],
            "t20": lambda: [conv_bn(c_in, c, 1, stride), inception_s(c_in, c, 3, stride)],
            "t31": lambda: [
                project(),
                project(),
                inception_s(c_in, c, 3, stride),
                conv_bn(c, c, 1, 1, activation),
                inception_s(c, c),
            ],
            "src0": lambda: [
                conv_bn(c_in, c, 1, stride, activation),
                conv_bn(c, c, 3, 1, activation),
                conv_bn(c, c, 3),
            ],
            "src1": lambda: [
                conv_bn(c_in, c, 1, stride, activation),
                conv_bn(c_in, c_in, 3, 1, activation),
                conv_bn(c_in, c, 3, stride),
            ],
            "src3": lambda: [
                conv_bn(c_in, c, 1, stride),
                conv_bn(c_in, c_in, 1, 1, activation),
                conv_bn(c_in, c, **first),
                conv_bn(c, c, 1),
            ],
            "src7": lambda: [conv_bn(c_in, c, 1, stride), inception_s(c, c), inception_s(c, c)],
            "src8": lambda: [conv_bn(c_in, c, 1, stride), inception_s(c, c), conv_bn(c, c, 1)],
        }

        def project():
            return conv_bn(c_in, c, 1, stride) if stride == 2 or c_in != c else nn.Identity()

        self.layers = nn.ModuleList(layers[name]())

    def forward(self, x):
        return torch.relu(self.run(x, *self.layers))

    def _z(self, x, conv, pair):
        a = conv(x)
        return a + pair(a)

    def _a22(self, x, conv, middle, last):
        a = conv(x)
        return a + last(middle(a))

    def _b23(self, x, p, first, second):
        return p(x) + second(first(x))

    _j30 = _b23

    def _g30(self, x, p, first, second, last):
        projected, a = p(x), first(x)
        return a + last(second(projected + a))

    def _r30(self, x, p2, p1, first, conv, second):
        outer, projected, a = p2(x), p1(x), first(x)
        inner = conv(projected + a)
        return outer + inner + second(a)

    def _l20(self, x, first, second):
        return second(first(x))

    def _t20(self, x, conv, pair):
        return conv(x) + pair(x)

    def _t31(self, x, p2, p1, first, conv, second):
        outer, projected, b = p2(x), p1(x), conv(first(x))
        inner = second(projected + b)
        return outer + b + inner

    _src0 = _a22
    _src7 = _a22
    _src8 = _a22

    def _src1(self, x, side, inner, last):
        return side(x) + last(inner(x))

    def _src3(self, x, side, inner, middle, last):
        return side(x) + last(middle(inner(x)))


def network(names, channels, stem, stem_stride, widths, repeats, activation):
    layers = [conv_bn(channels, stem, 3, stem_stride, nn.ReLU)]
    before = stem
    for name, width in zip(names, widths, strict=True):
        for _ in range(repeats):
            layers.append(Block(name, before, width, 1 if before == width else 2, activation))
            before = width
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(before, 10))
