"""AutoBuild's network on the graph of operators: a scalar per feature, message passing, embeddings
at every hop (AutoBuild spec 2.1 to 2.3).

Nodes of equal surroundings are one class and computed once (``archloom.predict.nodes.classes``);
what depends on how many nodes there are, batch norm and means over graphs, counts them. Letters: K
classes of a level, U nodes, G graphs, D width, M hops.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from archloom.errors import ConfigError
from archloom.graph import Graph
from archloom.predict.nodes.classes import Classes, ClassStore, Ids, Level
from archloom.predict.nodes.parts import Parts, add_whole
from archloom.predict.nodes.pooling import gather_sum, part_means
from archloom.views.operators import (
    BIAS,
    CHANNELS,
    GROUPS,
    OPERATOR,
    OPERATORS,
    SIZES,
    WINDOW,
    operator_features,
)

FEATURES = ("operator", "channels", "size", "window", "groups and bias")
"""Categories of features, in the order of the 0-hop embedding."""
_SIZE = 8
_DOUBLINGS = 4
"""Doublings of a size that count as 1."""
_SLOPE = 0.2
_CHOICES = {
    "layer": ("gatv2", "graphconv"),
    "pooling": ("mean", "sum"),
    "activation": ("relu", "leaky_relu"),
}


@dataclass(frozen=True)
class OperatorShape:
    """What a network is made of; a value out of range raises ``ConfigError``.

    layer      : gatv2 (attention, a weighted mean) or graphconv (sum of predecessors)
    width      : size of the embeddings behind the first layer
    hops       : layers, so that an embedding has seen that many operators back
    pooling    : mean or sum over a graph's nodes
    activation : relu or leaky_relu (slope 0.01)
    """

    layer: Literal["gatv2", "graphconv"] = "gatv2"
    width: int = 32
    hops: int = 4
    pooling: Literal["mean", "sum"] = "mean"
    activation: Literal["relu", "leaky_relu"] = "relu"

    def __post_init__(self) -> None:
        for name, allowed in _CHOICES.items():
            if getattr(self, name) not in allowed:
                raise ConfigError(
                    f"{name} = {getattr(self, name)!r}: write {' or '.join(allowed)}."
                )
        for name in ("width", "hops"):
            if not isinstance(getattr(self, name), int) or getattr(self, name) < 1:
                raise ConfigError(f"{name} = {getattr(self, name)}: write a number from 1 on.")


@dataclass(frozen=True, eq=False)
class OperatorGraphs:
    """Graphs as classes of nodes.

    classes : features of level 0, and levels 1 to M
    parts   : class at level M of every node of each graph
    """

    classes: Classes
    parts: Parts

    def __len__(self) -> int:
        return len(self.parts.ptr) - 1

    @classmethod
    def of(cls, graphs: Sequence[Graph], hops: int) -> OperatorGraphs:
        """Convert graphs for a network of this many hops."""
        store = ClassStore(hops)
        parts = add_whole(store, graphs, operator_features)
        return cls(store.frozen(), parts)

    def take(self, graphs: NDArray[np.integer]) -> OperatorGraphs:
        """Return the graphs of these indices (B,), in this order, with the classes they need."""
        return OperatorGraphs(*self.parts.take(graphs).selected(self.classes))

    def lineage(self) -> list[Ids]:
        """Return the class (K,) at levels 0 to M of every class of level M."""
        ids = [np.arange(len(self.classes.levels[-1].ptr) - 1, dtype=np.int32)]
        for level in reversed(self.classes.levels):
            ids.append(level.own[ids[-1]])
        return ids[::-1]

    def counts(self) -> NDArray[np.int64]:
        """Return the number of nodes (K,) of every class of level M."""
        return np.bincount(self.parts.entries, minlength=len(self.classes.levels[-1].ptr) - 1)


def _beside(rows: Tensor, values: NDArray[Any]) -> Tensor:
    """Return an array as a tensor on the device of ``rows``."""
    return torch.from_numpy(values).to(rows.device)


class FeatureScalars(nn.Module):
    """The 0-hop embedding: one non-negative number per category, its importance for the node."""

    def __init__(self) -> None:
        super().__init__()
        self.operator = nn.Sequential(nn.Embedding(len(OPERATORS), _SIZE), nn.Linear(_SIZE, 1))
        self.numbers = nn.ModuleList(
            nn.Sequential(nn.Linear(columns, _SIZE), nn.Linear(_SIZE, 1))
            for columns in (3, 6, 6, 2)
        )

    def table(self) -> Tensor:
        """Return the (len(OPERATORS),) scalar of every operator."""
        scalars: Tensor = self.operator(torch.arange(len(OPERATORS))).squeeze(1).abs()
        return scalars

    def forward(self, rows: NDArray[np.int32]) -> Tensor:
        """Map feature rows (K, 18) to scalars (K, 5)."""
        device = next(self.parameters()).device
        code = torch.from_numpy(rows[:, OPERATOR].astype(np.int64)).to(device)
        values = rows.astype(np.float32)
        logs = np.log2(1 + values) / _DOUBLINGS
        groups = values[:, GROUPS] / np.maximum(values[:, CHANNELS[0]], 1)
        numbers = (
            logs[:, CHANNELS],
            logs[:, SIZES],
            values[:, WINDOW] / 3,
            np.stack([groups, values[:, BIAS]], axis=1),
        )
        dtype = next(self.parameters()).dtype
        mapped = [
            module(torch.from_numpy(one).to(device, dtype))
            for module, one in zip(self.numbers, numbers, strict=True)
        ]
        return torch.cat([self.operator(code), *mapped], dim=1).abs()


class GraphConv(nn.Module):
    """x_i <- A sum_j x_j + a + B x_i, j before i."""

    def __init__(self, size: int, width: int) -> None:
        super().__init__()
        self.lin_rel = nn.Linear(size, width)
        self.lin_root = nn.Linear(size, width, bias=False)

    def forward(self, rows: Tensor, level: Level) -> Tensor:
        """Map (K_below, size) to (K, D)."""
        weight = torch.cat([self.lin_rel.weight, self.lin_root.weight])
        bias = torch.cat([torch.zeros_like(self.lin_rel.bias), self.lin_rel.bias])
        products = nn.functional.linear(rows, weight, bias).view(-1, len(self.lin_rel.bias))
        return gather_sum(products, level.index, level.ptr)


class GATv2Conv(nn.Module):
    """x_i <- mean of A x_j over the nodes before and the node itself, weighted by attention."""

    def __init__(self, size: int, width: int) -> None:
        super().__init__()
        self.lin_l = nn.Linear(size, width)
        self.lin_r = nn.Linear(size, width)
        self.att = nn.Parameter(torch.empty(1, width))
        self.bias = nn.Parameter(torch.zeros(width))
        for weight in (self.lin_l.weight, self.lin_r.weight, self.att):
            nn.init.xavier_uniform_(weight)
        for linear in (self.lin_l, self.lin_r):
            nn.init.zeros_(linear.bias)

    def forward(self, rows: Tensor, level: Level) -> Tensor:
        """Map (K_below, size) to (K, D)."""
        n = len(level.ptr) - 1
        targets = np.repeat(np.arange(n), np.diff(level.ptr))
        target = _beside(rows, targets)
        messages = self.lin_l(rows).index_select(0, _beside(rows, level.below))
        query = self.lin_r(rows).index_select(0, _beside(rows, level.own[targets]))
        margin = nn.functional.leaky_relu(query + messages, _SLOPE) @ self.att[0]
        highest = margin.new_full((n,), -torch.inf).scatter_reduce(
            0, target, margin.detach(), "amax"
        )
        share = (margin - highest[target]).exp()
        total = share.new_zeros(n).index_add(0, target, share)
        summed = messages.new_zeros(n, messages.shape[1]).index_add(
            0, target, messages * (share / total[target])[:, None]
        )
        return summed + self.bias


class CountedNorm(nn.BatchNorm1d):
    """Batch norm over nodes, given their classes and how many nodes each class has."""

    def forward(self, rows: Tensor, counts: Tensor) -> Tensor:  # type: ignore[override]
        """Map (K, D) with counts (K,) of nodes to (K, D)."""
        if not self.training:
            return super().forward(rows)
        total = counts.sum()
        share = counts / total
        mean = share @ rows
        centred = rows - mean
        variance = share @ centred.square()
        with torch.no_grad():
            unbiased = variance * total / (total - 1).clamp_min(1)
            for running, found in ((self.running_mean, mean), (self.running_var, unbiased)):
                if running is not None:
                    running.lerp_(found, self.momentum or 0.0)
        return centred * (variance + self.eps).rsqrt() * self.weight + self.bias


class OperatorNetwork(nn.Module):
    """Embeddings at all hops, and a regressor on the last."""

    hop_moments: Tensor
    label_moments: Tensor

    def __init__(self, shape: OperatorShape) -> None:
        super().__init__()
        self.shape = shape
        self.embed_layer = FeatureScalars()
        layer = GATv2Conv if shape.layer == "gatv2" else GraphConv
        sizes = [len(FEATURES), *[shape.width] * (shape.hops - 1)]
        self.gnn_layers = nn.ModuleList(layer(size, shape.width) for size in sizes)
        self.norms = nn.ModuleList(CountedNorm(shape.width) for _ in sizes)
        pair = [nn.Linear(shape.width, shape.width) for _ in range(4)]
        self.post_proj = nn.Sequential(pair[0], pair[1], nn.ReLU(), pair[2], pair[3])
        self.regressor = nn.Linear(shape.width, 1)
        self.activate = nn.ReLU() if shape.activation == "relu" else nn.LeakyReLU(0.01)
        self.register_buffer("hop_moments", torch.tensor([[0.0], [1.0]]).repeat(1, shape.hops + 1))
        self.register_buffer("label_moments", torch.tensor([0.0, 1.0]))

    def hops(self, graphs: OperatorGraphs) -> list[Tensor]:
        """Return what the classes of level M are at hops 0 to M: (K_M, 5), then (K_M, D)."""
        lineage, n_nodes = graphs.lineage(), graphs.counts()
        rows = self.embed_layer(graphs.classes.features)
        hops = [rows]
        layers = zip(self.gnn_layers, self.norms, graphs.classes.levels, lineage[1:], strict=True)
        for number, (layer, norm, level, ids) in enumerate(layers):
            counts = np.bincount(ids, n_nodes, len(level.ptr) - 1)
            z = self.activate(norm(layer(rows, level), _beside(rows, counts).to(rows.dtype)))
            rows = z + rows.index_select(0, _beside(rows, level.own)) if number else z
            hops.append(rows)
        return [
            rows.index_select(0, _beside(rows, ids))
            for rows, ids in zip(hops, lineage, strict=True)
        ]

    def forward(self, graphs: OperatorGraphs) -> tuple[Tensor, Tensor]:
        """Return (G,) predictions before de-normalisation, and (M + 1, G) L1 norms of the graph
        embeddings.
        """
        hops = self.hops(graphs)
        pool = part_means if self.shape.pooling == "mean" else gather_sum
        pooled = pool(torch.cat(hops, dim=1), graphs.parts.entries, graphs.parts.ptr)
        parts = torch.split(pooled, [rows.shape[1] for rows in hops], dim=1)
        predicted = self.regressor(self.activate(self.post_proj(parts[-1]))).squeeze(1)
        return predicted, torch.stack([one.abs().sum(1) for one in parts])


def node_norms(network: OperatorNetwork, graphs: OperatorGraphs) -> NDArray[np.float32]:
    """Return the (M + 1, U) L1 norms of the node embeddings at every hop."""
    with torch.no_grad():
        norms = torch.stack([rows.abs().sum(1) for rows in network.hops(graphs)])
    return norms.cpu().numpy()[:, graphs.parts.entries]
