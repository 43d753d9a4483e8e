"""Photographs in one folder per class."""

import numpy as np
import pytest
from PIL import Image

from archloom.data.image_folder import ImageFolder, standardised
from archloom.errors import DataError


@pytest.fixture
def folder(tmp_path):
    for index, (name, size) in enumerate([("b", (80, 40)), ("a", (40, 60)), ("a", (32, 32))]):
        (tmp_path / name).mkdir(exist_ok=True)
        Image.new("RGB", size, (255, 128 * (name == "b"), 0)).save(tmp_path / name / f"{index}.png")
    (tmp_path / "a" / "notes.txt").write_text("no image")
    return tmp_path


def test_classes_are_numbered_by_name(folder):
    images = ImageFolder.read(folder)
    assert [path.name for path in images.paths] == ["1.png", "2.png", "0.png"]
    assert images.classes == (0, 0, 1)


def test_images_are_cropped_to_the_resolution(folder):
    (crops, classes), (rest, _) = ImageFolder.read(folder).batches(32, 2)
    assert crops.shape == (2, 32, 32, 3) and rest.shape == (1, 32, 32, 3)
    assert classes.tolist() == [0, 0]
    assert (crops == (255, 0, 0)).all() and (rest == (255, 128, 0)).all()


def test_the_centre_is_kept_at_seven_eighths(tmp_path):
    (tmp_path / "one").mkdir()
    columns = np.arange(64, dtype=np.uint8)
    picture = np.broadcast_to(columns[None, :, None], (64, 64, 3))
    Image.fromarray(np.ascontiguousarray(picture)).save(tmp_path / "one" / "x.png")
    ((crops, _),) = ImageFolder.read(tmp_path).batches(56, 1)  # resized to 64, as it is
    assert crops[0, 0, :, 0].tolist() == list(range(4, 60))


def test_channels_are_standardised_with_imagenets_moments():
    crops = np.zeros((1, 2, 2, 3), dtype=np.uint8)
    crops[..., 0] = 255
    values = standardised(crops)
    assert values.shape == (1, 3, 2, 2) and values.dtype == np.float32
    np.testing.assert_allclose(values[0, :, 0, 0], [0.515 / 0.229, -0.456 / 0.224, -0.406 / 0.225])


def test_a_share_follows_the_seed(folder):
    images = ImageFolder.read(folder)
    assert images.take(2, 1) == images.take(2, 1)
    assert len(images.take(2)) == 2 and len(images.take(9)) == 3
    assert images.take(2).identity != images.identity


def test_no_images_and_damaged_ones_are_named(folder, tmp_path):
    with pytest.raises(DataError, match="one folder per class"):
        ImageFolder.read(tmp_path / "nothing")
    (folder / "a" / "2.png").write_bytes(b"no picture")
    with pytest.raises(DataError, match=r"2\.png is no readable image"):
        list(ImageFolder.read(folder).batches(32, 3))
