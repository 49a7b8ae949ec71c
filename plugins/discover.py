"""Finds facial data in databases: reads catalogues and samples, classifies every column, applies the settings' word."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote

from detectors.columns import ColumnClass, Judged, classify
from plugins.settings import DatabaseSettings, Settings
from plugins.settings_file import nearest
from plugins.stores.catalogue import Catalogue
from plugins.stores.credentials import database_url
from plugins.stores.database import Database
from plugins.stores.records import StoreProblem

# How every SQLite file begins (sqlite.org/fileformat, 1.3).
_SQLITE = b"SQLite format 3\0"

Begin = Callable[[int], Callable[[int], None]]
"""Told a total, gives the function to call with each number of things done."""


@dataclass(frozen=True, slots=True)
class Target:
    """One database to look through.

    Attributes:
        url: SQLAlchemy URL or path of a SQLite file; may hold a password.
        conn_id: an Airflow connection instead.
        base: folder that relative paths start from.
        name: what it is called in the settings; empty when it comes from the command line.
        classes: what the settings say of columns: ``table.column`` or ``schema.table.column``, and its class.
    """

    url: str | None = field(repr=False)
    conn_id: str | None = None
    base: Path = field(default=Path(), repr=False)
    name: str = ""
    classes: Mapping[str, ColumnClass] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Finding:
    """What one column was found to be."""

    database: str
    schema: str
    table: str
    column: str
    found: ColumnClass
    confidence: float
    because: str

    def as_dict(self) -> dict[str, str | float]:
        """Give the finding under the names of the command line's contract."""
        return {
            "database": self.database,
            "schema": self.schema,
            "table": self.table,
            "column": self.column,
            "class": str(self.found),
            "confidence": self.confidence,
            "because": self.because,
        }


@dataclass(slots=True)
class Outcome:
    """Everything that was found.

    Attributes:
        findings: one for every column that could be listed.
        problems: what could not be read, each in one line.
        unopened: databases that could not be opened at all.
    """

    findings: list[Finding] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    unopened: int = 0


def targets_of(addresses: Iterable[str]) -> list[Target]:
    """Make targets of addresses from the command line; a plain path is taken for a SQLite file."""
    return [Target(_address(text), base=Path.cwd()) for text in addresses]


def _address(text: str) -> str:
    if "://" in text or "${" in text:
        return text
    return f"sqlite:///{Path(text).expanduser().absolute()}"


def targets_in(settings: Settings) -> list[Target]:
    """Make targets of the databases that the settings name."""
    return [target_of(held, settings) for held in settings.databases]


def target_of(held: DatabaseSettings, settings: Settings) -> Target:
    """Make a target of one of the databases of the settings."""
    return Target(held.url, held.conn_id, settings.folder, held.name, dict(held.column_classes))


def discover(
    targets: Sequence[Target], begin: Begin, say: Callable[[str], None], schemas: Sequence[str] = ()
) -> Outcome:
    """Classify every column of databases; a database or table that fails is told, and the next one follows.

    Args:
        targets: the databases.
        begin: counts tables for the person who waits.
        say: takes each problem, one line.
        schemas: only these; all of the user's when empty.
    """
    outcome = Outcome()
    for number, target in enumerate(targets, start=1):
        try:
            problems = _one(target, target.name or f"database {number}", begin, schemas, outcome)
        except StoreProblem as problem:
            outcome.unopened += 1
            problems = [str(problem)]
        for line in problems:
            say(line)
        outcome.problems += problems
    return outcome


def _one(target: Target, name: str, begin: Begin, schemas: Sequence[str], outcome: Outcome) -> list[str]:
    called = database_name(target, name)
    database = Database(target.url, target.conn_id, name, target.base)
    if not target.name:
        database.name = called
    catalogue = Catalogue(database, schemas)
    names = catalogue.tables()
    tick = begin(len(names))
    tables = []
    for facts in catalogue.read(names):
        tables.append(facts)
        tick(1)
    judged = classify(called, tables)
    findings, unused = _overridden([_finding(called, one) for one in judged], target.classes)
    outcome.findings += findings
    return [*_once(map(str, catalogue.problems)), *unused_lines(database.name, unused, findings)]


def _once(lines: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(" ".join(line.split()) for line in lines))


def database_name(target: Target, where: str) -> str:
    """Name a database as findings do: the file's stem for SQLite, else the database's own name.

    Raises:
        StoreProblem: the address cannot be used.
    """
    url = database_url(target.url, target.conn_id, where, target.base).reveal()
    if url.get_backend_name() == "sqlite":
        return _checked(Path(unquote((url.database or "").removeprefix("file:"))), where).stem
    return url.database or target.name or where


def _checked(path: Path, where: str) -> Path:
    with path.open("rb") as stream:
        if stream.read(len(_SQLITE)) not in {_SQLITE, b""}:
            raise StoreProblem(where, f"{path.name!r} is no SQLite database, or an encrypted one; name another file")
    return path


def _finding(database: str, judged: Judged) -> Finding:
    verdict = judged.verdict
    return Finding(
        database,
        _spelt(judged.table.schema),
        _spelt(judged.table.name),
        _spelt(judged.column.name),
        verdict.found,
        verdict.confidence,
        verdict.because,
    )


def _spelt(name: str) -> str:
    """Spell out bytes of a name that are no text: SQLite takes them, JSON does not."""
    return name.encode("utf-8", "backslashreplace").decode()


def _overridden(findings: Sequence[Finding], classes: Mapping[str, ColumnClass]) -> tuple[list[Finding], list[str]]:
    """Put the settings' word in the place of what was found; give the keys that no column answers to."""
    used: set[str] = set()

    def said(finding: Finding) -> Finding:
        for key in keys_of(finding):
            if key in classes:
                used.add(key)
                reason = f"the settings say so (found: {finding.found}, {finding.confidence:.2f})"
                return Finding(*_place(finding), classes[key], 1.0, reason)
        return finding

    return [said(finding) for finding in findings], [key for key in classes if key not in used]


def _place(finding: Finding) -> tuple[str, str, str, str]:
    return finding.database, finding.schema, finding.table, finding.column


def keys_of(finding: Finding) -> tuple[str, str]:
    """Give the keys that the settings may call a column by, the longer first."""
    short = f"{finding.table}.{finding.column}"
    return f"{finding.schema}.{short}", short


def unused_lines(name: str, unused: Iterable[str], findings: Sequence[Finding]) -> Iterator[str]:
    """Say which of the settings' words found no column, with the nearest one."""
    for key in unused:
        known = {keys_of(finding)[key.count(".") < 2] for finding in findings}
        yield f"{name}: column_classes names {key!r}, and there is no such column{nearest(key, known)}"
