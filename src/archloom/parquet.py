"""Parquet tables: every page is written with a checksum, which is compared on reading.

Columns are made of buffers and read as they lie in memory: Arrow's own conversions between NumPy or
Python and its arrays import pandas, its computations import their documentation, which takes up to
half a second at the start of a process.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

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
    if schema is not None:
        check_columns(path, table, schema, advice)
    return table


def check_columns(
    path: str | Path, table: pa.Table, schema: pa.Schema, advice: str = "get it again"
) -> None:
    """Raise ``FormatError`` unless the columns of ``schema`` are there, of these types and without
    gaps.
    """
    for field in schema:
        _check_column(path, table, field, schema, advice)


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


def text_column(values: Sequence[str]) -> pa.StringArray:
    """Return texts as a column."""
    import pyarrow as pa

    encoded = [value.encode() for value in values]
    ends = np.cumsum([0, *map(len, encoded)], dtype=np.int32)
    return pa.StringArray.from_buffers(
        len(encoded), pa.py_buffer(ends), pa.py_buffer(b"".join(encoded))
    )


def number_column(values: NDArray[Any], known: NDArray[np.bool_] | None = None) -> pa.Array:
    """Return numbers or truth values (n,) as a column of their dtype; null where not ``known``."""
    import pyarrow as pa

    data = np.packbits(values, bitorder="little") if values.dtype == bool else values
    valid = None if known is None or known.all() else np.packbits(known, bitorder="little")
    return pa.Array.from_buffers(
        pa.from_numpy_dtype(values.dtype),
        len(values),
        [valid if valid is None else pa.py_buffer(valid), pa.py_buffer(np.ascontiguousarray(data))],
    )


def list_column(
    values: NDArray[Any], bounds: NDArray[np.integer], kind: pa.DataType | None = None
) -> pa.ListArray:
    """Return flat numbers (E,) as a column of n lists, bounds (n + 1,); row k is
    ``values[bounds[k] : bounds[k + 1]]``.
    """
    import pyarrow as pa

    starts = number_column(bounds.astype(np.int32))
    return pa.ListArray.from_arrays(starts, number_column(values), type=kind)


def numbers(column: pa.ChunkedArray | pa.Array) -> NDArray[Any]:
    """Return a column of numbers or truth values as an array (n,); nulls are NaN."""
    import pyarrow as pa

    whole: Any = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    if whole.null_count:
        return np.array(whole.to_pylist(), dtype=np.float64)
    if pa.types.is_boolean(whole.type):
        bits = np.frombuffer(whole.buffers()[1], dtype=np.uint8)
        ends = slice(whole.offset, whole.offset + len(whole))
        return np.unpackbits(bits, bitorder="little")[ends].astype(np.bool_)
    found: NDArray[Any] = np.from_dlpack(whole)
    return found


def lists(column: pa.ChunkedArray) -> tuple[NDArray[Any], NDArray[np.int64]]:
    """Return the flat numbers (E,) of a column of n lists and their bounds (n + 1,), see
    ``list_column``.
    """
    whole: Any = column.combine_chunks()
    starts = numbers(whole.offsets).astype(np.int64)
    return numbers(whole.values)[starts[0] : starts[-1]], starts - starts[0]
