"""Evolve the input graph."""

from archloom.files import read_json
from archloom.io.native import from_native
from archloom.search.graphs.optimise import Artefacts, optimise
from archloom.search.graphs.record import save_search
from archloom.search.graphs.settings import SearchSettings
from archloom.workflow import job

if __name__ == "__main__":
    with job() as run:
        files = map(run.input, ("vocabulary", "segments", "weights"))
        artefacts = Artefacts.of_files(*files, *run.inputs["ranking"])
        settings = SearchSettings(**run.settings)

        def progress(iteration: int, iterations: int, done: int, _parents: int) -> None:
            """Count parents; an iteration may have fewer than ``top_k``."""
            run.progress((iteration - 1) * settings.top_k + done, iterations * settings.top_k)

        result = optimise(
            from_native(read_json(run.input("graph"))),
            artefacts,
            settings,
            seed=run.seed,
            n_jobs=run.threads,
            folder=run.resume,
            progress=progress,
        )
        save_search(result, run.output["front"], run.output["visited"], run.output["stats"])
