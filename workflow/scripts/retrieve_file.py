"""Copy one file of an external dataset, with its bytes checked."""

import shutil

from archloom.data.registry import find
from archloom.workflow import job

if __name__ == "__main__":
    with job() as run:
        source = find(run.wildcards["dataset"], run.wildcards["file"])
        shutil.copyfile(source, run.output["file"])
