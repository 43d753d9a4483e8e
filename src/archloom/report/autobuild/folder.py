"""The result folder of an AutoBuild run: report, summary, tables, figures and networks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archloom.files import write_csv, write_text
from archloom.io import write
from archloom.report.autobuild.figures import (
    fronts_panel,
    hops_figure,
    hypervolume_figure,
    importance_figure,
    norms_figure,
    spaces_figure,
    unit_fronts_figure,
)
from archloom.report.autobuild.front import spread
from archloom.report.autobuild.record import (
    AutobuildFiles,
    AutobuildRecord,
    Searches,
    read_autobuild,
)
from archloom.report.page import as_json, render
from archloom.report.style import save_png, write_figure
from archloom.search.front import pareto_front
from archloom.search.units.comparison import AUTOBUILD
from archloom.spaces import FAMILIES

SUMMARY_FORMAT = "archloom-autobuild-summary/1"
_SHOWN = 30
"""Members of the front on the page, besides those that are written."""
_CHANCE = 0.05
"""A difference that chance makes more often than this is none."""


@dataclass(frozen=True)
class Member:
    """A network of the front over all of AutoBuild's searches."""

    rank: int
    architecture: str
    accuracy: float
    latency: float
    file: str = ""


@dataclass(frozen=True)
class MethodRow:
    """How good one method's searches are; hypervolumes are those at the end.

    won    : in how many seeds AutoBuild's hypervolume is larger; None for AutoBuild itself
    chance : two-sided p value of a paired t-test between the two; None for AutoBuild itself
    """

    method: str
    searches: int
    evaluated: float
    mean: float
    std: float
    won: int | None = None
    chance: float | None = None


def write_autobuild_report(
    files: AutobuildFiles, config: Mapping[str, Any], family: str, folder: str | Path
) -> None:
    """Write the result folder of ``family``.

    config : all settings of the run (``archloom.config.Config``) as JSON values

    The folder gets report.html, summary.json, config.json, front.csv, units.csv, figures/ and
    networks/, of which ``report.members`` are written. Raises ``FormatError`` or ``DataError`` when
    a part is damaged or does not belong to the others.
    """
    record = read_autobuild(files, family)
    target = Path(folder)
    target.mkdir(parents=True, exist_ok=True)
    members = _write_networks(record, target, config["report"]["members"])
    rows = method_rows(record.searches)
    figures = _write_figures(record, target)
    write_csv(target / "front.csv", _front_rows(members))
    write_csv(target / "units.csv", _unit_rows(record))
    write_text(target / "config.json", as_json(config))
    write_text(target / "summary.json", as_json(_summary(record, members, rows)))
    values = {
        "family": family,
        "folder": target.as_posix(),
        "record": record,
        "members": members,
        "shown": shown_members(members),
        "methods": rows,
        "figures": figures,
        "headline": headline(rows),
        "config": config,
        "settings": as_json(config["autobuild"]),
        "version": version("archloom"),
    }
    write_text(target / "report.html", render("autobuild.html", values))


def method_rows(searches: Sequence[Searches]) -> list[MethodRow]:
    """Return one row per method, AutoBuild first, then by falling hypervolume."""
    own = next(one for one in searches if one.method == AUTOBUILD).hypervolumes[:, -1]
    rows = [_method_row(one, own) for one in searches]
    return sorted(rows, key=lambda row: (row.method != AUTOBUILD, -row.mean))


def _method_row(searches: Searches, own: NDArray[np.float64]) -> MethodRow:
    """Return the row of one method; ``own`` (seeds,) are AutoBuild's hypervolumes."""
    from scipy.stats import ttest_rel

    final = searches.hypervolumes[:, -1]
    row = MethodRow(
        searches.method,
        len(final),
        float(searches.evaluated.mean()),
        float(final.mean()),
        float(final.std(ddof=1)),
    )
    if searches.method == AUTOBUILD:
        return row
    equal = np.allclose(own, final)
    chance = 1.0 if equal else float(ttest_rel(own, final).pvalue)
    return replace(row, won=int((own > final).sum()), chance=chance)


def headline(rows: Sequence[MethodRow]) -> tuple[str, str]:
    """Return tone and sentence: whether searching the best units paid."""
    own, *others = rows
    best = max(others, key=lambda row: row.mean)
    facts = (
        f"hypervolume {own.mean:.4g} ± {own.std:.2g}, best baseline {best.method} {best.mean:.4g} "
        f"± {best.std:.2g}; larger in {best.won} of {own.searches} searches"
    )
    if best.chance is None or best.chance >= _CHANCE:
        return "open", f"Searching the best units and {best.method} are alike here: {facts}."
    if own.mean > best.mean:
        return "good", f"Searching the best units pays: {facts}."
    return "open", f"Searching the best units does not pay here: {facts}."


# --- files ---------------------------------------------------------------------------------------


def _write_networks(record: AutobuildRecord, folder: Path, count: int) -> list[Member]:
    """Return the front over all of AutoBuild's searches and write ``count`` of it, evenly, as
    graphs.
    """
    own = next(one for one in record.searches if one.method == AUTOBUILD)
    points = np.concatenate(list(own.fronts))
    names = [name for some in own.members for name in some]
    order = pareto_front(points, np.array([True, False])).tolist()
    space = FAMILIES[record.family]
    written = spread(len(order), count)
    members = []
    for rank, index in enumerate(order, start=1):
        file = f"networks/rank_{rank}.json" if rank in written else ""
        if file:
            write(space.build(names[index]), folder / file)
        accuracy, latency = points[index].tolist()
        members.append(Member(rank, names[index], accuracy, latency, file))
    return members


def shown_members(members: Sequence[Member]) -> list[Member]:
    """Return the members for the page, evenly over the front, with all that have a file."""
    ranks = spread(len(members), _SHOWN)
    return [one for one in members if one.rank in ranks or one.file]


def _write_figures(record: AutobuildRecord, folder: Path) -> dict[str, Any]:
    """Write every figure as SVG and PNG; return those for the page, by name."""
    from markupsafe import Markup

    targets = record.targets
    drawn = {
        "fronts": unit_fronts_figure([fronts_panel(record.searches, record.family)]),
        "hypervolume": hypervolume_figure(record.searches),
        "spaces": spaces_figure(record.labelled, targets),
        "importance": importance_figure(targets),
        "hops": hops_figure(targets),
        **{f"norms_{i}": norms_figure(one) for i, one in enumerate(targets, start=1)},
    }
    found = {}
    for name, figure in drawn.items():
        found[name] = Markup(write_figure(figure, folder, name, name.replace("_", " ")))
        save_png(figure, folder / "figures" / f"{name}.png")
    return found


def _front_rows(members: Sequence[Member]) -> list[Sequence[Any]]:
    head = ["rank", "architecture", "accuracy", "latency_ms", "file"]
    rows = [(one.rank, one.architecture, one.accuracy, one.latency, one.file) for one in members]
    return [head, *rows]


def _unit_rows(record: AutobuildRecord) -> list[Sequence[Any]]:
    rows: list[Sequence[Any]] = [["target", "unit", "rank", "blocks", "score"]]
    for target in record.targets:
        places = zip(target.space.pools, target.space.scores, strict=True)
        for unit, (pool, scores) in enumerate(places, start=1):
            for rank, (blocks, score) in enumerate(zip(pool, scores, strict=True), start=1):
                rows.append((target.name, unit, rank, blocks, score))
    return rows


def _summary(
    record: AutobuildRecord, members: Sequence[Member], rows: Sequence[MethodRow]
) -> dict[str, Any]:
    """Return the content of summary.json."""
    return {
        "format": SUMMARY_FORMAT,
        "family": record.family,
        "networks": len(record.networks.architectures),
        "sources": dict(record.sources),
        "targets": {one.name: dict(one.predictor.card.metrics) for one in record.targets},
        "hypervolume_from": {"accuracy": record.worst[0], "latency_ms": record.worst[1]},
        "methods": [asdict(row) for row in rows],
        "front": [[one.architecture, one.accuracy, one.latency] for one in members],
        "version": version("archloom"),
    }
