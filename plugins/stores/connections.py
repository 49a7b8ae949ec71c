"""Finds Airflow connections, inside a task and without Airflow, and reads addresses out of them."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from sqlalchemy.engine import URL

from plugins.stores.records import StoreProblem
from plugins.stores.scrubbing import remember, remember_all

# Extras of an Airflow connection that the drivers above understand; others are meant for Airflow's own hooks.
_DRIVER_EXTRAS = re.compile(
    r"ssl(mode|rootcert|cert|key|_ca|_cert|_key|_verify_\w+)?|connect_timeout|charset|target_session_attrs|service_name"
)


@dataclass(frozen=True, slots=True)
class Connection:
    """What an Airflow connection says, whoever told it."""

    conn_type: str
    host: str = ""
    port: int | None = None
    login: str = ""
    password: str = field(default="", repr=False)
    schema: str = ""
    extra: Mapping[str, Any] = field(default_factory=dict, repr=False)


def lookup(conn_id: str, where: str) -> Connection:
    """Find an Airflow connection: in the environment (``AIRFLOW_CONN_<ID>``, URI or JSON), else by asking Airflow.

    Raises:
        StoreProblem: nobody knows it, or what is known of it cannot be read.
    """
    variable = f"AIRFLOW_CONN_{conn_id.upper()}"
    if text := os.environ.get(variable):
        try:
            found = _from_json(text) if text.lstrip().startswith("{") else _from_uri(text)
        except (ValueError, TypeError, AttributeError):
            raise StoreProblem(where, f"{variable} is neither a connection URI nor JSON; correct it") from None
    else:
        found = _from_airflow(conn_id, where)
    remember(found.password)
    remember_all(found.extra)
    return found


def _from_airflow(conn_id: str, where: str) -> Connection:
    hint = f"set AIRFLOW_CONN_{conn_id.upper()} or add it in Airflow"
    try:
        from airflow.sdk import Connection as AirflowConnection
        from airflow.sdk.exceptions import AirflowException
    except ImportError:
        raise StoreProblem(where, f"connection {conn_id!r} is not known and Airflow is not installed; {hint}") from None
    try:
        known = AirflowConnection.get(conn_id)
    except AirflowException:
        raise StoreProblem(where, f"no Airflow connection {conn_id!r}; {hint}") from None
    return Connection(
        conn_type=known.conn_type,
        host=known.host or "",
        port=known.port,
        login=known.login or "",
        password=known.password or "",
        schema=known.schema or "",
        extra=known.extra_dejson,
    )


def _from_json(text: str) -> Connection:
    said = json.loads(text)
    extra = said.get("extra") or {}
    return Connection(
        conn_type=said.get("conn_type") or "",
        host=said.get("host") or "",
        port=int(said["port"]) if said.get("port") else None,
        login=said.get("login") or "",
        password=said.get("password") or "",
        schema=said.get("schema") or "",
        extra=json.loads(extra) if isinstance(extra, str) else dict(extra),
    )


def _from_uri(text: str) -> Connection:
    parts = urlsplit(text)
    extra: dict[str, Any] = dict(parse_qsl(parts.query, keep_blank_values=True))
    if "__extra__" in extra:
        extra = json.loads(extra["__extra__"])
    return Connection(
        conn_type=parts.scheme.replace("-", "_"),
        host=unquote(parts.hostname or ""),
        port=parts.port,
        login=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
        schema=unquote(parts.path[1:]),
        extra=extra,
    )


def sqlalchemy_url(connection: Connection) -> URL:
    """Build the SQLAlchemy URL of a database connection."""
    name = connection.conn_type
    if name == "sqlite":
        # Airflow writes a SQLite file either as host (sqlite://%2Ftmp%2Fa.db) or as schema (sqlite:///tmp/a.db).
        return URL.create("sqlite", database=connection.host or f"/{connection.schema.lstrip('/')}")
    extras = {k: str(v) for k, v in connection.extra.items() if _DRIVER_EXTRAS.fullmatch(k)}
    return URL.create(
        name or "unknown",
        username=connection.login or None,
        password=connection.password or None,
        host=connection.host or None,
        port=connection.port,
        database=connection.schema or None,
        query=extras,
    )


def storage_options(connection: Connection) -> dict[str, Any]:
    """Give the fsspec options of a connection to an object store or a file server."""
    extra = connection.extra
    kind = connection.conn_type
    if kind in {"aws", "s3"}:
        region = extra.get("region_name")
        found = {
            "key": connection.login or extra.get("aws_access_key_id"),
            "secret": connection.password or extra.get("aws_secret_access_key"),
            "token": extra.get("aws_session_token"),
            "endpoint_url": extra.get("endpoint_url") or extra.get("host"),
            "client_kwargs": {"region_name": region} if region else None,
        }
    elif kind in {"sftp", "ssh"}:
        found = {
            "host": connection.host,
            "port": connection.port,
            "username": connection.login,
            "password": connection.password,
            "key_filename": extra.get("key_file"),
        }
    elif kind in {"wasb", "adls", "azure_data_lake"}:
        found = {"account_name": connection.login, "account_key": connection.password}
        found |= {"connection_string": extra.get("connection_string"), "sas_token": extra.get("sas_token")}
    elif kind == "google_cloud_platform":
        found = {"token": extra.get("keyfile_dict") or extra.get("key_path"), "project": extra.get("project")}
    else:
        found = {}
    return {name: value for name, value in found.items() if value}


def storage_place(connection: Connection) -> str:
    """Give the address that a connection itself names; empty when it names none."""
    extra = connection.extra
    bucket = connection.schema or extra.get("bucket_name") or extra.get("bucket") or ""
    if connection.conn_type in {"aws", "s3"} and bucket:
        return f"s3://{bucket}"
    if connection.conn_type == "google_cloud_platform" and bucket:
        return f"gs://{bucket}"
    if connection.conn_type in {"fs", "file"}:
        return str(extra.get("path") or "")
    return ""
