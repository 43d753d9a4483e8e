"""archloom: rank, improve, shrink and initialise neural networks through their compute graphs.

    import archloom as al

    g = al.read_graph("model.json")
    al.flops(g), al.parameters(g), al.draw(g)
    front = al.optimise(g, "resources")
    net = al.to_torch(front[0].graph)

Names are imported when they are used first: ``import archloom`` loads neither Torch nor ONNX.
Where they take a graph, they take a model with weights or the path of a file as well
(``archloom.io.networks``).
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from archloom.names import at_first_use, find_moved_modules

if TYPE_CHECKING:
    from archloom.drawing.graphs import draw as draw_graph
    from archloom.drawing.graphs import draw_changes
    from archloom.errors import ArchloomError
    from archloom.execute.module import to_torch as module_of
    from archloom.graph import (
        Graph,
        GraphBuilder,
        is_isomorphic,
    )
    from archloom.graph import check as check_graph
    from archloom.graph import flops as flops_of
    from archloom.graph import infer_shapes as shapes_of
    from archloom.graph import parameters as parameters_of
    from archloom.graph.memory import peak_activations as peak_of
    from archloom.io import read, read_graph, read_model
    from archloom.io.importing.torch.reader import from_torch
    from archloom.io.networks import taking_networks, write
    from archloom.predict import load_predictor
    from archloom.predict.artefacts import predict
    from archloom.report.autogo.front import write_front
    from archloom.search.figures import CustomObjective
    from archloom.search.graphs.optimise import Artefacts
    from archloom.search.graphs.optimise import optimise as search
    from archloom.search.graphs.settings import SearchSettings
    from archloom.search.graphs.transfer import transfer
    from archloom.segments.tokeniser import Tokeniser
    from archloom.segments.vocabulary import Vocabulary
    from archloom.train.latency import Timing, measure_latency

    __version__: str
    check = taking_networks(check_graph, ())
    draw = taking_networks(draw_graph, ())
    flops = taking_networks(flops_of, ())
    infer_shapes = taking_networks(shapes_of, ())
    optimise = taking_networks(search, ())
    parameters = taking_networks(parameters_of, ())
    peak_activations = taking_networks(peak_of, ())
    to_torch = taking_networks(module_of, ())

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
    "write": "io.networks",
    "write_front": "report.autogo.front",
}
_NETWORKS = {
    "check": ("graph",),
    "draw": ("graph",),
    "draw_changes": ("parent", "child"),
    "flops": ("graph",),
    "infer_shapes": ("graph",),
    "is_isomorphic": ("first", "second"),
    "measure_latency": ("graphs",),
    "optimise": ("graph",),
    "parameters": ("graph",),
    "peak_activations": ("graph",),
    "to_torch": ("graph",),
    "transfer": ("graph",),
}
"""Parameters that may be networks in any form."""

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
    "predict",
    "read",
    "read_graph",
    "read_model",
    "to_torch",
    "transfer",
    "write",
    "write_front",
]

_find = at_first_use(__name__, _HOMES)


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        value: Any = version(__name__)
    elif name == "predict":
        value = import_module("archloom.predict")  # the package, which can be called
    else:
        value = _find(name)
    if name in _NETWORKS:
        from archloom.io.networks import taking_networks

        value = taking_networks(value, _NETWORKS[name])
    globals()[name] = value
    return value


find_moved_modules()


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
