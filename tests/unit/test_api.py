"""The public names: all there, and cheap to import."""

import subprocess
import sys
from importlib.metadata import version

import archloom as al
from archloom.predict import GNN
from search_world import make_network


def test_every_public_name_can_be_imported():
    assert all(hasattr(al, name) for name in al.__all__)


def test_importing_the_package_loads_nothing_heavy():
    program = (
        "import sys, archloom, archloom.graph, archloom.spaces, archloom.segments\n"
        "heavy = {'torch', 'onnx', 'onnxruntime', 'highspy', 'pyomo', 'matplotlib', 'networkx'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    found = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert found.stdout.strip() == "[]"


def test_an_unknown_name_is_an_attribute_error():
    assert not hasattr(al, "no_such_name")


def test_the_version_is_that_of_the_package():
    assert al.__version__ == version("archloom")


def test_predict_gives_a_score_and_a_place_per_network(tmp_path):
    GNN().save(tmp_path / "gnn.safetensors")
    graph = make_network()
    al.write(graph, tmp_path / "net.json")
    both = al.predict([graph, tmp_path / "net.json"], predictor=tmp_path / "gnn.safetensors")
    alone = al.predict(graph, predictor=tmp_path / "gnn.safetensors")
    assert both.scores.shape == (2,) and both.places == [None, None]
    assert both.scores[0] == both.scores[1] == alone.scores[0]


def test_predict_is_called_and_holds_the_predictors():
    program = (
        "import archloom as al\n"
        "assert callable(al.predict)\n"
        "import archloom.predict as package, archloom.predict.kinds\n"
        "from archloom.predict import GNN\n"
        "assert package is al.predict and al.predict.GNN is GNN and callable(package)"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
