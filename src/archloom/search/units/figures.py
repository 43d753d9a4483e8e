"""What networks made of blocks are worth: figures by label models, by a table, or measured on this
machine (AutoBuild spec 10).

An evaluator gives architectures to figures. ``archloom.search.units.supernet_accuracy`` has
the one that classifies images with the weights of a supernet.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from archloom.data.block_table import BlockTable, read_block_table
from archloom.errors import ConfigError
from archloom.io.supernet import published_skeleton
from archloom.predict.blocks.predictor import BlockPredictor
from archloom.spaces import FAMILIES
from archloom.train.latency import Timing, measure_latency
from archloom.views.sequence import RESOLUTION, block_family, skeleton_at

Values = NDArray[np.float64]
_MEASURED_TOGETHER = 8
"""Networks in memory at once where latency is measured."""


class Evaluator(Protocol):
    """Gives one figure of every architecture."""

    @property
    def identity(self) -> str:
        """What tells it from another evaluator, so that their results are not mixed."""

    def __call__(self, architectures: Sequence[str]) -> Values:
        """Return (N,) figures, NaN where there is none."""


@dataclass(frozen=True, eq=False)
class PredictedFigure:
    """The output of a label model: a prediction, no measurement.

    resolution : height and width of the input in pixels
    """

    predictor: BlockPredictor
    resolution: int = RESOLUTION

    @property
    def identity(self) -> str:
        """Digest of the weights, and the input size."""
        digest = sha256()
        for name, tensor in sorted(self.predictor.network.state_dict().items()):
            digest.update(name.encode() + tensor.numpy().tobytes())
        return f"predicted {digest.hexdigest()[:16]} {self.resolution}"

    def __call__(self, architectures: Sequence[str]) -> Values:
        """Return (N,) predictions."""
        if not architectures:
            return np.zeros(0)
        return self.predictor.predict(architectures, self.resolution)


class TabledFigure:
    """A column of a table of networks, of those measured at one input size."""

    def __init__(self, table: BlockTable, metric: str, resolution: int = RESOLUTION) -> None:
        if metric not in table.metrics:
            raise ConfigError(
                f"the table has no metric {metric!r}: write one of {', '.join(table.metrics)}."
            )
        rows = zip(
            table.architectures,
            table.resolution.tolist(),
            table.metrics[metric].tolist(),
            strict=True,
        )
        self._values = {name: value for name, pixels, value in rows if pixels == resolution}
        if not self._values:
            raise ConfigError(
                f"the table has no network with an input of {resolution} pixels: its sizes are "
                f"{', '.join(map(str, sorted(set(table.resolution.tolist()))))}, choose one."
            )

    @property
    def identity(self) -> str:
        """Digest of the table."""
        return f"tabled {sha256(repr(sorted(self._values.items())).encode()).hexdigest()[:16]}"

    def __call__(self, architectures: Sequence[str]) -> Values:
        """Return (N,) figures, NaN for networks that are not in the table."""
        return np.array([self._values.get(one, np.nan) for one in architectures], dtype=np.float64)


@dataclass(frozen=True)
class MeasuredLatency:
    """Latency in ms on this machine, batch 1, of networks in evaluation mode.

    resolution : height and width of the input in pixels
    """

    family: str
    timing: Timing = Timing()
    resolution: int = RESOLUTION

    @property
    def identity(self) -> str:
        """How it is measured."""
        return f"measured {asdict(self.timing)} {self.resolution}"

    def __call__(self, architectures: Sequence[str]) -> Values:
        """Return (N,) median latencies."""
        space, skeleton = FAMILIES[self.family], skeleton_at(self.family, self.resolution)
        found: list[float] = []
        for start in range(0, len(architectures), _MEASURED_TOGETHER):
            some = architectures[start : start + _MEASURED_TOGETHER]
            graphs = [space.build(one, skeleton) for one in some]
            found += [latency.median for latency in measure_latency(graphs, self.timing)]
        return np.array(found)


@dataclass(frozen=True, eq=False)
class Figure:
    """A figure by name, how to get it, and whether more of it is better."""

    name: str
    evaluator: Evaluator
    maximise: bool = False

    @classmethod
    def parse(
        cls,
        text: str,
        family: str,
        resolution: int = RESOLUTION,
        supernet: Evaluator | None = None,
    ) -> Figure:
        """Read ``[max:|min:]NAME=SOURCE``; without a direction less is better.

        SOURCE is ``measured`` (latency here), ``supernet`` (what is given as that), a predictor's
        file (.safetensors), or a table (.parquet) that has the column NAME. Raises ``ConfigError``
        for anything else, and as the readers of the files do.
        """
        name, found, source = text.partition("=")
        direction, _, rest = name.rpartition(":")
        if not found or not rest.isidentifier() or direction not in ("", "max", "min"):
            raise ConfigError(
                f'objective "{text}": write [max:|min:]NAME=SOURCE, such as max:acc=acc.safetensors'
                " or latency=measured."
            )
        if source == "supernet":
            published_skeleton(family)
            if supernet is None:
                raise ConfigError(
                    f'objective "{text}": there is no supernet, give --supernet and --images.'
                )
            return cls(rest, supernet, direction == "max")
        evaluator = _source(source, rest, family, resolution)
        return cls(rest, evaluator, direction == "max")


def _source(source: str, name: str, family: str, resolution: int) -> Evaluator:
    ending = Path(source).suffix.lower()
    if source == "measured":
        return MeasuredLatency(family, resolution=resolution)
    if ending == ".safetensors":
        predictor = BlockPredictor.load(source)
        if predictor.family != family:
            raise ConfigError(
                f"{source} predicts networks of {predictor.family}, these are of {family}: "
                "give a predictor of their family."
            )
        return PredictedFigure(predictor, resolution)
    if ending == ".parquet":
        return TabledFigure(read_block_table(source, block_family(family)), name, resolution)
    raise ConfigError(
        f'objective {name}: "{source}" is no source: write measured, supernet, or a file that '
        "ends in .safetensors or .parquet."
    )


def evaluate(
    figures: Sequence[Figure], architectures: Sequence[str]
) -> Mapping[str, NDArray[np.float64]]:
    """Return the figures (N,) of architectures by name."""
    return {one.name: one.evaluator(architectures) for one in figures}


def identity(figures: Sequence[Figure]) -> dict[str, Any]:
    """Return what tells these figures from others, as JSON values."""
    return {
        one.name: f"{'max' if one.maximise else 'min'} {one.evaluator.identity}" for one in figures
    }
