"""The encoder of block networks in training, with its backward pass written out.

``BlockNetwork.encoder`` defines what is computed. Here it is computed for chains that lie one after
the other, so that the node before is the row before; without a tape, in memory that all steps
share, and with gradients written where the optimiser reads them. Letters: N nodes, D width,
M = 4 hops.

NumPy adds whole arrays and works on vectors, PyTorch does what has a kernel of its own there or
spreads a vector over rows: each is the faster one at its part.

What is added to all nodes alike is lost in the batch norm behind: such biases only move its running
mean, and their gradient is 0.
"""

from __future__ import annotations

from typing import Protocol, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch import from_numpy as tensor

from archloom.predict.block_network import (
    N_HOPS,
    SLOPE,
    BlockNetwork,
    GATv2Conv,
    GraphConv,
)

Array = NDArray[np.float32]
_aten = torch.ops.aten


def view(parameter: Tensor) -> tuple[Tensor, Tensor]:
    """Return the value and the gradient of a parameter, neither a copy nor taped."""
    assert parameter.grad is not None
    return parameter.detach(), parameter.grad


def _lost(bias: Tensor) -> Tensor:
    """Return a bias that the batch norm behind takes away again, with gradient 0."""
    value, gradient = view(bias)
    gradient.zero_()
    return value


class EncoderPass:
    """Forward and backward pass of a network's encoder in training mode, for at most ``n_rows``
    nodes. The gradients of its parameters must exist and are overwritten.
    """

    def __init__(self, network: BlockNetwork, n_rows: int) -> None:
        shape, encoder = network.shape, network.encoder
        slope = 0.0 if shape.activation == "relu" else 0.01
        scratch = np.empty((5, n_rows, shape.width), dtype=np.float32)
        self._layers = []
        for layer, norm in zip(encoder.gnn_layers, encoder.bns, strict=True):
            batch_norm = cast(nn.BatchNorm1d, norm.get_submodule("module"))
            convolution = (
                _Attention(layer, scratch)
                if isinstance(layer, GATv2Conv)
                else _Sum(cast(GraphConv, layer), scratch)
            )
            self._layers.append(_Layer(convolution, batch_norm, slope, scratch))
        self._hops = np.empty((N_HOPS, n_rows, shape.width), dtype=np.float32)
        self._gradient = np.empty_like(scratch[:2])

    def forward(self, x: Array, linked: Array) -> Array:
        """Return the embeddings of hops 1 to M, (M, N, D), valid until the next call.

        x      : (N, 6) 0-hop embeddings
        linked : (N,) 1 where the row before is the predecessor, else 0
        """
        hops = self._hops[:, : len(x)]
        self._x, self._linked = x, linked
        before = x
        for hop, (layer, out) in enumerate(zip(self._layers, hops, strict=True)):
            new = layer.forward(before, linked)
            if hop:
                np.add(before, new, out=out)
            else:
                np.copyto(out, new)
            before = out
        return hops

    def backward(self, gradients: Array, graph: NDArray[np.int64]) -> Array:
        """Set the gradients of the parameters and return that of ``x``, (N, 6).

        gradients : (M, G, D) of every row of a graph, at every hop
        graph     : (N,) graph of each row
        """
        hops = self._hops[:, : len(graph)]
        back, added = self._gradient[:, : len(graph)]
        np.take(gradients[-1], graph, axis=0, out=back, mode="clip")
        for hop in range(N_HOPS - 1, 0, -1):
            back += self._layers[hop].backward(back, hops[hop - 1], self._linked)
            np.take(gradients[hop - 1], graph, axis=0, out=added, mode="clip")
            back += added
        return self._layers[0].backward(back, self._x, self._linked)


class _Convolution(Protocol):
    """One kind of message passing. What it adds to all nodes alike is ``constant``, (D,), and left
    out of ``forward``, which writes (N, D) to ``out``. ``backward`` may spoil the gradient that it
    is given; scratch[1] holds that, the rest of scratch is free.
    """

    @property
    def constant(self) -> Tensor: ...

    def forward(self, x: Array, linked: Array, out: Array) -> None: ...

    def backward(self, gradient: Array, x: Array, linked: Array) -> Array: ...


class _Layer:
    """Message passing, batch norm, activation."""

    def __init__(
        self, convolution: _Convolution, norm: nn.BatchNorm1d, slope: float, scratch: Array
    ) -> None:
        self.convolution, self.norm, self.slope, self.scratch = convolution, norm, slope, scratch
        self.weight, self.bias = view(norm.weight), view(norm.bias)
        self.y, self.z = np.empty_like(scratch[:2])
        self.mean, self.scale = torch.empty(2, scratch.shape[2])

    def forward(self, x: Array, linked: Array) -> Array:
        """Return (N, D) embeddings of (N, .) ones, valid until the next call."""
        norm, y, z = self.norm, self.y[: len(x)], self.z[: len(x)]
        assert norm.running_mean is not None and norm.momentum is not None
        self.convolution.forward(x, linked, y)
        torch.native_batch_norm(
            tensor(y),
            self.weight[0],
            self.bias[0],
            norm.running_mean,
            norm.running_var,
            True,
            norm.momentum,
            norm.eps,
            out=(tensor(z), self.mean, self.scale),
        )
        norm.running_mean.add_(self.convolution.constant, alpha=norm.momentum)
        nn.functional.leaky_relu_(tensor(z), self.slope)
        return z

    def backward(self, gradient: Array, x: Array, linked: Array) -> Array:
        """Map the gradient of the result (N, D) to that of x."""
        n = len(x)
        of_z, of_y = tensor(self.scratch[0, :n]), tensor(self.scratch[1, :n])
        _aten.leaky_relu_backward.grad_input(
            tensor(gradient), tensor(self.z[:n]), self.slope, True, grad_input=of_z
        )
        _aten.native_batch_norm_backward.out(
            of_z,
            tensor(self.y[:n]),
            self.weight[0],
            None,
            None,
            self.mean,
            self.scale,
            True,
            self.norm.eps,
            [True, True, True],
            out0=of_y,
            out1=self.weight[1],
            out2=self.bias[1],
        )
        return self.convolution.backward(self.scratch[1, :n], x, linked)


class _Attention:
    """Of two keys, the node before and the node itself, the first has this share::

    linked * sigmoid(a . f(query + before) - a . f(query + own)),  f leaky
    """

    def __init__(self, layer: GATv2Conv, scratch: Array) -> None:
        self.own, self.own_bias = view(layer.lin_l.weight), view(layer.lin_l.bias)
        self.query, self.query_bias = view(layer.lin_r.weight), view(layer.lin_r.bias)
        self.vector, self.vector_gradient = (one.view(-1) for one in view(layer.att))
        self.bias = _lost(layer.bias)
        self.keys, self.step = np.empty_like(scratch[:2]), np.zeros_like(scratch[0])
        self.scratch = scratch
        self.back = torch.empty(scratch.shape[1], layer.lin_l.in_features)

    @property
    def constant(self) -> Tensor:
        return self.bias + self.own_bias[0]

    def forward(self, x: Array, linked: Array, out: Array) -> None:
        n = len(x)
        own, query = self.scratch[:2, :n]
        keys, step, vector = self.keys[:, :n], self.step[:n], self.vector.numpy()
        torch.mm(tensor(x), self.own[0].t(), out=tensor(own))
        bias = self.own_bias[0] + self.query_bias[0]
        torch.addmm(bias, tensor(x), self.query[0].t(), out=tensor(query))
        np.add(query[1:], own[:-1], out=keys[0, 1:])
        keys[0, 0] = 0
        np.add(query, own, out=keys[1])
        nn.functional.leaky_relu_(tensor(keys), SLOPE)
        self.share = keys[0] @ vector - keys[1] @ vector
        tensor(self.share).sigmoid_()
        self.share *= linked
        np.subtract(own[:-1], own[1:], out=step[1:])
        torch.addcmul(tensor(own), tensor(self.share)[:, None], tensor(step), out=tensor(out))

    def backward(self, gradient: Array, x: Array, linked: Array) -> Array:
        n = len(x)
        keys, share = self.keys[:, :n], tensor(self.share)[:, None]
        to_query, _, to_before, to_own, moved = self.scratch[:, :n]
        margin = np.einsum("nd,nd->n", self.step[:n], gradient) * self.share * (1 - self.share)
        np.subtract(margin @ keys[0], margin @ keys[1], out=self.vector_gradient.numpy())
        torch.mul(tensor(margin)[:, None], self.vector, out=tensor(to_query))
        _aten.leaky_relu_backward.grad_input(
            tensor(to_query), tensor(keys), SLOPE, True, grad_input=tensor(self.scratch[2:4, :n])
        )
        np.subtract(to_before, to_own, out=to_query)
        torch.mul(tensor(gradient), share, out=tensor(moved))
        gradient -= moved
        gradient -= to_own
        moved += to_before
        gradient[:-1] += moved[1:]
        own, query = tensor(gradient), tensor(to_query)
        torch.mm(own.t(), tensor(x), out=self.own[1])
        torch.mm(query.t(), tensor(x), out=self.query[1])
        torch.sum(query, 0, out=self.query_bias[1])
        self.own_bias[1].copy_(self.query_bias[1])
        back = torch.mm(own, self.own[0], out=self.back[:n])
        return back.addmm_(query, self.query[0]).numpy()


class _Sum:
    """x_i <- A x_j + B x_i, j before i."""

    def __init__(self, layer: GraphConv, scratch: Array) -> None:
        self.relative, self.root = view(layer.lin_rel.weight), view(layer.lin_root.weight)
        self.constant = _lost(layer.lin_rel.bias)
        self.before = np.zeros((scratch.shape[1], layer.lin_root.in_features), dtype=np.float32)
        self.back = torch.empty(self.before.shape)

    def forward(self, x: Array, linked: Array, out: Array) -> None:
        before = self.before[: len(x)]
        torch.mul(tensor(x[:-1]), tensor(linked[1:])[:, None], out=tensor(before[1:]))
        torch.mm(tensor(x), self.root[0].t(), out=tensor(out))
        tensor(out).addmm_(tensor(before), self.relative[0].t())

    def backward(self, gradient: Array, x: Array, linked: Array) -> Array:
        given = tensor(gradient)
        torch.mm(given.t(), tensor(self.before[: len(x)]), out=self.relative[1])
        torch.mm(given.t(), tensor(x), out=self.root[1])
        back = torch.mm(given, self.root[0], out=self.back[: len(x)])
        moved = torch.mm(given[1:], self.relative[0])
        back[:-1].addcmul_(moved, tensor(linked[1:])[:, None])
        return back.numpy()
