"""Search the reduced spaces of all targets, and larger ones by the baselines, several times."""

from archloom.parquet import write_parquet
from archloom.predict.blocks.task import BlockTraining
from archloom.search.units.comparison import compare_methods, methods
from archloom.search.units.label_models import figures_of, run_models
from archloom.search.units.search import UnitSearchSettings
from archloom.search.units.space import UnitSpace
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
