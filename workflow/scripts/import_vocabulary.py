"""Take over the published encoder and pieces."""

from archloom.segments.vocabulary import Vocabulary
from archloom.workflow import job

with job() as run:
    Vocabulary.from_published(run.input("encoder").parent).save(run.output["vocabulary"])
