"""Networks of inverted bottlenecks: NAS-Bench-Macro and subnets of Once-for-All."""

import torch.nn.functional as F
from torch import nn

from reference_models.layers import norm


def conv(c_in, c_out, kernel, stride=1, activation=None, groups=1):
    layers = [nn.Conv2d(c_in, c_out, kernel, stride, kernel // 2, groups=groups, bias=False)]
    return nn.Sequential(*layers, norm(c_out), *([activation()] if activation else []))


class SqueezeExcite(nn.Module):
    def __init__(self, channels, hidden):
        super().__init__()
        self.reduce = nn.Conv2d(channels, hidden, 1)
        self.expand = nn.Conv2d(hidden, channels, 1)

    def forward(self, x):
        pooled = x.mean(dim=(2, 3), keepdim=True)
        return x * (F.relu6(self.expand(F.relu(self.reduce(pooled))) + 3) / 6)


class Bottleneck(nn.Module):
    def __init__(self, c_in, mid, c_out, kernel, stride, activation, se=0, residual=True):
        super().__init__()
        layers = [] if mid == c_in else [conv(c_in, mid, 1, 1, activation)]
        layers.append(conv(mid, mid, kernel, stride, activation, groups=mid))
        layers += [SqueezeExcite(mid, se)] if se else []
        self.layers = nn.Sequential(*layers, conv(mid, c_out, 1))
        self.residual = residual and stride == 1 and c_in == c_out

    def forward(self, x):
        y = self.layers(x)
        return x + y if self.residual else y


def nb_macro(code, channels, stem, widths, head, classes=10):
    layers, before = [conv(channels, stem, 3, 1, nn.ReLU)], stem
    for position, digit in enumerate(code):
        first = position in (0, 2, 5)
        stage = 0 if position < 2 else 1 if position < 5 else 2
        c_out, stride = widths[stage], 2 if first else 1
        if digit == "0":
            layers += [conv(before, c_out, 1, 2)] if first else []
        else:
            e, k = (3, 3) if digit == "1" else (6, 5)
            layers.append(Bottleneck(before, e * before, c_out, k, stride, nn.ReLU))
        before = c_out
    layers.append(conv(before, head, 1, 1, nn.ReLU))
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(head, classes))


def rounded(v):
    new = max(8, int(v + 4) // 8 * 8)
    return new + 8 if new < 0.9 * v else new


MBV3 = [
    (2, nn.ReLU, False),
    (2, nn.ReLU, True),
    (2, nn.Hardswish, False),
    (1, nn.Hardswish, True),
    (2, nn.Hardswish, True),
]
PN = [(stride, nn.ReLU6, False) for stride in (2, 2, 2, 1, 2, 1)]


def ofa_mobile(blocks, channels, stem, stem_stride, widths, head, classes, mobilenet):
    """``blocks``: per stage (expansion, kernel) pairs; else ProxylessNAS's plan."""
    plan, act = (MBV3, nn.Hardswish) if mobilenet else (PN, nn.ReLU6)
    layers = [conv(channels, stem, 3, stem_stride, act)]
    first = nn.ReLU if mobilenet else nn.ReLU6
    layers.append(Bottleneck(stem, stem, widths[0], 3, 1, first, residual=mobilenet))
    before = widths[0]
    for (stride, activation, se), stage, c_out in zip(plan, blocks, widths[1:], strict=True):
        for index, (e, k) in enumerate(stage):
            mid = rounded(round(before * e))
            hidden = rounded(mid // 4) if se else 0
            step = 1 if index else stride
            layers.append(Bottleneck(before, mid, c_out, k, step, activation, hidden))
            before = c_out
    layers += [conv(before, head, 1, 1, act), nn.AdaptiveAvgPool2d(1)]
    if mobilenet:
        layers += [nn.Conv2d(head, head * 4 // 3, 1, bias=False), nn.Hardswish()]
        head = head * 4 // 3
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(head, classes))


class ResNetBlock(nn.Module):
    def __init__(self, c_in, mid, c_out, stride):
        super().__init__()
        self.main = nn.Sequential(
            conv(c_in, mid, 1, 1, nn.ReLU), conv(mid, mid, 3, stride, nn.ReLU), conv(mid, c_out, 1)
        )
        self.shortcut = nn.Identity()
        if stride != 1 or c_in != c_out:
            pool = nn.AvgPool2d(stride, stride, ceil_mode=True)
            self.shortcut = nn.Sequential(pool, conv(c_in, c_out, 1))

    def forward(self, x):
        return F.relu(self.main(x) + self.shortcut(x))


class Residual(nn.Module):
    def __init__(self, layer):
        super().__init__()
        self.layer = layer

    def forward(self, x):
        return x + self.layer(x)


def ofa_resnet(d, e, w, channels, stem, stem_stride, widths, classes):
    """``d``, ``e``, ``w`` as the supernet's own settings."""
    share = (0.65, 0.8, 1.0)
    mid, out = rounded(rounded(stem * share[w[0]]) // 2), rounded(stem * share[w[1]])
    layers = [conv(channels, mid, 3, stem_stride, nn.ReLU)]
    layers += [Residual(conv(mid, mid, 3, 1, nn.ReLU))] if d[0] == 2 else []
    layers += [conv(mid, out, 3, 1, nn.ReLU), nn.MaxPool2d(3, 2, 1)]
    before, ratios = out, list(e)
    for stage, base in enumerate((2, 2, 4, 2)):
        here, ratios = ratios[: base + 2], ratios[base + 2 :]
        c_out = rounded(widths[stage] * share[w[stage + 2]])
        for index in range(base + d[stage + 1]):
            stride = 2 if stage and not index else 1
            block = ResNetBlock(before, rounded(round(c_out * here[index])), c_out, stride)
            layers.append(block)
            before = c_out
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(before, classes))


def mnasnet(blocks, channels, stem, stem_stride, widths, head, classes):
    """``blocks``: seven (expansion, kernel, layers, squeeze-excite) of Accel-NASBench."""
    layers, before = [conv(channels, stem, 3, stem_stride, nn.ReLU)], stem
    for (e, k, depth, se), c_out, stride in zip(blocks, widths, (1, 2, 2, 2, 1, 2, 1), strict=True):
        for index in range(depth):
            hidden = before // 4 if se else 0
            step = 1 if index else stride
            layers.append(Bottleneck(before, e * before, c_out, k, step, nn.ReLU, hidden))
            before = c_out
    layers += [conv(before, head, 1, 1, nn.ReLU), nn.AdaptiveAvgPool2d(1), nn.Flatten()]
    return nn.Sequential(*layers, nn.Linear(head, classes))
