"""The table of models: rows, and what is said of wrong ones."""

from pathlib import Path

import pytest

from archloom.config.models import ModelRow, model_named, read_models
from archloom.errors import ConfigError
from archloom.spaces import FAMILIES

HEADER = "model\tfamily\tsource\tinput\tdescription\n"


BAD_NAMES = ("-x", "--help", "..", ".", ".hidden", "a/b", "ä", "x" * 101, "a\x1b")


@pytest.fixture
def table(tmp_path):
    """A function that writes a table of models and returns its path."""

    def write(rows: str, header: str = HEADER) -> Path:
        path = tmp_path / "models.tsv"
        path.write_text(header + rows)
        return path

    return write


def test_a_row_is_read(table):
    rows = read_models(table("mine\tgeneric\tnets/mine.onnx\t32x64x3\tmy network\n"))
    assert rows == {
        "mine": ModelRow("mine", "generic", "nets/mine.onnx", (32, 64, 3), "my network")
    }
    assert rows["mine"].is_file


def test_an_architecture_string_is_no_file(table):
    assert not read_models(table("a\thiaml\tz-z-z-z\t\t\n"))["a"].is_file


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ("a\tnb210\tx.json\t\t\n", "row 'a'.*family.*did you mean nb201"),
        ("a\tnb201\t\t\t\n", "source is empty.*data:DATASET/FILE"),
        ("a\tnb201\tx.json\t32x32\t\n", "input is '32x32'.*HxWxC"),
        ("a b\tnb201\tx.json\t\t\n", "column model"),
        ("a\tnb201\tx.json\t\t\tmore\n", "more than 5 columns"),
        ("a\tnb201\tx.json\t\t\na\tnb201\ty.json\t\t\n", "'a' stands there twice"),
        ("a\n", "row 'a'.*family"),
        *[(f"{name}\tnb201\tx.json\t\t\n", "begins with") for name in BAD_NAMES],
        (f"a\tnb201\t{'x' * 200_000}\t\t\n", "after row.*field larger"),
    ],
)
def test_a_wrong_row_is_explained(table, row, says):
    with pytest.raises(ConfigError, match=says):
        read_models(table(row))


@pytest.mark.parametrize("ending", ["json", "onnx"])
def test_no_command_takes_a_source_for_an_option(table, ending):
    row = read_models(table(f"_a\tgeneric\t-net.{ending}\t\t\n"))["_a"]
    assert row.source == f"./-net.{ending}"


def test_a_wrong_header_is_explained(table):
    with pytest.raises(ConfigError, match="separated by tabs"):
        read_models(table("", header="model,family\n"))


def test_an_unknown_model_says_which_row_to_add(table):
    path = table("nb201\tnb201\tx.json\t\t\n")
    with pytest.raises(ConfigError) as caught:
        model_named("nb21", path)
    message = str(caught.value)
    assert "nb21" in message
    assert "mean nb201" in message
    assert "nb21\tgeneric\tpath/to/nb21.onnx\t\tmy network" in message
    assert model_named("nb201", path).source == "x.json"


def test_default_models_are_architectures_that_exist(project):
    for row in read_models(project / "config/models.tsv").values():
        assert FAMILIES[row.family].build(row.source).n_nodes > 0
