"""Writes the rows of objects that a plan leaves unopened: gone, or left out."""

from __future__ import annotations

from typing import Any

import pandas as pd

from expectations.columns import OBJECTS
from plugins.run import Run
from plugins.stores.records import StoredObject

_ROWS_A_FILE = 50_000


class Noted:
    """Writes rows of one store's objects that were not opened, some thousands at a time."""

    def __init__(self, run: Run, store: str, dry: bool) -> None:
        self._run, self._store, self._dry = run, store, dry
        self._rows: list[dict[str, Any]] = []
        self._files: list[str] = []

    def add(self, found: StoredObject, *, status: str, reason: str | None = None) -> None:
        """Note how an object ended."""
        if not self._dry:
            gone_on = self._run.request.as_of if status == "gone" else None
            self._rows.append(object_row(found, self._run.detector_key, status=status, reason=reason, gone_on=gone_on))
        if len(self._rows) == _ROWS_A_FILE:
            self._write()

    def close(self) -> list[str]:
        """Write the rest; give the paths of all files."""
        if self._rows:
            self._write()
        return self._files

    def _write(self) -> None:
        frame = pd.DataFrame(self._rows, columns=OBJECTS.names)
        name = f"{self._run.request.run_id}-noted" + (f"-{len(self._files)}" if self._files else "")
        day = self._run.request.as_of
        self._files.append(self._run.evidence.write_table("objects", frame, self._store, day, name))
        self._rows = []


def object_row(found: StoredObject, detector_key: str, *, status: str, **more: Any) -> dict[str, Any]:
    """Give the row of one object for the evidence; what is not given is none."""
    given = {
        "store": found.store,
        "uri": found.uri,
        "version": found.version,
        "size_bytes": found.size_bytes,
        "subject_ref": found.subject_ref,
        "status": status,
        "faces": 0,
        "detector_key": detector_key,
    }
    return dict.fromkeys(OBJECTS.names) | given | more
