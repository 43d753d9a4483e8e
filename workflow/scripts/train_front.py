"""Train the input and the winners with several seeds."""

from archloom.data.labels import write_labels
from archloom.io.store import GraphStore
from archloom.train.labels import train_members
from archloom.train.recipe import Recipe
from archloom.workflow import job

with job() as run:
    recipe = {key: value for key, value in run.settings["recipe"].items() if value is not None}
    winners = list(GraphStore(run.input("front")))[: run.settings["members"]]
    labels = train_members(
        [*GraphStore(run.input("graph")), *winners],
        Recipe.from_dict(recipe),
        seeds=run.settings["seeds"],
        weights=run.output["weights"],
        seed=run.seed,
        resume=run.resume,
    )
    write_labels(labels, run.output["labels"])
