"""Sentences of a report, generated from its data."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from archloom.report.autogo.verdict import Comparison, Measured, Outcome, pooled_noise
from archloom.search.graphs.record import SearchRecord, Winner
from archloom.train.recipe import Recipe

_NOTHING = "no better variant found"
_DATASETS = {
    "digits": "scikit-learn's digits (8×8 grey images)",
    "cifar10": "CIFAR-10 (32×32 colour images)",
}


def points(value: float, sign: bool = False) -> str:
    """Return a difference of accuracies (fraction) in percentage points."""
    return f"{100 * value:{'+' if sign else ''}.2f}".replace("-", "−")


def percent(value: float | None, sign: bool = True) -> str:
    """Return a number of percent with one decimal, "–" for None."""
    if value is None:
        return "–"
    return f"{round(value, 1) + 0.0:{'+' if sign else ''}.1f} %".replace("-", "−")


class Verdict(NamedTuple):
    """What a search found: a title, one or two sentences, and their tone (good, neutral, open)."""

    title: str
    sentence: str
    tone: str


def headline(record: SearchRecord, comparisons: Sequence[Comparison]) -> Verdict:
    """Return what was found; a title says no more than the sentences."""
    winners = {winner.rank: winner for winner in record.winners}
    if not winners:
        sentence = (
            "The search found no better variant: no graph within the limits "
            f"({limits_words(record.constraints)}) is better than the input."
        )
        return Verdict(_NOTHING, sentence, "neutral")
    if not comparisons:
        return Verdict("variants better by prediction only", _predicted_only(record), "open")
    better = [entry for entry in comparisons if entry.outcome == Outcome.BETTER]
    if better:
        sentence = _some_better(better, comparisons, winners)
        return Verdict("more accurate variants", sentence, "good")
    if any(entry.outcome == Outcome.UNKNOWN for entry in comparisons):
        sentence = _unknown(comparisons, winners)
        return Verdict("variants whose accuracy is not compared", sentence, "open")
    return _none_better(comparisons, winners)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _predicted_only(record: SearchRecord) -> str:
    best = max(record.winners, key=lambda winner: winner.score)
    return (
        f"The search found {_count(len(record.winners), 'winner')} by prediction. None was "
        "trained, so whether they are better is not known. Best by predicted score: rank "
        f"{best.rank}, score {best.score:.4f} (input {record.baseline.score:.4f}), "
        f"FLOPs {percent(best.delta_flops_percent)}."
    )


def _difference(entry: Comparison) -> str:
    """Return "+0.40 ± 0.21 points"."""
    half = "" if entry.half_width is None else f" ± {points(entry.half_width)}"
    return f"{points(entry.difference, sign=True)}{half} points"


def _some_better(
    better: Sequence[Comparison], all_of_them: Sequence[Comparison], winners: Mapping[int, Winner]
) -> str:
    best = max(better, key=lambda entry: entry.difference)
    verb = "is" if len(better) == 1 else "are"
    return (
        f"{len(better)} of {_count(len(all_of_them), 'trained winner')} {verb} measurably more "
        f"accurate than the input. Best: rank {best.rank}, {_difference(best)} at FLOPs "
        f"{percent(winners[best.rank].delta_flops_percent)}."
    )


def _none_better(comparisons: Sequence[Comparison], winners: Mapping[int, Winner]) -> Verdict:
    """Say so, and name the cheapest winner that is not measurably worse."""
    start = (
        "The trained winner is not measurably more accurate than the input"
        if len(comparisons) == 1
        else f"None of the {len(comparisons)} trained winners is measurably more accurate than "
        "the input"
    )
    same = [entry for entry in comparisons if entry.outcome == Outcome.SAME]
    if not same:
        return Verdict(_NOTHING, f"{start}; all are measurably worse.", "neutral")
    cheapest = min(same, key=lambda entry: winners[entry.rank].flops)
    saved = winners[cheapest.rank].delta_flops_percent
    if saved >= 0:
        sentence = f"{start}, and none whose accuracy might equal its needs fewer FLOPs."
        return Verdict(_NOTHING, sentence, "neutral")
    sentence = (
        f"{start}. Rank {cheapest.rank} saves {percent(-saved, sign=False)} of the FLOPs; whether "
        f"its accuracy is the input's, this test could not tell ({_difference(cheapest)}: within "
        "the noise)."
    )
    return Verdict("variants of fewer FLOPs, none shown to be more accurate", sentence, "neutral")


def _unknown(comparisons: Sequence[Comparison], winners: Mapping[int, Winner]) -> str:
    best = max(comparisons, key=lambda entry: entry.difference)
    return (
        "The noise of the trainings is not known, so no winner can be called better. Largest "
        f"difference: rank {best.rank}, {_difference(best)} at FLOPs "
        f"{percent(winners[best.rank].delta_flops_percent)}."
    )


def noise_sentence(measured: Sequence[Measured]) -> str:
    """Return where the noise comes from and how large it is."""
    noise = pooled_noise(measured)
    trainings = sum(entry.n for entry in measured)
    if noise is None:
        return "No network was trained twice, so the noise is not known."
    return (
        f"Pooled standard deviation over training seeds: {points(noise.std)} points "
        f"({trainings} trainings of {_count(len(measured), 'network')}, {noise.degrees} degrees "
        "of freedom). Intervals are 95 % for all comparisons together (Student's t, Bonferroni); "
        "they cover the noise of training, not that of the choice of test images."
    )


_RELATIONS = {"<": "below", "<=": "at most", ">": "above", ">=": "at least"}
_FIGURES = {"flops": "FLOPs", "params": "parameters"}


def limits_words(constraints: Sequence[str]) -> str:
    """Return what a variant must fulfil, such as "score above the input's; FLOPs below +10 %
    against the input".
    """
    return "; ".join(_limit_words(text) for text in constraints) or "no limit"


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:g}"


def _limit_words(text: str) -> str:
    found = re.fullmatch(r"(\w+)([<>]=?)([^%]+)(%?)", text)
    if found is None:
        return text
    name, relation, bound, is_percent = found.groups()
    start = f"{_FIGURES.get(name, name)} {_RELATIONS[relation]}"
    if not is_percent:
        return f"{start} {_number(float(bound))}"
    change = float(bound)
    if change == 0:
        return f"{start} the input's"
    return f"{start} {change:+g} % against the input".replace("-", "−")


def predictor_sentences(config: Mapping[str, Any], card: Mapping[str, Any]) -> list[str]:
    """Return what scored the mutants and where its labels came from, one sentence per source."""
    predictor = config["predictor"]
    kind = {"psc": "PSC (predecessor, segment, successor)", "gnn": "GNN (whole graph)"}
    name = kind.get(predictor["kind"], predictor["kind"])
    if predictor["weights"]:
        origin = card.get("range_of")
        return [
            f"Mutants were scored by a finished {name} predictor, {predictor['weights']}. It was "
            "not trained here; its scores are in its own units and were not measured by us.",
            *([f"Its range was taken from {origin}."] if origin else []),
        ]
    sentences = [f"Mutants were scored by a {name} predictor trained in this run."]
    families: dict[str, list[str]] = {}
    for family in card.get("metrics", {}).get("test") or predictor["families"]:
        families.setdefault(_label_sentence(config, family), []).append(family)
    sentences += [f"{', '.join(names)}: {sentence}" for sentence, names in families.items()]
    return sentences + _test_sentences(card)


def latency_sentences(record: SearchRecord) -> list[str]:
    """Return how latency came about, and that it was measured again; nothing where it is no
    figure.
    """
    sentences = [f"Latency: {one.source}." for one in record.figures if one.source]
    measured = [winner.latency for winner in record.winners if winner.latency]
    if measured:
        faster = sum(found["own"]["upper"] < found["input"]["lower"] for found in measured)
        sentences.append(
            "At the end input and winners were measured again, in rounds that run each of them "
            f"once: {faster} of {_count(len(measured), 'winner')} clearly faster than the input "
            "(their quartiles do not overlap); the table has the medians."
        )
        missed = sum(not found["confirmed"] for found in measured)
        if missed:
            sentences.append(
                f"{_count(missed, 'winner')} kept the limits on latency by estimate only, not when "
                "measured."
            )
    return sentences


def range_sentence(record: SearchRecord) -> str:
    """Return whether the predictor has seen networks such as these."""
    found = [record.baseline.range, *(winner.range for winner in record.winners)]
    places = [place for place in found if place is not None]
    if len(places) < len(found):
        return (
            "Which networks the predictor was trained on is not recorded, so it is not known "
            "whether its scores hold for these."
        )
    outside = [place for place in places if not place["inside"]]
    if not outside:
        return (
            "The input and all winners lie within the predictor's range: as near to its training "
            "graphs as these are to each other."
        )
    farthest = max(outside, key=lambda place: place["distance"])
    names = ["the input"] if not places[0]["inside"] else []
    winners = sum(not place["inside"] for place in places[1:])
    names += [f"{winners} of {_count(len(places) - 1, 'winner')}"] if winners else []
    subject = " and ".join(names)
    verb = "lies" if len(outside) == 1 else "lie"
    return (
        f"{subject[0].upper()}{subject[1:]} {verb} outside the predictor's range: distance up to "
        f"{farthest['distance']:.2g}, training graphs reach {farthest['limit']:.2g} (most "
        f"different: {'; '.join(farthest['why'])}). Do not trust scores there."
    )


def _test_sentences(card: Mapping[str, Any]) -> list[str]:
    """Return how the predictor did on held-out graphs, and what it was not trained on."""
    metrics = card.get("metrics", {})
    tests = [
        f"{family} {found['srcc']:.3f}"
        for family, found in metrics.get("test", {}).items()
        if found.get("srcc") is not None
    ]
    sentences = []
    if tests:
        sentences.append(f"Its rank correlation (Spearman) on held-out graphs: {', '.join(tests)}.")
    if metrics.get("without_label"):
        sentences.append(
            f"{_count(metrics['without_label'], 'graph')} had no label and were left out of its "
            "training."
        )
    return sentences


def _label_sentence(config: Mapping[str, Any], family: str) -> str:
    """Return source and scale of one family's labels."""
    source, entry = config["labels"]["source"][family], config["families"][family]
    scale = {
        "reduced": "its cells in a reduced skeleton (fewer and narrower, on 8×8 grey images)",
        "full": "networks at the published size",
    }[entry["skeleton"]]
    if source == "trained":
        return (
            f"accuracies measured by us, {_recipe_words(config['labels']['recipe'])}; "
            f"up to {entry['count']} graphs each, {scale}."
        )
    if source == "benchmark":
        return (
            "published CIFAR-10 test accuracies after 200 epochs (NAS-Bench-201), not "
            f"measured by us; {scale}."
        )
    return f"pseudo-labels of another predictor, not measured; {scale}."


def front_sentence(config: Mapping[str, Any], n_trained: int) -> str:
    """Return how input and winners were measured."""
    training = config["front_training"]
    recipe = training["recipe"] or config["labels"]["recipe"]
    if not training["members"]:
        return "Winners were not trained in this run (front_training.members is 0)."
    if not n_trained:
        return "No winner was trained, so no accuracy on this page is measured."
    return (
        f"The input and {_count(n_trained, 'winner')} were trained from scratch by us, "
        f"{_count(training['seeds'], 'seed')} each: {_recipe_words(recipe)}. "
        "These are the only measured accuracies on this page; scores are predictions."
    )


def _recipe_words(values: Mapping[str, Any]) -> str:
    """Return dataset and epochs of a recipe's settings; None stands for the dataset's own."""
    recipe = Recipe.from_dict(values)
    return f"{_DATASETS.get(recipe.dataset, recipe.dataset)}, {recipe.epochs} epochs"
