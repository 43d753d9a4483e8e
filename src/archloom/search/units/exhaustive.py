"""Every network of a reduced space, evaluated (AutoBuild spec 4).

The networks are cut into chunks, each of which becomes a file of its own. What is there is not done
again, so that an evaluation can be stopped, and shared between processes or machines. Files do not
depend on who wrote them, or on the number of shards.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from hashlib import sha256
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from archloom.errors import ConfigError, DataError, FormatError
from archloom.files import read_json, write_text
from archloom.parquet import read_parquet, write_parquet
from archloom.search.figures import Costly, identities
from archloom.search.units.figures import evaluate
from archloom.search.units.space import UnitSpace
from archloom.shards import Shard

if TYPE_CHECKING:
    import pyarrow as pa

FORMAT = "archloom-unit-space-table/1"

OnChunk = Callable[[int, int], None]
"""Called with the number of finished chunks and of all that are to be done."""


def evaluate_space(
    space: UnitSpace,
    figures: Sequence[Costly[str]],
    folder: str | Path,
    shard: Shard | None = None,
    *,
    chunk: int = 256,
    on_chunk: OnChunk | None = None,
) -> None:
    """Evaluate the networks of a space, or of a shard of it, that are not in ``folder`` yet.

    chunk   networks per file

    Raises ``ConfigError`` for too large a space or a folder of another evaluation.
    """
    import pyarrow as pa

    home, networks = Path(folder), space.networks()
    _claim(home, space, figures, chunk)
    mine = (shard or Shard()).share(range(ceil(len(networks) / chunk)))
    missing = [number for number in mine if not _part(home, number).exists()]
    for done, number in enumerate(missing, start=1):
        rows = networks[number * chunk : (number + 1) * chunk]
        architectures = space.architectures(rows)
        columns = {
            "architecture": architectures,
            "score": space.sums(rows),
            **evaluate(figures, architectures),
        }
        write_parquet(pa.table(columns), _part(home, number))
        if on_chunk is not None:
            on_chunk(done, len(missing))


def gather_space(folder: str | Path) -> pa.Table:
    """Return the networks of a finished evaluation, best sum of unit scores first: architecture,
    score (that sum), and one column per figure.

    Raises ``DataError`` where chunks are missing and ``FormatError`` where one is damaged.
    """
    import pyarrow as pa

    home = Path(folder)
    settings = _settings(home)
    chunks = ceil(settings["networks"] / settings["chunk"])
    parts = [_part(home, number) for number in range(chunks)]
    missing = [part.name for part in parts if not part.exists()]
    if missing:
        raise DataError(
            f"{home} lacks {len(missing)} of {chunks} parts ({missing[0]} and so on): the "
            "evaluation is not finished, run it again, every shard of it."
        )
    advice = "delete it and run the evaluation again"
    return pa.concat_tables([read_parquet(part, advice) for part in parts])


def _claim(home: Path, space: UnitSpace, figures: Sequence[Costly[str]], chunk: int) -> None:
    """Write what is evaluated in this folder, or compare with what is written there."""
    pools = json.dumps([space.family, space.pools, space.scores])
    settings: dict[str, Any] = {
        "format": FORMAT,
        "space": sha256(pools.encode()).hexdigest()[:16],
        "networks": space.n_networks,
        "chunk": chunk,
        "figures": identities(figures),
    }
    path = home / "settings.json"
    if not path.exists():
        write_text(path, json.dumps(settings, indent=1) + "\n")
        return
    found = _settings(home)
    changed = sorted(name for name, value in settings.items() if found.get(name) != value)
    if changed:
        raise ConfigError(
            f"{home} holds another evaluation ({', '.join(changed)} differ): give this one another "
            "folder."
        )


def _settings(home: Path) -> dict[str, Any]:
    found = read_json(home / "settings.json")
    version = found.get("format") if isinstance(found, dict) else None
    if version != FORMAT:
        raise FormatError(
            f"{home} holds something of the format {version!r}, no evaluation of a space of the "
            f"format {FORMAT!r}: give the folder of one, or another folder to archloom "
            "evaluate-units."
        )
    return found


def _part(home: Path, number: int) -> Path:
    return home / f"part-{number:06d}.parquet"
