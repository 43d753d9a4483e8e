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
    return blend(colour, "#ffffff", share)


def shade(colour: str, share: float) -> str:
    """Return ``colour`` mixed with black; ``share`` is the colour's part, from 0 to 1."""
    return blend(colour, "#000000", share)


def blend(colour: str, other: str, share: float) -> str:
    """Return two colours mixed; ``share`` is the first one's part, from 0 to 1."""
    pairs = zip(_channels(colour), _channels(other), strict=True)
    return "#" + "".join(f"{round(one * share + two * (1 - share)):02x}" for one, two in pairs)


def _channels(colour: str) -> list[int]:
    """Return red, green and blue, each from 0 to 255."""
    return [int(colour[at : at + 2], 16) for at in (1, 3, 5)]
