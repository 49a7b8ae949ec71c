"""Reads an S3 Inventory report instead of listing the bucket: a ready-made list of all objects, in CSV, ORC or Parquet.

The format is Amazon's: a ``manifest.json`` names the data files, their columns and MD5 sums (Amazon S3 User Guide,
"Cataloging and analyzing your data with S3 Inventory" and "Inventory manifest").
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import unquote_plus

import pyarrow as pa

from plugins.stores.listing import Found, of_info
from plugins.stores.records import StoreProblem

Read = Callable[[str], bytes]
"""Gives a file by its address, ``bucket/key``."""

# The columns by their names in ORC and Parquet; the manifest of a CSV writes them as IsLatest.
_KEY, _SIZE, _CHANGED, _TAG, _LATEST, _DELETED = (
    "key",
    "size",
    "last_modified_date",
    "e_tag",
    "is_latest",
    "is_delete_marker",
)
_WANTED = (_KEY, _SIZE, _CHANGED, _TAG, _LATEST, _DELETED)
_OF_CSV = {
    "Key": _KEY,
    "Size": _SIZE,
    "LastModifiedDate": _CHANGED,
    "ETag": _TAG,
    "IsLatest": _LATEST,
    "IsDeleteMarker": _DELETED,
}
_BATCH_ROWS = 65_536


def walk_inventory(
    read: Read, manifest: str, root: str, where: str, now: datetime, max_age_days: int
) -> Iterator[Found]:
    """Give what a report says of a bucket's objects, in the report's order.

    Args:
        read: opens the manifest and the files it names.
        manifest: ``bucket/key`` of its ``manifest.json``.
        root: ``bucket`` or ``bucket/prefix``: only objects below it are given.
        where: the store's name, for messages.
        now: an aware time, to tell the report's age.
        max_age_days: of an older report the objects are given, and then a problem is raised.

    Raises:
        StoreProblem: the report is of another bucket, is damaged, says too little, or is too old.
    """
    said = _manifest(read(manifest), where)
    bucket, _, prefix = root.partition("/")
    if said["sourceBucket"] != bucket:
        raise StoreProblem(where, "the inventory is of another bucket than the store's url; correct `inventory`")
    home = str(said["destinationBucket"]).removeprefix("arn:aws:s3:::")
    below = prefix.strip("/") + "/" if prefix.strip("/") else ""
    for file in said["files"]:
        data = read(f"{home}/{file['key']}")
        if hashlib.md5(data, usedforsecurity=False).hexdigest() != file["MD5checksum"]:
            raise StoreProblem(where, "a file of the inventory is not as its manifest says (MD5)", retry=True)
        for batch in _batches(data, said, where):
            yield from _found(batch, bucket, below, where)
    made = datetime.fromtimestamp(int(said["creationTimestamp"]) / 1000, UTC)
    if now - made > timedelta(days=max_age_days):
        why = f"the inventory is of {made:%Y-%m-%d}, older than {max_age_days} days: what was stored since is not in it"
        raise StoreProblem(where, why)


def _manifest(data: bytes, where: str) -> dict[str, Any]:
    keys = ("sourceBucket", "destinationBucket", "creationTimestamp", "fileFormat", "fileSchema", "files")
    try:
        said = json.loads(data)
        missing = [key for key in keys if key not in said]
    except (ValueError, TypeError):
        raise StoreProblem(where, "the inventory's manifest is no JSON; `manifest` wants its manifest.json") from None
    if missing:
        raise StoreProblem(where, f"the inventory's manifest has no {', '.join(missing)}")
    if said["fileFormat"] not in _READERS:
        raise StoreProblem(where, f"the inventory is in {said['fileFormat']}; CSV, ORC and Parquet are read")
    return dict(said)


def _batches(data: bytes, said: dict[str, Any], where: str) -> Iterator[pa.RecordBatch]:
    try:
        yield from _READERS[said["fileFormat"]](data, said)
    except (pa.ArrowException, OSError, EOFError) as error:
        raise StoreProblem(where, f"a file of the inventory cannot be read ({type(error).__name__})") from None


def _parquet(data: bytes, said: dict[str, Any]) -> Iterator[pa.RecordBatch]:
    import pyarrow.parquet as pq

    file = pq.ParquetFile(pa.BufferReader(data))
    columns = [name for name in _WANTED if name in file.schema_arrow.names]
    yield from file.iter_batches(_BATCH_ROWS, columns=columns)


def _orc(data: bytes, said: dict[str, Any]) -> Iterator[pa.RecordBatch]:
    from pyarrow import orc

    file = orc.ORCFile(pa.BufferReader(data))
    columns = [name for name in _WANTED if name in file.schema.names]
    for stripe in range(file.nstripes):
        yield file.read_stripe(stripe, columns=columns)


def _csv(data: bytes, said: dict[str, Any]) -> Iterator[pa.RecordBatch]:
    from pyarrow import csv

    names = [_OF_CSV.get(name.strip(), name.strip()) for name in said["fileSchema"].split(",")]
    wanted = [name for name in _WANTED if name in names]
    read = csv.ReadOptions(column_names=names)
    # All as text: a key of digits is still a key.
    convert = csv.ConvertOptions(include_columns=wanted, column_types=dict.fromkeys(names, pa.string()))
    parse = csv.ParseOptions(newlines_in_values=True)
    yield from csv.open_csv(io.BytesIO(gzip.decompress(data)), read, parse, convert)


_READERS: dict[str, Callable[[bytes, dict[str, Any]], Iterator[pa.RecordBatch]]] = {
    "CSV": lambda data, said: map(_decoded, _csv(data, said)),
    "ORC": _orc,
    "Parquet": _parquet,
}


def _decoded(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Keys stand URL-encoded in a CSV."""
    keys = pa.array([unquote_plus(key) for key in batch[_KEY].to_pylist()], pa.string())
    return batch.set_column(batch.schema.get_field_index(_KEY), _KEY, keys)


def _found(batch: pa.RecordBatch, bucket: str, below: str, where: str) -> Iterator[Found]:
    names = batch.schema.names
    if _KEY not in names or _SIZE not in names or not {_TAG, _CHANGED} & set(names):
        why = "the inventory lacks Size, or both ETag and LastModifiedDate; add them to its optional fields"
        raise StoreProblem(where, why)
    rows = len(batch)
    columns = {name: batch[name].to_pylist() if name in names else [None] * rows for name in _WANTED}
    for key, size, changed, tag, latest, deleted in zip(*(columns[name] for name in _WANTED), strict=True):
        if not key.startswith(below) or _is(latest, otherwise=True) is False or _is(deleted, otherwise=False):
            continue
        size_bytes = int(size or 0)
        if not (key.endswith("/") and size_bytes == 0):
            yield of_info(f"{bucket}/{key}", size_bytes, {"ETag": tag, "LastModified": changed})


def _is(value: object, *, otherwise: bool) -> bool:
    return otherwise if value is None or value == "" else str(value).lower() == "true"
