"""Image classification datasets as arrays: "digits" (bundled with scikit-learn) and "cifar10"."""

from __future__ import annotations

import io
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archloom.data import registry
from archloom.errors import DataError
from archloom.parquet import read_parquet

DIGITS_TRAIN = 600
"""Training images of the digits; the other 1,197 are test images."""
_DIGITS_SEED = 0


@dataclass(frozen=True, eq=False)
class Images:
    """A split dataset; ``train_x`` and ``test_x`` are (N, C, H, W) uint8, labels (N,) int64.

    Networks see ``x * scale``, values in [0, 1].
    """

    name: str
    train_x: NDArray[np.uint8]
    train_y: NDArray[np.int64]
    test_x: NDArray[np.uint8]
    test_y: NDArray[np.int64]
    scale: float
    classes: int

    @property
    def shape(self) -> tuple[int, int, int]:
        """(H, W, C) of an image."""
        channels, height, width = self.train_x.shape[1:]
        return height, width, channels


def load_images(name: str, mirror: str | Path | None = None) -> Images:
    """Return the dataset called ``name``.

    "digits" needs no download: 8x8x1, 10 classes, the fixed stratified split of
    ``stratified_order``. "cifar10" (32x32x3, 50,000 + 10,000) is read from the registered Parquet
    files, looked for in ``mirror`` first. Raises ``DataError`` for an unknown name or a missing
    file, ``DataError`` or ``FormatError`` for a damaged one.
    """
    if name == "digits":
        return _digits()
    if name == "cifar10":
        return _cifar10(mirror)
    raise DataError(f"There are no images called {name!r}: use digits or cifar10.")


def stratified_order(labels: NDArray[np.integer], seed: int) -> NDArray[np.int64]:
    """Return (N,) indices such that every prefix holds the classes in their proportions.

    Within a class the order is a permutation drawn from ``seed``.
    """
    shuffled = np.random.default_rng(seed).permutation(len(labels))
    position = np.empty(len(labels))
    for label in np.unique(labels):
        members = shuffled[labels[shuffled] == label]
        position[members] = (np.arange(len(members)) + 0.5) / len(members)
    return shuffled[np.argsort(position[shuffled], kind="stable")]


@lru_cache(maxsize=1)
def _digits() -> Images:
    from sklearn.datasets import load_digits

    bundle = load_digits()
    pixels = bundle.images.astype(np.uint8)[:, None]  # values 0 to 16
    labels = bundle.target.astype(np.int64)
    order = stratified_order(labels, _DIGITS_SEED)
    train, test = order[:DIGITS_TRAIN], order[DIGITS_TRAIN:]
    return Images("digits", pixels[train], labels[train], pixels[test], labels[test], 1 / 16, 10)


def _cifar10(mirror: str | Path | None) -> Images:
    parts = [_decode(registry.find("cifar10", f"{part}.parquet", mirror)) for part in _PARTS]
    (train_x, train_y), (test_x, test_y) = parts
    return Images("cifar10", train_x, train_y, test_x, test_y, 1 / 255, 10)


_PARTS = ("train", "test")


def _decode(path: Path) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Return pixels (N, 3, 32, 32) and labels (N,) of a Parquet file of encoded images."""
    from PIL import Image, UnidentifiedImageError

    table = read_parquet(path, "fetch it again", ["image", "label"])
    try:
        encoded: list[Any] = table.column("image").to_pylist()
        pixels = np.stack(
            [np.asarray(Image.open(io.BytesIO(one)).convert("RGB")) for one in encoded]
        )
        labels = table.column("label").to_numpy().astype(np.int64)
    except (OSError, ValueError, TypeError, UnidentifiedImageError) as error:
        raise DataError(f"{path} holds no readable images ({error}): fetch it again.") from error
    return np.ascontiguousarray(pixels.transpose(0, 3, 1, 2)), labels
