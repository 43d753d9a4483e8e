"""NAS-Bench-101 networks from a matrix and labels, unpruned or pruned, as the benchmark says."""

import torch
from torch import nn

from reference_models.layers import SameConv, norm


class ConvBNReLU(nn.Sequential):
    def __init__(self, c_in, c_out, kernel):
        super().__init__(SameConv(c_in, c_out, kernel), norm(c_out), nn.ReLU())


def vertex_channels(matrix, c_in, c_out):
    """Channels by the benchmark's own procedure, from the last vertex back."""
    count = len(matrix)
    result = [0] * count
    result[0], result[-1] = c_in, c_out
    if count == 2:
        return result
    into_output = [matrix[v][count - 1] for v in range(1, count - 1)]
    share, remainder = divmod(c_out, sum(into_output))
    for v in range(1, count - 1):
        if matrix[v][count - 1]:
            result[v] = share + (1 if remainder > 0 else 0)
            remainder -= 1
    for v in range(count - 3, 0, -1):
        if not matrix[v][count - 1]:
            for target in range(v + 1, count - 1):
                if matrix[v][target]:
                    result[v] = max(result[v], result[target])
    return result


class Cell(nn.Module):
    def __init__(self, matrix, labels, c_in, c_out):
        super().__init__()
        self.matrix = matrix
        self.widths = vertex_channels(matrix, c_in, c_out)
        count = len(matrix)
        self.projections, self.operations = nn.ModuleDict(), nn.ModuleDict()
        for v in range(1, count):
            if matrix[0][v]:
                self.projections[str(v)] = ConvBNReLU(c_in, self.widths[v], 1)
            if v == count - 1:
                continue
            if labels[v] == "maxpool3x3":
                self.operations[str(v)] = nn.MaxPool2d(3, 1, 1)
            else:
                kernel = {"conv1x1-bn-relu": 1, "conv3x3-bn-relu": 3}[labels[v]]
                self.operations[str(v)] = ConvBNReLU(self.widths[v], self.widths[v], kernel)

    def forward(self, x):
        count = len(self.matrix)
        outputs = [x]
        for v in range(1, count - 1):
            total = 0
            for source in range(1, v):
                if self.matrix[source][v]:
                    total = total + outputs[source][:, : self.widths[v]]
            if self.matrix[0][v]:
                total = total + self.projections[str(v)](x)
            outputs.append(self.operations[str(v)](total))
        last = count - 1
        joined = [outputs[v] for v in range(1, last) if self.matrix[v][last]]
        if not joined:
            return self.projections[str(last)](x)
        y = torch.cat(joined, dim=1)
        return y + self.projections[str(last)](x) if self.matrix[0][last] else y


def network(matrix, labels, channels, widths, cells, classes=10):
    layers, before = [ConvBNReLU(channels, widths[0], 3)], widths[0]
    for stack, width in enumerate(widths):
        if stack:
            layers.append(nn.MaxPool2d(2, 2))
        for _ in range(cells):
            layers.append(Cell(matrix, labels, before, width))
            before = width
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(before, classes))
