"""Learn one target of labelled block networks and rank all their units."""

from archloom.data.block_table import read_block_table
from archloom.predict.block_training import BlockTraining
from archloom.predict.blocks import BlockPredictor
from archloom.views.sequence import block_family
from archloom.workflow import job

if __name__ == "__main__":
    with job() as run:
        settings, folder = run.settings, run.output["ranked"]
        table = read_block_table(run.input("networks"), block_family(run.wildcards["family"]))
        training = BlockTraining(epochs=settings["epochs"], seed=run.seed)
        predictor = BlockPredictor.fit(table.labelled(settings["target"]), training)
        scored = predictor.score_units()
        folder.mkdir()
        predictor.save(folder / "predictor.safetensors")
        scored.write(folder / "units.parquet")
        scored.write_space(folder / "space.json", settings["top_k"])
