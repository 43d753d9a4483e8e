"""Small ONNX networks, each one of a kind that importers get wrong: written as text, run in ONNX
Runtime, imported, run, written and run again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import torch
from onnx import helper, numpy_helper, parser
from torch import Tensor

import archloom as al
from archloom.io.importing.model import Model

Arrays = Mapping[str, Any]


def floats(*shape: int, seed: int = 0) -> np.ndarray:
    """Return numbers around zero."""
    return np.random.default_rng((seed, *shape)).standard_normal(shape).astype(np.float32)


def whole(*values: int) -> np.ndarray:
    """Return a vector of whole numbers."""
    return np.array(values, np.int64)


@dataclass(frozen=True)
class Kind:
    """A network.

    text       the graph in ONNX's textual form
    feeds      its inputs by name
    constants  its initializers
    opset      operator set of the file
    shape      ``input_shape`` of the import
    """

    text: str
    feeds: Arrays
    constants: Arrays = field(default_factory=dict)
    opset: int = 21
    shape: Any = None

    def model(self) -> onnx.ModelProto:
        """Return the file."""
        graph = parser.parse_graph(self.text)
        graph.initializer.extend(
            numpy_helper.from_array(np.asarray(value), name)
            for name, value in self.constants.items()
        )
        opsets = [helper.make_opsetid("", self.opset)]
        return helper.make_model(graph, opset_imports=opsets, ir_version=10)

    def read(self, folder: Path) -> Model:
        """Return the imported network."""
        path = folder / "kind.onnx"
        onnx.save(self.model(), path)
        return al.read_model(path, self.shape)

    def check(self, folder: Path, tolerance: float = 1e-4) -> Model:
        """Return the imported network after comparing it, and what is written of it, with ONNX
        Runtime: values, names and order of the ends, sizes of the inputs, the graph read again.
        """
        session = onnxruntime.InferenceSession(self.model().SerializeToString())
        wanted = session.run(None, dict(self.feeds))
        model = self.read(folder)
        found = run(model, self.feeds)
        close(found, wanted, tolerance)
        path = folder / "again.onnx"
        al.write(model.graph, path, model.weights)
        again = onnxruntime.InferenceSession(path)
        names = [one.name for one in session.get_inputs()]
        assert [one.name for one in again.get_inputs()] == names
        assert [one.name for one in again.get_outputs()] == [
            one.name for one in session.get_outputs()
        ]
        if self.shape is None:
            assert list(map(sizes, again.get_inputs())) == list(map(sizes, session.get_inputs()))
        close(again.run(None, dict(self.feeds)), wanted, tolerance)
        assert al.read_model(path).graph.hash == model.graph.hash
        return model


def sizes(end: Any) -> list[int | None]:
    """Return the sizes of an end of a session, None where they are open."""
    return [size if isinstance(size, int) else None for size in end.shape]


def run(model: Model, feeds: Arrays) -> list[np.ndarray]:
    """Return the outputs of an imported network."""
    module = al.to_torch(model.graph, model.weights).eval()
    with torch.no_grad():
        found = module(*[torch.from_numpy(np.asarray(feeds[name])) for name in model.inputs])
    return [one.numpy() for one in ([found] if isinstance(found, Tensor) else found)]


def close(found: list[np.ndarray], wanted: list[np.ndarray], tolerance: float) -> None:
    """Compare outputs."""
    for one, other in zip(found, wanted, strict=True):
        assert one.shape == other.shape and one.dtype == other.dtype
        np.testing.assert_allclose(one, other, atol=tolerance, rtol=tolerance)
