"""What commands load: starting is fast because they leave alone what they do not need."""

import subprocess
import sys

import pytest

from archloom.execute.module import to_torch
from archloom.graph import GraphBuilder
from archloom.io import write

HEAVY = {"torch", "onnx", "numpy", "pydantic", "yaml", "pyarrow", "pandas", "snakemake"}
CALL = """
import sys
sys.argv = ["archloom", *sys.argv[1:]]
from archloom.cli import main
try:
    main()
except SystemExit as left:
    assert not left.code
print("loaded:", *sorted({name.split(".")[0] for name in sys.modules}))
print("modules:", *sorted(sys.modules))
"""


def loaded(*arguments: object) -> set[str]:
    """Packages, and whole names of modules, that a command loads in a fresh process."""
    command = [sys.executable, "-c", CALL, *map(str, arguments)]
    lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    return {name for line in lines[-2:] for name in line.split()[1:]}


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A network with what is common in ONNX files, as ONNX and as JSON."""
    b = GraphBuilder(name="net")
    x = b.unary("relu", b.unary("batchnorm", b.conv(b.input(16, 16, 3), 8, 3, 2)))
    x = b.concat([b.pool("maxpool", x, 3, 2), b.depthwise(x, 3, 2)])
    x = b.add([x, b.mul([x, b.unary("sigmoid", b.unary("mean", x))])])
    b.output(b.matmul(b.unary("mean", x), 10))
    graph, folder = b.build(), tmp_path_factory.mktemp("start")
    write(graph, folder / "net.onnx", to_torch(graph).weights())
    write(graph, folder / "net.json")
    return folder


def test_help_loads_nothing_heavy():
    found = loaded("--help")
    assert not HEAVY & found
    assert not {"rich.progress", "archloom.graph", "archloom.files"} & found


def test_a_graph_is_shown_without_importers(files):
    found = loaded("inspect", files / "net.json")
    assert not {"torch", "onnx", "pyarrow", "yaml", "numpy.ma", "safetensors"} & found
    assert "archloom.io.importing" not in found


@pytest.mark.parametrize("command", ["inspect", "convert", "draw"])
def test_an_onnx_network_is_read_without_torch(files, tmp_path, command):
    target = {"inspect": (), "convert": ("out.json",), "draw": ("out.svg",)}[command]
    found = loaded(command, files / "net.onnx", *(tmp_path / name for name in target))
    assert "onnx" in found and not {"torch", "pyarrow"} & found
    assert all((tmp_path / name).stat().st_size > 100 for name in target)
