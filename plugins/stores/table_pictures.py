"""Pictures in database rows, and pictures whose paths stand in database rows."""

from __future__ import annotations

import hashlib
import json
from base64 import b64decode, b64encode
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from urllib.parse import quote, unquote

import sqlalchemy as sa

from plugins.keys import KeyProblem
from plugins.settings import StoreSettings, TableSettings
from plugins.stores.arrow_pages import plain
from plugins.stores.cells import to_bytes, to_text
from plugins.stores.database import typeless
from plugins.stores.objects import ObjectStore
from plugins.stores.records import StoredObject, StoreProblem
from plugins.stores.table_rows import Key, Page, TableRows

_SCHEME = "row:"
# A picture of 200 megapixels is smaller as a JPEG; servers and their drivers hold a value several times over.
MAX_CELL_BYTES = 128 * 2**20


@dataclass(frozen=True, slots=True)
class _Filed:
    """What a row says of its picture: the pseudonym of whom it is filed under, and since when it is stored, UTC."""

    ref: str | None
    at: datetime | None

    @property
    def mark(self) -> str:
        """Give what changes when this does: the picture then belongs to somebody else, or to another day."""
        return hashlib.blake2b(f"{self.ref}\x1f{self.at}".encode(), digest_size=4).hexdigest()


class TablePictures:
    """Lists and reads the pictures of a database's tables."""

    def __init__(self, rows: TableRows) -> None:
        self._rows = rows
        self._roots: dict[str, ObjectStore] = {}
        self._named: set[bytes] = set()

    def every(self) -> Iterator[StoredObject]:
        """Locate the pictures of all tables; a table that fails is noted, and the next one follows."""
        self._named.clear()
        return self._rows.every(self.of_table)

    def of_table(self, table: TableSettings) -> Iterator[StoredObject]:
        """Locate the pictures of one table in the order of its key, opening none.

        A row that the server cannot give comes with ``skip``; of rows that name the same file the first counts.

        Raises:
            StoreProblem: the table cannot be read to its end.
        """
        rows, broken = self._rows, list[Key]()
        named = [rows.field(table, name).is_not(None) for name in (table.image_blob, table.image_path) if name]
        if not named:
            return
        fields = {
            "person": rows.field(table, table.person_id),
            "size": rows.database.size_of(rows.field(table, table.image_blob)) if table.image_blob else sa.null(),
            "digest": self._digest(table),
            "path": rows.field(table, table.image_path),
            "stored": rows.time_field(table, table.stored_at),
            "updated": rows.time_field(table, table.updated_at),
        }
        heavy = table.image_blob is not None
        for page in rows.pages(table, fields, [sa.or_(*named)], broken.append, heavy):
            yield from self._located(table, page)
            yield from self._unreadable(table, broken)
        yield from self._unreadable(table, broken)

    def _digest(self, table: TableSettings) -> sa.ColumnElement[Any]:
        """Select a digest of the picture where no column says when the row changed: its content has to.

        Raises:
            StoreProblem: the database makes none.
        """
        if not table.image_blob:
            return sa.null()
        rows, blob = self._rows, self._rows.field(table, table.image_blob)
        digest = rows.database.digest_of(blob)
        if digest is None:
            if table.updated_at:
                return sa.null()
            why = "this kind of database makes no digest of a picture; name the column of the last change: `updated_at`"
            raise StoreProblem(rows.where(table), why)
        due = [rows.database.size_of(blob) <= MAX_CELL_BYTES]  # a larger one is refused whatever it holds
        if table.updated_at:
            due.append(rows.field(table, table.updated_at).is_(None))
        return sa.case((sa.and_(*due), digest))

    def _located(self, table: TableSettings, page: Page) -> Iterator[StoredObject]:
        rows, cells = self._rows, page.cells
        refs = rows.refs(table, cells["person"]).to_pylist()
        stored = rows.times(table, table.stored_at, cells["stored"]).to_pylist()
        updated = rows.times(table, table.updated_at, cells["updated"]).to_pylist()
        sizes, digests, paths = (plain(cells[name]) for name in ("size", "digest", "path"))
        for n, key in enumerate(page.keys):
            filed = _Filed(refs[n], stored[n])
            if sizes[n] is not None:
                changed = digests[n] or (updated[n].isoformat() if updated[n] else 0)
                yield StoredObject(
                    store=rows.settings.name,
                    uri=self._uri(table, key),
                    version=f"{sizes[n]}-{changed}-{filed.mark}",
                    size_bytes=int(sizes[n]),
                    modified_at=updated[n],
                    subject_ref=filed.ref,
                    row_at=filed.at,
                )
            if paths[n]:
                try:
                    yield from self._at_path(table, to_text(paths[n]), filed)
                except StoreProblem as problem:
                    if problem.retry:
                        raise
                    yield from self._unreadable(table, [key])

    def _unreadable(self, table: TableSettings, keys: list[Key]) -> Iterator[StoredObject]:
        while keys:  # taken one by one: the page being read ahead may add more
            yield StoredObject(self._rows.settings.name, self._uri(table, keys.pop(0)), "", -1, skip="unreadable")

    def _uri(self, table: TableSettings, key: Key) -> str:
        place = (self._rows.settings.name, table.table, str(table.image_blob or table.image_path))
        return _SCHEME + "/".join([*[quote(part, safe="") for part in place], self._rows.keyring.token(_pack(key))])

    def _at_path(self, table: TableSettings, path: str, filed: _Filed) -> Iterator[StoredObject]:
        found = self._root(table).locate(path, anywhere=table.image_root is None)
        known = hashlib.blake2b(found.uri.encode("utf-8", "surrogateescape"), digest_size=8).digest()
        if known in self._named:
            return
        self._named.add(known)
        version = f"{found.version}-{filed.mark}"
        yield replace(found, version=version, subject_ref=filed.ref, row_at=filed.at)

    def read(self, obj: StoredObject, max_bytes: int, as_listed: bool) -> bytes:
        """Read one picture, with ``as_listed`` only if it has not changed since it was listed.

        Raises:
            StoreProblem: it is gone, too large, not the one that was listed, or cannot be read.
        """
        if obj.uri.startswith(_SCHEME):
            return self._read_row(obj, min(max_bytes, MAX_CELL_BYTES), as_listed)
        roots = [self._root(table) for table in self._rows.settings.tables if table.image_path]
        if not roots:
            raise StoreProblem(
                self._rows.settings.name, "its tables name no paths of pictures any more", kind="vanished"
            )
        return next((root for root in roots if root.holds(obj.uri)), roots[0]).read(obj, max_bytes, as_listed=as_listed)

    def _read_row(self, obj: StoredObject, max_bytes: int, as_listed: bool) -> bytes:
        table, token = self._address(obj.uri)
        rows, where = self._rows, self._rows.where(table)
        try:
            values = _unpack(rows.keyring.untoken(token))
        except KeyProblem as problem:
            raise StoreProblem(where, str(problem)) from None
        view, blob = rows.view(table), rows.field(table, table.image_blob)
        size = rows.database.size_of(blob)
        is_it = [view.column(name) == typeless(value) for name, value in zip(view.key, values, strict=True)]
        # The size is asked with the content, so that a giant never leaves the server.
        query = sa.select(
            size, sa.case((size <= max_bytes, blob)), *([self._digest(table)] if as_listed else [])
        ).where(*is_it)
        found = rows.database.attempt(lambda connection: connection.execute(query).first(), where)
        if found is None or found[0] is None:
            raise StoreProblem(where, "a picture is gone since it was listed", kind="vanished")
        if found[0] > max_bytes:
            raise StoreProblem(where, f"a picture is larger than {max_bytes} bytes", kind="too_large")
        digest = f"{to_text(found[2])}-" if as_listed and found[2] else ""
        if as_listed and not obj.version.startswith(f"{found[0]}-{digest}"):
            raise StoreProblem(where, "a picture has changed since it was listed", kind="changed")
        return to_bytes(found[1])

    def _address(self, uri: str) -> tuple[TableSettings, str]:
        """Take the address of a row apart."""
        parts = [unquote(part) for part in uri.removeprefix(_SCHEME).split("/")]
        for table in self._rows.settings.tables:
            if parts[:-1] == [self._rows.settings.name, table.table, table.image_blob]:
                return table, parts[-1]
        raise StoreProblem(self._rows.settings.name, "no table of the settings holds this picture", kind="vanished")

    def _root(self, table: TableSettings) -> ObjectStore:
        """Open the place that a table's paths are relative to; the folder of the settings file when none is named."""
        if table.table not in self._roots:
            held = self._rows.settings
            root = table.image_root or str(self._rows.base)
            # Rows name files one by one: a link among them is what the row means.
            place = StoreSettings(name=held.name, url=root, purpose=held.purpose, links="follow")
            self._roots[table.table] = ObjectStore(place, self._rows.base, pause=self._rows.pause)
        return self._roots[table.table]


def _pack(key: Key) -> str:
    """Write a row's key as JSON; bytes as base64, and what else JSON does not know as the text databases take back."""
    packed = [{"b": b64encode(bytes(v)).decode()} if isinstance(v, bytes | memoryview) else v for v in key]
    return json.dumps(packed, default=str)


def _unpack(text: str) -> list[Any]:
    return [b64decode(v["b"]) if isinstance(v, dict) else v for v in json.loads(text)]
