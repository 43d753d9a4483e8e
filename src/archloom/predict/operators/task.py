"""Training task of the kind ``operators`` (AutoBuild spec 2.4, 2.5 and 3.1)."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from archloom.predict.card import digest_of
from archloom.predict.labels import standardised
from archloom.predict.norms.soft_rank import rank_loss
from archloom.predict.norms.training import NormTraining
from archloom.predict.operators.network import OperatorGraphs, OperatorNetwork, node_norms
from archloom.shards import chunks
from archloom.train.loop import backward


class OperatorTask:
    """Graphs with labels (G,) in natural units; a batch is (B,) indices of graphs."""

    dev = None

    def __init__(
        self,
        network: OperatorNetwork,
        graphs: OperatorGraphs,
        values: NDArray[np.float64],
        settings: NormTraining,
    ) -> None:
        self.network, self._graphs, self._settings = network, graphs, settings
        moments, labels = standardised(values)
        self._place = network.label_moments.device
        network.label_moments = moments.to(self._place)
        self._labels = torch.from_numpy(labels)
        self.digest = digest_of(
            graphs.classes.features,
            *(level.index for level in graphs.classes.levels),
            graphs.parts.entries,
            graphs.parts.ptr,
            values,
        )

    def batches(self, rng: np.random.Generator) -> list[NDArray[np.int64]]:
        """Return the graphs in random order, as batches (B,)."""
        return list(chunks(rng.permutation(len(self._graphs)), self._settings.batch_size))

    def gradient(self, batch: NDArray[np.int64]) -> Tensor:
        """Leave the gradient of squared error and rank loss of a batch (B,) in the network; return
        their sum, a scalar.
        """
        wanted = self._labels[torch.from_numpy(batch)].to(self._place)
        predicted, norms = self.network(self._graphs.take(batch))
        loss = nn.functional.mse_loss(predicted, wanted)
        if self._settings.rank_weight:
            loss = loss + self._settings.rank_weight * rank_loss(norms, wanted)
        return backward(loss, self.network, self._settings.clip_norm)

    def optimiser(self) -> torch.optim.Optimizer:
        """Return AdamW."""
        return torch.optim.AdamW(
            self.network.parameters(),
            lr=self._settings.learning_rate,
            weight_decay=self._settings.weight_decay,
            fused=True,
        )

    def measure_hops(self) -> None:
        """Give the trained network the moments of its node norms at every hop."""
        norms = torch.from_numpy(node_norms(self.network, self._graphs).astype(np.float64))
        moments = torch.stack([norms.mean(1), norms.std(1)]).float()
        self.network.hop_moments = moments.to(self._place)
