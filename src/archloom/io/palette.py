"""Colours of every picture: the colour-blind-safe set of Okabe and Ito, and shades of it."""

from __future__ import annotations

BLUE, ORANGE, GREEN, PURPLE = "#0072b2", "#e69f00", "#009e73", "#cc79a7"
SKY, VERMILLION, YELLOW = "#56b4e9", "#d55e00", "#f0e442"
GREY = "#8a929c"

CYCLE = (BLUE, ORANGE, GREEN, PURPLE, SKY, VERMILLION, YELLOW)
"""Neighbours in the cycle are easy to tell apart, also without colour vision."""

INK, MUTED, PAPER, LINE = "#1b2733", "#5b6773", "#ffffff", "#7b8794"


def tint(colour: str, share: float) -> str:
    """Return ``colour`` mixed with white; ``share`` is the colour's part, from 0 to 1."""
    return _mix(colour, 255, share)


def shade(colour: str, share: float) -> str:
    """Return ``colour`` mixed with black; ``share`` is the colour's part, from 0 to 1."""
    return _mix(colour, 0, share)


def _mix(colour: str, other: int, share: float) -> str:
    channels = (int(colour[at : at + 2], 16) for at in (1, 3, 5))
    return "#" + "".join(f"{round(value * share + other * (1 - share)):02x}" for value in channels)
