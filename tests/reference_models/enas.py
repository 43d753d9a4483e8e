"""ENAS networks of six layers with skips, as the DAG-encoder benchmark writes them down."""

from torch import nn

from reference_models.layers import norm
from reference_models.tnb101 import FactorizedReduce


def conv(c, kernel, groups=1):
    return nn.Conv2d(c, c, kernel, 1, kernel // 2, groups=groups, bias=False)


def branch(number, c):
    first = [conv(c, 1), norm(c), nn.ReLU()]
    kernel = (3, 3, 5, 5)[number] if number < 4 else 3
    if number == 4:
        return nn.Sequential(*first, nn.AvgPool2d(3, 1, 1, count_include_pad=False))
    if number == 5:
        return nn.Sequential(*first, nn.MaxPool2d(3, 1, 1))
    depthwise = [conv(c, kernel, groups=c)] if number in (1, 3) else []
    return nn.Sequential(
        *first, *depthwise, conv(c, 1 if depthwise else kernel), norm(c), nn.ReLU()
    )


class Network(nn.Module):
    """``skips``: per layer its bits; reductions that nobody reads run only where ``all_halved``."""

    def __init__(self, operations, skips, channels, c, classes=10, all_halved=False):
        super().__init__()
        self.skips, self.all_halved = skips, all_halved
        self.stem = nn.Sequential(nn.Conv2d(channels, c, 3, 1, 1, bias=False), norm(c))
        self.branches = nn.ModuleList(branch(number, c) for number in operations)
        self.norms = nn.ModuleList(norm(c) for _ in operations[1:])
        self.halvings = nn.ModuleDict(
            {
                f"{layer}-{state}": FactorizedReduce(c, c, relu=False)
                for layer in (1, 3)
                for state in range(layer + 2)
                if all_halved or self.is_read(state, layer)
            }
        )
        self.classifier = nn.Conv2d(c, classes, 1, bias=False)

    def is_read(self, state, layer):
        """Whether a layer behind ``layer`` reads the output ``state`` (0 the stem)."""
        last = state == layer + 1
        return last or any("1" in bits[state : state + 1] for bits in self.skips[layer + 1 :])

    def forward(self, x):
        states = [self.stem(x)]
        for layer, (op, bits) in enumerate(zip(self.branches, self.skips, strict=True)):
            y = op(states[-1])
            if layer:
                skipped = [state for state, bit in zip(states, bits, strict=False) if bit == "1"]
                y = self.norms[layer - 1](sum(skipped, y))
            states.append(y)
            for state in range(layer + 2):
                if f"{layer}-{state}" in self.halvings:
                    states[state] = self.halvings[f"{layer}-{state}"](states[state])
        return self.classifier(states[-1].mean(dim=(2, 3), keepdim=True)).flatten(1)
