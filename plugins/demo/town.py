"""Builds the town under one folder: settings, stores, databases, and the truth about what was planted."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from detectors.encoder import ENCODER_KEY
from detectors.models import models_folder
from plugins.demo.databases import write_access, write_registry
from plugins.demo.frames import PlantedFace, take_pictures
from plugins.demo.people import ON_CAMERA, PURPOSE, Consent, Person, make_people
from plugins.demo.settings_text import SETTINGS
from plugins.demo.shots import Shot, clocked_name, plan_shots
from plugins.demo.truth import (
    Planted,
    count_consents,
    count_overdue_people,
    count_overdue_pictures,
    crossing_day,
    filing_due,
)
from plugins.pool import Tick, run_jobs, worker_count

DEMO_DAY = date(2026, 10, 20)
"""The day of the demo: the filing for the 10,001st person still runs, across the Chinese holidays of October."""

VERSION = 4
"""Goes up when the town of the same seed and day changes, so that an older one is not taken for it."""

STAMP = ".town.json"
_MADE = ("tomorrow.json", "stores", "access.db", "registry.db", "planted.json", "facewarden.yaml", STAMP)
_DOCUMENT = b"%PDF-1.7\n1 0 obj << /Type /Catalog >> endobj\ntrailer << /Root 1 0 R >>\n%%EOF\n"


@dataclass(frozen=True, slots=True)
class Town:
    """A finished town.

    Attributes:
        folder: where it stands.
        settings: its settings file.
        as_of: the day it is made for.
        planted: what a correct scan finds; stores by their names in the settings.
        database: the database's name in the settings.
        purpose: what the database's people are asked to consent to.
    """

    folder: Path
    settings: Path
    as_of: date
    planted: Planted
    database: str = "access-control"
    purpose: str = PURPOSE


@dataclass(frozen=True, slots=True)
class Taken:
    """A picture that was made, and the faces in it."""

    shot: Shot
    faces: tuple[PlantedFace, ...]


def build_town(
    folder: Path,
    pictures: Path,
    as_of: date = DEMO_DAY,
    *,
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> Town:
    """Build the town, or take the one that stands there when it is the same; one half built is built anew.

    The same seed and day give the same bytes in every picture and row.

    Args:
        folder: everything goes under it; what else lies there is left alone.
        pictures: folder of the sample pictures, see ``detectors.pictures``.
        as_of: the day the town is made for; the Chinese working-day calendar must know the weeks after it.
        seed: of everything drawn by lot.
        progress: called with pictures made and pictures wanted.

    Raises:
        PictureMissing: a sample picture is absent or another one.
        NotImplementedError: the Chinese working-day calendar does not know the year.
    """
    stamp = json.dumps({"version": VERSION, "seed": seed, "as_of": as_of.isoformat(), "encoder": _encoder_in_use()})
    if (standing := _standing(folder, as_of, stamp)) is not None:
        return standing
    _clear(folder)
    people, consents = make_people(as_of, seed)
    write_access(folder / "access.db", people, pictures, seed)
    write_registry(folder / "registry.db", consents)
    taken = _take_all(folder, pictures, plan_shots(as_of, seed), progress)
    spoilt = _spoil(folder, taken)
    planted = _count(people, consents, taken, spoilt, as_of)
    (folder / "facewarden.yaml").write_text(SETTINGS, encoding="utf-8")
    _write_truth(folder / "planted.json", as_of, planted, taken, spoilt)
    aside = folder / f"{STAMP}.part"
    aside.write_text(stamp, encoding="utf-8")
    aside.replace(folder / STAMP)
    return Town(folder, folder / "facewarden.yaml", as_of, planted)


def _encoder_in_use() -> str:
    """Name the encoder that the three real templates are made with; empty when no models are installed."""
    return ENCODER_KEY if any(models_folder().glob("*.onnx")) else ""


def _standing(folder: Path, as_of: date, stamp: str) -> Town | None:
    """Give the town that stands in the folder when it is finished and the one wanted."""
    written = folder / STAMP
    if not written.is_file() or written.read_text(encoding="utf-8") != stamp:
        return None
    if not all((folder / name).exists() for name in _MADE[1:]):
        return None
    truth = json.loads((folder / "planted.json").read_text(encoding="utf-8"))
    return Town(folder, folder / "facewarden.yaml", as_of, Planted(**truth["counts"]))


def _clear(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name in reversed(_MADE):  # the stamp first: whatever happens now, this is no finished town
        path = folder / name
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


@dataclass(frozen=True, slots=True)
class _Job:
    camera: str
    shots: list[Shot]
    pictures: Path
    folder: Path


def _take(job: _Job, tick: Tick) -> list[list[PlantedFace]]:
    return take_pictures(job.camera, job.shots, job.pictures, job.folder, tick)


def _take_all(
    folder: Path, pictures: Path, shots: dict[str, list[Shot]], progress: Callable[[int, int], None] | None
) -> list[Taken]:
    """Make all pictures, each camera's in a process of its own."""
    total = sum(len(of_camera) for of_camera in shots.values())
    done = 0

    def tick(count: int) -> None:
        nonlocal done
        done += count
        if progress:
            progress(done, total)

    jobs = [_Job(camera, of_camera, pictures, folder) for camera, of_camera in shots.items()]
    taken: list[Taken] = []
    for job, faces in zip(jobs, run_jobs(_take, jobs, min(worker_count(0), len(jobs)), tick), strict=True):
        taken += [Taken(shot, tuple(found)) for shot, found in zip(job.shots, faces, strict=True)]
    return taken


def _spoil(folder: Path, taken: list[Taken]) -> dict[str, list[str]]:
    """Add what a real store has, too: a JPEG that was cut off, a text called JPEG, and a document."""
    whole = next(t.shot for t in reversed(taken) if "/cam2/" in t.shot.path)
    last = next(t.shot for t in reversed(taken) if "/turnstile/" in t.shot.path)
    late = whole.taken_at + timedelta(minutes=1)
    data = (folder / whole.path).read_bytes()
    files = {
        str(Path(whole.path).with_name(clocked_name("cam2", late))): data[: len(data) * 2 // 5],
        str(Path(last.path).with_name("notes.jpg")): b"Turnstile 2 serviced, left reader replaced.\n" * 20,
        str(Path(whole.path).with_name(clocked_name("cam2", late, "pdf"))): _DOCUMENT,
    }
    for path, content in files.items():
        (folder / path).write_bytes(content)
        os.utime(folder / path, (late.timestamp(),) * 2)
    cut, text, document = files
    return {"quarantined": [cut, text], "unsupported": [document]}


def _count(
    people: list[Person], consents: list[Consent], taken: list[Taken], spoilt: dict[str, list[str]], as_of: date
) -> Planted:
    crossed_on = crossing_day(people)
    overdue = count_overdue_pictures((t.shot for t in taken), as_of)
    kept = {store: [t for t in taken if t.shot.store == store] for store in overdue}
    extra = [Path(path).parts[1] for paths in spoilt.values() for path in paths]
    return Planted(
        objects={store: len(of_store) + extra.count(store) for store, of_store in kept.items()},
        faces={store: sum(len(t.faces) for t in of_store) for store, of_store in kept.items()},
        frames_with_faces={store: sum(bool(t.faces) for t in of_store) for store, of_store in kept.items()},
        retention_overdue=overdue,
        overdue_people=count_overdue_people(people, as_of),
        quarantined=len(spoilt["quarantined"]),
        unsupported=len(spoilt["unsupported"]),
        consent=count_consents(people, consents, as_of),
        enrolled=len(people),
        on_camera=len({face.person for t in taken for face in t.faces}),
        people=len({p.person_id for p in people} | set(ON_CAMERA)),
        database_photos=len(ON_CAMERA),
        crossing_day=crossed_on.isoformat(),
        filing_due=filing_due(crossed_on).isoformat(),
    )


def _write_truth(path: Path, as_of: date, planted: Planted, taken: list[Taken], spoilt: dict[str, list[str]]) -> None:
    frames = [
        {"path": t.shot.path, "taken_at": t.shot.taken_at.isoformat(), "faces": [asdict(face) for face in t.faces]}
        for t in taken
    ]
    truth: dict[str, Any] = {"as_of": as_of.isoformat(), "counts": planted.as_dict(), **spoilt}
    truth |= {"on_camera": ON_CAMERA, "frames": frames}
    path.write_text(json.dumps(truth, indent=1), encoding="utf-8")
