"""Train the input and the winners with several seeds."""

import shutil

from archloom.data.images import load_images
from archloom.data.labels import write_labels
from archloom.io.files import read_json
from archloom.io.native import from_native
from archloom.io.store import GraphStore
from archloom.train.measure import measure
from archloom.train.recipe import Recipe
from archloom.workflow import job

if __name__ == "__main__":
    with job() as run:
        settings = run.settings
        recipe = Recipe.from_dict({k: v for k, v in settings["recipe"].items() if v is not None})
        graph = from_native(read_json(run.input("graph")))
        (run.resume / "weights").mkdir(exist_ok=True)
        winners = list(GraphStore(run.input("front")))[: settings["members"]]
        result = measure(
            [graph, *winners],
            load_images(recipe.dataset),
            recipe,
            seeds=range(settings["seeds"]),
            out=run.resume,
            weights=run.resume / "weights",
            n_jobs=run.threads,
            progress=run.progress,
            device=settings["device"],
        )
        shutil.copytree(run.resume / "weights", run.output["weights"])
        write_labels(result.labels, run.output["labels"])
