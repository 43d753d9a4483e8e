"""What a report shows and hands over."""

from __future__ import annotations

from pydantic import Field

from archloom.config.base import Section


class Report(Section):
    """What the report shows and hands over."""

    members: int = Field(default=10, ge=1, le=1000)
    """Front members that are drawn and written as ONNX, JSON and weights."""
