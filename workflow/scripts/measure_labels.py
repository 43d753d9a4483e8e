"""Train one job's share of the graphs of a family whose accuracy is not known yet."""

from itertools import chain

from archloom.data.images import load_images
from archloom.data.labels import read_labels
from archloom.io.store import GraphStore
from archloom.shards import Shard
from archloom.train.measure import measure
from archloom.train.measurement import write_measurement
from archloom.train.recipe import Recipe
from archloom.workflow import job

if __name__ == "__main__":
    with job() as run:
        settings = run.settings
        recipe = Recipe.from_dict(settings["recipe"])
        several = [max(settings["noise_seeds"], settings["seeds"])] * settings["noise_graphs"]
        graphs = list(GraphStore(run.input("graphs")))
        wanted = [range(n) for n in (several + [settings["seeds"]] * len(graphs))[: len(graphs)]]
        seeds = Shard.parse(run.wildcards["shard"]).seeds(wanted)
        result = measure(
            graphs,
            load_images(recipe.dataset),
            recipe,
            seeds=lambda position: seeds[position],
            known=chain.from_iterable(read_labels(path) for path in run.inputs["known"]),
            out=settings["kept"],
            n_jobs=run.threads,
            progress=run.progress,
            device=settings["device"],
        )
        write_measurement(
            result, sum(map(bool, seeds)), run.output["labels"], run.output["summary"]
        )
