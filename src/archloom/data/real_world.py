"""Networks of the real world: graphs of timm's architectures and the ImageNet results of weights.

A row is one set of weights at one image size. The recipe behind the weights explains more of the
accuracy than the graph: compare rows of one ``recipe``, or use it as a covariate, and keep the
architectures of one ``families`` entry in one part of a split.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from archloom.data import registry
from archloom.data.benchmark_table import Metric
from archloom.errors import DataError
from archloom.graph import Graph
from archloom.io.store import GraphStore
from archloom.parquet import read_parquet

TEST_SETS = ("imagenet", "real", "v2", "sketch", "a", "r")
"""ImageNet's validation images, new labels of them, ImageNetV2, -Sketch, -A and -R."""

_NOT_ALONE = re.compile(
    r"(in12k|in21k|in22k|jft|ig1b|yfcc|laion|clip|swag|mim|dist|ssld|usi)", re.IGNORECASE
)
"""Marks of recipes with further images or a teacher."""
_SIZE_WORD = re.compile(
    "zepto|atto|femto|pico|nano|mini|x*tiny|x*small|wee|little|lite|mediumd?|betwixt|base|kobe|"
    r"x*large|huge|giant|[a-z]|x[xsml]|xxs|e[sml]|[a-z]{0,2}\d.*"
)
"""A whole word of a name that tells the size, the version or the resolution."""
_SIZED = re.compile(r"(.*?[a-z])(?<!v)\d+[a-z]{0,2}\d*(large)?")
"""A word that ends with a size, as ``resnet50d`` does; ``v2`` is no size."""


@dataclass(frozen=True)
class RealWorldTable:
    """N results of architectures whose graphs are in the store, one row per weights and image size.

    recipes      name of the weight set, such as ``a1_in1k``
    sizes        (N,) height and width of the test images in pixels
    graph_sizes  (N,) those of the architecture's graph in the store
    parameters   (N,) trainable ones of the architecture, as PyTorch counts them; its graph may have
                 others, where a parameter behind an index was read as the values that it gives
    values       (N,) float64 by metric, fractions; NaN where not measured
    """

    architectures: tuple[str, ...]
    recipes: tuple[str, ...]
    sizes: NDArray[np.int64]
    graph_sizes: NDArray[np.int64]
    parameters: NDArray[np.int64]
    metrics: Mapping[str, Metric]
    values: Mapping[str, NDArray[np.float64]]

    def __len__(self) -> int:
        return len(self.architectures)

    @cached_property
    def families(self) -> tuple[str, ...]:
        """The family of each row's architecture, by its name."""
        return tuple(name_family(name) for name in self.architectures)

    @cached_property
    def alone(self) -> NDArray[np.bool_]:
        """(N,) whether the weights saw ImageNet-1k alone, and no teacher, as far as names tell."""
        return np.array([trained_alone(recipe) for recipe in self.recipes], dtype=np.bool_)

    def take(self, rows: NDArray[np.integer]) -> RealWorldTable:
        """Return the table of these rows (R,), in this order."""
        chosen = rows.tolist()
        return replace(
            self,
            architectures=tuple(self.architectures[row] for row in chosen),
            recipes=tuple(self.recipes[row] for row in chosen),
            sizes=self.sizes[rows],
            graph_sizes=self.graph_sizes[rows],
            parameters=self.parameters[rows],
            values={name: column[rows] for name, column in self.values.items()},
        )

    def one_each(self) -> RealWorldTable:
        """Return one row per architecture: with the image size nearest to its graph's, and the
        first in the table among equals.
        """
        distance = np.abs(self.sizes - self.graph_sizes)
        _, codes = np.unique(self.architectures, return_inverse=True)
        order = np.lexsort([np.arange(len(self)), distance, codes])
        first = np.unique(codes[order], return_index=True)[1]
        return self.take(np.sort(order[first]))


def real_world_results() -> RealWorldTable:
    """Return the results of all architectures that have a graph.

    Raises ``DataError`` for a missing file, ``FormatError`` for a damaged one.
    """
    facts = read_parquet(registry.find("timm_graphs", "facts.parquet"), "fetch it again")
    results = read_parquet(
        registry.find("timm_results", "imagenet_accuracy.parquet"), "fetch it again"
    )
    known = dict(zip(facts["arch"].to_pylist(), range(len(facts)), strict=True))
    names = [str(name) for name in results["arch"].to_pylist()]
    rows = np.array([row for row, name in enumerate(names) if name in known], dtype=np.int64)
    fact = np.array([known[names[row]] for row in rows], dtype=np.int64)
    recipes = results["tag"].to_pylist()
    columns = [f"{images}_{top}" for images in TEST_SETS for top in ("top1", "top5")]
    return RealWorldTable(
        architectures=tuple(names[row] for row in rows),
        recipes=tuple(str(recipes[row]) for row in rows),
        sizes=results["img_size"].to_numpy()[rows].astype(np.int64),
        graph_sizes=facts["img_size"].to_numpy()[fact].astype(np.int64),
        parameters=facts["params"].to_numpy()[fact].astype(np.int64),
        metrics={column: Metric("fraction") for column in columns},
        values={
            column: results[column].to_numpy().astype(np.float64)[rows] / 100 for column in columns
        },
    )


def real_world_graphs(architectures: Sequence[str]) -> list[Graph]:
    """Return the graphs of these architectures, in this order.

    Raises ``DataError`` for one that is not in the store, before any is read.
    """
    store = GraphStore(registry.find("timm_graphs", "graphs.parquet"))
    row = {name: number for number, name in enumerate(store.names())}
    missing = sorted(set(architectures) - row.keys())
    if missing:
        raise DataError(
            f"the store of timm's graphs has no {', '.join(missing[:5])}: use names of "
            "real_world_results()."
        )
    in_file_order = sorted(set(architectures), key=row.__getitem__)
    graphs = {name: store[row[name]] for name in in_file_order}
    return [graphs[name] for name in architectures]


def trained_alone(recipe: str) -> bool:
    """Return whether the name of a weight set tells of ImageNet-1k alone and of no teacher."""
    return "in1k" in recipe.split("_") and _NOT_ALONE.search(recipe) is None


def name_family(architecture: str) -> str:
    """Return the part of a name in front of the first size: ``resnet`` of ``resnet50d``.

    A leading ``tf_``, which tells of padding, does not count.
    """
    kept: list[str] = []
    for word in architecture.removeprefix("tf_").split("_"):
        if kept and _SIZE_WORD.fullmatch(word):
            break
        sized = _SIZED.fullmatch(word)
        kept.append(sized[1] if sized else word)
        if sized:
            break
    return "_".join(kept)
