"""Convolutional networks."""

from __future__ import annotations

from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from import_suite import Case, Inputs


def images(*size: int, channels: int = 3) -> Inputs:
    """Return a batch of two images."""
    height, width = size or (32, 32)
    return (torch.randn(2, channels, height, width, generator=torch.Generator().manual_seed(1)),)


def conv_bn(before: int, after: int, kernel: int = 3, stride: int = 1, **more: object) -> nn.Module:
    """Return convolution, batch norm and an activation (ReLU unless ``act`` says else)."""
    act = more.pop("act", nn.ReLU)
    conv = nn.Conv2d(before, after, kernel, stride, kernel // 2, bias=False, **more)
    return nn.Sequential(conv, nn.BatchNorm2d(after), act())


def head(channels: int, classes: int = 10) -> nn.Module:
    """Return global pooling and a linear layer."""
    return nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, classes))


class Residual(nn.Module):
    """Adds what ``body`` computes to its input, or to ``shortcut`` of it."""

    def __init__(self, body: nn.Module, shortcut: nn.Module | None = None, last: bool = False):
        super().__init__()
        self.body, self.shortcut = body, shortcut or nn.Identity()
        self.last = nn.ReLU() if last else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        return self.last(self.body(x) + self.shortcut(x))


class Branches(nn.Module):
    """Concatenates what its branches compute."""

    def __init__(self, *branches: nn.Module) -> None:
        super().__init__()
        self.branches = nn.ModuleList(branches)

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([branch(x) for branch in self.branches], 1)


class SqueezeExcite(nn.Module):
    """Scales channels by what a small network makes of their means."""

    def __init__(self, channels: int, gate: type[nn.Module] = nn.Sigmoid, dense: bool = False):
        super().__init__()
        inner = max(channels // 4, 2)
        layer = nn.Linear if dense else partial(nn.Conv2d, kernel_size=1)
        self.body = nn.Sequential(layer(channels, inner), nn.ReLU(), layer(inner, channels), gate())
        self.dense = dense

    def forward(self, x: Tensor) -> Tensor:
        mean = x.mean((2, 3)) if self.dense else F.adaptive_avg_pool2d(x, 1)
        gate = self.body(mean)
        return x * (gate[:, :, None, None] if self.dense else gate)


def resnet18() -> nn.Module:
    layers: list[nn.Module] = [
        nn.Conv2d(3, 8, 7, 2, 3, bias=False),
        nn.BatchNorm2d(8),
        nn.ReLU(),
        nn.MaxPool2d(3, 2, 1),
    ]
    for before, after, stride in ((8, 8, 1), (8, 16, 2), (16, 32, 2), (32, 64, 2)):
        for repeat in range(2):
            width, step = (before, stride) if repeat == 0 else (after, 1)
            body = nn.Sequential(
                conv_bn(width, after, 3, step), conv_bn(after, after, act=nn.Identity)
            )
            short = conv_bn(width, after, 1, step, act=nn.Identity) if width != after else None
            layers.append(Residual(body, short, last=True))
    return nn.Sequential(*layers, head(64))


def resnet50(groups: int = 1, blocks: tuple[int, ...] = (3, 4, 6, 3)) -> nn.Module:
    layers: list[nn.Module] = [conv_bn(3, 8, 7, 2), nn.MaxPool2d(3, 2, 1)]
    before = 8
    for stage, repeats in enumerate(blocks):
        inner, after = 8 * 2**stage, 16 * 2**stage
        for repeat in range(repeats):
            stride = 2 if stage and not repeat else 1
            body = nn.Sequential(
                conv_bn(before, inner, 1),
                conv_bn(inner, inner, 3, stride, groups=groups),
                conv_bn(inner, after, 1, act=nn.Identity),
            )
            short = conv_bn(before, after, 1, stride, act=nn.Identity) if not repeat else None
            layers.append(Residual(body, short, last=True))
            before = after
    return nn.Sequential(*layers, head(before))


def mobilenet_v1() -> nn.Module:
    layers = [conv_bn(3, 8, 3, 2)]
    for before, after, stride in ((8, 16, 1), (16, 32, 2), (32, 32, 1), (32, 64, 2)):
        layers += [conv_bn(before, before, 3, stride, groups=before), conv_bn(before, after, 1)]
    return nn.Sequential(*layers, head(64))


def inverted(
    before: int, after: int, stride: int, expand: int, kernel: int, act: object, se: object
):
    """Return an inverted bottleneck, with squeeze-excite where ``se`` makes one."""
    inner = before * expand
    layers = [
        conv_bn(before, inner, 1, act=act),
        conv_bn(inner, inner, kernel, stride, groups=inner, act=act),
    ]
    if se is not None:
        layers.append(se(inner))
    layers.append(conv_bn(inner, after, 1, act=nn.Identity))
    body = nn.Sequential(*layers)
    return Residual(body) if stride == 1 and before == after else body


def mobilenet_v2() -> nn.Module:
    plan = ((8, 8, 1, 1), (8, 12, 2, 6), (12, 12, 1, 6), (12, 16, 2, 6), (16, 16, 1, 6))
    return nn.Sequential(
        conv_bn(3, 8, 3, 2, act=nn.ReLU6),
        *(inverted(b, a, s, e, 3, nn.ReLU6, None) for b, a, s, e in plan),
        conv_bn(16, 32, 1, act=nn.ReLU6),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Dropout(0.2),
        nn.Linear(32, 10),
    )


def mobilenet_v3() -> nn.Module:
    gate = partial(SqueezeExcite, gate=nn.Hardsigmoid)
    plan = (
        (8, 8, 1, 2, 3, nn.ReLU, None),
        (8, 12, 2, 4, 5, nn.ReLU, gate),
        (12, 16, 2, 6, 3, nn.Hardswish, None),
        (16, 16, 1, 6, 5, nn.Hardswish, gate),
    )
    return nn.Sequential(
        conv_bn(3, 8, 3, 2, act=nn.Hardswish),
        *(inverted(*row) for row in plan),
        conv_bn(16, 48, 1, act=nn.Hardswish),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(48, 64),
        nn.Hardswish(),
        nn.Linear(64, 10),
    )


def efficientnet(repeats: int = 1) -> nn.Module:
    gate = partial(SqueezeExcite, dense=False)
    blocks: list[nn.Module] = []
    before = 8
    for after, stride, kernel in ((8, 1, 3), (12, 2, 3), (16, 2, 5), (24, 2, 3)):
        for repeat in range(2 * repeats):
            step = stride if repeat == 0 else 1
            blocks.append(inverted(before, after, step, 4, kernel, nn.SiLU, gate))
            before = after
    return nn.Sequential(conv_bn(3, 8, 3, 2, act=nn.SiLU), *blocks, head(before))


class ShuffleUnit(nn.Module):
    """Half of the channels pass, the other half is convolved, then both are shuffled."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        half = channels // 2
        self.body = nn.Sequential(
            conv_bn(half, half, 1),
            conv_bn(half, half, 3, groups=half, act=nn.Identity),
            conv_bn(half, half, 1),
        )

    def forward(self, x: Tensor) -> Tensor:
        left, right = x.chunk(2, 1)
        y = torch.cat([left, self.body(right)], 1)
        n, c, h, w = y.shape
        return y.reshape(n, 2, c // 2, h, w).transpose(1, 2).reshape(n, c, h, w)


def shufflenet() -> nn.Module:
    return nn.Sequential(conv_bn(3, 16, 3, 2), ShuffleUnit(16), ShuffleUnit(16), head(16))


class DenseLayer(nn.Module):
    """Appends new channels to its input."""

    def __init__(self, before: int, growth: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.BatchNorm2d(before),
            nn.ReLU(),
            nn.Conv2d(before, 4 * growth, 1, bias=False),
            nn.BatchNorm2d(4 * growth),
            nn.ReLU(),
            nn.Conv2d(4 * growth, growth, 3, padding=1, bias=False),
        )

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([x, self.body(x)], 1)


def densenet(layers: int = 4, growth: int = 4) -> nn.Module:
    parts: list[nn.Module] = [nn.Conv2d(3, 8, 3, 1, 1, bias=False)]
    channels = 8
    for block in range(3):
        for _ in range(layers):
            parts.append(DenseLayer(channels, growth))
            channels += growth
        if block < 2:
            after = channels // 2
            parts += [nn.BatchNorm2d(channels), nn.ReLU(), nn.Conv2d(channels, after, 1)]
            parts.append(nn.AvgPool2d(2))
            channels = after
    return nn.Sequential(*parts, nn.BatchNorm2d(channels), nn.ReLU(), head(channels))


def squeezenet() -> nn.Module:
    def fire(before: int, inner: int, after: int) -> nn.Module:
        squeeze = nn.Sequential(nn.Conv2d(before, inner, 1), nn.ReLU())
        left = nn.Sequential(nn.Conv2d(inner, after, 1), nn.ReLU())
        right = nn.Sequential(nn.Conv2d(inner, after, 3, padding=1), nn.ReLU())
        return nn.Sequential(squeeze, Branches(left, right))

    return nn.Sequential(
        nn.Conv2d(3, 8, 3, 2),
        nn.ReLU(),
        nn.MaxPool2d(3, 2, ceil_mode=True),
        fire(8, 4, 8),
        nn.MaxPool2d(3, 2, ceil_mode=True),
        fire(16, 4, 8),
        nn.Dropout(),
        nn.Conv2d(16, 10, 1),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
    )


def vgg(norm: bool = True) -> nn.Module:
    layers: list[nn.Module] = []
    before = 3
    for after, pool in ((8, True), (16, True), (16, False), (32, True)):
        layers.append(nn.Conv2d(before, after, 3, padding=1))
        layers += [nn.BatchNorm2d(after)] if norm else []
        layers += [nn.ReLU(inplace=True)]
        layers += [nn.MaxPool2d(2)] if pool else []
        before = after
    dense = [nn.Flatten(), nn.Linear(512, 64), nn.ReLU(), nn.Dropout(), nn.Linear(64, 10)]
    return nn.Sequential(*layers, *dense)


def alexnet() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(3, 16, 11, 4, 2),
        nn.ReLU(),
        nn.LocalResponseNorm(5),
        nn.MaxPool2d(3, 2),
        nn.Conv2d(16, 32, 5, padding=2, groups=2),
        nn.ReLU(),
        nn.LocalResponseNorm(5),
        nn.MaxPool2d(3, 2),
        nn.Flatten(),
        nn.Linear(1568, 40),
        nn.ReLU(),
        nn.Linear(40, 10),
    )


def googlenet() -> nn.Module:
    def inception(before: int) -> nn.Module:
        return Branches(
            conv_bn(before, 8, 1),
            nn.Sequential(conv_bn(before, 4, 1), conv_bn(4, 8)),
            nn.Sequential(conv_bn(before, 4, 1), conv_bn(4, 8, 5)),
            nn.Sequential(nn.MaxPool2d(3, 1, 1), conv_bn(before, 8, 1)),
            nn.Sequential(nn.AvgPool2d(3, 1, 1, count_include_pad=False), conv_bn(before, 4, 1)),
            nn.Sequential(nn.AvgPool2d(3, 1, 1), conv_bn(before, 4, 1)),
        )

    return nn.Sequential(
        conv_bn(3, 8, 7, 2),
        nn.MaxPool2d(3, 2, 1, ceil_mode=True),
        inception(8),
        inception(40),
        head(40),
    )


class LayerNormFirst(nn.LayerNorm):
    """Layer norm over the channels of maps."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


class ConvNeXtBlock(nn.Module):
    """Depthwise convolution, layer norm and an MLP in channels-last layout."""

    def __init__(self, channels: int, response: bool = False) -> None:
        super().__init__()
        self.spread = nn.Conv2d(channels, channels, 7, padding=3, groups=channels)
        self.norm = nn.LayerNorm(channels, eps=1e-6)
        self.wide, self.back = nn.Linear(channels, 4 * channels), nn.Linear(4 * channels, channels)
        self.scale = nn.Parameter(torch.full((channels,), 0.1))
        self.response = response
        self.gamma = nn.Parameter(torch.randn(1, 1, 1, 4 * channels))

    def forward(self, x: Tensor) -> Tensor:
        y = F.gelu(self.wide(self.norm(self.spread(x).permute(0, 2, 3, 1))))
        if self.response:
            size = torch.norm(y, p=2, dim=(1, 2), keepdim=True)
            y = y + self.gamma * y * (size / (size.mean(-1, keepdim=True) + 1e-6))
        return x + (self.scale * self.back(y)).permute(0, 3, 1, 2)


def convnext(response: bool = False) -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(3, 8, 4, 4),
        LayerNormFirst(8),
        ConvNeXtBlock(8, response),
        LayerNormFirst(8),
        nn.Conv2d(8, 16, 2, 2),
        ConvNeXtBlock(16, response),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.LayerNorm(16),
        nn.Linear(16, 10),
    )


class UNet(nn.Module):
    """Encoder and decoder with skips; upsampling is learnt, or bilinear."""

    def __init__(self, learnt: bool = True) -> None:
        super().__init__()
        self.down = nn.ModuleList([conv_bn(3, 8), conv_bn(8, 16), conv_bn(16, 32)])
        self.up = nn.ModuleList(
            [
                nn.ConvTranspose2d(before, after, 2, 2)
                if learnt
                else nn.Sequential(
                    nn.Upsample(scale_factor=2, mode="bilinear"), conv_bn(before, after)
                )
                for before, after in ((32, 16), (16, 8))
            ]
        )
        self.merge = nn.ModuleList([conv_bn(32, 16), conv_bn(16, 8)])
        self.last = nn.Conv2d(8, 2, 1)

    def forward(self, x: Tensor) -> Tensor:
        skips = []
        for i, stage in enumerate(self.down):
            x = stage(F.max_pool2d(x, 2) if i else x)
            skips.append(x)
        for up, merge, skip in zip(self.up, self.merge, skips[-2::-1], strict=True):
            x = merge(torch.cat([up(x), skip], 1))
        return self.last(x)


def edsr() -> nn.Module:
    def block() -> nn.Module:
        body = (nn.Conv2d(8, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 8, 3, padding=1))
        return Residual(nn.Sequential(*body))

    body = Residual(nn.Sequential(block(), block(), nn.Conv2d(8, 8, 3, padding=1)))
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1),
        body,
        nn.Conv2d(8, 32, 3, padding=1),
        nn.PixelShuffle(2),
        nn.Conv2d(8, 3, 3, padding=1),
    )


def fsrcnn() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(1, 12, 5, padding=2),
        nn.PReLU(12),
        nn.Conv2d(12, 4, 1),
        nn.PReLU(),
        nn.Conv2d(4, 12, 3, padding=1),
        nn.PReLU(12),
        nn.ConvTranspose2d(12, 1, 9, 3, padding=4, output_padding=2),
    )


class Pyramid(nn.Module):
    """Feature pyramid with shared heads, as detectors have it; several outputs."""

    def __init__(self) -> None:
        super().__init__()
        self.stages = nn.ModuleList(
            [conv_bn(3, 8, 3, 2), conv_bn(8, 16, 3, 2), conv_bn(16, 32, 3, 2)]
        )
        self.lateral = nn.ModuleList([nn.Conv2d(c, 8, 1) for c in (8, 16, 32)])
        self.classes = nn.Sequential(conv_bn(8, 8), nn.Conv2d(8, 6, 3, padding=1))
        self.boxes = nn.Conv2d(8, 8, 3, padding=1)

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        maps = []
        for stage in self.stages:
            x = stage(x)
            maps.append(x)
        y, outputs = None, []
        for lateral, one in zip(reversed(self.lateral), reversed(maps), strict=True):
            z = lateral(one)
            y = z if y is None else z + F.interpolate(y, size=z.shape[-2:], mode="nearest")
            scores = self.classes(y).sigmoid().permute(0, 2, 3, 1).flatten(1, 2)
            outputs += [scores, self.boxes(y)]
        return tuple(outputs)


class DeepLab(nn.Module):
    """Dilated convolutions at several rates beside a global branch."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(conv_bn(3, 8, 3, 2), conv_bn(8, 16, 3, 2))
        self.rates = nn.ModuleList(
            [nn.Conv2d(16, 8, 3, padding=rate, dilation=rate, bias=False) for rate in (1, 2, 3)]
        )
        self.pool = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Conv2d(16, 8, 1), nn.ReLU())
        self.last = nn.Conv2d(32, 4, 1)

    def forward(self, x: Tensor) -> Tensor:
        size = x.shape[-2:]
        x = self.stem(x)
        whole = F.interpolate(self.pool(x), size=x.shape[-2:], mode="bilinear")
        x = self.last(torch.cat([*(conv(x) for conv in self.rates), whole], 1))
        return F.interpolate(x, size=size, mode="bilinear", align_corners=True)


class HighResolution(nn.Module):
    """Two resolutions side by side that exchange their maps."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = conv_bn(3, 8)
        self.first, self.second = conv_bn(8, 8), conv_bn(8, 16, 3, 2)
        self.up = nn.Sequential(conv_bn(16, 8, 1, act=nn.Identity), nn.Upsample(scale_factor=2))
        self.down = conv_bn(8, 16, 3, 2, act=nn.Identity)
        self.last = nn.Conv2d(24, 4, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        high, low = self.first(x), self.second(x)
        high, low = F.relu(high + self.up(low)), F.relu(low + self.down(high))
        return self.last(torch.cat([high, F.interpolate(low, scale_factor=2.0)], 1))


class Hourglass(nn.Module):
    """Recursive encoder and decoder."""

    def __init__(self, depth: int = 2, channels: int = 8) -> None:
        super().__init__()
        self.skip, self.low = conv_bn(channels, channels), conv_bn(channels, channels)
        self.inner = Hourglass(depth - 1, channels) if depth > 1 else conv_bn(channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        low = self.inner(self.low(F.max_pool2d(x, 2)))
        return self.skip(x) + F.interpolate(low, scale_factor=2.0, mode="nearest")


def generator() -> nn.Module:
    return nn.Sequential(
        nn.Linear(16, 256),
        nn.Unflatten(1, (16, 4, 4)),
        nn.BatchNorm2d(16),
        nn.ReLU(),
        nn.ConvTranspose2d(16, 8, 4, 2, 1, bias=False),
        nn.BatchNorm2d(8),
        nn.LeakyReLU(0.2),
        nn.ConvTranspose2d(8, 3, 4, 2, 1),
        nn.Tanh(),
    )


def autoencoder() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, 2, 1),
        nn.ELU(),
        nn.Conv2d(8, 16, 3, 2, 1),
        nn.SELU(),
        nn.Flatten(),
        nn.Linear(1024, 8),
        nn.Softplus(),
        nn.Linear(8, 1024),
        nn.Unflatten(1, (16, 8, 8)),
        nn.Upsample(scale_factor=2),
        nn.Conv2d(16, 8, 3, padding=1),
        nn.Mish(),
        nn.Upsample(scale_factor=2, mode="bicubic"),
        nn.Conv2d(8, 3, 3, padding=1, padding_mode="reflect"),
        nn.Sigmoid(),
    )


def style_transfer() -> nn.Module:
    def block(before: int, after: int, kernel: int, stride: int) -> nn.Module:
        pad = nn.ReflectionPad2d(kernel // 2)
        conv, norm = nn.Conv2d(before, after, kernel, stride), nn.InstanceNorm2d(after, affine=True)
        return nn.Sequential(pad, conv, norm, nn.ReLU())

    return nn.Sequential(
        block(3, 8, 9, 1),
        block(8, 16, 3, 2),
        nn.Upsample(scale_factor=2),
        block(16, 8, 3, 1),
        nn.ReplicationPad2d(1),
        nn.Conv2d(8, 3, 3),
    )


def group_norm() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1),
        nn.GroupNorm(2, 8),
        nn.SiLU(),
        nn.Conv2d(8, 16, 3, 2, 1),
        nn.GroupNorm(4, 16),
        nn.GLU(1),
        head(8),
    )


class StandardisedConv(nn.Conv2d):
    """Convolution whose weights are standardised on the way (BiT)."""

    def forward(self, x: Tensor) -> Tensor:
        variance, mean = torch.var_mean(self.weight, (1, 2, 3), keepdim=True, unbiased=False)
        weight = (self.weight - mean) / torch.sqrt(variance + 1e-5)
        return F.conv2d(x, weight, self.bias, self.stride, self.padding)


def big_transfer() -> nn.Module:
    body = nn.Sequential(nn.GroupNorm(2, 8), nn.ReLU(), StandardisedConv(8, 8, 3, padding=1))
    pad = nn.ConstantPad2d((0, 1, 0, 1), 0.0)
    return nn.Sequential(
        StandardisedConv(3, 8, 3, 2), pad, nn.MaxPool2d(3, 2), Residual(body), head(8)
    )


def wave() -> nn.Module:
    return nn.Sequential(
        nn.Conv1d(2, 8, 5, padding=2, dilation=1),
        nn.BatchNorm1d(8),
        nn.ReLU(),
        nn.MaxPool1d(2),
        nn.Conv1d(8, 8, 3, padding=2, dilation=2, groups=4),
        nn.ReLU(),
        nn.AvgPool1d(2),
        nn.AdaptiveAvgPool1d(1),
        nn.Flatten(),
        nn.Linear(8, 4),
    )


def video() -> nn.Module:
    return nn.Sequential(
        nn.Conv3d(3, 4, 3, (1, 2, 2), 1),
        nn.BatchNorm3d(4),
        nn.ReLU(),
        nn.MaxPool3d(2),
        nn.Conv3d(4, 8, (3, 1, 1), padding=(1, 0, 0)),
        nn.AdaptiveAvgPool3d(1),
        nn.Flatten(),
        nn.Linear(8, 4),
    )


class SpatialAttention(nn.Module):
    """Scales positions by a map made of the mean and maximum over channels (CBAM)."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(2, 1, 7, padding=3)

    def forward(self, x: Tensor) -> Tensor:
        both = torch.cat([x.mean(1, keepdim=True), x.amax(1, keepdim=True)], 1)
        return x * torch.sigmoid(self.conv(both))


def cbam() -> nn.Module:
    return nn.Sequential(
        conv_bn(3, 8, 3, 2), SqueezeExcite(8, dense=True), SpatialAttention(), head(8)
    )


class RepVGG(nn.Module):
    """Three parallel branches that are added."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.wide = conv_bn(channels, channels, act=nn.Identity)
        self.narrow = conv_bn(channels, channels, 1, act=nn.Identity)
        self.norm = nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.wide(x) + self.narrow(x) + self.norm(x))


def ghost() -> nn.Module:
    class Ghost(nn.Module):
        def __init__(self, before: int, after: int) -> None:
            super().__init__()
            self.main, self.cheap = conv_bn(before, after, 1), conv_bn(after, after, groups=after)

        def forward(self, x: Tensor) -> Tensor:
            y = self.main(x)
            return torch.cat([y, self.cheap(y)], 1)

    return nn.Sequential(conv_bn(3, 8, 3, 2), Ghost(8, 8), Ghost(16, 8), head(16))


class Yolo(nn.Module):
    """Focus slices, partial stages, spatial pyramid pooling and a decoded head."""

    def __init__(self) -> None:
        super().__init__()
        act = nn.SiLU
        self.stem = conv_bn(12, 8, act=act)
        self.left, self.right = conv_bn(8, 8, 1, act=act), conv_bn(8, 8, 1, act=act)
        self.body = Residual(nn.Sequential(conv_bn(8, 8, 1, act=act), conv_bn(8, 8, act=act)))
        self.pools = nn.ModuleList([nn.MaxPool2d(k, 1, k // 2) for k in (5, 9)])
        self.last = nn.Conv2d(32, 14, 1)

    def forward(self, x: Tensor) -> Tensor:
        parts = [x[..., i::2, j::2] for j in (0, 1) for i in (0, 1)]
        x = self.stem(torch.cat(parts, 1))
        x = torch.cat([self.body(self.left(x)), self.right(x)], 1)
        x = torch.cat([x[:, :8], *(pool(x[:, :8]) for pool in self.pools), x[:, 8:]], 1)
        n, _, h, w = (y := self.last(x)).shape
        y = y.view(n, 2, 7, h, w).permute(0, 1, 3, 4, 2).sigmoid()
        return torch.cat([y[..., :2] * 2 - 0.5, (y[..., 2:4] * 2) ** 2, y[..., 4:]], -1).view(
            n, -1, 7
        )


CASES = {
    "resnet18": Case("residual", resnet18, images),
    "resnet50": Case("residual bottlenecks", resnet50, images),
    "resnext": Case("grouped convolution", partial(resnet50, 4, (1, 1, 1, 1)), images),
    "resnet18_opset7": Case("opset 7", resnet18, images, opset=7),
    "resnet18_fixed": Case("fixed batch", resnet18, images, batch=False),
    "mobilenet_v1": Case("depthwise", mobilenet_v1, images),
    "mobilenet_v2": Case("relu6", mobilenet_v2, images, opset=11),
    "mobilenet_v3": Case("squeeze-excite, hardswish", mobilenet_v3, images),
    "mobilenet_v3_opset11": Case("hardswish taken apart", mobilenet_v3, images, opset=11),
    "efficientnet": Case("squeeze-excite, swish", efficientnet, images),
    "shufflenet": Case("channel shuffle", shufflenet, images),
    "densenet": Case("concatenation", densenet, images),
    "squeezenet": Case("ceil pooling", squeezenet, images),
    "vgg_bn": Case("plain", vgg, images),
    "vgg_opset9": Case("plain, opset 9", partial(vgg, False), images, opset=9),
    "alexnet": Case("local response norm", alexnet, partial(images, 127, 127)),
    "googlenet": Case("inception", googlenet, images),
    "convnext": Case("layer norm, gelu", convnext, images),
    "convnext_v2": Case("response norm", partial(convnext, True), images),
    "unet": Case("transposed convolution", UNet, images),
    "unet_bilinear": Case("bilinear upsampling", partial(UNet, False), images),
    "edsr": Case("pixel shuffle", edsr, partial(images, 16, 20)),
    "fsrcnn": Case("PReLU, transposed convolution", fsrcnn, partial(images, 12, 12, channels=1)),
    "retinanet": Case("feature pyramid, six outputs", Pyramid, images),
    "deeplab": Case("dilated convolution", DeepLab, images),
    "hrnet": Case("parallel resolutions", HighResolution, images),
    "hourglass": Case("recursive", lambda: nn.Sequential(nn.Conv2d(3, 8, 1), Hourglass()), images),
    "gan": Case("generator", generator, lambda: (torch.randn(2, 16),)),
    "autoencoder": Case("many activations", autoencoder, images),
    "style_transfer": Case("instance norm, reflection", style_transfer, images),
    "group_norm": Case("group norm", group_norm, images, opset=13),
    "big_transfer": Case("standardised weights", big_transfer, images),
    "wave": Case("1-D convolution", wave, lambda: (torch.randn(2, 2, 64),)),
    "video": Case("3-D convolution", video, lambda: (torch.randn(2, 3, 4, 16, 16),)),
    "cbam": Case("spatial attention", cbam, images),
    "repvgg": Case(
        "parallel branches", lambda: nn.Sequential(conv_bn(3, 8), RepVGG(8), head(8)), images
    ),
    "ghostnet": Case("cheap features", ghost, images),
    "yolo": Case("focus, decoded head", Yolo, images),
}
