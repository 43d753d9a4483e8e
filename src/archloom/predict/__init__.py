"""Predictors of what networks achieve: a folder for each kind, one table of them (``kinds``), one
card and file format (``card``). What kinds share lies beside their folders; a kind imports no other
kind, but for the shell ``gnn.network``. It must not import ``search`` or ``report``, which ask
predictors.

The package itself can be called: ``archloom.predict(networks)`` is ``artefacts.predict`` for
networks in any form.
"""

import sys
from types import ModuleType
from typing import Any

from archloom.predict.artefacts import Predictions, predict
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
    "Predictions",
    "Predictor",
    "PscScorer",
    "Segmenter",
    "TrainingSettings",
    "load_predictor",
]


class _CallablePackage(ModuleType):
    def __call__(self, networks: Any, *args: Any, **kwargs: Any) -> Predictions:
        from archloom.io.networks import as_graphs

        return predict(list(as_graphs(networks)), *args, **kwargs)


sys.modules[__name__].__class__ = _CallablePackage
