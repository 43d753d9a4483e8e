"""Predictors of what networks achieve: a folder for each kind, one table of them (``kinds``), one
card and file format (``card``). What kinds share lies beside their folders; a kind imports no other
kind, but for the shell ``gnn.network``. It must not import ``search`` or ``report``, which ask
predictors.
"""

from archloom.predict.card import Card
from archloom.predict.gnn.network import TrainingSettings
from archloom.predict.gnn.predictor import GNN
from archloom.predict.kinds import load_predictor
from archloom.predict.labels import LabelledGraphs
from archloom.predict.predictor import Predictor
from archloom.predict.psc.instances import Cut, Segmenter
from archloom.predict.psc.predictor import PSC
from archloom.predict.psc.scorer import PscScorer
from archloom.train.loop import EpochRecord
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
