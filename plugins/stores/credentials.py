"""Turns what the settings say of a place into what SQLAlchemy or fsspec opens, the credentials wrapped."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, urlsplit

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from plugins.stores.connections import lookup, sqlalchemy_url, storage_options, storage_place
from plugins.stores.dialects import driver_of
from plugins.stores.records import StoreProblem
from plugins.stores.scrubbing import Secret, redact, remember, remember_all, scrub

__all__ = ["Secret", "database_url", "expand", "redact", "remember", "scrub", "storage"]

_VARIABLE = re.compile(r"\$\{([^}]*)\}")


def expand(text: str, where: str) -> str:
    """Put the values of environment variables in the place of ``${NAME}``.

    Raises:
        StoreProblem: a variable is not set; names it.
    """

    def value_of(found: re.Match[str]) -> str:
        value = os.environ.get(found.group(1))
        if value is None:
            raise StoreProblem(where, f"needs the environment variable {found.group(1)!r}, which is not set; set it")
        return value

    return _VARIABLE.sub(value_of, text)


def database_url(url: str | None, conn_id: str | None, where: str, base: Path, *, writes: bool = False) -> Secret[URL]:
    """Build the SQLAlchemy URL of a database from an address or an Airflow connection.

    Args:
        url: SQLAlchemy URL, ``${ENV}`` allowed; a SQLite path may be relative to ``base``.
        conn_id: an Airflow connection, used when there is no ``url``.
        where: name of the database, for error texts.
        base: folder of the settings file.
        writes: whether it will be written; a SQLite file is else opened for reading, and has to be there.

    Raises:
        StoreProblem: not a URL, not a supported database, no driver for it, an unset variable or an unknown connection.
    """
    made = _url_of_text(expand(url, where), where) if url else sqlalchemy_url(lookup(conn_id or "", where))
    name = made.drivername.partition("+")[0]
    driver = driver_of(name, where)
    remember(made.password)
    remember_all(made.query)
    made = made.set(drivername=driver)
    if name != "sqlite":
        return Secret(made)
    return Secret(_file_to_write(made, where, base) if writes else _read_only_file(made, where, base))


def storage(
    url: str | None, options: Mapping[str, Any], conn_id: str | None, where: str, base: Path
) -> tuple[str, Secret[dict[str, Any]]]:
    """Build what fsspec opens a store with: its URL (a plain absolute path for a folder) and its options.

    Options given in the settings win over those of the connection.

    Raises:
        StoreProblem: an unset variable, an unknown connection, or one that names no place.
    """
    found: dict[str, Any] = {}
    place = expand(url, where) if url else ""
    if conn_id:
        connection = lookup(conn_id, where)
        found = storage_options(connection)
        place = place or storage_place(connection)
    if not place:
        raise StoreProblem(where, "the Airflow connection names no bucket or path; give `url` beside `conn_id`")
    found |= _expanded(options, where)
    remember_all(found)
    if "://" in place:
        remember(urlsplit(place).password)
        return place, Secret(found)
    return str((base / Path(place).expanduser()).absolute()), Secret(found)


def _url_of_text(text: str, where: str) -> URL:
    try:
        return make_url(text)
    except (ArgumentError, ValueError):
        allowed = "sqlite:///file.db or postgresql://user:password@host/database"
        raise StoreProblem(where, f"url is not a database URL; write one like {allowed}") from None


def _file_to_write(url: URL, where: str, base: Path) -> URL:
    if not url.database or url.database == ":memory:":
        raise StoreProblem(where, "url names no SQLite file; write sqlite:///file.db")
    return URL.create("sqlite", database=str((base / Path(url.database).expanduser()).absolute()))


def _read_only_file(url: URL, where: str, base: Path) -> URL:
    path = url.database
    if not path or path == ":memory:":
        raise StoreProblem(where, "url names no SQLite file; write sqlite:///file.db")
    if path.startswith("file:"):
        path = unquote(urlsplit(path).path)
    absolute = (base / Path(path).expanduser()).absolute()
    if not absolute.is_file():
        raise StoreProblem(where, f"there is no SQLite file {absolute.name!r} at the given path; correct `url`")
    return URL.create("sqlite", database=f"file:{quote(str(absolute))}", query={"mode": "ro", "uri": "true"})


def _expanded(value: Any, where: str) -> Any:
    if isinstance(value, Mapping):
        return {name: _expanded(part, where) for name, part in value.items()}
    if isinstance(value, list):
        return [_expanded(part, where) for part in value]
    return expand(value, where) if isinstance(value, str) else value
