import pytest

from archloom.config.reading import check_config
from archloom.workflow.estimates import SHORTEST_LIMIT, Need, need, trainings

NB201 = {"family": "nb201", "shard": "1of1"}


def settings(**sections):
    return check_config(sections)


def test_jobs_share_the_trainings_of_a_family():
    one = need(settings(labels={"jobs": 1}), "measure_labels", NB201)
    eight = need(settings(labels={"jobs": 8}), "measure_labels", NB201)
    assert one.minutes > 6 * eight.minutes


def test_trainings_count_the_graphs_with_more_seeds():
    labels = {"seeds": 2, "noise_graphs": 10, "noise_seeds": 5}
    found = settings(families={"nb201": {"count": 100}, "hiaml": {}, "two_path": {}}, labels=labels)
    assert trainings(found, "nb201") == 100 * 2 + 10 * 3


def test_longer_recipes_and_more_seeds_take_longer():
    def minutes(**front):
        found = settings(front_training=front)
        return need(found, "train_front", {"model": "nb201", "shard": "1of1"}).minutes

    base = minutes(seeds=3)
    assert minutes(seeds=6) > 1.6 * base
    assert minutes(recipe={"epochs": 10}) > 1.6 * base
    assert minutes(jobs=18) < base


@pytest.mark.parametrize(("device", "gpu"), [("cpu", False), ("auto", True), ("cuda", True)])
def test_the_setting_says_whether_a_gpu_is_used(device, gpu):
    found = settings(labels={"device": device}, predictor={"device": device})
    assert need(found, "measure_labels", NB201).gpu == gpu
    wildcards = {"group": "all", "kind": "gnn", "number": "0"}
    assert need(found, "train_predictor", wildcards).gpu == gpu


def test_what_rests_on_an_assumed_gpu_says_so():
    families = {"nb201": {"skeleton": "full"}, "hiaml": {}, "two_path": {}}
    labels = {"source": {"nb201": "benchmark", "hiaml": "trained", "two_path": "trained"}}
    front = {"recipe": {"dataset": "cifar10"}}
    found = settings(families=families, labels=labels, front_training=front)
    assert need(found, "train_front", {"model": "nb201", "shard": "1of1"}).is_assumed
    assert not need(found, "measure_labels", {"family": "hiaml"}).is_assumed


def test_a_rule_of_seconds_may_still_take_some_minutes():
    assert need(settings(), "merge_labels", NB201) == Need()
    assert Need().limit == SHORTEST_LIMIT
    assert Need(minutes=100).limit == 400
