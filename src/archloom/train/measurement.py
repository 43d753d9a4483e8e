"""Measurements as files: what each job of a stage leaves behind, and how they become one.

A measurement is a label table and a summary (JSON, format ``archloom-measurement/1``): how many
graphs were asked for, how many labels there are, and which trainings failed and why.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from archloom.data.labels import merge_labels, read_labels, write_labels
from archloom.errors import FormatError, TrainingError
from archloom.files import read_json, reader, write_text
from archloom.train.measure import Failure, Measurement

FORMAT = "archloom-measurement/1"

logger = logging.getLogger(__name__)


def write_measurement(
    result: Measurement, n_graphs: int, labels: str | Path, summary: str | Path
) -> None:
    """Write the labels and the summary of a measurement of ``n_graphs`` graphs."""
    document = {
        "format": FORMAT,
        "graphs": n_graphs,
        "labelled": len({label.graph for label in result.labels}),
        "labels": len(result.labels),
        "failures": [asdict(failure) for failure in result.failures],
    }
    write_labels(result.labels, labels)
    write_text(summary, json.dumps(document, indent=1, ensure_ascii=False) + "\n")


@reader("summary of a measurement", "delete it and make it again", "summary")
def read_failures(summary: str | Path) -> list[Failure]:
    """Return the failures of a summary; raises ``FormatError`` for another file."""
    document: Any = read_json(summary)
    try:
        if document["format"] != FORMAT:
            raise ValueError(f"its format is {document['format']}")
        return [Failure(**row) for row in document["failures"]]
    except (KeyError, TypeError, ValueError) as error:
        raise FormatError(
            f"{summary} is no summary of a measurement ({error}): delete it and make it again."
        ) from error


def merge_measurements(
    graphs: Sequence[str], labels: Sequence[str | Path], summaries: Sequence[str | Path]
) -> Measurement:
    """Return the measurements of all shards as one, in the order of ``graphs`` (hashes), then of
    the seeds.

    The time that a label took is left out, so that the result is the same whoever measured it. How
    many graphs are without a label is logged. Raises ``TrainingError`` when none has one, and
    ``DataError`` when shards contradict each other.
    """
    place = {graph: number for number, graph in enumerate(graphs)}
    found = merge_labels([read_labels(path) for path in labels])
    found.sort(key=lambda label: (place[label.graph], label.seed))
    failures = [failure for path in summaries for failure in read_failures(path)]
    failures.sort(key=lambda failure: (place[failure.graph], failure.seed))
    missing = len(place.keys() - {label.graph for label in found})
    if not found:
        reasons = failures[0].reason if failures else "no training was begun"
        raise TrainingError(f"none of {len(place)} graphs has a label: {reasons}")
    for failure in failures:
        logger.warning("%s, seed %d failed: %s", failure.name, failure.seed, failure.reason)
    logger.info(
        "%d labels of %d graphs, %d graphs without one, %d failed trainings",
        len(found),
        len(place) - missing,
        missing,
        len(failures),
    )
    return Measurement([replace(label, seconds=0.0) for label in found], failures)
