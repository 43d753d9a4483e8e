"""Why a search found nothing: what most variants failed by, and which came nearest."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from math import isnan, nan
from typing import Any

from archloom.search.constraints import Constraint, relative_change
from archloom.search.graphs.result import SearchResult

_REPEATS = ("seen before", "same child twice")
_NO_REGION = "no region can be replaced"


def why_nothing(result: SearchResult) -> str:
    """Return in sentences why ``result`` has no members, and what to try."""
    reasons = Counter({r: n for r, n in result.rejected.items() if r not in _REPEATS})
    rows = [row for row in result.visited.to_pylist() if row["iteration"]]
    if not rows and not reasons:
        return "nothing better than the input was found: no variant was made; try more rounds."
    words = ["nothing better than the input was found."]
    if reasons:
        reason, count = reasons.most_common(1)[0]
        words.append(f"Most variants fell out by one reason ({count:,}): {reason}.")
    if rows:
        words.append(_nearest(rows, result.goals.constraints, result.values))
    return " ".join([*words, _advice(reasons)])


def _nearest(
    rows: Sequence[Mapping[str, Any]], limits: Sequence[Constraint], base: Mapping[str, float]
) -> str:
    """Return what the variant lacks that misses the fewest limits, by the least."""

    def gaps(row: Mapping[str, Any]) -> dict[Constraint, float]:
        of = {limit: limit.gap(_value(row, limit), base[limit.figure]) for limit in limits}
        return {limit: gap for limit, gap in of.items() if gap}

    nearest = min(rows, key=lambda row: (len(gaps(row)), sum(gaps(row).values())))
    missed = gaps(nearest)
    if not missed:
        return "Some were within all limits, but better than the input in no objective."
    facts = [
        f"{limit} (it has {_found(limit, _value(nearest, limit), base[limit.figure])})"
        for limit in missed
    ]
    return f"The nearest missed {' and '.join(facts)}."


def _value(row: Mapping[str, Any], limit: Constraint) -> float:
    """Return a figure of a variant, nan where another limit refused it first."""
    value = row[limit.figure]
    return nan if value is None else float(value)


def _found(limit: Constraint, value: float, base: float) -> str:
    """Return a figure in the form of its limit."""
    if isnan(value):
        return "not been measured"
    return f"{relative_change(value, base):+.3g}%" if limit.percent else f"{value:,.4g}"


def _advice(reasons: Counter[str]) -> str:
    if reasons and reasons.most_common(1)[0][0] == _NO_REGION:
        return "Name a --family whose operations the network has, or search with --unit op."
    return "Try more rounds, another --seed or wider limits."
