"""A made-up checkout with three jobs in a chain, their records and Snakemake's metadata."""

from pathlib import Path

from archloom.workflow.content import content_digest, content_size
from archloom.workflow.records import RECORDS, Content, Record
from archloom.workflow.snakemake_folder import SnakemakeFolder

RESOURCES = Path("resources")
CHAIN = {
    "resources/graphs.parquet": ("build_family", ["config/families.yaml"]),
    "resources/labels.parquet": ("measure_labels", ["resources/graphs.parquet"]),
    "resources/weights": ("train_predictor", ["resources/labels.parquet"]),
}


class Chain:
    """A checkout in which jobs are played."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.folder = SnakemakeFolder(root)
        self.write("config/families.yaml", "families")

    def write(self, path: str, text: str) -> None:
        target = self.root / path
        if path == "resources/weights":
            target = target / "0.safetensors"
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)

    def content(self, path: str) -> Content:
        return Content(content_digest(self.root / path), content_size(self.root / path))

    def make(self, path: str, text: str | None, started: str = "2026-01-01T00:00:00+00:00") -> None:
        """Play the job that makes ``path``; without ``text`` it leaves what is there."""
        rule, inputs = CHAIN[path]
        if text is not None:
            self.write(path, text)
        record = Record(
            rule=rule,
            wildcards={},
            settings={},
            seed=0,
            code="c0de",
            inputs={name: self.content(name) for name in inputs},
            outputs={path: self.content(path)},
            log=f"logs/{rule}/all.log",
            host="here",
            started=started,
            seconds=1.0,
        )
        record.write(self.root / RESOURCES / RECORDS / record.file)
        self.folder.write_metadata(path, {"rule": rule, "input": inputs, "params": [text]})

    def make_all(self, text: str = "first") -> None:
        for path in CHAIN:
            self.make(path, text)
