"""The accuracy predictor that scores mutants, and its training."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, PositiveInt

from archloom.config.base import FamilyName, Section


class PredictorTraining(Section):
    """Training of the accuracy predictor."""

    epochs: int = Field(default=150, ge=1, le=10_000)
    """Passes over the training instances."""
    batch_size: int = Field(default=256, ge=1, le=65_536)
    """Instances (psc) or graphs (gnn) per step."""
    learning_rate: float = Field(default=3e-3, gt=0, le=1)
    """Learning rate of Adam at the start; it follows a cosine."""
    clip_norm: float = Field(default=5.0, gt=0)
    """Largest norm of the gradient of one step."""
    instance_fraction: float = Field(default=0.25, gt=0, le=1)
    """Only psc: share of each graph's instances that an epoch trains on, drawn anew each time."""
    instances_per_graph: int = Field(default=8, ge=1)
    """Only psc: at most this many instances of one graph in one step."""


class Predictor(Section):
    """The accuracy predictor that scores mutants."""

    kind: Literal["psc", "gnn"] = "psc"
    """psc: predecessor, segment and successor graphs; gnn: the whole graph."""
    weights: str = ""
    """Finished weights to use as they are (data:DATASET/FILE or a path); empty: train."""
    families: list[FamilyName] = ["nb201", "hiaml", "two_path"]
    """Families that predictors are trained on; of finished weights: those that span their range."""
    own_family: bool = True
    """Score a model of one of these families by a predictor of that family alone."""
    normalisers: tuple[PositiveInt, PositiveInt, PositiveInt] | None = None
    """Height, width, channels that count as 1 in features; null: the training graphs' largest."""
    training: PredictorTraining = PredictorTraining()
    """How it is trained."""
    seeds: int = Field(default=1, ge=1, le=100)
    """Predictors trained, each from its own seed; the best on the dev graphs is used."""
    device: Literal["cpu", "cuda", "auto"] = "auto"
    """Where it is trained; auto: on a GPU where there is one."""
