"""Training of predictors whose embedding norms are ordered like the target (AutoBuild spec 2.4)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from archloom.errors import ConfigError, DataError
from archloom.train.loop import LoopSettings


@dataclass(frozen=True)
class NormTraining(LoopSettings):
    """How such a predictor is trained: squared error and, for the norms of the embeddings, a rank
    loss; AdamW, the last weights. A value out of range raises ``ConfigError``.

    batch_size    : networks per step
    weight_decay  : of AdamW
    rank_weight   : of the rank loss beside the squared error, 0 for none
    test_share    : of the networks, kept for the test

    The others are those of ``LoopSettings``.
    """

    epochs: int = 60
    batch_size: int = 128
    weight_decay: float = 1e-5
    rank_weight: float = 1.0
    test_share: float = 0.1

    LEAST: ClassVar[dict[str, int]] = {"epochs": 1, "batch_size": 2}

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("weight_decay", "rank_weight"):
            if not 0 <= getattr(self, name) < math.inf:
                raise ConfigError(f"{name} = {getattr(self, name)}: write 0 or more.")
        if not 0 < self.test_share < 1:
            raise ConfigError(f"test_share = {self.test_share}: write a number between 0 and 1.")

    def split(self, twins: Sequence[str]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return which networks are for training and for the test.

        twins : (N,) equal for networks that compute the same, which are not parted
        """
        groups: dict[str, list[int]] = {}
        for row, name in enumerate(twins):
            groups.setdefault(name, []).append(row)
        n_train = int((1 - self.test_share) * len(groups))
        order = np.random.default_rng(self.seed).permutation(len(groups))
        members = list(groups.values())
        train, test = (
            np.array([row for group in some for row in members[group]], dtype=np.int64)
            for some in (order[:n_train], order[n_train:])
        )
        if len(train) < self.batch_size or len(test) < 2:
            raise DataError(
                f"{len(twins)} networks are {len(train)} for training and {len(test)} for the "
                f"test: give at least one batch ({self.batch_size}) and 2, or change the settings."
            )
        return train, test
