"""Operations of a network as the tables of two benchmarks count them, read off our graphs."""

import numpy as np

from archloom.graph import OPS
from archloom.graph.counters import node_flops
from archloom.graph.shapes import input_shapes, output_shapes


def suite_zero_flops(graph):
    """The count of NAS-Bench-Suite-Zero and of TransNAS-Bench-101's zero-cost table.

    Multiply-adds of convolutions and dense layers, one more per output where a convolution has a
    bias, two per element of a batch norm, one of a ReLU or LeakyReLU, the window per output of a
    pool, C * (H + 1) * (W + 1) of a mean; transposed convolutions and tanh nothing.
    """
    elements, mean = _elements(graph), _mean_sizes(graph)
    window = graph.kernel.astype(np.int64).prod(axis=1)
    total = node_flops(graph, "mac")[~_is(graph, "conv_transpose")].sum() // 2
    total += elements[_is(graph, "conv") & graph.bias].sum()
    total += 2 * elements[_is(graph, "batchnorm")].sum()
    total += elements[_is(graph, "relu", "elementwise")].sum()
    total += (window * elements)[_is(graph, "maxpool", "avgpool") & (window > 1)].sum()
    return int(total + (mean[:, 2] * (mean[:, 0] + 1) * (mean[:, 1] + 1)).sum())


def thop_macs(graph):
    """The count of the tool ``thop``, which Accel-NASBench and NAAP-440 list.

    Multiply-adds, four per element of a batch norm, C * (H * W + 1) of a mean, one per output of an
    average pool.
    """
    elements, mean = _elements(graph), _mean_sizes(graph)
    total = node_flops(graph, "mac").sum() // 2
    total += 4 * elements[_is(graph, "batchnorm")].sum()
    total += elements[_is(graph, "avgpool")].sum()
    return int(total + (mean[:, 2] * (mean[:, 0] * mean[:, 1] + 1)).sum())


def _is(graph, *names):
    return np.isin(graph.op, [OPS.code(name) for name in names])


def _elements(graph):
    return output_shapes(graph).astype(np.int64).prod(axis=1)


def _mean_sizes(graph):
    """(k, 3): H, W, C that the means of a graph take."""
    return input_shapes(graph).astype(np.int64)[_is(graph, "mean")]
