"""Networks of three families: what they cost, and the same outputs from PyTorch and ONNX Runtime.

python examples/model_demo.py

The best NAS-Bench-201 cell, a HiAML and a Two-Path network need nothing but archloom. Where the
graphs released with AutoGO are at hand (dataset autogo_cgs), they follow: the CIFAR-10 networks and
their evolved versions are run too, VGG-16 and EDSR are large and only counted.
"""

import numpy as np
import onnxruntime
import torch

import archloom as al
from archloom.data import registry
from archloom.io.exporting.file import to_onnx
from archloom.spaces import FAMILIES

ARCHITECTURES = {
    "nb201": "|nor_conv_3x3~0|+|nor_conv_3x3~0|nor_conv_3x3~1|+"
    "|skip_connect~0|nor_conv_3x3~1|nor_conv_3x3~2|",
    "hiaml": "z-a22-b23-l20",
}
RELEASED = [
    f"{family}_{role}"
    for family in ("nb101", "nb201", "hiaml", "inception", "two_path")
    for role in ("best", "autogo")
]
RELEASED += ["vgg16_bn", "vgg16_autogo", "edsr_autogo1", "edsr_autogo2", "edsr_autogo3"]
LARGEST_RUN = 5e8
"""FLOPs up to which a network is run."""


def own() -> list[al.Graph]:
    """Return one network of each family that archloom builds by itself."""
    graphs = [FAMILIES[family].build(text) for family, text in ARCHITECTURES.items()]
    graphs += FAMILIES["two_path"].sample(1, 0)
    return [graph.replace(name=graph.family) for graph in graphs]


def released() -> list[al.Graph]:
    """Return the released graphs, none where the dataset is not here."""
    try:
        return [al.read_graph(registry.find("autogo_cgs", f"{name}.json")) for name in RELEASED]
    except al.ArchloomError:
        print("the released graphs are not here (dataset autogo_cgs)")
        return []


def outputs(graph: al.Graph) -> tuple[np.ndarray, np.ndarray]:
    """Return what PyTorch and ONNX Runtime compute from the same random input and weights."""
    module = al.to_torch(graph).eval()
    height, width, channels = graph.resolution[graph.sources[0], [0, 2, 4]].tolist()
    images = torch.rand(1, channels, height, width, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        ours = module(images).numpy()
    session = onnxruntime.InferenceSession(to_onnx(graph, module.weights()).SerializeToString())
    (theirs,) = session.run(None, {session.get_inputs()[0].name: images.numpy()})
    return ours, theirs.reshape(ours.shape)


def describe(graph: al.Graph) -> str:
    """Return one line about a network."""
    cost = al.flops(graph)
    text = f"{graph.name:16} {cost / 1e6:9,.0f} MFLOPs  {graph.n_nodes} nodes"
    text += f" / {graph.n_edges} edges"
    if cost > LARGEST_RUN:
        return text
    ours, theirs = outputs(graph)
    difference = np.abs(ours - theirs).max() / np.abs(ours).max()
    return f"{text}  output {ours.shape}, relative difference {difference:.0e}"


def main() -> None:
    """Describe all networks."""
    for graph in [*own(), *released()]:
        print(describe(graph), flush=True)


if __name__ == "__main__":
    main()
