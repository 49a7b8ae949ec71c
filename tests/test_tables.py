"""The tables of databases, the same suite on SQLite, PostgreSQL and MariaDB."""
# ruff: noqa: DTZ001 - columns of databases hold times without a zone

from __future__ import annotations

import json
import logging
import traceback
import uuid
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import sqlalchemy as sa

from expectations.columns import CONSENTS, SUBJECTS
from expectations.consent import no_grounds, reconcile
from expectations.policy import load_policy
from plugins.evidence import frame_of
from plugins.keys import Keyring
from plugins.settings import DatabaseSettings
from plugins.stores import arrow_pages
from plugins.stores.records import StoreProblem
from plugins.stores.tables import TEMPLATE_DIM, TableStore

pytest_plugins = ("tests.databases",)

SHANGHAI = ZoneInfo("Asia/Shanghai")
PHOTO = b"\xff\xd8\xff\xe0 not a whole picture, but bytes of one"


def people(name: str = "people", **more: Any) -> sa.Table:
    return sa.Table(
        name,
        sa.MetaData(),
        sa.Column("person_id", sa.String(20), primary_key=True),
        sa.Column("photo", sa.LargeBinary),
        sa.Column("template", sa.LargeBinary),
        sa.Column("enrolled_at", sa.DateTime),
        sa.Column("last_seen_at", sa.DateTime),
        sa.Column("birth_date", sa.Date),
        sa.Column("is_child", sa.Boolean),
        sa.Column("changed_at", sa.DateTime),
        *more.values(),
    )


MAPPED = {
    "table": "people",
    "image_blob": "photo",
    "template": "template",
    "stored_at": "enrolled_at",
    "last_interaction_at": "last_seen_at",
    "born_on": "birth_date",
    "minor": "is_child",
}


def unit(seed: int) -> np.ndarray:
    vector = np.random.default_rng(seed).normal(size=TEMPLATE_DIM).astype(np.float32)
    return vector / np.linalg.norm(vector)


def person(number: int, **more: Any) -> dict[str, Any]:
    return {
        "person_id": f"P{number:05d}",
        "photo": None,
        "template": None,
        "enrolled_at": datetime(2026, 3, 1, 9, 30),
        "last_seen_at": None,
        "birth_date": None,
        "is_child": None,
        "changed_at": None,
    } | more


@pytest.fixture
def open_store(database, keyring, tmp_path, no_pause):
    def opened(*tables: dict[str, Any], **more: Any) -> TableStore:
        given = {"name": "access", "url": database.url, "purpose": "access_control", "tables": list(tables)} | more
        return TableStore(DatabaseSettings(**given), keyring, tmp_path, SHANGHAI, no_pause)

    return opened


def table_of(store: TableStore) -> pa.Table:
    return pa.Table.from_batches(list(store.subjects()), SUBJECTS.arrow_schema())


# -- subjects ----------------------------------------------------------------------------------------------------------


def test_each_kind_of_data_of_a_person_is_one_subject_row(database, open_store, keyring):
    rows = [
        person(1, photo=PHOTO, template=unit(1).tobytes()),
        person(2, template=unit(2).tobytes()),
        person(3),
    ]
    database.fill(people(), rows)
    store = open_store(MAPPED)
    found = table_of(store)
    refs = {keyring.pseudonym("person", f"P{n:05d}"): n for n in (1, 2, 3)}
    seen = sorted(
        (refs[r], c) for r, c in zip(found["subject_ref"].to_pylist(), found["data_class"].to_pylist(), strict=True)
    )
    assert seen == [(1, "image"), (1, "template"), (2, "template"), (3, "attribute")]
    assert found.schema == SUBJECTS.arrow_schema()
    assert set(found["purpose"].to_pylist()) == {"access_control"}
    assert not store.problems
    assert not store.bad_rows


def test_times_without_a_zone_are_read_by_the_controllers_clock(database, open_store):
    born = date(2014, 2, 28)
    database.fill(people(), [person(1, last_seen_at=datetime(2026, 7, 1, 0, 0), birth_date=born, is_child=True)])
    row = table_of(open_store(MAPPED)).to_pylist()[0]
    assert row["stored_at"] == datetime(2026, 3, 1, 1, 30, tzinfo=UTC)
    assert row["last_interaction_at"] == datetime(2026, 6, 30, 16, 0, tzinfo=UTC)
    assert row["born_on"] == born
    assert row["minor"] is True


def test_more_rows_than_a_page_come_once_each(database, open_store, monkeypatch):
    monkeypatch.setattr(arrow_pages, "PAGE_ROWS", 2_000)
    database.fill(people(), [person(n) for n in range(4_321)])
    found = table_of(open_store(MAPPED))
    assert found.num_rows == 4_321
    assert len(set(found["subject_ref"].to_pylist())) == 4_321


def test_exactly_one_full_page_ends(database, open_store, monkeypatch):
    monkeypatch.setattr(arrow_pages, "PAGE_ROWS", 2_000)
    database.fill(people(), [person(n) for n in range(2_000)])
    assert table_of(open_store(MAPPED)).num_rows == 2_000


def test_an_empty_table_holds_nobody(database, open_store):
    database.fill(people(), [])
    assert table_of(open_store(MAPPED)).num_rows == 0


def photos(primary: bool = True) -> sa.Table:
    return sa.Table(
        "photos",
        sa.MetaData(),
        sa.Column("id", sa.Integer, primary_key=primary, autoincrement=False),
        sa.Column("person_id", sa.Integer),
        sa.Column("photo", sa.LargeBinary),
        sa.Column("enrolled_at", sa.DateTime),
    )


def test_a_person_with_several_rows_is_one_subject_stored_since_the_first(database, open_store):
    days = [datetime(2026, 5, 1), datetime(2026, 1, 2), datetime(2026, 9, 3)]
    rows = [{"id": n, "person_id": n % 700, "photo": PHOTO, "enrolled_at": days[n % 3]} for n in range(2_100)]
    database.fill(photos(), rows)
    store = open_store({"table": "photos", "image_blob": "photo", "stored_at": "enrolled_at"})
    found = table_of(store)
    assert found.num_rows == 700
    assert set(found["stored_at"].to_pylist()) == {datetime(2026, 1, 1, 16, 0, tzinfo=UTC)}
    assert len({o.uri for o in store.list()}) == 2_100


def test_two_ids_that_read_the_same_stay_two_rows_and_their_consent_is_ambiguous(database, open_store, keyring):
    database.fill(people(), [person(1, person_id="42"), person(2, person_id=" 42"), person(3, person_id="43")])
    found = table_of(open_store(MAPPED))
    assert found["subject_ref"].to_pylist().count(keyring.pseudonym("person", "42")) == 2
    given = {"subject_ref": found["subject_ref"].unique().to_pylist(), "purpose": "access_control", "kind": "separate"}
    registry = pd.DataFrame(given).assign(guardian=False).reindex(columns=CONSENTS.names)
    policy = load_policy("cn-draft-2023")
    states = reconcile(frame_of(found), registry, no_grounds(), policy, date(2026, 3, 15), "UTC").states
    assert sorted(states["consent_state"]) == ["ambiguous", "consented"]


def test_rows_that_their_key_does_not_tell_apart_are_refused_with_advice(database, open_store):
    rows = [{"id": n, "person_id": 1, "photo": PHOTO, "enrolled_at": None} for n in range(3)]
    database.fill(photos(primary=False), rows)
    store = open_store({"table": "photos", "image_blob": "photo"})
    assert table_of(store).num_rows == 0
    assert [p.why for p in store.problems] == [
        "`person_id` does not tell its rows apart; name the columns that do under `key`"
    ]
    by_id = open_store({"table": "photos", "key": "id", "image_blob": "photo"})
    assert len(list(by_id.list())) == 3


def test_a_key_of_several_columns_pages_without_losing_rows(database, open_store):
    table = sa.Table(
        "visits",
        sa.MetaData(),
        sa.Column("gate", sa.String(10), primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("person_id", sa.Integer),
        sa.Column("photo", sa.LargeBinary),
    )
    rows = [{"gate": f"g{n % 3}", "number": n, "person_id": n, "photo": b"x"} for n in range(5_000)]
    database.fill(table, rows)
    store = open_store({"table": "visits", "key": ["gate", "number"], "image_blob": "photo"})
    assert len({o.uri for o in store.list()}) == 5_000


def test_odd_names_are_quoted_and_no_name_is_ever_code(database, open_store):
    odd = 'per"son; drop table x'
    table = sa.Table(
        "select order",
        sa.MetaData(),
        sa.Column(odd, sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("Grüße", sa.LargeBinary),
    )
    database.fill(table, [{odd: 7, "Grüße": PHOTO}])
    store = open_store({"table": "select order", "person_id": odd, "image_blob": "Grüße"})
    found = next(store.list())
    assert store.read(found) == PHOTO


def test_person_ids_of_databases_of_different_types_meet_in_one_pseudonym(database, open_store, keyring):
    table = sa.Table(
        "people",
        sa.MetaData(),
        sa.Column("n", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("whole", sa.Integer),
        sa.Column("exact", sa.Numeric(10, 2)),
        sa.Column("text", sa.String(10)),
        sa.Column("photo", sa.LargeBinary),
    )
    database.fill(table, [{"n": 1, "whole": 42, "exact": 42, "text": " 42", "photo": b""}])
    for column in ("whole", "exact", "text"):
        store = open_store({"table": "people", "key": "n", "person_id": column, "image_blob": "photo"})
        assert table_of(store)["subject_ref"].to_pylist() == [keyring.pseudonym("person", "42")]


# -- broken rows, tables and connections -------------------------------------------------------------------------------


def test_a_missing_table_ends_only_itself(database, open_store):
    database.fill(people(), [person(1, photo=PHOTO)])
    store = open_store({**MAPPED, "table": "poeple"}, MAPPED)
    assert table_of(store).num_rows == 1
    assert [str(p) for p in store.problems] == ["access/poeple: there is no table `poeple`; did you mean `people`?"]


def test_an_unknown_column_names_the_nearest(database, open_store):
    database.fill(people(), [person(1)])
    store = open_store({**MAPPED, "stored_at": "enroled_at"})
    assert table_of(store).num_rows == 0
    assert [p.why for p in store.problems] == ["has no column `enroled_at`; did you mean `enrolled_at`?"]


def test_list_says_that_a_table_is_missing_so_that_nothing_is_taken_for_gone(database, open_store):
    database.fill(people(), [person(1, photo=PHOTO)])
    listed = open_store(MAPPED, {**MAPPED, "table": "others"}).list()
    assert next(listed).size_bytes == len(PHOTO)
    with pytest.raises(StoreProblem, match="no table `others`"):
        next(listed)


def test_a_row_without_a_person_is_counted_and_the_rest_goes_on(database, open_store):
    rows = [{"id": n, "person_id": n or None, "photo": PHOTO, "enrolled_at": None} for n in range(3)]
    database.fill(photos(), rows)
    store = open_store({"table": "photos", "image_blob": "photo"})
    assert table_of(store).num_rows == 2
    assert dict(store.bad_rows) == {("photos", "person_id is missing"): 1}


def test_rows_with_a_key_of_null_are_counted(database, open_store):
    rows = [{"id": n or None, "person_id": n, "photo": PHOTO, "enrolled_at": None} for n in range(3)]
    table = sa.Table("photos", sa.MetaData(), *[sa.Column(c.name, c.type) for c in photos().c])
    database.fill(table, rows)
    store = open_store({"table": "photos", "key": "id", "image_blob": "photo"})
    assert table_of(store).num_rows == 2
    assert dict(store.bad_rows) == {("photos", "has no key"): 1}


def test_values_that_are_no_times_are_counted_and_read_as_none(database, open_store):
    table = sa.Table(
        "people",
        sa.MetaData(),
        sa.Column("person_id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("photo", sa.LargeBinary),
        sa.Column("since", sa.String(40)),
    )
    times = ["2026-03-01 09:30", "yesterday", "2026-03-01T01:30:00Z", "2026-13-45", "", "1772328600"]
    database.fill(table, [{"person_id": n, "photo": b"", "since": t} for n, t in enumerate(times)])
    store = open_store({"table": "people", "image_blob": "photo", "stored_at": "since"})
    at = datetime(2026, 3, 1, 1, 30, tzinfo=UTC)
    assert table_of(store)["stored_at"].to_pylist() == [at, None, at, None, None, at]
    assert dict(store.bad_rows) == {("people", "since is no time"): 2}


def test_the_database_refuses_every_change(database, open_store):
    database.fill(people(), [person(1)])
    store = open_store(MAPPED)
    with (
        pytest.raises(sa.exc.DBAPIError, match=r"(?i)read.?only"),
        store._rows.database.reading() as connection,
    ):
        connection.exec_driver_sql("DELETE FROM people")
    assert table_of(store).num_rows == 1


def test_a_dropped_connection_is_taken_up_at_the_page_it_broke(database, open_store, monkeypatch):
    monkeypatch.setattr(arrow_pages, "PAGE_ROWS", 2_000)
    database.fill(people(), [person(n) for n in range(4_100)])
    store = open_store(MAPPED)
    broken: list[int] = []
    real = sa.Connection.execute

    def execute(self: sa.Connection, statement: Any, *args: Any, **more: Any) -> Any:
        text = str(statement)
        if "f_person" in text and " >= " in text and not broken:
            broken.append(1)
            raise sa.exc.OperationalError(
                text, {}, Exception("server closed the connection"), connection_invalidated=True
            )
        return real(self, statement, *args, **more)

    monkeypatch.setattr(sa.Connection, "execute", execute)
    assert table_of(store).num_rows == 4_100
    assert broken
    assert not store.problems


def test_a_failing_page_ends_the_table_and_shows_no_value(database, open_store, monkeypatch):
    database.fill(people(), [person(1, photo=PHOTO)])
    store = open_store(MAPPED)
    real = sa.Connection.execute

    def execute(self: sa.Connection, statement: Any, *args: Any, **more: Any) -> Any:
        if "f_person" in str(statement):
            raise sa.exc.DataError("SELECT", {"p": "P00001"}, Exception("invalid value P00001"))
        return real(self, statement, *args, **more)

    monkeypatch.setattr(sa.Connection, "execute", execute)
    assert table_of(store).num_rows == 0
    assert "P00001" not in str(store.problems)


# -- pictures ----------------------------------------------------------------------------------------------------------


def test_pictures_in_rows_are_listed_with_size_time_and_person_and_read_back(database, open_store, keyring):
    database.fill(people(), [person(n, photo=PHOTO + bytes([n])) for n in range(3)] + [person(9)])
    store = open_store(MAPPED)
    listed = list(store.list())
    assert len(listed) == 3
    first = listed[0]
    assert first.uri.startswith("row:access/people/photo/")
    assert "P0000" not in first.uri
    assert first.size_bytes == len(PHOTO) + 1
    assert first.subject_ref == keyring.pseudonym("person", "P00000")
    assert first.row_at == datetime(2026, 3, 1, 1, 30, tzinfo=UTC)
    assert {store.read(o) for o in listed} == {PHOTO + bytes([n]) for n in range(3)}
    assert [o.uri for o in open_store(MAPPED).list()] == [o.uri for o in listed]


def test_the_version_follows_the_time_of_change_when_there_is_one(database, open_store):
    database.fill(people(), [person(1, photo=PHOTO, changed_at=datetime(2026, 4, 1))])
    mapped = {**MAPPED, "updated_at": "changed_at"}
    before = next(open_store(mapped).list())
    database.run("UPDATE people SET changed_at = '2026-04-02 00:00:00'")
    after = next(open_store(mapped).list())
    assert before.version != after.version
    assert after.modified_at == datetime(2026, 4, 1, 16, 0, tzinfo=UTC)


def test_the_version_follows_the_content_when_there_is_no_time_of_change(database, open_store):
    database.fill(people(), [person(1, photo=PHOTO + b"a"), person(2, photo=PHOTO)])
    before = [found.version for found in open_store(MAPPED).list()]
    table = people()
    with database.engine.begin() as connection:
        connection.execute(table.update().where(table.c.person_id == "P00001").values(photo=PHOTO + b"b"))
        connection.execute(table.update().values(last_seen_at=datetime(2026, 5, 1)))
    after = [found.version for found in open_store(MAPPED).list()]
    assert after[0] != before[0], "a picture of the same length"
    assert after[1] == before[1], "another column of its row changed"


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        pytest.param(sa.Uuid, uuid.UUID("12345678-1234-5678-1234-567812345678"), id="uuid"),
        pytest.param(sa.Numeric(10, 2), 12.5, id="decimal"),
        pytest.param(sa.LargeBinary(8), b"\x00\xff\x01", id="bytes"),
        pytest.param(sa.DateTime, datetime(2026, 1, 2, 3, 4, 5), id="time"),
        pytest.param(sa.BigInteger, 2**60, id="large number"),
        pytest.param(sa.String(30), '张三 %\' "x"', id="text"),
    ],
)
def test_a_row_is_found_again_by_its_token_whatever_its_key_is(database, open_store, kind, value):
    if isinstance(kind, sa.LargeBinary):
        kind = sa.LargeBinary(8).with_variant(sa.VARBINARY(8), "mysql", "mariadb")
    table = sa.Table("t", sa.MetaData(), sa.Column("k", kind, primary_key=True), sa.Column("photo", sa.LargeBinary))
    database.fill(table, [{"k": value, "photo": PHOTO}])
    store = open_store({"table": "t", "person_id": "k", "image_blob": "photo"})
    assert store.read(next(store.list())) == PHOTO


def test_what_became_of_a_picture_since_it_was_listed_is_said(database, open_store):
    database.fill(people(), [person(1, photo=PHOTO), person(2, photo=PHOTO)])
    store = open_store(MAPPED)
    first, second = store.list()
    database.run("DELETE FROM people WHERE person_id = 'P00001'", "UPDATE people SET photo = NULL")
    for gone in (first, second):
        with pytest.raises(StoreProblem) as caught:
            store.read(gone)
        assert caught.value.kind == "vanished"


def test_a_giant_is_refused_before_it_leaves_the_server(database, open_store):
    database.fill(people(), [person(1, photo=b"x" * 5_000)])
    store = open_store(MAPPED)
    with pytest.raises(StoreProblem) as caught:
        store.read(next(store.list()), 4_999)
    assert caught.value.kind == "too_large"
    assert len(store.read(next(store.list()), 5_000)) == 5_000


def test_a_token_of_another_secret_is_refused_without_a_trace_of_the_key(database, open_store, tmp_path, no_pause):
    database.fill(people(), [person(1, photo=PHOTO)])
    found = next(open_store(MAPPED).list())
    settings = open_store(MAPPED)._rows.settings
    other = TableStore(settings, Keyring(bytes(32)), tmp_path, SHANGHAI, no_pause)
    with pytest.raises(StoreProblem, match="another secret"):
        other.read(found)


def test_pictures_in_base64_text_are_read(database, open_store):
    table = sa.Table(
        "t",
        sa.MetaData(),
        sa.Column("person_id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("photo", sa.Text),
    )
    import base64

    body = base64.b64encode(PHOTO).decode()
    database.fill(table, [{"person_id": 1, "photo": body}, {"person_id": 2, "photo": f"data:image/jpeg;base64,{body}"}])
    store = open_store({"table": "t", "image_blob": "photo"})
    assert [store.read(o) for o in store.list()] == [PHOTO, PHOTO]


def with_paths() -> sa.Table:
    return sa.Table(
        "badges",
        sa.MetaData(),
        sa.Column("person_id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("file", sa.String(200)),
        sa.Column("since", sa.DateTime),
    )


def test_pictures_named_by_rows_are_found_under_their_root(database, open_store, keyring, tmp_path):
    (tmp_path / "badges" / "a").mkdir(parents=True)
    (tmp_path / "badges" / "a" / "1.jpg").write_bytes(PHOTO)
    (tmp_path / "secret.txt").write_text("x")
    paths = ["a/1.jpg", "a/2.jpg", "../secret.txt", "a", None, ""]
    rows = [{"person_id": n, "file": p, "since": datetime(2026, 3, 1)} for n, p in enumerate(paths)]
    database.fill(with_paths(), rows)
    store = open_store({"table": "badges", "image_path": "file", "image_root": "./badges", "stored_at": "since"})
    listed = list(store.list())
    assert [o.skip for o in listed] == [None, "vanished", "outside", "not_a_file"]
    assert listed[0].uri == str(tmp_path / "badges/a/1.jpg")
    assert listed[0].size_bytes == len(PHOTO)
    assert listed[0].subject_ref == keyring.pseudonym("person", "0")
    assert listed[0].row_at == datetime(2026, 2, 28, 16, 0, tzinfo=UTC)
    assert store.read(listed[0]) == PHOTO


def test_paths_without_a_root_are_taken_from_the_settings_folder_or_as_they_are(database, open_store, tmp_path):
    for name in ("1.jpg", "2.jpg"):
        (tmp_path / name).write_bytes(PHOTO)
    rows = [{"person_id": 1, "file": "1.jpg"}, {"person_id": 2, "file": str(tmp_path / "2.jpg")}]
    database.fill(with_paths(), rows)
    store = open_store({"table": "badges", "image_path": "file"})
    assert [store.read(o) for o in store.list()] == [PHOTO, PHOTO]


def test_a_picture_that_several_rows_name_is_listed_once_under_the_first(database, open_store, tmp_path, keyring):
    (tmp_path / "1.jpg").write_bytes(PHOTO)
    rows = [{"person_id": n, "file": path} for n, path in enumerate(["1.jpg", "./1.jpg", str(tmp_path / "1.jpg")])]
    database.fill(with_paths(), rows)
    store = open_store({"table": "badges", "image_path": "file"})
    for _ in range(2):
        assert [o.subject_ref for o in store.list()] == [keyring.pseudonym("person", "0")]


# -- templates ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("encoding", ["float32", "float64", "json"])
def test_templates_of_own_make_come_as_unit_vectors(database, open_store, keyring, encoding):
    kind = sa.Text if encoding == "json" else sa.LargeBinary
    table = sa.Table(
        "t",
        sa.MetaData(),
        sa.Column("person_id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("v", kind),
    )
    wanted = {n: unit(n) for n in range(5)}

    def stored(vector: np.ndarray) -> Any:
        scaled = 3.0 * vector.astype(np.float64)
        return json.dumps(scaled.tolist()) if encoding == "json" else scaled.astype(encoding).tobytes()

    database.fill(table, [{"person_id": n, "v": stored(v)} for n, v in wanted.items()])
    store = open_store({"table": "t", "template": "v", "template_encoding": encoding})
    [(refs, vectors)] = list(store.templates())
    assert vectors.dtype == np.float32
    assert vectors.shape == (5, TEMPLATE_DIM)
    assert list(refs) == [keyring.pseudonym("person", str(n)) for n in wanted]
    np.testing.assert_allclose(vectors, np.stack(list(wanted.values())), atol=1e-6)


def test_bad_templates_are_counted_by_reason_and_never_raised(database, open_store):
    good = unit(1)
    bad = [
        b"",
        b"abc",
        good[:64].tobytes(),
        np.zeros(TEMPLATE_DIM, np.float32).tobytes(),
        np.full(TEMPLATE_DIM, np.nan, np.float32).tobytes(),
        np.full(TEMPLATE_DIM, np.inf, np.float32).tobytes(),
    ]
    database.fill(people(), [person(n, template=t) for n, t in enumerate([good.tobytes(), *bad])])
    store = open_store(MAPPED)
    [(refs, vectors)] = list(store.templates())
    assert len(refs) == len(vectors) == 1
    assert dict(store.bad_templates) == {"wrong length": 2, "is not float32": 1, "all zeros": 1, "not finite": 2}


def test_templates_have_the_length_of_the_encoder_in_use(database, open_store):
    short, long = np.ones(64, np.float32), unit(1)
    rows = [person(n, template=t.tobytes()) for n, t in enumerate([short, long])]
    database.fill(people(), rows)
    store = open_store(MAPPED)
    [(refs, vectors)] = list(store.templates(64))
    assert (len(refs), vectors.shape, dict(store.bad_templates)) == (1, (1, 64), {"wrong length": 1})


def test_templates_of_other_make_are_only_counted(database, open_store):
    rows = [person(n, template=b"opaque" if n < 3 else None) for n in range(5)]
    database.fill(people(), rows)
    database.fill(people("visitors"), [person(n, template=b"opaque") for n in range(2, 6)])
    store = open_store(
        {**MAPPED, "template_encoder": "acme-v2"}, {**MAPPED, "table": "visitors", "template_encoder": "acme-v2"}
    )
    assert list(store.templates()) == []
    assert [(t.encoder, t.templates, t.template_people, t.is_foreign) for t in store.tallies()] == [
        ("acme-v2", 3, 3, True),
        ("acme-v2", 4, 4, True),
    ]


# -- what only one of the servers has ----------------------------------------------------------------------------------


@pytest.mark.backend
@pytest.mark.parametrize("database", ["postgres"], indirect=True)
def test_postgres_times_with_a_zone_and_without_and_without_end(database, open_store):
    database.run(
        "CREATE TABLE people (person_id uuid PRIMARY KEY, photo bytea, a timestamptz, b timestamp, born date)",
        "INSERT INTO people VALUES (gen_random_uuid(), '', '2026-03-01 01:30+00', 'infinity', '0044-03-15 BC')",
    )
    mapped = {"table": "people", "image_blob": "photo", "stored_at": "a", "last_interaction_at": "b", "born_on": "born"}
    store = open_store(mapped)
    [row] = table_of(store).to_pylist()
    assert row["stored_at"] == datetime(2026, 3, 1, 1, 30, tzinfo=UTC)
    assert row["last_interaction_at"] is None
    assert row["born_on"] is None
    assert dict(store.bad_rows) == {("people", "born is no day"): 1}


@pytest.mark.backend
@pytest.mark.parametrize("database", ["postgres"], indirect=True)
def test_postgres_tables_of_another_schema_and_views_are_read(database, open_store):
    schema = f"{sa.make_url(database.url).query['options'].partition('=')[2]}_b"
    database.run(
        f"CREATE SCHEMA {schema}",
        f"CREATE TABLE {schema}.people (person_id char(8) PRIMARY KEY, photo bytea)",
        f"INSERT INTO {schema}.people VALUES ('ab', '\\x0102')",
        f"CREATE VIEW {schema}.seen AS SELECT * FROM {schema}.people",
    )
    try:
        for table in ("people", "seen"):
            store = open_store({"table": f"{schema}.{table}", "image_blob": "photo"})
            [found] = store.list()
            assert store.read(found) == b"\x01\x02"
    finally:
        database.run(f"DROP SCHEMA {schema} CASCADE")


@pytest.mark.backend
@pytest.mark.parametrize("database", ["postgres"], indirect=True)
def test_postgres_a_connection_that_the_server_ends_is_opened_again(database, open_store, monkeypatch):
    monkeypatch.setattr(arrow_pages, "PAGE_ROWS", 2_000)
    database.fill(people(), [person(n) for n in range(4_100)])
    store = open_store(MAPPED)
    batches = store.subjects()
    next(batches)
    database.run(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE application_name = 'facewarden' AND pid <> pg_backend_pid()"
    )
    assert sum(b.num_rows for b in batches) == 2_100
    assert not store.problems


@pytest.mark.backend
@pytest.mark.parametrize("database", ["mariadb"], indirect=True)
def test_mariadb_timestamps_are_utc_datetimes_local_and_zero_dates_none(database, open_store):
    database.run(
        "SET SESSION time_zone = '+00:00'",
        "SET SESSION sql_mode = ''",
        "CREATE TABLE people (person_id INT PRIMARY KEY, photo BLOB, a TIMESTAMP NULL, b DATETIME, c DATE, d BIT(1))",
        "INSERT INTO people VALUES (1, '', '2026-03-01 01:30:00', '2026-03-01 09:30:00', '0000-00-00', b'1')",
    )
    mapped = {"table": "people", "image_blob": "photo", "stored_at": "a", "last_interaction_at": "b"}
    store = open_store({**mapped, "born_on": "c", "minor": "d"})
    [row] = table_of(store).to_pylist()
    assert row["stored_at"] == row["last_interaction_at"] == datetime(2026, 3, 1, 1, 30, tzinfo=UTC)
    assert row["born_on"] is None
    assert row["minor"] is True
    assert not store.bad_rows


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_sqlite_cells_of_any_type_do_not_lose_their_page(database, keyring, tmp_path):
    database.run(
        "CREATE TABLE people (person_id, photo BLOB, since DATETIME, born DATE)",
        "CREATE UNIQUE INDEX one ON people (person_id)",
        "INSERT INTO people VALUES (1, x'01', 'rubbish', 'x'), (2.5, 'text', 1772328600, 20140228), "
        "('three', x'', '2026-03-01', ''), (x'ff', x'02', x'00', NULL), (CAST(x'ff61' AS TEXT), NULL, NULL, NULL)",
    )
    mapped = {"table": "people", "image_blob": "photo", "stored_at": "since", "born_on": "born"}
    given = {"name": "access", "url": database.url, "purpose": "p", "tables": [mapped]}
    store = TableStore(DatabaseSettings(**given), keyring, tmp_path, SHANGHAI)
    found = table_of(store)
    assert found.num_rows == 5
    assert len(set(found["subject_ref"].to_pylist())) == 5
    assert found["born_on"].to_pylist().count(date(2014, 2, 28)) == 1
    assert dict(store.bad_rows) == {("people", "since is no time"): 2, ("people", "born is no day"): 1}
    assert not store.problems


# -- nothing secret leaks ----------------------------------------------------------------------------------------------


def everything_said(error: BaseException) -> str:
    return "".join(traceback.format_exception(error)) + repr(error) + str(error)


@pytest.mark.parametrize(
    "url",
    [
        pytest.param("postgresql://clerk:pl4nted-s3cret@127.0.0.1:1/x", id="postgres"),
        pytest.param("mariadb://clerk:pl4nted-s3cret@127.0.0.1:1/x", id="mariadb"),
        pytest.param("postgresql://clerk:pl4nted-s3cret@127.0.0.1:x/x", id="a port that is none"),
        pytest.param("oracle://clerk:pl4nted-s3cret@host/x", id="an unsupported database"),
        pytest.param("pl4nted-s3cret", id="no URL at all"),
        pytest.param("sqlite:///pl4nted-s3cret/../none.db", id="a missing file"),
        pytest.param("postgresql://127.0.0.1:1/x?user=clerk&password=pl4nted-s3cret", id="in the query"),
    ],
)
def test_a_password_never_shows(url, keyring, tmp_path, no_pause, caplog):
    caplog.set_level(logging.DEBUG)
    settings = DatabaseSettings(name="access", url=url, purpose="p", tables=[MAPPED])
    store = TableStore(settings, keyring, tmp_path, SHANGHAI, no_pause)
    with pytest.raises(StoreProblem) as caught:
        list(store.list())
    said = (
        everything_said(caught.value) + repr(settings) + str(settings) + repr(store) + str(store.problems) + caplog.text
    )
    assert "pl4nted-s3cret" not in said


@pytest.mark.backend
@pytest.mark.parametrize("database", ["mariadb"], indirect=True)
def test_a_refused_password_never_shows(database, keyring, tmp_path, caplog):
    caplog.set_level(logging.DEBUG)
    url = sa.make_url(database.url).set(username="nobody_here", password="pl4nted-s3cret")
    given = {"name": "access", "url": url.render_as_string(hide_password=False), "purpose": "p", "tables": [MAPPED]}
    store = TableStore(DatabaseSettings(**given), keyring, tmp_path, SHANGHAI)
    assert list(store.subjects()) == []
    assert "Access denied" in str(store.problems)
    assert "pl4nted-s3cret" not in str(store.problems) + repr(store) + caplog.text


def test_people_never_show_in_errors_or_logs(database, open_store, caplog):
    caplog.set_level(logging.DEBUG)
    database.fill(people(), [person(1, photo=PHOTO)])
    store = open_store(MAPPED)
    found = next(store.list())
    broken = replace(found, uri=found.uri[:-4] + "AAAA")
    with pytest.raises(StoreProblem) as caught:
        store.read(broken)
    assert "P00001" not in everything_said(caught.value) + caplog.text


def test_a_database_that_does_not_exist_is_a_problem_of_each_table_only(keyring, tmp_path: Path):
    tables = [MAPPED, {**MAPPED, "table": "visitors"}]
    given = {"name": "access", "url": "sqlite:///none.db", "purpose": "p", "tables": tables}
    store = TableStore(DatabaseSettings(**given), keyring, tmp_path, SHANGHAI)
    assert list(store.subjects()) == []
    assert "no SQLite file" in str(store.problems[0])
