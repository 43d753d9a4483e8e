"""Training of AutoBuild's predictor on graphs of operators (AutoBuild spec 2.4, 2.5 and 3.1)."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from archloom.predict.blocks.task import BlockTraining, OnEpoch, standardised
from archloom.predict.operators.network import (
    OperatorGraphs,
    OperatorNetwork,
    OperatorShape,
    node_norms,
)
from archloom.predict.predictor import chunks
from archloom.predict.soft_rank import rank_loss


def train_operators(
    shape: OperatorShape,
    graphs: OperatorGraphs,
    values: NDArray[np.float64],
    settings: BlockTraining,
    on_epoch: OnEpoch | None = None,
) -> OperatorNetwork:
    """Return a network trained on graphs with these labels, in evaluation mode, with the moments
    of labels and hops.

    values : (G,) in natural units. Raises ``ConfigError`` when the loss is not finite any more.
    """
    network = settings.seeded(lambda: OperatorNetwork(shape))
    network.label_moments, standard = standardised(values)
    labels = torch.from_numpy(standard)
    optimiser = torch.optim.AdamW(
        network.parameters(),
        lr=settings.learning_rate,
        weight_decay=settings.weight_decay,
        fused=True,
    )
    rng = np.random.default_rng([settings.seed, 1])
    for epoch in range(1, settings.epochs + 1):
        optimiser.param_groups[0]["lr"] = settings.rate(epoch - 1)
        total = 0.0
        for rows in chunks(rng.permutation(len(graphs)), settings.batch_size):
            wanted = labels[torch.from_numpy(rows)]
            predicted, norms = network(graphs.take(rows))
            loss = torch.nn.functional.mse_loss(predicted, wanted)
            if settings.rank_weight:
                loss = loss + settings.rank_weight * rank_loss(norms, wanted)
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(network.parameters(), settings.clip_norm)
            optimiser.step()
            total += loss.item() * len(rows)
        settings.require_finite(total, epoch)
        if on_epoch is not None:
            on_epoch(epoch, total / len(graphs))
    network.eval()
    found = torch.from_numpy(node_norms(network, graphs).astype(np.float64))
    network.hop_moments = torch.stack([found.mean(1), found.std(1)]).float()
    return network
