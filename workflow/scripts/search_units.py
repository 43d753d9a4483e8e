"""Search the reduced spaces of all targets, and larger ones by the baselines, several times."""

from archloom.io.parquet import write_parquet
from archloom.predict.block_training import BlockTraining
from archloom.search.label_models import figures_of, run_models
from archloom.search.unit_comparison import compare_methods, methods
from archloom.search.unit_search import UnitSearchSettings
from archloom.search.unit_space import UnitSpace
from archloom.workflow import job

if __name__ == "__main__":
    with job() as run:
        settings = run.settings
        training = BlockTraining(epochs=settings["epochs"], seed=run.seed)
        models = run_models(run.wildcards["family"], run.inputs, settings["device"], training)
        spaces = [UnitSpace.read(folder / "space.json") for folder in run.inputs["ranked"]]
        seeds = range(run.seed, run.seed + settings["searches"])
        found = compare_methods(
            methods(spaces, settings["device"]),
            figures_of(models),
            UnitSearchSettings(**settings["search"]),
            seeds,
            run.progress,
        )
        write_parquet(found, run.output["visited"])
