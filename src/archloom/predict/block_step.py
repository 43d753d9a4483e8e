"""One step of the training of a block network: the loss and its gradient, without a tape.

The networks are small and their steps many, so that what PyTorch spends on an operation is more
than the operation: here all is arrays, see ``archloom.predict.block_encoding``. Letters: N nodes,
K distinct nodes, G graphs, D width, M = 4 hops.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from archloom.predict.block_encoding import Array, EncoderPass, view
from archloom.predict.block_network import (
    FEATURES,
    BlockNetwork,
    FeatureScalars,
)
from archloom.predict.soft_rank import Ranking, rank_loss_gradient
from archloom.views.sequence import Sequences

Rows = NDArray[np.int64]


@dataclass(frozen=True)
class Chains:
    """Some graphs of a ``ChainSet``.

    kind   : (N,) row of each node among the distinct ones
    linked : (N,) 1 where the row before is the predecessor, else 0
    starts : (G,) first row of each graph
    sizes  : (G,) nodes per graph
    graph  : (N,) index of the graph
    """

    kind: Rows
    linked: Array
    starts: Rows
    sizes: Rows
    graph: Rows


class ChainSet:
    """Sequence graphs, whose nodes are few distinct ones many times.

    codes, resolution : (K, 5) and (K,), of the distinct nodes, as in ``Sequences``
    longest           : nodes of the largest graph
    """

    def __init__(self, sequences: Sequences) -> None:
        rows = np.column_stack([sequences.codes, sequences.resolution])
        _, first, kind = np.unique(rows, axis=0, return_index=True, return_inverse=True)
        self.codes, self.resolution = sequences.codes[first], sequences.resolution[first]
        self._sizes = np.diff(sequences.ptr)
        self.longest = int(self._sizes.max())
        self._inside = np.arange(self.longest) < self._sizes[:, None]
        self._kind = np.zeros(self._inside.shape, dtype=np.int64)
        self._kind[self._inside] = kind.ravel()

    def take(self, graphs: Rows) -> Chains:
        """Return the graphs of these indices, in this order."""
        sizes = self._sizes[graphs]
        starts = np.cumsum(sizes) - sizes
        kind = self._kind[graphs][self._inside[graphs]]
        linked = np.ones(len(kind), dtype=np.float32)
        linked[starts] = 0.0
        return Chains(kind, linked, starts, sizes, np.repeat(np.arange(len(graphs)), sizes))


class StepGradient:
    """Computes the loss of some graphs and its gradient by all parameters of a network.

    The gradients must exist; each is overwritten.
    """

    def __init__(
        self, network: BlockNetwork, graphs: ChainSet, batch_size: int, rank_weight: float,
        rank: Ranking,
    ) -> None:  # fmt: skip
        self._graphs, self._rank_weight, self._rank = graphs, rank_weight, rank
        self._pooling = network.shape.pooling
        self._features = _Features(network.embed_layer, graphs)
        self._encoder = EncoderPass(network, batch_size * graphs.longest)
        self._head = _head(network)

    def __call__(self, rows: Rows, labels: Array) -> float:
        """Return the loss of the graphs of these indices, with (G,) labels."""
        chains = self._graphs.take(rows)
        first = self._features.forward()
        hops = self._encoder.forward(x := first[chains.kind], chains.linked)
        pooled = [self._pool(hop, chains.starts) for hop in (x, *hops)]
        loss, gradients = self._loss(pooled, labels)
        if self._pooling == "mean":
            for gradient in gradients:
                gradient /= chains.sizes[:, None]
        back = self._encoder.backward(np.stack(gradients[1:]), chains.graph)
        back += gradients[0][chains.graph]
        self._features.backward(chains.kind, back)
        return loss

    def _pool(self, rows: Array, starts: Rows) -> Array:
        """Return the mean or sum (G, .) of the rows of every graph."""
        index, table = torch.arange(len(rows)), torch.from_numpy(rows)
        return nn.functional.embedding_bag(
            index, table, torch.from_numpy(starts), mode=self._pooling
        ).numpy()

    def _loss(self, pooled: list[Array], labels: Array) -> tuple[float, list[Array]]:
        """Return the loss of embeddings (G, .) of graphs at all hops, and its gradients."""
        values = pooled[-1]
        for layer in self._head:
            values = layer.forward(values)
        error = values[:, 0] - labels
        loss = float(error @ error) / len(labels)
        back: Array = error[:, None] * np.float32(2 / len(labels))
        for layer in reversed(self._head):
            back = layer.backward(back)
        if not self._rank_weight:
            return loss, [*(np.zeros_like(one) for one in pooled[:-1]), back]
        norms = np.stack([np.abs(one).sum(axis=1) for one in pooled])
        rank_loss, by_norm = rank_loss_gradient(norms, labels, self._rank)
        slopes = (self._rank_weight * by_norm).astype(np.float32)[:, :, None]
        gradients = [np.sign(one) * slope for one, slope in zip(pooled, slopes, strict=True)]
        gradients[-1] += back
        return loss + self._rank_weight * rank_loss, gradients


class _Features:
    """The 0-hop embeddings of the distinct nodes: |w . E[code] + b| for each coded feature, and
    |v . (u r + a) + c| for the resolution r.
    """

    def __init__(self, layer: FeatureScalars, graphs: ChainSet) -> None:
        self.codes = graphs.codes.T
        self.resolution = graphs.resolution[:, None].astype(np.float32)
        self.embeddings, self.linears = [], []
        for name in FEATURES:
            embedding = cast(nn.Embedding, layer.get_submodule(f"{name}_embed"))
            self.embeddings.append(_arrays(embedding.weight))
            self.linears.append(_Linear(cast(nn.Linear, layer.get_submodule(f"{name}_mlp"))))
        self.scale, self.mix = (_Linear(cast(nn.Linear, one)) for one in layer.res_mlp)

    def forward(self) -> Array:
        """Return (K, 6)."""
        tables = [
            linear.forward(weight)[:, 0]
            for linear, (weight, _) in zip(self.linears, self.embeddings, strict=True)
        ]
        self.sizes = [len(table) for table in tables]
        columns = [table[codes] for table, codes in zip(tables, self.codes, strict=True)]
        columns.append(self.mix.forward(self.scale.forward(self.resolution))[:, 0])
        self.signed = np.stack(columns, axis=1)
        return np.abs(self.signed)

    def backward(self, kind: Rows, gradient: Array) -> None:
        """Take the gradient (N, 6) of the rows of nodes of these kinds."""
        n_kinds = len(self.signed)
        columns = [np.bincount(kind, column, n_kinds) for column in gradient.T]
        columns = list(np.stack(columns) * np.sign(self.signed.T))
        of_resolution = columns.pop().astype(np.float32)[:, None]
        self.scale.backward(self.mix.backward(of_resolution))
        for i, column in enumerate(columns):
            table = np.bincount(self.codes[i], column, self.sizes[i]).astype(np.float32)
            self.embeddings[i][1][:] = self.linears[i].backward(table[:, None])


class _Linear:
    def __init__(self, layer: nn.Linear) -> None:
        self.weight, self.weight_gradient = _arrays(layer.weight)
        self.bias, self.bias_gradient = _arrays(layer.bias)

    def forward(self, x: Array) -> Array:
        self.x = x
        return x @ self.weight.T + self.bias

    def backward(self, gradient: Array) -> Array:
        np.matmul(gradient.T, self.x, out=self.weight_gradient)
        gradient.sum(axis=0, out=self.bias_gradient)
        return gradient @ self.weight


class _Activation:
    def __init__(self, slope: float) -> None:
        self.slope = slope

    def forward(self, x: Array) -> Array:
        self.factor = np.where(x > 0, np.float32(1), np.float32(self.slope))
        return x * self.factor

    def backward(self, gradient: Array) -> Array:
        return gradient * self.factor


def _head(network: BlockNetwork) -> list[_Linear | _Activation]:
    """Return what makes a prediction of a graph's embedding at the last hop."""
    modules = [*network.post_proj, network.activate, network.regressor]
    return [
        _Linear(one)
        if isinstance(one, nn.Linear)
        else _Activation(getattr(one, "negative_slope", 0.0))
        for one in modules
    ]


def _arrays(parameter: torch.Tensor) -> tuple[Array, Array]:
    """Return value and gradient of a parameter, neither a copy."""
    value, gradient = view(parameter)
    return value.numpy(), gradient.numpy()
