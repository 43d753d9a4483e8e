"""What networks made of blocks are worth: figures by label models, by a table, of their graphs, or
measured on this machine (AutoBuild spec 10).

``archloom.search.units.supernet_accuracy`` has the one that classifies images with the weights of a
supernet.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from hashlib import sha256
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from archloom.data.block_table import BlockTable, read_block_table
from archloom.errors import ConfigError
from archloom.io.supernet import published_skeleton
from archloom.predict.blocks.predictor import BlockPredictor
from archloom.search.figures import Costly, OfGraphs, Value, known, numbers_of
from archloom.search.objectives import Words, graph_figure
from archloom.spaces import FAMILIES
from archloom.views.sequence import RESOLUTION, block_family, skeleton_at


@dataclass(eq=False)
class PredictedFigure(Costly[str]):
    """The output of a label model: a prediction, no measurement.

    resolution : height and width of the input in pixels
    """

    predictor: BlockPredictor = field(kw_only=True)
    resolution: int = field(default=RESOLUTION, kw_only=True)

    @property
    def identity(self) -> str:
        """Digest of the weights, and the input size."""
        digest = sha256()
        for name, tensor in sorted(self.predictor.network.state_dict().items()):
            digest.update(name.encode() + tensor.numpy().tobytes())
        return f"predicted {digest.hexdigest()[:16]} {self.resolution}"

    def values(self, networks: Sequence[str]) -> list[Value]:
        """Return the predictions."""
        return known(self.predictor.predict(networks, self.resolution)) if networks else []


@dataclass(eq=False)
class TabledFigure(Costly[str]):
    """The column of this name in a table of networks, of those measured at one input size; others
    are not known. Raises ``ConfigError`` for a table without it.
    """

    table: BlockTable = field(kw_only=True)
    resolution: int = field(default=RESOLUTION, kw_only=True)

    def __post_init__(self) -> None:
        table = self.table
        if self.name not in table.metrics:
            raise ConfigError(
                f"the table has no metric {self.name!r}: write one of {', '.join(table.metrics)}."
            )
        if self.resolution not in table.resolution:
            raise ConfigError(
                f"the table has no network with an input of {self.resolution} pixels: its sizes "
                f"are {', '.join(map(str, np.unique(table.resolution)))}, choose one."
            )

    @cached_property
    def _known(self) -> dict[str, float]:
        """The column by architecture."""
        sizes, metric = self.table.resolution.tolist(), self.table.metrics[self.name].tolist()
        rows = zip(self.table.architectures, sizes, metric, strict=True)
        return {name: value for name, pixels, value in rows if pixels == self.resolution}

    @property
    def identity(self) -> str:
        """Digest of the table."""
        return f"tabled {sha256(repr(sorted(self._known.items())).encode()).hexdigest()[:16]}"

    def values(self, networks: Sequence[str]) -> list[Value]:
        """Return what the table says."""
        return known(np.array([self._known.get(one, np.nan) for one in networks]))


def figure_of(
    text: str, family: str, resolution: int = RESOLUTION, supernet: Costly[str] | None = None
) -> Costly[str]:
    """Return the figure of networks of a family that ``[max:|min:]NAME[=SOURCE]`` names; without a
    direction less is better.

    resolution : height and width of the input in pixels

    SOURCE is a predictor's file (.safetensors), a table (.parquet) that has the column NAME,
    ``supernet`` (what is given as that), or one of a figure of graphs, see
    ``archloom.search.objectives``. Raises ``ConfigError`` for anything else, and as the readers of
    the files do.
    """
    words = Words.parse(text)
    found = _own_figure(words, family, resolution, supernet)
    if found is not None:
        return words.directed(found)
    figure = graph_figure(words)
    if figure is None:
        wrong = f'"{words.source}" is no source' if words.source else "it lacks a source"
        raise ConfigError(
            f'objective "{text}": {wrong}; write [max:|min:]NAME=SOURCE, such as '
            "max:acc=acc.safetensors or latency=measured, where SOURCE is a file that ends in "
            ".safetensors or .parquet, supernet, measured or estimated, or the name alone of "
            "flops, params, activations."
        )
    build = partial(FAMILIES[family].build, skeleton=skeleton_at(family, resolution))
    return OfGraphs.of(figure, build, f"{family} {resolution}")


def _own_figure(
    words: Words, family: str, resolution: int, supernet: Costly[str] | None
) -> Costly[str] | None:
    """Return the figure that words name for architectures only; None where they name none."""
    ending = Path(words.source).suffix.lower()
    if words.source == "supernet":
        published_skeleton(family)
        if supernet is None:
            raise ConfigError(
                f'objective "{words.text}": there is no supernet, give --supernet and --images.'
            )
        return replace(supernet, name=words.name, maximise=False)
    if ending == ".safetensors":
        predictor = BlockPredictor.load(words.source)
        if predictor.family != family:
            raise ConfigError(
                f"{words.source} predicts networks of {predictor.family}, these are of "
                f"{family}: give a predictor of their family."
            )
        return PredictedFigure(words.name, predictor=predictor, resolution=resolution)
    if ending == ".parquet":
        table = read_block_table(words.source, block_family(family))
        return TabledFigure(words.name, table=table, resolution=resolution)
    return None


def evaluate(
    figures: Iterable[Costly[str]], architectures: Sequence[str]
) -> dict[str, NDArray[np.float64]]:
    """Return the figures (N,) of architectures by name, NaN where there is none."""
    return {one.name: numbers_of(one.values(architectures)) for one in figures}
