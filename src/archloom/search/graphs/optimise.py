"""One call that evolves a graph with finished artefacts: vocabulary, segment database,
predictor.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from archloom.errors import ConfigError
from archloom.graph import Graph
from archloom.predict import GNN, PSC, load_predictor
from archloom.predict.artefacts import check_there, predictor_file
from archloom.search.figures import Figure
from archloom.search.goals import Goals
from archloom.search.graphs.evolution import evolve
from archloom.search.graphs.mutation import Mutator
from archloom.search.graphs.result import SearchResult
from archloom.search.graphs.scoring import scoring_of
from archloom.search.graphs.settings import SearchSettings
from archloom.search.loop import Progress
from archloom.segments.database import SegmentDatabase
from archloom.segments.ranking import SegmentRanking, read_ranking
from archloom.segments.tables import read_database
from archloom.segments.tokeniser import Tokeniser
from archloom.segments.vocabulary import Vocabulary


@dataclass(frozen=True)
class Artefacts:
    """What a search needs besides its input; a ranking of the segments is optional, without one
    they are drawn uniformly.
    """

    vocabulary: Vocabulary
    database: SegmentDatabase
    predictor: GNN | PSC
    ranking: SegmentRanking | None = None

    @classmethod
    def load(
        cls,
        folder: str | Path,
        kind: str = "psc",
        family: str = "",
        *,
        ranking: str | Path | None = None,
    ) -> Self:
        """Read the artefacts that the workflow leaves in ``folder`` (``resources``, for example).

        kind     of the predictor: psc or gnn
        family   whose own predictor is taken where there is one, else that of all families
        ranking  file of ``archloom rank-segments``

        Raises ``DataError`` naming what is missing.
        """
        home = Path(folder)
        vocabulary, segments = home / "vocabulary.json", home / "segments"
        weights = predictor_file(home, kind, family)
        check_there(vocabulary, segments, weights)
        return cls.of_files(vocabulary, segments, weights, ranking)

    @classmethod
    def of_files(
        cls,
        vocabulary: str | Path,
        segments: str | Path,
        weights: str | Path,
        ranking: str | Path | None = None,
    ) -> Self:
        """Read the artefacts at these paths; raises ``DataError`` or ``FormatError``."""
        words = Vocabulary.load(vocabulary)
        predictor: GNN | PSC = load_predictor(
            weights, kinds=(GNN, PSC), segment=Tokeniser(words).segment
        )
        ranked = None if ranking is None else read_ranking(ranking)
        return cls(words, read_database(segments), predictor, ranked)

    def mutator(self, settings: SearchSettings) -> Mutator:
        """Return a mutator made of these artefacts."""
        return Mutator(
            self.database,
            Tokeniser(self.vocabulary),
            scoring_of(self.predictor, self.database),
            settings,
            self.ranking,
        )


def optimise(
    graph: Graph,
    artefacts: Artefacts | str | Path = "resources",
    settings: SearchSettings | None = None,
    *,
    objectives: Sequence[str | Figure] | None = None,
    constraints: Sequence[str] | None = None,
    seed: int = 0,
    n_jobs: int = 1,
    folder: str | Path | None = None,
    progress: Progress | None = None,
) -> SearchResult:
    """Evolve ``graph``; ``result[0]`` is the member of the front that is best in the first
    objective, by default the predicted score.

    artefacts     or the folder that holds them, see ``Artefacts.load``
    settings      default: ``SearchSettings`` with the permitted operations of the graph's family
    objectives    words of ``archloom.search.objectives``, or figures such as
                  ``CustomObjective("energy", "mJ", function=my_function)``; default: those of
                  ``settings``
    constraints   such as ``latency<=-15%``; default: those of ``settings``
    folder        keeps the state after every iteration, so that a stopped search continues

    Raises ``GraphError`` for an invalid graph, ``ConfigError`` for goals that cannot be read,
    ``DataError`` for missing artefacts and ``SearchError`` for a folder in use.
    """
    _check_types(artefacts, settings, objectives, constraints)
    if not isinstance(artefacts, Artefacts):
        artefacts = Artefacts.load(artefacts, family=graph.family)
    settings = settings or SearchSettings(family=graph.family)
    goals = Goals.of(
        settings.objectives if objectives is None else objectives,
        settings.constraints if constraints is None else constraints,
        settings.latency_threads,
    )
    result = evolve(
        graph,
        artefacts.mutator(settings),
        goals,
        seed=seed,
        folder=folder,
        n_jobs=n_jobs,
        progress=progress,
    )
    return result.located(artefacts.predictor)


def _check_types(artefacts: Any, settings: Any, *lists: Any) -> None:
    """Raise ``ConfigError`` for arguments of other types than ``optimise`` takes."""
    if not isinstance(artefacts, Artefacts | str | Path):
        raise ConfigError(f"{type(artefacts).__name__} holds no artefacts: give their folder.")
    if settings is not None and not isinstance(settings, SearchSettings):
        raise ConfigError(
            f"settings of type {type(settings).__name__}: give archloom.SearchSettings(...)."
        )
    for given in lists:
        if isinstance(given, str):
            raise ConfigError(f'"{given}" stands alone: give a list, ["{given}"].')
