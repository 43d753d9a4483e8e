"""From a trained PyTorch network through an ONNX file to a faster one, accuracy checked.

python examples/make_it_faster.py [RESOURCES] [FOLDER] [--quick]

A small residual network learns the digits of scikit-learn and is written to an ONNX file, as any
tool would. archloom reads the file, searches for variants that are at least a tenth faster on this
machine, and hands them back with the weights that they share with the input. A few epochs of
fine-tuning show what the variants are worth.

RESOURCES is the folder that ``make artefacts`` fills (vocabulary, segments, predictor).
"""

import sys
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor, nn

import archloom as al
from archloom.data.images import Images, load_images
from archloom.io import read_model
from archloom.search.graphs.transfer import transfer
from archloom.train.recipe import RECIPES
from archloom.train.trainer import evaluate, train


class Block(nn.Module):
    """Two 3x3 convolutions and a shortcut."""

    def __init__(self, before: int, after: int, stride: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(before, after, 3, stride, padding=1)
        self.norm = nn.BatchNorm2d(after)
        self.second = nn.Conv2d(after, after, 3, padding=1)
        self.last_norm = nn.BatchNorm2d(after)
        self.shortcut: nn.Module = nn.Identity()
        if stride > 1 or before != after:
            self.shortcut = nn.Conv2d(before, after, 1, stride)

    def forward(self, x: Tensor) -> Tensor:
        """Return (N, after, H / stride, W / stride)."""
        y = torch.relu(self.norm(self.first(x)))
        return torch.relu(self.last_norm(self.second(y)) + self.shortcut(x))


def small_resnet() -> nn.Module:
    """Return an untrained residual network for 8x8 grey images."""
    return nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1),
        nn.BatchNorm2d(16),
        nn.ReLU(),
        *(Block(*sizes) for sizes in ((16, 16, 1), (16, 16, 1), (16, 32, 2), (32, 32, 1))),
        *(Block(*sizes) for sizes in ((32, 64, 2), (64, 64, 1))),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(64, 10),
    )


def teach(module: nn.Module, images: Images, epochs: int) -> None:
    """Train ``module`` with a plain loop, as its owner would."""
    pixels = torch.from_numpy(images.train_x).float() * images.scale
    labels = torch.from_numpy(images.train_y)
    optimiser = torch.optim.Adam(module.parameters(), 0.002)
    for _ in range(epochs):
        for batch in torch.randperm(len(labels)).split(64):
            optimiser.zero_grad()
            nn.functional.cross_entropy(module(pixels[batch]), labels[batch]).backward()
            optimiser.step()


def write_onnx(module: nn.Module, path: Path) -> None:
    """Write ``module`` as PyTorch users do; batch norms stay as they are."""
    torch.onnx.export(
        module.eval(),
        (torch.zeros(1, 1, 8, 8),),
        str(path),
        dynamo=False,
        training=torch.onnx.TrainingMode.PRESERVE,
        do_constant_folding=False,
        dynamic_axes={"image": {0: "batch"}},
        input_names=["image"],
    )


def main(resources: Path, folder: Path, quick: bool) -> None:
    """Write the ONNX file and the faster networks into ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    images = load_images("digits")

    # Somebody's network: archloom will know its ONNX file only.
    torch.manual_seed(0)
    module = small_resnet()
    teach(module, images, 2 if quick else 12)
    write_onnx(module, folder / "mine.onnx")

    model = read_model(folder / "mine.onnx")
    accuracy = evaluate(al.to_torch(model.graph, model.weights), images)
    print(f"mine.onnx: {model.graph!r}, accuracy {accuracy:.4f}")

    settings = al.SearchSettings(iterations=2 if quick else 3, top_k=4 if quick else 10)
    front = al.optimise(
        model.graph,
        resources,
        settings,
        objectives=("score", "latency"),
        # in a hurry a limit that does not depend on what else the machine does
        constraints=("flops<=-10%" if quick else "latency<=-10%",),
    )
    if front.place is not None and not front.place.inside:
        print(f"mine.onnx is {front.place.words}: the next lines say what is true")
    tuning = replace(RECIPES["digits"], epochs=1 if quick else 6, learning_rate=0.001)
    for rank, member in enumerate(front.members[:3], start=1):
        begun = transfer(model.weights, member.graph)
        tuned = train(member.graph, images, tuning, start=begun.weights)
        assert member.latency is not None  # an objective, so the front was measured again
        print(
            f"rank {rank}: latency {member.latency.change:+.0f} %, {begun.coverage:.0%} of the "
            f"weights kept, accuracy {tuned.accuracy:.4f} after {tuning.epochs} epochs of "
            "fine-tuning"
        )
        al.write(member.graph, folder / f"faster_{rank}.onnx", tuned.weights)
    print(f"wrote mine.onnx and {min(len(front), 3)} faster networks into {folder}")


if __name__ == "__main__":
    words = [word for word in sys.argv[1:] if word != "--quick"]
    main(
        Path(words[0] if words else "resources"),
        Path(words[1] if len(words) > 1 else "faster"),
        "--quick" in sys.argv,
    )
