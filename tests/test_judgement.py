"""The judgement: retention, filing clocks, coverage and what one night's findings are, on small hand-made facts."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pandas as pd
import pyarrow as pa
import pytest

from expectations import judgement as judgement_module
from expectations.columns import FINDINGS
from expectations.errors import BadFacts, GateBroken
from expectations.filing import filing_clocks, filing_findings
from expectations.judgement import Facts, Judgement, judge
from expectations.policy import load_policy
from expectations.registration import Frozen
from expectations.retention import retention_clocks
from expectations.suite import COLUMNS

DRAFT, MEASURES = load_policy("cn-draft-2023"), load_policy("cn-measures-2025")
AS_OF = date(2026, 3, 15)


def at(day: str, hour: int = 2) -> datetime:
    return datetime.fromisoformat(day).replace(hour=hour, tzinfo=UTC)


def table(base: dict, rows: list[dict]) -> pd.DataFrame:
    return pd.DataFrame([{**base, **row} for row in rows], columns=list(base))


def objects(*rows: dict) -> pd.DataFrame:
    base = {"store": "cam", "uri": "cam/1.jpg", "captured_at": at("2026-03-10"), "status": "scanned", "faces": 1}
    return table({**base, "subject_ref": None}, list(rows))


def faces(*rows: dict) -> pd.DataFrame:
    return table({"store": "cam", "uri": "cam/1.jpg", "subject_ref": None}, list(rows))


def subjects(*rows: dict) -> pd.DataFrame:
    base = {"store": "db", "table": "people", "subject_ref": "p1", "data_class": "template", "purpose": "door"}
    blank = {"stored_at": at("2025-01-01"), "last_interaction_at": None, "minor": None, "born_on": None}
    return table({**base, **blank}, list(rows))


def consents(*rows: dict) -> pd.DataFrame:
    base = {"subject_ref": "p1", "purpose": "door", "kind": "separate", "granted_at": at("2025-01-01")}
    blank = {"registry": "registry", "bundled": None, "unlimited": None, "withdrawn_at": None, "expires_at": None}
    return table({**base, **blank, "guardian": False}, list(rows))


def census(low: int | None = None, high: int | None = None) -> pd.DataFrame:
    rows = [] if low is None else [{"people_low": low, "people_high": high}, {"scope": "store", "scope_name": "cam"}]
    return table({"scope": "all", "scope_name": "", "people_low": 0, "people_high": 0}, rows)


STORES = pd.DataFrame(
    {
        "store": ["cam", "db"],
        "kind": ["objects", "database"],
        "zone": ["hall", "gates"],
        "public_place": [False, False],
        "purpose": ["door", "door"],
        "owner": ["a", "b"],
        "min_days": [0, 0],
        "max_days": [30, 365],
    }
)
COVERAGE = pd.DataFrame(
    {
        "store": ["cam"],
        "seen": [100],
        "scanned": [60],
        "unchanged": [35],
        "unsupported": [3],
        "quarantined": [1],
        "skipped": [1],
    }
)
ATTESTED = pd.DataFrame(
    {
        "policy": "",
        "name": ["impact_assessment", "device_test", "sign_and_necessity", "confidentiality"],
        "store": "",
        "attested_on": date(2025, 12, 1),
        "valid_until": None,
    }
)
QUIET = Facts(
    objects=objects(),
    faces=faces(),
    subjects=subjects(),
    consents=consents(),
    census=census(5, 9),
    coverage=COVERAGE,
    stores=STORES,
    attested=ATTESTED,
)


def rules_of(judged: Judgement) -> list[str]:
    return judged.findings["rule"].tolist()


def test_a_night_without_anything_held_finds_nothing() -> None:
    judged = judge(QUIET, DRAFT, AS_OF)
    assert rules_of(judged) == []
    assert (judged.verdict, judged.threshold, judged.rule, judged.filing) == ("below", 10_000, "cn-draft-2023", [])
    assert [check["check"] for check in judged.checks] == [*list(COLUMNS)[:-2], "coverage", "head-count"]
    assert all(check["success"] for check in judged.checks)


def test_findings_have_the_columns_and_types_of_the_evidence_table() -> None:
    facts = replace(
        QUIET, subjects=subjects({}), objects=objects({"captured_at": at("2026-01-01")}), census=census(10_002, 10_009)
    )
    judged = judge(facts, DRAFT, AS_OF)
    written = pa.Table.from_pandas(judged.findings, schema=FINDINGS.arrow_schema(), preserve_index=False)
    assert written["rule"].to_pylist() == [
        "no_recorded_ground",
        "threshold_filing",
        "retention_overdue",
        "retention_overdue",
    ]
    for column in FINDINGS.columns:
        assert column.optional or written[column.name].null_count == 0, column.name
    assert judged.findings["finding_id"].is_unique


@pytest.mark.parametrize(
    ("taken", "overdue"),
    [
        pytest.param(at("2026-02-13"), None, id="last day of the period"),
        pytest.param(at("2026-02-12"), 1, id="the day after"),
        pytest.param(at("2026-02-12", 15), 1, id="11 at night in Shanghai"),
        pytest.param(at("2026-02-12", 16), None, id="midnight in Shanghai is the next day"),
        pytest.param(at("2027-01-01"), None, id="in the future"),
    ],
)
def test_a_picture_is_overdue_on_the_day_after_its_period(taken: datetime, overdue: int | None) -> None:
    judged = judge(replace(QUIET, objects=objects({"captured_at": taken})), DRAFT, AS_OF)
    assert rules_of(judged) == ([] if overdue is None else ["retention_overdue"])
    if overdue:
        finding = judged.findings.iloc[0]
        assert (finding["since"], finding["locator"]) == (date(2026, 3, 15), "cam/1.jpg")
        assert f"was over {overdue} day before 2026-03-15" in finding["because"]


@pytest.mark.parametrize(
    "row",
    [
        pytest.param({"faces": 0}, id="no faces"),
        pytest.param({"status": "quarantined"}, id="not scanned"),
        pytest.param({"store": "db"}, id="a picture in a database row, whose clock is the record's"),
    ],
)
def test_what_holds_no_scanned_face_in_a_store_has_no_clock(row: dict) -> None:
    assert (
        rules_of(judge(replace(QUIET, objects=objects({"captured_at": at("2020-01-01"), **row})), DRAFT, AS_OF)) == []
    )


@pytest.mark.parametrize(
    ("rows", "since"),
    [
        pytest.param([{"stored_at": at("2025-03-14")}], date(2026, 3, 15), id="stored a year and a day ago"),
        pytest.param([{"stored_at": at("2025-03-15")}], None, id="stored a year ago"),
        pytest.param([{"stored_at": at("2020-01-01"), "last_interaction_at": at("2026-01-01")}], None, id="seen since"),
        pytest.param([{"stored_at": None, "last_interaction_at": at("2025-01-01")}], date(2026, 1, 2), id="only seen"),
        pytest.param(
            [{"data_class": "image", "stored_at": at("2024-01-01")}, {"stored_at": at("2026-01-01")}],
            date(2025, 1, 1),
            id="the oldest of several",
        ),
    ],
)
def test_a_record_is_overdue_by_its_last_interaction_else_its_storage(rows: list[dict], since: date | None) -> None:
    judged = judge(replace(QUIET, subjects=subjects(*rows), consents=consents({})), DRAFT, AS_OF)
    assert judged.findings["since"].tolist() == ([] if since is None else [since])
    assert set(rules_of(judged)) <= {"retention_overdue"}


def test_without_a_time_of_capture_one_low_finding_per_store_says_how_many() -> None:
    facts = replace(QUIET, objects=objects(*({"uri": f"cam/{n}", "captured_at": None} for n in range(3))))
    judged = judge(facts, DRAFT, AS_OF)
    assert rules_of(judged) == ["capture_time_unknown"]
    assert judged.findings["severity"].tolist() == ["low"]
    assert "without a known time of capture: 3." in judged.findings["because"].iloc[0]
    assert judged.retention.set_index("store").loc["cam", ["held", "undated", "overdue"]].tolist() == [3, 3, 0]


def test_a_store_without_a_limit_is_named_once_and_nothing_in_it_is_overdue() -> None:
    stores = STORES.assign(max_days=[None, 365])
    judged = judge(replace(QUIET, stores=stores, objects=objects({"captured_at": at("2020-01-01")})), DRAFT, AS_OF)
    assert rules_of(judged) == ["retention_limit_missing"]


def test_a_store_known_from_the_evidence_only_counts_as_without_limit() -> None:
    judged = judge(replace(QUIET, objects=objects({"store": "gone", "captured_at": at("2020-01-01")})), DRAFT, AS_OF)
    assert judged.findings[["rule", "store"]].to_numpy().tolist() == [["retention_limit_missing", "gone"]]


def test_the_retention_table_sums_up_each_store() -> None:
    rows = ({"captured_at": at("2025-12-01")}, {"uri": "b", "captured_at": at("2026-03-01")})
    judged = judge(replace(QUIET, objects=objects(*rows)), DRAFT, AS_OF)
    assert judged.retention.to_dict("records")[0] == {
        "store": "cam",
        "kind": "objects",
        "held": 2,
        "oldest": date(2025, 12, 1),
        "overdue": 1,
        "undated": 0,
        "max_days": 30,
        "ok": 1,
        "too_short": 0,
        "hold": 0,
        "needs_reason": 0,
        "unknown": 0,
    }


def test_faces_linked_to_nobody_are_counted_by_store_and_told_once() -> None:
    facts = replace(QUIET, objects=objects({}), faces=faces({}, {}, {"subject_ref": "p1"}), consents=consents({}))
    judged = judge(facts, DRAFT, AS_OF)
    assert judged.unlinked == {"cam": 2}
    assert rules_of(judged) == ["unlinked_faces"]
    assert "no person's record: 2." in judged.findings["because"].iloc[0]


def test_a_picture_filed_under_a_person_is_judged_by_the_purpose_of_its_store() -> None:
    facts = replace(
        QUIET, objects=objects({}), faces=faces({"subject_ref": "p1"}), consents=consents({"purpose": "gym"})
    )
    finding = judge(facts, DRAFT, AS_OF).findings.iloc[0]
    assert (finding["rule"], finding["store"], finding["locator"]) == ("other_purpose", "cam", "cam: door")
    assert finding["since"] == date(2026, 3, 10)


@pytest.mark.parametrize(
    ("scanned", "unchanged", "found"),
    [
        pytest.param(60, 35, False, id="exactly at the floor"),
        pytest.param(60, 34, True, id="just below"),
        pytest.param(0, 100, False, id="all examined earlier"),
    ],
)
def test_coverage_counts_scanned_and_unchanged_only(scanned: int, unchanged: int, found: bool) -> None:
    judged = judge(replace(QUIET, coverage=COVERAGE.assign(scanned=scanned, unchanged=unchanged)), DRAFT, AS_OF)
    assert rules_of(judged) == (["coverage_below_floor"] if found else [])


def test_a_store_that_lists_nothing_left_nothing_out() -> None:
    coverage = COVERAGE.assign(seen=0, scanned=0, unchanged=0)
    assert rules_of(judge(replace(QUIET, coverage=coverage), DRAFT, AS_OF)) == []


# Filing clocks; they are cheap to ask for without the gate.
def clocks_of(facts: Facts, people: tuple[int, int] | None, policy=DRAFT, as_of: date = AS_OF):
    return filing_clocks(facts.checked(), people, policy, as_of)


def enrolled(n: int, start: date = date(2025, 1, 1), per_day: int = 100) -> pd.DataFrame:
    base = subjects(*({"subject_ref": f"p{i}"} for i in range(n)))
    days = [at(str(start + timedelta(days=i // per_day))) for i in range(n)]
    return base.assign(stored_at=pd.Series(days, dtype="datetime64[us, UTC]"))


def test_a_crossing_without_dated_records_starts_on_the_day_it_was_found() -> None:
    (clock,) = clocks_of(QUIET, (10_001, 10_500))
    assert (clock.rule, clock.crossed_on, clock.due_on) == ("threshold_filing", AS_OF, date(2026, 4, 27))
    assert (clock.days_left, clock.working_days_left) == (43, 30)
    assert "Between 10,001 and 10,500 people are held" in clock.why
    assert "more than 10,000 people" in clock.why
    assert "The 2023 draft is not in force." in clock.why


@pytest.mark.parametrize(
    ("policy", "needed"),
    [
        pytest.param(DRAFT, 10_001, id="more than: one more"),
        pytest.param(MEASURES, 100_000, id="reaches: the number itself"),
    ],
)
def test_records_that_cross_alone_start_the_clock_on_the_day_of_the_one_that_did(policy, needed: int) -> None:
    people = (needed, needed + 5)
    start, last = date(2025, 7, 1), date(2025, 7, 1) + timedelta(days=(needed - 1) // 1000)
    (clock,) = clocks_of(replace(QUIET, subjects=enrolled(needed, start, 1000)), people, policy)
    assert clock.crossed_on == last
    (later,) = clocks_of(replace(QUIET, subjects=enrolled(needed - 1, start, 1000)), people, policy)
    assert later.crossed_on == AS_OF


def test_one_person_in_several_rows_counts_once_and_by_the_first_day() -> None:
    rows = pd.concat([enrolled(10_000), enrolled(10_000).assign(data_class="image", table="photos")], ignore_index=True)
    (clock,) = clocks_of(replace(QUIET, subjects=rows), (10_001, 10_002))
    assert clock.crossed_on == AS_OF


def test_a_crossing_found_earlier_stays_frozen() -> None:
    facts = replace(
        QUIET, crossings={"threshold_filing": Frozen(date(2026, 1, 5), "night-0")}, subjects=enrolled(10_001)
    )
    (clock,) = clocks_of(facts, (10_001, 10_002))
    # Saturday 14 February 2026 is worked for the Spring Festival, and is the 30th working day.
    assert (clock.crossed_on, clock.due_on) == (date(2026, 1, 5), date(2026, 2, 14))


def test_a_frozen_crossing_runs_on_when_the_count_falls_and_the_gate_agrees() -> None:
    facts = replace(QUIET, crossings={"threshold_filing": Frozen(date(2026, 1, 5), "night-0")})
    judged = judge(facts, DRAFT, AS_OF)
    assert (judged.verdict, rules_of(judged)) == ("below", ["threshold_filing"])
    assert "for the officer to decide" in judged.filing[0]["why"]


def test_a_crossing_after_the_day_judged_for_is_not_known_on_it() -> None:
    assert clocks_of(replace(QUIET, crossings={"threshold_filing": Frozen(date(2026, 3, 16), "night-0")}), (5, 9)) == []


def test_only_the_upper_end_above_gives_a_warning_without_a_due_day() -> None:
    judged = judge(replace(QUIET, census=census(9_900, 10_001)), DRAFT, AS_OF)
    finding = judged.findings.iloc[0]
    assert (judged.verdict, judged.filing) == ("undetermined", [])
    assert (finding["rule"], finding["severity"]) == ("threshold_warning", "medium")
    assert pd.isna(finding["due"])
    assert "Between 9,900 and 10,001 people" in finding["because"]


def test_when_nobody_was_counted_the_verdict_is_undetermined_and_nothing_is_claimed() -> None:
    judged = judge(replace(QUIET, census=census()), DRAFT, AS_OF)
    assert (judged.verdict, rules_of(judged), judged.filing) == ("undetermined", [], [])
    assert "head-count" not in {check["check"] for check in judged.checks}


def test_who_was_over_the_line_before_the_measures_had_until_the_day_in_the_notice() -> None:
    facts = replace(QUIET, subjects=enrolled(100_000, date(2025, 5, 1), 10_000))
    (clock,) = clocks_of(facts, (100_000, 100_000), MEASURES, date(2025, 6, 20))
    assert (clock.crossed_on, clock.due_on, clock.days_left) == (date(2025, 5, 10), date(2025, 7, 14), 24)


def test_who_crosses_on_the_first_day_of_the_measures_gets_the_same_day() -> None:
    facts = replace(QUIET, crossings={"threshold_filing": Frozen(date(2025, 6, 1), "night-0")})
    (clock,) = clocks_of(facts, (100_000, 100_000), MEASURES, date(2025, 6, 20))
    assert (clock.due_on, clock.working_days_left) == (date(2025, 7, 14), 16)


def test_a_due_day_in_a_year_without_calendar_is_left_open_and_said_so() -> None:
    as_of = date(2026, 12, 20)
    (clock,) = clocks_of(QUIET, (10_001, 10_001), DRAFT, as_of)
    assert (clock.due_on, clock.days_left, clock.working_days_left) == (None, None, None)
    assert "after 2026-12-31; the working-day calendar of 2027 is not known" in clock.why
    finding = filing_findings([clock], QUIET.checked(), DRAFT, as_of).iloc[0]
    assert pd.isna(finding["due"])
    assert finding["since"] == as_of


def test_days_left_go_below_zero_after_the_due_day() -> None:
    facts = replace(QUIET, crossings={"threshold_filing": Frozen(date(2025, 6, 1), "night-0")})
    (clock,) = clocks_of(facts, (10_001, 10_001), DRAFT, date(2025, 7, 16))
    assert (clock.due_on, clock.days_left, clock.working_days_left) == (date(2025, 7, 14), -2, -2)


PUBLIC = STORES.assign(public_place=[True, False])


def test_faces_of_a_public_place_start_the_drafts_other_clock_on_the_oldest_day() -> None:
    rows = (
        {"captured_at": at("2026-03-02")},
        {"uri": "b", "captured_at": at("2026-03-09")},
        {"uri": "c", "captured_at": None},
    )
    judged = judge(replace(QUIET, stores=PUBLIC, objects=objects(*rows)), DRAFT, AS_OF)
    assert judged.findings.loc[judged.findings["rule"] == "public_place_filing", "since"].tolist() == [date(2026, 3, 2)]
    assert [(entry["rule"], entry["crossed_on"]) for entry in judged.filing] == [
        ("public_place_filing", date(2026, 3, 2))
    ]
    assert "public places: cam. The oldest known is of 2026-03-02" in judged.filing[0]["why"]
    assert judge(replace(QUIET, stores=PUBLIC, objects=objects(*rows)), MEASURES, AS_OF).filing == []


@pytest.mark.parametrize(
    ("row", "crossed_on"),
    [
        pytest.param({"faces": 0}, None, id="no faces"),
        pytest.param({"captured_at": None}, AS_OF, id="no known day"),
        pytest.param({"captured_at": at("2027-03-03")}, AS_OF, id="a clock that runs ahead"),
    ],
)
def test_the_public_clock_starts_only_on_what_is_known(row: dict, crossed_on: date | None) -> None:
    clocks = clocks_of(replace(QUIET, stores=PUBLIC, objects=objects(row)), (5, 9))
    assert [clock.crossed_on for clock in clocks] == ([] if crossed_on is None else [crossed_on])


def test_a_public_clock_that_started_earlier_does_not_move_when_old_pictures_go() -> None:
    facts = replace(
        QUIET,
        stores=PUBLIC,
        objects=objects({}),
        crossings={"public_place_filing": Frozen(date(2026, 1, 5), "night-0")},
    )
    assert [clock.crossed_on for clock in clocks_of(facts, (5, 9))] == [date(2026, 1, 5)]


def test_templates_of_a_public_place_count_and_attributes_do_not() -> None:
    facts = replace(QUIET, stores=STORES.assign(public_place=[False, True]))
    assert len(clocks_of(replace(facts, subjects=subjects({})), (5, 9))) == 1
    assert clocks_of(replace(facts, subjects=subjects({"data_class": "attribute"})), (5, 9)) == []


def test_a_finding_keeps_its_id_and_first_day_over_the_nights() -> None:
    facts = replace(QUIET, subjects=subjects({"stored_at": at("2025-06-01")}))
    first = judge(facts, DRAFT, date(2026, 3, 14)).findings
    withdrawn_elsewhere = replace(
        facts, history=first, subjects=subjects({"stored_at": at("2025-06-01")}, {"table": "copy"})
    )
    second = judge(withdrawn_elsewhere, DRAFT, AS_OF).findings
    second = second[second["rule"] == "no_recorded_ground"]
    assert second["finding_id"].tolist() == first["finding_id"].tolist()
    assert second[["first_seen", "last_seen"]].to_numpy().tolist() == [[date(2026, 3, 14), AS_OF]]
    again = judge(replace(facts, history=second), DRAFT, date(2026, 3, 10)).findings
    assert again["first_seen"].tolist() == [date(2026, 3, 10)]


def test_the_same_facts_read_from_parquet_are_judged_the_same(tmp_path) -> None:
    facts = replace(
        QUIET,
        objects=objects({"captured_at": at("2026-01-01")}, {"uri": "b", "captured_at": None}),
        subjects=subjects({"born_on": date(2015, 1, 1)}, {"subject_ref": "p2"}),
        consents=consents({}, {"subject_ref": "p2", "withdrawn_at": at("2026-02-02")}),
    )
    read = {}
    for name in ("objects", "subjects", "consents"):
        getattr(facts, name).to_parquet(tmp_path / name)
        read[name] = pd.read_parquet(tmp_path / name, dtype_backend="pyarrow")
    one, two = judge(facts, DRAFT, AS_OF), judge(replace(facts, **read), DRAFT, AS_OF)
    pd.testing.assert_frame_equal(one.findings, two.findings)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        pytest.param(
            {"objects": pd.DataFrame({"store": ["cam"]})}, "objects cannot be judged: it lacks uri", id="columns"
        ),
        pytest.param({"stores": pd.concat([STORES, STORES])}, "listed twice", id="a store twice"),
        pytest.param({"coverage_floor": 95.0}, "not a share from 0 to 1", id="floor"),
        pytest.param({"census": pd.concat([census(1, 2), census(1, 2)])}, "2 rows of scope all", id="two counts"),
        pytest.param({"census": census(3, 2)}, "runs from 3 to 2", id="ends crossed"),
        pytest.param({"subjects": subjects({"born_on": "never"})}, "born_on cannot be judged", id="no day"),
    ],
)
def test_facts_that_cannot_be_judged_are_refused_without_quoting_values(change: dict, told: str) -> None:
    with pytest.raises(BadFacts, match=told) as caught:
        judge(replace(QUIET, **change), DRAFT, AS_OF)
    assert "never" not in str(caught.value)


def test_neither_facts_nor_judgement_show_a_person_in_their_repr() -> None:
    facts = replace(QUIET, subjects=subjects({"subject_ref": "p-secret"}))
    assert "p-secret" not in repr(facts) + repr(judge(facts, DRAFT, AS_OF))
    assert "subjects=1" in repr(facts)


@pytest.mark.parametrize("name", ["consent_findings", "retention_findings", "filing_findings", "coverage_findings"])
def test_a_finding_that_gets_lost_breaks_the_run(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    facts = replace(
        QUIET,
        objects=objects({"captured_at": at("2020-01-01")}),
        subjects=subjects({}),
        census=census(10_001, 10_001),
        coverage=COVERAGE.assign(scanned=0),
    )
    assert len(judge(facts, DRAFT, AS_OF).findings) == 5
    real = getattr(judgement_module, name)
    monkeypatch.setattr(judgement_module, name, lambda *args: real(*args).iloc[:0])
    with pytest.raises(GateBroken, match=r"the gate counted [12], the findings are 0"):
        judge(facts, DRAFT, AS_OF)


def test_clocks_hold_every_scanned_object_and_every_record() -> None:
    facts = replace(
        QUIET, objects=objects({}, {"uri": "b"}), subjects=subjects({}, {"data_class": "image"}, {"table": "t2"})
    )
    clocks = retention_clocks(facts.checked(), DRAFT, AS_OF)
    assert clocks["kind"].tolist() == ["objects", "objects", "database", "database"]
