"""Writes the town's two databases: access control with templates and a few photos, and the consent registry."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from datetime import datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from detectors.errors import ModelMissing
from plugins.demo.people import ON_CAMERA, Consent, Person
from plugins.demo.portraits import enrolment_photo
from plugins.demo.templates import strangers

_PEOPLE = """CREATE TABLE people (
    person_id TEXT PRIMARY KEY, birth_date DATE NOT NULL, enrolled_at DATETIME NOT NULL, last_seen_at DATETIME NOT NULL,
    template BLOB, photo BLOB)"""
_CONSENTS = """CREATE TABLE consents (
    person_id TEXT NOT NULL, purpose TEXT NOT NULL, kind TEXT NOT NULL, granted_at DATETIME NOT NULL,
    withdrawn_at DATETIME, expires_at DATETIME, by_guardian INTEGER NOT NULL)"""


def write_access(path: Path, people: list[Person], pictures: Path, seed: int) -> None:
    """Write the access-control database; who is on camera has a photo and, with the encoder installed, a real template.

    Raises:
        PictureMissing: a portrait is absent or another picture.
    """
    photos = {person_id: enrolment_photo(name, pictures) for person_id, name in ON_CAMERA.items()}
    templates: dict[str, bytes | None] = {}
    for person, vector in zip(people, strangers(len(people), seed), strict=True):
        templates[person.person_id] = vector.tobytes()
    templates |= dict(zip(photos, _templates_of(list(photos.values())), strict=True))
    rows = [
        (i := p.person_id, p.born_on.isoformat(), str(p.enrolled_at), str(p.last_seen_at), templates[i], photos.get(i))
        for p in people
    ]
    _write(path, _PEOPLE, "INSERT INTO people VALUES (?, ?, ?, ?, ?, ?)", rows)


def write_registry(path: Path, consents: list[Consent]) -> None:
    """Write the consent registry."""
    rows = [
        (
            c.person_id,
            c.purpose,
            c.kind,
            str(c.granted_at),
            _text(c.withdrawn_at),
            _text(c.expires_at),
            int(c.by_guardian),
        )
        for c in consents
    ]
    _write(path, _CONSENTS, "INSERT INTO consents VALUES (?, ?, ?, ?, ?, ?, ?)", rows)


def _templates_of(photos: list[bytes]) -> list[bytes | None]:
    """Encode photos with this tool's own encoder; nothing when its models are not installed."""
    from detectors.look import Looker

    try:
        with Looker() as looker:
            looks = [looker.look(photo) for photo in photos]
    except ModelMissing:
        return [None] * len(photos)
    return [_as_blob(max(look.faces, key=lambda seen: seen.face.score).vector) for look in looks]


def _as_blob(vector: NDArray[np.float32]) -> bytes:
    return vector.astype("<f4").tobytes()


def _text(at: datetime | None) -> str | None:
    return str(at) if at else None


def _write(path: Path, table: str, insert: str, rows: Sequence[tuple[object, ...]]) -> None:
    path.unlink(missing_ok=True)
    with closing(sqlite3.connect(path)) as database, database:
        database.execute(table)
        database.executemany(insert, rows)
