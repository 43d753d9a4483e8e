"""Names that are imported at their first use, and module names of earlier versions."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from importlib.machinery import ModuleSpec
    from types import ModuleType

MOVED = {
    "archloom.io.onnx_export": "archloom.io.exporting.file",
    "archloom.predict.feature_importance": "archloom.predict.blocks.importance",
    "archloom.predict.unit_agreement": "archloom.predict.blocks.agreement",
    "archloom.search.evaluators": "archloom.search.units.figures",
    "archloom.search.label_models": "archloom.search.units.label_models",
    "archloom.search.transfer": "archloom.search.graphs.transfer",
    "archloom.search.unit_search": "archloom.search.units.search",
    "archloom.search.unit_space": "archloom.search.units.space",
    "archloom.search.variation": "archloom.search.units.variation",
}
"""Modules that the pages of earlier versions showed, and where their names are now."""


def at_first_use(package: str, homes: Mapping[str, str]) -> Callable[[str], Any]:
    """Return the ``__getattr__`` of a package that offers names of its modules without loading
    them: ``homes`` says in which module below ``package`` each name is.
    """

    def find(name: str) -> Any:
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        value = getattr(import_module(f"{package}.{homes[name]}"), name)
        setattr(sys.modules[package], name, value)
        return value

    return find


class MovedModules:
    """Says where a module of ``MOVED`` is now; Python asks last, when nobody has found it."""

    @staticmethod
    def find_spec(
        name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Raise ``ImportError`` for a moved module; any other is not found here either."""
        if name in MOVED:
            raise ImportError(
                f"{name} is now {MOVED[name]}: import what you need from there.", name=name
            )
        return None


def announce_moved_modules() -> None:
    """Let imports of moved modules fail with a message that names the new place."""
    if MovedModules not in sys.meta_path:
        sys.meta_path.append(MovedModules)
