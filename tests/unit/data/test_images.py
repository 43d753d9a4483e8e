import hashlib

import numpy as np
import pytest

from archloom.data import images as module
from archloom.data.images import load_images, stratified_order
from archloom.errors import DataError, FormatError


def test_digits_have_a_fixed_stratified_split():
    images = load_images("digits")
    assert (images.train_x.shape, images.test_x.shape) == ((600, 1, 8, 8), (1197, 1, 8, 8))
    assert images.shape == (8, 8, 1)
    counts = np.bincount(np.concatenate([images.train_y, images.test_y]))
    shares = np.bincount(images.train_y) / counts
    assert np.abs(shares - 600 / 1797).max() < 0.01
    assert images.train_x.max() * images.scale == 1
    digest = hashlib.sha256(images.train_x.tobytes() + images.train_y.tobytes()).hexdigest()
    assert digest[:16] == "1f127939885aa2cb"


def test_train_and_test_digits_are_all_digits():
    from sklearn.datasets import load_digits

    images = load_images("digits")
    together = np.concatenate([images.train_x, images.test_x])[:, 0]
    wanted = load_digits().images.astype(np.uint8)
    assert sorted(one.tobytes() for one in together) == sorted(one.tobytes() for one in wanted)


def test_every_prefix_is_stratified():
    labels = np.array([0] * 30 + [1] * 10)
    order = stratified_order(labels, 5)
    assert sorted(order.tolist()) == list(range(40))
    for length in range(4, 41):
        assert abs((labels[order[:length]] == 1).sum() - length / 4) <= 1
    assert order.tolist() == stratified_order(labels, 5).tolist()
    assert order.tolist() != stratified_order(labels, 6).tolist()


def test_an_unknown_dataset_is_an_error():
    with pytest.raises(DataError, match="no images called 'mnist': use digits or cifar10"):
        load_images("mnist")


def test_cifar10_test_images(data_folder):
    from archloom.data import registry

    pixels, labels = module._decode(registry.find("cifar10", "test.parquet"))
    assert pixels.shape == (10_000, 3, 32, 32)
    assert np.bincount(labels).tolist() == [1000] * 10
    assert 100 < pixels.mean() < 140


def test_a_damaged_image_file_is_explained(tmp_path):
    import pyarrow as arrow
    import pyarrow.parquet as parquet

    path = tmp_path / "train.parquet"
    parquet.write_table(arrow.table({"image": [b"no picture"], "label": [1]}), path)
    with pytest.raises(DataError, match="holds no readable images"):
        module._decode(path)
    path.write_bytes(b"PAR1")
    with pytest.raises(FormatError, match="fetch it again"):
        module._decode(path)
