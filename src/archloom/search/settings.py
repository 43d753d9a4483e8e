"""Settings of a search, checked when they are made."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

from archloom.errors import ConfigError


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
    min_flops_decrease, max_flops_decrease   open interval of accepted FLOPs reductions, in percent
                                             of the input's
    max_visited     stop after the iteration in which this many graphs were scored; None: no limit
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
    min_flops_decrease: float = -10.0
    max_flops_decrease: float = 100.0
    max_visited: int | None = None
    legacy: bool = False
    solver: str = "highs"

    def __post_init__(self) -> None:
        for name in ("iterations", "top_k", "max_sources", "max_targets", "consecutive"):
            if getattr(self, name) < 1:
                raise ConfigError(
                    f"search.{name} = {getattr(self, name)}: write a whole number from 1 on."
                )
        if self.unit not in ("segment", "op"):
            raise ConfigError(f'search.unit = "{self.unit}": write segment or op.')
        if not 0 <= self.sparsity <= 1:
            raise ConfigError(f"search.sparsity = {self.sparsity}: write a share from 0 to 1.")
        if self.min_flops_decrease >= self.max_flops_decrease:
            raise ConfigError(
                f"search.min_flops_decrease = {self.min_flops_decrease} leaves nothing below "
                f"search.max_flops_decrease = {self.max_flops_decrease}: lower the first or raise "
                f"the second."
            )

    @property
    def identity(self) -> dict[str, Any]:
        """What two runs must share to continue each other: everything but how long they last."""
        lasting = ("iterations", "max_visited")
        return {name: value for name, value in asdict(self).items() if name not in lasting}
