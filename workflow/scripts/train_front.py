"""Train one job's share of the input and the winners, with several seeds each."""

from pathlib import Path

from archloom.data.images import load_images
from archloom.files import link_or_copy, read_json
from archloom.io.native import from_native
from archloom.io.store import GraphStore
from archloom.shards import Shard
from archloom.train.measure import measure, weights_files
from archloom.train.measurement import write_measurement
from archloom.train.recipe import Recipe
from archloom.workflow import job

if __name__ == "__main__":
    with job() as run:
        settings = run.settings
        recipe = Recipe.from_dict(settings["recipe"])
        graph = from_native(read_json(run.input("graph")))
        graphs = [graph, *GraphStore(run.input("front"))][: 1 + settings["members"]]
        wanted = [range(settings["seeds"])] * len(graphs)
        seeds = Shard.parse(run.wildcards["shard"]).seeds(wanted)
        kept = Path(settings["kept"])
        result = measure(
            graphs,
            load_images(recipe.dataset),
            recipe,
            seeds=lambda position: seeds[position],
            out=kept,
            weights=kept / "weights",
            n_jobs=run.threads,
            progress=run.progress,
            device=settings["device"],
        )
        run.output["weights"].mkdir()
        for label in result.labels:
            for path in weights_files(kept / "weights", label.graph, label.seed):
                link_or_copy(path, run.output["weights"] / path.name)
        write_measurement(
            result, sum(map(bool, seeds)), run.output["labels"], run.output["summary"]
        )
