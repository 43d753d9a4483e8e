"""AutoGO: vocabulary, segments, the evolution of a graph, and the training of its winners."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from archloom.config.base import FamilyName, Fraction, Limit, Section
from archloom.config.labels import Recipe


class Vocabulary(Section):
    """Symbols of the nodes and the segments that byte-pair encoding finds in them."""

    source: Literal["trained", "published"] = "trained"
    """trained: from our families; published: AutoGO's released encoder and pieces."""
    families: list[FamilyName] = ["nb201", "hiaml", "two_path"]
    """Families whose graphs are the corpus of a trained vocabulary."""
    size: int = Field(default=2000, ge=10, le=100_000)
    """Largest number of pieces: special ones, symbols and merges."""
    sorted_neighbours: bool = True
    """Sort the neighbours in a node's label, so that their order does not make new symbols."""


class Segments(Section):
    """The database of replacement segments."""

    families: list[FamilyName] = ["nb201", "hiaml", "two_path"]
    """Families whose graphs are cut into segments."""
    shipped: bool = False
    """Also cut the 22 graphs of the dataset autogo_cgs."""


class PscIndex(Section):
    """The instances that a PSC predictor is trained on: predecessor, segment, successor."""

    jobs: int = Field(default=1, ge=1, le=1000)
    """Jobs that each family's graphs are split into; the index does not depend on it."""


class Search(Section):
    """The evolution of the input graph."""

    unit: Literal["segment", "op"] = "segment"
    """What one mutation replaces: a segment or a single node."""
    iterations: int = Field(default=5, ge=1, le=10_000)
    """Rounds of mutation."""
    top_k: int = Field(default=10, ge=1, le=10_000)
    """Parents per iteration."""
    max_sources: int = Field(default=10, ge=1)
    """Source segments tried per parent."""
    max_targets: int = Field(default=100, ge=1)
    """Replacement segments tried per source."""
    consecutive: int = Field(default=3, ge=1, le=100)
    """A source is made of up to this many consecutive segments."""
    sparsity: Fraction = 0.5
    """Share of the vocabulary's merges switched off each time a graph is segmented."""
    objectives: list[str] = Field(default=["score", "flops"], min_length=1)
    """score, flops, params, activations, latency, measured_latency, table:FILE, MODULE:FUNCTION."""
    constraints: list[Limit] = []
    """Limits such as params<=5e6 or latency<=-15% of the input; besides: score>0%, flops<10%."""
    latency_threads: int = Field(default=1, ge=1, le=1024)
    """Threads of one inference where latency is measured."""
    max_visited: int | None = Field(default=None, ge=1)
    """Stop after this many scored graphs; null: no limit."""
    minutes: float | None = Field(default=None, gt=0)
    """Stop after this time; such a result depends on the machine's speed; null: no limit."""
    legacy: bool = False
    """Repeat the rules of the reference that were found wrong, for comparison only."""
    solver: str = Field(default="highs", pattern=r"^(highs|pyomo:[A-Za-z0-9_]+)$")
    """Solver of the shape propagation: highs (in process), or pyomo:NAME for any Pyomo solver."""
    segment_ranking: str = ""
    """File of archloom rank-segments to draw replacement segments by; empty: uniformly."""
    jobs: int = Field(default=1, ge=1, le=1000)
    """Jobs that share the parents of an iteration; the results do not depend on it."""
    n_jobs: int = Field(default=1, ge=1, le=1024)
    """Worker processes of a job; the results do not depend on it."""


class FrontTraining(Section):
    """Training of the input and of the winners at the end."""

    members: int = Field(default=5, ge=0, le=1000)
    """Front members trained, best first, besides the input; 0: train nothing."""
    seeds: int = Field(default=3, ge=1, le=100)
    """Trainings of each of them."""
    recipe: Recipe | None = None
    """Their recipe; null: that of the labels."""
    device: Literal["cpu", "cuda", "auto"] = "auto"
    """Where they are trained; auto: on a GPU where there is one."""
    jobs: int = Field(default=1, ge=1, le=1000)
    """Jobs that the trainings are split into; the results do not depend on it."""
    n_jobs: int = Field(default=2, ge=1, le=1024)
    """Networks that a job trains at once, each in its own process; a GPU is shared by all."""
