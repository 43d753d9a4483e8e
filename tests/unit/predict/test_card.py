import json
from dataclasses import asdict

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from archloom.errors import DataError, FormatError
from archloom.predict import GNN, PSC, Normalisers, load_predictor
from archloom.predict.blocks.network import BlockNetwork, BlockShape
from archloom.predict.blocks.predictor import BlockPredictor
from archloom.predict.operators.network import OperatorNetwork, OperatorShape
from archloom.predict.operators.predictor import OperatorPredictor
from archloom.predict.range import TrainingRange
from archloom.views.operators import OPERATORS


@pytest.fixture
def saved(tmp_path, gnn_network):
    """The path of a GNN predictor with a full card."""
    predictor = GNN(gnn_network, normalisers=Normalisers(64, 32, 16))
    predictor.note(
        what="a test",
        labels={"nb201": {"mean": 0.9, "std": 0.1}},
        training={"epochs": 3},
        split="def",
        metrics={"srcc": 0.5},
    )
    predictor.save(tmp_path / "gnn.safetensors")
    return tmp_path / "gnn.safetensors"


def test_a_saved_predictor_predicts_the_same(saved, gnn_network, nb_like_graph):
    loaded = load_predictor(saved)
    assert isinstance(loaded, GNN)
    before = GNN(gnn_network, normalisers=Normalisers(64, 32, 16))
    assert loaded.predict([nb_like_graph]) == before.predict([nb_like_graph])


def test_the_card_travels_inside_the_file_and_beside_it(saved):
    loaded = load_predictor(saved)
    card = loaded.card
    assert (card.what, card.split, card.metrics) == ("a test", "def", {"srcc": 0.5})
    assert loaded.normalisers == Normalisers(64, 32, 16)
    beside = json.loads(saved.with_suffix(".json").read_text())
    assert beside["format"] == "archloom-predictor/2"
    assert beside["seen"]["op_vocabulary"][3] == "conv"
    saved.with_suffix(".json").unlink()
    assert load_predictor(saved).card == card


def test_others_may_read_the_file(saved):
    assert saved.stat().st_mode == saved.with_suffix(".json").stat().st_mode


def test_a_digest_tells_predictors_apart(saved, gnn_network, psc_network):
    loaded = load_predictor(saved)
    assert loaded.digest == GNN(gnn_network, loaded.card).digest
    assert loaded.digest != GNN(gnn_network).digest  # other normalisers
    assert loaded.digest != PSC(psc_network).digest


def test_another_kind_is_named(saved):
    with pytest.raises(FormatError, match="holds a gnn predictor, psc was asked for"):
        PSC.load(saved)


def test_published_checkpoints_get_a_card(goldens):
    psc = load_predictor(goldens.models / "psc.safetensors")
    assert (psc.card.kind, psc.card.target) == ("psc", "z-score")
    assert psc.normalisers == (256, 256, 512)


@pytest.mark.parametrize("share", [0, 0.01, 0.5, 0.99])
def test_a_truncated_file_is_refused(saved, share):
    content = saved.read_bytes()
    saved.write_bytes(content[: int(share * len(content))])
    with pytest.raises(FormatError, match="gnn.safetensors"):
        load_predictor(saved)


def test_a_truncated_npz_is_refused(tmp_path):
    path = tmp_path / "weights.npz"
    np.savez(path, a=np.ones(1000))
    path.write_bytes(path.read_bytes()[:700])
    with pytest.raises(FormatError, match=r"weights\.npz"):
        load_predictor(path)


def test_an_npz_with_pickled_objects_is_refused(tmp_path):
    path = tmp_path / "weights.npz"
    np.savez(path, a=np.array([{"no": "objects"}], dtype=object))
    with pytest.raises(FormatError, match=r"weights\.npz"):
        load_predictor(path)


def changed(path, change):
    """Rewrite a predictor file with other tensors or metadata."""
    with safe_open(path, framework="pt") as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        metadata = dict(file.metadata())
    change(tensors, metadata)
    save_file(tensors, path, metadata)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t, m: t.pop("regressor.bias"), "regressor.bias is missing"),
        (lambda t, m: t.update(extra=torch.ones(1)), "extra is unknown"),
        (lambda t, m: t.update({"regressor.bias": torch.ones(2)}), "regressor.bias is"),
        (
            lambda t, m: t.update({"regressor.bias": torch.full((1,), torch.nan)}),
            "not finite",
        ),
        (lambda t, m: m.update(card="{"), "not a predictor"),
        (lambda t, m: m.update(card='{"format": "other/1"}'), "not a predictor"),
        (lambda t, m: m.update(card=m["card"].replace('"conv"', '"convolution"')), "op vocabulary"),
        (lambda t, m: m.update(card=m["card"].replace('"what"', '"why"')), "why"),
    ],
)
def test_a_file_with_other_contents_is_refused(saved, change, message):
    changed(saved, change)
    with pytest.raises(FormatError, match=message):
        load_predictor(saved)


def test_foreign_files_are_refused(tmp_path):
    path = tmp_path / "other.safetensors"
    save_file({"weight": torch.ones(3)}, path)
    with pytest.raises(FormatError, match="no card, and its tensors are of no published file"):
        load_predictor(path)
    path.write_text("not weights at all")
    with pytest.raises(FormatError):
        load_predictor(path)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(DataError, match="nowhere"):
        load_predictor(tmp_path / "nowhere.safetensors")


# --- files of the formats before -----------------------------------------------------------------


def in_old_format(path, card):
    """Rewrite a predictor file with a card as the versions before wrote it."""
    changed(path, lambda _, metadata: metadata.update(card=json.dumps(card)))


def test_a_card_of_the_format_before_of_gnn_and_psc_is_read(saved, nb_like_graph):
    before = load_predictor(saved)
    old = {
        "format": "archloom-predictor/1",
        "kind": "gnn",
        "what": "a test",
        "output": "accuracy",
        "normalisers": {"height": 64, "width": 32, "channels": 16},
        "labels": {"nb201": {"mean": 0.9, "std": 0.1}},
        "config": {"epochs": 3},
        "op_vocabulary": before.card.seen["op_vocabulary"],
        "vocabulary": "abc",
        "split": "def",
        "metrics": {"srcc": 0.5},
        "code_version": "0.1.0",
        "range": None,
        "range_of": "nine graphs",
    }
    in_old_format(saved, old)
    found = load_predictor(saved)
    assert found.digest == before.digest
    assert found.predict([nb_like_graph]) == before.predict([nb_like_graph])
    assert found.card.seen == {**before.card.seen, "vocabulary": "abc"}
    assert (found.card.training, found.card.code_version) == ({"epochs": 3}, "0.1.0")
    assert (found.card.target, found.card.range_of) == ("accuracy", "nine graphs")
    found.save(saved)
    assert load_predictor(saved).card == found.card
    del old["range"], old["range_of"]  # the first files said nothing of it
    in_old_format(saved, old)
    assert load_predictor(saved).card.range is None


def test_a_card_of_the_format_before_of_blocks_is_read(tmp_path):
    path, networks = tmp_path / "b.safetensors", ["|".join(["e3k3,e6k7"] * 5)]
    before = BlockPredictor.of(BlockNetwork(BlockShape(width=8)).eval(), "ofa_mbv3", "acc")
    before.save(path)
    old = {
        "format": "archloom-block-predictor/1",
        "family": "ofa_mbv3",
        "target": "acc",
        "what": "",
        "shape": asdict(BlockShape(width=8)),
        "training": {"epochs": 3},
        "moments": True,
        "metrics": {"srcc": 0.5},
        "code_version": "0.1.0",
    }
    in_old_format(path, old)
    for found in (load_predictor(path), BlockPredictor.load(path)):
        np.testing.assert_array_equal(found.predict(networks), before.predict(networks))
        assert (found.family, found.card.target) == ("ofa_mbv3", "acc")
        assert found.card.seen["moments"] and found.card.metrics == {"srcc": 0.5}


def test_a_card_of_the_format_before_of_operators_is_read(tmp_path, nb_like_graph):
    path = tmp_path / "o.safetensors"
    before = OperatorPredictor.of(OperatorNetwork(OperatorShape(width=8)).eval(), "acc", ["Conv"])
    before.note(range=TrainingRange.of([nb_like_graph] * 3))
    before.save(path)
    old = {
        "format": "archloom-operator-predictor/1",
        "target": "acc",
        "what": "",
        "shape": asdict(OperatorShape(width=8)),
        "training": {},
        "metrics": {},
        "operators": ["Conv"],
        "vocabulary": list(OPERATORS),
        "code_version": "0.1.0",
        "range": {"limit": 0.5},
    }
    in_old_format(path, old)
    for found in (load_predictor(path), OperatorPredictor.load(path)):
        some = [nb_like_graph]
        np.testing.assert_array_equal(found.predict(some), before.predict(some))
        assert found.operators == ("Conv",) and found.card.range.limit == 0.5
        assert found.places(some)[0].inside


def test_a_card_of_a_later_format_is_refused_by_name(saved):
    changed(
        saved,
        lambda _, m: m.update(
            card=m["card"].replace("archloom-predictor/2", "archloom-predictor/9")
        ),
    )
    with pytest.raises(FormatError, match=r"archloom-predictor/9, .* reads archloom-predictor/2"):
        load_predictor(saved)
