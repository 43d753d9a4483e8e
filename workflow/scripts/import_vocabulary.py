"""Take over the published encoder and pieces."""

from archloom.segments.vocabulary import Vocabulary
from archloom.workflow import job

if __name__ == "__main__":
    with job() as run:
        Vocabulary.from_published(run.input("encoder").parent).save(run.output["vocabulary"])
