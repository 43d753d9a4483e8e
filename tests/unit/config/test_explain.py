"""Messages about wrong settings say what to type."""

import pytest
import yaml

from archloom.config.generated import default_text
from archloom.config.reading import check_config, load_config
from archloom.errors import ConfigError


def message_of(values: dict) -> str:
    with pytest.raises(ConfigError) as caught:
        check_config(values)
    return str(caught.value)


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
