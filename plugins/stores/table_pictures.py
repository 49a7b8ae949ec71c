"""Pictures in database rows, and pictures whose paths stand in database rows."""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, unquote

import sqlalchemy as sa

from plugins.keys import KeyProblem
from plugins.settings import StoreSettings, TableSettings
from plugins.stores.cells import to_bytes
from plugins.stores.database import typeless
from plugins.stores.objects import ObjectStore
from plugins.stores.records import StoredObject, StoreProblem
from plugins.stores.table_rows import Row, TableRows

_SCHEME = "row:"


class TablePictures:
    """Lists and reads the pictures of a database's tables."""

    def __init__(self, rows: TableRows) -> None:
        self._rows = rows
        self._roots: dict[str, ObjectStore] = {}

    def of_table(self, table: TableSettings) -> Iterator[StoredObject]:
        """Locate the pictures of one table in the order of its key, opening none.

        Raises:
            StoreProblem: the table cannot be read to its end.
        """
        rows = self._rows
        blob = rows.field(table, table.image_blob)
        # Where no column says when a row changed, its content has to.
        digest = rows.database.digest_of(blob) if table.image_blob and not table.updated_at else sa.null()
        fields = {
            "f_person": rows.field(table, table.person_id),
            "f_size": rows.database.size_of(blob) if table.image_blob else sa.null(),
            "f_digest": digest,
            "f_path": rows.field(table, table.image_path),
            "f_stored": rows.time_field(table, table.stored_at),
            "f_updated": rows.time_field(table, table.updated_at),
        }
        named = [rows.field(table, name).is_not(None) for name in (table.image_blob, table.image_path) if name]
        if not named:
            return
        for page in rows.pages(table, fields, [sa.or_(*named)]):
            for row in page:
                if row.f_size is not None:
                    yield self._in_row(table, row)
                if row.f_path:
                    yield self._at_path(table, row)

    def _in_row(self, table: TableSettings, row: Row) -> StoredObject:
        stored = self._rows.time(table, table.stored_at, row.f_stored)
        updated = self._rows.time(table, table.updated_at, row.f_updated)
        changed = updated or stored
        key = list(row[: len(self._rows.view(table).key)])
        place = (self._rows.settings.name, table.table, str(table.image_blob))
        return StoredObject(
            store=self._rows.settings.name,
            uri=_SCHEME + "/".join([*[quote(part, safe="") for part in place], self._rows.keyring.token(_pack(key))]),
            version=f"{row.f_size}-{row.f_digest or (changed.isoformat() if changed else 0)}",
            size_bytes=int(row.f_size),
            modified_at=updated,
            subject_ref=self._rows.ref(table, row.f_person),
            row_at=stored,
        )

    def _at_path(self, table: TableSettings, row: Row) -> StoredObject:
        found = self._root(table).locate(str(row.f_path), anywhere=table.image_root is None)
        return StoredObject(
            store=found.store,
            uri=found.uri,
            version=found.version,
            size_bytes=found.size_bytes,
            modified_at=found.modified_at,
            subject_ref=self._rows.ref(table, row.f_person),
            row_at=self._rows.time(table, table.stored_at, row.f_stored),
            skip=found.skip,
        )

    def read(self, obj: StoredObject, max_bytes: int) -> bytes:
        """Read one picture.

        Raises:
            StoreProblem: it is gone, too large, or cannot be read.
        """
        if obj.uri.startswith(_SCHEME):
            return self._read_row(obj.uri, max_bytes)
        roots = [self._root(table) for table in self._rows.settings.tables if table.image_path]
        if not roots:
            raise StoreProblem(
                self._rows.settings.name, "its tables name no paths of pictures any more", kind="vanished"
            )
        return next((root for root in roots if root.holds(obj.uri)), roots[0]).read(obj, max_bytes)

    def _read_row(self, uri: str, max_bytes: int) -> bytes:
        table, token = self._address(uri)
        rows, where = self._rows, self._rows.where(table)
        try:
            values = _unpack(rows.keyring.untoken(token))
        except KeyProblem as problem:
            raise StoreProblem(where, str(problem)) from None
        view, blob = rows.view(table), rows.field(table, table.image_blob)
        size = rows.database.size_of(blob)
        is_it = [view.column(name) == typeless(value) for name, value in zip(view.key, values, strict=True)]
        # The size is asked with the content, so that a giant never leaves the server.
        query = sa.select(size, sa.case((size <= max_bytes, blob))).where(*is_it)
        found = rows.database.attempt(lambda connection: connection.execute(query).first(), where)
        if found is None or found[0] is None:
            raise StoreProblem(where, "a picture is gone since it was listed", kind="vanished")
        if found[0] > max_bytes:
            raise StoreProblem(where, f"a picture is larger than {max_bytes} bytes", kind="too_large")
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
            place = StoreSettings(name=held.name, url=table.image_root or str(self._rows.base), purpose=held.purpose)
            self._roots[table.table] = ObjectStore(place, self._rows.base, pause=self._rows.pause)
        return self._roots[table.table]


def _pack(key: list[Any]) -> str:
    """Write a row's key as JSON; bytes as base64, and what else JSON does not know as the text databases take back."""
    packed = [{"b": b64encode(bytes(v)).decode()} if isinstance(v, bytes | memoryview) else v for v in key]
    return json.dumps(packed, default=str)


def _unpack(text: str) -> list[Any]:
    return [b64decode(v["b"]) if isinstance(v, dict) else v for v in json.loads(text)]
