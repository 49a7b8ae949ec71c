"""Consent: one state for each person and purpose, held against a plain reading of the rules, person by person."""

from __future__ import annotations

import time
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from expectations.columns import CONSENTS
from expectations.consent import HELD, STATES, consent_states, count_states
from expectations.consent_findings import consent_findings
from expectations.policy import load_policy

POLICY = load_policy("cn-draft-2023")
AS_OF = date(2026, 3, 15)
ZONE = "Asia/Shanghai"


def at(day: str, hour: int = 2) -> datetime:
    """Give 10 in the morning in Shanghai, in UTC."""
    return datetime.fromisoformat(day).replace(hour=hour, tzinfo=UTC)


def held(*rows: dict) -> pd.DataFrame:
    base = {"store": "db", "table": "people", "subject_ref": "p1", "purpose": "door", "stored_at": at("2024-01-01")}
    return pd.DataFrame([{**base, "minor": None, "born_on": None, **row} for row in rows or ({},)], columns=list(HELD))


def consents(*rows: dict) -> pd.DataFrame:
    base = {
        "subject_ref": "p1",
        "purpose": "door",
        "kind": "separate",
        "granted_at": at("2025-01-01"),
        "guardian": False,
    }
    blank = {"withdrawn_at": None, "expires_at": None}
    return pd.DataFrame([{**base, **blank, **row} for row in rows], columns=CONSENTS.names)


def state_of(holding: pd.DataFrame, registry: pd.DataFrame, as_of: date = AS_OF) -> tuple[str, str | None]:
    states = consent_states(holding, registry, POLICY, as_of, ZONE)
    assert len(states) == 1
    since = states["since"].iloc[0]
    return states["consent_state"].iloc[0], None if pd.isna(since) else str(since.date())


CHILD = {"born_on": date(2015, 1, 1)}


@pytest.mark.parametrize(
    ("registry", "expected"),
    [
        pytest.param([{}], ("consented", None), id="separate consent"),
        pytest.param([{"kind": "written"}], ("consented", None), id="written consent"),
        pytest.param([{"kind": "bundled"}], ("no_recorded_ground", "2024-01-01"), id="a kind the policy does not take"),
        pytest.param([{"kind": None}], ("no_recorded_ground", "2024-01-01"), id="no kind"),
        pytest.param([], ("no_recorded_ground", "2024-01-01"), id="nothing on record"),
        pytest.param([{"subject_ref": "p2"}], ("no_recorded_ground", "2024-01-01"), id="somebody else's"),
        pytest.param([{"granted_at": None}], ("consented", None), id="no day of the grant"),
        pytest.param([{"granted_at": at("2026-03-15")}], ("consented", None), id="given on the day"),
        pytest.param(
            [{"granted_at": at("2026-03-16")}], ("no_recorded_ground", "2024-01-01"), id="given the day after"
        ),
        pytest.param(
            [{"granted_at": at("2026-03-15", 16)}], ("no_recorded_ground", "2024-01-01"), id="after local midnight"
        ),
        pytest.param(
            [{"withdrawn_at": at("2026-03-15")}], ("withdrawn_still_stored", "2026-03-15"), id="withdrawn on the day"
        ),
        pytest.param([{"withdrawn_at": at("2026-03-16")}], ("consented", None), id="withdrawn the day after"),
        pytest.param(
            [{"withdrawn_at": at("2025-05-01")}, {"granted_at": at("2025-06-01")}],
            ("consented", None),
            id="given again",
        ),
        pytest.param(
            [{"withdrawn_at": at("2025-05-01"), "granted_at": at("2025-06-01")}],
            ("consented", None),
            id="given again, one row",
        ),
        pytest.param(
            [{}, {"granted_at": at("2025-02-01"), "withdrawn_at": at("2025-05-01")}],
            ("withdrawn_still_stored", "2025-05-01"),
            id="a withdrawal ends earlier grants in other rows too",
        ),
        pytest.param(
            [{"withdrawn_at": at("2025-05-01")}, {"granted_at": at("2025-06-01"), "expires_at": at("2025-07-01")}],
            ("expired", "2025-07-02"),
            id="given again, then expired",
        ),
        pytest.param([{"expires_at": at("2026-03-15")}], ("consented", None), id="last day of the consent"),
        pytest.param([{"expires_at": at("2026-03-14")}], ("expired", "2026-03-15"), id="the day after"),
        pytest.param([{"expires_at": at("2025-07-01")}, {}], ("consented", None), id="another one still holds"),
        pytest.param([{"purpose": "gym"}], ("other_purpose", "2024-01-01"), id="other purpose"),
        pytest.param(
            [{"purpose": "gym", "expires_at": at("2025-02-02")}],
            ("no_recorded_ground", "2024-01-01"),
            id="other, expired",
        ),
        pytest.param(
            [{"purpose": "gym"}, {"withdrawn_at": at("2025-05-01")}],
            ("withdrawn_still_stored", "2025-05-01"),
            id="withdrawn here, given elsewhere",
        ),
    ],
)
def test_an_adult_stands_in_exactly_one_state(registry: list[dict], expected: tuple[str, str | None]) -> None:
    assert state_of(held(), consents(*registry)) == expected


@pytest.mark.parametrize(
    ("person", "registry", "state"),
    [
        pytest.param(CHILD, [{}], "minor_without_guardian", id="own consent only"),
        pytest.param(CHILD, [{"guardian": True}], "consented", id="by a guardian"),
        pytest.param(CHILD, [{"kind": "guardian"}], "consented", id="kind guardian"),
        pytest.param(
            CHILD, [{}, {"guardian": True, "expires_at": at("2025-05-05")}], "minor_without_guardian", id="lapsed"
        ),
        pytest.param(CHILD, [], "no_recorded_ground", id="nothing on record"),
        pytest.param({"born_on": date(2012, 3, 15)}, [{}], "consented", id="fourteenth birthday"),
        pytest.param({"born_on": date(2012, 3, 16)}, [{}], "minor_without_guardian", id="the day before it"),
        pytest.param({"minor": True}, [{}], "minor_without_guardian", id="flag only"),
        pytest.param({"minor": False}, [{}], "consented", id="flag says no"),
        pytest.param(
            {"minor": True, "born_on": date(2010, 1, 1)}, [{}], "consented", id="date of birth goes before flag"
        ),
    ],
)
def test_a_minor_needs_a_guardian(person: dict, registry: list[dict], state: str) -> None:
    assert state_of(held(person), consents(*registry))[0] == state


def test_a_date_of_birth_that_one_row_knows_counts_for_all_purposes() -> None:
    states = consent_states(held(CHILD, {"purpose": "gym"}), consents({}, {"purpose": "gym"}), POLICY, AS_OF, ZONE)
    assert states["consent_state"].tolist() == ["minor_without_guardian"] * 2


def test_who_is_held_in_several_tables_is_judged_once_and_the_finding_names_all_places() -> None:
    holding = held({}, {"store": "archive"}, {"table": "badges", "stored_at": at("2023-03-03")}, {"purpose": "gym"})
    states = consent_states(holding, consents(), POLICY, AS_OF, ZONE)
    found = consent_findings(states, holding, POLICY, AS_OF)
    assert found["locator"].tolist() == ["archive.people, db.badges, db.people: door", "db.people: gym"]
    assert found["store"].tolist() == ["archive", "db"]
    assert found["since"].tolist() == [date(2023, 3, 3), date(2024, 1, 1)]


@pytest.mark.parametrize(
    ("registry", "person", "told"),
    [
        pytest.param(
            [], {}, "Held for door since 2024-01-01; up to 2026-03-15 no consent to it is on record.", id="none"
        ),
        pytest.param([], {"stored_at": None}, "since a day that is not known", id="unknown day"),
        pytest.param([{"withdrawn_at": at("2025-05-01")}], {}, "was withdrawn on 2025-05-01", id="withdrawn"),
        pytest.param([{"expires_at": at("2025-05-01")}], {}, "was over on 2025-05-02", id="expired"),
        pytest.param([{"purpose": "gym"}], {}, "the consent on record is for gym only", id="other"),
        pytest.param([{}], CHILD, "none by a parent or guardian. The person is under 14 on 2026-03-15", id="child"),
        pytest.param([{}], {"minor": True}, "flagged as a minor by its row", id="flag"),
    ],
)
def test_a_finding_says_what_decided_it_and_never_says_unlawful(registry, person, told: str) -> None:
    holding = held(person)
    states = consent_states(holding, consents(*registry), POLICY, AS_OF, ZONE)
    finding = consent_findings(states, holding, POLICY, AS_OF).iloc[0]
    assert told in finding["because"]
    assert "p1" not in finding["because"]
    assert "unlawful" not in finding["because"]


def test_each_state_cites_its_own_article() -> None:
    holding = held({}, {"subject_ref": "p2"}, {"subject_ref": "p3", **CHILD})
    registry = consents({"subject_ref": "p2", "withdrawn_at": at("2025-05-01")}, {"subject_ref": "p3"})
    found = consent_findings(consent_states(holding, registry, POLICY, AS_OF, ZONE), holding, POLICY, AS_OF)
    assert dict(zip(found["rule"], found["article"], strict=True)) == {
        "no_recorded_ground": POLICY.consent.article,
        "withdrawn_still_stored": POLICY.withdrawal.article,
        "minor_without_guardian": POLICY.minors.article,
    }


def test_nobody_held_gives_no_states() -> None:
    nothing = pd.DataFrame(columns=list(HELD))
    states = consent_states(nothing, consents({}), POLICY, AS_OF, ZONE)
    assert states.empty
    assert count_states(states).empty
    assert consent_findings(states, nothing, POLICY, AS_OF).empty


def test_states_are_counted_with_zeros_for_those_nobody_is_in() -> None:
    counts = count_states(consent_states(held(), consents({}), POLICY, AS_OF, ZONE))
    assert counts["state"].tolist() == list(STATES)
    assert counts["people"].tolist() == [1, 0, 0, 0, 0, 0]


# A plain second reading of the rules, one person and purpose at a time.
def _day(moment: datetime) -> date:
    return (moment + timedelta(hours=8)).date()


def _withdrawals(registry: list[dict], purpose: str) -> list[datetime]:
    moments = [row["withdrawn_at"] for row in registry if row["purpose"] == purpose and row["withdrawn_at"]]
    return [moment for moment in moments if _day(moment) <= AS_OF]


def _stands(row: dict, registry: list[dict]) -> bool:
    given_at, ended = row["granted_at"], _withdrawals(registry, row["purpose"])
    if row["kind"] == "bundled" or (given_at and _day(given_at) > AS_OF):
        return False
    return not ended or bool(given_at and given_at > max(ended))


def _plainly(registry: list[dict], purpose: str, child: bool) -> str:
    standing = [row for row in registry if _stands(row, registry)]
    holding = [row for row in standing if row["expires_at"] is None or _day(row["expires_at"]) >= AS_OF]
    good = [row for row in holding if row["purpose"] == purpose]
    if good:
        enough = not child or any(row["guardian"] or row["kind"] == "guardian" for row in good)
        return "consented" if enough else "minor_without_guardian"
    if any(row["purpose"] == purpose for row in standing):
        return "expired"
    if _withdrawals(registry, purpose):
        return "withdrawn_still_stored"
    return "other_purpose" if holding else "no_recorded_ground"


SIX_DAYS = 6 * 24 * 60
FIRST = datetime(2026, 3, 12, tzinfo=UTC)
moments = st.one_of(st.none(), st.integers(0, SIX_DAYS).map(lambda minutes: FIRST + timedelta(minutes=minutes)))
rows_of_consents = st.fixed_dictionaries(
    {
        "subject_ref": st.sampled_from(["p1", "p2"]),
        "purpose": st.sampled_from(["door", "gym", "till"]),
        "kind": st.sampled_from(["separate", "written", "guardian", "bundled"]),
        "granted_at": moments,
        "withdrawn_at": moments,
        "expires_at": moments,
        "guardian": st.booleans(),
    }
)


@settings(max_examples=150, deadline=None)
@given(st.lists(rows_of_consents, max_size=8), st.booleans())
def test_whole_columns_give_the_same_as_person_by_person(registry: list[dict], child: bool) -> None:
    people = [
        {"subject_ref": ref, "purpose": purpose, **(CHILD if child and ref == "p1" else {})}
        for ref in ("p1", "p2")
        for purpose in ("door", "gym")
    ]
    states = consent_states(held(*people), consents(*registry), POLICY, AS_OF, ZONE)
    got = {(row.subject_ref, row.purpose): row.consent_state for row in states.itertuples()}
    for person in people:
        own = [row for row in registry if row["subject_ref"] == person["subject_ref"]]
        expected = _plainly(own, person["purpose"], child and person["subject_ref"] == "p1")
        assert got[person["subject_ref"], person["purpose"]] == expected


def test_two_hundred_thousand_people_take_no_python_loop() -> None:
    n = 200_000
    refs = [f"{i:032x}" for i in range(n)]
    holding = pd.DataFrame({"store": "db", "table": "t", "subject_ref": refs, "purpose": "door"}).assign(
        stored_at=pd.Timestamp("2025-01-01", tz="UTC"), minor=None, born_on=None
    )
    registry = pd.DataFrame(
        {"subject_ref": refs[::2], "purpose": "door", "kind": "separate", "guardian": False}
    ).assign(granted_at=pd.Timestamp("2025-01-01", tz="UTC"), withdrawn_at=pd.NaT, expires_at=pd.NaT)
    start = time.process_time()
    states = consent_states(holding, registry, POLICY, AS_OF, ZONE)
    took = time.process_time() - start
    assert np.array_equal(states["consent_state"].to_numpy() == "consented", np.arange(n) % 2 == 0)
    # 0.4 s were measured; a loop over rows would take tens of seconds.
    assert took < 5
