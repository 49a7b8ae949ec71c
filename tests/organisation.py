"""A small organisation to scan: two stores of pictures, a database of people, a consent registry."""

from __future__ import annotations

import io
import os
import sqlite3
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
from PIL import Image

from plugins.request import RunRequest

AS_OF = date(2026, 10, 20)


@dataclass(frozen=True)
class Organisation:
    """A folder with facewarden.yaml, two stores, a database and a registry."""

    folder: Path

    @property
    def settings(self) -> Path:
        return self.folder / "facewarden.yaml"

    def request(self, run_id: str = "night-1", as_of: date = AS_OF, **more: object) -> RunRequest:
        return RunRequest(str(self.settings), run_id, as_of, **more)  # type: ignore[arg-type]

    def put(self, name: str, data: bytes, taken: datetime = datetime(2026, 10, 1, 9, tzinfo=UTC)) -> Path:
        path = self.folder / "stores" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        os.utime(path, (taken.timestamp(), taken.timestamp()))
        return path


SETTINGS = """
controller: {name: Test Town, timezone: Asia/Shanghai, contact: dpo@example.org}
policy: cn-draft-2023
scan: {chunk_objects: 4, workers: 1}
coverage_floor: 0.3
stores:
  - {name: gate, url: ./stores/gate, purpose: access_control, zone: gate, retention: {max_days: 10},
     captured_pattern: "%Y%m%dT%H%M%S"}
  - {name: hall, url: ./stores/hall, purpose: security, public_place: true, retention: {max_days: 60}}
databases:
  - name: access
    url: sqlite:///./access.db
    purpose: access_control
    retention: {max_days: 365}
    tables:
      - {table: people, person_id: id, image_blob: photo, template: template, stored_at: enrolled_at,
         last_interaction_at: last_seen, born_on: born}
consents:
  - name: registry
    url: sqlite:///./registry.db
    table: consents
    columns: {subject: id, purpose: purpose, kind: kind, granted_at: granted, withdrawn_at: withdrawn,
              expires_at: expires, guardian: guardian}
"""

# id, born, enrolled, last seen, whether a photo is stored
PEOPLE = [
    ("SECRET-ID-1", "1960-01-01", "2026-01-05", "2026-10-01", True),
    ("SECRET-ID-2", "1961-01-01", "2026-02-05", "2026-10-01", False),
    ("SECRET-ID-3", "1962-01-01", "2025-01-05", "2025-02-01", False),  # overdue
    ("SECRET-ID-4", "2015-01-01", "2026-02-05", "2026-10-01", False),  # a child
]
CONSENTS = [
    ("SECRET-ID-1", "access_control", "separate", "2026-01-05", None, None, 0),
    ("SECRET-ID-2", "access_control", "separate", "2026-02-05", "2026-05-01", None, 0),
    ("SECRET-ID-4", "access_control", "separate", "2026-02-05", None, None, 0),
]


def make_organisation(folder: Path, pictures: Path) -> Organisation:
    """Make six pictures in two stores (two people, a cat, two broken ones) and four people in a database."""
    made = Organisation(folder)
    astronaut = jpeg(Image.open(pictures / "astronaut.png"))
    made.put("gate/cam1_20261001T090000.jpg", astronaut)
    made.put("gate/cam1_20261015T090000.jpg", jpeg(Image.open(pictures / "astronaut.png"), quality=80))
    made.put("gate/cam1_20261016T090000.jpg", jpeg(Image.open(pictures / "chelsea.png")))
    made.put("hall/a.jpg", jpeg(shrunk(Image.open(pictures / "obama.jpg"))))
    made.put("hall/broken.jpg", astronaut[: len(astronaut) // 2])
    made.put("hall/notes.txt", b"no picture")
    write_access(made.folder / "access.db", jpeg(shrunk(Image.open(pictures / "biden.jpg"))))
    write_registry(made.folder / "registry.db")
    made.settings.write_text(SETTINGS, encoding="utf-8")
    return made


def jpeg(image: Image.Image, quality: int = 90) -> bytes:
    out = io.BytesIO()
    image.convert("RGB").save(out, "JPEG", quality=quality)
    return out.getvalue()


def shrunk(image: Image.Image) -> Image.Image:
    image.thumbnail((600, 600))
    return image


def write_access(path: Path, photo: bytes) -> None:
    rng = np.random.default_rng(7)
    with sqlite3.connect(path) as db:
        db.execute("create table people (id text primary key, born, enrolled_at, last_seen, photo blob, template blob)")
        for person, born, enrolled, seen, has_photo in PEOPLE:
            vector = rng.normal(size=128).astype(np.float32)
            template = (vector / np.linalg.norm(vector)).tobytes()
            row = (person, born, enrolled, seen, photo if has_photo else None, template)
            db.execute("insert into people values (?, ?, ?, ?, ?, ?)", row)


def write_registry(path: Path) -> None:
    with sqlite3.connect(path) as db:
        db.execute("create table consents (id, purpose, kind, granted, withdrawn, expires, guardian)")
        db.executemany("insert into consents values (?, ?, ?, ?, ?, ?, ?)", CONSENTS)
