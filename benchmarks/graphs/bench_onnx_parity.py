"""Largest difference between ``to_torch`` and onnxruntime on the shipped graphs.

    python -m benchmarks.graphs.bench_onnx_parity [NAME ...]

Weights are random, but such that a network is about as well conditioned as a trained one: batch
norms have the statistics of random images, scales around 1 and shifts around 0.5 (around 0, deep
random networks amplify rounding errors by some 20 % per layer); in the graphs without batch norm
(EDSR) kernels are 0.3 times he-uniform, as their long sums of residuals would reach 10^4 otherwise.
The column ``rounding`` is the difference of PyTorch in single and in double precision.
Batch 1, one thread. Writes benchmarks/results/onnx_parity.json; the bar is a difference of 1e-4.
Needs the dataset autogo_cgs.
"""

from __future__ import annotations

import copy
import resource
import sys
import tempfile
import time
from pathlib import Path

import onnxruntime
import torch

from archloom.data import registry
from archloom.execute.layers import Norm
from archloom.execute.module import GraphModule, to_torch
from archloom.graph import OPS, Graph
from archloom.io import read_graph
from archloom.io.exporting.file import write_onnx
from benchmarks.recording import at_scale, figures, record

BAR = 1e-4


def calibrated(graph: Graph, images: torch.Tensor) -> GraphModule:
    module = to_torch(graph, seed=1, norm_momentum=1.0).train()
    generator = torch.Generator().manual_seed(2)
    with torch.no_grad():
        if (graph.op != OPS.code("batchnorm")).all():
            for parameter in module.parameters():
                parameter.mul_(0.3)
        for parameter in module.parameters():
            if parameter.dim() == 1:
                parameter.add_(0.2 * torch.randn(parameter.shape, generator=generator))
        for part in module.children():
            if isinstance(part, Norm):
                part.bias.add_(0.5)
        module(images)
    return module.eval()


def compare(graph: Graph, folder: Path) -> dict[str, object]:
    height, _, width, _, channels, _ = graph.resolution[graph.sources[0]].tolist()
    generator = torch.Generator().manual_seed(3)
    count = 16 if height <= 32 else 2  # images behind the statistics
    images = torch.randn(count, channels, height, width, generator=generator)
    module, x = calibrated(graph, images), images[:1]
    with torch.no_grad():
        wanted = module(x)
        exact = copy.deepcopy(module).double()(x.double())
    path = folder / "net.onnx"
    started = time.perf_counter()
    write_onnx(graph, path, module.weights())
    seconds = time.perf_counter() - started
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(path, options)
    found = torch.from_numpy(session.run(None, {"input": x.numpy()})[0])
    return {
        "input": [height, width, channels],
        "difference": float((wanted - found).abs().max()),
        "rounding": float((wanted - exact).abs().max()),
        "largest_output": float(wanted.abs().max()),
        "nodes": graph.n_nodes,
        "megabytes": round(path.stat().st_size / 1e6, 2),
        "write_seconds": round(seconds, 2),
    }


def main() -> None:
    names = sys.argv[1:] or at_scale([], ["nb201_best"])
    torch.set_num_threads(1)
    files = registry.dataset_named("autogo_cgs").files
    rows = {}
    with tempfile.TemporaryDirectory() as folder:
        for file in sorted(files):
            name = file.removesuffix(".json")
            if names and name not in names:
                continue
            graph = read_graph(registry.find("autogo_cgs", file))
            rows[name] = compare(graph, Path(folder))
            print(name, rows[name], flush=True)
    worst = max(float(str(row["difference"])) for row in rows.values())
    result = {
        "what": "max abs difference between to_torch and onnxruntime, batch 1",
        "bar": BAR,
        "worst": worst,
        "met": worst <= BAR,
        "peak_memory_gb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20, 2),
        "graphs": rows,
    }
    if not sys.argv[1:]:
        record("onnx_parity", result)
    print(f"worst {worst:.2e}, bar {BAR}")


def agreement() -> list[list[str]]:
    """Return rows of what agrees with the published artefacts."""
    found = figures("onnx_parity")
    worst = f"{len(found['graphs'])} graphs, largest difference {found['worst']:.1e}"
    return [["ONNX in onnxruntime against PyTorch", worst]]


if __name__ == "__main__":
    main()
