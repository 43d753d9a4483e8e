"""What a search found: the members of the front and how it went."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from archloom.graph import Graph
from archloom.predict.predictor import NetworkPredictor
from archloom.predict.range import Place
from archloom.search.constraints import relative_change
from archloom.search.goals import Goals
from archloom.search.graphs.settings import SearchSettings
from archloom.search.shapes.propagation import PropagationStats
from archloom.train.latency import Comparison

if TYPE_CHECKING:
    from pandas import DataFrame


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


@dataclass(frozen=True, eq=False, repr=False)
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

    def __repr__(self) -> str:
        figures = ", ".join(f"{name} {value:,.6g}" for name, value in self.values.items())
        return f"<Member: {figures}; {self.graph.n_nodes} nodes, round {self.iteration}>"

    def _repr_svg_(self) -> str:
        """Return the picture that a notebook shows."""
        return self.graph._repr_svg_()


@dataclass(frozen=True, eq=False, repr=False)
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

    def rows(self) -> list[dict[str, Any]]:
        """Return the input (rank 0) and the members with their figures, one mapping each."""
        first = {"rank": 0, "hash": self.graph.hash, **self.values, "nodes": self.graph.n_nodes}
        return [first, *(self._row(rank, one) for rank, one in enumerate(self.members, start=1))]

    def _row(self, rank: int, member: Member) -> dict[str, Any]:
        row: dict[str, Any] = {"rank": rank, "hash": member.graph.hash, **member.values}
        for name, value in member.values.items():
            row[f"{name}_change_percent"] = relative_change(value, self.values[name])
        if member.latency is not None:
            own = member.latency.own
            row |= {
                "measured_ms": own.median,
                "measured_lower_ms": own.lower,
                "measured_upper_ms": own.upper,
                "measured_input_ms": member.latency.reference.median,
                "measured_change_percent": member.latency.change,
                "confirmed": member.confirmed,
            }
        return row | {"nodes": member.graph.n_nodes, "iteration": member.iteration}

    def to_pandas(self) -> DataFrame:
        """Return ``rows`` as a table by rank; the input has rank 0."""
        from pandas import DataFrame

        rows = self.rows()
        return DataFrame(rows, columns=list((rows[1:] or rows)[0])).set_index("rank")

    def __repr__(self) -> str:
        name = f" {self.graph.name!r}" if self.graph.name else ""
        scored = f"{len(self.visited):,} graphs scored"
        return f"<SearchResult: {len(self)} better than the input{name}, {scored}>"

    def _repr_html_(self) -> str:
        """Return the table that a notebook shows."""
        return str(self.to_pandas().to_html(float_format="{:.6g}".format))

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
