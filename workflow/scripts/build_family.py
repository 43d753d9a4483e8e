"""Generate the graphs of one family."""

from archloom.io.store import write_store
from archloom.spaces import FAMILIES
from archloom.workflow import job

if __name__ == "__main__":
    with job() as run:
        family = FAMILIES[run.wildcards["family"]]
        skeleton = {"full": family.FULL, "reduced": family.REDUCED}[run.settings["skeleton"]]
        count, variant = run.settings["count"], run.settings["variant"]
        write_store(family.sample(count, run.seed, skeleton, variant), run.output["graphs"])
