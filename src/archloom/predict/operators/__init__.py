"""The kind ``operators`` (AutoBuild): metrics from a graph's operators, and their importance.

It must not import ``predict.kinds``, nor another kind.
"""

from typing import TYPE_CHECKING

from archloom.names import at_first_use

if TYPE_CHECKING:
    from archloom.predict.operators.predictor import OperatorPredictor

__all__ = ["OperatorPredictor"]

__getattr__ = at_first_use(__name__, {"OperatorPredictor": "predictor"})
