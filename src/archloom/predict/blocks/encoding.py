"""The encoder of block networks in training, with its backward pass written out.

``BlockNetwork.encoder`` defines what is computed. Here it is computed for chains that lie one after
the other, so that the node before is the row before; without a tape, in memory that all steps
share, and with gradients written where the optimiser reads them. Matrix products are PyTorch's, all
else are compiled loops. Letters: N nodes, G graphs, D width, M = 4 hops.

What is added to all nodes alike is lost in the batch norm behind: such biases only move its running
mean, and their gradient is 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, cast

import numpy as np
import torch
from torch import Tensor, nn
from torch import from_numpy as tensor

from archloom.predict.blocks.kernels import (
    Array,
    Rows,
    add_before,
    add_before_back,
    attend,
    attend_back,
    normalise,
    normalise_back,
)
from archloom.predict.blocks.network import (
    N_HOPS,
    NFEATURES,
    SLOPE,
    BlockNetwork,
    GATv2Conv,
    GraphConv,
)


def arrays(parameter: Tensor) -> tuple[Array, Array]:
    """Return the value and the gradient of a parameter of any shape, neither a copy."""
    assert parameter.grad is not None
    return parameter.detach().numpy(), parameter.grad.numpy()


def slope_of(activation: nn.Module) -> float:
    """Return the slope of a ReLU, leaky or not, below 0."""
    return getattr(activation, "negative_slope", 0.0)


class EncoderPass:
    """Forward and backward pass of a network's encoder in training mode, for at most ``n_rows``
    nodes. The gradients of its parameters must exist and are overwritten.
    """

    def __init__(self, network: BlockNetwork, n_rows: int) -> None:
        encoder = network.encoder
        slope = slope_of(encoder.activate)
        scratch = np.empty((3, n_rows, network.shape.width), dtype=np.float32)
        self._layers = [
            _Layer(layer, cast(nn.BatchNorm1d, norm.get_submodule("module")), slope, scratch)
            for layer, norm in zip(encoder.gnn_layers, encoder.bns, strict=True)
        ]
        self._to_hop = np.empty_like(scratch[0])
        self._to_x = np.empty((n_rows, NFEATURES), dtype=np.float32)

    def forward(self, ptr: Rows, x: Array) -> list[Array]:
        """Return the sums (G, D) over each graph of the embeddings of hops 1 to M.

        ptr : (G + 1,) first row of each graph, and N
        x   : (N, 6) 0-hop embeddings
        """
        self._ptr, self._x = ptr, x
        first, *others = self._layers
        pooled = [first.forward(ptr, x, None)]
        for before, layer in zip(self._layers, others, strict=False):
            pooled.append(layer.forward(ptr, before.hop, before.hop))
        return pooled

    def backward(self, gradients: Sequence[Array]) -> Array:
        """Set the gradients of the parameters and return that of ``x``, (N, 6), valid until the
        next call; given those of what ``forward`` returned.
        """
        n = len(self._x)
        back, to_x = self._to_hop[:n], self._to_x[:n]
        back[:], to_x[:] = 0, 0
        for hop in range(N_HOPS - 1, 0, -1):
            before = self._layers[hop - 1].hop
            self._layers[hop].backward(self._ptr, before, back, gradients[hop], back)
        self._layers[0].backward(self._ptr, self._x, back, gradients[0], to_x)
        return to_x


class _Convolution(Protocol):
    """One kind of message passing. What it adds to all nodes alike is ``constant``, (D,), and left
    out of ``forward``, which writes (N, D) to ``out``. ``backward`` adds the gradient by ``x`` to
    ``back``, given that by ``out``.
    """

    @property
    def constant(self) -> Array: ...

    def forward(self, ptr: Rows, x: Array, out: Array) -> None: ...

    def backward(self, ptr: Rows, x: Array, gradient: Array, back: Array) -> None: ...


class _Layer:
    """Message passing, batch norm, activation; ``hop``, (N, D), is the last result."""

    def __init__(
        self, layer: nn.Module, norm: nn.BatchNorm1d, slope: float, scratch: Array
    ) -> None:
        self.convolution: _Convolution = (
            _Attention(layer, scratch)
            if isinstance(layer, GATv2Conv)
            else _Sum(cast(GraphConv, layer), scratch)
        )
        assert norm.running_mean is not None and norm.running_var is not None
        self.weight, self.bias = arrays(norm.weight), arrays(norm.bias)
        self.running = norm.running_mean.numpy(), norm.running_var.numpy()
        self.momentum, self.epsilon = np.float32(cast(float, norm.momentum)), norm.eps
        self.slope, self.gradient = slope, scratch[0]
        self.rows, self.hops = np.empty((2, *self.gradient.shape), dtype=np.float32)
        self.mean, self.scale = np.empty((2, scratch.shape[2]), dtype=np.float32)

    def forward(self, ptr: Rows, x: Array, before: Array | None) -> Array:
        """Set ``hop`` of (N, .) embeddings, added to ``before``, and return its sums, (G, D)."""
        n = len(x)
        rows, self.hop = self.rows[:n], self.hops[:n]
        pooled = np.empty((len(ptr) - 1, rows.shape[1]), dtype=np.float32)
        self.convolution.forward(ptr, x, rows)
        normalise(
            ptr, rows, self.weight[0], self.bias[0], self.epsilon, self.slope,
            before, self.mean, self.scale, self.hop, pooled,
        )  # fmt: skip
        mean = self.mean + self.convolution.constant
        variance = (self.scale**-2 - np.float32(self.epsilon)) * np.float32(n / (n - 1))
        for running, new in zip(self.running, (mean, variance), strict=True):
            running += self.momentum * (new - running)
        return pooled

    def backward(self, ptr: Rows, x: Array, back: Array, of_graphs: Array, to_x: Array) -> None:
        """Add the gradient of ``x`` to ``to_x``, given those of ``hop``, ``back`` (N, D), and of
        its sums, which is added to ``back``.
        """
        n = len(x)
        normalise_back(
            ptr, self.rows[:n], self.weight[0], self.bias[0], self.slope, self.mean, self.scale,
            back, of_graphs, self.gradient[:n], self.weight[1], self.bias[1],
        )  # fmt: skip
        self.convolution.backward(ptr, x, self.gradient[:n], to_x)


class _Attention:
    """GATv2: of two keys, the node before and the node itself."""

    def __init__(self, layer: GATv2Conv, scratch: Array) -> None:
        self.own, self.query = _Map(layer.lin_l.weight), _Map(layer.lin_r.weight)
        self.biases = arrays(layer.lin_l.bias), arrays(layer.lin_r.bias)
        self.vector, self.to_vector = (one.reshape(-1) for one in arrays(layer.att))
        self.lost = _lost(layer.bias)
        self.scratch = scratch
        self.values, self.queries = np.empty_like(scratch[:2])
        self.share, self.margins = np.empty((2, scratch.shape[1]), dtype=np.float32)

    @property
    def constant(self) -> Array:
        return self.lost + self.biases[0][0]

    def forward(self, ptr: Rows, x: Array, out: Array) -> None:
        n = len(x)
        own, query = self.values[:n], self.queries[:n]
        self.own.forward(x, own)
        self.query.forward(x, query)
        query += self.biases[0][0] + self.biases[1][0]
        attend(ptr, own, query, self.vector, SLOPE, self.share[:n], out)

    def backward(self, ptr: Rows, x: Array, gradient: Array, back: Array) -> None:
        n = len(x)
        to_own, to_query = self.scratch[1:, :n]
        attend_back(
            ptr, self.values[:n], self.queries[:n], self.vector, SLOPE, self.share[:n],
            gradient, self.margins[:n], to_own, to_query, self.biases[1][1], self.to_vector,
        )  # fmt: skip
        self.biases[0][1][:] = self.biases[1][1]
        self.own.backward(x, to_own, back)
        self.query.backward(x, to_query, back)


class _Sum:
    """x_i <- A x_j + B x_i, j before i."""

    def __init__(self, layer: GraphConv, scratch: Array) -> None:
        self.relative, self.root = _Map(layer.lin_rel.weight), _Map(layer.lin_root.weight)
        self.constant = _lost(layer.lin_rel.bias)
        self.messages = scratch[1]

    def forward(self, ptr: Rows, x: Array, out: Array) -> None:
        messages = self.messages[: len(x)]
        self.relative.forward(x, messages)
        self.root.forward(x, out)
        add_before(ptr, messages, out)

    def backward(self, ptr: Rows, x: Array, gradient: Array, back: Array) -> None:
        to_messages = self.messages[: len(x)]
        add_before_back(ptr, gradient, to_messages)
        self.relative.backward(x, to_messages, back)
        self.root.backward(x, gradient, back)


class _Map:
    """Multiplication with a weight."""

    def __init__(self, weight: Tensor) -> None:
        self.weight, self.gradient = (tensor(one) for one in arrays(weight))

    def forward(self, x: Array, out: Array) -> None:
        torch.mm(tensor(x), self.weight.t(), out=tensor(out))

    def backward(self, x: Array, gradient: Array, back: Array) -> None:
        given = tensor(gradient)
        torch.mm(given.t(), tensor(x), out=self.gradient)
        tensor(back).addmm_(given, self.weight)


def _lost(bias: Tensor) -> Array:
    """Return a bias that the batch norm behind takes away again, with gradient 0."""
    value, gradient = arrays(bias)
    gradient[:] = 0
    return value
