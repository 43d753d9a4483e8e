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
