"""Drawings as PNG: of the drawing's shape, with its colours and its words, bounded in size."""

import io

import numpy as np
import pytest
from PIL import Image

from archloom.drawing import png
from archloom.drawing.graphs import draw, draw_changes
from archloom.errors import FormatError
from search_world import make_network


def opened(path) -> np.ndarray:
    return np.asarray(Image.open(path).convert("RGB"))


def test_a_drawing_keeps_shape_colours_and_words(tmp_path):
    svg = draw(make_network(), path=tmp_path / "net.png")
    width, height = (
        float(svg.split(f' {side}="')[1].split('"')[0]) for side in ("width", "height")
    )
    pixels = opened(tmp_path / "net.png")
    assert pixels.shape[:2] == (pytest.approx(2 * height, abs=2), pytest.approx(2 * width, abs=2))
    assert (pixels[0, 0] == 255).all()
    assert (pixels == (0xB8, 0xD8, 0xE9)).all(axis=2).mean() > 0.01, "boxes of convolutions"
    assert (pixels[: int(2 * 40)] < 100).any(), "the title is there in ink"


def test_changes_are_drawn_too(tmp_path):
    draw_changes(make_network(), make_network(), tmp_path / "same.png")
    assert (opened(tmp_path / "same.png") < 200).any()


def test_a_huge_drawing_is_made_smaller(monkeypatch):
    monkeypatch.setattr(png, "LARGEST", 10_000)
    with Image.open(io.BytesIO(png.to_png(draw(make_network())))) as picture:
        assert 8_000 < picture.width * picture.height < 10_500


@pytest.mark.parametrize("name", ["net.pdf", "net"])
def test_another_ending_is_refused(tmp_path, name):
    with pytest.raises(FormatError, match=r"\.svg or \.png"):
        draw(make_network(), path=tmp_path / name)
    assert not list(tmp_path.iterdir())
