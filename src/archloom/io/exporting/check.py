"""Comparison of a written ONNX file with the module of its graph, on random inputs."""

from __future__ import annotations

import subprocess  # noqa: S404 - runs our own script
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from archloom.errors import GraphError
from archloom.graph import Graph
from archloom.graph.definition import OWN_DOMAIN

if TYPE_CHECKING:
    from onnx import ValueInfoProto

_TOLERANCE = 1e-2
"""Largest difference, as a share of the length of an output: rounding and ties of quantised numbers
stay below, a node that computes something else does not.
"""

_CHILD = Path(__file__).with_name("child.py")
_SECONDS = 600

Array = NDArray[Any]


def compare(
    graph: Graph, weights: Mapping[str, Array], path: Path, inputs: Sequence[ValueInfoProto]
) -> None:
    """Raise ``GraphError`` unless ONNX Runtime computes with the file at ``path``, which takes
    ``inputs``, what the module of ``graph`` computes.

    The runtime works in a process of its own. Inputs are drawn: floats around zero, whole numbers 0
    and 1, two examples, or one where a network takes no more. A graph with operators of a foreign
    domain, which run nowhere here, is not compared.
    """
    if any(one.domain not in ("", OWN_DOMAIN) for one in graph.definitions):
        return
    drawn = [[_drawn(one, batch) for one in inputs] for batch in (2, 1)]
    taken, found = _run(graph, path, drawn)
    wanted = _computed(graph, weights, drawn[taken])
    for number, (one, other) in enumerate(zip(found, wanted, strict=True)):
        what = _difference(one, other)
        if what:
            raise _refused(graph, f"its output {number} would be {what}")


def _run(graph: Graph, path: Path, drawn: list[list[Array]]) -> tuple[int, list[Array]]:
    """Return which of the inputs a child process could run, and the outputs."""
    with TemporaryDirectory() as folder:
        files = [Path(folder) / f"inputs{number}.npz" for number in range(len(drawn))]
        for file, arrays in zip(files, drawn, strict=True):
            np.savez(file, *arrays)
        target = Path(folder) / "outputs.npz"
        command = [sys.executable, str(_CHILD), *map(str, (path.resolve(), target, *files))]
        try:
            done = subprocess.run(  # noqa: S603 - our own script, no shell
                command, capture_output=True, timeout=_SECONDS, check=False
            )
        except subprocess.TimeoutExpired:
            raise _refused(graph, f"ONNX Runtime takes more than {_SECONDS} s for it") from None
        if done.returncode:
            why = done.stderr.decode(errors="replace").strip() or f"status {done.returncode}"
            raise _refused(graph, f"ONNX Runtime cannot run it ({why})")
        with np.load(target) as stored:
            return int(done.stdout), [stored[f"arr_{i}"] for i in range(len(stored.files))]


def _drawn(one: ValueInfoProto, batch: int) -> Array:
    """Return random numbers for an input, of ``batch`` examples where it is open."""
    from onnx import helper

    kind = one.type.tensor_type
    dtype = helper.tensor_dtype_to_np_dtype(kind.elem_type)
    shape = [size.dim_value or batch for size in kind.shape.dim]
    generator = np.random.default_rng(0)
    if dtype.kind == "f":
        return generator.standard_normal(shape).astype(dtype)
    return generator.integers(0, 2, shape).astype(dtype)


def _computed(graph: Graph, weights: Mapping[str, Array], inputs: list[Array]) -> list[Array]:
    import torch

    from archloom.execute.module import to_torch

    tensors = {name: torch.from_numpy(one) for name, one in weights.items()}
    module = to_torch(graph, tensors).eval()
    try:
        with torch.no_grad():
            found = module(*(torch.from_numpy(np.asarray(one)) for one in inputs))
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
    elif wanted.size:
        both = np.isfinite(found) & np.isfinite(wanted)
        one, other = (np.where(both, part, 0).astype(np.float64) for part in (found, wanted))
        share = float(np.linalg.norm(one - other)) / max(float(np.linalg.norm(other)), 1e-12)
        share = max(share, float(np.mean(np.isfinite(found) != np.isfinite(wanted))))
    else:
        share = 0.0
    return "" if share <= _TOLERANCE else f"other numbers, {share:.1%} away"


def _refused(graph: Graph, why: str) -> GraphError:
    return GraphError(
        f"graph {graph.name!r} cannot be written as ONNX: {why}. Nothing was changed. Write it "
        "with verify=False if you trust it."
    )


def _line(error: Exception) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
