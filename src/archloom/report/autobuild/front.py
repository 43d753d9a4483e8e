"""What a search for networks of units found, as files for a person."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from archloom.files import write_csv
from archloom.graph import flops, parameters
from archloom.parquet import write_parquet
from archloom.report.networks import write_network
from archloom.search.units.search import UnitFront
from archloom.spaces import FAMILIES
from archloom.views.sequence import RESOLUTION, skeleton_at

if TYPE_CHECKING:
    from torch import Tensor

Weights = Callable[[str], Mapping[str, "Tensor"]]
"""Gives the weights of an architecture by node id, as archloom's files have them."""


def write_unit_front(
    found: UnitFront,
    family: str,
    folder: str | Path,
    *,
    networks: int = 0,
    resolution: int = RESOLUTION,
    weights: Weights | None = None,
) -> list[int]:
    """Write front.csv and visited.parquet, and some members of the front as network_RANK.json and
    .onnx; return their ranks.

    networks   how many members, evenly spread over the front, its ends first
    resolution height and width of their input in pixels
    weights    that they get, also as network_RANK.weights.safetensors; None: the ONNX files hold
               untrained weights
    """
    home, space, skeleton = Path(folder), FAMILIES[family], skeleton_at(family, resolution)
    graphs = [space.build(one, skeleton) for one in found.architectures]
    write_csv(
        home / "front.csv",
        _rows(found, [(parameters(graph), flops(graph, "mac") // 2) for graph in graphs]),
    )
    visited = found.visited.rename_columns({"hash": "architecture"})
    write_parquet(visited.drop_columns(["step"]), home / "visited.parquet")
    ranks = spread(len(graphs), networks)
    for rank in ranks:
        architecture = found.architectures[rank - 1]
        tensors = None if weights is None else weights(architecture)
        facts = {"architecture": architecture}
        write_network(graphs[rank - 1], home / f"network_{rank}", tensors, facts)
    return ranks


def spread(size: int, count: int) -> list[int]:
    """Return ``count`` ranks from 1 to ``size``, evenly spread, both ends among them; all where
    there are fewer.
    """
    return sorted({round(place) for place in np.linspace(1, size, min(size, count)).tolist()})


def _rows(found: UnitFront, sizes: Sequence[tuple[int, int]]) -> Iterator[Sequence[object]]:
    """Yield head and members of the front: rank, figures in full precision, parameters,
    multiply-adds.
    """
    yield ["rank", *found.names, "parameters", "macs", "architecture"]
    rows = zip(found.values.tolist(), sizes, found.architectures, strict=True)
    for rank, (values, size, architecture) in enumerate(rows, start=1):
        yield [rank, *values, *size, architecture]
