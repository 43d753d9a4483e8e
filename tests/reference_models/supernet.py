"""Once-for-All supernets in plain PyTorch: every layer is cut to the active channels and kernel as
it runs; parameters are called as in the published checkpoints.
"""

import torch
import torch.nn.functional as F
from torch import nn

from reference_models.mobile import MBV3, rounded


class Named(nn.Module):
    """One layer under a name, so that names of parameters double."""

    def __init__(self, name, layer):
        super().__init__()
        self.add_module(name, layer)
        self.name = name

    @property
    def layer(self):
        return getattr(self, self.name)


class ConvNorm(nn.Module):
    """Convolution and batch norm that run with some of their channels."""

    def __init__(self, c_in, c_out, kernel, stride=1, depthwise=False, doubled=True, norm=True):
        super().__init__()
        groups = c_out if depthwise else 1
        conv = nn.Conv2d(c_in, c_out, kernel, stride, kernel // 2, groups=groups, bias=False)
        self.conv = Named("conv", conv) if doubled else conv
        if norm:
            self.bn = Named("bn", nn.BatchNorm2d(c_out)) if doubled else nn.BatchNorm2d(c_out)
        self.depthwise, self.doubled, self.norm = depthwise, doubled, norm
        if depthwise and doubled:
            for k in range(kernel, 3, -2):
                self.conv.register_parameter(
                    f"{k}to{k - 2}_matrix", nn.Parameter(torch.eye((k - 2) ** 2))
                )

    def forward(self, x, c_out, epsilon, kernel=None):
        conv = self.conv.layer if self.doubled else self.conv
        weight = conv.weight
        size = weight.shape[-1]
        while kernel is not None and size > kernel:
            inner = weight[:, :, 1 : size - 1, 1 : size - 1].reshape(len(weight), -1)
            matrix = getattr(self.conv, f"{size}to{size - 2}_matrix")
            size -= 2
            weight = F.linear(inner, matrix).reshape(-1, 1, size, size)
        weight = weight[:c_out] if self.depthwise else weight[:c_out, : x.shape[1]]
        groups = c_out if self.depthwise else 1
        y = F.conv2d(x, weight, None, conv.stride, size // 2, groups=groups)
        if not self.norm:
            return y
        bn = self.bn.layer if self.doubled else self.bn
        moments = bn.running_mean[:c_out], bn.running_var[:c_out]
        return F.batch_norm(y, *moments, bn.weight[:c_out], bn.bias[:c_out], eps=epsilon)


class Excite(nn.Module):
    def __init__(self, channels):
        super().__init__()
        hidden = rounded(channels // 4)
        self.fc = nn.Module()
        self.fc.reduce = nn.Conv2d(channels, hidden, 1)
        self.fc.expand = nn.Conv2d(hidden, channels, 1)

    def forward(self, x):
        c, hidden = x.shape[1], rounded(x.shape[1] // 4)
        reduce, expand = self.fc.reduce, self.fc.expand
        y = F.conv2d(x.mean((2, 3), keepdim=True), reduce.weight[:hidden, :c], reduce.bias[:hidden])
        y = F.conv2d(F.relu(y), expand.weight[:c, :hidden], expand.bias[:c])
        return x * F.relu6(y + 3) / 6


class Block(nn.Module):
    """Inverted bottleneck; its layers lie under ``conv``, or ``mobile_inverted_conv``."""

    def __init__(self, c_in, c_out, stride, activate, excited, fixed, prefix):
        super().__init__()
        self.prefix, self.activate, self.c_out, self.fixed = prefix, activate, c_out, fixed
        self.residual = stride == 1 and c_in == c_out
        layers = nn.Module()
        self.add_module(prefix, layers)
        mid = c_in if fixed else rounded(round(c_in * 6))
        if not fixed:
            layers.inverted_bottleneck = ConvNorm(c_in, mid, 1)
        kernel = 3 if fixed else 7
        layers.depth_conv = ConvNorm(mid, mid, kernel, stride, depthwise=True, doubled=not fixed)
        if excited:
            layers.depth_conv.se = Excite(mid)
        layers.point_linear = ConvNorm(mid, c_out, 1, doubled=not fixed)

    def forward(self, x, epsilon, expansion=1, kernel=3, residual=True):
        layers, y = getattr(self, self.prefix), x
        mid = x.shape[1] if self.fixed else rounded(round(x.shape[1] * expansion))
        if not self.fixed:
            y = self.activate(layers.inverted_bottleneck(y, mid, epsilon))
        y = self.activate(layers.depth_conv(y, mid, epsilon, kernel))
        if hasattr(layers.depth_conv, "se"):
            y = layers.depth_conv.se(y)
        y = layers.point_linear(y, self.c_out, epsilon)
        return x + y if self.residual and residual else y


class MobileSupernet(nn.Module):
    """MobileNetV3 or ProxylessNAS; ``stages``: largest depth of each stage."""

    def __init__(self, mobilenet, stem, widths, head, classes, old_names=False):
        super().__init__()
        act = F.hardswish if mobilenet else F.relu6
        plan = [(s, F.hardswish if a is nn.Hardswish else F.relu, se) for s, a, se in MBV3]
        if not mobilenet:
            plan = [(s, F.relu6, False) for s in (2, 2, 2, 1, 2, 1)]
        prefix = "mobile_inverted_conv" if old_names else "conv"
        self.mobilenet, self.act, self.head = mobilenet, act, head
        self.epsilon = 1e-5 if mobilenet else 1e-3
        self.first_conv = ConvNorm(3, stem, 3, 2, doubled=False)
        first = F.relu if mobilenet else F.relu6
        blocks, before = [Block(stem, widths[0], 1, first, False, True, prefix)], widths[0]
        self.starts = []
        for (stride, activate, excited), c_out in zip(plan, widths[1:], strict=True):
            self.starts.append(len(blocks))
            for index in range(1 if len(self.starts) == 6 else 4):
                step = 1 if index else stride
                blocks.append(Block(before, c_out, step, activate, excited, False, prefix))
                before = c_out
        self.blocks = nn.ModuleList(blocks)
        if mobilenet:
            self.final_expand_layer = ConvNorm(before, head, 1, doubled=False)
            self.feature_mix_layer = ConvNorm(head, head * 4 // 3, 1, doubled=False, norm=False)
            head = head * 4 // 3
        else:
            self.feature_mix_layer = ConvNorm(before, head, 1, doubled=False)
        self.classifier = Named("linear", nn.Linear(head, classes))

    def forward(self, x, architecture):
        """``architecture``: per stage (expansion, kernel) pairs."""
        eps = self.epsilon
        x = self.act(self.first_conv(x, self.first_conv.conv.out_channels, eps))
        x = self.blocks[0](x, eps, residual=self.mobilenet)
        for start, stage in zip(self.starts, architecture, strict=True):
            for index, (expansion, kernel) in enumerate(stage):
                x = self.blocks[start + index](x, eps, expansion, kernel)
        if self.mobilenet:
            x = self.act(self.final_expand_layer(x, self.head, eps)).mean((2, 3), keepdim=True)
            x = self.act(self.feature_mix_layer(x, self.head * 4 // 3, eps))
        else:
            x = self.act(self.feature_mix_layer(x, self.head, eps)).mean((2, 3), keepdim=True)
        return self.classifier.linear(x.flatten(1))


class Stem(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.conv = ConvNorm(channels, channels, 3)


class ResNetBlock(nn.Module):
    def __init__(self, c_in, c_out, stride, first):
        super().__init__()
        mid = rounded(round(c_out * 0.35))
        self.stride = stride
        self.conv1 = ConvNorm(c_in, mid, 1)
        self.conv2 = ConvNorm(mid, mid, 3, stride)
        self.conv3 = ConvNorm(mid, c_out, 1)
        if first:
            self.downsample = ConvNorm(c_in, c_out, 1)

    def forward(self, x, c_out, ratio):
        eps, mid = 1e-5, rounded(round(c_out * ratio))
        y = F.relu(self.conv1(x, mid, eps))
        y = self.conv3(F.relu(self.conv2(y, mid, eps)), c_out, eps)
        if hasattr(self, "downsample"):
            pooled = F.avg_pool2d(x, self.stride, self.stride, ceil_mode=True)
            x = self.downsample(pooled, c_out, eps)
        return F.relu(x + y)


class ResNetSupernet(nn.Module):
    """``widths`` of the stages at full width."""

    def __init__(self, stem, widths, classes):
        super().__init__()
        mid = rounded(stem // 2)
        self.stem, self.widths = stem, widths
        self.input_stem = nn.ModuleList([ConvNorm(3, mid, 3, 2), Stem(mid), ConvNorm(mid, stem, 3)])
        blocks, before, self.starts = [], stem, []
        for c_out, depth, stride in zip(widths, (4, 4, 6, 4), (1, 2, 2, 2), strict=True):
            self.starts.append(len(blocks))
            for index in range(depth):
                blocks.append(ResNetBlock(before, c_out, 1 if index else stride, not index))
                before = c_out
        self.blocks = nn.ModuleList(blocks)
        self.classifier = Named("linear", Named("linear", nn.Linear(before, classes)))

    def forward(self, x, inner, stem, residual, stages):
        """Widths in percent; ``stages``: width and ratios of each."""
        mid = rounded(rounded(self.stem * inner / 100) // 2)
        x = F.relu(self.input_stem[0](x, mid, 1e-5))
        if residual:
            x = x + F.relu(self.input_stem[1].conv(x, mid, 1e-5))
        x = F.relu(self.input_stem[2](x, rounded(self.stem * stem / 100), 1e-5))
        x = F.max_pool2d(x, 3, 2, 1)
        for start, full, (width, ratios) in zip(self.starts, self.widths, stages, strict=True):
            for index, ratio in enumerate(ratios):
                x = self.blocks[start + index](x, rounded(full * width / 100), ratio / 100)
        linear = self.classifier.linear.linear
        x = x.mean((2, 3))
        return F.linear(x, linear.weight[:, : x.shape[1]], linear.bias)
