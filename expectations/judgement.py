"""The judgement of one night: facts and a policy in, findings, verdict and running clocks out. Opens no image."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import pandas as pd

from expectations.consent import HELD, count_states, reconcile
from expectations.consent_findings import consent_findings
from expectations.consent_registry import ENDS_CHECK, KINDS_CHECK, registry_counts, registry_rows
from expectations.coverage import coverage_findings, coverage_shares
from expectations.errors import GateBroken
from expectations.facts import Facts
from expectations.findings import build_findings, make_part
from expectations.policy import Policy, Verdict
from expectations.retention import retention_clocks, retention_findings, retention_table
from expectations.suite import STATE_CHECKS, run_gate
from expectations.threshold import THRESHOLD_RULE, WARNING_RULE, filing_clocks, filing_findings, head_count, verdict_of
from expectations.undeclared import undeclared_findings

__all__ = ["Facts", "Judgement", "held_rows", "judge"]


@dataclass(frozen=True, eq=False, repr=False)
class Judgement:
    """What the facts of one day are under one policy. Its ``repr`` shows counts only.

    Attributes:
        findings: the evidence table ``findings``.
        verdict: below, above or undetermined (also when nobody was counted).
        threshold: the number of people of the line.
        rule: name of the policy that draws it.
        filing: running clocks: rule, policy, article, crossed_on, due_on, days_left, working_days_left, why.
        consent_states: purpose, state, people: a row for each state of each purpose.
        nothing_stored: purpose to the people who consented to it and of whom nothing is held for it.
        retention: store, kind, held, oldest, overdue, undated, max_days: a row for each store.
        checks: what Great Expectations counted: check, expectation, success, evaluated, unexpected.
        unlinked: store to the number of its faces that are linked to no person's record, where there are any.
    """

    findings: pd.DataFrame
    verdict: Verdict
    threshold: int
    rule: str
    filing: list[dict[str, Any]]
    consent_states: pd.DataFrame
    nothing_stored: dict[str, int]
    retention: pd.DataFrame
    checks: list[dict[str, Any]]
    unlinked: dict[str, int]

    def __repr__(self) -> str:
        return f"Judgement({self.rule}, {self.verdict}, findings={len(self.findings)}, clocks={len(self.filing)})"


def judge(facts: Facts, policy: Policy, as_of: date) -> Judgement:
    """Judge the facts by the policy for one day.

    Raises:
        BadFacts: a table lacks what the judge reads.
        GateBroken: a check was not evaluated in full, or its count is not that of the findings.
    """
    facts = facts.checked()
    people = head_count(facts.census)
    held = held_rows(facts)
    reconciled = reconcile(held, facts.consents, facts.grounds, policy, as_of, facts.timezone)
    clocks = retention_clocks(facts, as_of)
    shares = coverage_shares(facts.coverage)
    filing = filing_clocks(facts, people, policy, as_of)
    unlinked = _unlinked(facts)
    parts = {
        "consent": consent_findings(reconciled, held, policy, as_of),
        "retention": retention_findings(clocks, policy, as_of),
        "head-count": filing_findings(filing, people, policy, as_of),
        "coverage": coverage_findings(shares, facts.coverage_floor, policy, as_of),
        "unlinked": _unlinked_part(unlinked, policy),
        "columns": undeclared_findings(facts.columns),
    }
    registry = registry_rows(facts.consents)
    frames = {
        "consent": reconciled.states,
        **dict.fromkeys(STATE_CHECKS, reconciled.states),
        KINDS_CHECK: registry,
        ENDS_CHECK: registry,
        "retention": clocks.dropna(subset=["overdue_days"]),
        "coverage": shares,
    }
    if people:
        frames["head-count"] = pd.DataFrame({"people_high": [people[1]]})
    checks = run_gate(frames, policy, facts.coverage_floor)
    verdict = verdict_of(people, policy)
    _agree(checks, parts, registry_counts(facts.consents, policy), verdict)
    return Judgement(
        findings=build_findings(list(parts.values()), policy.name, as_of, facts.history),
        verdict=verdict,
        threshold=policy.threshold.people,
        rule=policy.name,
        filing=[clock.entry() for clock in filing],
        consent_states=count_states(reconciled.states),
        nothing_stored=reconciled.nothing_stored,
        retention=retention_table(clocks, facts.stores),
        checks=checks,
        unlinked=unlinked,
    )


def held_rows(facts: Facts) -> pd.DataFrame:
    """Give what is held of whom and for what: records of databases, and pictures that are filed under a person.

    Returns:
        The columns ``HELD``, and ``uri`` of the picture, empty for a record.
    """
    kinds = facts.stores.set_index("store")["kind"]
    faces = facts.faces[facts.faces["subject_ref"].notna() & (facts.faces["store"].map(kinds) == "objects")]
    pictures = faces[["store", "uri", "subject_ref"]].merge(
        facts.objects[["store", "uri", "captured_at"]].drop_duplicates(["store", "uri"]),
        on=["store", "uri"],
        how="left",
    )
    linked = pd.DataFrame(
        {
            "store": pictures["store"],
            "table": "",
            "uri": pictures["uri"],
            "subject_ref": pictures["subject_ref"],
            "data_class": "image",
            "purpose": pictures["store"].map(facts.stores.set_index("store")["purpose"]).fillna(""),
            "stored_at": pictures["captured_at"],
            "minor": None,
            "born_on": None,
        }
    )
    subjects = facts.subjects[list(HELD)].assign(uri="")
    parts = [part for part in (subjects, linked) if len(part)]
    return pd.concat(parts, ignore_index=True) if parts else subjects


def _unlinked(facts: Facts) -> dict[str, int]:
    counts = facts.faces[facts.faces["subject_ref"].isna()].groupby("store").size()
    return {str(store): int(n) for store, n in counts.items()}


def _unlinked_part(unlinked: Mapping[str, int], policy: Policy) -> pd.DataFrame:
    stores = pd.Series(list(unlinked), dtype="str")
    because = [
        f"Faces here that are linked to no person's record: {n:,}. No recorded ground can be looked up for them."
        for n in unlinked.values()
    ]
    return make_part(
        {
            "rule": "unlinked_faces",
            "article": policy.consent.article,
            "severity": "medium",
            "store": stores,
            "because": pd.Series(because, dtype="str"),
            "place": stores,
        },
        len(unlinked),
    )


def _agree(
    checks: list[dict[str, Any]], parts: Mapping[str, pd.DataFrame], registry: Mapping[str, int], verdict: Verdict
) -> None:
    """Hold the counts of the gate against those of the findings: two ways to one number, or nothing is reported."""
    by_state = parts["consent"]["rule"].value_counts()
    found = {
        "consent": len(parts["consent"]),
        **{name: int(by_state.get(state, 0)) for name, state in STATE_CHECKS.items()},
        **registry,
        "retention": int((parts["retention"]["rule"] == "retention_overdue").sum()),
        "head-count": int(parts["head-count"]["rule"].isin([THRESHOLD_RULE, WARNING_RULE]).any()),
        "coverage": len(parts["coverage"]),
    }
    for check in checks:
        name, unexpected = check["check"], check["unexpected"]
        # A clock that started on an earlier night goes on although today's count lies below the line.
        still_running = name == "head-count" and verdict == "below"
        if unexpected != found[name] and not (still_running and unexpected == 0):
            raise GateBroken(name, f"the gate counted {unexpected}, the findings are {found[name]}")
