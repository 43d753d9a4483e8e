"""Settings of a search, checked when they are made."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

from archloom.errors import ConfigError
from archloom.search.constraints import Constraint
from archloom.search.goals import DEFAULT_OBJECTIVES

_COUNTS = ("iterations", "top_k", "max_sources", "max_targets", "consecutive", "latency_threads")


@dataclass(frozen=True)
class SearchSettings:
    """What a search may do and for how long (AutoGO spec 5.1).

    unit            what one mutation replaces: a segment or a single node
    family          whose list of permitted operations holds (AutoGO spec 1.4)
    iterations      rounds of mutation
    top_k           parents per iteration
    max_sources     regions tried per parent
    max_targets     replacements tried per region
    consecutive     a region is made of up to this many neighbouring segments
    sparsity        share of the vocabulary's merges switched off each time a graph is segmented
    objectives      what is made large or small, see ``archloom.search.objectives``
    constraints     what a variant must fulfil, see ``archloom.search.constraints``; besides,
                    ``score>0%`` and, where FLOPs are an objective, ``flops<10%`` hold unless a
                    constraint on the same figure is given
    latency_threads threads of one inference where latency is measured
    max_visited     stop after the iteration in which this many graphs were scored; None: no limit
    minutes         stop after this time, when the parent at work is done; such a result depends on
                    the machine; None: no limit
    legacy          the reference's rules of shape propagation, for comparison only
    solver          of the shape propagation: "highs", or "pyomo:NAME"

    A value out of range raises ``ConfigError``.
    """

    unit: Literal["segment", "op"] = "segment"
    family: str = "generic"
    iterations: int = 5
    top_k: int = 10
    max_sources: int = 10
    max_targets: int = 100
    consecutive: int = 3
    sparsity: float = 0.5
    objectives: tuple[str, ...] = DEFAULT_OBJECTIVES
    constraints: tuple[str, ...] = ()
    latency_threads: int = 1
    max_visited: int | None = None
    minutes: float | None = None
    legacy: bool = False
    solver: str = "highs"

    def __post_init__(self) -> None:
        object.__setattr__(self, "objectives", tuple(self.objectives))
        object.__setattr__(self, "constraints", tuple(self.constraints))
        for name in _COUNTS:
            if getattr(self, name) < 1:
                raise ConfigError(
                    f"search.{name} = {getattr(self, name)}: write a whole number from 1 on."
                )
        if self.unit not in ("segment", "op"):
            raise ConfigError(f'search.unit = "{self.unit}": write segment or op.')
        if not 0 <= self.sparsity <= 1:
            raise ConfigError(f"search.sparsity = {self.sparsity}: write a share from 0 to 1.")
        if self.minutes is not None and self.minutes <= 0:
            raise ConfigError(f"search.minutes = {self.minutes}: write a number above 0.")
        for text in self.constraints:
            Constraint.parse(text)

    @property
    def identity(self) -> dict[str, Any]:
        """What two runs must share to continue each other: all but goals (which have an identity of
        their own) and how long they last.
        """
        lasting = ("iterations", "max_visited", "minutes", "objectives", "constraints")
        return {name: value for name, value in asdict(self).items() if name not in lasting}
