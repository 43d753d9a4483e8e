"""Where accuracies come from."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from archloom.config.base import FamilyName, Section


class Recipe(Section):
    """How a network is trained to measure its accuracy; null: as the recipe of the dataset says."""

    dataset: Literal["digits", "cifar10"] = "digits"
    """Images: scikit-learn's digits (8x8, no download) or CIFAR-10 (32x32, data folder)."""
    short: bool = False
    """Begin with the dataset's short recipe (cifar10: 12 epochs instead of the paper's 200)."""
    epochs: int | None = Field(default=None, ge=1, le=10_000)
    """Passes over the training images."""
    batch_size: int | None = Field(default=None, ge=1, le=65_536)
    """Images per step."""
    learning_rate: float | None = Field(default=None, gt=0, le=10)
    """Highest learning rate; it follows a cosine down to nearly zero."""
    optimiser: Literal["adam", "sgd", "rmsprop"] | None = None
    """Update rule of the weights."""
    precision: Literal["float32", "bfloat16", "float16"] | None = None
    """Of convolutions and matmuls; float16 needs a GPU. Weights and loss stay in float32."""
    channels_last: bool | None = None
    """Lay images out as (N, H, W, C), which is faster on most processors."""

    @model_validator(mode="after")
    def _short_recipe_exists(self) -> Recipe:
        """Only CIFAR-10 has a short recipe."""
        if self.short and self.dataset != "cifar10":
            raise ValueError(
                f"short is true, but {self.dataset} has no short recipe; add dataset: cifar10, or "
                "leave short out"
            )
        return self


class Labels(Section):
    """Where the accuracies of the families come from."""

    source: dict[FamilyName, Literal["trained", "benchmark", "pseudo"]] = {
        "nb201": "trained",
        "hiaml": "trained",
        "two_path": "trained",
    }
    """Per family: trained (measured here), benchmark (public table), pseudo (a predictor)."""
    recipe: Recipe = Recipe()
    """Training recipe of the source `trained`."""
    seeds: int = Field(default=1, ge=1, le=100)
    """Trainings per graph of the source `trained`."""
    device: Literal["cpu", "cuda", "auto"] = "auto"
    """Where the source `trained` trains; auto: on a GPU where there is one."""
    jobs: int = Field(default=1, ge=1, le=1000)
    """Jobs that each family's trainings are split into; labels do not depend on it."""
    n_jobs: int = Field(default=2, ge=1, le=1024)
    """Networks that a job trains at once, each in its own process; a GPU is shared by all."""
    noise_graphs: int = Field(default=40, ge=0)
    """Number of graphs per family that are trained with more seeds, to know the label noise."""
    noise_seeds: int = Field(default=3, ge=2, le=100)
    """Trainings of each of those graphs."""
    pseudo_predictor: str = "data:autogo_models/gnn.safetensors"
    """Weights that the source `pseudo` uses: data:DATASET/FILE or a path."""
