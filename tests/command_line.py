"""The command line as a person calls it."""

import sys

from archloom import cli


def run(*arguments: object) -> int:
    """Return the exit status of ``archloom ARGUMENTS``."""
    previous, sys.argv = sys.argv, ["archloom", *map(str, arguments)]
    try:
        cli.main()
    except SystemExit as left:
        return int(left.code or 0)
    finally:
        sys.argv = previous
    return 0
