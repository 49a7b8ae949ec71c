"""Templates in columns of pgvector: found by discovery, and read as what they are."""

from __future__ import annotations

from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from plugins.discover import Target, discover
from plugins.keys import Keyring
from plugins.settings import DatabaseSettings
from plugins.stores.tables import TEMPLATE_DIM, TableStore
from tests.backends.own_postgres import OwnPostgres

pytest_plugins = ("tests.backends.own_postgres",)
pytestmark = pytest.mark.backend

ROWS = 20


def template(seed: int, size: int = TEMPLATE_DIM) -> np.ndarray:
    vector = np.random.default_rng(seed).normal(size=size).astype(np.float32)
    return vector / np.linalg.norm(vector)


def fill(server: OwnPostgres, table: str, more: str, kind: str, size: int) -> None:
    rows = [f"({n}, 'some words', '{template(n, size).tolist()}')" for n in range(ROWS)]
    server.run(
        "CREATE EXTENSION IF NOT EXISTS vector",
        f"CREATE TABLE {table} (person_no int primary key, {more} text, embedding {kind}({size}))",
        f"INSERT INTO {table} VALUES {', '.join(rows)}",
    )


@pytest.mark.parametrize("kind", ["vector", "halfvec"])
def test_vectors_are_templates_where_the_table_is_about_faces(own_postgres: OwnPostgres, kind: str) -> None:
    fill(own_postgres, "face_search", "remark", kind, 512)
    fill(own_postgres, "documents", "content", kind, 512)
    own_postgres.run(f"CREATE TABLE face_empty (face_id int primary key, embedding {kind}(128))")
    outcome = discover([Target(own_postgres.url())], lambda n: lambda k: None, lambda line: None)
    found = {f.table: str(f.found) for f in outcome.findings if f.column == "embedding"}
    assert found == {"face_search": "template", "face_empty": "template", "documents": "other"}
    assert outcome.problems == []


@pytest.mark.parametrize(("kind", "off"), [pytest.param("vector", 1e-6, id="vector"), pytest.param("halfvec", 1e-3)])
def test_own_templates_in_vectors_are_read_as_they_were_made(
    own_postgres: OwnPostgres, tmp_path: Path, kind: str, off: float
) -> None:
    fill(own_postgres, "people", "remark", kind, TEMPLATE_DIM)
    table = {"table": "people", "person_id": "person_no", "template": "embedding", "template_encoding": "json"}
    held = DatabaseSettings(name="access", url=own_postgres.url(), purpose="gate", tables=[table])
    store, keyring = TableStore(held, Keyring(bytes(32)), tmp_path, ZoneInfo("UTC")), Keyring(bytes(32))
    [(refs, vectors)] = list(store.templates())
    assert list(refs) == [keyring.pseudonym("person", n) for n in range(ROWS)]
    np.testing.assert_allclose(vectors, [template(n) for n in range(ROWS)], atol=off)
    [tally] = store.tallies()
    assert (tally.templates, tally.template_people, tally.is_foreign) == (ROWS, ROWS, False)
