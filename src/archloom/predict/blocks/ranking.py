"""All units of a family, ranked by what predictors of several seeds learn of labelled networks."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from archloom.data.block_table import BlockLabels
from archloom.files import write_text
from archloom.predict.blocks.agreement import UnitAgreement, agreement, mean_ranking
from archloom.predict.blocks.importance import value_importance
from archloom.predict.blocks.predictor import BlockPredictor
from archloom.predict.blocks.scores import ScoredUnits
from archloom.predict.blocks.task import BlockTraining
from archloom.train.loop import OnEpoch


@dataclass(frozen=True)
class UnitRanking:
    """What predictors of several seeds say of units.

    predictors  one per seed, the first seed first
    seeds       their seeds
    scored      all units with the mean of their scores
    agreed      how far the predictors agree on each unit, empty for one predictor
    """

    predictors: tuple[BlockPredictor, ...]
    seeds: tuple[int, ...]
    scored: ScoredUnits
    agreed: tuple[UnitAgreement, ...]

    @cached_property
    def importance(self) -> dict[str, list[Any]]:
        """What every predictor says of features and of their values, a list per seed."""
        return {
            "features": [one.card.metrics["importance"] for one in self.predictors],
            "values": [value_importance(one.network, one.family) for one in self.predictors],
        }

    def write(self, folder: Path, top_k: int) -> None:
        """Write predictors, units, importance and agreement to ``folder``, and as space.json the
        ``top_k`` best units of each place. Raises ``DataError`` when the place is not writable.
        """
        for seed, predictor in zip(self.seeds, self.predictors, strict=True):
            suffix = "" if seed == self.seeds[0] else f"-seed{seed}"
            predictor.save(folder / f"predictor{suffix}.safetensors")
        for name in ("units.parquet", "units.csv"):
            self.scored.write(folder / name)
        self.scored.write_space(folder / "space.json", top_k)
        _write_json(folder / "importance.json", self.importance)
        if self.agreed:
            _write_json(folder / "agreement.json", [one.to_dict() for one in self.agreed])


def rank_units(
    labels: BlockLabels,
    settings: BlockTraining,
    seeds: Iterable[int],
    *,
    contexts: int = 3,
    states: Path | None = None,
    on_epoch: OnEpoch | None = None,
) -> UnitRanking:
    """Train a predictor for each of ``seeds`` on ``labels`` and rank all units by the mean of what
    they say.

    contexts   networks that a unit is put into to be scored; 0: by the norm of its embedding
    states     folder that keeps the trainings, which go on from there when they were broken off
    on_epoch   called with the record of every epoch, of one predictor after the other

    Raises ``ConfigError`` and ``DataError`` as ``BlockPredictor.fit`` does.
    """
    trained = {
        seed: BlockPredictor.fit(
            labels,
            replace(settings, seed=seed),
            on_epoch=on_epoch,
            checkpoint=states and states / f"seed{seed}.safetensors",
            checkpoint_seconds=0,  # also after the last epoch, so that no seed is trained again
        )
        for seed in seeds
    }
    rankings = [one.score_units(contexts=contexts) for one in trained.values()]
    agreed = agreement(rankings) if len(rankings) > 1 else []
    scored = mean_ranking(rankings)
    return UnitRanking(tuple(trained.values()), tuple(trained), scored, tuple(agreed))


def _write_json(path: Path, content: object) -> None:
    write_text(path, json.dumps(content, indent=1) + "\n")
