"""Comparison of a written ONNX file with the module of its graph, on random inputs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archloom.errors import GraphError
from archloom.graph import Graph
from archloom.graph.definition import OWN_DOMAIN

_TOLERANCE = 1e-2
"""Largest difference, as a share of the length of an output: rounding and ties of quantised numbers
stay below, a node that computes something else does not.
"""

_SWITCH = "Write it with verify=False if you trust it."

Array = NDArray[Any]


def compare(graph: Graph, weights: Mapping[str, Array], model: bytes | Path) -> None:
    """Raise ``GraphError`` unless ONNX Runtime computes with ``model`` (a file or its content) what
    the module of ``graph`` computes.

    Inputs are drawn once: floats around zero, whole numbers 0 and 1. A graph with operators of a
    foreign domain, which run nowhere here, is not compared.
    """
    if any(one.domain not in ("", OWN_DOMAIN) for one in graph.definitions):
        return
    session = _session(graph, model)
    try:
        found, wanted = _both(graph, weights, session, 2)
    except GraphError:  # some networks take batches of one only
        found, wanted = _both(graph, weights, session, 1)
    for output, one, other in zip(session.get_outputs(), found, wanted, strict=True):
        what = _difference(np.asarray(one), other)
        if what:
            raise _refused(graph, f"its output {output.name!r} would be {what}")


def _both(
    graph: Graph, weights: Mapping[str, Array], session: Any, batch: int
) -> tuple[list[Array], list[Array]]:
    """Return the outputs of a session and of the module for the same random inputs."""
    feeds = {one.name: _drawn(one, batch) for one in session.get_inputs()}
    wanted = _computed(graph, weights, list(feeds.values()))
    try:
        return session.run(None, feeds), wanted
    except Exception as error:  # whatever a kernel raises
        raise _refused(graph, f"ONNX Runtime cannot run it ({_line(error)})") from error


def _session(graph: Graph, model: bytes | Path) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = 1, 4
    source = model if isinstance(model, bytes) else str(model)
    try:
        return onnxruntime.InferenceSession(source, options, ["CPUExecutionProvider"])
    except Exception as error:  # its exceptions have no common class of their own
        raise _refused(graph, f"ONNX Runtime cannot load it ({_line(error)})") from error


def _drawn(end: Any, batch: int) -> Array:
    """Return random numbers for an input of a session, of ``batch`` examples where it is open."""
    shape = [size if isinstance(size, int) else batch for size in end.shape]
    generator = np.random.default_rng(0)
    kind = end.type.removeprefix("tensor(").removesuffix(")")
    if kind == "float":
        return generator.standard_normal(shape).astype(np.float32)
    return generator.integers(0, 2, shape).astype(kind)


def _computed(graph: Graph, weights: Mapping[str, Array], inputs: list[Array]) -> list[Array]:
    import torch

    from archloom.execute.module import to_torch

    tensors = {name: torch.from_numpy(one) for name, one in weights.items()}
    module = to_torch(graph, tensors).eval()
    try:
        with torch.no_grad():
            found = module(*map(torch.from_numpy, inputs))
    except (GraphError, RuntimeError, IndexError, ValueError) as error:
        raise _refused(graph, f"the graph itself does not run ({_line(error)})") from error
    outputs = [found] if isinstance(found, torch.Tensor) else found
    return [one.numpy() for one in outputs]


def _difference(found: Array, wanted: Array) -> str:
    """Return what is wrong with an output, nothing where it is right."""
    if found.shape != wanted.shape or found.dtype != wanted.dtype:
        return f"{found.dtype} {list(found.shape)} instead of {wanted.dtype} {list(wanted.shape)}"
    if wanted.dtype.kind != "f":
        share = float(np.mean(found != wanted)) if wanted.size else 0.0
    else:
        both = np.isfinite(found) & np.isfinite(wanted)
        one, other = (np.where(both, part, 0).astype(np.float64) for part in (found, wanted))
        share = float(np.linalg.norm(one - other)) / max(float(np.linalg.norm(other)), 1e-12)
        share = max(share, float(np.mean(np.isfinite(found) != np.isfinite(wanted))))
    return "" if share <= _TOLERANCE else f"other numbers, {share:.1%} away"


def _refused(graph: Graph, why: str) -> GraphError:
    return GraphError(
        f"graph {graph.name!r} cannot be written as ONNX: {why}. Nothing was changed. {_SWITCH}"
    )


def _line(error: Exception) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
