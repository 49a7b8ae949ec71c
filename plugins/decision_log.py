"""The decision log: what people decided, attested and filed, in a SQL database; append-only, and it shows tampering.

A row holds its content as JSON, the hash of the row before it and its own: SHA-256 over the former and the content.
Whoever changes, removes or inserts a row breaks the chain from there on. A chain that was written anew from a row on is
whole in itself; it is held against the last hash that every run writes into its commit, which lies elsewhere.
"""

from __future__ import annotations

import hashlib
import json
import random
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError, OperationalError, ProgrammingError
from sqlalchemy.pool import NullPool

Kind = Literal["decision", "attestation", "filing"]
Head = tuple[int, str]
"""Number and hash of the last row; ``(0, FIRST)`` of an empty log."""

FIRST = "0" * 64
_TRIES = 200
_DAYS = ("on", "until")


class DecisionProblem(Exception):
    """The decision log cannot be opened, or what is to be decided does not exist."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that somebody decided, attested or filed.

    Attributes:
        kind: ``decision`` about findings, ``attestation``, or ``filing``.
        what: of a decision its state, of an attestation its name, of a filing its kind.
        by: role of who did so; never a person's name.
        on: day from which on it counts.
        until: last day it counts; None without end.
        findings: of a decision, ids of the findings.
        policy: of an attestation or filing; empty for all.
        store: of an attestation; empty for the whole controller.
        note: why, in words.
        evidence_link: where the proof is filed.
        facts: of a filing, what was filed.
        at: when it was written, UTC.
    """

    kind: Kind
    what: str
    by: str
    on: date
    at: datetime
    until: date | None = None
    findings: tuple[str, ...] = ()
    policy: str = ""
    store: str = ""
    note: str = ""
    evidence_link: str = ""
    facts: dict[str, Any] = field(default_factory=dict)


class DecisionLog:
    """Reads and appends to the log at a SQLAlchemy URL; opening it makes the table when there is none."""

    def __init__(self, url: sa.URL) -> None:
        waits = {"timeout": 30} if url.get_backend_name() == "sqlite" else {}
        self._engine = sa.create_engine(url, connect_args=waits, poolclass=NullPool, hide_parameters=True)
        self._table = sa.Table(
            "facewarden_decisions",
            sa.MetaData(),
            sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
            sa.Column("content", sa.Text, nullable=False),
            sa.Column("previous", sa.String(64), nullable=False),
            sa.Column("hash", sa.String(64), nullable=False),
        )
        self._made = False
        self._place = url.render_as_string(hide_password=True)

    def append(self, entry: Entry) -> Head:
        """Write one entry behind all others; several writers at once lose nothing.

        Raises:
            DecisionProblem: the database cannot be reached or written.
        """
        content = _to_json(entry)
        for _ in range(_TRIES):
            try:
                if not self._made:
                    self._table.create(self._engine, checkfirst=True)
                    self._made = True
                with self._engine.begin() as connection:
                    number, previous = self._head(connection)
                    row = {"number": number + 1, "content": content, "previous": previous}
                    connection.execute(self._table.insert().values(**row, hash=_hash(previous, content)))
                    return number + 1, _hash(previous, content)
            except (IntegrityError, OperationalError, ProgrammingError) as error:
                # Somebody else wrote the same number, made the table, or holds the database: ours follows theirs.
                last = error
                time.sleep(random.uniform(0.001, 0.05))  # noqa: S311 - only to get out of each other's way
        raise DecisionProblem(f"the decision log {self._place} cannot be written ({type(last.orig).__name__})")

    def head(self) -> Head:
        """Give number and hash of the last row."""
        rows = self._rows()
        return (rows[-1].number, rows[-1].hash) if rows else (0, FIRST)

    def entries(self) -> list[Entry]:
        """Give all entries, oldest first.

        Raises:
            DecisionProblem: the database cannot be reached, or a row holds no entry.
        """
        return [_from_json(row.content, row.number) for row in self._rows()]

    def problems(self, anchors: Iterable[Head] = ()) -> list[str]:
        """Say where the chain is broken; nothing when it is whole.

        Args:
            anchors: heads that were written down elsewhere when they were the last.
        """
        return list(self._problems(anchors))

    def _problems(self, anchors: Iterable[Head]) -> Iterator[str]:
        previous, hashes = FIRST, {0: FIRST}
        for expected, row in enumerate(self._rows(), start=1):
            if row.number != expected:
                yield f"row {expected} is missing: the next one is {row.number}"
                return
            if row.previous != previous:
                yield f"row {row.number} does not follow from the row before it"
                return
            if row.hash != _hash(row.previous, row.content):
                yield f"row {row.number} was changed after it was written"
                return
            previous = hashes[row.number] = row.hash
        for number, digest in anchors:
            if number not in hashes:
                yield f"row {number} is missing at the end: a run has seen it"
                return
            if hashes[number] != digest:
                yield f"row {number} is not the one that a run has seen: the log was written anew from there or before"
                return

    def _head(self, connection: sa.Connection) -> Head:
        columns = (self._table.c.number, self._table.c.hash)
        found = connection.execute(sa.select(*columns).order_by(self._table.c.number.desc()).limit(1)).first()
        return (found.number, found.hash) if found else (0, FIRST)

    def _rows(self) -> Sequence[sa.Row[Any]]:
        file = self._engine.url.database
        if self._engine.url.get_backend_name() == "sqlite" and not Path(str(file)).exists():
            return []  # to connect would make it
        try:
            with self._engine.connect() as connection:
                if not sa.inspect(connection).has_table(self._table.name):
                    return []
                return connection.execute(sa.select(self._table).order_by(self._table.c.number)).all()
        except OperationalError as error:
            raise DecisionProblem(
                f"the decision log {self._place} cannot be read ({type(error.orig).__name__}); is its database there?"
            ) from None


def _hash(previous: str, content: str) -> str:
    return hashlib.sha256(f"{previous}\n{content}".encode()).hexdigest()


def _to_json(entry: Entry) -> str:
    return json.dumps(asdict(entry), sort_keys=True, ensure_ascii=False, default=lambda value: value.isoformat())


def _from_json(content: str, number: int) -> Entry:
    try:
        read = json.loads(content)
        days = {name: date.fromisoformat(read[name]) for name in _DAYS if read[name]}
        return Entry(**{**read, **days, "at": datetime.fromisoformat(read["at"]), "findings": tuple(read["findings"])})
    except (ValueError, KeyError, TypeError):
        raise DecisionProblem(
            f"row {number} of the decision log holds no entry; `facewarden log verify` says where it was changed"
        ) from None
