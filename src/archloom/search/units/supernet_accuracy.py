"""Accuracy of networks with the weights of a supernet, on images of one's own (AutoBuild spec 4 and
6.4).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import sha256
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from archloom.data.image_folder import Crops, ImageFolder, standardised
from archloom.execute.module import GraphModule
from archloom.io.supernet import RESOLUTION, Supernet, archloom_weights
from archloom.search.figures import Costly, Value, known
from archloom.train.calibration import recalibrate
from archloom.train.device import choose_device

_TOGETHER = 8
"""Networks in memory at once."""


@dataclass(frozen=True, eq=False)
class SupernetAccuracy:
    """Share of images that a network with weights of a supernet classifies correctly; its batch
    norms are measured anew before.

    calibration : images that the batch norms are measured with
    images      : those to classify
    resolution  : height and width of the input in pixels
    batch       : images at a time
    device      : cpu, cuda or auto
    """

    supernet: Supernet
    calibration: ImageFolder
    images: ImageFolder
    resolution: int = RESOLUTION
    batch: int = 200
    device: str = "auto"

    @classmethod
    def read(
        cls,
        checkpoint: str | Path,
        family: str,
        folder: str | Path,
        resolution: int = RESOLUTION,
        calibration: int = 2000,
    ) -> SupernetAccuracy:
        """Read a supernet, and from ``folder`` the images: ``calibration`` random ones of
        ``train``, all of ``val``; ``resolution`` is in pixels.

        Raises as ``Supernet.read`` and ``ImageFolder.read`` do.
        """
        supernet, home = Supernet.read(checkpoint, family), Path(folder)
        images = ImageFolder.read(home / "train").take(calibration), ImageFolder.read(home / "val")
        return cls(supernet, *images, resolution)

    @property
    def identity(self) -> str:
        """Digest of weights and images, and the input size."""
        digest = sha256()
        for name, tensor in sorted(self.supernet.tensors.items()):
            digest.update(name.encode() + tensor.contiguous().numpy().tobytes())
        found = f"{self.calibration.identity} {self.images.identity} {self.resolution} {self.batch}"
        return f"supernet {digest.hexdigest()[:16]} {found}"

    def calibrated(self, architecture: str) -> GraphModule:
        """Return a network with its batch norms measured, on the device."""
        device = choose_device(self.device)
        module = self.supernet.subnet(architecture, self.resolution).to(device)
        recalibrate(module, (self._tensor(crops) for crops in self._calibration_crops))
        return module

    def __call__(self, architectures: Sequence[str]) -> NDArray[np.float64]:
        """Return (N,) accuracies as fractions; an image is read once for several networks."""
        found = [
            self._accuracies(architectures[start : start + _TOGETHER])
            for start in range(0, len(architectures), _TOGETHER)
        ]
        return np.concatenate([np.zeros(0), *found])

    @cached_property
    def _calibration_crops(self) -> list[Crops]:
        return [crops for crops, _ in self.calibration.batches(self.resolution, self.batch)]

    def _tensor(self, crops: Crops) -> torch.Tensor:
        return torch.from_numpy(standardised(crops)).to(choose_device(self.device))

    def _accuracies(self, architectures: Sequence[str]) -> NDArray[np.float64]:
        modules = [self.calibrated(one) for one in architectures]
        right = np.zeros(len(modules))
        with torch.inference_mode():
            for crops, classes in self.images.batches(self.resolution, self.batch):
                x = self._tensor(crops)
                for index, module in enumerate(modules):
                    scores = module(x)
                    assert isinstance(scores, torch.Tensor)
                    right[index] += int((scores.argmax(1).cpu().numpy() == classes).sum())
        return right / len(self.images)


@dataclass(eq=False)
class SupernetFigure(Costly[str]):
    """The accuracy of a supernet's networks as a search takes it."""

    accuracy: SupernetAccuracy = field(kw_only=True)

    @property
    def identity(self) -> str:
        """That of the accuracy."""
        return self.accuracy.identity

    def values(self, networks: Sequence[str]) -> list[Value]:
        """Return accuracies as fractions."""
        return known(self.accuracy(networks))


@dataclass(frozen=True, eq=False)
class TrainedSubnets:
    """Networks with weights of a supernet, for files and for the accuracy that they have.

    accuracy : on images; None: there are none, and batch norms stay as the supernet has them
    """

    supernet: Supernet
    accuracy: SupernetAccuracy | None
    resolution: int = RESOLUTION

    @classmethod
    def read(
        cls,
        checkpoint: str | Path,
        family: str,
        folder: str | Path | None = None,
        resolution: int = RESOLUTION,
    ) -> TrainedSubnets:
        """Read a supernet for inputs of ``resolution`` pixels, and images where a folder of them is
        given; raises as ``SupernetAccuracy.read`` does.
        """
        if folder is None:
            return cls(Supernet.read(checkpoint, family), None, resolution)
        accuracy = SupernetAccuracy.read(checkpoint, family, folder, resolution)
        return cls(accuracy.supernet, accuracy, resolution)

    @property
    def figure(self) -> SupernetFigure | None:
        """Their accuracy, None without images."""
        if self.accuracy is None:
            return None
        return SupernetFigure("acc", maximise=True, accuracy=self.accuracy)

    @property
    def words(self) -> str:
        """What people read of the weights."""
        images = self.accuracy and len(self.accuracy.calibration)
        norms = f"measured on {images} images" if images else "not measured anew"
        return f"weights of {self.supernet.source}, batch norms {norms}"

    def weights(self, architecture: str) -> dict[str, torch.Tensor]:
        """Return the weights of a network by node id, as archloom's files have them."""
        if self.accuracy is None:
            module = self.supernet.subnet(architecture, self.resolution)
        else:
            module = self.accuracy.calibrated(architecture)
        return archloom_weights(module, self.supernet.epsilon)
