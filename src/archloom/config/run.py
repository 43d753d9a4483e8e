"""Where a run keeps its files and finds its data."""

from __future__ import annotations

from pydantic import Field

from archloom.config.base import Section


class Run(Section):
    """Where this run keeps its files."""

    name: str = Field(default="", pattern=r"^[A-Za-z0-9_-]*$")
    """Results go to results/<name>/...; empty: to results/..."""
    cache: str = Field(default="", pattern=r"^[A-Za-z0-9_-]*$")
    """Intermediate files go to resources/<cache>/...; empty: the name of the run."""


class Data(Section):
    """Where external datasets are looked for."""

    mirror: str = ""
    """Folder with one folder per dataset, looked in first; empty: see config/datasets.yaml."""
    download: bool = False
    """Fetch files that are in no folder from their sources; false: stay offline."""
