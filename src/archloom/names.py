"""Names that are imported at their first use, and module names of earlier versions."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from importlib.machinery import ModuleSpec
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from types import ModuleType

MOVED: dict[str, tuple[str, ...]] = {
    "archloom.io.cg_json": ("archloom.io.reference.cg_json",),
    "archloom.io.changes": ("archloom.drawing.changes",),
    "archloom.io.drawing": ("archloom.drawing.graphs",),
    "archloom.io.files": ("archloom.files",),
    "archloom.io.onnx_export": ("archloom.io.exporting.file",),
    "archloom.io.onnx_file": ("archloom.io.importing.onnx.file",),
    "archloom.io.onnx_import": ("archloom.io.importing.onnx.reader",),
    "archloom.io.parquet": ("archloom.parquet",),
    "archloom.io.restricted": ("archloom.io.reference.restricted",),
    "archloom.io.svg": ("archloom.drawing.svg",),
    "archloom.io.tensorflow_import": ("archloom.io.importing.tensorflow.reader",),
    "archloom.io.torch_import": ("archloom.io.importing.torch.reader",),
    "archloom.io.torch_module": ("archloom.execute.module",),
    "archloom.predict.checkpoint": ("archloom.predict.card",),
    "archloom.predict.encoder": ("archloom.predict.gnn.network",),
    "archloom.predict.feature_importance": ("archloom.predict.blocks.importance",),
    "archloom.predict.instances": ("archloom.predict.psc.instances",),
    "archloom.predict.loading": ("archloom.predict.kinds",),
    "archloom.predict.scorer": ("archloom.predict.psc.scorer",),
    "archloom.predict.unit_agreement": ("archloom.predict.blocks.agreement",),
    "archloom.report.front": ("archloom.report.autogo.front",),
    "archloom.search.evaluators": ("archloom.search.figures",),
    "archloom.search.evolution": ("archloom.search.graphs.evolution",),
    "archloom.search.label_models": ("archloom.search.units.label_models",),
    "archloom.search.mutation": ("archloom.search.graphs.mutation",),
    "archloom.search.optimise": ("archloom.search.graphs.optimise",),
    "archloom.search.propagation": ("archloom.search.shapes.propagation",),
    "archloom.search.settings": ("archloom.search.graphs.settings",),
    "archloom.search.transfer": ("archloom.search.graphs.transfer",),
    "archloom.search.unit_search": ("archloom.search.units.search",),
    "archloom.search.unit_space": ("archloom.search.units.space",),
    "archloom.search.variation": ("archloom.search.units.variation",),
    "archloom.settings": ("archloom.config.reading", "archloom.config.models"),
}
"""Modules of earlier versions that pages showed or people are likely to import, and where their
names are now.
"""


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
    """Imports a module of ``MOVED``, whose names are those of the new places, with a warning;
    Python asks last, when nobody else has found it.
    """

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return how a moved module is loaded; any other is not found here either."""
        return ModuleSpec(name, self) if name in MOVED else None  # type: ignore[arg-type]  # no ABC

    def create_module(self, spec: ModuleSpec) -> None:
        """Leave it to Python to make the module."""

    def exec_module(self, module: ModuleType) -> None:
        """Let the module take its names from where they are now."""
        places = MOVED[module.__name__]
        where = " and ".join(places)
        warnings.warn(f"{module.__name__} is now {where}", DeprecationWarning, stacklevel=2)

        def find(name: str) -> Any:
            for place in [] if name.startswith("__") else map(import_module, places):
                if hasattr(place, name):
                    return getattr(place, name)
            raise AttributeError(f"{module.__name__} is now {where}, where no {name!r} is")

        vars(module)["__getattr__"] = find


def find_moved_modules() -> None:
    """Let imports of moved modules find the new ones."""
    if not any(isinstance(one, MovedModules) for one in sys.meta_path):
        sys.meta_path.append(MovedModules())
