"""archloom: rank, improve, shrink and initialise neural networks through their compute graphs.

    import archloom as al

    g = al.read("model.json")
    al.flops(g), al.parameters(g), al.draw(g)
    front = al.optimise(g, "resources")
    net = al.to_torch(front[0].graph)

Names are imported when they are used first: ``import archloom`` loads neither Torch nor ONNX.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from archloom.names import at_first_use, find_moved_modules

if TYPE_CHECKING:
    from archloom.drawing.graphs import draw, draw_changes
    from archloom.errors import ArchloomError
    from archloom.execute.module import to_torch
    from archloom.graph import (
        Graph,
        GraphBuilder,
        check,
        flops,
        infer_shapes,
        is_isomorphic,
        parameters,
    )
    from archloom.graph.memory import peak_activations
    from archloom.io import read, read_graph, read_model, write
    from archloom.io.importing.torch.reader import from_torch
    from archloom.predict import load_predictor
    from archloom.report.autogo.front import write_front
    from archloom.search.figures import CustomObjective
    from archloom.search.graphs.optimise import Artefacts, optimise
    from archloom.search.graphs.settings import SearchSettings
    from archloom.search.graphs.transfer import transfer
    from archloom.segments.tokeniser import Tokeniser
    from archloom.segments.vocabulary import Vocabulary
    from archloom.train.latency import Timing, measure_latency

_HOMES = {
    "ArchloomError": "errors",
    "Artefacts": "search.graphs.optimise",
    "CustomObjective": "search.figures",
    "Graph": "graph",
    "GraphBuilder": "graph",
    "SearchSettings": "search.graphs.settings",
    "Timing": "train.latency",
    "Tokeniser": "segments.tokeniser",
    "Vocabulary": "segments.vocabulary",
    "check": "graph",
    "draw": "drawing.graphs",
    "draw_changes": "drawing.graphs",
    "flops": "graph",
    "from_torch": "io.importing.torch.reader",
    "infer_shapes": "graph",
    "is_isomorphic": "graph",
    "load_predictor": "predict",
    "measure_latency": "train.latency",
    "optimise": "search.graphs.optimise",
    "parameters": "graph",
    "peak_activations": "graph.memory",
    "read": "io",
    "read_graph": "io",
    "read_model": "io",
    "to_torch": "execute.module",
    "transfer": "search.graphs.transfer",
    "write": "io",
    "write_front": "report.autogo.front",
}

__all__ = [
    "ArchloomError",
    "Artefacts",
    "CustomObjective",
    "Graph",
    "GraphBuilder",
    "SearchSettings",
    "Timing",
    "Tokeniser",
    "Vocabulary",
    "check",
    "draw",
    "draw_changes",
    "flops",
    "from_torch",
    "infer_shapes",
    "is_isomorphic",
    "load_predictor",
    "measure_latency",
    "optimise",
    "parameters",
    "peak_activations",
    "read",
    "read_graph",
    "read_model",
    "to_torch",
    "transfer",
    "write",
    "write_front",
]

__getattr__ = at_first_use(__name__, _HOMES)
find_moved_modules()


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
