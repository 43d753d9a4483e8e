"""HTML pages of results: one self-contained file each, rendered from a template, with copies of the
files beside it as far as there is room, so that the page alone is enough.

A page states in its content security policy that it loads nothing and runs only the scripts of
``report/templates``, so that no text from outside can ever become a script.
"""

from __future__ import annotations

import gzip
import json
from base64 import b64encode
from collections.abc import Iterable, Mapping
from hashlib import sha256
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from markupsafe import Markup

LARGEST_COPY = 128 * 1024
"""A file that is larger than this many bytes when compressed is linked, not copied."""
LARGEST_TOTAL = 3 * 1024 * 1024
"""Bytes of all copies of a page together."""
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
    environment.globals |= {"asset": _asset, "policy": _policy()}
    return environment.get_template(template).render(**values)


def pack(folder: Path, names: Iterable[str]) -> dict[str, str]:
    """Return base64 of the gzipped content of files in ``folder``, by name.

    Names are taken in order; what is too large, alone or together with those before it, is left
    out, and so are empty names. The same files give the same text.
    """
    packed: dict[str, str] = {}
    room = LARGEST_TOTAL
    for name in filter(None, names):
        content = b64encode(gzip.compress((folder / name).read_bytes(), mtime=0)).decode()
        if len(content) <= min(LARGEST_COPY * 4 // 3, room):
            packed[name] = content
            room -= len(content)
    return packed


def as_json(value: object) -> str:
    """Return ``value`` as the text of a JSON file that people read."""
    return json.dumps(value, indent=1, ensure_ascii=False) + "\n"


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
