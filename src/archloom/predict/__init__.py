"""Predictors: what all kinds share lies here, and what one kind has in a folder of its own.

``kinds`` is the one list of them. It must not import ``search`` or ``report``, which ask
predictors.
"""

from archloom.predict.card import Card
from archloom.predict.gnn.predictor import GNN
from archloom.predict.kinds import load_predictor
from archloom.predict.predictor import LabelledGraphs, Predictor
from archloom.predict.psc.instances import Cut, Segmenter
from archloom.predict.psc.predictor import PSC
from archloom.predict.psc.scorer import PscScorer
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
