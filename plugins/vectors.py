"""Face vectors at rest: sealed, apart from the evidence, and only for as long as the settings say."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detectors.encoder import ENCODER_KEY
from plugins.evidence import Evidence
from plugins.keys import Keyring

_FOLDER = "sealed"


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class FaceVectors:
    """Vectors of many faces: ``face_ids`` (N,) and ``values`` (N, D) float32 unit vectors. Biometric data."""

    face_ids: NDArray[np.str_]
    values: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.face_ids)


@dataclass(frozen=True, slots=True)
class VectorFootprint:
    """What is held: files and their bytes, the day of the oldest (YYYY-MM-DD), and the key's public id."""

    files: int
    size_bytes: int
    oldest: str | None
    key_id: str


class VectorStore:
    """Sealed vectors under one URL; each file carries the day it was made in its name, and dies by it."""

    def __init__(self, url: str, keyring: Keyring) -> None:
        self._files = Evidence(url)
        self._keyring = keyring

    def write(self, part: str, made_on: date, vectors: FaceVectors, encoder_key: str) -> None:
        """Seal the vectors of one looked-at part, with the key of the encoder that made them."""
        plain = io.BytesIO()
        np.savez(plain, face_ids=vectors.face_ids, values=vectors.values, encoder=np.array(encoder_key))
        self._files.publish(f"{_FOLDER}/{made_on.isoformat()}_{part}", self._keyring.seal(plain.getvalue()))

    def read(self, encoder_key: str, dimension: int) -> FaceVectors:
        """Open the sealed vectors of one encoder; those of others cannot be compared with them and are left alone.

        Args:
            encoder_key: ``EncoderSpec.key`` of the encoder.
            dimension: how many numbers its vectors have.

        Raises:
            KeyProblem: they were sealed with another secret.
        """
        ids, values = [np.array([], dtype=np.str_)], [np.empty((0, dimension), np.float32)]
        for name in self._files.names(_FOLDER):
            plain = io.BytesIO(self._keyring.unseal(self._files.read_bytes(f"{_FOLDER}/{name}")))
            with np.load(plain, allow_pickle=False) as found:
                if _encoder_of(found) == encoder_key:
                    ids.append(found["face_ids"])
                    values.append(found["values"])
        return FaceVectors(np.concatenate(ids), np.concatenate(values))

    def copy(self, part: str, to: str, ids: Mapping[str, Sequence[str]]) -> None:
        """Seal some vectors of one part again as another one's; they stay as old as they are.

        Args:
            part: whose vectors; nothing happens when they are held no more.
            to: the part that gets them.
            ids: to each face's id those that its vector gets there.
        """
        for name in self._files.names(_FOLDER):
            made_on, _, of = name.partition("_")
            if of != part:
                continue
            plain = io.BytesIO(self._keyring.unseal(self._files.read_bytes(f"{_FOLDER}/{name}")))
            with np.load(plain, allow_pickle=False) as found:
                pairs = [(n, new) for n, old in enumerate(found["face_ids"].tolist()) for new in ids.get(old, ())]
                chosen = np.array([n for n, _ in pairs], np.int64)
                vectors = FaceVectors(np.array([new for _, new in pairs], np.str_), found["values"][chosen])
                self.write(to, date.fromisoformat(made_on), vectors, _encoder_of(found))

    def parts(self) -> set[str]:
        """Name the parts whose vectors are still held."""
        return {name.split("_", 1)[1] for name in self._files.names(_FOLDER)}

    def shred_expired(self, as_of: date, keep_days: int) -> int:
        """Remove the vectors older than ``keep_days``; give how many files went."""
        last = (as_of - timedelta(days=keep_days)).isoformat()
        old = [name for name in self._files.names(_FOLDER) if name.split("_", 1)[0] < last]
        for name in old:
            self._files.remove(f"{_FOLDER}/{name}")
        return len(old)

    def keep_only(self, parts: set[str]) -> None:
        """Remove the vectors of all other parts: they hold no current object, being replaced or gone from a store."""
        self.remove(self.parts() - parts)

    def remove(self, parts: set[str]) -> None:
        """Remove the vectors of some parts."""
        for name in self._files.names(_FOLDER):
            if name.split("_", 1)[1] in parts:
                self._files.remove(f"{_FOLDER}/{name}")

    def footprint(self) -> VectorFootprint:
        """Say what is held."""
        names = self._files.names(_FOLDER)
        return VectorFootprint(
            len(names), self._files.size_bytes(), names[0].split("_", 1)[0] if names else None, self._keyring.key_id
        )


def _encoder_of(found: Mapping[str, NDArray[Any]]) -> str:
    # Parts from before encoders could be chosen say nothing: they are the shipped one's.
    return str(found["encoder"]) if "encoder" in found else ENCODER_KEY
