"""Train the graphs of a family whose accuracy is not known yet."""

from archloom.data.labels import read_labels, write_labels
from archloom.io.store import GraphStore
from archloom.train.labels import measure_labels
from archloom.train.recipe import Recipe
from archloom.workflow import job

with job() as run:
    known = [read_labels(path) for path in run.inputs["known"]]
    recipe = {key: value for key, value in run.settings["recipe"].items() if value is not None}
    labels = measure_labels(
        list(GraphStore(run.input("graphs"))),
        Recipe.from_dict(recipe),
        seeds=run.settings["seeds"],
        noise_graphs=run.settings["noise_graphs"],
        noise_seeds=run.settings["noise_seeds"],
        known=known,
        seed=run.seed,
        resume=run.resume,
    )
    write_labels(labels, run.output["labels"])
