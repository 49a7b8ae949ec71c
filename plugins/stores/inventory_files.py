"""Reads the data files of an S3 Inventory report, some thousand rows at a time: key, size, time of change and ETag."""

from __future__ import annotations

import gzip
import io
from collections.abc import Callable, Iterator
from datetime import datetime
from urllib.parse import unquote_plus

import pyarrow as pa
import pyarrow.compute as pc

Rows = list[tuple[str, int, datetime | None, str]]
Batches = Iterator[pa.RecordBatch]

# The columns by their names in ORC and Parquet; a CSV has none of its own, and the manifest writes them another way.
_KEY, _SIZE, _CHANGED, _TAG = "key", "size", "last_modified_date", "e_tag"
_LATEST, _DELETED = "is_latest", "is_delete_marker"
_WANTED = (_KEY, _SIZE, _CHANGED, _TAG, _LATEST, _DELETED)
_OF_CSV = {
    "Key": _KEY,
    "Size": _SIZE,
    "LastModifiedDate": _CHANGED,
    "ETag": _TAG,
    "IsLatest": _LATEST,
    "IsDeleteMarker": _DELETED,
}
_BATCH_ROWS = 16_384


class Unreadable(Exception):
    """A file of a report cannot be used; says why."""


def read_rows(data: bytes, form: str, columns: list[str], below: str) -> Iterator[Rows]:
    """Give the rows of one file: of objects whose key begins so, and of these the current version.

    Args:
        data: the file.
        form: ``CSV`` (gzipped), ``ORC`` or ``Parquet``.
        columns: the names of a CSV's columns, in their order.
        below: what keys must begin with.

    Raises:
        Unreadable: the file is damaged, or lacks a column that a listing would give.
    """
    if form not in _READERS:
        raise Unreadable(f"is in {form}; CSV, ORC and Parquet are read")
    try:
        for batch in _READERS[form](data, columns):
            for start in range(0, len(batch), _BATCH_ROWS):
                yield _rows(batch.slice(start, _BATCH_ROWS), below)
    except (pa.ArrowException, OSError, EOFError, ValueError) as error:
        raise Unreadable(f"has a file that cannot be read ({type(error).__name__})") from None


def _parquet(data: bytes, columns: list[str]) -> Batches:
    import pyarrow.parquet as pq

    file = pq.ParquetFile(pa.BufferReader(data))
    yield from file.iter_batches(_BATCH_ROWS, columns=[name for name in _WANTED if name in file.schema_arrow.names])


def _orc(data: bytes, columns: list[str]) -> Batches:
    from pyarrow import orc

    file = orc.ORCFile(pa.BufferReader(data))
    wanted = [name for name in _WANTED if name in file.schema.names]
    for stripe in range(file.nstripes):
        yield file.read_stripe(stripe, columns=wanted)


def _csv(data: bytes, columns: list[str]) -> Batches:
    from pyarrow import csv

    names = [_OF_CSV.get(name, name) for name in columns]
    # All as text: a key of digits is still a key.
    convert = csv.ConvertOptions(
        include_columns=[name for name in _WANTED if name in names], column_types=dict.fromkeys(names, pa.string())
    )
    # Python's gzip, since Arrow's takes a file that was cut off for a whole one.
    unzipped = gzip.GzipFile(fileobj=io.BytesIO(data))
    for batch in csv.open_csv(unzipped, csv.ReadOptions(column_names=names), convert_options=convert):
        # Keys stand URL-encoded in a CSV, and only there.
        keys = pa.array([unquote_plus(key) for key in batch[_KEY].to_pylist()], pa.string())
        yield batch.set_column(batch.schema.get_field_index(_KEY), _KEY, keys)


_READERS: dict[str, Callable[[bytes, list[str]], Batches]] = {"CSV": _csv, "ORC": _orc, "Parquet": _parquet}


def _rows(batch: pa.RecordBatch, below: str) -> Rows:
    if missing := [name for name in (_KEY, _SIZE, _CHANGED, _TAG) if name not in batch.schema.names]:
        raise Unreadable(f"has no column {', '.join(missing)}; have Size, LastModifiedDate and ETag added to it")
    batch = batch.filter(_counts(batch, below))
    changed = _times(batch[_CHANGED])
    sizes = pc.fill_null(batch[_SIZE].cast(pa.int64()), 0).to_pylist()
    return list(zip(batch[_KEY].to_pylist(), sizes, changed, batch[_TAG].to_pylist(), strict=True))


def _counts(batch: pa.RecordBatch, below: str) -> pa.Array:
    """Say which rows are of current objects below the prefix; without versions every object is current."""
    mask = pc.starts_with(batch[_KEY], below)
    for name, wanted in ((_LATEST, "true"), (_DELETED, "false")):
        if name in batch.schema.names:
            said = pc.utf8_lower(batch[name].cast(pa.string()))
            unsaid = pc.or_kleene(pc.is_null(said), pc.equal(said, ""))
            mask = pc.and_(mask, pc.or_kleene(unsaid, pc.equal(said, wanted)))
    return mask


def _times(column: pa.Array) -> list[datetime | None]:
    if pa.types.is_string(column.type):
        column = pc.if_else(pc.equal(column, ""), None, column)
    times: list[datetime | None] = column.cast(pa.timestamp("us", "UTC"), safe=False).to_pylist()
    return times
