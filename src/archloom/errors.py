"""Exceptions of archloom: every message says what was found, why it is wrong and what to do."""

from archloom.visible import visible


class ArchloomError(ValueError):
    """Base class of all errors that archloom raises on bad input.

    A message may hold names from a file: what cannot be seen in them is escaped.
    """

    def __init__(self, message: str) -> None:
        super().__init__(visible(message))


class GraphError(ArchloomError):
    """A graph breaks a structural or shape rule."""


class FormatError(ArchloomError):
    """A file is truncated, foreign, of an unknown version or otherwise unreadable."""


class ConfigError(ArchloomError):
    """A setting is unknown, of the wrong type or out of range."""


class DataError(ArchloomError):
    """A dataset is missing, incomplete or fails its checksum."""


class SearchError(ArchloomError):
    """A search cannot start or continue with what it was given."""


class TrainingError(ArchloomError):
    """A training diverged or cannot be continued from its checkpoint."""
