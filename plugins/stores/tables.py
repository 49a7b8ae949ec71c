"""Facial data in database tables: whom the rows are about, the pictures in or named by them, and stored templates."""

from __future__ import annotations

import io
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, tzinfo
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import numpy as np
from numpy.typing import NDArray

from plugins.keys import Keyring
from plugins.settings import DatabaseSettings, TableSettings
from plugins.stores.arrow_pages import plain
from plugins.stores.cells import to_vector
from plugins.stores.records import MAX_BYTES, StoredObject, StoreProblem
from plugins.stores.subject_columns import merged, subject_batches
from plugins.stores.table_pictures import TablePictures
from plugins.stores.table_rows import TableRows
from plugins.stores.tallies import OWN, Tally, tally_of

if TYPE_CHECKING:
    import pyarrow as pa

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
        self.excluded = 0
        self.listed_at: datetime | None = None
        self.closed = set[str]()

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
        return self._pictures.every()

    def list(self) -> Iterator[StoredObject]:
        """Locate every picture, like ``list_pictures``; at the end, tables that failed are raised.

        Raises:
            StoreProblem: a table could not be read to its end.
        """
        yield from self.list_pictures()
        if self.problems:
            raise StoreProblem(self._rows.settings.name, "; ".join(map(str, self.problems)))

    def read(self, obj: StoredObject, max_bytes: int = MAX_BYTES, *, as_listed: bool = False) -> bytes:
        """Read one picture whole: as it is now, or only if it is still the one that was listed.

        Raises:
            StoreProblem: ``vanished``, ``changed``, ``too_large`` (over ``max_bytes``), ``not_a_file`` or
                ``unreadable``.
        """
        return self._pictures.read(obj, max_bytes, as_listed)

    def open(self, obj: StoredObject) -> BinaryIO:
        """Open one picture; raises what ``read`` does."""
        return io.BytesIO(self.read(obj, as_listed=True))

    def filed(self, obj: StoredObject) -> StoredObject:
        """Give the picture as it is: its row says whose it is."""
        return obj

    # -- people --------------------------------------------------------------------------------------------------------

    def subjects(self) -> Iterator[pa.RecordBatch]:
        """Read whom the rows are about: a row per table, person and kind of data, in the schema of ``SUBJECTS``.

        Of a person with several rows in a table the earliest ``stored_at`` counts, and the latest interaction.
        ``minor`` is what the row says; the age follows from ``born_on``.
        """
        return self._rows.every(self._subjects_of)

    def _subjects_of(self, table: TableSettings) -> Iterator[pa.RecordBatch]:
        found = subject_batches(self._rows, table)
        if self._rows.view(table).key == (table.person_id,):
            return found
        return iter(merged(found).to_batches())

    # -- templates -----------------------------------------------------------------------------------------------------

    def templates(self, dimension: int = TEMPLATE_DIM) -> Iterator[tuple[Sequence[str | None], NDArray[np.float32]]]:
        """Read the templates that this tool's encoder made; those that are none are counted in ``bad_templates``.

        Args:
            dimension: of the encoder's vectors; templates of another length are not its own.

        Yields:
            ``subject_ref`` of the people of n templates (None where one is filed under nobody), and their
            (n, dimension) float32 unit vectors. Biometric data.
        """
        self.bad_templates.clear()
        return self._rows.every(partial(self._templates_of, dimension))

    def _templates_of(
        self, dimension: int, table: TableSettings
    ) -> Iterator[tuple[Sequence[str | None], NDArray[np.float32]]]:
        if not table.template or table.template_encoder != OWN:
            return
        rows = self._rows
        held = rows.field(table, table.template)
        fields = {"person": rows.field(table, table.person_id), "template": held}
        for page in rows.pages(table, fields, [held.is_not(None)], heavy=True):
            refs, vectors = [], []
            people = rows.refs(table, page.cells["person"]).to_pylist()
            for ref, cell in zip(people, plain(page.cells["template"]), strict=True):
                try:
                    vectors.append(to_vector(cell, table.template_encoding, dimension))
                    refs.append(ref)
                except ValueError as error:
                    self.bad_templates[str(error)] += 1
            if refs:
                yield refs, np.stack(vectors)

    # -- totals --------------------------------------------------------------------------------------------------------

    def tallies(self) -> Iterator[Tally]:
        """Have the database count rows and different people, a tally for each table that it can count."""
        return self._rows.every(partial(tally_of, self._rows))
