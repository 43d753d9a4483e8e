"""NAAP-440 networks: plain layers whose residual is added behind the ReLU."""

from torch import nn

from reference_models.layers import norm


class Layer(nn.Module):
    def __init__(self, c_in, c_out, kernel, stride, residual):
        super().__init__()
        conv = nn.Conv2d(c_in, c_out, kernel, stride, kernel // 2, bias=False)
        self.layers = nn.Sequential(conv, norm(c_out), nn.ReLU())
        self.residual = residual

    def forward(self, x):
        y = self.layers(x)
        return y + x if self.residual else y


def network(layers, channels, classes=10):
    """``layers``: (kernel, width, stride, residual) of each."""
    modules, before = [], channels
    for kernel, width, stride, residual in layers:
        modules.append(Layer(before, width, kernel, stride, residual))
        before = width
    head = [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(before, classes)]
    return nn.Sequential(*modules, *head)
