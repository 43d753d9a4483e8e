import torch

from archloom.train.augment import augment
from archloom.train.recipe import Recipe


def batch():
    return torch.arange(2 * 64.0).reshape(2, 1, 8, 8).repeat(16, 1, 1, 1)


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def test_nothing_changes_without_augmentation():
    assert augment(batch(), Recipe(), generator()) is not None
    assert torch.equal(augment(batch(), Recipe(), generator()), batch())


def test_flips_mirror_some_images_and_leave_the_others():
    images = batch()
    changed = augment(images, Recipe(flip=True), generator())
    mirrored = [torch.equal(new, old.flip(2)) for new, old in zip(changed, images, strict=True)]
    kept = [torch.equal(new, old) for new, old in zip(changed, images, strict=True)]
    assert all(a != b for a, b in zip(mirrored, kept, strict=True))
    assert 4 < sum(mirrored) < 28


def test_zoom_and_shift_move_the_content_within_bounds():
    images = torch.zeros(64, 1, 9, 9)
    images[:, :, 4, 4] = 1  # the centre stays under zoom
    zoomed = augment(images, Recipe(zoom=0.2), generator())
    torch.testing.assert_close(zoomed[:, 0, 4, 4], torch.ones(64))
    shifted = augment(images, Recipe(shift=1 / 9), generator())
    rows = (shifted.sum((1, 3)) * torch.arange(9.0)).sum(1) / shifted.sum((1, 2, 3))
    assert float((rows - 4).abs().max()) <= 1 + 1e-4
    assert float(rows.std()) > 0.2


def test_the_border_is_repeated():
    images = torch.full((8, 1, 6, 6), 3.0)
    changed = augment(images, Recipe(zoom=0.2, shift=0.3), generator())
    torch.testing.assert_close(changed, images)


def test_augmentation_repeats_itself():
    recipe = Recipe(flip=True, zoom=0.2, shift=0.1)
    first, again = (augment(batch(), recipe, generator(3)) for _ in range(2))
    assert torch.equal(first, again)
