"""Asks how a store is guarded: folders, buckets, databases. Asks only; never tries a door.

What cannot be asked (the right is missing, the server does not know the question) is ``unknown``, never taken for good.
"""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy.engine import URL

from plugins.stores.database import Database

Holds = Literal["yes", "no", "unknown"]

ENTRIES_ASKED = 200_000
"""Files and folders of one store whose rights are looked at."""

_LOCAL = {"", "localhost", "127.0.0.1", "::1"}
_GROUPS = "http://acs.amazonaws.com/groups/global"
_EVERYBODY = (f"{_GROUPS}/AllUsers", f"{_GROUPS}/AuthenticatedUsers")


@dataclass(frozen=True, slots=True)
class Guard:
    """One answer: what was asked (of ``expectations.safeguards.CHECKS``), whether it holds, and counts or names."""

    check: str
    holds: Holds
    detail: str = ""


# -- folders -----------------------------------------------------------------------------------------------------------


def folder_guards(root: str) -> list[Guard]:
    """Ask whether every user of the machine can read or change the files of a folder."""
    if not _entered_by_all(Path(root)):
        return [Guard("not_world_readable", "yes"), Guard("not_world_writable", "yes")]
    readable = writable = seen = 0
    for mode in islice(_modes(root), ENTRIES_ASKED):
        seen += 1
        # A folder is read by listing and entering it; one that is sticky lets nobody remove what others own.
        needed = stat.S_IROTH | (stat.S_IXOTH if stat.S_ISDIR(mode) else 0)
        readable += mode & needed == needed
        writable += bool(mode & stat.S_IWOTH) and not mode & stat.S_ISVTX
    return [
        Guard("not_world_readable", _no_if(readable), f"{readable:,} of {seen:,} asked." if readable else ""),
        Guard("not_world_writable", _no_if(writable), f"{writable:,} of {seen:,} asked." if writable else ""),
    ]


def _entered_by_all(root: Path) -> bool:
    """Say whether every user can come as far as the folder: all folders above let them through."""
    try:
        whole = root.resolve()
        return all(folder.stat().st_mode & stat.S_IXOTH for folder in (whole, *whole.parents))
    except OSError:
        return True


def _modes(root: str) -> Iterator[int]:
    yield Path(root).stat().st_mode
    folders = [root]
    while folders:
        try:
            with os.scandir(folders.pop()) as entries:
                for entry in entries:
                    mode = entry.stat(follow_symlinks=False).st_mode
                    if stat.S_ISDIR(mode):
                        folders.append(entry.path)
                    if not stat.S_ISLNK(mode):  # a link's own rights are never asked
                        yield mode
        except OSError:
            continue  # the listing of the scan says so


def _no_if(number: int) -> Holds:
    return "no" if number else "yes"


# -- buckets -----------------------------------------------------------------------------------------------------------


def bucket_guards(fs: Any, bucket: str) -> list[Guard]:
    """Ask an S3 bucket for its encryption, versions, policy and grants."""

    def ask(method: str) -> Any:
        return fs.call_s3(method, Bucket=bucket)

    return [
        _answer("encrypted_at_rest", lambda: _encrypted(ask)),
        _answer("deletes_for_good", lambda: _deletes(ask)),
        _answer("no_public_access", lambda: _private(ask)),
    ]


def _answer(check: str, ask: Callable[[], tuple[Holds, str]]) -> Guard:
    try:
        return Guard(check, *ask())
    except Exception as error:  # the boundary of one question: servers refuse as they like
        return Guard(check, "unknown", f"It could not be asked: {type(error).__name__}.")


def _encrypted(ask: Callable[[str], Any]) -> tuple[Holds, str]:
    found = _or_none(lambda: ask("get_bucket_encryption"), "ServerSideEncryptionConfigurationNotFound")
    rules = found["ServerSideEncryptionConfiguration"]["Rules"] if found else []
    return ("yes", "") if rules else ("no", "")


def _deletes(ask: Callable[[str], Any]) -> tuple[Holds, str]:
    if ask("get_bucket_versioning").get("Status") != "Enabled":
        return "yes", ""
    found = _or_none(lambda: ask("get_bucket_lifecycle_configuration"), "NoSuchLifecycleConfiguration")
    rules = [rule for rule in (found or {}).get("Rules", []) if rule.get("Status") == "Enabled"]
    days = [r["NoncurrentVersionExpiration"].get("NoncurrentDays") for r in rules if "NoncurrentVersionExpiration" in r]
    if days:
        return "no", f"Older versions are kept for {max(map(int, filter(None, days)), default=0)} days."
    return "no", "Older versions are kept without end."


def _private(ask: Callable[[str], Any]) -> tuple[Holds, str]:
    block = _or_none(lambda: ask("get_public_access_block"), "NoSuchPublicAccessBlockConfiguration")
    settings = (block or {}).get("PublicAccessBlockConfiguration", {})
    if settings.get("IgnorePublicAcls") and settings.get("RestrictPublicBuckets"):
        return "yes", ""
    grants = ask("get_bucket_acl").get("Grants", [])
    if any(grant["Grantee"].get("URI") in _EVERYBODY for grant in grants):
        return "no", "Its access list names everybody."
    found = _or_none(lambda: ask("get_bucket_policy"), "NoSuchBucketPolicy")
    statements = json.loads(found["Policy"])["Statement"] if found else []
    for statement in [statements] if isinstance(statements, dict) else statements:
        if statement["Effect"] == "Allow" and not statement.get("Condition") and _is_everybody(statement["Principal"]):
            return "no", "Its policy allows everybody."
    return "yes", ""


def _is_everybody(principal: Any) -> bool:
    if isinstance(principal, dict):
        principal = principal.get("AWS", [])
    return "*" in ([principal] if isinstance(principal, str) else principal)


def _or_none(ask: Callable[[], Any], missing: str) -> Any:
    """Ask; what the server says does not exist is ``None``."""
    try:
        return ask()
    except Exception as error:
        # s3fs puts words of its own in the place of the server's code, which stands in the cause.
        code = getattr(error.__cause__, "response", {}).get("Error", {}).get("Code", "")
        if missing in f"{code} {error}":
            return None
        raise


# -- databases ---------------------------------------------------------------------------------------------------------


def database_guards(database: Database, url: URL, tables: list[str]) -> list[Guard]:
    """Ask a database about the connection, the password, and who else may read the tables with facial data.

    Args:
        database: opened for reading.
        url: how it is reached.
        tables: names as the settings give them.
    """
    if database.dialect == "sqlite":
        return []
    host = url.host or ""
    guards = []
    if host in _LOCAL or host.startswith("/"):
        guards.append(Guard("encrypted_in_transit", "yes", "It does not leave the machine."))
    else:
        guards.append(_answer("encrypted_in_transit", lambda: database.attempt(_over_tls, database.name)))
    # An empty password that opens the door was sent by this tool itself, by its settings.
    guards.append(Guard("password_asked", "yes" if url.password or host.startswith("/") else "no"))
    guards.append(_answer("not_readable_by_all", lambda: database.attempt(lambda c: _grants(c, tables), database.name)))
    return guards


def _over_tls(connection: sa.Connection) -> tuple[Holds, str]:
    match connection.dialect.name:
        case "postgresql":
            on = connection.exec_driver_sql("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()").scalar()
        case "mysql" | "mariadb":
            row = connection.exec_driver_sql("SHOW SESSION STATUS LIKE 'Ssl_cipher'").first()
            on = bool(row and row[1])
        case other:
            return "unknown", f"Not asked of {other}."
    return ("yes", "") if on else ("no", "")


def _grants(connection: sa.Connection, tables: list[str]) -> tuple[Holds, str]:
    if connection.dialect.name != "postgresql":
        return "unknown", f"Not asked of {connection.dialect.name}."
    query = sa.text("SELECT has_table_privilege('public', to_regclass(:name), 'SELECT')")
    preparer = connection.dialect.identifier_preparer
    spelt = {name: ".".join(preparer.quote_identifier(part) for part in name.split(".")) for name in tables}
    answers = {name: connection.execute(query, {"name": quoted}).scalar() for name, quoted in spelt.items()}
    if any(answer is None for answer in answers.values()):
        return "unknown", "Some tables were not found."
    by_all = sorted(name for name, answer in answers.items() if answer)
    return ("no", f"Tables: {', '.join(by_all)}.") if by_all else ("yes", "")
