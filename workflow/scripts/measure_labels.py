"""Train the graphs of a family whose accuracy is not known yet."""

from itertools import chain

from archloom.data.images import load_images
from archloom.data.labels import read_labels, write_labels
from archloom.io.store import GraphStore
from archloom.train.measure import measure
from archloom.train.recipe import Recipe
from archloom.workflow import job

if __name__ == "__main__":
    with job() as run:
        settings = run.settings
        recipe = Recipe.from_dict({k: v for k, v in settings["recipe"].items() if v is not None})
        several = [max(settings["noise_seeds"], settings["seeds"])] * settings["noise_graphs"]
        graphs = list(GraphStore(run.input("graphs")))
        seeds = several + [settings["seeds"]] * len(graphs)
        result = measure(
            graphs,
            load_images(recipe.dataset),
            recipe,
            seeds=lambda position: range(seeds[position]),
            known=chain.from_iterable(read_labels(path) for path in run.inputs["known"]),
            out=run.resume,
            n_jobs=run.threads,
            progress=run.progress,
            device=settings["device"],
        )
        write_labels(result.labels, run.output["labels"])
