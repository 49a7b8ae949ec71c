"""What the law asks, row by row: policy, article and day in, what the judge says out. The sources stand in each policy.

Every row names the article that it was written from; a test sees to it that the policy cites that article.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any, NamedTuple

import pandas as pd
import pytest

from expectations.attestations import asked_for
from expectations.consent import no_grounds, reconcile
from expectations.deadlines import deadline_of
from expectations.facts import Facts
from expectations.filing import filing_clocks
from expectations.policy import load_policy, policy_names
from expectations.retention import kept_too_short, retention_clocks
from expectations.safeguards import forbidden_findings
from expectations.threshold import line_findings, people_of, verdict_of

ZONE = "Asia/Shanghai"
COLUMNS = ["store", "kind", "zone", "public_place", "venue", "country", "purpose", "min_days", "max_days"]


class Row(NamedTuple):
    """One scenario: what is asked of which policy, by which article, and the answer."""

    policy: str
    article: str
    asked: Callable[..., Any]
    given: dict[str, Any]
    answer: Any


def store(**changes: Any) -> pd.DataFrame:
    base = {"store": "cam", "kind": "objects", "zone": "hall", "public_place": False, "venue": "", "country": ""}
    return pd.DataFrame([{**base, "purpose": "door", "min_days": 0, "max_days": None, **changes}], columns=COLUMNS)


def facts(**tables: Any) -> Facts:
    empty = dict.fromkeys(("objects", "faces", "subjects", "consents", "census", "coverage"), pd.DataFrame())
    return Facts(**{**empty, "stores": store(), **tables}).checked()


def noon(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, 4, tzinfo=UTC)


def objects(day: date | None, faces: int = 1) -> pd.DataFrame:
    row = {"store": "cam", "uri": "a.jpg", "captured_at": day and noon(day), "status": "scanned", "faces": faces}
    return pd.DataFrame([{**row, "subject_ref": None}])


def subjects(data_class: str, last: date | None, stored: date) -> pd.DataFrame:
    row = {"store": "db", "table": "people", "subject_ref": "p", "data_class": data_class, "purpose": "door"}
    times = {"stored_at": noon(stored), "last_interaction_at": last and noon(last), "minor": None, "born_on": None}
    return pd.DataFrame([row | times])


def census(low: int, high: int, **more: Any) -> pd.DataFrame:
    return pd.DataFrame([{"scope": "all", "scope_name": "", "people_low": low, "people_high": high, **more}])


# -- what is asked -----------------------------------------------------------------------------------------------------


def verdict(policy: str, low: int, high: int | None = None, **more: Any) -> str | None:
    rules, day = load_policy(policy), date(2026, 5, 4)
    known = facts(census=census(low, low if high is None else high, **more))
    return verdict_of(people_of(known, rules, rules.threshold, day), rules)


def lines(policy: str, low: int, day: date = date(2026, 5, 4)) -> list[str]:
    rules, known = load_policy(policy), facts(census=census(low, low, with_template=low))
    found = line_findings(known, people_of(known, rules, rules.threshold, day), rules, day, running=False)
    return [place.rpartition("\x1f")[2] for place in found["place"]]


def due(policy: str, start: date, kind: Any = "filing") -> date:
    return deadline_of(load_policy(policy), kind, start).due_on


def clocks(policy: str, low: int, day: date, **of_store: Any) -> list[tuple[str, date | None]]:
    known = facts(stores=store(**of_store), objects=objects(day), census=census(low, low))
    rules = load_policy(policy)
    found = filing_clocks(known, people_of(known, rules, rules.threshold, day), rules, day)
    return [(clock.rule, clock.due_on) for clock in found]


def picture(policy: str, age: int, day: date = date(2026, 5, 4), **of_store: Any) -> str:
    known = facts(stores=store(**of_store), objects=objects(day - timedelta(days=age)))
    return str(retention_clocks(known, load_policy(policy), day)["state"].iloc[0])


def record(policy: str, last: date, day: date, data_class: str = "template", ended: date | None = None) -> str:
    of_store = store(store="db", kind="database")
    ends = {"door": ended} if ended else {}
    known = facts(stores=of_store, subjects=subjects(data_class, last, last), ended_purposes=ends)
    return str(retention_clocks(known, load_policy(policy), day)["state"].iloc[0])


def deleted(policy: str, age: int, **of_store: Any) -> int:
    day = date(2026, 5, 4)
    gone = pd.DataFrame([{"store": "cam", "uri": "a", "captured_at": noon(day - timedelta(days=age)), "gone_on": day}])
    return len(kept_too_short(facts(stores=store(**of_store), gone=gone), load_policy(policy), day))


def consent(policy: str, kind: str, *, born: date | None = None, granted: date = date(2025, 1, 1), **more: Any) -> str:
    given = {"subject_ref": "p", "purpose": "door", "kind": kind, "granted_at": noon(granted), "registry": "r"}
    blank = dict.fromkeys(("withdrawn_at", "expires_at", "bundled", "unlimited"))
    row = {**given, **blank, "guardian": kind == "guardian", **more}
    held = subjects("template", None, date(2025, 1, 1)).assign(born_on=born)
    known = facts(subjects=held, consents=pd.DataFrame([row]), stores=store(store="db", kind="database"))
    rules = load_policy(policy)
    states = reconcile(known.subjects, known.consents, no_grounds(), rules, date(2026, 5, 4), ZONE).states
    return str(states["consent_state"].iloc[0])


def asked(policy: str, people: int = 100, day: date = date(2026, 5, 4), **of_store: Any) -> set[str]:
    found = asked_for(facts(stores=store(**of_store)), (people, people), load_policy(policy), day)
    return {one.name for one in found}


def forbidden(policy: str, venue: str) -> int:
    known = facts(stores=store(venue=venue), objects=objects(date(2026, 5, 1)))
    return len(forbidden_findings(known, load_policy(policy), date(2026, 5, 4)))


def counts(policy: str) -> set[str]:
    return set(load_policy(policy).facial_data.counts)


D, M, V, X, P = "cn-draft-2023", "cn-measures-2025", "cn-video-799", "cn-export-2024", "cn-pipl"
DAY = date(2026, 5, 4)
MAY = date(2026, 5, 4)

ROWS = [
    # 2023 draft, Art. 16: more than 10,000, or a public place; 30 working days
    Row(D, "2023 draft, Art. 16", verdict, {"low": 10_000}, "below"),
    Row(D, "2023 draft, Art. 16", verdict, {"low": 10_001}, "above"),
    Row(D, "2023 draft, Art. 16", verdict, {"low": 9_000, "high": 10_001}, "undetermined"),
    Row(D, "2023 draft, Art. 16", due, {"start": date(2025, 6, 1)}, date(2025, 7, 14)),
    Row(D, "2023 draft, Art. 16", clocks, {"low": 5, "day": date(2025, 6, 1), "public_place": True},
        [("public_place_filing", date(2025, 7, 14))]),
    Row(D, "2023 draft, Art. 16", clocks, {"low": 5, "day": date(2025, 6, 1)}, []),
    Row(D, "2023 draft, Art. 5", consent, {"kind": "separate"}, "consented"),
    Row(D, "2023 draft, Art. 5", consent, {"kind": "general"}, "no_recorded_ground"),
    Row(D, "2023 draft, Art. 13", consent, {"kind": "separate", "born": date(2012, 5, 5)}, "minor_without_guardian"),
    Row(D, "2023 draft, Art. 13", consent, {"kind": "separate", "born": date(2012, 5, 4)}, "consented"),
    Row(D, "2023 draft, Art. 13", consent, {"kind": "guardian", "born": date(2020, 1, 1)}, "consented"),
    Row(D, "2023 draft, Art. 6", forbidden, {"venue": "hotel_room"}, 1),
    Row(D, "2023 draft, Art. 6", forbidden, {"venue": "hotel"}, 0),
    Row(D, "2023 draft, Art. 9", asked, {"venue": "museum"}, {"impact_assessment", "device_test", "no_forced_use"}),
    Row(D, "2023 draft, Art. 14", asked, {"venue": "residential"}, {"impact_assessment", "device_test", "other_means"}),
    Row(D, "2023 draft, Art. 7", asked, {"public_place": True},
        {"impact_assessment", "device_test", "sign_and_necessity", "confidentiality"}),
    Row(D, "2023 draft, Art. 19", asked, {}, {"impact_assessment", "device_test"}),
    # Measures of 2025, Art. 15: 100,000 or more; only the count; the transition's day
    Row(M, "Measures (Order 19) Art. 15", verdict, {"low": 99_999}, "below"),
    Row(M, "Measures (Order 19) Art. 15", verdict, {"low": 100_000}, "above"),
    Row(M, "Measures (Order 19) Art. 15", due, {"start": date(2025, 6, 1)}, date(2025, 7, 14)),
    Row(M, "Measures (Order 19) Art. 15", due, {"start": date(2024, 3, 1)}, date(2025, 7, 14)),
    Row(M, "Measures (Order 19) Art. 15", due, {"start": date(2025, 6, 1), "kind": "change"}, date(2025, 7, 14)),
    Row(M, "Measures (Order 19) Art. 15", due, {"start": date(2025, 6, 1), "kind": "end"}, date(2025, 7, 14)),
    # over the holidays of the October of 2025, with its make-up Sunday and Saturday
    Row(M, "Measures (Order 19) Art. 15", due, {"start": date(2025, 9, 19)}, date(2025, 11, 6)),
    Row(M, "Measures (Order 19) Art. 15", clocks, {"low": 5, "day": date(2025, 6, 3), "public_place": True}, []),
    Row(M, "Measures (Order 19) Art. 6", consent, {"kind": "written"}, "consented"),
    Row(M, "Measures (Order 19) Art. 7", consent, {"kind": "separate", "born": date(2015, 1, 1)},
        "minor_without_guardian"),
    Row(M, "Measures (Order 19) Art. 13", forbidden, {"venue": "toilet"}, 1),
    Row(M, "Measures (Order 19) Art. 9", asked, {}, {"impact_assessment", "notice", "on_device"}),
    Row(M, "Measures (Order 19) Art. 10", asked, {"venue": "bank"},
        {"impact_assessment", "notice", "on_device", "other_means"}),
    Row(M, "SPC provisions of 2021, Art. 4 and 11", consent, {"kind": "separate", "bundled": True},
        "bundled_or_unlimited"),
    Row(M, "SPC provisions of 2021, Art. 4 and 11", consent, {"kind": "separate", "unlimited": True},
        "bundled_or_unlimited"),
    # Order 799: 30 days at least, filing within 30 days, systems before it by 30 June 2025; and the laws beside it
    Row(V, "Order 799 Art. 17", deleted, {"age": 29, "public_place": True}, 1),
    Row(V, "Order 799 Art. 17", deleted, {"age": 31, "public_place": True}, 0),
    Row(V, "Order 799 Art. 17", deleted, {"age": 3}, 0),
    Row(V, "Order 799 Art. 17", picture, {"age": 20, "public_place": True, "max_days": 10}, "hold"),
    Row(V, "Order 799 Art. 17", picture, {"age": 31, "public_place": True, "max_days": 10}, "overdue"),
    Row(V, "Counter-Terrorism Law Art. 32", deleted, {"age": 89, "venue": "key_target"}, 1),
    Row(V, "Counter-Terrorism Law Art. 32", deleted, {"age": 91, "venue": "key_target"}, 0),
    Row(V, "Entertainment Venues Regulations Art. 15", deleted, {"age": 10, "venue": "entertainment"}, 1),
    Row(V, "Order 799 Art. 14", due, {"start": date(2025, 5, 1)}, date(2025, 5, 31)),
    Row(V, "Order 799 Art. 14", due, {"start": date(2024, 5, 1)}, date(2025, 6, 30)),
    Row(V, "Order 799 Art. 8", forbidden, {"venue": "fitting_room"}, 1),
    Row(V, "Order 799 Art. 13", asked, {"public_place": True}, {"sign", "register_of_views"}),
    # export: 10,000 people in a year
    Row(X, "CAC Order 16 Art. 8", asked, {}, {"export_contract"}),
    # PIPL
    Row(P, "PIPL Art. 52", lines, {"low": 999_999}, []),
    Row(P, "PIPL Art. 52", lines, {"low": 1_000_000}, ["officer"]),
    Row(P, "PIPL Art. 54; Audit Measures of 2025", lines, {"low": 10_000_001}, ["officer", "audit"]),
    Row(P, "PIPL Art. 54; Audit Measures of 2025", lines, {"low": 10_000_001, "day": date(2025, 4, 30)}, ["officer"]),
    Row(P, "PIPL Art. 29", consent, {"kind": "separate"}, "consented"),
    Row(P, "PIPL Art. 31", consent, {"kind": "written", "born": date(2013, 1, 1)}, "minor_without_guardian"),
    Row(P, "PIPL Art. 15 and 47", consent, {"kind": "separate", "withdrawn_at": noon(date(2026, 1, 1))},
        "withdrawn_still_stored"),
    Row(P, "PIPL Art. 47", record, {"last": MAY, "day": MAY, "ended": date(2026, 5, 3)}, "overdue"),
    Row(P, "PIPL Art. 47", record, {"last": MAY, "day": MAY, "ended": MAY}, "ok"),
    Row(P, "PIPL Art. 26", asked, {"public_place": True}, {"impact_assessment", "sign_and_necessity"}),
    # GDPR, EDPB, member states
    Row("eu-gdpr", "EDPB Guidelines 3/2019, para. 121", picture, {"age": 3}, "ok"),
    Row("eu-gdpr", "EDPB Guidelines 3/2019, para. 121", picture, {"age": 4}, "needs_reason"),
    Row("eu-gdpr", "CNPD guidance on video surveillance", picture, {"age": 30, "country": "LU"}, "needs_reason"),
    Row("eu-gdpr", "CNPD guidance on video surveillance", picture, {"age": 31, "country": "LU"}, "overdue"),
    Row("eu-gdpr", "CNIL practice", picture, {"age": 30, "country": "FR"}, "needs_reason"),
    Row("eu-gdpr", "CNIL practice", picture, {"age": 31, "country": "FR"}, "overdue"),
    Row("eu-gdpr", "CNIL practice", picture, {"age": 31, "country": "DE"}, "needs_reason"),
    Row("eu-gdpr", "GDPR Art. 9(2)(a)", consent, {"kind": "explicit"}, "consented"),
    Row("eu-gdpr", "GDPR Art. 7", consent, {"kind": "explicit", "bundled": True}, "bundled_or_unlimited"),
    Row("eu-gdpr", "GDPR Art. 35(3)(b) and (c)", asked, {},
        {"impact_assessment", "record_of_processing", "provenance"}),
    Row("eu-gdpr", "AI Act Art. 5(1)(e)", asked, {"day": date(2025, 2, 1)},
        {"impact_assessment", "record_of_processing"}),
    Row("eu-gdpr", "GDPR Art. 4(14), Recital 51", counts, {}, {"image", "template"}),
    # United States and Quebec
    Row("us-il-bipa", "740 ILCS 14/15(a)", record, {"last": date(2023, 5, 4), "day": MAY}, "ok"),
    Row("us-il-bipa", "740 ILCS 14/15(a)", record, {"last": date(2023, 5, 3), "day": MAY}, "overdue"),
    Row("us-il-bipa", "740 ILCS 14/15(a)", record, {"last": date(2024, 2, 29), "day": date(2027, 3, 1)}, "overdue"),
    Row("us-il-bipa", "740 ILCS 14/15(b)", consent, {"kind": "written"}, "consented"),
    Row("us-il-bipa", "740 ILCS 14/15(b)", consent, {"kind": "written", "granted": date(2025, 1, 2)},
        "no_recorded_ground"),
    Row("us-il-bipa", "740 ILCS 14/10", counts, {}, {"template"}),
    Row("us-tx-cubi", "503.001(c)(3)", record, {"last": MAY, "day": MAY, "ended": date(2025, 5, 4)}, "ok"),
    Row("us-tx-cubi", "503.001(c)(3)", record, {"last": MAY, "day": MAY, "ended": date(2025, 5, 3)}, "overdue"),
    Row("us-tx-cubi", "503.001(c)(3)", record, {"last": MAY, "day": date(2025, 3, 1), "ended": date(2024, 2, 29)},
        "overdue"),
    Row("us-co", "C.R.S. 6-1-1314(2)", record, {"last": date(2024, 5, 4), "day": MAY}, "ok"),
    Row("us-co", "C.R.S. 6-1-1314(2)", record, {"last": date(2024, 5, 3), "day": MAY}, "overdue"),
    Row("us-co", "C.R.S. 6-1-1314(2)", asked, {}, {"yearly_review", "public_policy"}),
    Row("us-doj-bulk", "28 CFR 202.205(b)", verdict, {"low": 0, "high": 9_999, "with_template": 1_000}, "below"),
    Row("us-doj-bulk", "28 CFR 202.205(b)", verdict, {"low": 0, "high": 9_999, "with_template": 1_001}, "above"),
    Row("ca-qc", "LCCJTI s. 44", record, {"last": MAY, "day": MAY, "ended": date(2026, 5, 3)}, "overdue"),
    Row("ca-qc", "LCCJTI s. 44", consent, {"kind": "explicit"}, "consented"),
    Row("ca-qc", "LCCJTI s. 45", asked, {}, {"declaration"}),
    # Korea and India
    Row("kr", "Standard Guideline Art. 41", picture, {"age": 30}, "ok"),
    Row("kr", "Standard Guideline Art. 41", picture, {"age": 31}, "overdue"),
    Row("kr", "Standard Guideline Art. 41", picture, {"age": 31, "max_days": 60}, "ok"),
    Row("in-dpdp", "DPDP Rules 2025, Rule 8(3)", picture,
        {"age": 364, "day": date(2027, 6, 1), "max_days": 30}, "hold"),
    Row("in-dpdp", "DPDP Rules 2025, Rule 8(3)", picture,
        {"age": 367, "day": date(2027, 6, 1), "max_days": 30}, "overdue"),
    Row("in-dpdp", "DPDP Rules 2025, Rule 8(3)", picture, {"age": 364, "max_days": 30}, "overdue"),
]  # fmt: skip


@pytest.mark.parametrize("row", ROWS, ids=[f"{n}-{row.policy}-{row.asked.__name__}" for n, row in enumerate(ROWS)])
def test_the_law_is_judged_as_it_reads(row: Row) -> None:
    given = row.given if row.asked is not counts else {}
    assert row.asked(row.policy, **given) == row.answer


def test_there_are_enough_rows_and_each_cites_an_article_of_its_policy_that_has_a_source() -> None:
    assert len(ROWS) >= 60
    assert {row.policy for row in ROWS} == set(policy_names()) - {"custom"}
    for row in ROWS:
        cited = [rule for rule in load_policy(row.policy).rules().values() if rule.article == row.article]
        assert cited, row.article
        assert all(rule.sources for rule in cited), row.article


@pytest.mark.parametrize(("sizes", "answer"), [((6_000, 3_999), "below"), ((6_000, 4_000), "undetermined"),
                                               ((10_000, 1), "above")])  # fmt: skip
def test_people_abroad_are_at_least_the_largest_store_and_at_most_the_sum(sizes: tuple[int, int], answer: str) -> None:
    stores = pd.concat([store(store=f"s{n}", country="SG") for n in range(2)] + [store(country="CN")])
    rows = [census(n, n).assign(scope="store", scope_name=f"s{i}") for i, n in enumerate(sizes)]
    at_home = census(9_999_999, 9_999_999).assign(scope="store", scope_name="cam")
    known = facts(stores=stores, census=pd.concat([*rows, at_home, census(9_999_999, 9_999_999)]))
    rules = load_policy(X)
    assert verdict_of(people_of(known, rules, rules.threshold, DAY), rules) == answer
