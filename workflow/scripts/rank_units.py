"""Learn one target of labelled block networks, with several seeds, and rank all their units."""

from archloom.data.block_table import read_block_table
from archloom.predict.blocks.ranking import rank_units
from archloom.predict.blocks.task import BlockTraining
from archloom.views.sequence import block_family
from archloom.workflow import job

if __name__ == "__main__":
    with job() as run:
        settings, folder = run.settings, run.output["ranked"]
        table = read_block_table(run.input("networks"), block_family(run.wildcards["family"]))
        found = rank_units(
            table.labelled(settings["target"]),
            BlockTraining(epochs=settings["epochs"]),
            run.track(range(run.seed, run.seed + settings["seeds"])),
            contexts=settings["contexts"],
            states=run.resume,
        )
        folder.mkdir()
        found.write(folder, settings["top_k"])
