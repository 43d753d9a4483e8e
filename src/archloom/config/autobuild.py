"""AutoBuild: ranking of blocks, and the search for networks of the best."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from archloom.config.base import Section


class UnitSearch(Section):
    """One search for networks made of units or blocks."""

    first: int = Field(default=50, ge=1, le=100_000)
    """Random networks at the start."""
    iterations: int = Field(default=4, ge=0, le=10_000)
    """Rounds of mutation."""
    children: int = Field(default=50, ge=1, le=100_000)
    """New networks per round."""


class Autobuild(Section):
    """AutoBuild: which blocks of the Once-for-All families matter, and networks of the best."""

    table: str = ""
    """Own networks with acc (fraction) and latency (ms): a path or data:...; empty: none."""
    networks: int = Field(default=3000, ge=300, le=1_000_000)
    """Random networks that label models label, where there is no table."""
    device: Literal["auto", "gpu", "cpu", "npu", "here"] = "auto"
    """Whose latency; auto: gpu where the published predictors are, else here, by operators."""
    latency_table: str = ""
    """For here: operators measured on another device, CSV or JSON; empty: on this machine."""
    targets: list[str] = Field(
        default=[
            "100**acc",
            "100**acc / log10(latency + 1)",
            "sqrt(100*acc) - 0.25*sqrt(latency)",
            "acc / latency",
        ],
        min_length=1,
    )
    """What is to be large, each an expression over acc and latency that units are ranked by."""
    epochs: int = Field(default=200, ge=1, le=10_000)
    """Passes over the labelled networks in training."""
    seeds: int = Field(default=3, ge=1, le=100)
    """Predictors per target, each with a seed of its own; the mean of their scores ranks units."""
    contexts: int = Field(default=3, ge=0, le=100_000)
    """Score a unit by the mean prediction for this many networks; 0: by norms, as the paper."""
    top_k: int = Field(default=5, ge=1, le=25)
    """Best units of each place that are kept, per target."""
    searches: int = Field(default=10, ge=2, le=1000)
    """Searches of every method, each with a seed of its own."""
    search: UnitSearch = UnitSearch()
    """One search."""
