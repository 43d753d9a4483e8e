"""Pareto search for networks made of blocks, and its baselines (AutoBuild spec 5.1 and 5.2).

``UnitVariation`` of a reduced space is AutoBuild's search, of the full one Stage-Full;
``LayerVariation`` is Layer-Full, ``layer_insight`` Layer-Insight. Unlike in the reference a network
is never evaluated twice, so that the budget counts different networks.

One objective with constraints makes it the search for the largest accuracy that a limit permits;
its parents are then the best ``fronts`` networks, ten in the reference.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from archloom.errors import ConfigError, SearchError
from archloom.parquet import numbers
from archloom.search.archive import ArchitectureArchive
from archloom.search.constraints import Constraint, Limits
from archloom.search.figures import Costly, identities
from archloom.search.front import hypervolume, pareto_front, successive_fronts
from archloom.search.goals import Goals
from archloom.search.loop import Budget, Candidate, Evolution, Progress, judge_all, stream
from archloom.search.units.variation import Variation

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True)
class UnitSearchSettings:
    """How long a search lasts; a value out of range raises ``ConfigError``.

    first        random networks at the start
    iterations   rounds of mutation
    children     networks per round; with the defaults 250 are evaluated
    fronts       parents are the members of this many successive fronts; of one objective these
                 are so many best networks
    attempts     draws or mutations without a new network after which a round ends
    minutes      stop after the round in which this time has passed; None: no limit
    """

    first: int = 50
    iterations: int = 4
    children: int = 50
    fronts: int = 1
    attempts: int = 100
    minutes: float | None = None

    def __post_init__(self) -> None:
        for name in ("first", "children", "fronts", "attempts"):
            if getattr(self, name) < 1:
                raise ConfigError(f"{name} = {getattr(self, name)}: write a number from 1 on.")
        if self.iterations < 0 or (self.minutes is not None and self.minutes <= 0):
            raise ConfigError(
                f"iterations = {self.iterations}, minutes = {self.minutes}: write 0 or more "
                "iterations and minutes above 0."
            )


@dataclass(frozen=True, eq=False)
class UnitFront:
    """What a search found.

    figures       : the objectives
    also          : figures that are none
    architectures : of the front, best in the first objective first
    values        : (members, objectives and other figures) of the front
    visited       : table of all evaluated networks, see ``archloom.search.archive.visited_schema``;
                    the column ``hash`` holds the architecture
    """

    figures: tuple[Costly[str], ...]
    architectures: list[str]
    values: NDArray[np.float64]
    visited: pa.Table
    seed: int
    also: tuple[Costly[str], ...] = ()

    def __len__(self) -> int:
        return len(self.architectures)

    @property
    def names(self) -> list[str]:
        """Names of the columns of ``values``."""
        return [one.name for one in (*self.figures, *self.also)]

    def hypervolumes(self, worst: Sequence[float]) -> list[float]:
        """Return the hypervolume after the start and after each round, of two objectives and
        against the point ``worst``.
        """
        names = [one.name for one in self.figures]
        kept = self.visited.filter(self.visited["accepted"])
        values = np.stack([numbers(kept[name]) for name in names], axis=1)
        number = numbers(kept["iteration"])
        limit = np.array(worst, dtype=np.float64)
        maximise = np.array([one.maximise for one in self.figures], dtype=np.bool_)
        return [
            hypervolume(values[number <= last], maximise, limit)
            for last in range(int(number.max()) + 1)
        ]


def search_units(
    variation: Variation,
    figures: Sequence[Costly[str]],
    settings: UnitSearchSettings | None = None,
    *,
    also: Sequence[Costly[str]] = (),
    constraints: Sequence[Constraint] = (),
    seed: int = 0,
    folder: str | Path | None = None,
    progress: Progress | None = None,
) -> UnitFront:
    """Return the Pareto front over ``figures``, the objectives, that a search found.

    also         figures that are no objectives, for constraints
    constraints  networks that miss one are dropped; their figures are looked at first
    folder       keeps the state after every round and resumes from it; default: a temporary one

    Raises ``ConfigError`` without objectives and for constraints on unknown figures, or relative
    ones; ``SearchError`` for a folder in use or of other settings, and where no network has all
    figures and fulfils all constraints.
    """
    settings = settings or UnitSearchSettings()
    goals = Goals.among(figures, also, constraints)
    limits = goals.limits({})
    lasting = ("iterations", "minutes")
    fingerprint = {
        "seed": seed,
        "variation": variation.identity,
        "figures": identities(figures),
        "also": identities(also),
        "constraints": [str(one) for one in constraints],
        **{name: value for name, value in asdict(settings).items() if name not in lasting},
    }
    home = nullcontext(str(folder)) if folder else tempfile.TemporaryDirectory(prefix="archloom-")
    with home as path, ArchitectureArchive(path, fingerprint, goals.names) as archive:
        search = _Search(archive, variation, goals, limits, settings, seed, progress)
        search.run(search.offspring)
        if not len(archive):
            raise SearchError(
                f"none of {len(archive.seen)} networks has all of {', '.join(goals.names)} within "
                f"the constraints ({_reasons(archive)}): look at what the figures are taken from, "
                "widen the constraints, or start from more random networks."
            )
        front = pareto_front(archive.values[:, goals.columns], goals.maximise)
        return UnitFront(
            tuple(figures),
            archive.networks(front.tolist()),
            archive.values[front],
            archive.visited(),
            seed,
            tuple(also),
        )


@dataclass(eq=False)
class _Litter:
    """Children of one parent."""

    candidates: list[Candidate[str]] = field(default_factory=list)
    rejected: Counter[str] = field(default_factory=Counter)

    @property
    def n_children(self) -> int:
        """Number of mutants, repeated ones included."""
        return len(self.candidates) + self.rejected.total()


class _Search(Evolution[str, str, _Litter]):
    """One run of ``search_units``; a task is a parent."""

    def __init__(
        self,
        archive: ArchitectureArchive,
        variation: Variation,
        goals: Goals,
        limits: Limits,
        settings: UnitSearchSettings,
        seed: int,
        progress: Progress | None,
    ) -> None:
        super().__init__(archive, Budget(settings.iterations, minutes=settings.minutes), progress)
        self.variation, self.goals, self.limits = variation, goals, limits
        self.settings, self.seed = settings, seed

    def first(self) -> list[Candidate[str]]:
        """Return different random networks, evaluated."""
        rng, drawn, failed = stream(self.seed, 0, "first"), dict[str, None](), 0
        while len(drawn) < self.settings.first and failed < self.settings.attempts:
            before = len(drawn)
            drawn[self.variation.draw(rng)] = None
            failed = 0 if len(drawn) > before else failed + 1
        return self.evaluate([_candidate(one) for one in drawn])

    def tasks(self, number: int) -> list[str]:
        """Return the members of the front, or of several."""
        values = self.archive.values[:, self.goals.columns]
        chosen = successive_fronts(values, self.goals.maximise, self.settings.fronts)
        return self.archive.networks(chosen.tolist())

    def offspring(self, parents: Sequence[str]) -> Iterator[_Litter]:
        """Yield the children of each parent; parents take turns until enough new networks are
        there.
        """
        rng = stream(self.seed, self.archive.n_iterations, "children")
        litters = [_Litter() for _ in parents]
        found: dict[str, int] = {}
        turn = failed = 0
        while parents and len(found) < self.settings.children and failed < self.settings.attempts:
            at = turn % len(parents)
            child = self.variation.mutate(parents[at], rng)
            if child in self.archive.seen or child in found:
                litters[at].rejected["seen before"] += 1
                failed += 1
            else:
                found[child] = at
                failed = 0
            turn += 1
        for child, at in found.items():
            litters[at].candidates.append(_candidate(child, parents[at]))
        yield from litters

    def evaluate(self, candidates: Sequence[Candidate[str]]) -> list[Candidate[str]]:
        """Return the candidates with all figures; one that is refused gets no further ones."""
        judge_all(candidates, self.goals.limited_first, self.limits)
        return list(candidates)

    def facts(self, outcomes: Sequence[_Litter]) -> dict[str, Any]:
        """Return nothing more."""
        return {}


def _candidate(architecture: str, parent: str = "") -> Candidate[str]:
    return Candidate(architecture, {}, parent, "", architecture)


def _reasons(archive: ArchitectureArchive) -> str:
    """Return why networks were refused, with their numbers."""
    reasons: Counter[str] = Counter()
    for entry in archive.statistics:
        reasons.update(entry["rejected"])
    return ", ".join(f"{count} {reason}" for reason, count in reasons.most_common())
