"""Settings of a run: a class per section, each field with its default, range and meaning.

``Config`` holds all sections and checks what several of them say together; each system has a module
with its own. These classes are the only source: ``config/default.yaml`` (with comments),
``config/schema.json`` (for editors) and ``docs/configuration.md`` are made from them by ``make
schema`` (``generated``). ``reading`` reads settings, ``explain`` says what is wrong with them,
``models`` reads the table of models. Must not import any other package of archloom: the library
works without settings, and rules take from here what they declare.
"""

from __future__ import annotations

from pydantic import Field, model_validator

from archloom.config.autobuild import Autobuild
from archloom.config.autogo import FrontTraining, PscIndex, Search, Segments, Vocabulary
from archloom.config.base import FamilyName, Section
from archloom.config.graphs import Family, Splits
from archloom.config.labels import Labels
from archloom.config.predictor import Predictor
from archloom.config.report import Report
from archloom.config.run import Data, Run

SKELETON_OF_IMAGES = {"digits": "reduced", "cifar10": "full"}


class Config(Section):
    """All settings of a run."""

    run: Run = Run()
    """Where this run keeps its files."""
    seed: int = Field(default=0, ge=0, lt=2**32)
    """The one seed of the run."""
    models: str = "config/models.tsv"
    """Table of the models that can be optimised."""
    data: Data = Data()
    """Where external datasets are looked for."""
    families: dict[FamilyName, Family] = {
        "nb201": Family(),
        "hiaml": Family(),
        "two_path": Family(),
    }
    """The families of this run."""
    labels: Labels = Labels()
    """Where the accuracies of the families come from."""
    splits: Splits = Splits()
    """Shares of each family held out from training the predictor."""
    vocabulary: Vocabulary = Vocabulary()
    """Symbols of the nodes and the segments that byte-pair encoding finds in them."""
    segments: Segments = Segments()
    """The database of replacement segments."""
    psc_index: PscIndex = PscIndex()
    """The instances that a PSC predictor is trained on: predecessor, segment, successor."""
    predictor: Predictor = Predictor()
    """The accuracy predictor that scores mutants."""
    search: Search = Search()
    """The evolution of the input graph."""
    front_training: FrontTraining = FrontTraining()
    """Training of the input and of the winners at the end."""
    report: Report = Report()
    """What the report shows and hands over."""
    autobuild: Autobuild = Autobuild()
    """AutoBuild: which blocks of the Once-for-All families matter, and networks of the best."""

    @model_validator(mode="after")
    def _families_are_declared(self) -> Config:
        """Every family named in a section must be one of ``families``, with a label source."""
        for section in ("vocabulary", "segments", "predictor"):
            for family in getattr(self, section).families:
                if family not in self.families:
                    raise ValueError(f"{section}.families names {family}; add it to families")
        for family in self.predictor.families if not self.predictor.weights else ():
            if family not in self.labels.source:
                raise ValueError(f"labels.source has no entry for {family}; add {family}: trained")
        return self

    @model_validator(mode="after")
    def _scales_fit(self) -> Config:
        """Labels must belong to networks of the scale that is generated."""
        images = self.labels.recipe.dataset
        for family, source in self.labels.source.items():
            skeleton = self.families[family].skeleton if family in self.families else None
            if skeleton and source == "benchmark" and (family, skeleton) != ("nb201", "full"):
                raise ValueError(
                    f"labels.source.{family} is benchmark, whose accuracies are those of the full "
                    "nb201 network only; use trained, or families.nb201.skeleton: full"
                )
            if skeleton == "full" and source == "trained" and family.startswith("ofa_"):
                raise ValueError(
                    f"families.{family}.skeleton is full, a network for images of 224x224 pixels, "
                    "which no dataset here has; use skeleton: reduced or another source of labels"
                )
            if skeleton and source == "trained" and skeleton != SKELETON_OF_IMAGES[images]:
                raise ValueError(
                    f"families.{family}.skeleton is {skeleton}, but labels.recipe.dataset {images} "
                    f"has images for the {SKELETON_OF_IMAGES[images]} one; change one of the two"
                )
        return self

    @model_validator(mode="after")
    def _split_search_has_no_clock(self) -> Config:
        """Jobs that share a search have no common clock."""
        if self.search.jobs > 1 and self.search.minutes is not None:
            raise ValueError(
                f"search.jobs is {self.search.jobs} and search.minutes {self.search.minutes:g}, "
                "but several jobs have no common clock; limit search.max_visited, or use jobs: 1"
            )
        return self

    @model_validator(mode="after")
    def _ranges_are_ordered(self) -> Config:
        """Pairs of bounds must leave something between them."""
        if self.splits.dev + self.splits.test >= 1:
            raise ValueError(
                "splits.dev + splits.test leave nothing to train on; keep them below 1"
            )
        return self
