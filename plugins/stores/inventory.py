"""Reads an S3 Inventory report instead of listing the bucket: a ready-made list of all objects, in CSV, ORC or Parquet.

The format is Amazon's: a ``manifest.json`` names the data files, their columns and MD5 sums (Amazon S3 User Guide,
"Cataloging and analyzing your data with S3 Inventory" and "Inventory manifest"). Reports lie in a folder each, named by
their time.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from plugins.stores.inventory_files import Rows, Unreadable, read_rows
from plugins.stores.listing import Found, is_folder_marker, of_s3
from plugins.stores.records import StoreProblem

Read = Callable[[str], bytes]
"""Gives a file by its path, ``bucket/key``."""
Names = Callable[[str], Sequence[str]]
"""Gives the paths right under a folder."""

# Regions in China and those of governments have a partition of their own (``aws-cn``, ``aws-us-gov``).
_ARN = re.compile(r"^arn:aws[a-z-]*:s3:::")
_REPORT_FOLDER = re.compile(r"\d{4}-\d\d-\d\dT\d\d-\d\dZ")


@dataclass(frozen=True, slots=True)
class _Manifest:
    """What is used of a ``manifest.json``: ``files`` are paths and their MD5 sums."""

    bucket: str
    made_at: datetime
    form: str
    columns: list[str]
    files: list[tuple[str, str]]


class Inventory:
    """One report.

    Args:
        manifest: ``bucket/key`` of its ``manifest.json``, or of the folder of which the newest report counts.
        where: the store's name, for messages.
        read: opens the manifest and the files it names.
        names: lists a folder.

    Raises:
        StoreProblem: there is no report, or its manifest says too little.
    """

    def __init__(self, manifest: str, where: str, read: Read, names: Names) -> None:
        self._where, self._read = where, read
        if not manifest.endswith(".json"):
            manifest = self._newest(manifest.rstrip("/"), names)
        self._said = self._manifest(read(manifest))

    @property
    def made_at(self) -> datetime:
        """When the report was begun, UTC."""
        return self._said.made_at

    def walk(self, root: str, now: datetime, max_age_days: int) -> Iterator[Found]:
        """Give what the report says of a bucket's objects, in the report's order.

        Args:
            root: ``bucket`` or ``bucket/prefix``: only objects below it are given.
            now: an aware time, to tell the report's age.
            max_age_days: of an older report the objects are given, and then a problem is raised.

        Raises:
            StoreProblem: the report is of another bucket, is damaged, says too little, or is too old.
            FileNotFoundError: there is nothing below the prefix.
        """
        bucket, _, prefix = root.partition("/")
        if self._said.bucket != bucket:
            raise self._problem("is of another bucket than the store's url; correct `inventory` or `url`")
        below, empty = prefix.rstrip("/") + "/" if prefix.strip("/") else "", True
        for path, digest in self._said.files:
            for rows in self._rows(path, digest, below):
                for key, size, changed, tag in rows:
                    empty = False
                    if not is_folder_marker(key, size):
                        yield of_s3(f"{bucket}/{key}", size, {"ETag": tag, "LastModified": changed})
        if empty and below:
            raise FileNotFoundError(root)
        if now - self.made_at > timedelta(days=max_age_days):
            why = f"is of {self.made_at:%Y-%m-%d}, older than {max_age_days} days: what was stored since is not in it"
            raise self._problem(why)

    def _rows(self, path: str, digest: str, below: str) -> Iterator[Rows]:
        data = self._read(path)
        if hashlib.md5(data, usedforsecurity=False).hexdigest() != digest:
            raise self._problem("has a file that is not as its manifest says (MD5); have it made anew", retry=True)
        try:
            yield from read_rows(data, self._said.form, self._said.columns, below)
        except Unreadable as why:
            raise self._problem(str(why)) from None

    def _newest(self, folder: str, names: Names) -> str:
        reports = [path for path in names(folder) if _REPORT_FOLDER.fullmatch(path.rstrip("/").rsplit("/", 1)[-1])]
        # A report's folder may be there before its manifest, which comes last.
        for report in sorted(reports, reverse=True):
            manifest = f"{report.rstrip('/')}/manifest.json"
            if manifest in names(report):
                return manifest
        why = "has no report yet: `manifest` names a manifest.json, or a folder with folders like 2026-11-01T01-00Z"
        raise self._problem(why)

    def _manifest(self, data: bytes) -> _Manifest:
        try:
            said = json.loads(data)
            home = _ARN.sub("", str(said["destinationBucket"]))
            return _Manifest(
                bucket=said["sourceBucket"],
                made_at=datetime.fromtimestamp(int(said["creationTimestamp"]) / 1000, UTC),
                form=said["fileFormat"],
                columns=[name.strip() for name in said["fileSchema"].split(",")],
                files=[(f"{home}/{file['key']}", file["MD5checksum"]) for file in said["files"]],
            )
        except KeyError as missing:
            raise self._problem(f"has a manifest without {missing.args[0]}") from None
        except (ValueError, TypeError, AttributeError):
            raise self._problem("has a manifest that is none; `manifest` wants its manifest.json") from None

    def _problem(self, why: str, *, retry: bool = False) -> StoreProblem:
        return StoreProblem(self._where, f"the inventory {why}", retry=retry)
