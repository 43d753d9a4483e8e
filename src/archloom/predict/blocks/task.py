"""Training task of the kind ``blocks``: regression, and embedding norms in the order of the target
(AutoBuild spec 2.4, 2.5 and 3.1). Its steps are compiled for the CPU.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from archloom.errors import ConfigError
from archloom.predict.blocks.network import N_UNITS, BlockNetwork, Nodes, node_norms
from archloom.predict.blocks.step import ChainSet, StepGradient
from archloom.predict.card import digest_of
from archloom.predict.labels import standardised
from archloom.predict.norms.soft_rank import SoftRanks, ranking
from archloom.predict.norms.training import NormTraining
from archloom.shards import chunks
from archloom.spaces import Space
from archloom.views.sequence import Sequences
from archloom.views.units import largest_unit, unit_sizes

_BETAS, _EPSILON = (0.9, 0.999), 1e-8


@dataclass(frozen=True)
class BlockTraining(NormTraining):
    """How the predictor is trained, see ``NormTraining``.

    soft_ranks : own, or torchsort for those of that package, which are the same
    """

    epochs: int = 200
    soft_ranks: SoftRanks = "own"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.soft_ranks not in ("own", "torchsort"):
            raise ConfigError(f"soft_ranks = {self.soft_ranks!r}: write own or torchsort.")


class BlockTask:
    """Sequence graphs with labels (G,) in natural units; a batch is (B,) indices of graphs."""

    dev = None

    def __init__(
        self,
        network: BlockNetwork,
        graphs: Sequences,
        values: NDArray[np.float64],
        settings: BlockTraining,
    ) -> None:
        self.network, self._graphs, self._settings = network, graphs, settings
        network.mlp_moments, self._labels = standardised(values)
        self._optimiser = FlatAdamW(network, settings)
        self._step = StepGradient(
            network,
            ChainSet(graphs),
            settings.batch_size,
            settings.rank_weight,
            ranking(settings.soft_ranks),
        )
        self.digest = digest_of(graphs.codes, graphs.resolution, graphs.ptr, values)

    def batches(self, rng: np.random.Generator) -> list[NDArray[np.int64]]:
        """Return the graphs in random order, as batches (B,)."""
        return list(chunks(rng.permutation(len(self._graphs)), self._settings.batch_size))

    def gradient(self, batch: NDArray[np.int64]) -> float:
        """Leave the gradient of a batch (B,) where the optimiser reads it; return the loss."""
        with np.errstate(over="ignore", invalid="ignore"):
            return self._step(batch, self._labels[batch])

    def optimiser(self) -> FlatAdamW:
        """Return AdamW, on one vector."""
        return self._optimiser

    def measure_hops(self) -> None:
        """Give the trained network the moments of its node norms at every hop."""
        norms = torch.from_numpy(node_norms(self.network, Nodes.of(self._graphs)))
        self.network.hop_moments = torch.stack([norms.mean(1), norms.std(1)])


class FlatAdamW:
    """AdamW with a bound on the gradient's norm, on one vector that all parameters of a network and
    their gradients become views of: a step is a few passes instead of some per parameter.
    """

    def __init__(self, network: BlockNetwork, settings: BlockTraining) -> None:
        parts = list(network.parameters())
        self.values = torch.cat([part.detach().flatten() for part in parts]).numpy()
        self.gradient, self.mean, self.square = np.zeros((3, *self.values.shape), dtype=np.float32)
        sizes = [part.numel() for part in parts]
        values, gradients = (
            torch.split(torch.from_numpy(one), sizes) for one in (self.values, self.gradient)
        )
        for part, value, gradient in zip(parts, values, gradients, strict=True):
            part.data, part.grad = value.view_as(part), gradient.view_as(part)
        self.settings, self.steps = settings, 0
        vector = [torch.from_numpy(self.values)]
        self.param_groups: list[dict[str, Any]] = [{"lr": settings.learning_rate, "params": vector}]

    def step(self) -> None:
        """Change the parameters along their gradients."""
        gradient, settings, rate = self.gradient, self.settings, self.param_groups[0]["lr"]
        with np.errstate(over="ignore", invalid="ignore"):
            norm = float(np.sqrt(gradient @ gradient))
            gradient *= np.float32(min(1.0, settings.clip_norm / (norm + 1e-6)))
            self.steps += 1
            for moment, one, beta in (
                (self.mean, gradient, _BETAS[0]),
                (self.square, gradient * gradient, _BETAS[1]),
            ):
                moment += np.float32(1 - beta) * (one - moment)
            first, second = (1 - beta**self.steps for beta in _BETAS)
            scale = np.sqrt(self.square * np.float32(1 / second))
            scale += np.float32(_EPSILON)
            self.values *= np.float32(1 - rate * settings.weight_decay)
            self.values -= np.float32(rate / first) * self.mean / scale

    def state_dict(self) -> dict[str, Any]:
        """Return the number of steps and the moments, as those of one parameter."""
        moments = {"mean": torch.from_numpy(self.mean), "square": torch.from_numpy(self.square)}
        return {"state": {0: {"step": torch.tensor(self.steps), **moments}}}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over what ``state_dict`` returned; raises ``KeyError`` or ``ValueError``."""
        state = state_dict["state"][0]
        self.steps = int(state["step"])
        self.mean[:], self.square[:] = state["mean"].numpy(), state["square"].numpy()


def unit_moments(
    space: Space, architectures: Sequence[str], values: NDArray[np.float64]
) -> torch.Tensor:
    """Return (5, S, 2): mean and population standard deviation of the labels of the networks whose
    unit u has s + 1 blocks; 0 and 1 where there is none, as in units that a family has not.
    """
    sizes = np.array([unit_sizes(space, architecture) for architecture in architectures])
    moments = np.tile([0.0, 1.0], (N_UNITS, largest_unit(space), 1))
    for unit, column in enumerate(sizes.T):
        for size in np.unique(column):
            inside = values[column == size]
            moments[unit, size - 1] = inside.mean(), inside.std()
    return torch.from_numpy(moments.astype(np.float32))
