"""Train the vocabulary on the graphs of the families."""

from itertools import chain

from archloom.io.store import GraphStore
from archloom.segments.training import train_vocabulary
from archloom.views.labels import Encoding
from archloom.workflow import job

if __name__ == "__main__":
    with job() as run:
        graphs = chain.from_iterable(GraphStore(path) for path in run.inputs["graphs"])
        encoding = Encoding(sorted_neighbours=run.settings["sorted_neighbours"])
        vocabulary = train_vocabulary(graphs, size=run.settings["size"], encoding=encoding)
        vocabulary.save(run.output["vocabulary"])
