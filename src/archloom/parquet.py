"""Parquet tables: every page is written with a checksum, which is compared on reading."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from archloom.errors import FormatError
from archloom.files import reading, replacing

if TYPE_CHECKING:
    import pyarrow as pa


def read_parquet(
    path: str | Path,
    advice: str = "get it again",
    columns: Sequence[str] | None = None,
    schema: pa.Schema | None = None,
) -> pa.Table:
    """Return the table in ``path``, or these columns of it.

    advice   what to do where the file is damaged: the end of the message
    schema   columns that have to be there, of these types and without gaps

    Raises ``DataError`` for a file that cannot be opened, ``FormatError`` for a damaged one, one of
    another kind and one without the columns.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    with reading(path):
        Path(path).open("rb").close()
    try:
        with pq.ParquetFile(path, page_checksum_verification=True) as file:
            known = file.schema_arrow.names
            missing = [name for name in columns or () if name not in known]
            table = None if missing else file.read(columns)
        if table is not None:
            table.validate(full=True)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise FormatError(
            f"{path} is no complete Parquet file ({error}): it is truncated, damaged or of another "
            f"kind, {advice}."
        ) from error
    if missing:
        raise FormatError(
            f"{path} has the columns {', '.join(known)}, not {', '.join(missing)}: it is a table "
            f"of another kind, {advice}."
        )
    for field in schema or ():
        _check_column(path, table, field, schema, advice)
    return table


def _check_column(
    path: str | Path, table: pa.Table, field: pa.Field, schema: pa.Schema, advice: str
) -> None:
    """Raise ``FormatError`` unless a column is there, of the right type and without gaps."""
    known = dict(zip(table.column_names, table.columns, strict=True))
    if len(known) < table.num_columns or field.name not in known:
        found = f"has the columns {', '.join(table.column_names)}"
    elif known[field.name].type != field.type:
        found = f"has the column {field.name} of {known[field.name].type}"
    elif known[field.name].null_count:
        found = f"has gaps in the column {field.name}"
    else:
        return
    wanted = ", ".join(f"{one.name} ({one.type})" for one in schema)
    raise FormatError(f"{path} {found}; {wanted} are wanted, {advice}.")


def write_parquet(table: pa.Table, path: str | Path) -> None:
    """Write ``table`` to ``path`` atomically; raises ``DataError`` where that cannot be done."""
    import pyarrow.parquet as pq

    with replacing(path) as temporary:
        pq.write_table(table, temporary, compression="zstd", write_page_checksum=True)
