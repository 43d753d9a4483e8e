"""Batch norms measured anew."""

import pytest
import torch

from archloom.errors import DataError
from archloom.execute.module import to_torch
from archloom.graph import GraphBuilder
from archloom.io.supernet import Supernet
from archloom.spaces.ofa_mobile import OFA_MBV3
from archloom.train.calibration import recalibrate


def network():
    b = GraphBuilder("two norms")
    x = b.unary("batchnorm", b.input(4, 4, 2))
    b.output(b.unary("batchnorm", b.unary("relu", b.conv(x, 3, 3))))
    return to_torch(b.build())


def batches(*sizes):
    generator = torch.Generator().manual_seed(0)
    return [3 + 2 * torch.randn(size, 2, 4, 4, generator=generator) for size in sizes]


def test_one_batch_gives_its_own_statistics():
    module, (batch,) = network(), batches(8)
    assert recalibrate(module, [batch]) == 8
    kept = module.weights()
    first = min(int(key.split(".")[0]) for key in kept if key.endswith(".mean"))
    torch.testing.assert_close(kept[f"{first}.mean"], batch.mean((0, 2, 3)))
    torch.testing.assert_close(kept[f"{first}.var"], batch.var((0, 2, 3), correction=0))
    calibrated = module(batch)
    torch.testing.assert_close(calibrated.mean((0, 2, 3)), torch.zeros(3), atol=1e-5, rtol=0)
    torch.testing.assert_close(calibrated, module.train()(batch))


def test_batches_count_by_their_images():
    module, parts = network(), batches(2, 6)
    recalibrate(module, parts)
    kept = module.weights()
    first = min(int(key.split(".")[0]) for key in kept if key.endswith(".mean"))
    means = [part.mean((0, 2, 3)) for part in parts]
    torch.testing.assert_close(kept[f"{first}.mean"], (2 * means[0] + 6 * means[1]) / 8)


def test_the_order_of_batches_and_what_was_there_before_do_not_count():
    parts = batches(3, 5, 4)
    one, other = network(), network()
    recalibrate(one, parts)
    recalibrate(other, batches(7))
    recalibrate(other, parts[::-1])
    for key, tensor in one.weights().items():
        torch.testing.assert_close(other.weights()[key], tensor)
    assert not any(module._forward_pre_hooks for module in one.modules())


def test_no_images_are_refused():
    with pytest.raises(DataError, match="at least one batch"):
        recalibrate(network(), [])


def test_a_calibrated_subnet_gives_numbers():
    small = OFA_MBV3.REDUCED
    supernet = Supernet.random("ofa_mbv3", skeleton=small)
    subnet = supernet.subnet("|".join(["e3k5,e4k3"] * 5), 16)
    images = torch.randn(6, 1, 16, 16)
    recalibrate(subnet, images.split(3))
    assert torch.isfinite(subnet(images)).all()
