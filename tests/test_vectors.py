"""Sealed vectors: those of one encoder are read, those of another never come among them."""

from __future__ import annotations

import io
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from detectors.encoder import ENCODER_KEY
from plugins.evidence import Evidence
from plugins.keys import Keyring
from plugins.vectors import FaceVectors, VectorStore

DAY = date(2026, 10, 20)


@pytest.fixture
def keyring(tmp_path: Path) -> Keyring:
    return Keyring.open(tmp_path)


@pytest.fixture
def store(tmp_path: Path, keyring: Keyring) -> VectorStore:
    return VectorStore(str(tmp_path / "vectors"), keyring)


def faces(prefix: str, count: int, dimension: int) -> FaceVectors:
    values = np.random.default_rng(count).normal(size=(count, dimension)).astype(np.float32)
    return FaceVectors(np.array([f"{prefix}{i}" for i in range(count)], dtype=np.str_), values)


def test_vectors_are_read_by_the_encoder_that_made_them(store: VectorStore) -> None:
    written = {"a-0": faces("a", 3, 64), "a-1": faces("b", 2, 64), "a-2": faces("c", 4, 64), "a-3": faces("d", 1, 128)}
    for (part, vectors), key in zip(written.items(), ("one", "one", "two", ENCODER_KEY), strict=True):
        store.write(part, DAY, vectors, key)
    one, two, shipped = store.read("one", 64), store.read("two", 64), store.read(ENCODER_KEY, 128)
    assert one.face_ids.tolist() == ["a0", "a1", "a2", "b0", "b1"]
    np.testing.assert_array_equal(one.values, np.concatenate([written["a-0"].values, written["a-1"].values]))
    assert two.face_ids.tolist() == ["c0", "c1", "c2", "c3"], "of the same dimension, and yet another encoder"
    assert (shipped.face_ids.tolist(), shipped.values.shape) == (["d0"], (1, 128))
    assert store.parts() == set(written)


def test_an_encoder_without_vectors_has_none_of_its_dimension(store: VectorStore) -> None:
    store.write("a-0", DAY, faces("a", 3, 64), "one")
    none = store.read("other", 512)
    assert (len(none), none.values.shape, none.values.dtype) == (0, (0, 512), np.float32)


def test_parts_from_before_encoders_had_keys_are_the_shipped_ones(
    store: VectorStore, keyring: Keyring, tmp_path: Path
) -> None:
    old, plain = faces("a", 2, 128), io.BytesIO()
    np.savez(plain, face_ids=old.face_ids, values=old.values)
    Evidence(str(tmp_path / "vectors")).publish("sealed/2026-10-19_a-0", keyring.seal(plain.getvalue()))
    np.testing.assert_array_equal(store.read(ENCODER_KEY, 128).values, old.values)
    assert len(store.read("one", 128)) == 0
