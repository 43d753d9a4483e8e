"""Networks of many kinds for the tests of the import, small and with random weights.

A case is a PyTorch module with example inputs, or an ONNX model made by hand. Modules are written
as ONNX files by PyTorch's own exporter.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import torch
from torch import Tensor, nn

from archloom.execute.module import to_torch
from archloom.graph import Graph
from archloom.io import read_model
from archloom.io.exporting.file import to_onnx
from archloom.io.importing.model import Model

Build = Callable[[], nn.Module]
Inputs = tuple[Tensor, ...]


@dataclass(frozen=True)
class Case:
    """One network.

    kind      what it is an example of
    build     makes the module
    inputs    a batch of two for each input, or one where the network takes no more
    opset     operator set of the file
    batch     whether the file leaves the batch open
    """

    kind: str
    build: Build
    inputs: Callable[[], Inputs]
    opset: int = 17
    batch: bool = True

    def module(self) -> nn.Module:
        """Return the module in evaluation mode, the same one every time."""
        torch.manual_seed(0)
        module = self.build()
        for one in module.modules():
            if isinstance(one, nn.modules.batchnorm._BatchNorm):
                nn.init.uniform_(one.running_mean, -0.5, 0.5)
                nn.init.uniform_(one.running_var, 0.5, 2.0)
        return module.eval()

    def write(self, path: Path) -> Inputs:
        """Write the ONNX file and return inputs for it."""
        module, inputs = self.module(), self.inputs()
        names = [f"input{i}" for i in range(len(inputs))]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            torch.onnx.export(
                module,
                inputs,
                str(path),
                dynamo=False,
                opset_version=self.opset,
                input_names=names,
                dynamic_axes={name: {0: "batch"} for name in names} if self.batch else None,
            )
        return inputs


@dataclass(frozen=True)
class Outcome:
    """What the import made of a file: errors are relative to the largest output."""

    model: Model
    run_error: float
    export_error: float
    again: Graph


def try_import(path: Path, inputs: Inputs) -> Outcome:
    """Import the file at ``path``, run it, export it and import that again."""
    wanted = run_onnx(path.read_bytes(), inputs)
    model = read_model(path)
    module = to_torch(model.graph, model.weights).eval()
    with torch.no_grad():
        found = module(*inputs)
    exported = to_onnx(model.graph, model.weights)
    second = path.with_name(f"{path.stem}-again.onnx")
    onnx.save(exported, second)
    return Outcome(
        model,
        difference(wanted, [found] if isinstance(found, Tensor) else found),
        difference(wanted, run_onnx(exported.SerializeToString(), inputs)),
        read_model(second).graph,
    )


def run_onnx(content: bytes, inputs: Inputs) -> list[np.ndarray]:
    """Return the outputs that ONNX Runtime computes with one thread."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = 1, 3
    session = onnxruntime.InferenceSession(content, options, ["CPUExecutionProvider"])
    names = [one.name for one in session.get_inputs()]
    return session.run(None, {name: x.numpy() for name, x in zip(names, inputs, strict=True)})


def difference(wanted: list, found: list) -> float:
    """Return the largest difference of outputs over the largest absolute value of its output."""
    pairs = [(np.asarray(a), np.asarray(b)) for a, b in zip(wanted, found, strict=True)]
    for a, b in pairs:
        assert a.shape == b.shape, f"shape {a.shape} became {b.shape}"
    scaled = [np.abs(a - b).max() / max(np.abs(a).max(), 1e-12) for a, b in pairs if a.size]
    return float(max(scaled))
