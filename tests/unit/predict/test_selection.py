import pytest

from archloom.errors import DataError
from archloom.predict import GNN, load_predictor
from archloom.predict.gnn.network import new_network
from archloom.predict.selection import choose_predictor


def saved(folder, seed, dev, test=0.5, split="a"):
    metrics = {"dev_srcc": dev, "test": {"nb201": {"srcc": test}}}
    predictor = GNN(new_network(32, seed))
    predictor.note(split=split, metrics=metrics)
    path = folder / f"gnn-{seed}.safetensors"
    predictor.save(path)
    return path


def test_the_best_on_the_dev_graphs_is_chosen_and_the_spread_noted(tmp_path):
    paths = [
        saved(tmp_path, seed, dev, test)
        for seed, dev, test in ((0, 0.5, 0.6), (1, 0.9, 0.7), (2, 0.9, 0.8))
    ]
    best = choose_predictor(paths, [GNN])
    assert best.digest == load_predictor(paths[1]).digest
    spread = best.card.metrics["seeds"]
    assert spread["chosen"] == 1
    assert spread["dev_srcc"]["values"] == [0.5, 0.9, 0.9]
    assert spread["test_srcc"]["nb201"]["mean"] == pytest.approx(0.7)
    assert spread["test_srcc"]["nb201"]["std"] == pytest.approx(0.1)
    best.save(tmp_path / "best.safetensors")
    assert load_predictor(tmp_path / "best.safetensors").card.metrics["seeds"] == spread


def test_a_single_one_stays_as_it_is(tmp_path):
    path = saved(tmp_path, 0, 0.5)
    choose_predictor([path], [GNN]).save(tmp_path / "best.safetensors")
    assert (tmp_path / "best.safetensors").read_bytes() == path.read_bytes()


def test_an_undefined_correlation_is_the_lowest(tmp_path):
    paths = [saved(tmp_path, 0, None), saved(tmp_path, 1, -0.5)]
    assert choose_predictor(paths, [GNN]).card.metrics["seeds"]["chosen"] == 1


def test_predictors_of_several_splits_do_not_compare(tmp_path):
    paths = [saved(tmp_path, 0, 0.5), saved(tmp_path, 1, 0.6, split="b")]
    with pytest.raises(DataError, match="train them again"):
        choose_predictor(paths, [GNN])
