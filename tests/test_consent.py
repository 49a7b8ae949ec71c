"""Consent: one state for each person and purpose, held against a plain reading of the rules, person by person."""

from __future__ import annotations

import time
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from expectations.columns import CONSENTS
from expectations.consent import GROUNDS, HELD, STATES, Reconciled, count_states, no_grounds, reconcile
from expectations.consent_findings import consent_findings
from expectations.policy import Policy, load_policy

POLICY = load_policy("cn-draft-2023")
AS_OF = date(2026, 3, 15)
ZONE = "Asia/Shanghai"


def at(day: str, hour: int = 2) -> datetime:
    """Give 10 in the morning in Shanghai, in UTC."""
    return datetime.fromisoformat(day).replace(hour=hour, tzinfo=UTC)


def held(*rows: dict) -> pd.DataFrame:
    base = {"store": "db", "table": "people", "subject_ref": "p1", "data_class": "template", "purpose": "door"}
    base["stored_at"] = at("2024-01-01")
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


def reconciled(holding: pd.DataFrame, registry: pd.DataFrame, *grounds: dict, policy: Policy = POLICY) -> Reconciled:
    attested = pd.DataFrame([*grounds], columns=list(GROUNDS)) if grounds else no_grounds()
    return reconcile(holding, registry, attested, policy, AS_OF, ZONE)


def consent_states(holding: pd.DataFrame, registry: pd.DataFrame, policy: Policy = POLICY) -> pd.DataFrame:
    return reconciled(holding, registry, policy=policy).states


def state_of(holding: pd.DataFrame, registry: pd.DataFrame) -> tuple[str, str | None]:
    states = consent_states(holding, registry)
    assert len(states) == 1
    since = states["since"].iloc[0]
    return states["consent_state"].iloc[0], None if pd.isna(since) else str(since.date())


WEAK = [
    pytest.param({"kind": "bundled"}, id="kind bundled"),
    pytest.param({"kind": "unlimited"}, id="kind unlimited"),
    pytest.param({"bundled": True}, id="marked as bundled"),
    pytest.param({"unlimited": True}, id="marked as unlimited"),
]


@pytest.mark.parametrize("row", WEAK)
def test_a_consent_that_can_be_challenged_is_told_from_one_that_holds(row: dict) -> None:
    assert state_of(held(), consents(row)) == ("bundled_or_unlimited", "2024-01-01")
    assert state_of(held(), consents(row, {})) == ("consented", None)
    assert state_of(held(), consents({**row, "withdrawn_at": at("2025-05-01")}))[0] == "withdrawn_still_stored"
    assert state_of(held({"born_on": date(2015, 1, 1)}), consents(row))[0] == "minor_without_guardian"
    found = consent_findings(reconciled(held(), consents(row)), held(), POLICY, AS_OF).iloc[0]
    assert found["article"] == POLICY.challenge.article
    assert "can be challenged" in found["because"]


def test_where_the_policy_asks_for_consent_before_storage_a_later_one_is_no_ground() -> None:
    strict = POLICY.model_copy(update={"consent": POLICY.consent.model_copy(update={"before_storage": True})})
    stored = held({"stored_at": at("2025-01-01")})
    for granted, state in (("2025-01-01", "consented"), ("2025-01-02", "no_recorded_ground")):
        registry = consents({"granted_at": at(granted)})
        assert consent_states(stored, registry, strict)["consent_state"].tolist() == [state]
        assert state_of(stored, registry)[0] == "consented"


HR, PAPER = {"registry": "hr"}, {"registry": "paper"}
FIRST_OF_MAY = at("2025-05-01")


@pytest.mark.parametrize(
    ("registry", "expected"),
    [
        pytest.param(
            [{**HR, "withdrawn_at": FIRST_OF_MAY}, {**PAPER, "granted_at": at("2025-05-01", 9)}],
            ("ambiguous", "2025-05-01"),
            id="withdrawn in one, given in the other, the same day",
        ),
        pytest.param(
            [{**HR, "withdrawn_at": FIRST_OF_MAY}, {**HR, "granted_at": at("2025-05-01", 9)}],
            ("consented", None),
            id="within one registry its times decide",
        ),
        pytest.param(
            [{**HR, "withdrawn_at": FIRST_OF_MAY}, {**PAPER, "granted_at": at("2025-05-02")}],
            ("consented", None),
            id="given in the other a day later",
        ),
        pytest.param(
            [{**HR, "withdrawn_at": FIRST_OF_MAY}, {**PAPER, "granted_at": at("2025-04-30")}],
            ("withdrawn_still_stored", "2025-05-01"),
            id="given in the other a day before",
        ),
        pytest.param(
            [
                {**HR, "withdrawn_at": FIRST_OF_MAY},
                {**HR, "granted_at": at("2025-05-01", 9)},
                {**PAPER, "granted_at": FIRST_OF_MAY},
            ],
            ("consented", None),
            id="the withdrawing registry itself has it given again",
        ),
        pytest.param(
            [{**HR, "expires_at": at("2025-06-01")}, {**PAPER}],
            ("ambiguous", "2025-01-01"),
            id="over by one, in force by the other",
        ),
        pytest.param(
            [{**HR, "expires_at": at("2025-06-01")}, {**PAPER, "granted_at": at("2025-07-01")}],
            ("consented", None),
            id="renewed in the other",
        ),
        pytest.param(
            [{**HR, "expires_at": at("2025-06-01")}, {**PAPER}, {**PAPER, "granted_at": at("2025-07-01")}],
            ("consented", None),
            id="a newer one settles it",
        ),
        pytest.param([HR, PAPER], ("consented", None), id="both say the same"),
    ],
)
def test_registries_that_contradict_each_other_decide_nothing(registry: list[dict], expected: tuple) -> None:
    assert state_of(held(), consents(*registry)) == expected


def test_one_id_for_several_people_decides_nothing_unless_nothing_is_on_record() -> None:
    twice = held({}, {})
    assert state_of(twice, consents({}))[0] == "ambiguous"
    assert state_of(twice, consents({"purpose": "gym"}))[0] == "ambiguous"
    assert state_of(twice, consents())[0] == "no_recorded_ground"
    found = consent_findings(reconciled(twice, consents({})), twice, POLICY, AS_OF).iloc[0]
    assert "Several people are held under one id" in found["because"]
    of_one_person = held({}, {"data_class": "image"}, {"table": "badges"}, {"store": "archive"})
    assert state_of(of_one_person, consents({}))[0] == "consented"
    pictures = held({"store": "cam", "table": ""}, {"store": "cam", "table": ""})
    assert state_of(pictures, consents({}))[0] == "consented"


GROUND = {"purpose": "door", "store": "", "attested_on": date(2026, 1, 1), "valid_until": None}


@pytest.mark.parametrize(
    ("ground", "covered"),
    [
        pytest.param({}, True, id="all stores"),
        pytest.param({"store": "db"}, True, id="this store"),
        pytest.param({"store": "archive"}, False, id="another store"),
        pytest.param({"purpose": "gym"}, False, id="another purpose"),
        pytest.param({"attested_on": AS_OF}, True, id="attested on the day"),
        pytest.param({"attested_on": date(2026, 3, 16)}, False, id="attested the day after"),
        pytest.param({"valid_until": AS_OF}, True, id="last day"),
        pytest.param({"valid_until": date(2026, 3, 14)}, False, id="over"),
    ],
)
@pytest.mark.parametrize("registry", [[], [{"withdrawn_at": FIRST_OF_MAY}], [{"kind": "bundled"}]])
def test_an_attested_ground_stands_in_where_consent_is_missing(
    registry: list[dict], ground: dict, covered: bool
) -> None:
    found = reconciled(held(), consents(*registry), {**GROUND, **ground})
    assert (found.states["consent_state"] == "other_ground_attested").tolist() == [covered]
    assert consent_findings(found, held(), POLICY, AS_OF).empty == covered


def test_an_attested_ground_covers_nobody_who_is_also_held_elsewhere_and_no_consent_is_hidden_by_it() -> None:
    both = held({}, {"store": "archive"})
    ground = {**GROUND, "store": "db"}
    assert reconciled(both, consents(), ground).states["consent_state"].tolist() == ["no_recorded_ground"]
    two = reconciled(both, consents(), ground, {**GROUND, "store": "archive"})
    assert two.states["consent_state"].tolist() == ["other_ground_attested"]
    assert reconciled(held(), consents({}), GROUND).states["consent_state"].tolist() == ["consented"]


def test_who_consented_and_of_whom_nothing_is_stored_is_counted_by_purpose() -> None:
    registry = consents(
        {},
        {"purpose": "gym"},
        {"subject_ref": "p2"},
        {"subject_ref": "p2", "granted_at": at("2025-02-02")},
        {"subject_ref": "p3", "withdrawn_at": FIRST_OF_MAY},
        {"subject_ref": "p4", "kind": "bundled"},
    )
    found = reconciled(held(), registry)
    assert found.nothing_stored == {"door": 1, "gym": 1}
    assert repr(found) == "Reconciled(states=1, nothing_stored=2)"


CHILD = {"born_on": date(2015, 1, 1)}


@pytest.mark.parametrize(
    ("registry", "expected"),
    [
        pytest.param([{}], ("consented", None), id="separate consent"),
        pytest.param([{"kind": "written"}], ("consented", None), id="written consent"),
        pytest.param([{"kind": "bundled"}], ("bundled_or_unlimited", "2024-01-01"), id="bundled"),
        pytest.param([{"kind": "verbal"}], ("no_recorded_ground", "2024-01-01"), id="a kind the policy does not take"),
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
    states = consent_states(held(CHILD, {"purpose": "gym"}), consents({}, {"purpose": "gym"}))
    assert states["consent_state"].tolist() == ["minor_without_guardian"] * 2


def test_who_is_held_in_several_tables_is_judged_once_and_the_finding_names_all_places() -> None:
    holding = held({}, {"store": "archive"}, {"table": "badges", "stored_at": at("2023-03-03")}, {"purpose": "gym"})
    found = consent_findings(reconciled(holding, consents()), holding, POLICY, AS_OF)
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
    finding = consent_findings(reconciled(holding, consents(*registry)), holding, POLICY, AS_OF).iloc[0]
    assert told in finding["because"]
    assert "p1" not in finding["because"]
    assert "unlawful" not in finding["because"]


def test_each_state_cites_its_own_article() -> None:
    holding = held({}, {"subject_ref": "p2"}, {"subject_ref": "p3", **CHILD})
    registry = consents({"subject_ref": "p2", "withdrawn_at": at("2025-05-01")}, {"subject_ref": "p3"})
    found = consent_findings(reconciled(holding, registry), holding, POLICY, AS_OF)
    assert dict(zip(found["rule"], found["article"], strict=True)) == {
        "no_recorded_ground": POLICY.consent.article,
        "withdrawn_still_stored": POLICY.withdrawal.article,
        "minor_without_guardian": POLICY.minors.article,
    }


def test_nobody_held_gives_no_states() -> None:
    nothing = pd.DataFrame(columns=list(HELD))
    found = reconciled(nothing, consents({}))
    assert found.states.empty
    assert count_states(found.states).empty
    assert consent_findings(found, nothing, POLICY, AS_OF).empty


def test_states_are_counted_with_zeros_for_those_nobody_is_in() -> None:
    counts = count_states(consent_states(held(), consents({})))
    assert counts["state"].tolist() == list(STATES)
    assert counts["people"].tolist() == [1] + [0] * (len(STATES) - 1)


# A plain second reading of the rules, one person and purpose at a time.
def _day(moment: datetime) -> date:
    return (moment + timedelta(hours=8)).date()


def _withdrawals(registry: list[dict], purpose: str) -> list[dict]:
    rows = [row for row in registry if row["purpose"] == purpose and row["withdrawn_at"]]
    return [row for row in rows if _day(row["withdrawn_at"]) <= AS_OF]


def _counts(row: dict) -> bool:
    return row["kind"] != "verbal" and not (row["granted_at"] and _day(row["granted_at"]) > AS_OF)


def _stands(row: dict, registry: list[dict]) -> bool:
    ended = [other["withdrawn_at"] for other in _withdrawals(registry, row["purpose"])]
    return _counts(row) and (not ended or bool(row["granted_at"] and row["granted_at"] > max(ended)))


def _over(row: dict) -> bool:
    return bool(row["expires_at"]) and _day(row["expires_at"]) < AS_OF


def _in_force(registry: list[dict]) -> list[dict]:
    return [row for row in registry if _stands(row, registry) and not _over(row)]


def _good(row: dict) -> bool:
    return row["kind"] != "bundled" and not row["unlimited"]


def _of_guardian(row: dict) -> bool:
    return row["guardian"] or row["kind"] == "guardian"


def _granted_on(row: dict) -> date | None:
    return _day(row["granted_at"]) if row["granted_at"] else None


def _same_day_differs(registry: list[dict], purpose: str) -> bool:
    ended = _withdrawals(registry, purpose)
    if not ended:
        return False
    last = max(_day(row["withdrawn_at"]) for row in ended)
    by = {row["registry"] for row in ended if _day(row["withdrawn_at"]) == last}
    own = [row for row in registry if row["purpose"] == purpose]
    against = [row for row in own if _counts(row) and not _over(row) and _granted_on(row) == last]
    settled = [
        row
        for row in _in_force(registry)
        if row["purpose"] == purpose and row["granted_at"] and (_granted_on(row) > last or by == {row["registry"]})
    ]
    return not settled and any(by != {row["registry"]} for row in against)


def _ends_differ(registry: list[dict], purpose: str) -> bool:
    live = [row for row in _in_force(registry) if row["purpose"] == purpose]
    over = [row for row in registry if row["purpose"] == purpose and _stands(row, registry) and _over(row)]
    days = [
        _granted_on(one)
        for one in live
        for other in over
        if one["registry"] != other["registry"] and _granted_on(one) and _granted_on(one) == _granted_on(other)
    ]
    return bool(days) and not any(_granted_on(row) and _granted_on(row) > max(days) for row in live)


def _plainly(registry: list[dict], purpose: str, child: bool) -> str:
    if _same_day_differs(registry, purpose) or _ends_differ(registry, purpose):
        return "ambiguous"
    live = [row for row in _in_force(registry) if row["purpose"] == purpose]
    if any(_good(row) and (not child or _of_guardian(row)) for row in live):
        return "consented"
    if live:
        enough = not child or any(_of_guardian(row) for row in live)
        return "bundled_or_unlimited" if enough else "minor_without_guardian"
    if any(row["purpose"] == purpose and _stands(row, registry) for row in registry):
        return "expired"
    if _withdrawals(registry, purpose):
        return "withdrawn_still_stored"
    return "other_purpose" if any(map(_good, _in_force(registry))) else "no_recorded_ground"


SIX_DAYS = 6 * 24 * 60
FIRST = datetime(2026, 3, 12, tzinfo=UTC)
moments = st.one_of(st.none(), st.integers(0, SIX_DAYS).map(lambda minutes: FIRST + timedelta(minutes=minutes)))
rows_of_consents = st.fixed_dictionaries(
    {
        "subject_ref": st.sampled_from(["p1", "p2"]),
        "purpose": st.sampled_from(["door", "gym", "till"]),
        "kind": st.sampled_from(["separate", "written", "guardian", "bundled", "verbal"]),
        "granted_at": moments,
        "withdrawn_at": moments,
        "expires_at": moments,
        "guardian": st.booleans(),
        "unlimited": st.sampled_from([False, False, True]),
        "registry": st.sampled_from(["hr", "paper"]),
    }
)


@settings(max_examples=200, deadline=None)
@given(st.lists(rows_of_consents, max_size=8), st.booleans())
def test_whole_columns_give_the_same_as_person_by_person(registry: list[dict], child: bool) -> None:
    people = [
        {"subject_ref": ref, "purpose": purpose, **(CHILD if child and ref == "p1" else {})}
        for ref in ("p1", "p2")
        for purpose in ("door", "gym")
    ]
    found = reconciled(held(*people), consents(*registry))
    got = {(row.subject_ref, row.purpose): row.consent_state for row in found.states.itertuples()}
    for person in people:
        own = [row for row in registry if row["subject_ref"] == person["subject_ref"]]
        expected = _plainly(own, person["purpose"], child and person["subject_ref"] == "p1")
        assert got[person["subject_ref"], person["purpose"]] == expected
    till = [ref for ref in ("p1", "p2") if _good_till([row for row in registry if row["subject_ref"] == ref])]
    assert found.nothing_stored == ({"till": len(till)} if till else {})


def _good_till(registry: list[dict]) -> bool:
    return any(_good(row) and row["purpose"] == "till" for row in _in_force(registry))


def test_columns_that_come_in_many_pieces_are_numbered_as_one() -> None:
    text = pd.StringDtype("pyarrow", na_value=float("nan"))
    holding = held({}, {"subject_ref": "p2"}, {"subject_ref": "p3"}).astype({"subject_ref": text, "purpose": text})
    registry = consents({"subject_ref": "p3"}, {"subject_ref": "p9"}, {"subject_ref": "p1"}).astype(
        {"subject_ref": text, "purpose": text}
    )
    pieces = pd.concat([registry.iloc[[n]] for n in range(3)], ignore_index=True)
    assert pa.array(pieces["subject_ref"], pa.string(), from_pandas=True).num_chunks == 3
    found = reconciled(pd.concat([holding.iloc[[n]] for n in range(3)], ignore_index=True), pieces)
    states = dict(zip(found.states["subject_ref"], found.states["consent_state"], strict=True))
    assert states == {"p1": "consented", "p2": "no_recorded_ground", "p3": "consented"}
    assert found.nothing_stored == {"door": 1}


def test_two_hundred_thousand_people_take_no_python_loop() -> None:
    n = 200_000
    refs = [f"{i:032x}" for i in range(n)]
    holding = pd.DataFrame({"store": "db", "table": "t", "subject_ref": refs, "purpose": "door"}).assign(
        data_class="template", stored_at=pd.Timestamp("2025-01-01", tz="UTC"), minor=None, born_on=None
    )
    registry = pd.DataFrame(
        {"subject_ref": refs[::2], "purpose": "door", "kind": "separate", "guardian": False}
    ).assign(granted_at=pd.Timestamp("2025-01-01", tz="UTC"), withdrawn_at=pd.NaT, expires_at=pd.NaT)
    registry = registry.reindex(columns=CONSENTS.names)
    start = time.process_time()
    states = consent_states(holding, registry)
    took = time.process_time() - start
    assert np.array_equal(states["consent_state"].to_numpy() == "consented", np.arange(n) % 2 == 0)
    # 0.4 s were measured; a loop over rows would take tens of seconds.
    assert took < 5
