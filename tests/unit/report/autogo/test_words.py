"""Sentences generated from the data say neither more nor less than the data."""

from dataclasses import replace

import pytest

from archloom.config import Config
from archloom.report.autogo.verdict import Measured, compare_with_input
from archloom.report.autogo.words import (
    Verdict,
    front_sentence,
    headline,
    latency_sentences,
    limits_words,
    noise_sentence,
    percent,
    predictor_sentences,
    range_sentence,
)
from archloom.search.figures import Figure
from archloom.search.graphs.record import Baseline, SearchRecord, Visited, Winner
from archloom.search.shapes.propagation import PropagationStats

BASE = Measured((0.90, 0.91, 0.92))


def record(*deltas: float) -> SearchRecord:
    """A search with one winner per change of FLOPs in percent."""
    winners = tuple(
        Winner(rank, f"h{rank}", 0.95, int(1000 + 10 * delta), 1, 10, 2.0, delta, 0)
        for rank, delta in enumerate(deltas, start=1)
    )
    visited = Visited(*4 * [[]])
    return SearchRecord(
        Baseline(0.93, 1000, "h0", 10),
        winners,
        visited,
        (),
        {},
        PropagationStats(),
        {},
        1,
        0,
    )


def verdict(deltas, accuracies) -> Verdict:
    winners = {rank: Measured(values) for rank, values in enumerate(accuracies, start=1)}
    return headline(record(*deltas), compare_with_input(BASE, winners) if winners else [])


def test_an_empty_front_is_reported_as_such():
    _, sentence, tone = verdict([], [])
    assert "no better variant" in sentence and tone == "neutral"


def test_untrained_winners_are_not_called_better():
    _, sentence, tone = verdict([-12.0], [])
    assert "None was trained" in sentence and "not known" in sentence and tone == "open"
    assert "−12.0 %" in sentence


def test_better_winners_are_counted_and_the_best_is_named():
    _, sentence, tone = verdict([-5.0, -12.0], [(0.91, 0.90, 0.92), (0.97, 0.98, 0.99)])
    assert sentence.startswith("1 of 2 trained winners is measurably more accurate")
    assert "rank 2, +7.00 ± " in sentence and "−12.0 %" in sentence and tone == "good"


def test_winners_within_the_noise_are_not_called_better():
    _, sentence, tone = verdict([-5.0, -12.0], [(0.91, 0.92, 0.92), (0.90, 0.90, 0.92)])
    assert sentence.startswith("None of the 2 trained winners is measurably more accurate")
    assert "Rank 2 saves 12.0 % of the FLOPs" in sentence
    assert "this test could not tell" in sentence and "within the noise" in sentence
    assert tone == "neutral"


@pytest.mark.parametrize(
    ("deltas", "accuracies", "title"),
    [
        ([], [], "no better variant found"),
        ([-12.0], [], "variants better by prediction only"),
        ([-5.0], [(0.97, 0.98, 0.99)], "more accurate variants"),
        ([-5.0], [(0.90, 0.90, 0.92)], "variants of fewer FLOPs, none shown to be more accurate"),
        ([3.0], [(0.90, 0.90, 0.92)], "no better variant found"),
        ([-5.0], [(0.5, 0.51, 0.52)], "no better variant found"),
    ],
)
def test_the_title_says_what_was_found(deltas, accuracies, title):
    assert verdict(deltas, accuracies).title == title


def test_a_costlier_equal_winner_is_no_saving():
    _, sentence, _ = verdict([3.0], [(0.91, 0.92, 0.92)])
    assert "none whose accuracy might equal its needs fewer FLOPs" in sentence


def test_worse_winners_are_called_worse():
    _, sentence, tone = verdict([-3.0], [(0.5, 0.51, 0.52)])
    assert "all are measurably worse" in sentence and tone == "neutral"


def test_single_trainings_leave_the_question_open():
    comparisons = compare_with_input(Measured((0.9,)), {1: Measured((0.99,))})
    _, sentence, tone = headline(record(-3.0), comparisons)
    assert "noise of the trainings is not known" in sentence and tone == "open"
    assert "noise is not known" in noise_sentence([Measured((0.9,))])


def test_noise_is_stated_with_its_origin():
    assert "6 trainings of 2 networks, 4 degrees" in noise_sentence([BASE, BASE])


def test_measured_labels_are_told_with_dataset_and_scale():
    card = {"metrics": {"test": {"nb201": {"srcc": 0.5}}, "without_label": 3}}
    text = " ".join(predictor_sentences(Config().model_dump(mode="json"), card))
    assert "measured by us" in text and "digits" in text and "reduced skeleton" in text
    assert "nb201 0.500" in text and "3 graphs had no label" in text


def test_foreign_weights_are_told_apart_from_our_own():
    config = Config(predictor={"weights": "data:autogo_models/psc.safetensors"})
    (sentence,) = predictor_sentences(config.model_dump(mode="json"), {})
    assert "not trained here" in sentence and "autogo_models/psc" in sentence


@pytest.mark.parametrize("source, words", [("benchmark", "200 epochs"), ("pseudo", "not measured")])
def test_benchmark_and_pseudo_labels_are_named(source, words):
    config = Config(
        families={"nb201": {"skeleton": "full"}},
        labels={"source": {"nb201": source}},
        vocabulary={"families": ["nb201"]},
        segments={"families": ["nb201"]},
        predictor={"families": ["nb201"]},
    )
    text = " ".join(predictor_sentences(config.model_dump(mode="json"), {}))
    assert words in text and "measured by us" not in text.replace("not measured by us", "")


def test_the_front_sentence_says_what_was_trained():
    config = Config().model_dump(mode="json")
    assert "No winner was trained" in front_sentence(config, 0)
    untrained = Config(front_training={"members": 0}).model_dump(mode="json")
    assert "front_training.members is 0" in front_sentence(untrained, 0)
    assert "2 winners" in front_sentence(config, 2) and "3 seeds" in front_sentence(config, 2)


def test_numbers_have_a_proper_minus_and_no_negative_zero():
    assert percent(-12.34) == "−12.3 %"
    assert percent(-0.01) == "+0.0 %"
    assert percent(None) == "–"


def test_limits_are_told_in_words():
    words = limits_words(["score>0%", "flops<10%", "latency<=-15%", "params<=5e6"])
    assert words == (
        "score above the input's; FLOPs below +10 % against the input; "
        "latency at most −15 % against the input; parameters at most 5,000,000"
    )
    assert limits_words([]) == "no limit"


def test_networks_that_the_predictor_has_not_seen_are_told_of():
    near = {"distance": 0.1, "limit": 0.2, "inside": True, "why": []}
    far = {"distance": 3.14, "limit": 0.2, "inside": False, "why": ["nodes: 70, nearest 8"]}
    found = record(-5.0, -12.0)
    assert "not recorded" in range_sentence(found)

    def sentence(first, *others):
        winners = [replace(one, range=p) for one, p in zip(found.winners, others, strict=True)]
        base = replace(found.baseline, range=first)
        return range_sentence(replace(found, baseline=base, winners=tuple(winners)))

    assert sentence(near, near, near).startswith("The input and all winners lie within")
    words = sentence(near, far, near)
    assert words.startswith("1 of 2 winners lies outside the predictor's range: distance up to 3.1")
    assert "nodes: 70, nearest 8" in words and words.endswith("Do not trust scores there.")
    assert sentence(far, far, far).startswith("The input and 2 of 2 winners lie outside")


def test_where_the_range_of_finished_weights_comes_from_is_told():
    config = Config(predictor={"weights": "data:autogo_models/psc.safetensors"})
    words = predictor_sentences(config.model_dump(mode="json"), {"range_of": "9 graphs of nb201"})
    assert words[1] == "Its range was taken from 9 graphs of nb201."


def test_latency_is_told_with_its_source_and_how_often_it_held():
    own, slow = {"upper": 8.0}, {"upper": 11.0}
    winners = [
        replace(
            one,
            latency={"own": found, "input": {"lower": 10.0}, "confirmed": found["upper"] < 10},
        )
        for one, found in zip(record(-5.0, -12.0).winners, (own, slow), strict=True)
    ]
    figures = (Figure("latency", "ms", source="sum of operators measured on this machine"),)
    words = latency_sentences(replace(record(), winners=tuple(winners), figures=figures))
    assert words[0] == "Latency: sum of operators measured on this machine."
    assert "1 of 2 winners clearly faster" in words[1]
    assert words[2].startswith("1 winner kept the limits on latency by estimate only")
    assert latency_sentences(record(-5.0)) == []
