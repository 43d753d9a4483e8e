"""Settings: defaults, generated files, merging, the table of models, and messages that help."""

from pathlib import Path

import pytest
import yaml

from archloom.config import Config
from archloom.errors import ConfigError
from archloom.settings import (
    GENERATED,
    ModelRow,
    check_config,
    default_text,
    load_config,
    model_named,
    read_models,
)

CONFIGURATIONS = ["config/published.yaml", "config/combined.yaml", "config/test/tiny.yaml"]
HEADER = "model\tfamily\tsource\tinput\tdescription\n"


def message_of(values: dict) -> str:
    with pytest.raises(ConfigError) as caught:
        check_config(values)
    return str(caught.value)


@pytest.fixture
def table(tmp_path):
    """A function that writes a table of models and returns its path."""

    def write(rows: str, header: str = HEADER) -> Path:
        path = tmp_path / "models.tsv"
        path.write_text(header + rows)
        return path

    return write


# --- generated and shipped files -----------------------------------------------------------------


@pytest.mark.parametrize(("file", "text"), GENERATED.items())
def test_generated_files_are_fresh(project, file, text):
    assert (project / file).read_text() == text(), "stale: run `make schema`"


def test_the_default_file_says_what_the_model_says():
    assert check_config(yaml.safe_load(default_text())) == Config()


@pytest.mark.parametrize("file", CONFIGURATIONS)
def test_shipped_configurations_are_valid_over_the_defaults(project, file):
    config = load_config([project / "config/default.yaml", project / file])
    assert config != Config()
    assert read_models(project / config.models)


def test_the_two_configurations_share_no_cache(project):
    default, published = (
        load_config([project / "config/default.yaml", *more])
        for more in ([], [project / "config/published.yaml"])
    )
    assert default.run.cache != published.run.cache


def test_every_setting_is_explained():
    lines = default_text().splitlines()
    keys = [i for i, line in enumerate(lines) if ":" in line and not line.strip().startswith("#")]
    entries_of_mappings = {"nb201", "hiaml", "two_path"}
    bare = [
        lines[i]
        for i in keys
        if not lines[i - 1].strip().startswith("#")
        and lines[i].split(":")[0].strip() not in entries_of_mappings
    ]
    assert bare == []


# --- loading -------------------------------------------------------------------------------------


def test_later_files_and_overrides_win_and_leave_their_neighbours_alone(tmp_path):
    first, second = tmp_path / "a.yaml", tmp_path / "b.yaml"
    first.write_text("search: {top_k: 4, iterations: 7}\nseed: 1\n")
    second.write_text("search: {top_k: 5}\n")
    config = load_config([first, second], {"search": {"sparsity": 0.25}})
    assert (config.search.top_k, config.search.iterations) == (5, 7)
    assert (config.search.sparsity, config.seed) == (0.25, 1)


def test_an_empty_file_changes_nothing(tmp_path):
    (tmp_path / "empty.yaml").write_text("# nothing\n")
    assert load_config([tmp_path / "empty.yaml"]) == Config()


@pytest.mark.parametrize(
    ("text", "says"),
    [("a: [1", "not valid YAML"), ("- 1\n", "lines of `key: value`"), ("\xff", "`key: value`")],
)
def test_a_damaged_file_is_named(tmp_path, text, says):
    path = tmp_path / "broken.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=says) as caught:
        load_config([path])
    assert "broken.yaml" in str(caught.value)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ConfigError, match=r"none\.yaml cannot be read"):
        load_config([tmp_path / "none.yaml"])


def test_settings_cannot_be_changed_after_loading():
    with pytest.raises(ValueError, match="frozen"):
        Config().seed = 3


# --- messages ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "says"),
    [
        (
            {"search": {"topk": 5}},
            ["search.topk", "not a setting", "mean search.top_k", "top_k: 5"],
        ),
        ({"top_k": 4}, ["top_k", "mean search.top_k", "search:\n      top_k: 4"]),
        ({"serach": {"top_k": 4}}, ["serach", "mean search"]),
        ({"zzz": 1}, ["zzz", "Known here: run, seed"]),
        ({"search": {"top_k": "ten"}}, ["search.top_k", '"ten" (text)', "integer", "Parents"]),
        ({"search": {"top_k": 0}}, ["search.top_k", "0 (a whole number)", "greater than or equal"]),
        ({"search": 3}, ["search is 3", "The evolution of the input graph"]),
        ({"predictor": {"kind": "pcs"}}, ["predictor.kind", "'psc' or 'gnn'", "mean psc"]),
        ({"families": {"nb210": {}}}, ["families.nb210", "not a known name", "mean nb201"]),
        ({"vocabulary": {"families": ["nb21"]}}, ["vocabulary.families.0", "mean nb201"]),
        ({"run": {"name": "a/b"}}, ["run.name", "a/b"]),
        ({"search": {"constraints": ["flops=<3"]}}, ["search.constraints.0", "flops=<3"]),
        ({"search": {"objectives": []}}, ["search.objectives", "at least 1"]),
        ({"splits": {"dev": 0.6, "test": 0.5}}, ["nothing to train on"]),
        ({"front_training": {"recipe": {"short": True}}}, ["digits has no short recipe"]),
        ({"families": {"nb201": {}}}, ["names hiaml; add it to families"]),
        (
            {"families": {"nb201": {"skeleton": "full"}, "hiaml": {}, "two_path": {}}},
            ["families.nb201.skeleton is full", "digits", "reduced"],
        ),
        ({"labels": {"source": {"hiaml": "benchmark"}}}, ["labels.source"]),
    ],
)
def test_a_wrong_setting_gets_advice(values, says):
    message = message_of(values)
    for words in says:
        assert words in message


def test_benchmark_labels_are_refused_at_another_scale():
    values = yaml.safe_load(default_text())
    values["labels"]["source"]["nb201"] = "benchmark"
    assert "skeleton: full" in message_of(values)


def test_large_images_are_not_trained_on():
    values = yaml.safe_load(default_text())
    values["families"]["ofa_pn"] = {"skeleton": "full"}
    values["labels"]["source"]["ofa_pn"] = "trained"
    values["labels"]["recipe"]["dataset"] = "cifar10"
    for name in ("nb201", "hiaml", "two_path"):
        values["families"][name]["skeleton"] = "full"
    message = message_of(values)
    assert "families.ofa_pn.skeleton is full" in message
    assert "224x224" in message


def test_the_file_that_holds_the_mistake_is_named(tmp_path):
    first, second = tmp_path / "a.yaml", tmp_path / "b.yaml"
    first.write_text("search: {top_k: 0}\n")
    second.write_text("seed: 1\n")
    with pytest.raises(ConfigError, match=r"a\.yaml: search\.top_k"):
        load_config([first, second])
    with pytest.raises(ConfigError, match=r"command line: seed is"):
        load_config([first], {"search": {"top_k": 1}, "seed": -1})


def test_all_mistakes_are_reported_at_once():
    assert len(message_of({"seed": -1, "search": {"top_k": 0}}).splitlines()) == 2


# --- the table of models -------------------------------------------------------------------------


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
    ],
)
def test_a_wrong_row_is_explained(table, row, says):
    with pytest.raises(ConfigError, match=says):
        read_models(table(row))


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
    from archloom.spaces import FAMILIES

    for row in read_models(project / "config/models.tsv").values():
        assert FAMILIES[row.family].build(row.source).n_nodes > 0


def test_families_of_the_settings_are_those_of_the_library():
    from typing import get_args

    from archloom.config import FamilyName
    from archloom.spaces import FAMILIES

    assert get_args(FamilyName) == tuple(FAMILIES)
