"""Build a small residual network, look at it, run it and hand it over.

python examples/build_a_graph.py [FOLDER]
"""

import sys
from pathlib import Path

import torch

import archloom as al


def build() -> al.Graph:
    """Return a network of two residual blocks for 32x32 colour images."""
    b = al.GraphBuilder("two-blocks", family="nb201")
    x = b.unary("relu", b.unary("batchnorm", b.conv(b.input(32, 32, 3), 16)))
    for width in (16, 32):
        stride = 1 if b.shape(x)[2] == width else 2
        y = b.unary("relu", b.unary("batchnorm", b.conv(x, width, stride=stride)))
        y = b.unary("batchnorm", b.conv(y, width))
        shortcut = x if stride == 1 else b.conv(x, width, kernel=1, stride=2)
        x = b.unary("relu", b.add([y, shortcut]))
    b.output(b.matmul(b.unary("mean", x), 10))
    return b.build()


def main(folder: Path) -> None:
    """Write the graph as JSON, ONNX and SVG, and run it once."""
    graph = build()
    al.check(graph)
    macs = al.flops(graph, counter="mac") // 2
    print(f"{graph!r}: {macs:,} multiply-accumulates, {al.parameters(graph):,} parameters")
    logits = al.to_torch(graph).eval()(torch.rand(1, 3, 32, 32))
    print("output", tuple(logits.shape))
    for ending in ("json", "onnx", "svg"):
        al.write(graph, folder / f"two-blocks.{ending}")
    print(f"wrote two-blocks.json, .onnx and .svg into {folder}")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "."))
