"""One network for three tasks: classifier, pose backbone, segmentation backbone.

python examples/transfer_demo.py

A small bottleneck ResNet is built, converted and run; its backbones take over the classifier's
weights. Where ResNet-50 and the first of its evolved versions are at hand (dataset autogo_cgs),
they are converted too; they are large, so PyTorch only infers the shapes of their outputs.
"""

import torch

import archloom as al
from archloom.data import registry
from archloom.tasks import to_classifier, to_pose, to_segmentation


def resnet(width: int = 8, depths: tuple[int, ...] = (1, 1, 1, 1)) -> al.Graph:
    """Return a bottleneck ResNet for 224x224 images and ten classes; ``width`` 64 is the usual."""
    b = al.GraphBuilder("small-resnet", family="generic")

    def conv(x: int, channels: int, kernel: int, stride: int = 1) -> int:
        return b.unary("batchnorm", b.conv(x, channels, kernel, stride))

    x = b.unary("relu", conv(b.input(224, 224, 3), width, 7, 2))
    x = b.pool("maxpool", x, 3, 2)
    for stage, depth in enumerate(depths):
        inner = width * 2**stage
        for block in range(depth):
            stride = 2 if stage and not block else 1
            y = b.unary("relu", conv(x, inner, 1))
            y = b.unary("relu", conv(y, inner, 3, stride))
            shortcut = x if block else conv(x, 4 * inner, 1, stride)
            x = b.unary("relu", b.add([conv(y, 4 * inner, 1), shortcut]))
    b.output(b.matmul(b.unary("mean", x), 10))
    return b.build()


def released() -> list[al.Graph]:
    """Return ResNet-50 and an evolved version, nothing where the dataset is not here."""
    try:
        names = ("resnet50", "resnet50_autogo1")
        return [al.read_graph(registry.find("autogo_cgs", f"{name}.json")) for name in names]
    except al.ArchloomError:
        print("the released graphs are not here (dataset autogo_cgs)")
        return []


def shapes(graph: al.Graph, weights: dict[str, torch.Tensor], device: str) -> str:
    """Run ``graph`` on ``device`` with the classifier's weights and describe its outputs."""
    module = al.to_torch(graph).eval()
    share = module.inherit(weights)
    height, width, channels = graph.resolution[graph.sources[0], [0, 2, 4]].tolist()
    images = torch.zeros(1, channels, height, width, device=device)
    with torch.no_grad():
        found = module.to(device)(images)
    outputs = found if isinstance(found, list) else [found]
    listed = ", ".join(" x ".join(map(str, one.shape)) for one in outputs)
    return f"{height}x{width} -> {listed}; {100 * share:.0f} % of the weights taken over"


def main() -> None:
    """Convert all networks."""
    for graph, device in [(resnet(), "cpu"), *((one, "meta") for one in released())]:
        print(f"{graph.name}: {graph.n_nodes} nodes / {graph.n_edges} edges, hash {graph.hash}")
        weights = al.to_torch(graph, seed=1).weights()
        tasks = {
            "classifier": to_classifier(graph),
            "pose": to_pose(graph),
            "segmentation": to_segmentation(graph),
        }
        for task, network in tasks.items():
            print(f"  {task:13} {shapes(network, weights, device)}", flush=True)


if __name__ == "__main__":
    main()
