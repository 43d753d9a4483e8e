"""Cells as NASLib's tables of further data sets write them: numbers in JSON (NAS-Bench-Suite-Zero).

The edges are 0-1, 0-2, 0-3, 1-2, 1-3, 2-3, and operations have numbers of their own.
"""

from __future__ import annotations

import json

from archloom.spaces import nb201, nb301
from archloom.spaces.tnb101 import micro as tnb101_micro


def nb201_cell(text: str) -> str:
    """Return the NAS-Bench-201 cell of NASLib's six numbers."""
    names = ("skip_connect", "none", "nor_conv_3x3", "nor_conv_1x1", "avg_pool_3x3")
    return nb201.format_cell([names[number] for number in _in_our_order(text)])


def tnb101_cell(text: str) -> str:
    """Return the TransNAS-Bench-101 cell of NASLib's six numbers: identity, zero, 3x3, 1x1."""
    return tnb101_micro.format_cell(["1032"[number] for number in _in_our_order(text)])


def darts_cells(text: str) -> str:
    """Return the DARTS cells of NASLib's two lists of pairs."""
    normal, reduction = ([n for pair in cell for n in pair] for cell in json.loads(text))
    return nb301.from_integers(normal, reduction)


def _in_our_order(text: str) -> list[int]:
    """Return NASLib's operations of edges 01, 02, 03, 12, 13, 23 as 01, 02, 12, 03, 13, 23."""
    numbers = json.loads(text)
    return [numbers[place] for place in (0, 1, 3, 2, 4, 5)]
