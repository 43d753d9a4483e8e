"""Segments: symbols and merges mined from graphs, a database of them, and P/S/C ranges.

It must not import ``predict`` or ``torch``: segments are cut without an opinion.
"""

from archloom.segments.database import SegmentDatabase, build_database, merge_databases
from archloom.segments.interface import permitted_ops, sink_shapes, source_shapes
from archloom.segments.psc_index import PscIndex, psc_ranges, read_psc_index, write_psc_index
from archloom.segments.tables import read_database, write_database
from archloom.segments.tokeniser import Segmentation, Tokeniser
from archloom.segments.training import train_vocabulary
from archloom.segments.vocabulary import Vocabulary

__all__ = [
    "PscIndex",
    "SegmentDatabase",
    "Segmentation",
    "Tokeniser",
    "Vocabulary",
    "build_database",
    "merge_databases",
    "permitted_ops",
    "psc_ranges",
    "read_database",
    "read_psc_index",
    "sink_shapes",
    "source_shapes",
    "train_vocabulary",
    "write_database",
    "write_psc_index",
]
