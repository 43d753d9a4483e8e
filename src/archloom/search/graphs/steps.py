"""A search in steps that several jobs share: the same iterations as ``evolve``, one file each.

``Steps.begin`` records the input, ``mutate`` mutates a share of an iteration's parents, ``close``
puts the shares together, ``result`` reads the front. Every iteration is a folder of its own, so a
job takes those before it as its input.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from archloom.errors import SearchError
from archloom.files import link_or_copy, read_json
from archloom.graph import Graph
from archloom.io.native import from_native
from archloom.predict.predictor import NetworkPredictor
from archloom.search.graphs.evolution import GraphSearch, open_search
from archloom.search.graphs.mutation import Mutator
from archloom.search.graphs.optimise import Artefacts
from archloom.search.graphs.outcomes import interleaved, read_outcomes, write_outcomes
from archloom.search.graphs.result import SearchResult
from archloom.search.graphs.settings import SearchSettings
from archloom.search.graphs.workers import workers

_FILES = ("graph", "vocabulary", "segments", "weights")


@dataclass(frozen=True)
class Steps:
    """The steps of one search; jobs that share it are given equal ones.

    earlier    folders of the finished iterations, in order, the input's first
    predictor  in whose range the networks of the result are located; None: they are not
    """

    graph: Graph
    mutator: Mutator
    seed: int
    earlier: Sequence[Path] = ()
    predictor: NetworkPredictor | None = None

    @classmethod
    def of_files(
        cls, files: Mapping[str, Sequence[Path]], settings: SearchSettings, seed: int
    ) -> Self:
        """Return the steps of the search that these files make.

        files   one ``graph`` and the artefacts ``vocabulary``, ``segments`` and ``weights``, at
                most one ``ranking``, and after the first step the folders of ``earlier`` iterations

        Raises ``DataError`` or ``FormatError``.
        """
        graph, *artefacts = (path for name in _FILES for path in files[name])
        made = Artefacts.of_files(*artefacts, *files["ranking"])
        return cls(
            from_native(read_json(graph)),
            made.mutator(settings),
            seed,
            files.get("earlier", ()),
            made.predictor,
        )

    def begin(self, out: Path) -> None:
        """Record the input and write its folder ``out``."""
        with self._opened() as search:
            search.begin()
            _take(search, 0, out)

    def mutate(self, share: slice, out: Path, n_jobs: int = 1) -> None:
        """Mutate the parents of the next iteration that are in ``share`` and write their outcomes
        to ``out``: none when the search is over.
        """
        with self._opened() as search:
            tasks = [] if search.stopped else search.tasks(search.archive.n_iterations)[share]
            with workers(self.mutator, min(n_jobs, len(tasks)) or 1) as mutate:
                write_outcomes(list(mutate(tasks)), out)

    def close(self, parts: Sequence[Path], out: Path) -> None:
        """Finish the next iteration with the outcomes of all shares in order and write its folder
        ``out``, which stays empty when the search is over.
        """
        with self._opened() as search:
            number = search.archive.n_iterations
            if search.stopped:
                out.mkdir(parents=True)
                return
            outcomes = [read_outcomes(part) for part in parts]
            search.iterate(lambda _tasks: interleaved(outcomes))
            _take(search, number, out)

    def result(self) -> SearchResult:
        """Return the front that was found, located where the predictor is known."""
        with self._opened() as search:
            if not search.archive.n_iterations:
                raise SearchError("the search has not begun: no folder of an iteration was given.")
            found = search.result()
            return found if self.predictor is None else found.located(self.predictor)

    @contextmanager
    def _opened(self) -> Iterator[GraphSearch]:
        """Yield the search with all earlier iterations, in a folder of its own."""
        with tempfile.TemporaryDirectory(prefix="archloom-") as folder:
            for path in (path for home in self.earlier for path in sorted(home.glob("[!.]*"))):
                link_or_copy(path, Path(folder, path.name))
            with open_search(self.graph, self.mutator, None, folder, seed=self.seed) as search:
                yield search


def _take(search: GraphSearch, number: int, out: Path) -> None:
    """Copy the files of an iteration to ``out``; the input's folder also says what is searched."""
    out.mkdir(parents=True)
    names = [f"*-{number:04d}.*", *([] if number else ["settings.json"])]
    for path in (path for name in names for path in search.archive.folder.glob(name)):
        link_or_copy(path, out / path.name)
