"""AutoBuild's network: a scalar per feature, message passing, embeddings at every hop (AutoBuild
spec 2.1 to 2.3).

Parameter names are those of the published files. Letters: N nodes, G graphs, D width, M = 4 hops.
Every node has at most one predecessor, so a message is the row before, and attention over it and
the node itself is one sigmoid.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from archloom.errors import ConfigError
from archloom.views.sequence import Sequences

N_HOPS = 4
N_UNITS = 5
"""Units of a network that moments are kept of, as in the published files."""
FEATURES = {"stage": (6, 3), "block": (4, 2), "mbconv": (2, 2), "exp": (3, 2), "kernel": (3, 3)}
"""Number of values and embedding size of the coded features, in the order of the code columns."""
NFEATURES = len(FEATURES) + 1
SLOPE = 0.2


@dataclass(frozen=True)
class BlockShape:
    """What a network is made of; a value out of range raises ``ConfigError``.

    layer      : gatv2 (attention over the node before and the node itself) or graphconv (a sum)
    width      : size of the embeddings behind the first layer
    pooling    : mean or sum over a graph's nodes
    activation : relu or leaky_relu (slope 0.01)
    slots      : largest number of blocks of a unit
    """

    layer: Literal["gatv2", "graphconv"] = "gatv2"
    width: int = 32
    pooling: Literal["mean", "sum"] = "mean"
    activation: Literal["relu", "leaky_relu"] = "relu"
    slots: int = 4

    def __post_init__(self) -> None:
        choices = {
            "layer": ("gatv2", "graphconv"),
            "pooling": ("mean", "sum"),
            "activation": ("relu", "leaky_relu"),
        }
        for name, allowed in choices.items():
            if getattr(self, name) not in allowed:
                raise ConfigError(
                    f"{name} = {getattr(self, name)!r}: write {' or '.join(allowed)}."
                )
        for name in ("width", "slots"):
            if not isinstance(getattr(self, name), int) or getattr(self, name) < 1:
                raise ConfigError(f"{name} = {getattr(self, name)}: write a number from 1 on.")


@dataclass(frozen=True)
class Nodes:
    """Sequence graphs as tensors.

    places     : (N, 5) entry of each coded feature in the table of all values
    resolution : (N,) float32
    parent     : (N,) row of the predecessor, 0 where there is none
    linked     : (N, 1) float32, 1 where there is a predecessor
    graph      : (N,) index of the graph
    sizes      : (G, 1) float32 nodes per graph
    """

    places: Tensor
    resolution: Tensor
    parent: Tensor
    linked: Tensor
    graph: Tensor
    sizes: Tensor

    @classmethod
    def of(cls, sequences: Sequences) -> Nodes:
        """Convert graphs, or a forest of units."""
        starts = np.cumsum([0, *(n for n, _ in FEATURES.values())])[:-1]
        counts = np.diff(sequences.ptr)
        parent = sequences.parent
        return cls(
            torch.from_numpy(sequences.codes + starts),
            torch.from_numpy(sequences.resolution),
            torch.from_numpy(np.maximum(parent, 0)),
            torch.from_numpy((parent >= 0).astype(np.float32)[:, None]),
            torch.from_numpy(np.repeat(np.arange(len(counts)), counts)),
            torch.from_numpy(counts.astype(np.float32)[:, None]),
        )


class FeatureScalars(nn.Module):
    """The 0-hop embedding: one non-negative number per feature, its importance for the node."""

    moment_tsr: Tensor

    def __init__(self, slots: int) -> None:
        super().__init__()
        for name, (n_values, size) in FEATURES.items():
            self.add_module(f"{name}_embed", nn.Embedding(n_values, size))
            self.add_module(f"{name}_mlp", nn.Linear(size, 1))
        self.res_mlp = nn.Sequential(nn.Linear(1, 3), nn.Linear(3, 1))
        moments = torch.tensor([0.0, 1.0]).repeat(N_UNITS, slots, 1)
        self.register_buffer("moment_tsr", moments)

    def table(self) -> Tensor:
        """Return the (18,) scalars of all values of the coded features, feature by feature."""
        scalars = []
        for name in FEATURES:
            embedding, linear = self.get_submodule(f"{name}_embed"), f"{name}_mlp"
            scalars.append(self.get_submodule(linear)(embedding.weight).abs())
        return torch.cat(scalars).squeeze(1)

    def forward(self, nodes: Nodes) -> Tensor:
        """Return (N, 6) scalars: stage, place in it, kind, expansion, kernel, resolution."""
        coded = self.table().gather(0, nodes.places.flatten()).view_as(nodes.places)
        return torch.cat([coded, self.res_mlp(nodes.resolution[:, None]).abs()], dim=1)


class GraphConv(nn.Module):
    """x_i <- A x_j + a + B x_i, j before i."""

    def __init__(self, size: int, width: int) -> None:
        super().__init__()
        self.lin_rel = nn.Linear(size, width)
        self.lin_root = nn.Linear(size, width, bias=False)

    def forward(self, x: Tensor, nodes: Nodes) -> Tensor:
        """Map (N, size) to (N, D)."""
        before = x.index_select(0, nodes.parent) * nodes.linked
        mapped: Tensor = self.lin_rel(before) + self.lin_root(x)
        return mapped


class GATv2Conv(nn.Module):
    """x_i <- mean of A x_j over the node before and the node itself, weighted by attention."""

    def __init__(self, size: int, width: int) -> None:
        super().__init__()
        self.lin_l = nn.Linear(size, width)
        self.lin_r = nn.Linear(size, width)
        self.att = nn.Parameter(torch.empty(1, 1, width))
        self.bias = nn.Parameter(torch.zeros(width))
        for weight in (self.lin_l.weight, self.lin_r.weight, self.att):
            nn.init.xavier_uniform_(weight)
        for linear in (self.lin_l, self.lin_r):
            nn.init.zeros_(linear.bias)

    def forward(self, x: Tensor, nodes: Nodes) -> Tensor:
        """Map (N, size) to (N, D)."""
        own, query = self.lin_l(x), self.lin_r(x)
        before = own.index_select(0, nodes.parent)
        vector = self.att[0, 0]
        activate = nn.functional.leaky_relu
        margin = (activate(query + before, SLOPE) - activate(query + own, SLOPE)) @ vector
        share = torch.sigmoid(margin)[:, None] * nodes.linked
        return torch.lerp(own, before, share) + self.bias


class Encoder(nn.Module):
    """Message passing with batch norm and, behind the first layer, residuals."""

    def __init__(self, shape: BlockShape) -> None:
        super().__init__()
        layer = GATv2Conv if shape.layer == "gatv2" else GraphConv
        sizes = [NFEATURES, *[shape.width] * (N_HOPS - 1)]
        self.gnn_layers = nn.ModuleList(layer(size, shape.width) for size in sizes)
        self.bns = nn.ModuleList(
            nn.ModuleDict({"module": nn.BatchNorm1d(shape.width)}) for _ in sizes
        )
        self.activate = activation(shape)

    def forward(self, x: Tensor, nodes: Nodes) -> list[Tensor]:
        """Return the embeddings (N, .) of hops 1 to M of 0-hop embeddings (N, 6)."""
        hops: list[Tensor] = []
        for layer, norm in zip(self.gnn_layers, self.bns, strict=True):
            z = self.activate(norm.get_submodule("module")(layer(x, nodes)))
            x = x + z if hops else z
            hops.append(x)
        return hops


class BlockNetwork(nn.Module):
    """Embeddings at all hops, and a regressor on the last."""

    hop_moments: Tensor
    mlp_moments: Tensor

    def __init__(self, shape: BlockShape) -> None:
        super().__init__()
        self.shape = shape
        self.embed_layer = FeatureScalars(shape.slots)
        self.encoder = Encoder(shape)
        pair = [nn.Linear(shape.width, shape.width) for _ in range(4)]
        self.post_proj = nn.Sequential(pair[0], pair[1], nn.ReLU(), pair[2], pair[3])
        self.regressor = nn.Linear(shape.width, 1)
        self.activate = activation(shape)
        self.register_buffer("hop_moments", torch.tensor([[0.0], [1.0]]).repeat(1, N_HOPS + 1))
        self.register_buffer("mlp_moments", torch.tensor([0.0, 1.0]))

    def hops(self, nodes: Nodes) -> list[Tensor]:
        """Return the node embeddings of hops 0 to M: (N, 6), then (N, D)."""
        first = self.embed_layer(nodes)
        return [first, *self.encoder(first, nodes)]

    def forward(self, nodes: Nodes) -> tuple[Tensor, Tensor]:
        """Return (G,) predictions before de-normalisation, and (M + 1, G) L1 norms of the graph
        embeddings.
        """
        hops = self.hops(nodes)
        rows = torch.cat(hops, dim=1)
        pooled = rows.new_zeros(len(nodes.sizes), rows.shape[1]).index_add(0, nodes.graph, rows)
        if self.shape.pooling == "mean":
            pooled = pooled / nodes.sizes
        parts = torch.split(pooled, [hop.shape[1] for hop in hops], dim=1)
        return self.read(parts[-1]), torch.stack([part.abs().sum(1) for part in parts])

    def read(self, pooled: Tensor) -> Tensor:
        """Return the predictions (G,) of embeddings (G, D) of graphs at the last hop."""
        predicted: Tensor = self.regressor(self.activate(self.post_proj(pooled)))
        return predicted.squeeze(1)


def activation(shape: BlockShape) -> nn.Module:
    """Return the activation of a network."""
    return nn.ReLU() if shape.activation == "relu" else nn.LeakyReLU(0.01)


def node_norms(network: BlockNetwork, nodes: Nodes) -> NDArray[np.float32]:
    """Return the (M + 1, N) L1 norms of the node embeddings at every hop."""
    with torch.no_grad():
        norms = torch.stack([hop.abs().sum(1) for hop in network.hops(nodes)])
    return norms.numpy()
