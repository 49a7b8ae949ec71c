"""Reads the catalogue of a database and bounded samples of its tables: what the column classifier goes by."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import sqlalchemy as sa
from sqlalchemy import exc

from detectors.column_facts import ColumnFacts, Reference, Storage, TableFacts
from plugins.stores.catalogue_sample import Sampler, Source
from plugins.stores.catalogue_types import name_of, size_of, storage_of
from plugins.stores.database import Database
from plugins.stores.records import StoreProblem

# Schemas that the database systems keep for themselves.
_SYSTEM = re.compile(
    r"information_schema|pg_.*|mysql|performance_schema|sys|sys(tem|aux|man|backup|dg|km|rac)|temp|db_.*|guest|xdb|mdsys|ctxsys"
    r"|outln|dbsnmp|wmsys|ordsys|orddata|ordplugins|olapsys|lbacsys|dvsys|audsys|gsmadmin_internal|appqossys|ojvmsys",
    re.IGNORECASE,
)
# After so many tables in a row that a broken connection kept from being read, the rest is not waited for.
_LOST_IN_A_ROW = 3


@dataclass(frozen=True, slots=True)
class TableName:
    """One table or view by name."""

    schema: str
    name: str
    view: bool


@dataclass(frozen=True, slots=True)
class _Shape:
    """A table as the catalogue tells of it."""

    facts: TableFacts
    key: tuple[str, ...]
    readable: bool = True


class Catalogue:
    """Tables and views of one database.

    Args:
        database: opened for reading.
        only: schemas to look at; all of the user's when empty.

    Attributes:
        problems: what could not be read, each once, in words without values.
    """

    def __init__(self, database: Database, only: Sequence[str] = ()) -> None:
        self._database, self._only = database, only
        self._sampler = Sampler(database)
        self.problems: list[StoreProblem] = []

    def tables(self) -> list[TableName]:
        """List every table and view of every schema.

        Raises:
            StoreProblem: the database cannot be opened at all.
        """
        schemas = self._sampler.run(self._schemas, self._database.name)
        found: dict[tuple[str, str], TableName] = {}
        for schema in schemas:
            for lister, view in _LISTERS:
                for name in self._listed(schema, lister):
                    found.setdefault((schema, name), TableName(schema, name, view))
        if not found and self.problems:
            raise self.problems[0]
        return list(found.values())

    def _schemas(self, connection: sa.Connection) -> list[str]:
        inspector = sa.inspect(connection)
        if connection.dialect.name in {"mysql", "mariadb"} and inspector.default_schema_name:
            every = [inspector.default_schema_name]  # where a schema is a database, the address names it
        else:
            every = [name for name in inspector.get_schema_names() if not _SYSTEM.fullmatch(name)]
        return [name for name in every if not self._only or name in self._only]

    def _listed(self, schema: str, lister: str) -> list[str]:
        def names(connection: sa.Connection) -> list[str]:
            method: Callable[..., list[str]] | None = getattr(sa.inspect(connection), lister, None)
            try:
                return method(schema=schema) if method else []
            except NotImplementedError:
                return []

        return list(self._try(names, f"{self._database.name}/{schema}") or [])

    def _try(self, what: Callable[[sa.Connection], Any], where: str) -> Any:
        try:
            return self._sampler.run(what, where)
        except StoreProblem as problem:
            self.problems.append(problem)
            return None

    def read(self, names: Sequence[TableName]) -> Iterator[TableFacts]:
        """Read the facts of tables, one by one; a table that fails comes with what is known of it.

        All columns are listed before the first value is read: what breaks later costs samples, not columns.
        """
        shapes = [self._shape(name) for name in names]
        lost = 0
        for number, shape in enumerate(shapes):
            if lost >= _LOST_IN_A_ROW:
                left = len(shapes) - number
                self.problems.append(StoreProblem(self._database.name, f"is gone; {left} tables judged by name only"))
                yield from (rest.facts for rest in shapes[number:])
                return
            facts, broken = self._sampled(shape)
            lost = lost + 1 if broken else 0
            yield facts

    def _sampled(self, shape: _Shape) -> tuple[TableFacts, bool]:
        facts = shape.facts
        if not shape.readable:
            return facts, False
        table = sa.table(facts.name, *[sa.column(c.name) for c in facts.columns], schema=facts.schema or None)
        where = self._where(facts.schema, facts.name)
        sample = self._sampler.sample(Source(table, facts.columns, shape.key, facts.view, where))
        self.problems += [StoreProblem(where, why) for why in sample.problems]
        columns = tuple(replace(c, values=tuple(sample.values[c.name]), rows=sample.rows) for c in facts.columns)
        return replace(facts, columns=columns), sample.lost and not facts.view

    def _where(self, schema: str, name: str) -> str:
        place = f"{schema}.{name}" if schema not in {"", "main"} else name
        return f"{self._database.name}/{_visible(place)}"

    # -- one table -----------------------------------------------------------------------------------------------------

    def _shape(self, name: TableName) -> _Shape:
        where = self._where(name.schema, name.name)
        try:
            shape: _Shape = self._sampler.run(lambda connection: _reflected(connection, name), where)
        except StoreProblem as problem:
            columns = self._declared(name, where)
            listed = "columns as declared" if columns else "its columns cannot be listed"
            self.problems.append(StoreProblem(where, f"{problem.why}; {listed}", problem.retry))
            return _Shape(TableFacts(name.schema, name.name, columns, name.view), (), readable=False)
        if not shape.facts.columns:
            self.problems.append(StoreProblem(where, "the catalogue lists no columns of it"))
        return shape

    def _declared(self, name: TableName, where: str) -> tuple[ColumnFacts, ...]:
        """Take the columns from the text of the declaration, where SQLite cannot tell them (views in a circle)."""
        if self._database.dialect != "sqlite":
            return ()
        query = sa.text("SELECT sql FROM sqlite_master WHERE name = :name").bindparams(name=name.name)
        try:
            declared = self._sampler.run(lambda connection: connection.execute(query).scalar(), where)
        except StoreProblem:
            return ()
        return tuple(ColumnFacts(column) for column in declared_columns(declared or ""))


_LISTERS = (
    ("get_table_names", False),
    ("get_foreign_table_names", True),
    ("get_view_names", True),
    ("get_materialized_view_names", True),
)


def _visible(name: str) -> str:
    """Make a name safe for one line of a log."""
    return "".join(c if c.isprintable() else "?" for c in name)[:120]


def _reflected(connection: sa.Connection, name: TableName) -> _Shape:
    inspector, schema, spell = sa.inspect(connection), name.schema or None, _speller(connection)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", exc.SAWarning)  # types that SQLAlchemy does not know are read as they come
        columns = inspector.get_columns(name.name, schema=schema)
        primary = tuple(map(spell, inspector.get_pk_constraint(name.name, schema=schema)["constrained_columns"]))
        foreign = {spell(column): target for column, target in _foreign(inspector, name).items()}
        unique = [tuple(map(spell, key)) for key in _unique(inspector, name)]
    columns = [{**column, "name": spell(column["name"])} for column in columns]
    names = _foreign_types(connection, name) if any(isinstance(c["type"], sa.types.NullType) for c in columns) else {}
    alone = {key[0] for key in (primary, *unique) if len(key) == 1}
    facts = tuple(
        replace(
            _column(column, names.get(column["name"], ""), connection),
            primary=column["name"] in primary,
            unique=column["name"] in alone,
            reference=foreign.get(column["name"]),
        )
        for column in columns
    )
    key = primary or next(iter(unique), ())
    return _Shape(
        TableFacts(name.schema, name.name, facts, name.view, _comment(inspector, name)), () if name.view else key
    )


def _speller(connection: sa.Connection) -> Callable[[str], str]:
    """Undo what SQLAlchemy's reading of MySQL's ``SHOW CREATE TABLE`` leaves in: doubled backticks."""
    if connection.dialect.name in {"mysql", "mariadb"}:
        return lambda name: name.replace("``", "`")
    return lambda name: name


def _column(column: Any, type_name: str, connection: sa.Connection) -> ColumnFacts:
    spelt = type_name or name_of(column["type"], connection.dialect)
    storage = storage_of(column["type"], spelt, connection.dialect.name)
    return ColumnFacts(
        name=column["name"],
        type_name=spelt,
        storage=storage,
        comment=column.get("comment") or "",
        size=size_of(column["type"]) if storage in {Storage.TEXT, Storage.BINARY} else None,
    )


def _foreign(inspector: sa.Inspector, name: TableName) -> dict[str, Reference]:
    found: dict[str, Reference] = {}
    for key in inspector.get_foreign_keys(name.name, schema=name.schema or None):
        pairs = zip(key["constrained_columns"], key["referred_columns"], strict=False)
        for column, target in pairs:
            found[column] = Reference(key["referred_schema"] or name.schema, key["referred_table"], target)
    return found


def _unique(inspector: sa.Inspector, name: TableName) -> list[tuple[str, ...]]:
    """Give the columns of unique indexes that hold every row."""
    if name.view:
        return []
    found = []
    for index in inspector.get_indexes(name.name, schema=name.schema or None):
        partial = any(option.endswith("_where") for option in index.get("dialect_options", {}))
        columns = index["column_names"]
        if index["unique"] and not partial and all(columns):
            found.append(tuple(str(column) for column in columns))
    return found


def _comment(inspector: sa.Inspector, name: TableName) -> str:
    try:
        return inspector.get_table_comment(name.name, schema=name.schema or None)["text"] or ""
    except (NotImplementedError, exc.NoSuchTableError):
        return ""


def _foreign_types(connection: sa.Connection, name: TableName) -> dict[str, str]:
    """Ask the database for the names of types that SQLAlchemy does not know, like pgvector's."""
    if connection.dialect.name == "postgresql":
        query = sa.text(
            "SELECT a.attname, format_type(a.atttypid, a.atttypmod) FROM pg_catalog.pg_attribute a"
            " JOIN pg_catalog.pg_class c ON c.oid = a.attrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
            " WHERE n.nspname = :schema AND c.relname = :name AND a.attnum > 0 AND NOT a.attisdropped"
        )
    elif connection.dialect.name in {"mysql", "mariadb"}:
        query = sa.text(
            "SELECT column_name, column_type FROM information_schema.columns"
            " WHERE table_schema = :schema AND table_name = :name"
        )
    else:
        return {}
    rows = connection.execute(query, {"schema": name.schema, "name": name.name})
    return {column: spelt.rpartition(".")[2] for column, spelt in rows}


def declared_columns(declaration: str) -> list[str]:
    """Read column names off the text of a ``CREATE VIEW`` or ``CREATE VIRTUAL TABLE`` of SQLite.

    Returns:
        The names in its first parentheses, else the plain names of its ``SELECT``; `*` says nothing.
    """
    head, query = (*re.split(r"\sAS\s", declaration, maxsplit=1, flags=re.IGNORECASE), "")[:2]
    if "(" in head:
        parts = _parts(head[head.find("(") + 1 :])
        found = [re.match(rf"\s*{_IDENTIFIER}(?!\s*=)", part) for part in parts]
    else:
        chosen = re.match(r"\s*SELECT (?:DISTINCT )?(.*?)(?: FROM .*)?$", query, re.IGNORECASE)
        parts = _parts(chosen.group(1)) if chosen else []
        found = [re.search(rf"{_IDENTIFIER}\s*$", part) for part in parts]
    return [next(group for group in match.groups() if group) for match in found if match]


_IDENTIFIER = r'(?:"((?:[^"]|"")+)"|`([^`]+)`|\[([^\]]+)\]|(\w+)(?!\w))'


def _parts(text: str) -> list[str]:
    """Cut a list at its commas, up to the parenthesis that closes it."""
    parts, depth = [""], 0
    for mark in text:
        depth += (mark in "([") - (mark in ")]")
        if depth < 0:
            break
        if mark == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += mark
    return parts
