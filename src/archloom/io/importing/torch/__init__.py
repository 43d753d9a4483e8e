"""Rules that turn calls of ATen operators into ONNX operations, by subject.

``torch.export`` says what a module does: it must not import ``onnx``, nor ``io.importing.onnx``.
"""

from archloom.io.importing.torch import elementwise, maps, products, recurrent, shapes
from archloom.io.importing.torch.translator import RULES, BatchError, Translator

__all__ = [
    "RULES",
    "BatchError",
    "Translator",
    "elementwise",
    "maps",
    "products",
    "recurrent",
    "shapes",
]
