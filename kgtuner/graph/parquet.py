"""Names from the columns of a Parquet file, some rows at a time (extra `parquet`).

A name may stand in the file once and in a million rows. It is read as a number and made once for the rows that
are read together, so that memory follows what is there and not what it would be written out.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from kgtuner.errors import DataError
from kgtuner.graph.text_blocks import LONGEST_LINE, WHOLE, file_name, largest_unpacked

ROWS = 10_000  # at a time
BYTES_A_ROW = 24  # three ids


def name_batches(source: Any, columns: Sequence[str], path: Path) -> Iterator[list[list[str]]]:
    """For some rows at a time, the names in each of the columns; a missing one is "".

    Args:
        source: what `pyarrow.parquet.ParquetFile` takes.
        columns: of text or whole numbers.
        path: for messages.

    Raises:
        DataError: for more rows, or rows read together that are larger, than the free memory holds; for a name
            of more than `LONGEST_LINE` bytes.
        pyarrow.ArrowException: if it is no readable Parquet file.
    """
    import pyarrow.parquet as pq

    with pq.ParquetFile(source, read_dictionary=list(columns)) as file:
        _check_size(file.metadata, columns, path)
        row = 1
        for batch in file.iter_batches(batch_size=ROWS, columns=list(columns)):
            yield [
                _names(batch.column(column), f"{file_name(path)} rows {row:,} on", column)
                for column in columns
            ]
            row += len(batch)


def _check_size(metadata: Any, columns: Sequence[str], path: Path) -> None:
    """Refuse what a few bytes can stand for: many rows, or large names."""
    room = largest_unpacked()
    if metadata.num_rows * BYTES_A_ROW > room:
        raise DataError(
            f"{file_name(path)} has {metadata.num_rows:,} rows, more than half of the free memory holds"
        )
    for number in range(metadata.num_row_groups):
        group = metadata.row_group(number)
        chunks = [group.column(i) for i in range(group.num_columns)]
        size = sum(chunk.total_uncompressed_size for chunk in chunks if chunk.path_in_schema in columns)
        if size > room // WHOLE:
            raise DataError(
                f"{file_name(path)} has a row group that unpacks to {size:,} bytes, more than a sixteenth of the "
                "memory that is free: write it with smaller row groups"
            )


def _names(column: Any, where: str, name: str) -> list[str]:
    import pyarrow as pa

    if not pa.types.is_dictionary(column.type):
        return [_text(value) for value in column.to_pylist()]
    numbers = column.indices.fill_null(-1).to_numpy(zero_copy_only=False)
    # The dictionary may have all names so far of a large file, so only those of these rows are taken.
    used, places = np.unique(numbers, return_inverse=True)
    taken = column.dictionary.take(pa.array(used, mask=used < 0)).to_pylist()
    names = [_text(value) for value in taken]
    for text in names:
        if len(text) > LONGEST_LINE // 4 and (size := len(text.encode())) > LONGEST_LINE:
            raise DataError(
                f"{where}: a name of {size:,} bytes in column {name!r}, expected at most {LONGEST_LINE:,}"
            )
    return [names[place] for place in places.ravel().tolist()]


def _text(value: Any) -> str:
    return "" if value is None else str(value)
