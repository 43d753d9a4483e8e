"""Count the P/S/C instances of every family, with as many graphs as in the paper."""

import json

from archloom.files import write_text
from archloom.report.published.figures import count_instances, networks_of
from archloom.segments.tokeniser import Tokeniser
from archloom.segments.vocabulary import Vocabulary
from archloom.workflow import job

if __name__ == "__main__":
    with job() as run:
        tokeniser = Tokeniser(Vocabulary.from_published(run.input("encoder").parent))
        families = {
            family: count_instances(networks_of(family, count, run.seed), tokeniser)
            for family, count in run.track(run.settings["graphs"].items())
        }
        write_text(run.output["instances"], json.dumps({"families": families}, indent=1) + "\n")
