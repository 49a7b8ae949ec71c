"""What is kept of an object and of a face: bytes of evidence, in files of 2,000 rows, and of sealed vectors."""

from __future__ import annotations

import tempfile
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import pandas as pd
from measuring import Figures

from detectors.encoder import ENCODER_KEY
from detectors.look import SeenFace
from detectors.records import Face
from expectations.columns import FACES, OBJECTS
from plugins.evidence import Evidence
from plugins.keys import Keyring
from plugins.noting import object_row
from plugins.scan import face_row
from plugins.stores.records import StoredObject
from plugins.vectors import FaceVectors, VectorStore

ROWS, DAY = 2000, date(2026, 10, 20)


def measure() -> Figures:
    random = np.random.default_rng(0)
    found = [_object(number, random) for number in range(ROWS)]
    objects = [
        object_row(each, "0" * 16, status="scanned", faces=1)
        | {"media_type": "image/jpeg", "captured_at": each.modified_at, "captured_from": "metadata"}
        for each in found
    ]
    vectors = random.normal(size=(ROWS, 128)).astype(np.float32)
    faces = [face_row(each, SeenFace(0, _face(random), vector)) for each, vector in zip(found, vectors, strict=True)]
    with tempfile.TemporaryDirectory() as folder:
        evidence = Evidence(f"{folder}/evidence")
        sizes = {
            name: Path(folder, "evidence", evidence.write_table(name, table, "camera", DAY, "part")).stat().st_size
            for name, table in {
                "objects": pd.DataFrame(objects, columns=OBJECTS.names),
                "faces": pd.DataFrame(faces, columns=FACES.names),
            }.items()
        }
        sealed = VectorStore(f"{folder}/vectors", Keyring.open(Path(folder, "secrets")))
        ids = np.array([face["face_id"] for face in faces], dtype=np.str_)
        sealed.write("part", DAY, FaceVectors(ids, vectors), ENCODER_KEY)
        held = sealed.footprint().size_bytes
    return {
        "kept_object_bytes": sizes["objects"] / ROWS,
        "kept_face_bytes": sizes["faces"] / ROWS,
        "kept_vector_bytes": held / ROWS,
    }


def _object(number: int, random: np.random.Generator) -> StoredObject:
    uri = f"/archive/camera-{number % 20:03d}/2026/10/20/{random.integers(10**9):09d}.jpg"
    size, at_ns = int(random.integers(300_000, 900_000)), 1_792_454_400 * 10**9 + int(random.integers(86_400 * 10**9))
    return StoredObject("camera", uri, f"{size}-{at_ns}", size, datetime.fromtimestamp(at_ns / 1e9, UTC))


def _face(random: np.random.Generator) -> Face:
    box = random.uniform(20, 1000, 4).astype(np.float32)
    return Face(box, random.uniform(20, 1000, (6, 2)).astype(np.float32), 0.9, float(random.uniform(0.3, 1)))
