"""``archloom train-operators``, ``rank-operators``, ``rank-segments`` and a search that draws by a
ranking.
"""

import numpy as np
import pytest

from archloom.data.labels import write_labels
from archloom.data.sources import pseudo_labels
from archloom.io import write
from archloom.io.store import write_store
from archloom.predict import GNN
from archloom.predict.operators.predictor import OperatorPredictor
from archloom.segments.ranking import read_ranking
from archloom.segments.tables import write_database
from archloom.spaces import hiaml, nb201
from command_line import run
from search_world import make_network, make_world


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder as the workflow leaves it, with labelled graphs and a predictor trained on them."""
    home = tmp_path_factory.mktemp("resources")
    database, tokeniser = make_world()
    tokeniser.vocabulary.save(home / "vocabulary.json")
    write_database(database, home / "segments")
    (home / "predictors" / "all").mkdir(parents=True)
    GNN().save(home / "predictors" / "all" / "gnn.safetensors")
    graphs = nb201.sample(60, 0, nb201.REDUCED)
    write_store(graphs, home / "graphs.parquet")
    shares = [float((graph.kernel[:, 0] == 3).mean()) for graph in graphs]
    write_labels(pseudo_labels(graphs, shares, "toy"), home / "labels.parquet")
    trained = run(
        "train-operators", home / "graphs.parquet", home / "labels.parquet",
        home / "operators.safetensors", "--epochs", 2, "--target", "-accuracy",
    )  # fmt: skip
    assert trained == 0
    return home


def test_the_predictor_knows_its_target(folder):
    predictor = OperatorPredictor.load(folder / "operators.safetensors")
    assert predictor.card.target == "-accuracy"
    assert predictor.predict(nb201.sample(5, 0, nb201.REDUCED)).max() < 0


def test_operators_of_a_model_file_are_ranked(folder, tmp_path, capsys):
    write(make_network(), tmp_path / "my.onnx")
    weights = folder / "operators.safetensors"
    assert run("rank-operators", tmp_path / "my.onnx", tmp_path, "--predictor", weights) == 0
    printed = capsys.readouterr()
    assert "BatchNormalization" in printed.out and "outside" not in printed.err
    assert (tmp_path / "operators.csv").exists() and (tmp_path / "operators.svg").exists()


def test_strange_networks_and_operators_are_told_of(folder, tmp_path, capsys):
    graph = hiaml.sample(1, 0, hiaml.FULL)[0]
    write(graph, tmp_path / "my.json")
    weights = folder / "operators.safetensors"
    assert run("rank-operators", tmp_path / "my.json", tmp_path, "--predictor", weights) == 0
    told = capsys.readouterr().err
    assert "outside the predictor's range" in told
    assert "did not occur in training" in told and "Clip" in told


def test_segments_are_ranked_for_a_search(folder, tmp_path, capsys):
    ranking, network = tmp_path / "ranking.parquet", tmp_path / "graph.json"
    write(make_network(), network)
    weights = folder / "operators.safetensors"
    assert run("rank-segments", folder / "segments", ranking, "--predictor", weights) == 0
    database = make_world()[0]
    read_ranking(ranking).check(database)
    wanted = OperatorPredictor.load(weights).score_segments([database.graph(7)])
    np.testing.assert_allclose(read_ranking(ranking).scores[7], wanted[0], rtol=1e-4)
    search = ("--resources", folder, "--kind", "gnn", "--iterations", 1, "--top-k", 1)
    assert run("optimise", network, tmp_path, *search, "--segment-ranking", ranking) == 0
    assert "graphs scored" in capsys.readouterr().out
