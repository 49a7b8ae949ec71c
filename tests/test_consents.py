"""Consent registries in databases (the same suite on all three) and in files."""
# ruff: noqa: DTZ001 - columns of databases hold times without a zone

from __future__ import annotations

import logging
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import sqlalchemy as sa

from expectations.columns import CONSENTS
from plugins.settings import ConsentSettings
from plugins.stores import arrow_pages
from plugins.stores.consents import RowProblem, read_consents
from plugins.stores.records import StoreProblem

pytest_plugins = ("tests.databases",)

SHANGHAI = ZoneInfo("Asia/Shanghai")
COLUMNS = {
    "subject": "person_id",
    "purpose": "purpose",
    "kind": "kind",
    "granted_at": "granted_at",
    "withdrawn_at": "withdrawn_at",
    "expires_at": "expires_at",
    "guardian": "by_guardian",
}
BLANK = {"registry": "registry", "bundled": None, "unlimited": None, "notice_version": None, "evidence_link": None}
HEADER = "person_id,purpose,kind,granted_at,withdrawn_at,expires_at,by_guardian\n"


def registry_table(**kinds: Any) -> sa.Table:
    text = sa.String(60)
    columns = {theirs: kinds.get(ours, text) for ours, theirs in COLUMNS.items()}
    return sa.Table(
        "consents",
        sa.MetaData(),
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        *[sa.Column(name, kind) for name, kind in columns.items()],
    )


def row(number: int, **more: Any) -> dict[str, Any]:
    return {
        "id": number,
        "person_id": f"P{number}",
        "purpose": "access_control",
        "kind": "separate",
        "granted_at": "2026-03-01",
        "withdrawn_at": None,
        "expires_at": None,
        "by_guardian": None,
    } | more


@pytest.fixture
def read(keyring, tmp_path):
    def reading(**address: Any) -> tuple[list[dict[str, Any]], list[RowProblem]]:
        settings = ConsentSettings(**{"name": "registry", "columns": COLUMNS} | address)
        table, problems = read_consents([settings], keyring, SHANGHAI, tmp_path)
        assert table.schema == CONSENTS.arrow_schema()
        return table.to_pylist(), problems

    return reading


# -- databases ---------------------------------------------------------------------------------------------------------


def test_a_registry_of_typed_columns_is_read(database, read, keyring):
    table = registry_table(granted_at=sa.DateTime, withdrawn_at=sa.Date, expires_at=sa.DateTime, guardian=sa.Boolean)
    granted = datetime(2026, 3, 1, 9, 30)
    rows = [
        row(1, granted_at=granted, withdrawn_at=date(2026, 5, 1), by_guardian=False),
        row(2, granted_at=granted, expires_at=datetime(2027, 1, 1), by_guardian=True, kind=" Written "),
    ]
    database.fill(table, rows)
    consents, problems = read(url=database.url, table="consents")
    assert not problems
    assert consents == [
        {
            "subject_ref": keyring.pseudonym("person", "P1"),
            "purpose": "access_control",
            "kind": "separate",
            "granted_at": datetime(2026, 3, 1, 1, 30, tzinfo=UTC),
            "withdrawn_at": datetime(2026, 4, 30, 16, tzinfo=UTC),
            "expires_at": None,
            "guardian": False,
            **BLANK,
        },
        {
            "subject_ref": keyring.pseudonym("person", "P2"),
            "purpose": "access_control",
            "kind": "written",
            "granted_at": datetime(2026, 3, 1, 1, 30, tzinfo=UTC),
            "withdrawn_at": None,
            "expires_at": datetime(2026, 12, 31, 16, tzinfo=UTC),
            "guardian": True,
            **BLANK,
        },
    ]


def test_bad_rows_are_set_aside_with_number_and_reason_and_without_values(database, read):
    bad = [
        row(2, person_id=None),
        row(3, person_id="  "),
        row(4, purpose=None),
        row(5, kind=""),
        row(6, granted_at="SECRET-VALUE"),
        row(7, by_guardian="perhaps"),
    ]
    database.fill(registry_table(), [row(1), *bad, row(8)])
    consents, problems = read(url=database.url, table="consents")
    assert len(consents) == 2
    assert problems == [
        RowProblem("registry", 2, "subject is missing"),
        RowProblem("registry", 3, "subject is missing"),
        RowProblem("registry", 4, "purpose is missing"),
        RowProblem("registry", 5, "kind is missing"),
        RowProblem("registry", 6, "granted_at is no time"),
        RowProblem("registry", 7, "guardian is neither yes nor no"),
    ]


@pytest.mark.parametrize(
    ("text", "hour"),
    [
        pytest.param("2026-03-01", 16, id="a day"),
        pytest.param("2026/03/01", 16, id="with slashes"),
        pytest.param("20260301", 16, id="without anything"),
        pytest.param("2026-03-01 00:00", 16, id="minutes"),
        pytest.param("2026-03-01T00:00:00.000", 16, id="milliseconds"),
        pytest.param("2026-02-28T16:00:00Z", 16, id="Zulu"),
        pytest.param("2026-03-01 01:00:00+09:00", 16, id="an offset"),
        pytest.param("1772294400", 16, id="seconds since 1970"),
        pytest.param("1772294400000", 16, id="milliseconds since 1970"),
    ],
)
def test_usual_spellings_of_times_are_understood(database, read, text, hour):
    database.fill(registry_table(), [row(1, granted_at=text)])
    [consent], _ = read(url=database.url, table="consents")
    assert consent["granted_at"] == datetime(2026, 2, 28, hour, tzinfo=UTC)


@pytest.mark.parametrize("said", ["1", "true", "T", "Yes", "y", "是"])
def test_usual_spellings_of_yes_are_understood(database, read, said):
    database.fill(registry_table(), [row(1, by_guardian=said)])
    assert read(url=database.url, table="consents")[0][0]["guardian"] is True


@pytest.mark.parametrize("said", ["0", "false", "F", "No", "n", "否", "", None])
def test_usual_spellings_of_no_are_understood(database, read, said):
    database.fill(registry_table(), [row(1, by_guardian=said)])
    assert read(url=database.url, table="consents")[0][0]["guardian"] is False


def test_a_registry_without_a_guardian_column_tells_guardians_by_the_kind(database, read):
    database.fill(registry_table(), [row(1), row(2, kind="guardian")])
    columns = {k: v for k, v in COLUMNS.items() if k != "guardian"}
    consents, _ = read(url=database.url, table="consents", columns=columns)
    assert [c["guardian"] for c in consents] == [False, True]


def test_a_registry_without_a_primary_key_is_read_to_its_end(database, read):
    table = registry_table()
    keyless = sa.Table("consents", sa.MetaData(), *[sa.Column(c.name, c.type) for c in table.c])
    database.fill(keyless, [row(n, granted_at="never" if n == 9 else "2026-03-01") for n in range(1, 3_001)])
    consents, problems = read(url=database.url, table="consents")
    assert len(consents) == 2_999
    assert [problem.reason for problem in problems] == ["granted_at is no time"]


def test_a_dropped_connection_is_taken_up_at_the_page_it_broke(database, read, monkeypatch):
    monkeypatch.setattr(arrow_pages, "PAGE_ROWS", 1_000)
    monkeypatch.setattr("plugins.stores.database.RESTART_SECONDS", (0, 0))
    database.fill(registry_table(), [row(n) for n in range(1, 2_502)])
    broken: list[int] = []
    real = sa.Connection.execute

    def execute(self: sa.Connection, statement: Any, *args: Any, **more: Any) -> Any:
        if "f_subject" in str(statement) and " >= " in str(statement) and not broken:
            broken.append(1)
            raise sa.exc.OperationalError("", {}, Exception("server closed the connection"), None, True)
        return real(self, statement, *args, **more)

    monkeypatch.setattr(sa.Connection, "execute", execute)
    consents, problems = read(url=database.url, table="consents")
    assert (len(consents), problems, broken) == (2_501, [], [1])


def test_a_long_registry_is_read_to_its_end(database, read):
    database.fill(registry_table(), [row(n) for n in range(1, 5_002)])
    consents, problems = read(url=database.url, table="consents")
    assert len({c["subject_ref"] for c in consents}) == 5_001
    assert not problems


@pytest.mark.parametrize(
    ("change", "says"),
    [
        pytest.param({"table": "consent"}, "no table `consent`; did you mean `consents`", id="table"),
        pytest.param({"columns": {**COLUMNS, "kind": "kindd"}}, "no column `kindd`; did you mean `kind`", id="column"),
    ],
)
def test_a_registry_that_cannot_be_read_is_raised_and_not_taken_for_empty(database, read, change, says):
    database.fill(registry_table(), [row(1)])
    with pytest.raises(StoreProblem, match=says):
        read(**{"url": database.url, "table": "consents"} | change)


@pytest.mark.backend
@pytest.mark.parametrize("database", ["postgres"], indirect=True)
def test_postgres_a_consent_without_end_has_no_end(database, read):
    table = registry_table(granted_at=sa.DateTime(timezone=True), expires_at=sa.DateTime(timezone=True))
    database.fill(table, [])
    database.run(
        "INSERT INTO consents (id, person_id, purpose, kind, granted_at, expires_at) "
        "VALUES (1, 'P1', 'p', 'separate', '2026-03-01 08:00+08', 'infinity')"
    )
    [consent], problems = read(url=database.url, table="consents")
    assert consent["granted_at"] == datetime(2026, 3, 1, tzinfo=UTC)
    assert consent["expires_at"] is None
    assert not problems


# -- queries -----------------------------------------------------------------------------------------------------------

QUERY = """
    SELECT person_id AS who, purpose, 'separate' AS kind, granted_at AS given -- a comment: with :colon and 100 %
    FROM consents WHERE purpose <> 'a :b %s' ORDER BY id; """
OF_QUERY = {"subject": "who", "purpose": "purpose", "kind": "kind", "granted_at": "given"}


def test_the_answer_of_a_query_is_read(database, read, keyring):
    database.fill(registry_table(), [row(1, person_id=" P1 "), row(2, purpose=None), row(3, granted_at="never")])
    consents, problems = read(url=database.url, query=QUERY, columns=OF_QUERY)
    assert [c["subject_ref"] for c in consents] == [keyring.pseudonym("person", "P1")]
    assert consents[0]["granted_at"] == datetime(2026, 2, 28, 16, tzinfo=UTC)
    assert problems == [RowProblem("registry", 2, "granted_at is no time")]


@pytest.mark.parametrize(
    ("query", "says"),
    [
        pytest.param("DELETE FROM consents", "cannot be read", id="a change"),
        pytest.param("SELECT 1; DROP TABLE consents", "cannot be read", id="a second statement"),
        pytest.param("SELECT 1) AS x; DROP TABLE consents; --", "cannot be read", id="out of the subquery"),
        pytest.param("SELECT purpose AS whom FROM consents", "has no column `who`", id="another column"),
    ],
)
def test_a_query_can_only_read_and_what_is_none_is_refused(database, read, query, says):
    database.fill(registry_table(), [row(1)])
    with pytest.raises(StoreProblem, match=says) as caught:
        read(url=database.url, query=query, columns=OF_QUERY)
    assert "\n" not in str(caught.value)
    assert len(read(url=database.url, table="consents")[0]) == 1


def test_ids_of_any_type_and_odd_texts_are_read_alike(database, read, keyring):
    table = registry_table(subject=sa.Numeric(12, 2))
    database.fill(table, [row(1, person_id=42), row(2, person_id=7, purpose='a, "b"\n;c', kind="")])
    consents, problems = read(url=database.url, table="consents")
    assert [c["subject_ref"] for c in consents] == [keyring.pseudonym("person", "42")]
    assert problems == [RowProblem("registry", 2, "kind is missing")]
    database.run("UPDATE consents SET kind = 'k' WHERE id = 2")
    assert read(url=database.url, table="consents")[0][1]["purpose"] == 'a, "b"\n;c'


def test_the_registrys_words_are_put_into_ours(database, read):
    rows = [row(1, kind="Wet Ink", purpose="AC-01"), row(2, kind="click"), row(3, kind="written")]
    database.fill(registry_table(), rows)
    words = {"kinds": {"wet ink": "written", "CLICK": "bundled"}, "purposes": {"AC-01": "door"}}
    consents, _ = read(url=database.url, table="consents", **words)
    assert [c["kind"] for c in consents] == ["written", "bundled", "written"]
    assert [c["purpose"] for c in consents] == ["door", "access_control", "access_control"]


def test_marks_and_notices_are_read_and_links_are_kept_encrypted(database, read, keyring):
    link = "https://dms.example.org/anna-schmidt.pdf"
    marks = {"expires_at": "2026-01-01", "withdrawn_at": "yes", "by_guardian": "v3"}
    database.fill(registry_table(), [row(1, granted_at=link, **marks), row(2, granted_at=None)])
    columns = {"subject": "person_id", "purpose": "purpose", "kind": "kind", "granted_at": "expires_at"}
    more = {"unlimited": "withdrawn_at", "notice_version": "by_guardian", "evidence_link": "granted_at"}
    consents, _ = read(url=database.url, table="consents", columns={**columns, "granted_at": "expires_at", **more})
    assert (consents[0]["unlimited"], consents[0]["notice_version"]) == (True, "v3")
    assert keyring.untoken(consents[0]["evidence_link"]) == link
    assert "anna" not in str(consents[0])
    assert (consents[1]["unlimited"], consents[1]["evidence_link"]) == (None, None)


@pytest.mark.backend
@pytest.mark.parametrize("database", ["mariadb"], indirect=True)
def test_mariadb_timestamps_of_a_query_are_utc_and_datetimes_local(database, read):
    database.fill(registry_table(granted_at=sa.TIMESTAMP, expires_at=sa.DateTime), [])
    database.run(
        "SET time_zone = '+00:00'; ".strip("; "),
        "INSERT INTO consents (id, person_id, purpose, kind, granted_at, expires_at) "
        "VALUES (1, 'P1', 'p', 'separate', '2026-03-01 08:00', '2027-03-01 08:00')",
    )
    columns = {**OF_QUERY, "subject": "person_id", "granted_at": "granted_at", "expires_at": "expires_at"}
    [consent], _ = read(url=database.url, query="SELECT * FROM consents", columns=columns)
    assert consent["granted_at"] == datetime(2026, 3, 1, 8, tzinfo=UTC)
    assert consent["expires_at"] == datetime(2027, 3, 1, 0, tzinfo=UTC)


@pytest.mark.backend
@pytest.mark.parametrize("database", ["postgres"], indirect=True)
def test_postgres_ids_of_bytes_are_read_as_the_text_they_spell(database, read, keyring):
    database.fill(registry_table(subject=sa.LargeBinary), [row(1, person_id=b"P1")])
    [consent], _ = read(url=database.url, table="consents")
    assert consent["subject_ref"] == keyring.pseudonym("person", "P1")


# -- files -------------------------------------------------------------------------------------------------------------


def test_a_csv_file_is_read_with_the_row_numbers_of_a_spreadsheet(read, tmp_path, keyring):
    (tmp_path / "consents.csv").write_text(
        HEADER
        + 'P1,"access_control",separate,2026-03-01,,,no\n'
        + "P2,access_control,separate,31.02.2026,,,no\n"
        + "P3,access_control\n"
        + "\n"
        + "P4,access_control,separate,2026-03-01,,,no\n",
        encoding="utf-8",
    )
    consents, problems = read(path="./consents.csv")
    assert [c["subject_ref"] for c in consents] == [keyring.pseudonym("person", p) for p in ("P1", "P4")]
    assert problems == [
        RowProblem("registry", 3, "granted_at is no time"),
        RowProblem("registry", 4, "has 2 fields where the header has 7"),
    ]


def test_a_csv_file_as_excel_saves_it_is_read(read, tmp_path):
    text = HEADER.replace(",", ";") + "P1;access_control;separate;2026-03-01;;;no\r\n"
    (tmp_path / "consents.csv").write_bytes(b"\xef\xbb\xbf" + text.encode())
    assert len(read(path="consents.csv")[0]) == 1


def test_a_parquet_file_is_read(read, tmp_path, keyring):
    at = datetime(2026, 3, 1, 9, 30)
    content = {
        "person_id": [1.0, None],
        "purpose": ["p", "p"],
        "kind": ["separate", "separate"],
        "granted_at": [at, at],
        "withdrawn_at": pa.array([at.replace(tzinfo=UTC), None], pa.timestamp("ns", "UTC")),
        "expires_at": [date(2027, 1, 1), None],
        "by_guardian": [True, False],
    }
    pq.write_table(pa.table(content), tmp_path / "consents.parquet")
    [consent], problems = read(path="./consents.parquet")
    assert consent["subject_ref"] == keyring.pseudonym("person", "1")
    assert consent["granted_at"] == datetime(2026, 3, 1, 1, 30, tzinfo=UTC)
    assert consent["withdrawn_at"] == at.replace(tzinfo=UTC)
    assert consent["expires_at"] == datetime(2026, 12, 31, 16, tzinfo=UTC)
    assert consent["guardian"] is True
    assert problems == [RowProblem("registry", 2, "subject is missing")]


def test_a_file_of_json_lines_is_read_with_its_line_numbers(read, tmp_path, keyring):
    lines = [
        '{"person_id": 42, "purpose": "p", "kind": "separate", "granted_at": "2026-03-01", "by_guardian": true}',
        "",
        '{"person_id": "P2", "purpose": "p", "kind": "separate", "granted_at": 1772294400, "withdrawn_at": null}',
        "SECRET no json",
        '["SECRET"]',
        '{"person_id": "P3", "purpose": "p", "kind": "separate", "granted_at": "SECRET", "expires_at": null}',
    ]
    (tmp_path / "consents.jsonl").write_text("\n".join(lines), encoding="utf-8")
    consents, problems = read(path="consents.jsonl")
    assert [c["subject_ref"] for c in consents] == [keyring.pseudonym("person", p) for p in ("42", "P2")]
    assert [c["guardian"] for c in consents] == [True, False]
    assert {c["granted_at"] for c in consents} == {datetime(2026, 2, 28, 16, tzinfo=UTC)}
    assert [(p.row_number, p.reason) for p in problems] == [
        (4, "is no JSON object"),
        (5, "is no JSON object"),
        (6, "granted_at is no time"),
    ]


def test_a_sheet_of_xlsx_is_read_with_the_row_numbers_it_shows(read, tmp_path, keyring):
    book = openpyxl.Workbook()
    book.active.append(["nothing here"])
    sheet = book.create_sheet("Consents")
    sheet.append([*COLUMNS.values(), "remarks"])
    sheet.append([42, "p", "separate", datetime(2026, 3, 1, 9, 30), None, date(2027, 1, 1), True, "x"])
    sheet.append([])
    sheet.append(["P2", "p", "separate", "SECRET", None, None, "no"])
    sheet.append(["P3", "p", "written", "2026-03-01"])
    book.save(tmp_path / "consents.xlsx")
    consents, problems = read(path="consents.xlsx", sheet="Consents")
    assert [c["subject_ref"] for c in consents] == [keyring.pseudonym("person", p) for p in ("42", "P3")]
    assert consents[0]["granted_at"] == datetime(2026, 3, 1, 1, 30, tzinfo=UTC)
    assert consents[0]["expires_at"] == datetime(2026, 12, 31, 16, tzinfo=UTC)
    assert problems == [RowProblem("registry", 4, "granted_at is no time")]
    with pytest.raises(StoreProblem, match="has no sheet `Other`; there are Sheet, Consents"):
        read(path="consents.xlsx", sheet="Other")
    with pytest.raises(StoreProblem, match="has no column `person_id`"):
        read(path="consents.xlsx")


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        pytest.param("none.csv", None, "there is nothing at its url", id="missing"),
        pytest.param("x.csv", "编号,用途\n".encode("gb18030"), "not text in UTF-8", id="not UTF-8"),
        pytest.param("x.csv", b"", "has no column `person_id`", id="empty"),
        pytest.param("x.csv", b"personid,purpose\n", "did you mean `personid`", id="misspelt"),
        pytest.param("x.parquet", b"no parquet", "not Parquet", id="not Parquet"),
        pytest.param("x.jsonl", '{"编号": 1}'.encode("gb18030"), "not text in UTF-8", id="JSON not in UTF-8"),
        pytest.param("x.jsonl", b'{"personid": 1}', "no record has `person_id`", id="JSON without the field"),
    ],
)
def test_a_file_that_cannot_be_read_is_raised_in_one_line(read, tmp_path: Path, name, content, says):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(StoreProblem, match=says) as caught:
        read(path=f"./{name}")
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith("registry: ")


def test_no_registry_gives_an_empty_table(keyring, tmp_path):
    table, problems = read_consents([], keyring, SHANGHAI, tmp_path)
    assert table.num_rows == 0
    assert table.schema == CONSENTS.arrow_schema()
    assert problems == []


def test_several_registries_with_ids_of_their_own_are_put_together(keyring, tmp_path):
    (tmp_path / "a.csv").write_text(HEADER + "1,p,separate,2026-03-01,,,no\n")
    staff = ConsentSettings(name="staff", path="a.csv", id_namespace="staff", columns=COLUMNS)
    guests = ConsentSettings(name="guests", path="a.csv", id_namespace="guest", columns=COLUMNS)
    table, _ = read_consents([staff, guests], keyring, SHANGHAI, tmp_path)
    wanted = [keyring.pseudonym("staff", "1"), keyring.pseudonym("guest", "1")]
    assert table["subject_ref"].to_pylist() == wanted


def test_values_and_passwords_never_show(read, tmp_path, caplog):
    caplog.set_level(logging.DEBUG)
    (tmp_path / "x.csv").write_text(HEADER + "SECRET-ID,SECRET-PURPOSE,separate,SECRET-TIME,,,SECRET-FLAG\n")
    _, problems = read(path="x.csv")
    assert problems
    with pytest.raises(StoreProblem) as caught:
        read(url="postgresql://clerk:SECRET-PASSWORD@127.0.0.1:1/x", table="consents")
    assert "SECRET" not in str(problems) + repr(caught.value) + caplog.text
