"""Finds fields in JSON records by their path, and says when a field that the settings name is in none of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC
from typing import Any

from plugins.settings import ConsentSettings
from plugins.settings_file import nearest
from plugins.stores.consent_rows import TIMES, Page, mapping
from plugins.stores.records import StoreProblem

_ABSENT = object()
_NEEDED = ("subject", "purpose", "kind", "granted_at")


def field_of(record: Any, path: str, absent: Any = None) -> Any:
    """Give the field at a path such as ``person.id``, or ``absent``; a field of that very name goes first."""
    if isinstance(record, dict) and path in record:
        return record[path]
    for name in path.split("."):
        if not isinstance(record, dict) or name not in record:
            return absent
        record = record[name]
    return record


class FieldsSeen:
    """Reads records of one registry, and remembers which of the mapped fields were in any of them.

    JSON has no header: a misspelt name looks like a value that nobody has. Without one of the fields that every consent
    needs the registry is refused; without another the quarantine says so.
    """

    def __init__(self, registry: ConsentSettings) -> None:
        self._registry, self._names = registry, mapping(registry.columns)
        self._seen: set[str] = set()
        self._known: set[str] = set()
        self._records = 0

    def read(self, record: Any) -> tuple[Sequence[Any] | None, str]:
        """Give the values of a record in the order of the mapping, and what is wrong with it as a whole."""
        if not isinstance(record, dict):
            return None, "is no JSON object"
        self._records += 1
        if self._records == 1:
            self._known = set(map(str, record))
        values = [field_of(record, path, _ABSENT) for path in self._names.values()]
        self._seen |= {ours for ours, value in zip(self._names, values, strict=True) if value is not _ABSENT}
        return [None if value is _ABSENT or isinstance(value, dict | list) else value for value in values], ""

    def check(self) -> Iterator[Page]:
        """Look at the names at the end: give a page of one flaw for each optional field that was in no record.

        Raises:
            StoreProblem: a field that every consent needs was in no record.
        """
        for ours, theirs in self._names.items() if self._records else ():
            if ours in self._seen:
                continue
            said = f"no record has `{theirs}`, which `columns.{ours}` names{nearest(theirs, self._known)}"
            if ours in _NEEDED:
                raise StoreProblem(self._registry.name, said)
            yield Page([0], {name: [None] for name in self._names}, dict.fromkeys(TIMES, UTC), {0: said})
