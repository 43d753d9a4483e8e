"""Random changes of training images: mirror, zoom and shift."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from archloom.train.recipe import Recipe


def augment(batch: Tensor, recipe: Recipe, generator: torch.Generator) -> Tensor:
    """Return ``batch`` (N, C, H, W) with each image changed as the recipe says.

    Zoom and shift are drawn per image and axis, uniformly; pixels from outside repeat the border
    (Keras' "nearest"). ``generator`` is a CPU generator.
    """
    if not (recipe.flip or recipe.zoom or recipe.shift):
        return batch
    count = len(batch)
    draw = torch.rand(5, count, generator=generator).to(batch.device)
    mirror = torch.where(draw[0] < 0.5, -1.0, 1.0) if recipe.flip else torch.ones_like(draw[0])
    if not (recipe.zoom or recipe.shift):
        return torch.where((mirror < 0)[:, None, None, None], batch.flip(3), batch)
    theta = batch.new_zeros(count, 2, 3)
    theta[:, 0, 0] = mirror * (1 + recipe.zoom * (2 * draw[1] - 1))
    theta[:, 1, 1] = 1 + recipe.zoom * (2 * draw[2] - 1)
    theta[:, :, 2] = 2 * recipe.shift * (2 * draw[3:5].T - 1)
    grid = F.affine_grid(theta, list(batch.shape), align_corners=False)
    return F.grid_sample(batch, grid, padding_mode="border", align_corners=False)
