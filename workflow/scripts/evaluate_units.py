"""Evaluate every network of a reduced space by the label models of a run."""

from archloom.parquet import write_parquet
from archloom.predict.blocks.task import BlockTraining
from archloom.search.units.exhaustive import evaluate_space, gather_space
from archloom.search.units.label_models import figures_of, run_models
from archloom.search.units.space import UnitSpace
from archloom.workflow import job

if __name__ == "__main__":
    with job() as run:
        training = BlockTraining(epochs=run.settings["epochs"], seed=run.seed)
        models = run_models(run.wildcards["family"], run.inputs, run.settings["device"], training)
        space = UnitSpace.read(run.input("ranked") / "space.json")
        evaluate_space(space, figures_of(models), run.resume, on_chunk=run.progress)
        write_parquet(gather_space(run.resume), run.output["networks"])
