"""Makes S3 Inventory reports of a bucket as Amazon writes them: manifest, data files, MD5 sums."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote_plus

import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import orc

CSV_NAMES = {
    "bucket": "Bucket",
    "key": "Key",
    "version_id": "VersionId",
    "is_latest": "IsLatest",
    "is_delete_marker": "IsDeleteMarker",
    "size": "Size",
    "last_modified_date": "LastModifiedDate",
    "e_tag": "ETag",
}
SCHEMA = pa.schema(
    [
        ("bucket", pa.string()),
        ("key", pa.string()),
        ("version_id", pa.string()),
        ("is_latest", pa.bool_()),
        ("is_delete_marker", pa.bool_()),
        ("size", pa.int64()),
        ("last_modified_date", pa.timestamp("ms")),
        ("e_tag", pa.string()),
    ]
)
Row = dict[str, Any]


@dataclass
class Report:
    """A report that is to be written: ``put(key, data)`` puts a file into the destination bucket."""

    put: Callable[[str, bytes], object]
    bucket: str
    destination: str
    folder: str
    made_at: datetime = field(default_factory=lambda: datetime.now(UTC))

    def write(self, form: str, files: Sequence[pa.Table], /, **changes: Any) -> str:
        """Write the report; ``changes`` replace what its manifest says. Gives the manifest's address."""
        named = []
        for number, table in enumerate(files):
            data, ending = WRITERS[form](table)
            key = f"{self.folder}/data/{number}.{ending}"
            self.put(key, data)
            named.append({"key": key, "size": len(data), "MD5checksum": hashlib.md5(data).hexdigest()})
        manifest = {
            "sourceBucket": self.bucket,
            "destinationBucket": f"arn:aws:s3:::{self.destination}",
            "version": "2016-11-30",
            "creationTimestamp": str(int(self.made_at.timestamp() * 1000)),
            "fileFormat": form,
            "fileSchema": ", ".join(CSV_NAMES[name] for name in files[0].schema.names),
            "files": named,
        } | changes
        key = f"{self.folder}/{self.made_at:%Y-%m-%dT%H-%MZ}/manifest.json"
        self.put(key, json.dumps(manifest).encode())
        return f"s3://{self.destination}/{key}"


def table_of(rows: Sequence[Row]) -> pa.Table:
    """Make a report's table of rows as ``list_objects_v2`` gives them, and some told out in full."""
    given = [
        {
            "bucket": "b",
            "key": row["Key"],
            "version_id": row.get("VersionId"),
            "is_latest": row.get("IsLatest", True),
            "is_delete_marker": row.get("IsDeleteMarker", False),
            "size": row["Size"],
            "last_modified_date": row["LastModified"].astimezone(UTC).replace(tzinfo=None),
            "e_tag": row["ETag"].strip('"'),
        }
        for row in rows
    ]
    return pa.Table.from_pylist(given, schema=SCHEMA)


def _csv(table: pa.Table) -> tuple[bytes, str]:
    lines = []
    for row in table.to_pylist():
        row["key"] = quote_plus(row["key"], safe="/")
        if "last_modified_date" in row:
            row["last_modified_date"] = row["last_modified_date"].isoformat(timespec="milliseconds") + "Z"
        said = ("" if v is None else str(v).lower() if isinstance(v, bool) else str(v) for v in row.values())
        lines.append(",".join(f'"{value}"' for value in said))
    half = len(lines) // 2
    # Two members in one file, as parallel writers leave them.
    return b"".join(
        gzip.compress(("\n".join(part) + "\n").encode()) for part in (lines[:half], lines[half:]) if part
    ), "csv.gz"


def _orc(table: pa.Table) -> tuple[bytes, str]:
    out = io.BytesIO()
    orc.write_table(table, out, compression="zlib")
    return out.getvalue(), "orc"


def _parquet(table: pa.Table) -> tuple[bytes, str]:
    out = io.BytesIO()
    pq.write_table(table, out)
    return out.getvalue(), "parquet"


WRITERS = {"CSV": _csv, "ORC": _orc, "Parquet": _parquet}
