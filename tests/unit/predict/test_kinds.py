"""The one table of kinds: what else names them says the same, every kind is a predictor, a file of
any kind opens, and a new kind needs a folder and a line.
"""

import ast
import inspect
import re
import shutil
import sys
import textwrap
from types import SimpleNamespace
from typing import get_args

import numpy as np
import pytest
import torch
import typer.main

from archloom.cli.app import app
from archloom.cli.arguments import chosen_kind
from archloom.config import Config
from archloom.errors import ConfigError, FormatError
from archloom.graph import autogo_order
from archloom.predict import GNN, PSC, load_predictor
from archloom.predict.blocks.network import BlockNetwork, BlockShape
from archloom.predict.blocks.predictor import BlockPredictor
from archloom.predict.kinds import KINDS, Entry
from archloom.predict.operators.network import OperatorNetwork, OperatorShape
from archloom.predict.operators.predictor import OperatorPredictor
from archloom.predict.predictor import NetworkPredictor, Predictor
from archloom.report.autogo.words import predictor_sentences
from archloom.spaces import nb201
from archloom.workflow.digest import source_digest

SCORING = {name for name, entry in KINDS.items() if entry.scores_graphs}
FOLDER = "src/archloom/predict"
CELL = "|nor_conv_3x3~0|+|none~0|none~1|+|skip_connect~0|none~1|none~2|"


def in_threes(graph):
    starts = [*range(0, graph.n_nodes, 3), graph.n_nodes]
    return SimpleNamespace(order=autogo_order(graph), starts=np.array(starts))


@pytest.fixture(scope="module")
def examples():
    """A predictor of every kind, and networks as it takes them."""
    torch.manual_seed(0)
    graphs = nb201.sample(3, 0, nb201.REDUCED)
    cells = [CELL, CELL.replace("3x3", "1x1")]
    operators = OperatorPredictor.of(OperatorNetwork(OperatorShape()).eval(), "x")
    blocks = BlockPredictor.of(BlockNetwork(BlockShape(slots=3)).eval(), "nb201", "x")
    return {
        "gnn": (GNN(), graphs),
        "psc": (PSC(segment=in_threes), graphs),
        "operators": (operators, graphs),
        "blocks": (blocks, cells),
    }


def test_every_kind_is_a_folder_of_its_name_with_the_same_files(project):
    folders = {
        path.parent.name
        for path in (project / FOLDER).glob("*/predictor.py")
        if (path.parent / "task.py").exists()
    }
    assert folders == set(KINDS)
    for name, entry in KINDS.items():
        assert entry.load().kind == name
        assert entry.module == f"archloom.predict.{name}.predictor"


def test_the_settings_offer_the_kinds_that_score_graphs():
    field = type(Config().predictor).model_fields["kind"]
    assert set(get_args(field.annotation)) == SCORING
    assert all(f"{name}:" in field.description for name in SCORING)


def test_the_rules_know_the_same_kinds(project):
    text = (project / "rules" / "common.smk").read_text()
    (pattern,) = re.findall(r'^    kind="([^"]*)",$', text, re.MULTILINE)
    assert set(pattern.split("|")) == SCORING


def test_the_command_line_offers_the_same_kinds():
    for name in SCORING:
        assert chosen_kind(name) == name
    with pytest.raises(ConfigError) as error:
        chosen_kind("oracle")
    assert all(name in str(error.value) for name in SCORING)
    helps = [
        option.help
        for command in typer.main.get_command(app).commands.values()
        for option in command.params
        if option.name == "kind"
    ]
    assert len(helps) >= 2
    assert all(re.search(rf"\b{name}\b", text) for text in helps for name in SCORING)


def test_reports_name_the_kinds_in_the_same_words():
    for name in SCORING:
        settings = Config(predictor={"kind": name}).model_dump(mode="json")
        assert KINDS[name].words in predictor_sentences(settings, {})[0]


@pytest.mark.parametrize("name", KINDS)
def test_every_kind_is_a_predictor(name, examples, tmp_path):
    predictor, networks = examples[name]
    assert isinstance(predictor, Predictor) and isinstance(predictor, NetworkPredictor)
    for method in ("predict", "places", "save", "load"):
        wanted = list(inspect.signature(getattr(Predictor, method)).parameters)
        found = list(inspect.signature(getattr(type(predictor), method)).parameters.values())
        assert len(found) >= len(wanted), method
        assert all(one.default is not one.empty for one in found[len(wanted) :]), method
    scores = predictor.predict(networks)
    assert scores.shape == (len(networks),) and scores.dtype == np.float64
    np.testing.assert_allclose(predictor.predict(networks[::-1]), scores[::-1], rtol=1e-5)
    assert predictor.places(networks) == [None] * len(networks)
    assert re.fullmatch("[0-9a-f]{16}", predictor.digest)
    assert predictor.card.kind == name == predictor.kind and predictor.card.target


@pytest.mark.parametrize("name", KINDS)
def test_a_file_of_any_kind_opens(name, examples, tmp_path):
    predictor, networks = examples[name]
    path = tmp_path / "p.safetensors"
    predictor.save(path)
    again = load_predictor(path, segment=in_threes)
    assert type(again) is type(predictor) and again.card == predictor.card
    assert again.digest == predictor.digest
    np.testing.assert_array_equal(again.predict(networks), predictor.predict(networks))
    others = tuple(entry.load() for other, entry in KINDS.items() if other != name)
    with pytest.raises(FormatError, match=rf"holds a {name} predictor, .* was asked for"):
        load_predictor(path, kinds=others)
    assert type(load_predictor(path, kinds=[type(predictor)])) is type(predictor)


def test_published_files_of_both_systems_open(data_folder):
    for file, name in (
        ("autogo_models/gnn.safetensors", "gnn"),
        ("autogo_models/psc.npz", "psc"),
        ("autobuild_models/ofa_pn_acc.safetensors", "blocks"),
    ):
        assert load_predictor(data_folder / file).kind == name


# --- a new kind ----------------------------------------------------------------------------------

TOY = '''
    """The kind ``toy``: the number of nodes, times a factor that is learnt."""

    import numpy as np
    import torch

    from archloom.predict.card import Card
    from archloom.predict.predictor import NetworkPredictor
    from archloom.train.loop import LoopSettings, backward, seeded, train


    class Task:
        dev = None

        def __init__(self, network, graphs, labels):
            self.network, self.labels = network, torch.tensor(labels, dtype=torch.float32)
            self.sizes = torch.tensor([[float(one.n_nodes)] for one in graphs])
            self.digest = repr((self.sizes, self.labels))

        def batches(self, rng):
            return [rng.permutation(len(self.sizes))]

        def gradient(self, batch):
            rows = torch.from_numpy(batch)
            error = self.network(self.sizes[rows])[:, 0] - self.labels[rows]
            return backward(error.square().mean(), self.network, 1.0)

        def optimiser(self):
            return torch.optim.SGD(self.network.parameters(), lr=0.1)


    class Toy(NetworkPredictor):
        kind = "toy"

        @classmethod
        def build(cls, card):
            return torch.nn.Linear(1, 1, bias=card.shape["bias"])

        @classmethod
        def fit(cls, graphs, labels, checkpoint=None, on_epoch=None):
            card = Card("toy", target="nodes", shape={"bias": False})
            settings = LoopSettings(epochs=40, learning_rate=0.05)
            network = seeded(lambda: cls.build(card), settings.seed)
            task = Task(network, graphs, labels)
            train(task, settings, checkpoint=checkpoint, on_epoch=on_epoch)
            return cls(network, card)

        def predict(self, graphs):
            sizes = torch.tensor([[float(one.n_nodes)] for one in graphs])
            with torch.no_grad():
                return self.network(sizes)[:, 0].double().numpy()
'''


class Stop(Exception):
    """Raised in place of a kill."""


@pytest.fixture
def toy(tmp_path, monkeypatch):
    """A folder with a predictor, and a line of the table: all that a kind is."""
    folder = tmp_path / "toy_kind"
    folder.mkdir()
    (folder / "__init__.py").write_text("")
    (folder / "predictor.py").write_text(textwrap.dedent(TOY))
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setitem(KINDS, "toy", Entry("toy_kind.predictor", "Toy", "nodes, counted"))
    yield KINDS["toy"].load()
    for name in [name for name in sys.modules if name.startswith("toy_kind")]:
        del sys.modules[name]


def test_a_new_kind_trains_resumes_and_opens(toy, tmp_path):
    graphs = nb201.sample(12, 0, nb201.REDUCED)
    labels = [0.5 * graph.n_nodes for graph in graphs]

    def stop(record):
        if record.epoch == 7:
            raise Stop

    state = tmp_path / "state.safetensors"
    whole = toy.fit(graphs, labels)
    with pytest.raises(Stop):
        toy.fit(graphs, labels, state, stop)
    predictor = toy.fit(graphs, labels, state)
    assert predictor.digest == whole.digest
    predictor.save(tmp_path / "toy.safetensors")
    again = load_predictor(tmp_path / "toy.safetensors")
    assert type(again) is toy and isinstance(again, Predictor)
    np.testing.assert_allclose(again.predict(graphs), labels, rtol=0.05)
    assert again.places(graphs) == [None] * 12


def test_a_kind_that_this_version_lacks_is_named(toy, tmp_path, monkeypatch):
    toy.fit(nb201.sample(4, 0, nb201.REDUCED), [1.0] * 4).save(tmp_path / "toy.safetensors")
    monkeypatch.delitem(KINDS, "toy")
    with pytest.raises(FormatError, match="of kind 'toy', known are psc, gnn, blocks, operators"):
        load_predictor(tmp_path / "toy.safetensors")


# --- what code depends on ------------------------------------------------------------------------


def test_the_table_and_the_card_import_no_kind(project):
    for name in ("kinds", "card", "predictor", "labels", "norms/training"):
        text = (project / FOLDER / f"{name}.py").read_text()
        found = {
            node.module
            for node in ast.walk(ast.parse(text))
            if isinstance(node, ast.ImportFrom) and node.module
        }
        assert not {one for one in found if any(f"predict.{kind}" in one for kind in KINDS)}, name


def test_only_the_command_line_and_people_use_the_whole_table(project):
    """A rule's digest follows imports, which the table has none of: what is below a rule names its
    kinds.
    """
    for path in [
        *(project / "workflow" / "scripts").glob("*.py"),
        *(project / "src" / "archloom").rglob("*.py"),
    ]:
        if {"cli", "predict"} & set(path.relative_to(project).parts) - {"selection.py"}:
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "load_predictor":
                assert "kinds" in {one.arg for one in node.keywords}, path


@pytest.mark.parametrize(
    ("file", "rules"),
    [
        ("psc/task.py", {"train_predictor", "search_graphs", "import_predictor"}),
        ("blocks/network.py", {"rank_units"}),
        ("operators/network.py", set()),
    ],
)
def test_a_change_of_one_kind_runs_only_the_rules_that_name_it(file, rules, project, tmp_path):
    scripts = {"train_predictor", "search_graphs", "import_predictor", "rank_units"}
    code = [tmp_path / name / "archloom" for name in ("before", "after")]
    for folder in code:
        shutil.copytree(project / "src" / "archloom", folder)
    with (code[1] / "predict" / file).open("a") as stream:
        stream.write("\nCHANGED = 1\n")
    changed = {
        name
        for name in scripts
        for path in [project / "workflow" / "scripts" / f"{name}.py"]
        if source_digest(path, source=code[0]) != source_digest(path, source=code[1])
    }
    assert changed == rules
