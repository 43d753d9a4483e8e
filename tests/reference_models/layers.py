"""Layers with TensorFlow's SAME padding, and copying of weights in the order of execution."""

import math

import torch
import torch.nn.functional as F
from torch import nn

from archloom.execute.module import to_torch

EPSILON = 1e-3


def same_pad(x, kernel, stride, value=0.0):
    """Pad H and W as SAME does: the smaller half first; kernel and stride are (H, W)."""
    pads = []
    for size, window, step in zip(x.shape[:1:-1], kernel[::-1], stride[::-1], strict=True):
        total = max((math.ceil(size / step) - 1) * step + window - size, 0)
        pads += [total // 2, total - total // 2]
    return F.pad(x, pads, value=value)


class SameConv(nn.Conv2d):
    """Convolution with SAME padding."""

    def __init__(self, c_in, c_out, kernel, stride=1, *, bias=False, groups=1):
        super().__init__(c_in, c_out, kernel, stride, bias=bias, groups=groups)

    def forward(self, x):
        return super().forward(same_pad(x, self.kernel_size, self.stride))


class SameMaxPool(nn.Module):
    """Maximum pool with SAME padding of minus infinity."""

    def __init__(self, kernel, stride):
        super().__init__()
        self.kernel, self.stride = kernel, stride

    def forward(self, x):
        window, strides = (self.kernel, self.kernel), (self.stride, self.stride)
        padded = same_pad(x, window, strides, float("-inf"))
        return F.max_pool2d(padded, self.kernel, self.stride)


class SameAvgPool(nn.Module):
    """Average pool with SAME padding that counts real positions only."""

    def __init__(self, kernel, stride):
        super().__init__()
        self.kernel, self.stride = kernel, stride

    def forward(self, x):
        window, strides = (self.kernel, self.kernel), (self.stride, self.stride)
        total = F.avg_pool2d(same_pad(x, window, strides), self.kernel, self.stride)
        inside = F.avg_pool2d(
            same_pad(torch.ones_like(x), window, strides), self.kernel, self.stride
        )
        return total / inside


def norm(channels):
    return nn.BatchNorm2d(channels, eps=EPSILON)


def conv_bn(c_in, c_out, kernel=3, stride=1, activation=None):
    layers = [SameConv(c_in, c_out, kernel, stride), norm(c_out)]
    return nn.Sequential(*layers, *([activation()] if activation else []))


def inception_s(c_in, c_out, size=3, stride=1):
    return nn.Sequential(
        conv_bn(c_in, c_out, (1, size), stride, nn.ReLU6),
        conv_bn(c_out, c_out, (size, 1), 1, nn.ReLU6),
    )


def randomise(model, seed=0):
    """Give every tensor, running statistics included, values that matter."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, tensor in model.state_dict().items():
            if not tensor.is_floating_point():
                continue
            if name.endswith("running_var") or tensor.ndim == 1:
                tensor.uniform_(0.5, 1.5, generator=generator)
            else:
                fan_in = tensor[0].numel()
                tensor.normal_(0, (2 / fan_in) ** 0.5, generator=generator)


def copy_weights(model, module, x):
    """Copy the tensors of ``model`` into the graph module, as ``model`` runs its layers."""
    called = []
    kinds = nn.Conv2d | nn.ConvTranspose2d | nn.BatchNorm2d | nn.Linear
    weighted = [layer for layer in model.modules() if isinstance(layer, kinds)]
    hooks = [layer.register_forward_hook(lambda own, *_: called.append(own)) for layer in weighted]
    model(x)
    for hook in hooks:
        hook.remove()
    called = list(dict.fromkeys(called))  # a layer may run for several parts of the input
    ids = sorted({int(key.split(".")[0]) for key in module.weights()})
    assert len(ids) == len(called)
    tensors = {}
    for node, layer in zip(ids, called, strict=True):
        tensors[f"{node}.weight"] = layer.weight
        if layer.bias is not None:
            tensors[f"{node}.bias"] = layer.bias
        if isinstance(layer, nn.BatchNorm2d):
            tensors[f"{node}.mean"] = layer.running_mean
            tensors[f"{node}.var"] = layer.running_var
    module.load(tensors)


def assert_same_outputs(model, graph, training, tolerance=1e-9):
    """A plain ``model`` and ``graph``, with the same random weights, compute the same."""
    randomise(model.double())
    module = to_torch(graph).double().train(training)
    height, _, width, _, channels, _ = graph.resolution[graph.sources[0]].tolist()
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(3, channels, height, width, generator=generator, dtype=torch.float64)
    copy_weights(model.eval(), module, x)
    torch.testing.assert_close(module(x), model.train(training)(x), rtol=tolerance, atol=tolerance)
