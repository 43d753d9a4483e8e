"""The result folder of an AutoGO run: report, summary, tables, figures and winners."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from platform import python_version
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archloom.drawing.changes import Changes, compare
from archloom.drawing.graphs import draw, draw_changes
from archloom.errors import DataError
from archloom.files import read_json, write_text
from archloom.graph import Graph, flops, parameters
from archloom.io import read_graph
from archloom.io.store import GraphStore
from archloom.report.autogo.artefacts import Artefact, Weights, write_artefacts
from archloom.report.autogo.explorer import front_data, range_warnings, search_axes
from archloom.report.autogo.figures import pareto_figure, rejection_figure, search_figure
from archloom.report.autogo.measurements import read_measurements
from archloom.report.autogo.tables import (
    Row,
    display,
    front_rows,
    sort_keys,
    to_csv,
    to_markdown,
)
from archloom.report.autogo.verdict import Comparison, Measured, compare_with_input, pooled_noise
from archloom.report.autogo.words import (
    Verdict,
    front_sentence,
    headline,
    latency_sentences,
    limits_words,
    noise_sentence,
    predictor_sentences,
    range_sentence,
)
from archloom.report.page import as_json, pack, render
from archloom.report.style import save_png, write_figure
from archloom.search.graphs.record import SearchRecord, Winner, read_search

SUMMARY_FORMAT = "archloom-autogo-summary/1"
_PACKAGES = ("archloom", "numpy", "torch", "highspy", "onnx", "snakemake")
_ROWS_ON_PAGE = 100
_TABLES = ("front.csv", "front.md", "config.json", "summary.json")


@dataclass(frozen=True)
class AutogoFiles:
    """Where the parts of a run lie.

    graph : the input; vocabulary : colours its segments; front, visited, stats : the search's
    files; card : JSON card of the predictor; labels : tables of measured accuracies of the input
    and winners (may be none); weights : folders of their weights (may be none); inherited : folder
    of the weights that the input came with, which winners that were not trained take over
    """

    graph: Path
    vocabulary: Path
    front: Path
    visited: Path
    stats: Path
    card: Path
    labels: Sequence[Path] = ()
    weights: Sequence[Path] = ()
    inherited: Path | None = None


@dataclass(frozen=True, eq=False)
class _Run:
    """Everything read, and what follows from it."""

    model: str
    config: Mapping[str, Any]
    graph: Graph
    record: SearchRecord
    measured: Mapping[int, Measured]
    card: Mapping[str, Any]
    comparisons: Sequence[Comparison] = field(default=())

    @property
    def rows(self) -> list[Row]:
        return front_rows(self.record, self.measured, self.comparisons)

    @property
    def headline(self) -> Verdict:
        return headline(self.record, self.comparisons)


@dataclass(frozen=True)
class _Network:
    """One network of the page: facts, files, and what changed from the input."""

    name: str
    title: str
    facts: str
    picture_file: str
    artefact: Artefact
    rank: int = 0
    changes: Changes | None = None
    changes_file: str = ""
    summary: Sequence[str] = ()
    steps: Sequence[Mapping[str, Any]] = ()

    @property
    def anchor(self) -> str:
        """Its address on the page."""
        return self.name.replace("_", "-")

    @property
    def pictures(self) -> tuple[str, ...]:
        """Files that the page needs a copy of; "" for none."""
        return (self.changes_file, self.picture_file, self.artefact.json)


def write_report(
    files: AutogoFiles, config: Mapping[str, Any], model: str, folder: str | Path
) -> None:
    """Write the result folder of ``model``.

    config : all settings of the run (``archloom.config.Config``) as JSON values

    The folder gets report.html, summary.json, front.csv, front.md, config.json, figures/ and
    networks/. ``report.members`` winners are drawn and handed over, all are in the tables. Raises
    ``FormatError`` or ``DataError`` when a part is damaged or does not belong to the others.
    """
    run = _read(files, config, model)
    target = Path(folder)
    target.mkdir(parents=True, exist_ok=True)
    networks = _write_networks(run, files, target)
    figures = _write_figures(run, target)
    rows = run.rows
    write_text(target / "front.csv", to_csv(rows))
    write_text(target / "front.md", to_markdown(rows))
    write_text(target / "config.json", as_json(config))
    write_text(target / "summary.json", as_json(_summary(run, networks)))
    values = _page(run, networks, figures)
    values |= {"folder": target.as_posix(), "packed": pack(target, _copied(networks))}
    write_text(target / "report.html", render("autogo.html", values))


def _copied(networks: Sequence[_Network]) -> Iterator[str]:
    """Give the files that the page holds a copy of as far as there is room, most needed first."""
    yield from _TABLES
    for network in networks:
        yield from network.pictures
    for network in networks:
        yield network.artefact.onnx


def _read(files: AutogoFiles, config: Mapping[str, Any], model: str) -> _Run:
    """Read the parts of a run and compare the winners with the input."""
    graph = read_graph(files.graph)
    record = read_search(files.stats, files.visited)
    if graph.hash != record.baseline.hash:
        raise DataError(
            f"{files.stats} is of a search that began with another graph than {files.graph}: run "
            "the search again."
        )
    by_hash = read_measurements(files.labels)
    ranks = {0: record.baseline.hash} | {winner.rank: winner.hash for winner in record.winners}
    measured = {rank: by_hash[digest] for rank, digest in ranks.items() if digest in by_hash}
    winners = {rank: entry for rank, entry in measured.items() if rank}
    comparisons = compare_with_input(measured[0], winners) if winners and 0 in measured else []
    return _Run(model, config, graph, record, measured, read_json(files.card), comparisons)


# --- pictures and files --------------------------------------------------------------------------


def _write_networks(run: _Run, files: AutogoFiles, target: Path) -> list[_Network]:
    """Draw and write the input and the first winners."""
    graph = run.graph.replace(name=run.model)
    weights = Weights.find(files.weights, graph, files.inherited)
    draw(graph, _segments(graph, files.vocabulary), target / "figures" / "input.svg")
    artefact = write_artefacts(graph, "input", target, weights)
    title, facts = f"Input: {run.model}", _facts(graph, artefact)
    networks = [_Network("input", title, facts, "figures/input.svg", artefact)]
    store = GraphStore(files.front)
    for winner in run.record.winners[: run.config["report"]["members"]]:
        child = store.find(winner.hash)
        networks.append(_winner_network(graph, child, winner, weights, target))
    return networks


def _winner_network(
    parent: Graph, child: Graph, winner: Winner, weights: Weights, target: Path
) -> _Network:
    name = f"rank_{winner.rank}"
    child = child.replace(name=f"{parent.name}-rank-{winner.rank}")
    changes = compare(parent, child)
    picture_file, changes_file = f"figures/{name}.svg", f"figures/{name}_changes.svg"
    draw(child, path=target / picture_file)
    draw_changes(parent, child, target / changes_file, changes=changes)
    artefact = write_artefacts(child, name, target, weights)
    return _Network(
        name=name,
        title=f"Rank {winner.rank}",
        facts=_facts(child, artefact),
        picture_file=picture_file,
        artefact=artefact,
        rank=winner.rank,
        changes=changes,
        changes_file=changes_file,
        summary=changes.summary(),
        steps=winner.steps,
    )


def _segments(graph: Graph, vocabulary: Path) -> NDArray[np.int64]:
    """Return the segment of each position in AutoGO order."""
    from archloom.segments.tokeniser import Tokeniser
    from archloom.segments.vocabulary import Vocabulary

    found = Tokeniser(Vocabulary.load(vocabulary)).segment(graph)
    return np.repeat(np.arange(found.n_groups), found.lengths)


def _facts(graph: Graph, artefact: Artefact) -> str:
    facts = (
        f"{graph.n_nodes} nodes · {flops(graph) / 1e6:,.2f} MFLOPs · "
        f"{parameters(graph):,} parameters"
    )
    if artefact.coverage is None:
        return facts
    return f"{facts} · {artefact.coverage:.0%} of them with the weights that the input came with"


def _write_figures(run: _Run, target: Path) -> dict[str, str]:
    """Write the figures as files; return them as inline SVG."""
    made = {
        "pareto": (pareto_figure(run.record, run.measured), "Score and accuracy against FLOPs"),
        "search": (search_figure(run.record), "Course of the search"),
        "rejections": (rejection_figure(run.record), "Rejected candidates by reason"),
    }
    inline = {name: write_figure(one, target, name, label) for name, (one, label) in made.items()}
    save_png(made["pareto"][0], target / "figures" / "pareto.png")
    return inline


# --- texts ---------------------------------------------------------------------------------------


def _summary(run: _Run, networks: Sequence[_Network]) -> dict[str, Any]:
    """Return the content of summary.json."""
    verdict = run.headline
    noise = pooled_noise(run.measured.values())
    record = run.record
    return {
        "format": SUMMARY_FORMAT,
        "model": run.model,
        "headline": verdict.sentence,
        "tone": verdict.tone,
        "front": [asdict(row) for row in run.rows],
        "noise": None if noise is None else asdict(noise),
        "search": {
            "visited": len(record.visited),
            "accepted": int(record.visited.accepted.sum()),
            "rejected": dict(record.rejected),
            "propagation": {
                **record.propagation.to_dict(),
                "success_rate": record.propagation.success_rate,
                "ms_per_solve": record.propagation.ms_per_solve,
            },
            "iterations": len([entry for entry in record.iterations if entry["iteration"]]),
            "seconds": record.seconds,
            "seed": record.seed,
        },
        "labels": _source_sentences(run),
        "files": {network.name: asdict(network.artefact) for network in networks},
        "versions": _versions(),
    }


def _source_sentences(run: _Run) -> list[str]:
    n_trained = sum(1 for rank in run.measured if rank)
    return [
        *predictor_sentences(run.config, run.card),
        *latency_sentences(run.record),
        range_sentence(run.record),
        front_sentence(run.config, n_trained),
        *([noise_sentence(list(run.measured.values()))] if run.measured else []),
    ]


def _versions() -> dict[str, str]:
    """Return the versions that results depend on."""
    versions = {"python": python_version()}
    for package in _PACKAGES:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            versions[package] = "not installed"
    return versions


def _page(run: _Run, networks: Sequence[_Network], figures: Mapping[str, str]) -> dict[str, Any]:
    """Return the values of the page's template."""
    from markupsafe import Markup

    rows = run.rows
    changes = {network.rank: network.changes for network in networks if network.changes}
    axes = search_axes(run.record, run.measured)
    return {
        "model": run.model,
        "family": run.record.settings["family"],
        "verdict": run.headline,
        "cards": _cards(run),
        "sources": _source_sentences(run),
        "rows": rows[: _ROWS_ON_PAGE + 1],
        "cells": display,
        "sort_keys": sort_keys,
        "hidden_rows": max(len(rows) - _ROWS_ON_PAGE - 1, 0),
        "winners": run.record.winners,
        "measured": run.measured,
        "limits": limits_words(run.record.constraints),
        "networks": networks,
        "drawn": {network.rank: network for network in networks},
        "front": front_data(axes, run.record.visited.accepted, changes, range_warnings(run.record)),
        "figures": {name: Markup(svg) for name, svg in figures.items()},
        "record": run.record,
        "config": as_json(run.config),
        "versions": _versions(),
    }


def _cards(run: _Run) -> list[tuple[str, str, str]]:
    """Return the key figures: label, value, note."""
    record = run.record
    base = record.baseline
    cards = [
        ("Input", f"{base.flops / 1e6:,.1f} MFLOPs", f"{base.nodes} nodes"),
        ("Winners", f"{len(record.winners)}", "on the Pareto front"),
    ]
    if 0 in run.measured:
        cards.insert(1, ("Input accuracy", *_accuracy(run.measured[0])))
    trained = {rank: entry for rank, entry in run.measured.items() if rank}
    if trained:
        best = max(trained, key=lambda rank: trained[rank].mean)
        value, note = _accuracy(trained[best])
        cards.append(("Best measured winner", value, f"rank {best}, {note}"))
    if record.winners:
        least = min(winner.delta_flops_percent for winner in record.winners)
        cards.append(("Least FLOPs", f"{least:+.1f} %".replace("-", "−"), "on the front"))
    visited = f"{len(record.visited):,}"
    cards.append(("Graphs scored", visited, f"in {record.seconds:,.0f} s"))
    return cards


def _accuracy(measured: Measured) -> tuple[str, str]:
    seeds = "1 training" if measured.n == 1 else f"{measured.n} seeds"
    note = seeds if measured.std is None else f"± {100 * measured.std:.2f} over {seeds}"
    return f"{100 * measured.mean:.2f} %", note
