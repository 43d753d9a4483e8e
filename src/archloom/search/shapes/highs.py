"""HiGHS, in process: solves the reduced 0-1 programs of shape propagation."""

from __future__ import annotations

from itertools import chain
from typing import Any

import numpy as np

from archloom.search.shapes.program import Program

MAX_BRANCH_NODES = 10_000
"""Branch-and-bound nodes after which a program counts as "unsolved" (a limit in nodes, unlike one
in seconds, gives the same answer on every machine)."""

_OPTIONS = {
    "output_flag": False,
    "threads": 1,
    "parallel": "off",
    "random_seed": 0,
    "mip_rel_gap": 0.0,
    "mip_abs_gap": 1e-6,
    "mip_max_nodes": MAX_BRANCH_NODES,
    # With a dozen binaries these heuristics cost more than the search that they shorten (14 ms
    # against 1 ms, nearly all of it the feasibility jump).
    "mip_heuristic_run_feasibility_jump": False,
    "mip_heuristic_effort": 0.0,
    "mip_detect_symmetry": False,
}
_ROW_WISE, _MINIMISE = 2, 1


class HighsSolver:
    """One HiGHS instance, used for one program after the other.

    It is made on first use and left behind when the object travels to another process.
    """

    def __init__(self) -> None:
        self._highs: Any = None

    def __getstate__(self) -> dict[str, Any]:
        return {"_highs": None}

    def solve(self, program: Program) -> tuple[str, list[float]]:
        """Return the status ("optimal", "infeasible" or "unsolved") and the column values.

        The optimum is proven: both gaps are zero within rounding.
        """
        import highspy

        if self._highs is None:
            self._highs = highspy.Highs()
            for name, value in _OPTIONS.items():
                self._highs.setOptionValue(name, value)
        _pass(self._highs, program)
        self._highs.run()
        status = self._highs.getModelStatus()
        if status == highspy.HighsModelStatus.kOptimal:
            return "optimal", list(self._highs.getSolution().col_value)
        if status == highspy.HighsModelStatus.kInfeasible:
            return "infeasible", []
        return "unsolved", []


def _pass(highs: Any, program: Program) -> None:
    """Hand a program over as sparse arrays, row by row."""
    columns, rows = len(program.cost), program.rows
    starts = np.zeros(len(rows) + 1, dtype=np.int32)
    np.cumsum([len(row) for row, _, _ in rows], out=starts[1:])
    indices = np.fromiter(chain.from_iterable(row for row, _, _ in rows), dtype=np.int32)
    values = np.fromiter(chain.from_iterable(row.values() for row, _, _ in rows), dtype=np.float64)
    highs.passModel(
        columns,
        len(rows),
        len(indices),
        _ROW_WISE,
        _MINIMISE,
        0.0,
        np.array(program.cost, dtype=np.float64),
        np.zeros(columns),
        np.array(program.upper, dtype=np.float64),
        np.array([lower for _, lower, _ in rows], dtype=np.float64),
        np.array([upper for _, _, upper in rows], dtype=np.float64),
        starts,
        indices,
        values,
        np.array(program.binary, dtype=np.int32),
    )
