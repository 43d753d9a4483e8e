"""The network of AutoGO's predictors: node embedding, graph layers, head (AutoGO spec 4.4).

Parameter names are those of the published checkpoints. Letters: K classes of a level (nodes that
share an embedding, ``archloom.predict.nodes.classes``), D = 32 embedding size, Q pooled rows.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from archloom.predict.nodes.classes import Classes, Level
from archloom.views.features import (
    BIAS,
    KERNEL,
    MAX_KERNEL,
    OP,
    SIZES,
    VOCABULARY_SIZE,
    Normalisers,
    weighted_rows,
)

WIDTH = 32
N_LAYERS = 6
_SHAPE, _KERNEL, _BIAS = 8, 4, 2


class _GatherSum(torch.autograd.Function):
    """Sums of rows, chosen by a CSR matrix; the gradient is the same with the transpose."""

    @staticmethod
    def forward(ctx: Any, rows: Tensor, index: NDArray[np.int32], ptr: NDArray[np.int32]) -> Tensor:
        ctx.csr = (len(rows), index, ptr)
        return _bag(rows, index, ptr)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        return _bag(gradients[0].contiguous(), *_transposed(*ctx.csr)), None, None


def _bag(rows: Tensor, index: NDArray[np.int32], ptr: NDArray[np.int32]) -> Tensor:
    places = torch.from_numpy(index).to(rows.device), torch.from_numpy(ptr).to(rows.device)
    return torch.embedding_bag(rows, *places, False, 0, False, None, True)[0]


def _transposed(
    n_rows: int, index: NDArray[np.int32], ptr: NDArray[np.int32]
) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Return index and ptr of the transposed 0/1 matrix with ``n_rows`` columns."""
    from scipy.sparse import csr_array

    ones = np.empty(len(index), dtype=np.int8)
    matrix = csr_array((ones, index, ptr), shape=(len(ptr) - 1, n_rows)).tocsc()
    return matrix.indices.astype(np.int32), matrix.indptr.astype(np.int32)


def gather_sum(rows: Tensor, index: NDArray[np.integer], ptr: NDArray[np.integer]) -> Tensor:
    """Return ``(Q, D)``: row q is the sum of ``rows[index[ptr[q]:ptr[q + 1]]]``.

    rows : (K, D) float32; an empty row gives zeros
    """
    summed: Tensor = _GatherSum.apply(  # type: ignore[no-untyped-call]
        rows,
        np.ascontiguousarray(index, dtype=np.int32),
        np.ascontiguousarray(ptr, dtype=np.int32),
    )
    return summed


class NodeEmbedding(nn.Module):
    """Feature rows to vectors: weighted and regular nodes have op tables of their own."""

    def __init__(self) -> None:
        super().__init__()
        self.regular_embed_layer = nn.Embedding(VOCABULARY_SIZE, WIDTH - _SHAPE)
        weighted = WIDTH - _SHAPE - 2 * _KERNEL - _BIAS
        self.weighted_embed_layer = nn.Embedding(VOCABULARY_SIZE, weighted)
        self.kernel_embed_layer = nn.Embedding(MAX_KERNEL + 1, _KERNEL)
        self.shape_embed_layer = nn.Linear(6, _SHAPE)
        self.bias_embed_layer = nn.Linear(2, _BIAS)

    def forward(self, rows: NDArray[np.int32], normalisers: Normalisers) -> Tensor:
        """Embed ``(K, 10)`` feature rows; returns ``(K, 32)``."""
        device = self.shape_embed_layer.weight.device
        sizes = torch.from_numpy(rows[:, SIZES].astype(np.float32) / normalisers.divisors)
        shape = self.shape_embed_layer(sizes.to(device))
        op = torch.from_numpy(rows[:, OP]).to(device)
        is_weighted = weighted_rows(rows)
        regular = torch.cat([self.regular_embed_layer(op), shape], dim=1)
        places = torch.from_numpy(np.flatnonzero(is_weighted)).to(device)
        kernel = torch.from_numpy(rows[is_weighted, KERNEL]).to(device)
        bias = torch.eye(2)[torch.from_numpy(rows[is_weighted, BIAS]).long()].to(device)
        weighted = torch.cat(
            [
                self.weighted_embed_layer(op[places]),
                shape[places],
                self.kernel_embed_layer(kernel).flatten(1),
                self.bias_embed_layer(bias),
            ],
            dim=1,
        )
        return regular.index_copy(0, places, weighted)


class GraphLayer(nn.Module):
    """First-order graph convolution: h_i <- tanh(W_l sum_j h_j + b_l + W_r h_i), j before i."""

    def __init__(self) -> None:
        super().__init__()
        self.lin_l = nn.Linear(WIDTH, WIDTH)
        self.lin_r = nn.Linear(WIDTH, WIDTH, bias=False)

    def forward(self, rows: Tensor, level: Level) -> Tensor:
        """Map ``(K_below, D)`` to ``(K, D)``.

        Both products are formed once per class below: row 2i of the result is the message of class
        i, row 2i + 1 what it keeps for itself, and a level is a plain sum of such rows.
        """
        weight = torch.cat([self.lin_l.weight, self.lin_r.weight])
        bias = torch.cat([torch.zeros_like(self.lin_l.bias), self.lin_l.bias])
        products = nn.functional.linear(rows, weight, bias).view(-1, WIDTH)
        return gather_sum(products, level.index, level.ptr).tanh()


class Encoder(nn.Module):
    """Six graph layers."""

    def __init__(self) -> None:
        super().__init__()
        self.gnn_layers = nn.ModuleList(GraphLayer() for _ in range(N_LAYERS))

    def forward(self, rows: Tensor, levels: tuple[Level, ...]) -> Tensor:
        """Map ``(K_0, D)`` embeddings to the ``(K_L, D)`` of the last level."""
        for layer, level in zip(self.gnn_layers, levels, strict=True):
            rows = layer(rows, level)
        return rows


class Affine(NamedTuple):
    """The head, multiplied out: relu(x A^T + a) w + b."""

    A: Tensor
    a: Tensor
    w: Tensor
    b: Tensor

    def __call__(self, pooled: Tensor) -> Tensor:
        """Map ``(Q, d)`` to ``(Q,)`` scores."""
        return nn.functional.linear(pooled, self.A, self.a).relu() @ self.w + self.b


class Network(nn.Module):
    """Embedding, encoder and head; ``width`` is 32 for one pooled graph, 96 for P, S and C."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.embed_layer = NodeEmbedding()
        self.encoder = Encoder()
        pair = (nn.Linear(width, width), nn.Linear(width, width))
        self.post_proj = nn.Sequential(
            *pair, nn.ReLU(), nn.Linear(width, width), nn.Linear(width, width)
        )
        self.regressor = nn.Linear(width, 1)

    @property
    def width(self) -> int:
        """Width of the head."""
        return self.regressor.in_features

    def encode(self, classes: Classes, normalisers: Normalisers) -> Tensor:
        """Return ``(K_L, 32)`` embeddings of the last-level classes."""
        rows: Tensor = self.embed_layer(classes.features, normalisers)
        encoded: Tensor = self.encoder(rows, classes.levels)
        return encoded

    def head(self) -> Affine:
        """Return the head with its paired linears multiplied out (nothing stands between them)."""
        pairs = [
            (layer.weight, layer.bias) for layer in self.post_proj if isinstance(layer, nn.Linear)
        ]
        (W0, b0), (W1, b1), (W2, b2), (W3, b3) = pairs
        out = self.regressor.weight[0]
        w = out @ W3 @ W2
        b = out @ W3 @ b2 + out @ b3 + self.regressor.bias[0]
        return Affine(W1 @ W0, W1 @ b0 + b1, w, b)

    def rescale(self, mean: float, std: float) -> None:
        """Make the output z of this network mean + std * z."""
        with torch.no_grad():
            self.regressor.weight.mul_(std)
            self.regressor.bias.mul_(std).add_(mean)
