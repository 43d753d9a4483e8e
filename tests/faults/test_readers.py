"""Every reader of ours on truncated and on changed files: an error that names the file and says
what to do, never a crash.
"""

import json
import random
import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from archloom.config.models import read_models
from archloom.config.reading import load_config
from archloom.data import registry
from archloom.data.block_table import (
    BlockTable,
    read_block_table,
    read_sources,
    write_labelled,
)
from archloom.data.labels import Label, read_labels, write_labels
from archloom.data.splits import Split
from archloom.errors import ArchloomError
from archloom.execute.module import to_torch
from archloom.io import read_model
from archloom.io.exporting.file import write_onnx
from archloom.io.weights import read_weights, write_weights
from archloom.predict import GNN, PSC
from archloom.predict.blocks.network import BlockNetwork, BlockShape
from archloom.predict.blocks.predictor import BlockPredictor
from archloom.predict.operators.network import OperatorNetwork, OperatorShape
from archloom.predict.operators.predictor import OperatorPredictor
from archloom.search.archive import Archive
from archloom.search.graphs.evolution import evolve
from archloom.search.graphs.record import read_search
from archloom.search.units.space import FORMAT as SPACE_FORMAT
from archloom.search.units.space import UnitSpace
from archloom.segments.psc_index import read_psc_index, write_psc_index
from archloom.segments.ranking import SegmentRanking, read_ranking, write_ranking
from archloom.segments.tables import (
    INSTANCE_FILE,
    TOPOLOGY_FILE,
    read_database,
    write_database,
)
from archloom.segments.vocabulary import Vocabulary
from archloom.spaces import FAMILIES
from archloom.train.checkpoint import read_state, write_state
from archloom.train.latency_table import LatencyTable
from archloom.train.latency_table import read_table as read_latency_table
from archloom.train.measure import Failure, Measurement
from archloom.train.measurement import read_failures, write_measurement
from archloom.workflow.progress import State
from archloom.workflow.records import Content, Record
from report_world import make_run
from search_world import make_mutator, make_network, make_world
from tensorflow_graphs import GraphDef

ADVICE = re.compile(
    r"\b(again|delete|give|get|check|restore|use|make|run|fetch|train|write|name|unpack|change|correct|must|wanted)\b",
    re.I,
)
ABSENT = {"search settings", "search iteration"}
"""Kinds whose file need not be there: the work begins where it is missing."""
TABLES = {"labels", "instances", "topologies", "psc index", "ranking", "visited", "block table"}
TABLES |= {"search visited", "search accepted"}
LABEL = Label("0" * 32, "accuracy", "measured", "r", 0, 0.5, "fraction", "net", "nb201")


@dataclass(frozen=True)
class Kind:
    """A kind of file: ``make`` writes one below a folder and returns it, ``read`` reads it.

    is_text   a shorter file may be whole: a table of lines, or YAML
    """

    name: str
    make: Callable[[Path], Path]
    read: Callable[[Path], object]
    is_text: bool = False


def written(name: str, write: Callable[[Path], object]) -> Callable[[Path], Path]:
    """Make a file of this name with ``write``."""

    def make(folder: Path) -> Path:
        write(folder / name)
        return folder / name

    return make


def weights_file(folder: Path) -> Path:
    graph = make_network()
    write_weights(folder / "net.safetensors", to_torch(graph, seed=0).weights(), graph)
    return folder / "net.safetensors"


def weights_card(folder: Path) -> Path:
    return weights_file(folder).with_suffix(".json")


def tensorflow_file(path: Path) -> None:
    g = GraphDef()
    g.op(
        "Mean", g.conv(g.input(1, 12, 10, 3), np.full((3, 3, 3, 4), 0.1)), g.const([1, 2], "int32")
    )
    g.save(path)


def database_file(name: str) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        write_database(make_world()[0], folder)
        return folder / name

    return make


def module() -> tuple[torch.nn.Module, torch.optim.Optimizer]:
    net = torch.nn.Linear(3, 2)
    optimiser = torch.optim.Adam(net.parameters())
    net(torch.ones(1, 3)).sum().backward()
    optimiser.step()
    return net, optimiser


def save_training(path: Path) -> None:
    write_state(path, *module(), {"graph": "g"}, {"history": [], "seconds": 1.0}, {})


def search_file(name: str) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        evolve(make_network(), make_mutator(iterations=1), folder=folder)
        return folder / name

    return make


def open_search(path: Path) -> None:
    settings = json.loads((path.parent / "settings.copy").read_text())
    with Archive(path.parent, settings, ("score", "flops")) as archive:
        archive.visited()
        archive.networks(range(len(archive)))


def record_file(path: Path) -> None:
    content = {"a.json": Content("0" * 64, 3)}
    Record(
        "rule", {}, {}, 0, "c", content, content, "logs/rule/a.log", "here", "2026-01-01", 1.0
    ).write(path)


def block_table(path: Path) -> None:
    space = FAMILIES["ofa_mbv3"]
    names = tuple(islice(space.architectures(0), 20))
    metrics = {"acc": np.linspace(0, 1, 20)}
    write_labelled(BlockTable("ofa_mbv3", names, metrics, np.full(20, 224)), {"acc": "x"}, path)


def unit_space(path: Path) -> None:
    full = UnitSpace.full("nb201")
    units = [[{"blocks": one, "score": 0.0} for one in pool] for pool in full.pools]
    document = {"format": SPACE_FORMAT, "family": "nb201", "target": "acc", "units": units}
    path.write_text(json.dumps(document))


def search_record(name: str) -> Callable[[Path], Path]:
    return lambda folder: getattr(make_run(folder).files, name)


def read_record_of_search(path: Path) -> object:
    return read_search(path.parent / "stats.json", path.parent / "visited.parquet")


def psc_index(path: Path) -> None:
    write_psc_index([make_network()], make_world()[1], path)


def state_file(path: Path) -> None:
    State("rule", {}, "running", "here", 1, "", "logs/rule/a.log", 1.0).write(path)


def read_datasets(path: Path) -> object:
    registry._read_table.cache_clear()
    return registry.read_registry(path)


def copied(source: str) -> Callable[[Path], Path]:
    """Make a copy of a file of the project."""
    root = Path(__file__).parents[2]

    def make(folder: Path) -> Path:
        (folder / Path(source).name).write_bytes((root / source).read_bytes())
        return folder / Path(source).name

    return make


KINDS = [
    Kind("labels", written("l.parquet", lambda p: write_labels([LABEL] * 30, p)), read_labels),
    Kind("split", written("s.json", Split(("a", "b"), ("c",), ("d",)).save), Split.load),
    Kind(
        "vocabulary",
        written("v.json", lambda p: make_world()[1].vocabulary.save(p)),
        Vocabulary.load,
    ),
    Kind("instances", database_file(INSTANCE_FILE), lambda p: read_database(p.parent)),
    Kind("topologies", database_file(TOPOLOGY_FILE), lambda p: read_database(p.parent)),
    Kind("psc index", written("psc.parquet", psc_index), read_psc_index),
    Kind(
        "ranking",
        written("r.parquet", lambda p: write_ranking(SegmentRanking("d", "t", np.arange(9.0)), p)),
        read_ranking,
    ),
    Kind("weights", weights_file, read_weights),
    Kind("weights card", weights_card, lambda p: read_weights(p.with_suffix(".safetensors"))),
    Kind("gnn", written("gnn.safetensors", lambda p: GNN().save(p)), GNN.load),
    Kind("psc", written("psc.safetensors", lambda p: PSC().save(p)), PSC.load),
    Kind(
        "block predictor",
        written(
            "b.safetensors",
            lambda p: BlockPredictor.of(BlockNetwork(BlockShape()), "ofa_mbv3", "acc").save(p),
        ),
        BlockPredictor.load,
    ),
    Kind(
        "operator predictor",
        written(
            "o.safetensors",
            lambda p: OperatorPredictor.of(OperatorNetwork(OperatorShape()), "acc").save(p),
        ),
        OperatorPredictor.load,
    ),
    Kind(
        "latency table",
        written("t.json", LatencyTable({"conv": 1.0, "free": 0.0}).write),
        read_latency_table,
    ),
    Kind(
        "measurement",
        written(
            "m.json",
            lambda p: write_measurement(
                Measurement([LABEL], [Failure("g", "n", 0, "why")]), 2, p.with_suffix(".x"), p
            ),
        ),
        read_failures,
    ),
    Kind("search statistics", search_record("stats"), read_record_of_search),
    Kind("visited", search_record("visited"), read_record_of_search),
    Kind("search settings", search_file("settings.json"), open_search),
    Kind("search iteration", search_file("iteration-0001.json"), open_search),
    Kind("search visited", search_file("visited-0001.parquet"), open_search),
    Kind("search accepted", search_file("accepted-0001.parquet"), open_search),
    Kind(
        "block table",
        written("b.parquet", block_table),
        lambda p: read_block_table(p, FAMILIES["ofa_mbv3"]),
    ),
    Kind("sources", written("b.parquet", block_table), read_sources),
    Kind("unit space", written("space.json", unit_space), UnitSpace.read),
    Kind("record", written("r.json", record_file), Record.read),
    Kind("state", written("state.json", state_file), State.read),
    Kind(
        "training checkpoint",
        written("c.safetensors", save_training),
        lambda p: read_state(p, *module(), {"graph": "g"}),
    ),
    Kind(
        "onnx",
        written("net.onnx", lambda p: write_onnx(make_network(), p)),
        read_model,
    ),
    Kind("tensorflow", written("net.pb", tensorflow_file), read_model),
    Kind("datasets", copied("config/datasets.yaml"), read_datasets, is_text=True),
    Kind("settings", copied("config/combined.yaml"), lambda p: load_config([p]), is_text=True),
    Kind("models", copied("config/models.tsv"), read_models, is_text=True),
]


def whole_file(kind: Kind, folder: Path) -> Path:
    """Make a file of a kind; of a search, the settings to open it with lie beside it."""
    path = kind.make(folder)
    if path.parent.joinpath("settings.json").exists():
        settings = json.loads((path.parent / "settings.json").read_text())
        settings.pop("format")
        (path.parent / "settings.copy").write_text(json.dumps(settings))
    return path


@pytest.fixture(scope="module", params=KINDS, ids=lambda kind: kind.name.replace(" ", "-"))
def file(request, tmp_path_factory) -> tuple[Kind, Path, bytes]:
    """A whole file of each kind, its kind, and its bytes."""
    kind = request.param
    path = whole_file(kind, tmp_path_factory.mktemp("whole"))
    kind.read(path)
    return kind, path, path.read_bytes()


@pytest.mark.parametrize("eighth", range(8))
def test_a_truncated_file_is_refused_by_name_with_advice(file, eighth):
    kind, path, whole = file
    path.write_bytes(whole[: len(whole) * eighth // 8])
    try:
        kind.read(path)
        assert kind.is_text, f"{kind.name}: {eighth}/8 of the file passed for the whole"
    except ArchloomError as error:
        assert path.name in str(error) or path.parent.name in str(error), error
        assert ADVICE.search(str(error)), error
    finally:
        path.write_bytes(whole)


def test_changed_bytes_are_refused_or_do_no_harm(file):
    kind, path, whole = file
    draw = random.Random(0)
    try:
        for _ in range(25):
            place = draw.randrange(len(whole))
            bit = 1 << draw.randrange(8)
            path.write_bytes(whole[:place] + bytes([whole[place] ^ bit]) + whole[place + 1 :])
            with suppress(ArchloomError):
                kind.read(path)
    finally:
        path.write_bytes(whole)


def kinds(wanted: Callable[[Kind], bool]) -> pytest.MarkDecorator:
    """Run a test with the files of some kinds only."""
    chosen = [kind for kind in KINDS if wanted(kind)]
    names = [kind.name.replace(" ", "-") for kind in chosen]
    return pytest.mark.parametrize("file", chosen, indirect=True, ids=names, scope="module")


@kinds(lambda kind: kind.name not in ABSENT)
def test_a_missing_file_is_told_by_name(file, tmp_path):
    kind, path, _ = file
    whole = path.rename(tmp_path / "away")
    try:
        with pytest.raises(ArchloomError, match=re.escape(path.name)):
            kind.read(path)
    finally:
        whole.rename(path)


@kinds(lambda kind: kind.name in TABLES)
def test_no_reader_of_tables_takes_one_of_another_kind(file):
    kind, path, whole = file
    try:
        pq.write_table(pa.table({"x": [1]}), path)
        with pytest.raises(ArchloomError):
            kind.read(path)
    finally:
        path.write_bytes(whole)
