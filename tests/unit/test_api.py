"""The public names: all there, and cheap to import."""

import subprocess
import sys

import archloom as al


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
