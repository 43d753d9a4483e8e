"""The HTML page of a result: one self-contained file, rendered from a template."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files
from typing import Any

from archloom.report.tables import display, sort_keys


def render(template: str, values: Mapping[str, Any]) -> str:
    """Return the page of ``template`` (a file in ``report/templates``) with ``values`` filled in.

    Values are escaped unless they are ``markupsafe.Markup``; a value that the template needs and
    that is missing is an error.
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined
    from markupsafe import Markup

    environment = Environment(
        loader=PackageLoader("archloom.report", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"cells": display, "keys": sort_keys}
    folder = files("archloom.report") / "templates"
    assets = {
        name: Markup((folder / f"report.{name}").read_text(encoding="utf-8"))
        for name in ("css", "js")
    }
    return environment.get_template(template).render(**assets, **values)
