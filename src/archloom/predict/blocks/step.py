"""One step of the training of a block network: the loss and its gradient, without a tape.

The networks are small and their steps many, so that what PyTorch spends on an operation is more
than the operation: here all is arrays, see ``archloom.predict.blocks.encoding``. Letters: N nodes,
K distinct nodes, G graphs, D width, M = 4 hops.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import numpy as np
from torch import nn

from archloom.predict.blocks.encoding import EncoderPass, arrays, slope_of
from archloom.predict.blocks.kernels import Array, Rows, gather_by_kind, pool
from archloom.predict.blocks.network import (
    FEATURES,
    BlockNetwork,
    FeatureScalars,
)
from archloom.predict.norms.soft_rank import Ranking, rank_loss_gradient
from archloom.views.sequence import Sequences


@dataclass(frozen=True)
class Chains:
    """Some graphs of a ``ChainSet``.

    kind : (N,) row of each node among the distinct ones
    ptr  : (G + 1,) first row of each graph, and N
    """

    kind: Rows
    ptr: Rows


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
        """Return the graphs of these indices (G,), in this order."""
        ptr = np.concatenate([[0], np.cumsum(self._sizes[graphs])])
        return Chains(self._kind[graphs][self._inside[graphs]], ptr)


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
        x = self._features.forward()[chains.kind]
        first = np.empty((len(rows), x.shape[1]), dtype=np.float32)
        pool(chains.ptr, x, first)
        pooled = [first, *self._encoder.forward(chains.ptr, x)]
        share: Array = np.ones((len(rows), 1), dtype=np.float32)
        if self._pooling == "mean":
            share /= np.diff(chains.ptr)[:, None]
        loss, (to_first, *to_hops) = self._loss([one * share for one in pooled], labels)
        back = self._encoder.backward([one * share for one in to_hops])
        self._features.backward(chains, back, to_first * share)
        return loss

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
            self.embeddings.append(arrays(embedding.weight))
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

    def backward(self, chains: Chains, gradient: Array, of_graphs: Array) -> None:
        """Take the gradient of the nodes' embeddings, (N, 6), and of their sums, (G, 6)."""
        sums = np.empty_like(self.signed)
        gather_by_kind(chains.ptr, chains.kind, gradient, of_graphs, sums)
        sums *= np.sign(self.signed)
        *columns, of_resolution = sums.T
        self.scale.backward(self.mix.backward(of_resolution[:, None]))
        for i, column in enumerate(columns):
            table = np.bincount(self.codes[i], column, self.sizes[i]).astype(np.float32)
            self.embeddings[i][1][:] = self.linears[i].backward(table[:, None])


class _Linear:
    def __init__(self, layer: nn.Linear) -> None:
        self.weight, self.weight_gradient = arrays(layer.weight)
        self.bias, self.bias_gradient = arrays(layer.bias)

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
        _Linear(one) if isinstance(one, nn.Linear) else _Activation(slope_of(one))
        for one in modules
    ]
