"""Train the accuracy predictor."""

from archloom.predict.fit import fit_predictor
from archloom.workflow import job

with job() as run:
    predictor = fit_predictor(
        run.wildcards["kind"],
        graphs=run.inputs["graphs"],
        labels=run.inputs["labels"],
        splits=run.inputs["splits"],
        index=run.inputs["index"],
        training=run.settings["training"],
        seed=run.seed,
        resume=run.resume,
    )
    predictor.save(run.output["weights"])
