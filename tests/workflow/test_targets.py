"""What the shipped configurations plan, which targets exist, and what a typo is told."""

import re

import pytest

from archloom.config.models import read_models
from archloom.data.registry import dataset_named

TARGET = "results/autogo/nb201"
DIRECTIVES = "input output log benchmark threads resources params message shell".split()


def test_published_weights_need_no_training(checkout):
    planned = checkout.planned(TARGET, "--configfile", "config/published.yaml")
    assert planned["import_predictor"] == planned["import_vocabulary"] == 1
    assert planned["retrieve_file"] == 25
    trained = {rule for rule in planned if rule.startswith(("train", "measure", "build_psc"))}
    assert trained == set()


def test_the_combined_segments_are_cut_from_five_families(checkout):
    planned = checkout.planned(
        "resources/combined/segments", "--configfile", "config/combined.yaml"
    )
    assert planned == {"build_family": 5, "build_vocabulary": 1, "build_segments": 1}


def test_the_tiny_configuration_plans_two_families(checkout):
    planned = checkout.planned("results/tiny/autogo/nb201", "--configfile", "config/test/tiny.yaml")
    assert planned["build_family"] == planned["measure_labels"] == 2


def test_all_makes_every_row_of_the_table(checkout):
    models = read_models(checkout.root / "config/models.tsv")
    assert checkout.planned("all")["build_autogo_report"] == len(models)


def test_a_gnn_needs_no_index(checkout):
    planned = checkout.planned(TARGET, "--config", "predictor={kind: gnn}")
    assert "build_psc_index" not in planned
    assert planned["train_predictor"] == 1


def test_a_users_own_row_is_a_target(checkout):
    (checkout.root / "mine.json").write_text("{}")
    with (checkout.root / "config/models.tsv").open("a") as table:
        table.write("mine\tgeneric\tmine.json\t\tmy own network\n")
    planned = checkout.planned("results/autogo/mine")
    assert planned["read_model"] == 1
    assert planned["measure_labels"] == 3  # of no trained family: the predictor of all of them


def test_tables_of_the_paper_need_no_data(checkout):
    assert checkout.planned("results/tables/autogo") == {"build_published_tables": 1}


def test_tables_of_the_paper_use_the_data_that_are_here(checkout):
    folder = checkout.root / "resources/data/autogo_vocab"
    folder.mkdir(parents=True)
    for file in dataset_named("autogo_vocab").files:
        (folder / file).write_text("")
    planned = checkout.planned("results/tables/autogo")
    assert planned["count_instances"] == 1
    assert "measure_published_latency" not in planned


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["results/autogo/nb210"], ["no model 'nb210'", "mean nb201", "config/models.tsv"]),
        ([TARGET, "--config", "search={topk: 3}"], ["search.topk", "Did you mean search.top_k"]),
        ([TARGET, "--config", "search={top_k: few}"], ["search.top_k", "few", "integer"]),
        ([TARGET, "--config", "models=config/none.tsv"], ["config/none.tsv", "cannot be read"]),
    ],
)
def test_a_typo_is_explained_before_any_job(checkout, arguments, says):
    done = checkout.snakemake(*arguments, "--dry-run")
    assert done.returncode != 0
    for words in says:
        assert words in done.stdout + done.stderr


def rule_bodies(project):
    for path in sorted((project / "rules").glob("*.smk")):
        parts = re.split(r"^ *rule (\w+):\n", path.read_text(), flags=re.MULTILINE)
        yield from zip(parts[1::2], parts[2::2], strict=True)


def test_every_rule_has_the_same_directives_in_the_same_order(project):
    for name, body in rule_bodies(project):
        found = re.findall(rf"^ +({'|'.join(DIRECTIVES)}):", body, flags=re.MULTILINE)
        optional = {"input"} - set(found)
        assert found == [word for word in DIRECTIVES if word not in optional], name


def test_every_rule_has_a_script_of_its_name_and_no_script_is_left_over(project):
    rules = {name for name, _ in rule_bodies(project)}
    scripts = {path.stem for path in (project / "workflow/scripts").glob("*.py")}
    assert rules == scripts
    for name, body in rule_bodies(project):
        assert re.search(rf'command\(\s*"{name}"', body), name


def test_only_retrieval_is_free_of_a_code_digest(project):
    without = [name for name, body in rule_bodies(project) if f'code_of("{name}")' not in body]
    assert without == ["retrieve_file"]


def test_the_bare_profile_name_is_found(project):
    assert (project / "slurm").resolve() == project / "profiles/slurm"


def test_the_default_profile_holds_nothing_that_depends_on_the_place(project):
    text = (project / "profiles/default/config.yaml").read_text()
    place = r"^(executor|jobs|cores|resources|default-resources|set-resources)\b"
    assert not re.search(place, text, flags=re.MULTILINE)
