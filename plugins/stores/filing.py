"""Whom the pictures of a store are filed under, where a list of all of them says so, or a file beside each."""

from __future__ import annotations

import hashlib
import json
import posixpath
from collections.abc import Iterable, Mapping
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

from plugins.settings_file import nearest
from plugins.stores.cells import to_person
from plugins.stores.json_fields import field_of
from plugins.stores.listing import Found
from plugins.stores.records import StoreProblem

if TYPE_CHECKING:
    import pandas as pd

    from plugins.settings import ManifestSettings, SidecarSettings, StoreSettings

SIDECAR_BYTES = 2**20
"""A sidecar is a few lines; what is larger is another thing."""


def mark_of(ref: str) -> str:
    """Give what changes when a picture is filed under somebody else: part of its version."""
    return hashlib.blake2b(ref.encode(), digest_size=4).hexdigest()


def read_manifest(settings: StoreSettings, manifest: ManifestSettings, base: Path) -> dict[str, str]:
    """Read which picture is whose: path below the store's root to the id of the person.

    A file that is listed under two people is left out: nobody can say whose it is.

    Raises:
        StoreProblem: the list cannot be read, or lacks a column.
    """
    from plugins.settings import resolve

    where, address = f"{settings.name}/subject_manifest", resolve(manifest.path, base)
    try:
        table = _table(address, settings)
    except Exception as error:  # the boundary of one file: readers raise what they like, and may quote its lines
        raise StoreProblem(where, f"cannot be read as CSV, JSON Lines or Parquet ({type(error).__name__})") from None
    for ours, theirs in (("file", manifest.file), ("subject", manifest.subject)):
        if theirs not in table.columns:
            raise StoreProblem(where, f"has no column `{theirs}`, which `{ours}` names{nearest(theirs, table.columns)}")
    filed: dict[str, str | None] = {}
    for name, value in zip(table[manifest.file], table[manifest.subject], strict=True):
        person, place = to_person(value), posixpath.normpath(str(name).strip()).lstrip("/")
        if person:
            filed[place] = person if filed.setdefault(place, person) == person else None
    return {place: person for place, person in filed.items() if person}


def _table(address: str, settings: StoreSettings) -> pd.DataFrame:
    import fsspec
    import pandas as pd

    of_store = "://" in address and address.split("://")[0] == (settings.url or "").split("://")[0]
    with fsspec.open(address, "rb", **(settings.options if of_store else {})) as file:
        data = BytesIO(file.read())
    kind = address.lower().rsplit(".", 1)[-1]
    if kind in {"jsonl", "ndjson"}:
        return pd.DataFrame([json.loads(line) for line in data.read().decode("utf-8-sig").splitlines() if line.strip()])
    if kind == "parquet":
        return pd.read_parquet(data)
    return pd.read_csv(data, dtype=str, keep_default_na=False, encoding="utf-8-sig")


class Sidecars:
    """The files of a store that say beside each picture whose it is."""

    def __init__(self, settings: SidecarSettings, found: Iterable[Found]) -> None:
        self._suffix = settings.suffix
        self._versions: Mapping[str, str] = {f.path: f.version for f in found if f.path.endswith(settings.suffix)}

    def __contains__(self, path: str) -> bool:
        return path in self._versions

    def of(self, path: str) -> tuple[str, str] | None:
        """Give path and version of a picture's sidecar: ``a.jpg.json`` goes before ``a.json``; None without one."""
        for candidate in (path + self._suffix, posixpath.splitext(path)[0] + self._suffix):
            if candidate in self._versions:
                return candidate, self._versions[candidate]
        return None


def person_in(sidecar: bytes, field: str) -> str | None:
    """Read the person's id out of a sidecar; None where it is no JSON, too large, or names nobody."""
    if len(sidecar) > SIDECAR_BYTES:
        return None
    try:
        value = field_of(json.loads(sidecar), field)
    except (ValueError, RecursionError):
        return None
    return None if isinstance(value, dict | list | bool) else to_person(value)
