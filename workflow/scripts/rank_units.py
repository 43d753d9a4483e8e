"""Learn one target of labelled block networks, with several seeds, and rank all their units."""

import json

from archloom.data.block_table import read_block_table
from archloom.files import write_text
from archloom.predict.blocks.agreement import agreement, mean_ranking
from archloom.predict.blocks.predictor import BlockPredictor
from archloom.predict.blocks.task import BlockTraining
from archloom.views.sequence import block_family
from archloom.workflow import job

if __name__ == "__main__":
    with job() as run:
        settings, folder = run.settings, run.output["ranked"]
        table = read_block_table(run.input("networks"), block_family(run.wildcards["family"]))
        labels = table.labelled(settings["target"])
        predictors = [
            BlockPredictor.fit(labels, BlockTraining(epochs=settings["epochs"], seed=seed))
            for seed in run.track(range(run.seed, run.seed + settings["seeds"]))
        ]
        contexts = settings["contexts"]
        rankings = [predictor.score_units(contexts=contexts) for predictor in predictors]
        scored = mean_ranking(rankings)
        folder.mkdir()
        predictors[0].save(folder / "predictor.safetensors")
        scored.write(folder / "units.parquet")
        scored.write_space(folder / "space.json", settings["top_k"])
        found = [one.to_dict() for one in agreement(rankings)] if len(rankings) > 1 else []
        write_text(folder / "agreement.json", json.dumps(found, indent=1) + "\n")
