"""Predictors of accuracy: GNN and PSC, one training loop, metrics, files."""

from archloom.predict.checkpoint import Card
from archloom.predict.gnn import GNN
from archloom.predict.instances import Cut, Segmenter
from archloom.predict.loading import load_predictor
from archloom.predict.predictor import LabelledGraphs, Predictor
from archloom.predict.psc import PSC
from archloom.predict.scorer import PscScorer
from archloom.predict.training import EpochRecord, TrainingSettings
from archloom.views.features import Normalisers

__all__ = [
    "GNN",
    "PSC",
    "Card",
    "Cut",
    "EpochRecord",
    "LabelledGraphs",
    "Normalisers",
    "Predictor",
    "PscScorer",
    "Segmenter",
    "TrainingSettings",
    "load_predictor",
]
