"""The goals of a search: objectives and constraints, and the figures that both need."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archloom.errors import ConfigError
from archloom.search.constraints import Constraint, Limits
from archloom.search.figures import COUNTS, FLOPS, SCORE, Costly, Count, Figure, identities
from archloom.search.latency import NAME as LATENCY
from archloom.search.latency import LatencyHere
from archloom.search.objectives import objective_of
from archloom.train.latency import Comparison, Timing

DEFAULT_OBJECTIVES = ("score", "flops")
DEFAULT_CONSTRAINTS = {"score": "score>0%", "flops": "flops<10%"}
"""What holds where no constraint is on the same figure; that on FLOPs only if they are an
objective."""


@dataclass(frozen=True)
class Goals:
    """What a search optimises and within which limits.

    figures   all that is recorded of every network: the objectives and what else is to be known

    Raises ``ConfigError`` for no objective, for names that are not distinct, and for constraints on
    unknown figures.
    """

    objectives: tuple[Figure, ...] = (SCORE, FLOPS)
    constraints: tuple[Constraint, ...] = ()
    figures: tuple[Figure, ...] = field(default=(SCORE, FLOPS))

    def __post_init__(self) -> None:
        if not self.objectives:
            raise ConfigError("a search needs at least one objective, such as score.")
        if len(set(self.names)) < len(self.names):
            raise ConfigError(f"objectives {', '.join(self.names)}: give each name once.")
        for one in self.constraints:
            if one.figure not in self.names:
                raise ConfigError(
                    f'constraint "{one}": {one.figure} is not known here, limit one of '
                    f"{', '.join(self.names)}."
                )

    @classmethod
    def of(
        cls,
        objectives: Sequence[str | Figure] = DEFAULT_OBJECTIVES,
        constraints: Sequence[str] = (),
        threads: int = 1,
    ) -> Goals:
        """Return the goals of a search of graphs that texts (or figures) name, with
        ``DEFAULT_CONSTRAINTS``; score and FLOPs are recorded always.

        threads   of the runtime where latency is measured

        Raises ``ConfigError`` for none, repeated or unknown objectives and for a constraint that
        cannot be read or is on a figure that nothing gives.
        """
        wanted = tuple(
            objective_of(one, threads) if isinstance(one, str) else one for one in objectives
        )
        names = [one.name for one in wanted]
        if len(set(names)) < len(names):
            raise ConfigError(
                f"objectives {', '.join(names)}: give each name once; a search has one latency."
            )
        limits = tuple(Constraint.parse(text) for text in constraints)
        limits = (*_defaults(names, limits), *limits)
        by_name = {one.name: one for one in (SCORE, FLOPS, *wanted)}
        for limit in limits:
            by_name.setdefault(limit.figure, _figure_of(limit, threads))
        return cls(wanted, limits, tuple(by_name.values()))

    @classmethod
    def among(
        cls,
        objectives: Sequence[Figure],
        also: Sequence[Figure] = (),
        constraints: Sequence[Constraint] = (),
    ) -> Goals:
        """Return goals of any search: nothing but these ``objectives``, figures that are ``also``
        recorded, and constraints on both.
        """
        return cls(tuple(objectives), tuple(constraints), (*objectives, *also))

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Names of the figures, in the order of what is recorded."""
        return tuple(one.name for one in self.figures)

    @cached_property
    def columns(self) -> list[int]:
        """Places of the objectives among the figures."""
        return [self.names.index(one.name) for one in self.objectives]

    @cached_property
    def maximise(self) -> NDArray[np.bool_]:
        """(k,) whether more of each objective is better."""
        return np.array([one.maximise for one in self.objectives], dtype=np.bool_)

    @property
    def timing(self) -> Timing | None:
        """How latency is measured on this machine, None if it is no figure."""
        return next((one.timing for one in self.figures if isinstance(one, LatencyHere)), None)

    @property
    def identity(self) -> dict[str, Any]:
        """What two runs must share to continue each other."""
        return {
            "objectives": [_identity(one) for one in self.objectives],
            "constraints": [str(one) for one in self.constraints],
        }

    @property
    def counts(self) -> tuple[Count, ...]:
        """The figures that cost next to nothing."""
        return tuple(one for one in self.figures if isinstance(one, Count))

    @property
    def costly(self) -> tuple[Costly[Any], ...]:
        """The figures worth waiting for, in the order given."""
        return tuple(one for one in self.figures if isinstance(one, Costly))

    @property
    def limited_first(self) -> tuple[Costly[Any], ...]:
        """The figures worth waiting for, those with constraints first."""
        limited = {one.figure for one in self.constraints}
        return tuple(sorted(self.costly, key=lambda one: one.name not in limited))

    def confirmed(self, measured: Comparison) -> bool:
        """Whether the limits on latency hold for what was measured beside the input."""
        return all(
            one.permits(measured.change if one.percent else measured.own.median)
            for one in self.constraints
            if one.figure == LATENCY
        )

    def limits(self, base: Mapping[str, float]) -> Limits:
        """Return the constraints for an input with figures ``base``."""
        return Limits(self.constraints, base)


def _defaults(names: Sequence[str], limits: Sequence[Constraint]) -> list[Constraint]:
    """Return the default constraints on figures that have none, for objectives of these names."""
    constrained = {limit.figure for limit in limits}
    return [
        Constraint.parse(text)
        for figure, text in DEFAULT_CONSTRAINTS.items()
        if figure not in constrained and figure in ("score", *names)
    ]


def _identity(objective: Figure) -> str:
    """Return what tells an objective from others; its direction only where it is not the usual."""
    usual = objective.maximise == (objective.name == SCORE.name)
    return objective.identity if usual else next(iter(identities([objective]).values()))


def _figure_of(limit: Constraint, threads: int) -> Figure:
    """Return the figure of a constraint that is no objective."""
    if limit.figure in (SCORE.name, *COUNTS, LATENCY):
        return objective_of(limit.figure, threads)
    raise ConfigError(
        f'constraint "{limit}": no objective is called {limit.figure}. Constraints can be put on '
        f"{', '.join((SCORE.name, *COUNTS))}, latency, and the names of the objectives."
    )
