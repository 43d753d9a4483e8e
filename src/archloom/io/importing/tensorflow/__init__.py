"""Rules that turn nodes of frozen TensorFlow graphs into ONNX operations, by subject.

The file is read through its messages alone: it must not import ``tensorflow``.
"""

from archloom.io.importing.tensorflow import elementwise, general, maps, products, shapes
from archloom.io.importing.tensorflow.translator import RULES, Translator

__all__ = ["RULES", "Translator", "elementwise", "general", "maps", "products", "shapes"]
