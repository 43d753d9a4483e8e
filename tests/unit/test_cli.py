"""The command line: what it prints, what it writes, and one message for bad input."""

import json
import re
import shutil
from importlib.metadata import version
from itertools import islice, product
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from archloom.execute.module import to_torch
from archloom.io import read_graph, read_model, write
from archloom.io.store import GraphStore, write_store
from archloom.io.weights import read_weights, write_weights
from archloom.predict import GNN, PSC
from archloom.predict.blocks.predictor import BlockPredictor
from archloom.predict.range import TrainingRange
from archloom.segments.tables import write_database
from archloom.spaces import nb201
from archloom.spaces.ofa_mobile import OFA_MBV3
from command_line import run
from search_world import make_network, make_world
from tensorflow_graphs import GraphDef


@pytest.fixture
def graph_file(tmp_path: Path) -> Path:
    write(make_network(), tmp_path / "graph.json")
    return tmp_path / "graph.json"


@pytest.fixture(scope="module")
def resources(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as the workflow leaves it, with an untrained GNN."""
    folder = tmp_path_factory.mktemp("resources")
    database, tokeniser = make_world()
    tokeniser.vocabulary.save(folder / "vocabulary.json")
    write_database(database, folder / "segments")
    (folder / "predictors" / "all").mkdir(parents=True)
    GNN().save(folder / "predictors" / "all" / "gnn.safetensors")
    return folder


def test_inspect_shows_size_and_costs(graph_file, capsys):
    assert run("inspect", graph_file) == 0
    shown = capsys.readouterr().out
    graph = make_network()
    assert graph.hash in shown and f"{graph.n_nodes}, {graph.n_edges}" in shown


def test_inspect_counts_the_graphs_of_a_store(tmp_path, capsys):
    write_store([make_network()] * 3, tmp_path / "many.parquet")
    assert run("inspect", tmp_path / "many.parquet") == 0
    assert "3 graphs (nb201: 3)" in capsys.readouterr().out


@pytest.mark.parametrize("ending", ["json", "onnx", "svg", "png", "parquet"])
def test_convert_writes_the_format_of_the_ending(graph_file, tmp_path, ending):
    assert run("convert", graph_file, tmp_path / f"out.{ending}") == 0
    assert (tmp_path / f"out.{ending}").stat().st_size > 100


@pytest.fixture
def tensorflow_file(tmp_path: Path) -> Path:
    """A small frozen graph with open sizes."""
    g = GraphDef()
    x = g.conv(g.input(-1, -1, -1, 3), np.full((3, 3, 3, 4), 0.1))
    g.op("Mean", g.op("Softplus", x), g.const([1, 2], "int32"))
    g.save(tmp_path / "model.pb")
    return tmp_path / "model.pb"


def test_models_are_shown_and_drawn(tensorflow_file, tmp_path, capsys):
    assert run("inspect", tensorflow_file, "--input-shape", "1,12,10,3") == 0
    shown = capsys.readouterr().out
    assert "softplus" in shown.lower() or "elementwise" in shown
    assert "fixed nodes" in shown and "inputs" in shown
    given = ("--input-shape", "input=1,12,10,3")
    assert run("draw", tensorflow_file, tmp_path / "model.svg", *given) == 0
    assert "<svg" in (tmp_path / "model.svg").read_text()


def test_convert_keeps_the_weights_of_a_model(tensorflow_file, tmp_path):
    given = ("--input-shape", "1,12,10,3")
    assert run("convert", tensorflow_file, tmp_path / "model.onnx", *given) == 0
    assert run("convert", tmp_path / "model.onnx", tmp_path / "model.json") == 0
    tensors, _ = read_weights(tmp_path / "model.weights.safetensors")
    graph, model = read_graph(tmp_path / "model.json"), read_model(tmp_path / "model.onnx")
    assert graph.hash == model.graph.hash and tensors.keys() == model.weights.keys()
    assert all(one.eq(0.1).all() for name, one in tensors.items() if name.endswith("weight"))
    beside = ("--weights", tmp_path / "model.weights.safetensors")
    assert run("convert", tmp_path / "model.json", tmp_path / "again.onnx", *beside) == 0
    assert read_model(tmp_path / "again.onnx").graph.hash == graph.hash


@pytest.mark.parametrize(
    ("shape", "message"),
    [("1,a,3", "write sizes such as"), ("1,12,10,4", "does not fit"), ("x=1,2,3,4", "'x' is no")],
)
def test_a_wrong_input_shape_is_told(tensorflow_file, capsys, shape, message):
    assert run("inspect", tensorflow_file, "--input-shape", shape) == 1
    assert message in capsys.readouterr().err


def test_an_input_shape_is_for_models(graph_file, capsys):
    assert run("inspect", graph_file, "--input-shape", "1,3,8,8") == 1
    assert "leave the option out" in capsys.readouterr().err


def test_draw_shows_segments_and_changes(graph_file, tmp_path, resources):
    words = resources / "vocabulary.json"
    assert run("draw", graph_file, tmp_path / "a.svg", "--vocabulary", words) == 0
    assert run("draw", graph_file, tmp_path / "b.svg", "--parent", graph_file) == 0
    assert (tmp_path / "a.svg").read_text() != (tmp_path / "b.svg").read_text()


def test_predict_ranks_the_graphs(graph_file, resources, capsys):
    assert run("predict", graph_file, "--resources", resources, "--kind", "gnn") == 0
    assert "1" in capsys.readouterr().out


def test_predict_loads_what_its_predictor_needs_alone(graph_file, tmp_path, resources, capsys):
    write(make_network(), tmp_path / "net.onnx")
    folder = tmp_path / "alone"
    shutil.copytree(resources / "predictors", folder / "predictors")
    both = graph_file, tmp_path / "net.onnx"
    assert run("predict", *both, "--resources", folder, "--kind", "gnn") == 0
    scores = re.findall(r"-?\d\.\d{4}", capsys.readouterr().out)
    assert len(scores) == 2
    gnn = folder / "predictors" / "all" / "gnn.safetensors"
    assert run("predict", graph_file, "--predictor", gnn, "--resources", tmp_path) == 0
    assert set(re.findall(r"-?\d\.\d{4}", capsys.readouterr().out)) < set(scores)


def test_predict_cuts_by_the_vocabulary_where_segments_are_judged(
    graph_file, tmp_path, resources, capsys
):
    PSC().save(tmp_path / "psc.safetensors")
    given = ("--predictor", tmp_path / "psc.safetensors")
    assert run("predict", graph_file, *given, "--resources", tmp_path) == 1
    assert "vocabulary.json is missing: `make artefacts`" in capsys.readouterr().err
    shutil.copy(resources / "vocabulary.json", tmp_path)
    assert run("predict", graph_file, *given, "--resources", tmp_path) == 0
    assert re.search(r"-?\d\.\d{4}", capsys.readouterr().out)
    assert run("predict", graph_file, "--resources", tmp_path, "--kind", "gnn") == 1
    assert "gnn.safetensors is missing" in capsys.readouterr().err


@pytest.mark.parametrize("unit", ["segment", "op"])
def test_optimise_writes_the_front(graph_file, tmp_path, resources, capsys, unit):
    options = ["--kind", "gnn", "--iterations", 1, "--top-k", 1, "--unit", unit]
    assert run("optimise", graph_file, tmp_path / "better", "--resources", resources, *options) == 0
    stats = json.loads((tmp_path / "better" / "stats.json").read_text())
    store = GraphStore(tmp_path / "better" / "front.parquet")
    assert len(store) == len(stats["front"]["members"])
    for rank, graph in enumerate(store, start=1):
        assert read_graph(tmp_path / "better" / f"rank_{rank}.json").hash == graph.hash
        assert (tmp_path / "better" / f"rank_{rank}.onnx").exists()
    assert "graphs scored" in capsys.readouterr().out


def test_optimise_takes_objectives_limits_and_weights(graph_file, tmp_path, resources, capsys):
    graph, better = make_network(), tmp_path / "better"
    write_weights(tmp_path / "own.safetensors", to_torch(graph).weights(), graph)
    options = ["--kind", "gnn", "--iterations", 2, "--top-k", 2, "--minutes", 60]
    options += ["--objective", "params", "--objective", "activations", "--constraint", "score>=-9"]
    options += ["--constraint", "params<=-5%", "--weights", tmp_path / "own.safetensors"]
    assert run("optimise", graph_file, better, "--resources", resources, *options) == 0
    front = json.loads((better / "stats.json").read_text())["front"]
    assert front["objectives"] == ["params", "activations"] and front["members"]
    assert all(entry["changes"]["params"] <= -5 for entry in front["members"])
    assert (better / "rank_1.weights.safetensors").exists()
    shown = capsys.readouterr()
    assert "kept" in shown.out
    assert "range is not known" in shown.err


def test_a_search_that_finds_nothing_says_why(graph_file, tmp_path, resources, capsys):
    options = ["--kind", "gnn", "--resources", resources, "--iterations", 1, "--top-k", 1]
    options += ["--constraint", "flops<=-99%"]
    assert run("optimise", graph_file, tmp_path / "better", *options) == 0
    shown = capsys.readouterr()
    assert "The nearest missed " in shown.err and "flops<=-99% (it has " in shown.err
    assert "misses a limit when measured" not in shown.out


def test_no_footnote_speaks_of_limits_that_nobody_set(graph_file, tmp_path, resources, capsys):
    options = ["--kind", "gnn", "--resources", resources, "--iterations", 1, "--top-k", 1]
    options += ["--objective", "flops", "--constraint", "score>=-9"]
    assert run("optimise", graph_file, tmp_path / "better", *options) == 0
    assert "rank" in (shown := capsys.readouterr().out) and "misses a limit" not in shown
    asked = ["--constraint", "flops<10"]
    assert run("optimise", graph_file, tmp_path / "other", *options[:-4], *asked) == 1
    assert "write flops<10%" in capsys.readouterr().err


def test_a_budget_replaces_the_number_of_rounds(graph_file, tmp_path, resources, capsys):
    options = ["--kind", "gnn", "--top-k", 1, "--resources", resources, "--minutes", 0.01]
    assert run("optimise", graph_file, tmp_path / "better", *options) == 0
    stats = json.loads((tmp_path / "better" / "stats.json").read_text())
    assert stats["stopped"] == "time" and stats["settings"]["iterations"] > 5
    assert "the time was up" in capsys.readouterr().err


def test_a_model_file_brings_its_own_weights(tmp_path, resources):
    graph, better = make_network(), tmp_path / "better"
    weights = to_torch(graph, seed=5).weights()
    write(graph, tmp_path / "own.onnx", weights)
    options = ["--kind", "gnn", "--iterations", 1, "--top-k", 1, "--family", "nb201"]
    options += ["--objective", "flops", "--constraint", "score>=-9", "--resources", resources]
    assert run("optimise", tmp_path / "own.onnx", better, *options) == 0
    tensors, card = read_weights(better / "rank_1.weights.safetensors")
    mine = {tensor.numpy().tobytes() for tensor in weights.values()}
    kept = [tensor for tensor in tensors.values() if tensor.numpy().tobytes() in mine]
    assert 0.3 < card["facts"]["coverage"] <= 1 and len(kept) > len(tensors) / 2


def test_networks_that_the_predictor_has_not_seen_are_told_of(tmp_path, resources, capsys):
    known, folder = nb201.sample(8, 0, nb201.REDUCED), tmp_path / "resources"
    shutil.copytree(resources, folder)
    predictor = GNN()
    predictor.note(range=TrainingRange.of(known))
    predictor.save(folder / "predictors" / "all" / "gnn.safetensors")
    write(known[0], tmp_path / "near.json")
    write(nb201.sample(1, 0, nb201.FULL)[0], tmp_path / "far.json")
    options = ["--resources", folder, "--kind", "gnn"]
    assert run("predict", tmp_path / "near.json", *options) == 0
    assert "range" not in capsys.readouterr().err
    assert run("predict", tmp_path / "near.json", tmp_path / "far.json", *options) == 0
    assert "1 of 2 networks, outside the predictor's range" in capsys.readouterr().err


@pytest.fixture(scope="module")
def block_table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """160 block networks with their mean expansion."""
    names = list(islice(OFA_MBV3.architectures(0), 160))
    expansions = [np.mean([int(block[1]) for block in re.split("[,|]", name)]) for name in names]
    path = tmp_path_factory.mktemp("blocks") / "table.parquet"
    pq.write_table(pa.table({"architecture": names, "width": expansions}), path)
    return path


def test_rank_units_writes_predictor_units_and_space(block_table, tmp_path, capsys):
    options = ["--target", "2*width - 1", "--top-k", "2", "--epochs", "2"]
    assert run("rank-units", block_table, tmp_path / "ranked", *options) == 0
    shown = capsys.readouterr().out
    assert "36,855 units scored" in shown and "16 test networks" in shown
    space = json.loads((tmp_path / "ranked" / "space.json").read_text())
    assert [len(units) for units in space["units"]] == [2] * 5
    assert all(one["blocks"] in shown for units in space["units"] for one in units)
    table = pq.read_table(tmp_path / "ranked" / "units.parquet")
    assert table.num_rows == len((tmp_path / "ranked" / "units.csv").read_text().split()) - 1
    predictor = BlockPredictor.load(tmp_path / "ranked" / "predictor.safetensors")
    assert predictor.card.target == "2*width - 1"


def test_rank_units_of_several_seeds_tells_how_far_they_agree(block_table, tmp_path, capsys):
    options = ["--target", "width", "--epochs", "1", "--seeds", "2", "--seed", "3"]
    options += ["--contexts", "0"]
    assert run("rank-units", block_table, tmp_path, *options) == 0
    shown = capsys.readouterr().out
    agreed = json.loads((tmp_path / "agreement.json").read_text())
    assert [one["unit"] for one in agreed] == [1, 2, 3, 4, 5]
    assert shown.count("mean rank correlation") == 5 and "seed 4: rank correlation" in shown
    table = pq.read_table(tmp_path / "units.parquet")
    files = ("predictor.safetensors", "predictor-seed4.safetensors")
    scores = [BlockPredictor.load(tmp_path / name).score_units().score for name in files]
    np.testing.assert_allclose(table["score"].to_numpy(), np.mean(scores, axis=0))
    np.testing.assert_allclose(table["spread"].to_numpy(), np.std(scores, axis=0, ddof=1))
    importance = json.loads((tmp_path / "importance.json").read_text())
    assert len(importance["features"]) == len(importance["values"]) == 2
    assert "Expansion" in shown and set(importance["values"][0]["Kernel"]) == {
        "kernel 3",
        "kernel 5",
        "kernel 7",
    }


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--target", "widht"], "did you mean width"),
        (["--family", "nb101"], "one of ofa_mbv3, ofa_mbv3_w10, ofa_pn, nb201, nb_macro."),
        (["--family", "nb201"], "use one of none, skip_connect"),
        (["--family", "ofa_pn"], "not a network of ofa_pn"),
        (["--epochs", "0"], "epochs = 0"),
    ],
)
def test_rank_units_says_what_is_wrong(block_table, tmp_path, capsys, options, message):
    assert run("rank-units", block_table, tmp_path / "ranked", *options) == 1
    assert message in capsys.readouterr().err.replace("\n", " ")
    assert not (tmp_path / "ranked").exists()


@pytest.fixture(scope="module")
def unit_space(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with space.json of 4 networks, and a table that knows 3 of them."""
    folder = tmp_path_factory.mktemp("space")
    pools = [["e3k3,e3k3", "e6k7,e6k7"], ["e4k3,e3k3"], ["e3k3,e3k3"], ["e3k3,e3k3"]]
    pools.append(["e3k3,e3k3", "e3k7,e4k3"])
    units = [[{"blocks": words, "score": 0.5} for words in pool] for pool in pools]
    content = {"format": "archloom-unit-space/1", "family": "ofa_mbv3", "target": "acc"}
    (folder / "space.json").write_text(json.dumps(content | {"units": units}))
    names = ["|".join(words) for words in product(*pools)][:3]
    columns = {"architecture": names, "acc": [0.5, 0.7, 0.6], "cost": [1.0, 3.0, 2.0]}
    columns |= {"resolution": [64] * 3}
    pq.write_table(pa.table(columns), folder / "known.parquet")
    return folder


def test_search_units_writes_the_front(unit_space, tmp_path, capsys):
    known = unit_space / "known.parquet"
    objectives = ["--objective", f"max:acc={known}", "--objective", f"cost={known}"]
    options = ["--to", tmp_path / "front", *objectives, "--networks", "1", "--resolution", "64"]
    assert run("search-units", unit_space / "space.json", *options) == 0
    shown = capsys.readouterr().out
    assert "4 networks evaluated" in shown and "untrained weights" in shown
    rows = (tmp_path / "front" / "front.csv").read_text().splitlines()[1:]
    assert sorted(float(row.split(",")[1]) for row in rows) == [0.5, 0.6, 0.7]
    assert read_graph(tmp_path / "front" / "network_1.onnx").n_nodes > 100


def test_evaluate_units_writes_every_network(unit_space, tmp_path, capsys):
    objective = ["--objective", f"max:acc={unit_space / 'known.parquet'}"]
    common = [unit_space / "space.json", "--to", tmp_path / "all.parquet", *objective]
    common += ["--state", tmp_path / "state", "--chunk", "1", "--resolution", "64"]
    assert run("evaluate-units", *common, "--shard", "2/2") == 0
    assert not (tmp_path / "all.parquet").exists()
    assert "part 2/2 of 4 networks" in capsys.readouterr().out
    assert run("evaluate-units", *common) == 0
    table = pq.read_table(tmp_path / "all.parquet")
    assert table["architecture"].to_pylist()[0].startswith("e3k3,e3k3|")
    assert np.isnan(table["acc"].to_numpy()).sum() == 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--objective", "acc=nothing.txt"], "is no source"),
        (["--objective", "max:acc=supernet"], "give --supernet and --images"),
        (["--objective", "a=measured", "--objective", "a=measured"], "give each name once"),
        (["--objective", "a=measured", "--images", "here"], "give the --supernet"),
        (["--objective", "a=measured", "--supernet", "none.pth"], "none.pth could not be read"),
    ],
)
def test_search_units_says_what_is_wrong(unit_space, tmp_path, capsys, options, message):
    to = ["--to", tmp_path / "front"]
    assert run("search-units", unit_space / "space.json", *to, *options) == 1
    assert message in capsys.readouterr().err.replace("\n", " ")
    assert not (tmp_path / "front").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["inspect", "nothing.json"], "could not be read"),
        (["predict", "GRAPH", "--resources", "nowhere"], "make artefacts"),
        (["convert", "GRAPH", "out.xyz"], "no known format"),
        (["predict", "GRAPH", "--kind", "lstm"], "psc or gnn"),
        (["predict", "GRAPH", "--kind", "gnn"], "resources/predictors/all/gnn.safetensors` makes"),
        (["rank-operators", "GRAPH", "x", "--predictor", "no.safetensors"], "train-operators"),
        (["draw", "GRAPH", "x.pdf"], ".svg or .png"),
        (["optimise", "GRAPH", "x", "--family", "nb2O1"], "no such family; write nb201, hiaml"),
        (["optimise", "GRAPH", "x", "--constraint", "flops=<3"], 'at "=<3"'),
    ],
)
def test_bad_input_ends_with_one_message(graph_file, tmp_path, capsys, arguments, message):
    words = [str(graph_file) if word == "GRAPH" else word for word in arguments]
    words = [str(tmp_path / word) if word == "out.xyz" else word for word in words]
    assert run(*words) == 1
    shown = capsys.readouterr()
    assert message in shown.err.replace("\n", " ") and "Traceback" not in shown.err


def test_a_wrong_option_says_how_to_call(capsys):
    assert run("inspect") == 2
    assert "Usage" in capsys.readouterr().err


def test_the_version_is_shown(capsys):
    assert run("--version") == 0
    assert capsys.readouterr().out.strip() == f"archloom {version('archloom')}"
