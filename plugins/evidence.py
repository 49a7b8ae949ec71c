"""The evidence: append-only Parquet on any fsspec URL, visible only through commits that appear by one rename.

Layout under the evidence URL::

    TABLE/store=S/day=D/NAME.parquet        objects, faces, subjects, consents, identities, census, findings, runs
    pending/parts/NAME.json                 a looked-at part of a chunk: facts that the next commit takes in
    pending/RUN/NAME.json                   what a run has made so far (head-count, findings)
    pending/RUN/chunks/NAME.json            what a run has still to look at
    commits/TIME-RUN.json                   the union of what a run made: a file counts when a commit names it

Every JSON file is a *fragment*: a list of Parquet files per table. A file is written aside and renamed (on an object
store: put whole), and only then named in a fragment, so a killed process leaves nothing half-visible. Facts are keyed
by object version and detector key, so a part left by a killed run is as good in the next one.
"""

from __future__ import annotations

import json
import logging
import os
import posixpath
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import fsspec
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from expectations.columns import TABLES, Column, Table

log = logging.getLogger(__name__)

IDENTITIES = Table(
    "identities",
    "the group of like faces that one face fell in at a census; not a person",
    (
        Column("face_id", "text", "the face"),
        Column("pseudonym", "text", "keyed hash that stands for the group"),
        # Nights before this was asked for have none.
        Column("matched_ref", "text", "keyed hash of the enrolled person it was matched with", optional=True),
        Column("shot", "text", "hash that faces of copies of one file share", optional=True),
        Column("copy_of", "text", "the earlier face that it looks like a copy, crop or thumbnail of", optional=True),
    ),
)
_TABLES = {**TABLES, IDENTITIES.name: IDENTITIES}

STAMP = "%Y%m%dT%H%M%S%fZ"
"""How a commit's time is written, UTC: as texts they sort by it."""

GONE_NEEDS = ["store", "uri", "captured_at", "status", "faces", "gone_on"]
"""Columns of ``objects`` that it takes to tell what is gone."""

# Tables whose newest writing for a store (or for all) replaces the older ones when read; the others accumulate.
SNAPSHOTS = {"subjects", "columns", "consents", "identities", "findings", "safeguards"}


class NotWritten(Exception):
    """Evidence cannot be written; says why, without a path."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why

    def __str__(self) -> str:
        return (
            f"evidence, vectors or report data cannot be written: {self.why}; see to that and run it again: it goes on"
        )


@dataclass(frozen=True, slots=True)
class Fragment:
    """Parquet files per table, as paths under the evidence URL, with what was noted beside them."""

    files: dict[str, list[str]] = field(default_factory=dict)
    notes: dict[str, Any] = field(default_factory=dict)

    def __add__(self, other: Fragment) -> Fragment:
        files = {name: list(paths) for name, paths in self.files.items()}
        for name, paths in other.files.items():
            files.setdefault(name, []).extend(p for p in paths if p not in files.get(name, []))
        return Fragment(files, {**self.notes, **other.notes})


@dataclass(frozen=True, slots=True)
class Commit:
    """One published run."""

    run_id: str
    committed_at: str
    fragment: Fragment


@dataclass(frozen=True, slots=True)
class Pending:
    """What a run has made so far, the looked-at parts included, and the names of those parts."""

    fragment: Fragment
    parts: list[str]


class Evidence:
    """Reads and writes the evidence under one fsspec URL."""

    def __init__(self, url: str, options: dict[str, Any] | None = None) -> None:
        self.url = url
        self._fs, self._root = fsspec.core.url_to_fs(url, **(options or {}))

    # -- small files ---------------------------------------------------------------------------------------------

    def path(self, *parts: str) -> str:
        """Join a path under the evidence URL."""
        return posixpath.join(self._root, *parts)

    def publish(self, relative: str, data: bytes) -> None:
        """Write a file so that it is there whole or not at all.

        Raises:
            NotWritten: it cannot be written.
        """
        try:
            self._put(self.path(relative), data)
        except Exception as error:  # the boundary of the evidence: the drivers of object stores raise what they like
            number = error.errno if isinstance(error, OSError) else None
            raise NotWritten(os.strerror(number) if number else type(error).__name__) from None

    def _put(self, path: str, data: bytes) -> None:
        self._fs.makedirs(posixpath.dirname(path), exist_ok=True)
        if "file" not in _protocols(self._fs):
            self._fs.pipe_file(path, data)  # object stores show an object only when its upload is complete
            return
        aside = f"{path}.{os.getpid()}.aside"
        try:
            with open(aside, "wb") as file:  # noqa: PTH123 - a plain path by design: fsync needs the file itself
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            os.replace(aside, path)  # noqa: PTH105
        except OSError:
            Path(aside).unlink(missing_ok=True)  # on a full disk even this counts
            raise

    def read_bytes(self, relative: str) -> bytes:
        """Read a file.

        Raises:
            FileNotFoundError: it is not there.
        """
        return bytes(self._fs.cat_file(self.path(relative)))

    def names(self, folder: str) -> list[str]:
        """Name the finished files right under ``folder``, sorted; nothing when there is no such folder."""
        path = self.path(folder)
        # A listing must be fresh: other processes publish here.
        self._fs.invalidate_cache(path)
        try:
            found = self._fs.ls(path, detail=False)
        except FileNotFoundError:
            return []
        return sorted(n for n in (posixpath.basename(str(p).rstrip("/")) for p in found) if not n.endswith(".aside"))

    def remove(self, relative: str, *, recursive: bool = False) -> None:
        """Remove a file or folder; nothing happens when it is not there."""
        try:
            self._fs.rm(self.path(relative), recursive=recursive)
        except FileNotFoundError:
            log.debug("already gone: %s", relative)

    def size_bytes(self) -> int:
        """Add up the sizes of all files."""
        try:
            return int(self._fs.du(self._root))
        except FileNotFoundError:
            return 0

    # -- fragments -----------------------------------------------------------------------------------------------

    def write_table(self, name: str, table: pa.Table | pd.DataFrame, store: str, day: date, file: str) -> str:
        """Write one Parquet file (zstd) in its store and day partition; give its path under the evidence URL.

        The columns must be those of the contract; their order and exact types are brought in line.
        """
        schema = _TABLES[name].arrow_schema()
        if isinstance(table, pd.DataFrame):
            table = _arrow(table, schema)
        table = table.select(schema.names).cast(schema)
        relative = f"{name}/store={safe_name(store)}/day={day.isoformat()}/{safe_name(file)}.parquet"
        sink = pa.BufferOutputStream()
        pq.write_table(table, sink, compression="zstd")
        self.publish(relative, sink.getvalue().to_pybytes())
        return relative

    def save_fragment(self, relative: str, fragment: Fragment) -> None:
        """Publish a fragment: from now on its files count for who reads this fragment."""
        self.publish(relative, json.dumps({"files": fragment.files, "notes": fragment.notes}, sort_keys=True).encode())

    def load_fragment(self, relative: str) -> Fragment:
        """Read a fragment back."""
        read = json.loads(self.read_bytes(relative))
        return Fragment(read["files"], read["notes"])

    def fragments(self, folder: str, start: str = "") -> dict[str, Fragment]:
        """Read the fragments of a folder whose names begin so, by name."""
        found = {}
        for name in self.names(folder):
            if name.startswith(start) and name.endswith(".json"):
                found[name.removesuffix(".json")] = self.load_fragment(f"{folder}/{name}")
        return found

    def parts(self, chunk: str = "") -> dict[str, Fragment]:
        """Give the looked-at parts, of one chunk or of all, that no commit has taken in yet."""
        taken = {n for c in self.commits() for n in c.fragment.notes.get("parts", [])}
        found = self.fragments("pending/parts", chunk)
        return {name: part for name, part in found.items() if name not in taken}

    def pending(self, folder: str) -> Pending:
        """Give what a commit of the run with this folder would publish now."""
        parts = self.parts()
        fragment = Fragment()
        for made in [*parts.values(), *self.fragments(folder).values()]:
            fragment += made
        return Pending(fragment, sorted(parts))

    # -- commits -------------------------------------------------------------------------------------------------

    def commits(self) -> list[Commit]:
        """Give all commits, oldest first."""
        found = []
        for name in self.names("commits"):
            read = json.loads(self.read_bytes(f"commits/{name}"))
            found.append(Commit(read["run_id"], read["committed_at"], Fragment(read["files"], read["notes"])))
        return found

    def commit(self, run_id: str, pending: Pending, at: datetime) -> None:
        """Publish what a run made.

        The one rename of this method is the moment at which the run counts. What it clears away afterwards is
        ignored by every reader already.
        """
        stamp = at.strftime(STAMP)
        if (last := max((c.committed_at for c in self.commits()), default="")) >= stamp:
            # The clock was put back: what is committed later must be read as later all the same.
            stamp = (datetime.strptime(last, STAMP) + timedelta(microseconds=1)).strftime(STAMP)  # noqa: DTZ007
        notes = {**pending.fragment.notes, "parts": pending.parts}
        body = {"run_id": run_id, "committed_at": stamp, "files": pending.fragment.files, "notes": notes}
        self.publish(f"commits/{stamp}-{safe_name(run_id)}.json", json.dumps(body, sort_keys=True).encode())
        for name in pending.parts:
            self.remove(f"pending/parts/{name}.json")
        self.remove(f"pending/{safe_name(run_id)}", recursive=True)

    def noted(self, name: str, extra: Fragment | None = None) -> dict[str, Any]:
        """Give a note that is kept by store: of each store what was noted last, ``extra`` counting as the newest."""
        fragments = [*(commit.fragment for commit in self.commits()), *([extra] if extra else [])]
        newest: dict[str, Any] = {}
        for fragment in fragments:
            newest |= fragment.notes.get(name, {})
        return newest

    # -- reading -------------------------------------------------------------------------------------------------

    def read(
        self,
        name: str,
        extra: Fragment | None = None,
        columns: list[str] | None = None,
        commits: list[Commit] | None = None,
    ) -> pd.DataFrame:
        """Read a table as committed (by all, or by some commits), and ``extra`` on top of it.

        Returns:
            The contract's columns, Arrow-backed where pandas can, and ``file``: the file's stem. Of the tables in
            ``SNAPSHOTS`` only the newest writing for each store; of the others all, oldest first.
        """
        chosen = [c.fragment.files.get(name, []) for c in (self.commits() if commits is None else commits)]
        if extra is not None:
            chosen.append(extra.files.get(name, []))
        paths = _newest(chosen) if name in SNAPSHOTS else list(dict.fromkeys(p for group in chosen for p in group))
        return self._read_paths(name, paths, columns)

    def paths(self, name: str, store: str, extra: Fragment | None = None) -> list[str]:
        """Give the paths of all committed writings of a table for one store, ``extra`` behind them, oldest first."""
        groups = [*(c.fragment for c in self.commits()), *([extra] if extra else [])]
        partition = f"store={safe_name(store)}"
        found = dict.fromkeys(path for group in groups for path in group.files.get(name, []))
        return [path for path in found if path.split("/")[1] == partition]

    def arrow(self, name: str, path: str, columns: list[str]) -> pa.Table:
        """Read some columns of one file of a table."""
        whole = _TABLES[name].arrow_schema()
        return self._read_file(path, pa.schema([whole.field(column) for column in columns]))

    def read_rows(self, name: str, path: str, places: Any = None) -> list[dict[str, Any]]:
        """Read rows of one file of a table, all or those at some places; nothing when there is no such file."""
        try:
            table = self._read_file(path, _TABLES[name].arrow_schema()).drop_columns("file")
        except FileNotFoundError:
            return []
        chosen = table if places is None else table.take(pa.array(places, pa.int64()))
        rows: list[dict[str, Any]] = chosen.to_pylist()
        return rows

    def latest(self, name: str, store: str) -> list[str]:
        """Give the paths of the newest committed writing of a snapshot table for one store."""
        partition = f"store={safe_name(store)}"
        found = _newest([c.fragment.files.get(name, []) for c in self.commits()])
        return [path for path in found if path.split("/")[1] == partition]

    def read_fragment(self, name: str, fragment: Fragment, columns: list[str] | None = None) -> pd.DataFrame:
        """Read only the files of one fragment."""
        return self._read_paths(name, fragment.files.get(name, []), columns)

    def _read_paths(self, name: str, paths: list[str], columns: list[str] | None) -> pd.DataFrame:
        whole = _TABLES[name].arrow_schema()
        schema = pa.schema([whole.field(n) for n in columns]) if columns else whole
        tables = [self._read_file(path, schema) for path in paths]
        tables = tables or [schema.empty_table().append_column("file", pa.array([], pa.string()))]
        return frame_of(pa.concat_tables(tables))

    def _read_file(self, relative: str, schema: pa.Schema) -> pa.Table:
        with self._fs.open(self.path(relative), "rb") as file:
            table = pq.ParquetFile(file).read(columns=schema.names)
        for column in schema:  # the contract may have gained columns since this file was written
            if column.nullable and column.name not in table.column_names:
                table = table.append_column(column, pa.nulls(len(table), column.type))
        table = table.select(schema.names)
        stem = posixpath.basename(relative).removesuffix(".parquet")
        return table.append_column("file", pa.array([stem] * len(table), pa.string()))

    def objects(self, extra: Fragment | None = None) -> pd.DataFrame:
        """Give the current objects: the newest row of each, without those that left their store."""
        return self.objects_and_gone(extra)[0]

    def objects_and_gone(
        self, extra: Fragment | None = None, columns: list[str] | None = None
    ) -> tuple[pd.DataFrame, pd.DataFrame]:
        """Give the current objects, and the pictures with faces that left their store.

        Args:
            extra: as ``read`` takes it.
            columns: those wanted of the objects, ``GONE_NEEDS`` among them; all when not said.

        Returns:
            The newest row of each object that is there; and ``store``, ``uri``, ``captured_at``, ``gone_on`` of each
            that is not, was scanned, and had faces.
        """
        rows = self.read("objects", extra, columns)
        newest = rows.drop_duplicates(["store", "uri"], keep="last")
        left = newest.loc[newest["status"] == "gone", ["store", "uri", "gone_on"]]
        seen = rows[(rows["status"] == "scanned") & (rows["faces"] > 0)].drop_duplicates(["store", "uri"], keep="last")
        gone = left.merge(seen[["store", "uri", "captured_at"]], on=["store", "uri"])
        return newest[newest["status"] != "gone"].reset_index(drop=True), gone

    def faces(
        self, current: pd.DataFrame, extra: Fragment | None = None, columns: list[str] | None = None
    ) -> pd.DataFrame:
        """Give the faces of the current objects (some columns, ``face_id``, ``store`` and ``uri`` among them, or all).

        What the last census made of them, their pseudonyms too, is added.
        """
        found = self.read("faces", extra, columns).drop(columns="pseudonym", errors="ignore")
        kept = found.merge(current[["store", "uri", "file"]], on=["store", "uri", "file"])
        groups = self.read("identities", extra).drop(columns="file")
        return kept.merge(groups, on="face_id", how="left")


def frame_of(table: pa.Table) -> pd.DataFrame:
    """Give a table as the judge reads it: texts and days Arrow-backed, the others as NumPy has them."""
    frame: pd.DataFrame = table.to_pandas(types_mapper=_pandas_type)
    return frame


def _arrow(frame: pd.DataFrame, schema: pa.Schema) -> pa.Table:
    # A column without a single value has no type in pandas: the contract says which it is.
    arrays = [
        pa.nulls(len(frame), field.type)
        if frame[field.name].isna().all()
        else pa.array(frame[field.name], type=field.type, from_pandas=True)
        for field in schema
    ]
    return pa.Table.from_arrays(arrays, names=schema.names)


def _newest(groups: list[list[str]]) -> list[str]:
    """Keep, for each store partition, the files of the last group that wrote it."""
    newest: dict[str, list[str]] = {}
    for group in groups:
        written: dict[str, list[str]] = {}
        for path in group:
            written.setdefault(path.split("/")[1], []).append(path)
        newest.update(written)
    return [path for paths in newest.values() for path in paths]


def _pandas_type(kind: pa.DataType) -> Any:
    """Keep text, times and lists Arrow-backed and numbers plain where they cannot be empty."""
    if pa.types.is_string(kind):
        return pd.StringDtype("pyarrow", na_value=float("nan"))
    if pa.types.is_date32(kind):
        return pd.ArrowDtype(kind)
    return None


def safe_name(name: str) -> str:
    """Make a name fit for a path: what is neither letter, digit nor one of ``-_.+`` becomes ``_``."""
    return "".join(c if c.isalnum() or c in "-_.+" else "_" for c in name) or "_"


def _protocols(fs: Any) -> tuple[str, ...]:
    return (fs.protocol,) if isinstance(fs.protocol, str) else tuple(fs.protocol)
