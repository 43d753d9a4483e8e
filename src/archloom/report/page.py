"""HTML pages of results: one self-contained file each, rendered from a template.

A page states in its content security policy that it loads nothing and runs only the scripts of
``report/templates``, so that no text from outside can ever become a script.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from hashlib import sha256
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from archloom.report.autogo.tables import display, sort_keys

if TYPE_CHECKING:
    from markupsafe import Markup

_FOLDER = files("archloom.report") / "templates"


def render(template: str, values: Mapping[str, Any]) -> str:
    """Return the page of ``template`` (a file in ``report/templates``) with ``values`` filled in.

    Values are escaped unless they are ``markupsafe.Markup``; a value that the template needs and
    that is missing is an error. In templates, ``asset(name)`` is the text of another file of the
    folder, ``policy`` the content security policy, and ``tojson`` is safe inside a script element.
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("archloom.report", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"cells": display, "keys": sort_keys}
    environment.globals |= {"asset": _asset, "policy": _policy()}
    return environment.get_template(template).render(**values)


def _asset(name: str) -> Markup:
    """Return the text of a style sheet or script of ours, as it is."""
    from markupsafe import Markup

    return Markup((_FOLDER / name).read_text(encoding="utf-8"))


def _policy() -> str:
    """Return the content security policy: scripts by their hashes, pictures beside the page."""
    scripts = sorted(path.name for path in _FOLDER.iterdir() if path.name.endswith(".js"))
    hashes = " ".join(f"'sha256-{_digest(_asset(name))}'" for name in scripts)
    return (
        "default-src 'none'; img-src 'self' data: file:; style-src 'unsafe-inline'; "
        f"script-src {hashes}; base-uri 'none'; form-action 'none'"
    )


def _digest(text: str) -> str:
    return b64encode(sha256(text.encode()).digest()).decode()
