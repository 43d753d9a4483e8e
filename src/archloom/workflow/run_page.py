"""The page ``results/run.html``: what ran, how the rules depend on each other, how long each took
and how much memory it needed.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from archloom.files import write_text
from archloom.workflow.status import Folders, Made, Stage, last_lines, stages
from archloom.workflow.words import duration, job_name, size


def write_run_page(folders: Folders, root: Path, path: Path) -> None:
    """Write the page of a run to ``path``, whatever state the run is in.

    ``root`` is the folder that the paths in the records start from.
    """
    from archloom.report.page import render

    write_text(path, render("run.html", _values(stages(folders, root), root)))


def _values(found: Sequence[Stage], root: Path) -> dict[str, Any]:
    """Return the values of the page's template."""
    made = [one for stage in found for one in stage.made]
    timeline = Timeline.of([_span(one) for one in made])
    problems = [state for stage in found for state in (*stage.failed, *stage.killed)]
    return {
        "cards": [
            ("Finished", str(len(made)), "jobs"),
            ("Going on", str(sum(len(stage.running) for stage in found)), "jobs"),
            ("Failed or killed", str(len(problems)), "jobs"),
            ("Elapsed", duration(timeline.length), "pauses left out"),
            ("Largest memory", _memory(max((one.memory for one in made), default=0)), "of a job"),
            ("Made", size(sum(one.size for one in made)), "in files"),
        ],
        "graph": _graph(found) if made else "",
        "rows": [_row(stage, timeline) for stage in found],
        "problems": [
            {
                "name": job_name(state.rule, state.wildcards),
                "words": state.words or "killed without a word",
                "log": state.log,
                "lines": "\n".join(last_lines(root / state.log)),
            }
            for state in problems
        ],
        "version": version("archloom"),
    }


def _row(stage: Stage, timeline: Timeline) -> dict[str, Any]:
    """Return the texts and the bars of a stage."""
    longest = max((one.seconds for one in stage.made), default=0.0)
    return {
        "rule": stage.rule,
        "jobs": len(stage.made),
        "going_on": len(stage.running),
        "failed": len(stage.failed) + len(stage.killed),
        "time": duration(stage.seconds) if stage.made else "–",
        "longest": duration(longest) if stage.made else "–",
        "memory": _memory(stage.memory),
        "size": size(stage.size) if stage.made else "–",
        "missing": sum(not one.is_present for one in stage.made),
        "bars": [(_title(one), *timeline.place(*_span(one))) for one in stage.made],
    }


def _memory(number: float) -> str:
    return size(number) if number else "–"


def _title(made: Made) -> str:
    name = job_name(made.record.rule, made.record.wildcards)
    return f"{name}: {duration(made.seconds)}, {made.record.host}"


def _span(made: Made) -> tuple[float, float]:
    return made.ended - made.seconds, made.ended


@dataclass(frozen=True)
class Timeline:
    """The time in which at least one job was at work; pauses take no room.

    busy   (begin, end) in seconds since 1970, in order, without overlaps
    """

    busy: tuple[tuple[float, float], ...]

    @classmethod
    def of(cls, spans: Sequence[tuple[float, float]]) -> Timeline:
        """Join the spans of jobs; pauses below a second are none."""
        joined: list[tuple[float, float]] = []
        for begin, end in sorted(spans):
            if joined and begin - joined[-1][1] < 1:
                joined[-1] = joined[-1][0], max(joined[-1][1], end)
            else:
                joined.append((begin, end))
        return cls(tuple(joined))

    @property
    def length(self) -> float:
        """Seconds at work."""
        return sum(end - begin for begin, end in self.busy)

    def place(self, begin: float, end: float) -> tuple[float, float]:
        """Return where a span lies: start and width in percent of the whole."""
        before = sum(min(e, begin) - b for b, e in self.busy if b < begin)
        whole = self.length or 1.0
        return round(100 * before / whole, 2), max(round(100 * (end - begin) / whole, 2), 0.3)


def _graph(found: Sequence[Stage]) -> Any:
    """Return the picture of the rules and of what goes from one to the other."""
    from markupsafe import Markup

    from archloom.drawing.palette import BLUE, GREY, tint
    from archloom.drawing.svg import Box, Panel, Picture, Style

    made = [stage for stage in found if stage.made]
    maker = {
        path: number
        for number, stage in enumerate(made)
        for one in stage.made
        for path in one.record.outputs
    }
    edges = _without_circles(
        {
            (maker[path], number)
            for number, stage in enumerate(made)
            for one in stage.made
            for path in one.record.inputs
            if path in maker and maker[path] != number
        }
    )
    whole = sum(stage.seconds for stage in made) or 1.0
    boxes = [
        Box(
            title=stage.rule,
            detail=f"{_jobs(len(stage.made))}, {duration(stage.seconds)}",
            tooltip=f"{stage.rule}: {_jobs(len(stage.made))}, {size(stage.size)}",
            style=Style(tint(BLUE, 0.08 + 0.5 * stage.seconds / whole), GREY),
        )
        for stage in made
    ]
    picture = Picture("Rules", ["Darker: a larger part of the work."], [], [Panel(boxes, edges)])
    return Markup(picture.render())


def _without_circles(edges: Collection[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return the edges but those that close a circle: steps of a search feed each other."""
    after: dict[int, set[int]] = {}
    kept = []
    for source, target in sorted(edges):
        reached, todo = {target}, [target]
        while todo:
            new = after.get(todo.pop(), set()) - reached
            reached |= new
            todo += new
        if source not in reached:
            after.setdefault(source, set()).add(target)
            kept.append((source, target))
    return kept


def _jobs(number: int) -> str:
    return "1 job" if number == 1 else f"{number} jobs"
