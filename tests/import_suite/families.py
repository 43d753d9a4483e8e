"""Networks of archloom's own families, written as ONNX files by archloom."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch

from archloom.execute.module import to_torch
from archloom.graph import Graph, input_shapes
from archloom.io.exporting.file import write_onnx
from archloom.spaces import FAMILIES
from import_suite import Inputs


@dataclass(frozen=True)
class Own:
    """A network of a family, at the family's reduced size."""

    family: str
    kind: str = "own family"

    def graph(self) -> Graph:
        """Return the graph."""
        family = FAMILIES[self.family]
        return family.sample(1, 3, family.REDUCED)[0]

    def write(self, path: Path) -> Inputs:
        """Write the ONNX file and return inputs for it."""
        graph, generator = self.graph(), torch.Generator().manual_seed(4)
        weights = to_torch(graph).weights()
        for name, tensor in weights.items():
            if name.endswith(".mean"):
                tensor.uniform_(-0.2, 0.2, generator=generator)
        write_onnx(graph, path, weights)
        height, width, channels = input_shapes(graph)[graph.sources[0]].tolist()
        return (torch.randn(2, channels, height, width, generator=generator),)


CASES = {f"archloom {family}": Own(family) for family in FAMILIES}
