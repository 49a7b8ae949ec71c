"""Asks every store and database of a run how it is guarded; gives the evidence table ``safeguards``."""

from __future__ import annotations

import hashlib
import logging
from collections import Counter
from collections.abc import Iterator

import pandas as pd

from expectations.columns import SAFEGUARDS
from plugins.run import Run
from plugins.settings import DatabaseSettings, StoreSettings
from plugins.stores.credentials import database_url, storage
from plugins.stores.database import Database
from plugins.stores.guards import Guard, bucket_guards, database_guards, folder_guards
from plugins.stores.records import StoreProblem

log = logging.getLogger(__name__)


def guards_of(run: Run) -> dict[str, pd.DataFrame]:
    """Give what was answered, by store; a store that cannot be asked at all is left out, and said so."""
    shared = _shared_passwords(run)
    tables = {}
    for holding in run.holdings:
        try:
            found = list(_database(run, holding) if isinstance(holding, DatabaseSettings) else _store(run, holding))
        except (StoreProblem, OSError, ValueError) as problem:
            log.warning("how %s is guarded could not be asked (%s)", holding.name, type(problem).__name__)
            continue
        if holding.name in shared:
            found.append(Guard("password_of_its_own", "no" if shared[holding.name] else "yes"))
        rows = [(holding.name, guard.check, guard.holds, guard.detail or None) for guard in found]
        tables[holding.name] = pd.DataFrame(rows, columns=SAFEGUARDS.names)
    return tables


def _store(run: Run, holding: StoreSettings) -> Iterator[Guard]:
    url, options = storage(holding.url, holding.options, holding.conn_id, holding.name, run.settings.folder)
    if "://" not in url or url.startswith("file://"):
        yield from folder_guards(url.removeprefix("file://"))
    elif url.startswith(("s3://", "s3a://")):
        import fsspec

        fs, root = fsspec.core.url_to_fs(url, **options.reveal(), skip_instance_cache=True)
        yield from bucket_guards(fs, root.split("/", 1)[0])


def _database(run: Run, holding: DatabaseSettings) -> Iterator[Guard]:
    url = database_url(holding.url, holding.conn_id, holding.name, run.settings.folder).reveal()
    database = Database(holding.url, holding.conn_id, holding.name, run.settings.folder)
    yield from database_guards(database, url, [table.table for table in holding.tables])


def _shared_passwords(run: Run) -> dict[str, bool]:
    """Say of each database with a password whether another place has the same; compared by hashes, in memory only."""
    hashes: dict[str, str] = {}
    places: dict[str, tuple[str | None, int | None, str | None]] = {}
    for holding in run.whole.databases:
        try:
            url = database_url(holding.url, holding.conn_id, holding.name, run.settings.folder).reveal()
        except StoreProblem:
            continue
        if url.password:
            hashes[holding.name] = hashlib.sha256(str(url.password).encode()).hexdigest()
            places[holding.name] = (url.host, url.port, url.username)
    # Two databases of one server under one account share its password by nature.
    accounts = Counter(digest for digest, _ in {(hashes[name], places[name]) for name in hashes})
    return {name: accounts[digest] > 1 for name, digest in hashes.items()}
