"""What a search found: the members of the front and how it went."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from archloom.graph import Graph
from archloom.predict.predictor import NetworkPredictor
from archloom.predict.range import Place
from archloom.search.goals import Goals
from archloom.search.graphs.settings import SearchSettings
from archloom.search.shapes.propagation import PropagationStats
from archloom.train.latency import Comparison


class _Scored:
    """A network with its figures by name."""

    values: Mapping[str, float]

    @property
    def score(self) -> float:
        """Predicted score."""
        return self.values["score"]

    @property
    def flops(self) -> int:
        """FLOPs."""
        return int(self.values["flops"])


@dataclass(frozen=True, eq=False)
class Member(_Scored):
    """One member of the final front.

    values    its figures by name, see ``Goals.figures``
    latency   measured again beside the input's, where latency is a figure
    confirmed whether the limits on latency hold for what was measured again; None: not measured
    place     where it lies in the predictor's range, None if that is not known
    """

    graph: Graph
    values: Mapping[str, float]
    iteration: int
    parent: str
    steps: list[dict[str, Any]]
    latency: Comparison | None = None
    confirmed: bool | None = None
    place: Place | None = None


@dataclass(frozen=True, eq=False)
class SearchResult(_Scored):
    """What a search found in ``graph``, whose own figures, score and FLOPs are the baseline.

    values       figures of the input by name
    members      the front without the input, best in the first objective first; empty when nothing
                 better was found
    statistics   one entry per iteration: parents, children, unique, accepted, rejected by reason,
                 seconds
    visited      table of all scored graphs, see ``archloom.search.archive.visited_schema``
    stopped      what ended the search: iterations, visited or time; after the last the result
                 depends on the machine
    place        where the input lies in the predictor's range, None if that is not known
    """

    graph: Graph
    values: Mapping[str, float]
    members: list[Member]
    statistics: list[dict[str, Any]]
    visited: Any
    goals: Goals
    settings: SearchSettings
    seed: int
    stopped: str
    place: Place | None = None

    def located(self, predictor: NetworkPredictor) -> SearchResult:
        """Return this result with the places of all networks in the range of ``predictor``."""
        places = predictor.places([self.graph, *(member.graph for member in self.members)])
        members = [
            replace(member, place=place)
            for member, place in zip(self.members, places[1:], strict=True)
        ]
        return replace(self, place=places[0], members=members)

    def __len__(self) -> int:
        return len(self.members)

    def __iter__(self) -> Iterator[Member]:
        return iter(self.members)

    def __getitem__(self, rank: int) -> Member:
        return self.members[rank]

    @property
    def rejected(self) -> Counter[str]:
        """Rejected candidates of all iterations, by reason."""
        total: Counter[str] = Counter()
        for entry in self.statistics:
            total.update(entry["rejected"])
        return total

    @property
    def propagation(self) -> PropagationStats:
        """Shape propagation over all iterations."""
        total = PropagationStats()
        for entry in self.statistics:
            total.add(PropagationStats.from_dict(entry["propagation"]))
        return total
