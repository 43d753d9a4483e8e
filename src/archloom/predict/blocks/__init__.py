"""The kind ``blocks`` (AutoBuild): metrics of networks made of blocks, and what units are worth.

It must not import ``predict.kinds``, nor another kind.
"""

from typing import TYPE_CHECKING

from archloom.names import at_first_use

if TYPE_CHECKING:
    from archloom.predict.blocks.predictor import BlockPredictor

__all__ = ["BlockPredictor"]

__getattr__ = at_first_use(__name__, {"BlockPredictor": "predictor"})
