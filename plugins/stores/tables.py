"""Facial data in database tables: whom the rows are about, the pictures in or named by them, and stored templates."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import tzinfo
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from expectations.columns import SUBJECTS
from plugins.keys import Keyring
from plugins.settings import DatabaseSettings, TableSettings
from plugins.stores.cells import to_day, to_flag, to_vector
from plugins.stores.database import PAGE_ROWS
from plugins.stores.records import MAX_BYTES, StoredObject, StoreProblem
from plugins.stores.table_pictures import TablePictures
from plugins.stores.table_rows import Row, TableRows

if TYPE_CHECKING:
    import pyarrow as pa

OWN = "own"
# Length of the vectors of the shipped encoder (detectors/encoder.py).
TEMPLATE_DIM = 128


class TableStore:
    """The tables of one database.

    What goes wrong with one table ends that table and stands in ``problems``; what is wrong with one row is counted in
    ``bad_rows`` or ``bad_templates``; the rest goes on.

    Args:
        settings: what the settings file says of the database.
        keyring: makes ids of people into pseudonyms, and keys of rows into tokens.
        base: folder of the settings file.
        timezone: clock of times that stand in rows without a zone.
        pause: sleeps between tries.

    Attributes:
        bad_templates: how many templates of own make ``templates`` left out, by reason.
    """

    def __init__(
        self,
        settings: DatabaseSettings,
        keyring: Keyring,
        base: Path,
        timezone: tzinfo,
        pause: Callable[[float], object] = time.sleep,
    ) -> None:
        self._rows = TableRows(settings, keyring, base, timezone, pause)
        self._pictures = TablePictures(self._rows)
        self.bad_templates: Counter[str] = Counter()

    def __repr__(self) -> str:
        return f"TableStore({self._rows.settings.name!r}, {len(self._rows.settings.tables)} tables)"

    @property
    def problems(self) -> Sequence[StoreProblem]:
        """Tables that could not be read to their end, so far, each once."""
        return self._rows.problems

    @property
    def bad_rows(self) -> Counter[tuple[str, str]]:
        """How many rows of which table had which flaw, so far; the flaw names the column, never the value."""
        return self._rows.bad_rows

    # -- pictures ------------------------------------------------------------------------------------------------------

    def list_pictures(self) -> Iterator[StoredObject]:
        """Locate every picture in or named by a row, opening none; a file that is not there comes with ``skip``.

        A table that fails is noted in ``problems``: look there before taking what is not listed for gone.
        """
        return self._rows.every(self._pictures.of_table)

    def list(self) -> Iterator[StoredObject]:
        """Locate every picture, like ``list_pictures``; at the end, tables that failed are raised.

        Raises:
            StoreProblem: a table could not be read to its end.
        """
        yield from self.list_pictures()
        if self.problems:
            raise StoreProblem(self._rows.settings.name, "; ".join(map(str, self.problems)))

    def read(self, obj: StoredObject, max_bytes: int = MAX_BYTES) -> bytes:
        """Read one picture whole, as it is now.

        Raises:
            StoreProblem: ``vanished``, ``too_large`` (over ``max_bytes``), ``not_a_file`` or ``unreadable``.
        """
        return self._pictures.read(obj, max_bytes)

    # -- people --------------------------------------------------------------------------------------------------------

    def subjects(self) -> Iterator[pa.RecordBatch]:
        """Read whom the rows are about: a row per table, person and kind of data, in the schema of ``SUBJECTS``.

        Of a person with several rows in a table the earliest ``stored_at`` counts, and the latest interaction.
        ``minor`` is what the row says; the age follows from ``born_on``.
        """
        import pyarrow as pa

        schema = SUBJECTS.arrow_schema()
        for rows in self._rows.every(self._subjects_of):
            yield pa.RecordBatch.from_pylist(rows, schema=schema)

    def _subjects_of(self, table: TableSettings) -> Iterator[Sequence[dict[str, Any]]]:
        people: Iterator[dict[str, Any]] = (
            entry for page in self._people(table) for row in page for entry in self._entries(table, row)
        )
        if self._rows.view(table).key != (table.person_id,):
            people = iter(_merged(people))
        while chunk := list(islice(people, PAGE_ROWS)):
            yield chunk

    def _people(self, table: TableSettings) -> Iterator[Iterable[Row]]:
        rows = self._rows
        fields = {
            "f_person": rows.field(table, table.person_id),
            "f_image": _present(rows, table, (table.image_blob, table.image_path)),
            "f_template": _present(rows, table, (table.template,)),
            "f_stored": rows.time_field(table, table.stored_at),
            "f_last": rows.time_field(table, table.last_interaction_at),
            "f_born": rows.time_field(table, table.born_on),
            "f_minor": rows.field(table, table.minor),
        }
        return rows.pages(table, fields)

    def _entries(self, table: TableSettings, row: Row) -> Iterator[dict[str, Any]]:
        rows = self._rows
        ref = rows.ref(table, row.f_person)
        if ref is None:
            rows.note(table, f"{table.person_id} is missing")
            return
        held = {"image": row.f_image, "template": row.f_template}
        said = {
            "store": rows.settings.name,
            "table": table.table,
            "subject_ref": ref,
            "purpose": rows.settings.purpose,
            "stored_at": rows.time(table, table.stored_at, row.f_stored),
            "last_interaction_at": rows.time(table, table.last_interaction_at, row.f_last),
            "born_on": rows.cell(table, table.born_on, row.f_born, to_day),
            "minor": rows.cell(table, table.minor, row.f_minor, to_flag),
        }
        for data_class in [name for name, is_held in held.items() if is_held] or ["attribute"]:
            yield {**said, "data_class": data_class}

    # -- templates -----------------------------------------------------------------------------------------------------

    def templates(self, dimension: int = TEMPLATE_DIM) -> Iterator[tuple[Sequence[str], NDArray[np.float32]]]:
        """Read the templates that this tool's encoder made; those that are none are counted in ``bad_templates``.

        Args:
            dimension: of the encoder's vectors; templates of another length are not its own.

        Yields:
            ``subject_ref`` of n people and their (n, dimension) float32 unit vectors. Biometric data.
        """
        self.bad_templates.clear()
        return self._rows.every(partial(self._templates_of, dimension))

    def _templates_of(
        self, dimension: int, table: TableSettings
    ) -> Iterator[tuple[Sequence[str], NDArray[np.float32]]]:
        if not table.template or table.template_encoder != OWN:
            return
        rows = self._rows
        held = rows.field(table, table.template)
        fields = {"f_person": rows.field(table, table.person_id), "f_template": held}
        for page in rows.pages(table, fields, [held.is_not(None)]):
            refs, vectors = [], []
            for row in page:
                try:
                    vector = to_vector(row.f_template, table.template_encoding, dimension)
                except ValueError as error:
                    self.bad_templates[str(error)] += 1
                    continue
                if ref := rows.ref(table, row.f_person):
                    refs.append(ref)
                    vectors.append(vector)
                else:
                    self.bad_templates[f"{table.person_id} is missing"] += 1
            if refs:
                yield refs, np.stack(vectors)

    def foreign_templates(self) -> dict[str, int]:
        """Count the people with a template of another make, by encoder. They do not join the head-count by face."""
        people: dict[str, set[str]] = {}
        for encoder, ref in self._rows.every(self._foreign_of):
            people.setdefault(encoder, set()).add(ref)
        return {encoder: len(refs) for encoder, refs in sorted(people.items())}

    def _foreign_of(self, table: TableSettings) -> Iterator[tuple[str, str]]:
        if not table.template or table.template_encoder == OWN:
            return
        fields = {"f_person": self._rows.field(table, table.person_id)}
        for page in self._rows.pages(table, fields, [self._rows.field(table, table.template).is_not(None)]):
            for row in page:
                if ref := self._rows.ref(table, row.f_person):
                    yield table.template_encoder, ref


def _present(rows: TableRows, table: TableSettings, names: Iterable[str | None]) -> sa.ColumnElement[bool]:
    given = [rows.field(table, name).is_not(None) for name in names if name]
    return sa.or_(*given) if given else sa.false()


def _merged(entries: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Make one entry of all entries of a person and kind of data."""
    people: dict[tuple[str, str], dict[str, Any]] = {}
    for entry in entries:
        known = people.setdefault((entry["subject_ref"], entry["data_class"]), entry)
        known["stored_at"] = min(_given(known["stored_at"], entry["stored_at"]), default=None)
        last = "last_interaction_at"
        known[last] = max(_given(known[last], entry[last]), default=None)
        known["born_on"] = known["born_on"] or entry["born_on"]
        known["minor"] = entry["minor"] if known["minor"] is None else known["minor"] or bool(entry["minor"])
    return list(people.values())


def _given(*values: Any) -> list[Any]:
    return [value for value in values if value is not None]
