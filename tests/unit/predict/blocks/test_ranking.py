"""Rankings of units by several seeds, and the files that they leave."""

import json
from itertools import islice

import numpy as np
import pytest

from archloom.data.block_table import BlockTable
from archloom.predict.blocks.predictor import BlockPredictor
from archloom.predict.blocks.ranking import rank_units
from archloom.predict.blocks.task import BlockTraining
from archloom.spaces.ofa_mobile import OFA_MBV3


@pytest.fixture(scope="module")
def labels():
    names = tuple(islice(OFA_MBV3.architectures(0), 160))
    width = np.array([name.count("e6") for name in names], dtype=float)
    table = BlockTable("ofa_mbv3", names, {"width": width}, np.full(len(names), 224))
    return table.labelled("width")


def test_units_are_ranked_by_the_mean_of_the_seeds(labels, tmp_path):
    epochs = []
    found = rank_units(
        labels,
        BlockTraining(epochs=1),
        iter([4, 7]),
        contexts=0,
        on_epoch=lambda *given: epochs.append(given),
    )
    own = [one.score_units().score for one in found.predictors]
    np.testing.assert_allclose(found.scored.score, np.mean(own, axis=0))
    assert found.seeds == (4, 7) and len(epochs) == 2 and len(found.agreed) == 5
    found.write(tmp_path / "ranked", 2)
    files = {path.name for path in (tmp_path / "ranked").iterdir()}
    assert {"predictor.safetensors", "predictor-seed7.safetensors", "units.csv"} <= files
    again = BlockPredictor.load(tmp_path / "ranked" / "predictor-seed7.safetensors")
    np.testing.assert_array_equal(again.score_units().score, own[1])
    importance = json.loads((tmp_path / "ranked" / "importance.json").read_text())
    assert importance == json.loads(json.dumps(found.importance))
    space = json.loads((tmp_path / "ranked" / "space.json").read_text())
    assert [len(pool) for pool in space["units"]] == [2] * 5


def test_one_seed_has_nothing_to_agree_with(labels, tmp_path):
    found = rank_units(labels, BlockTraining(epochs=1), [0], contexts=0)
    found.write(tmp_path, 1)
    assert found.agreed == () and not (tmp_path / "agreement.json").exists()


def test_what_was_trained_before_a_break_is_not_trained_again(labels, tmp_path):
    epochs = []
    settings = BlockTraining(epochs=2)

    def stop_at_the_second_seed(record):
        epochs.append(record.epoch)
        if len(epochs) == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        rank_units(
            labels, settings, [0, 1], contexts=0, states=tmp_path, on_epoch=stop_at_the_second_seed
        )
    assert epochs == [1, 2, 1]
    found = rank_units(
        labels,
        settings,
        [0, 1],
        contexts=0,
        states=tmp_path,
        on_epoch=lambda record: epochs.append(record.epoch),
    )
    assert epochs[3:] == [2]  # of the second seed; the first was finished
    whole = rank_units(labels, settings, [0, 1], contexts=0)
    np.testing.assert_array_equal(found.scored.score, whole.scored.score)
