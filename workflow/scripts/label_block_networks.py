"""Label random block networks by the label models of a run, or take over a table of one's own."""

from archloom.data.block_table import read_block_table, write_labelled
from archloom.predict.blocks.task import BlockTraining
from archloom.search.units.label_models import label, run_models, sources_of
from archloom.views.sequence import block_family
from archloom.workflow import job

if __name__ == "__main__":
    with job() as run:
        family, settings = run.wildcards["family"], run.settings
        if run.inputs["table"]:
            table = read_block_table(run.input("table"), block_family(family))
            sources = dict.fromkeys(table.metrics, "your table of networks")
        else:
            training = BlockTraining(epochs=settings["epochs"], seed=run.seed)
            models = run_models(family, run.inputs, settings["device"], training)
            table = label(family, settings["networks"], run.seed, models)
            sources = sources_of(models)
        write_labelled(table, sources, run.output["networks"])
