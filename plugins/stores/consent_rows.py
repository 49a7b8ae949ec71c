"""Turns pages of a consent registry, as they come, into consents; rows that are not believed are set aside."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import tzinfo
from typing import TYPE_CHECKING

from expectations.columns import CONSENTS
from plugins.keys import Keyring
from plugins.settings import ConsentColumns, ConsentSettings
from plugins.settings_file import nearest
from plugins.stores.cell_columns import Cells, Flaws, flags, people, renamed, times
from plugins.stores.records import StoreProblem

if TYPE_CHECKING:
    import pyarrow as pa

PAGE_ROWS = 50_000
TIMES = ("granted_at", "withdrawn_at", "expires_at")
_NEEDED = ("subject", "purpose", "kind")
_FLAGS = ("guardian", "bundled", "unlimited")
_GUARDIAN = "guardian"


@dataclass(frozen=True, slots=True)
class RowProblem:
    """One row of a registry that is not believed; the reason never holds a value of it.

    ``row_number`` counts as a spreadsheet shows a CSV or XLSX file (the header is row 1) and as an editor shows the
    lines of a JSON Lines file. In a Parquet file, the answers of an API, a query, or a database table in the order of
    its primary key, the first row is 1. Row 0 stands for the registry as a whole.
    """

    source: str
    row_number: int
    reason: str


@dataclass(frozen=True, eq=False, repr=False)
class Page:
    """Some rows of a registry. Holds personal data: never printed.

    Attributes:
        numbers: (N,) number of each row.
        columns: N cells each, by our names.
        zones: the clock of times that come without a zone, by our names.
        flaws: what is wrong with the row at a position as a whole.
    """

    numbers: Sequence[int]
    columns: Mapping[str, Cells]
    zones: Mapping[str, tzinfo]
    flaws: Mapping[int, str]


def mapping(columns: ConsentColumns) -> dict[str, str]:
    """Give our name and theirs for each column that the settings name."""
    return {name: str(column) for name, column in columns if column}


def check_columns(registry: ConsentSettings, known: Sequence[str]) -> None:
    """Refuse a registry that lacks a column which the settings name.

    Raises:
        StoreProblem: names the column and the nearest there is.
    """
    for ours, theirs in mapping(registry.columns).items():
        if theirs not in known:
            raise StoreProblem(
                registry.name, f"has no column `{theirs}`, which `columns.{ours}` names{nearest(theirs, known)}"
            )


def believed(registry: ConsentSettings, page: Page, keyring: Keyring, problems: list[RowProblem]) -> pa.RecordBatch:
    """Read the consents of a page in the schema of ``CONSENTS``; rows that are set aside are added to ``problems``."""
    import pyarrow as pa
    import pyarrow.compute as pc

    cells, flaws = page.columns, dict(page.flaws)
    texts = {name: people(cells[name]) for name in _NEEDED}
    for name in _NEEDED:
        _note(flaws, {int(at): f"{name} is missing" for at in pc.indices_nonzero(texts[name].is_null()).to_numpy()})
    read: dict[str, pa.Array] = {}
    for name in TIMES:
        read[name] = _times(page, name, flaws)
    for name in _FLAGS:
        read[name] = _flags(page, name, flaws)
    problems += [RowProblem(registry.name, page.numbers[at], flaws[at]) for at in sorted(flaws)]
    kind = renamed(pc.utf8_lower(texts["kind"]), {word.lower(): ours for word, ours in registry.kinds.items()})
    whole = {
        **read,
        "purpose": renamed(texts["purpose"], registry.purposes),
        "kind": kind,
        "guardian": pc.coalesce(read["guardian"], pc.equal(kind, _GUARDIAN)),
        "notice_version": people(cells.get("notice_version") or pa.nulls(len(kind), pa.string())),
        "evidence_link": people(cells.get("evidence_link") or pa.nulls(len(kind), pa.string())),
        "registry": pa.repeat(registry.name, len(kind)),
        "subject_ref": texts["subject"],
    }
    schema = CONSENTS.arrow_schema()
    batch = pa.RecordBatch.from_arrays([whole[name] for name in schema.names], names=schema.names)
    if flaws:
        kept = [at not in flaws for at in range(len(page.numbers))]
        batch = batch.filter(pa.array(kept))
    return _hidden(batch, registry, keyring).cast(schema)


def pseudonym_column(ids: pa.Array, namespace: str, keyring: Keyring) -> pa.Array:
    """Give the pseudonyms of a column of ids without nulls as a string array."""
    import numpy as np
    import pyarrow as pa

    digits = keyring.pseudonyms(namespace, ids.cast(pa.binary()).to_pylist())
    offsets = np.arange(len(ids) + 1, dtype=np.int32) * 32
    return pa.StringArray.from_buffers(len(ids), pa.py_buffer(offsets), pa.py_buffer(digits))


def _hidden(batch: pa.RecordBatch, registry: ConsentSettings, keyring: Keyring) -> pa.RecordBatch:
    """Put pseudonyms in the place of ids, and tokens in that of links, which may name people."""
    import pyarrow as pa

    refs = pseudonym_column(batch["subject_ref"], registry.id_namespace, keyring)
    batch = batch.set_column(batch.schema.get_field_index("subject_ref"), "subject_ref", refs)
    if registry.columns.evidence_link:
        links = [keyring.token(link) if link else None for link in batch["evidence_link"].to_pylist()]
        at = batch.schema.get_field_index("evidence_link")
        batch = batch.set_column(at, "evidence_link", pa.array(links, pa.string()))
    return batch


def _times(page: Page, name: str, flaws: Flaws) -> pa.Array:
    import pyarrow as pa

    if name not in page.columns:
        return pa.nulls(len(page.numbers), pa.timestamp("us", "UTC"))
    read, wrong = times(page.columns[name], page.zones[name])
    _note(flaws, {at: f"{name} {why}" for at, why in wrong.items()})
    return read


def _flags(page: Page, name: str, flaws: Flaws) -> pa.Array:
    import pyarrow as pa

    if name not in page.columns:
        return pa.nulls(len(page.numbers), pa.bool_())
    read, wrong = flags(page.columns[name])
    _note(flaws, {at: f"{name} {why}" for at, why in wrong.items()})
    return read


def _note(flaws: Flaws, more: Flaws) -> None:
    """Add flaws; of several in one row the first counts."""
    for at, why in more.items():
        flaws.setdefault(at, why)
