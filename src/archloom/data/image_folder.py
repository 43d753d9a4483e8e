"""Photographs in one folder per class, as ImageNet comes: ``train/CLASS/*`` and ``val/CLASS/*``.

They are seen as the networks of the supernets see them: shorter side resized to resolution / 0.875,
centre cropped, channels standardised with ImageNet's mean and deviation (AutoBuild spec 6.4).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from math import ceil
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from archloom.errors import DataError

ENDINGS = (".jpeg", ".jpg", ".png")
_CROP = 0.875
_MEAN = np.array([0.485, 0.456, 0.406], dtype=np.float32)
_STD = np.array([0.229, 0.224, 0.225], dtype=np.float32)

Crops = NDArray[np.uint8]
"""(N, R, R, 3) pixels of images."""


@dataclass(frozen=True)
class ImageFolder:
    """Images of a split with their classes, which are numbered in the order of their names."""

    paths: tuple[Path, ...]
    classes: tuple[int, ...]

    @classmethod
    def read(cls, folder: str | Path) -> ImageFolder:
        """List the images in ``folder``, one folder per class.

        Raises ``DataError`` where there are none.
        """
        home = Path(folder)
        names = sorted(one.name for one in home.iterdir() if one.is_dir()) if home.is_dir() else []
        found = [
            (path, number)
            for number, name in enumerate(names)
            for path in sorted((home / name).iterdir())
            if path.suffix.lower() in ENDINGS
        ]
        if not found:
            raise DataError(
                f"{home} has no images: put one folder per class there, with "
                f"{', '.join(ENDINGS)} files."
            )
        return cls(tuple(path for path, _ in found), tuple(number for _, number in found))

    def __len__(self) -> int:
        return len(self.paths)

    @property
    def identity(self) -> str:
        """Digest of the names and classes."""
        words = "\n".join(
            f"{path.parent.name}/{path.name} {number}"
            for path, number in zip(self.paths, self.classes, strict=True)
        )
        return sha256(words.encode()).hexdigest()[:16]

    def take(self, count: int, seed: int = 0) -> ImageFolder:
        """Return ``count`` random images that ``seed`` decides, all where there are fewer."""
        chosen = np.random.default_rng(seed).permutation(len(self))[:count].tolist()
        return ImageFolder(
            tuple(self.paths[i] for i in chosen), tuple(self.classes[i] for i in chosen)
        )

    def batches(self, resolution: int, size: int) -> Iterator[tuple[Crops, NDArray[np.int64]]]:
        """Yield crops and classes (N,) of all images, ``size`` at a time.

        Raises ``DataError`` for a file that is no image.
        """
        for start in range(0, len(self), size):
            some = self.paths[start : start + size]
            crops = np.stack([_crop(path, resolution) for path in some])
            yield crops, np.array(self.classes[start : start + size])


def standardised(crops: Crops) -> NDArray[np.float32]:
    """Return (N, 3, R, R) what the networks take."""
    values = (crops.astype(np.float32) / 255 - _MEAN) / _STD
    return np.ascontiguousarray(values.transpose(0, 3, 1, 2))


def _crop(path: Path, resolution: int) -> Crops:
    """Return (R, R, 3) pixels of one image."""
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(path) as file:
            image = file.convert("RGB")
    except (OSError, UnidentifiedImageError) as error:
        raise DataError(f"{path} is no readable image ({error}): get it again.") from error
    scale = ceil(resolution / _CROP) / min(image.size)
    width, height = (max(resolution, round(side * scale)) for side in image.size)
    left, top = (width - resolution) // 2, (height - resolution) // 2
    resized = image.resize((width, height), Image.Resampling.BILINEAR)
    cropped = resized.crop((left, top, left + resolution, top + resolution))
    return np.asarray(cropped, dtype=np.uint8)
