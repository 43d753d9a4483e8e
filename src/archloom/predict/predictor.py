"""The interface of all predictors, and what those with AutoGO's network share."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Any, ClassVar, Protocol, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from archloom.errors import DataError, FormatError
from archloom.graph import Graph
from archloom.predict.card import WIDTHS, Card, Kind, read_predictor, write_predictor
from archloom.predict.gnn.network import Network
from archloom.predict.metrics import spearman
from archloom.predict.range import FEWEST, Place, TrainingRange
from archloom.predict.resume import Progress
from archloom.predict.training import EpochRecord, Task, TrainingSettings, new_network, train
from archloom.train.device import choose_device
from archloom.views.features import Normalisers


@dataclass(frozen=True)
class LabelledGraphs:
    """Graphs with one accuracy each, a fraction in [0, 1]; ``DataError`` for unusable labels."""

    graphs: Sequence[Graph]
    labels: ArrayLike

    def __post_init__(self) -> None:
        values = np.asarray(self.labels, dtype=np.float64)
        if values.shape != (len(self.graphs),) or not len(values):
            raise DataError(
                f"{len(self.graphs)} graphs have labels of shape {values.shape}: give one number "
                "per graph, and at least one graph."
            )
        if not np.isfinite(values).all():
            raise DataError("a label is not finite: leave out graphs without a measured accuracy.")
        object.__setattr__(self, "labels", values)

    @property
    def families(self) -> NDArray[np.str_]:
        """(G,) family of each graph."""
        return np.array([graph.family for graph in self.graphs], dtype=np.str_)


class Predictor(Protocol):
    """Scores graphs; higher is better."""

    card: Card

    def fit(
        self,
        data: LabelledGraphs,
        dev: LabelledGraphs,
        settings: TrainingSettings,
        *,
        checkpoint: str | Path | None = None,
        on_epoch: Callable[[EpochRecord], None] | None = None,
        device: str = "cpu",
    ) -> Progress:
        """Train on ``data``, select by ``dev``; resumes from ``checkpoint`` when it exists.

        device : cpu, cuda or auto; afterwards the predictor is on the CPU
        """

    def predict(self, graphs: Sequence[Graph]) -> NDArray[np.float64]:
        """Return one score per graph, in input order."""

    def save(self, path: str | Path) -> None:
        """Write weights and card."""

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read what ``save`` wrote."""


class NetworkPredictor:
    """A predictor made of AutoGO's network and a card."""

    kind: ClassVar[Kind]

    def __init__(self, network: Network | None = None, card: Card | None = None) -> None:
        self.network = network or new_network(WIDTHS[self.kind], seed=0)
        self.card = card or Card(self.kind)

    @property
    def normalisers(self) -> Normalisers:
        """Constants of this predictor that sizes are divided by."""
        return self.card.normalisers

    @property
    def digest(self) -> str:
        """16 hex digits over the weights and normalisers."""
        tensors = [tensor.numpy() for _, tensor in sorted(self.network.state_dict().items())]
        return digest_of(*tensors, np.array(self.normalisers))

    def save(self, path: str | Path) -> None:
        """Write weights and card to ``path`` (safetensors) and the card beside it, atomically."""
        write_predictor(path, self.network, self.card)

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read a predictor of this kind; raises ``DataError`` or ``FormatError``."""
        network, card = read_predictor(path)
        if card.kind != cls.kind:
            raise FormatError(
                f"{path} holds a {card.kind} predictor, {cls.kind} was asked for: use "
                "archloom.predict.load_predictor, which reads every kind."
            )
        return cls(network, card)

    def places(self, graphs: Sequence[Graph]) -> list[Place | None]:
        """Return where each graph lies in this predictor's range, None if that is not known."""
        known = self.card.range
        return [None] * len(graphs) if known is None else list(known.places(graphs))

    def note(self, **changes: Any) -> None:
        """Change fields of the card, for example ``metrics`` after a test."""
        self.card = replace(self.card, **changes)

    def _train(
        self,
        task: Task,
        graphs: Sequence[Graph],
        scale: LabelScale,
        settings: TrainingSettings,
        checkpoint: str | Path | None,
        on_epoch: Callable[[EpochRecord], None] | None,
        device: str,
    ) -> Progress:
        """Train from new weights; where labels have one scale, the output becomes an accuracy."""
        self.network = new_network(WIDTHS[self.kind], settings.seed).to(choose_device(device))
        progress = train(self.network, task, settings, checkpoint=checkpoint, on_epoch=on_epoch)
        self.network.cpu()
        one_scale = len(scale.table) == 1
        if one_scale:
            self.network.rescale(*next(iter(scale.table.values())).values())
        self.note(
            output="accuracy" if one_scale else "z-score",
            labels=scale.table,
            config=asdict(settings),
            range=TrainingRange.of(graphs) if len(graphs) >= FEWEST else None,
            metrics={"dev_srcc": progress.best_srcc, "best_epoch": progress.best_epoch},
        )
        return progress


@dataclass(frozen=True)
class LabelScale:
    """Mean and population standard deviation of the training labels, per group of graphs."""

    table: dict[str, dict[str, float]]

    @classmethod
    def of(
        cls, labels: NDArray[np.float64], groups: NDArray[np.str_], weights: NDArray[np.integer]
    ) -> LabelScale:
        """Measure it; ``weights`` (G,) tells how often each label counts."""
        table = {}
        for group in np.unique(groups):
            inside = groups == group
            mean = np.average(labels[inside], weights=weights[inside])
            variance = np.average((labels[inside] - mean) ** 2, weights=weights[inside])
            std = float(np.sqrt(variance)) or 1.0
            table[str(group)] = {"mean": float(mean), "std": std}
        return cls(table)

    def scaled(self, labels: NDArray[np.float64], groups: NDArray[np.str_]) -> NDArray[np.float32]:
        """Return z-scored labels."""
        mean, std = (np.array([self.table[g][key] for g in groups]) for key in ("mean", "std"))
        return ((labels - mean) / std).astype(np.float32)


def chunks(items: Sequence[Any] | NDArray[Any], size: int) -> Iterator[Any]:
    """Yield consecutive slices of at most ``size`` items."""
    for start in range(0, len(items), size):
        yield items[start : start + size]


def digest_of(*arrays: NDArray[Any]) -> str:
    """Return 16 hex digits that identify the arrays' contents."""
    digest = sha256()
    for array in arrays:
        digest.update(str((array.shape, array.dtype)).encode())
        digest.update(array.tobytes())
    return digest.hexdigest()[:16]


def mean_over_families(predicted: NDArray[np.floating], data: LabelledGraphs) -> float:
    """Return Spearman's rank correlation within each family, averaged; NaN where none has one."""
    labels, families = np.asarray(data.labels), data.families
    scores = [
        spearman(predicted[families == family], labels[families == family])
        for family in np.unique(families)
        if (families == family).sum() > 1
    ]
    defined = [score for score in scores if not np.isnan(score)]
    return float(np.mean(defined)) if defined else float("nan")
